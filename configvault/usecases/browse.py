"""Look at one site from another thread than the one that records: for the page, the API, and whoever else reads on.

Each look opens the site anew and closes it again, so that between two looks no git child and no memory is kept, and
looks at once from several threads take turns.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from configvault.core import language
from configvault.core.errors import UnknownReferenceError
from configvault.core.model import Change, RejectedState, Snapshot
from configvault.core.rendering.textdiff import CONTEXT_LINES, file_diff
from configvault.core.secrets.redactor import Redactor
from configvault.core.timeline import (
    Beside,
    Compared,
    Day,
    FileShown,
    Listed,
    Listing,
    Matches,
    Timeline,
    Wanted,
)
from configvault.usecases import history, inside, references
from configvault.usecases import report as reports
from configvault.usecases.history import Filter
from configvault.usecases.site import Site
from configvault.usecases.titles import titles

MOST_FILES = 200
# The plugins and actors of so many entries are offered where no filter reads them all.
MOST_OFFERED = 100
BEFORE = "before"


class Browser:
    """The history of a site, as the web room's `SiteView` asks for it."""

    def __init__(self, open_site: Callable[[], Site]) -> None:
        """Take what opens the site; it is opened for each look."""
        self._open_site = open_site
        self._turn = threading.Lock()
        self._redactor: Redactor | None = None
        self._place: tuple[str, str] | None = None

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
            asked = Filter(
                since=wanted.since or None,
                until=wanted.until or None,
                all=wanted.only != "snapshots",
                plugin=wanted.plugin,
                actor=wanted.actor,
                path=wanted.path.strip("/") or None,
                text=wanted.text,
            )
            found = history.listing(site, asked)
            among = history.page(site, 0, MOST_OFFERED)
        chosen = [one for one in found if wanted.only != "rejected" or isinstance(one, RejectedState)]
        page, pages = _place(wanted, len(chosen))
        entries = chosen[(page - 1) * wanted.per_page : page * wanted.per_page]
        return Timeline(tuple(entries), len(chosen), page, pages, *_offered(among))

    def snapshot(self, reference: str) -> tuple[Snapshot, tuple[Change, ...]]:
        """Return a snapshot and what it changed.

        Raises:
            UnknownReferenceError: there is none of that name.
        """
        with self.looking() as site:
            found = references.resolve(site, reference)
            return found, history.changes_of(site, found)

    def titles(self, tree: str) -> dict[str, str]:
        """Return the names that people know plugins by, by their documents."""
        with self.looking() as site:
            return titles(site, tree)

    def rejected(self, reference: str) -> tuple[RejectedState, tuple[Change, ...]]:
        """Return a refused state and how it differs from the snapshot before it; raises as `snapshot`."""
        with self.looking() as site:
            found = references.resolve_any(site, reference)
            if not isinstance(found, RejectedState):
                raise UnknownReferenceError(
                    f"{reference!r} is not a rejected state", "configvault rejected list"
                )
            return found, history.changes_of(site, found)

    @property
    def language(self) -> str:
        """Return the language that the configuration names, English where it names none."""
        with self.looking() as site:
            return language.configured(site.settings.language)

    @property
    def place(self) -> tuple[str, str]:
        """Return the name of the host and the path of the root."""
        if self._place is None:
            with self.looking() as site:
                self._place = site.machine() or site.host, str(site.root.path)
        return self._place

    def beside(self, id_: str) -> Beside:
        """Return which ids are before and after one. Costs a look at their names."""
        with self.looking() as site:
            return inside.beside(site, id_)

    def days(self, count: int) -> tuple[Day, ...]:
        """Return how much happened on each of the last days, the oldest first."""
        with self.looking() as site:
            return inside.days(site, count)

    def report(self, since: str | None) -> dict[str, Any]:
        """Return the document of `configvault report --json`; raises UsageError."""
        with self.looking() as site:
            counted = reports.report(site, since)
            return reports.document(counted, titles(site) if counted.plugins else {})

    def folder_or_file(self, reference: str, path: str, *, blame: bool = False) -> Listing | FileShown:
        """Return what a state has at `path`, secrets hidden; with `blame` where each line of a file is from.

        Raises:
            UnknownReferenceError: there is no such state, or nothing there.
        """
        with self.looking() as site:
            hide = Redactor(site.vault.redaction_key()).text
            return inside.folder_or_file(site, references.resolve_any(site, reference), path, hide, blame=blame)

    def search(self, reference: str, text: str) -> Matches:
        """Return the lines of a state that have `text`, secrets hidden; raises as `snapshot`."""
        with self.looking() as site:
            hide = Redactor(site.vault.redaction_key()).text
            return inside.search(site, references.resolve_any(site, reference), text, hide)

    def fingerprint(self) -> str:
        """Return what changes whenever the history does, or what is said of it."""
        with self.looking() as site:
            return site.vault.refs.fingerprint()

    def difference(self, old: str, new: str, context: int = CONTEXT_LINES) -> Compared:
        """Compare two references, secrets hidden; `live` is what is in the root, `before` what `new` lies on.

        `context` lines that are the same are around each change.

        Raises:
            UnknownReferenceError: one of them names nothing.
        """
        with self.looking() as site, site.vault.stage() as stage:
            if old == BEFORE:
                old = _below(site, new)
            found = history.difference(site, old, None if new == history.LIVE else new, (), stage)
            hide = Redactor(site.vault.redaction_key()).both
            files = tuple(
                file_diff(change, found.read_old, found.read_new, hide, context)
                for change in found.changes[:MOST_FILES]
            )
        return Compared(found.old, found.new, files, max(0, len(found.changes) - MOST_FILES))


def _newest(site: Site, wanted: Wanted) -> Timeline:
    """Return a page of everything. Costs what is on it, and what is read for the choices, however long history is."""
    snapshots, rejected = wanted.only != "rejected", wanted.only != "snapshots"
    total = (history.count(site) if snapshots else 0) + (history.count_rejected(site) if rejected else 0)
    page, pages = _place(wanted, total)
    first, last = (page - 1) * wanted.per_page, page * wanted.per_page
    among = history.page(site, 0, MOST_OFFERED, snapshots=snapshots, rejected=rejected)
    if last <= MOST_OFFERED:
        entries = among[first:last]
    else:
        entries = history.page(site, first, last, snapshots=snapshots, rejected=rejected)
    return Timeline(tuple(entries), total, page, pages, *_offered(among))


def _offered(among: Sequence[Listed]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return the plugins and the actors that can be asked for."""
    plugins = sorted({name for one in among for name in one.plugins})
    return tuple(plugins), tuple(sorted({one.actor.partition(" (")[0] for one in among}))


def _place(wanted: Wanted, total: int) -> tuple[int, int]:
    """Return which page to show of entries that are so many in all, and how many pages there are."""
    pages = max(1, -(-total // wanted.per_page))
    return min(max(wanted.page, 1), pages), pages


def _below(site: Site, reference: str) -> str:
    commit = references.resolve_any(site, reference).commit
    below = site.vault.parent_of(commit)
    if below is None:
        raise UnknownReferenceError(f"nothing is before {reference!r}", "configvault list")
    # By its id it is found without reading all of the history, unless it was pruned.
    id_ = site.vault.at(below).id
    return id_ if site.vault.named(id_) is not None else below
