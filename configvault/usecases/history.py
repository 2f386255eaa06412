"""Look back: which snapshots there are, what one holds, how two states differ. Nothing here takes a lock."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime

from configvault.core import compare, times
from configvault.core.errors import UnknownReferenceError, UsageError
from configvault.core.frozen import frozen
from configvault.core.model import METADATA_NAME, Change, Entry, RejectedState, Snapshot
from configvault.usecases import live as live_
from configvault.usecases import references
from configvault.usecases.site import Site
from configvault.vault.repository import TAGS
from configvault.vault.stage import Stage

Listed = Snapshot | RejectedState


@frozen
class Filter:
    """Which snapshots to list; times as people write them. `all` adds rejected states."""

    since: str | None = None
    until: str | None = None
    path: str | None = None
    limit: int | None = None
    good: bool = False
    all: bool = False


def listing(site: Site, wanted: Filter) -> list[Listed]:
    """Return what `wanted` lets through, newest first.

    Raises:
        UsageError: a time cannot be read.
    """
    since = _moment(site, wanted.since, end=False)
    until = _moment(site, wanted.until, end=True)
    plain = since is until is None and not wanted.good
    found: list[Listed]
    if wanted.all and not wanted.good:
        every = _with_rejected(site, wanted.limit if plain and wanted.path is None else None)
        found = [one for one in every if wanted.path is None or _touches(site, one, wanted.path)]
    else:
        log = _log(site, wanted.path, wanted.limit if plain else None)
        found = [snapshot for snapshot in log if snapshot.good or not wanted.good]
    if since is not None:
        found = [one for one in found if one.taken_at >= since]
    if until is not None:
        found = [one for one in found if one.taken_at <= until]
    return found[: wanted.limit]


def _log(site: Site, path: str | None, limit: int | None) -> Iterator[Snapshot]:
    """Yield the snapshots newest first, only those that changed what is at `path` if one is given."""
    if path is None:
        return site.vault.log(limit=limit)
    # A mode, an owner or an empty folder is in no tree but in the metadata file: whether it was this path's is
    # looked up for the few snapshots that changed that file.
    places = [f":(top,literal){name}" for name in (path, METADATA_NAME)]
    sure = {one.id for one in site.vault.log("--", places[0])}
    found = (one for one in site.vault.log("--", *places) if one.id in sure or _touches(site, one, path))
    return itertools.islice(found, limit)


def _with_rejected(site: Site, limit: int | None) -> Iterator[Listed]:
    """Yield everything newest first: a rejected state stands just above the snapshot that was the latest then.

    Of more than `limit` the first that many are right.
    """
    above: dict[str | None, list[RejectedState]] = {}
    for state in site.vault.rejected():
        above.setdefault(site.vault.parent_of(state.commit), []).append(state)
    for snapshot in site.vault.log(limit=limit):
        yield from above.pop(snapshot.commit, ())
        yield snapshot
    for states in above.values():
        yield from states


def count(site: Site) -> int:
    """Return how many snapshots there are, without reading one of them."""
    latest = site.vault.latest()
    if latest is None:
        return 0
    # The newest may be without its tag where a writer was killed.
    tagged = bool(site.vault.refs.present(TAGS, [latest.id]))
    return site.vault.refs.count(TAGS, references.ID.pattern) + (not tagged)


def _touches(site: Site, one: Listed, path: str) -> bool:
    return any(_within(change.path, [path]) for change in changes_of(site, one))


def _moment(site: Site, text: str | None, *, end: bool) -> datetime | None:
    if text is None:
        return None
    try:
        return times.parse_when(text, site.now(), end=end)
    except ValueError as error:
        raise UsageError(str(error), 'configvault list --since "2 days ago"') from None


def changes_of(site: Site, snapshot: Listed) -> tuple[Change, ...]:
    """Return what `snapshot` changed against the snapshot before it."""
    state = site.vault.tree(snapshot.tree)
    parent = site.vault.parent_of(snapshot.commit)
    before = site.vault.tree(site.vault.at(parent).tree, state) if parent else None
    return compare.changes(before, state)


def content(site: Site, snapshot: Listed, path: str) -> bytes:
    """Return the bytes of the file at `path`, or what a link there points at.

    Raises:
        UnknownReferenceError: no file has that path.
    """
    entry = site.vault.tree(snapshot.tree).find(path.strip("/"))
    if not isinstance(entry, Entry):
        what = (
            f"{path!r} is not in {snapshot.id}" if entry is None else f"{path!r} in {snapshot.id} is a folder"
        )
        raise UnknownReferenceError(what, f"configvault show {snapshot.id} --stat")
    return site.vault.objects.read(entry.blob)


@frozen
class Difference:
    """How two states differ, with what reads the bytes of either."""

    old: str
    new: str
    changes: tuple[Change, ...]
    read_old: Callable[[str], bytes]
    read_new: Callable[[str], bytes]


LIVE = "live"


def difference(site: Site, old: str | None, new: str | None, paths: Sequence[str], stage: Stage) -> Difference:
    """Compare two references, or one with live (None), at `paths` or everywhere.

    Args:
        site: what to look at.
        old: a reference; None for the latest snapshot.
        new: a reference; None for live.
        paths: files or folders, relative to the root; empty for all.
        stage: where live's bytes go.
    """
    first = references.resolve_any(site, old or "latest")
    second = references.resolve_any(site, new) if new is not None else None
    before = site.vault.tree(first.tree)
    read: Callable[[str], bytes] = site.vault.objects.read
    if second is not None:
        after, name = site.vault.tree(second.tree, before), second.id
        read_new = read
    else:
        live = live_.look(site, stage)
        after, name = live.state, LIVE
        read_new = live.read
    changes = tuple(c for c in compare.changes(before, after) if _within(c.path, paths))
    return Difference(first.id, name, changes, read, read_new)


def _within(path: str, paths: Sequence[str]) -> bool:
    wanted = [p.strip("/") for p in paths]
    return not wanted or any(p in ("", ".", path) or path.startswith(p + "/") for p in wanted)
