"""Look at one site from another thread than the one that records: for the page, the API, and whoever else reads on.

Each look opens the site anew and closes it again, so that between two looks no git child and no memory is kept, and
looks at once from several threads take turns.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterator, Sequence

from configvault.core.errors import UnknownReferenceError
from configvault.core.model import Change, RejectedState, Snapshot
from configvault.core.rendering.textdiff import file_diff
from configvault.core.secrets.redactor import Redactor
from configvault.core.timeline import Compared, Listed, Timeline, Wanted
from configvault.usecases import history, references
from configvault.usecases.history import Filter
from configvault.usecases.site import Site

MOST_FILES = 200
# The plugins and actors of so many entries are offered where no filter reads them all.
MOST_OFFERED = 200
BEFORE = "before"


class Browser:
    """The history of a site, as the web room's `Source` asks for it."""

    def __init__(self, open_site: Callable[[], Site]) -> None:
        """Take what opens the site; it is opened for each look."""
        self._open_site = open_site
        self._turn = threading.Lock()
        self._redactor: Redactor | None = None

    @contextlib.contextmanager
    def looking(self) -> Iterator[Site]:
        """Open the site for one look."""
        with self._turn:
            site = self._open_site()
            try:
                yield site
            finally:
                site.vault.close()

    def hide(self, text: str) -> str:
        """Return `text` without secrets."""
        if self._redactor is None:
            with self.looking() as site:
                self._redactor = Redactor(site.vault.redaction_key())
        return self._redactor.text(text)

    def timeline(self, wanted: Wanted) -> Timeline:
        """Return a page of what is on record, refused states among it.

        Raises:
            UsageError: a time cannot be read.
        """
        with self.looking() as site:
            if wanted == Wanted(page=wanted.page, per_page=wanted.per_page, only=wanted.only):
                return _newest(site, wanted)
            times = Filter(
                since=wanted.since or None, until=wanted.until or None, all=wanted.only != "snapshots"
            )
            found = history.listing(site, times)
        chosen = [one for one in found if _matches(one, wanted)]
        return _page(chosen, len(chosen), found, wanted)

    def snapshot(self, reference: str) -> tuple[Snapshot, tuple[Change, ...]]:
        """Return a snapshot and what it changed.

        Raises:
            UnknownReferenceError: there is none of that name.
        """
        with self.looking() as site:
            found = references.resolve(site, reference)
            return found, history.changes_of(site, found)

    def rejected(self, reference: str) -> tuple[RejectedState, tuple[Change, ...]]:
        """Return a refused state and how it differs from the snapshot before it; raises as `snapshot`."""
        with self.looking() as site:
            found = references.resolve_any(site, reference)
            if not isinstance(found, RejectedState):
                raise UnknownReferenceError(
                    f"{reference!r} is not a rejected state", "configvault rejected list"
                )
            return found, history.changes_of(site, found)

    def rejected_states(self) -> list[RejectedState]:
        """Return the refused states, newest first."""
        with self.looking() as site:
            return site.vault.rejected()

    def difference(self, old: str, new: str) -> Compared:
        """Compare two references, secrets hidden; `live` is what is in the root, `before` what `new` lies on.

        Raises:
            UnknownReferenceError: one of them names nothing.
        """
        with self.looking() as site, site.vault.stage() as stage:
            if old == BEFORE:
                old = _below(site, new)
            found = history.difference(site, old, None if new == history.LIVE else new, (), stage)
            hide = Redactor(site.vault.redaction_key()).both
            files = tuple(
                file_diff(change, found.read_old, found.read_new, hide) for change in found.changes[:MOST_FILES]
            )
        return Compared(found.old, found.new, files, max(0, len(found.changes) - MOST_FILES))


def _newest(site: Site, wanted: Wanted) -> Timeline:
    """Return a page of everything, reading no more of a long history than down to that page."""
    refused = site.vault.rejected() if wanted.only != "snapshots" else []
    total = len(refused) + (history.count(site) if wanted.only != "rejected" else 0)
    if wanted.only == "rejected":
        return _page(refused, total, refused, wanted)
    last = min(wanted.page, _pages(total, wanted)) * wanted.per_page
    found = history.listing(site, Filter(all=wanted.only != "snapshots", limit=max(last, MOST_OFFERED)))
    return _page(found, total, found, wanted)


def _page(chosen: Sequence[Listed], total: int, among: Sequence[Listed], wanted: Wanted) -> Timeline:
    """Return the page of `chosen` that is `wanted`; plugins and actors `among` these can be asked for."""
    pages = _pages(total, wanted)
    page = min(max(wanted.page, 1), pages)
    entries = chosen[(page - 1) * wanted.per_page : page * wanted.per_page]
    plugins = sorted({name for one in among for name in one.plugins})
    actors = sorted({one.actor.partition(" (")[0] for one in among})
    return Timeline(tuple(entries), total, page, pages, tuple(plugins), tuple(actors))


def _pages(total: int, wanted: Wanted) -> int:
    return max(1, -(-total // wanted.per_page))


def _below(site: Site, reference: str) -> str:
    commit = references.resolve_any(site, reference).commit
    below = site.vault.parent_of(commit)
    if below is None:
        raise UnknownReferenceError(f"nothing is before {reference!r}", "configvault list")
    # By its id it is found without reading all of the history, unless it was pruned.
    id_ = site.vault.at(below).id
    return id_ if site.vault.named(id_) is not None else below


def _matches(one: Listed, wanted: Wanted) -> bool:
    if wanted.only == "rejected" and isinstance(one, Snapshot):
        return False
    return (not wanted.plugin or wanted.plugin in one.plugins) and wanted.actor.lower() in one.actor.lower()
