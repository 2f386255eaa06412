"""Look back: which snapshots there are, what one holds, how two states differ. Nothing here takes a lock."""

from __future__ import annotations

import heapq
import itertools
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import TypeVar

from configvault.core import compare, times
from configvault.core.errors import IntegrityError, UnknownReferenceError, UsageError
from configvault.core.frozen import frozen
from configvault.core.model import METADATA_NAME, Change, Entry, RejectedState, Snapshot
from configvault.usecases import references, scan
from configvault.usecases.site import Site
from configvault.vault.refs import REJECTED, TAGS
from configvault.vault.stage import Stage

Listed = Snapshot | RejectedState
_T = TypeVar("_T")


@frozen
class Filter:
    """Which snapshots to list; times as people write them. `all` adds rejected states.

    `plugin` is one they touch, `actor` a part of who made them, `text` a part of a subject, a reason, an actor, a plugin's
    name or a changed path.
    """

    since: str | None = None
    until: str | None = None
    path: str | None = None
    limit: int | None = None
    good: bool = False
    all: bool = False
    plugin: str = ""
    actor: str = ""
    text: str = ""


def listing(site: Site, wanted: Filter) -> list[Listed]:
    """Return what `wanted` lets through, newest first; raises like `each`."""
    return list(each(site, wanted))


def each(site: Site, wanted: Filter) -> Iterator[Listed]:
    """Yield what `wanted` lets through, newest first. Costs what is newer than the last that is taken.

    Raises:
        UsageError: a time cannot be read.
    """
    since = _moment(site, wanted.since, end=False)
    until = _moment(site, wanted.until, end=True)
    return itertools.islice(_listed(site, wanted, since, until), wanted.limit)


def _listed(site: Site, wanted: Filter, since: datetime | None, until: datetime | None) -> Iterator[Listed]:
    older = [] if until is None else [f"--min-age={int(until.timestamp())}"]
    # git looks through the messages quicker than they can be read here; it may find the words elsewhere in them.
    words = [word for word in (wanted.plugin, wanted.actor) if word]
    older += ["-i", "-F", "--all-match", *(f"--grep={word}" for word in words)] if words else []
    found: Iterable[Listed]
    if wanted.good:
        found = _log(site, wanted.path) if wanted.path is not None else _good(site)
    elif wanted.text and wanted.path is None:
        found = _having(site, wanted, older)
    elif wanted.all:
        every = _with_rejected(site, older if wanted.path is None else [])
        found = (one for one in every if wanted.path is None or _touches(site, one, wanted.path))
    else:
        found = _log(site, wanted.path, *older)
    for one in found:
        if since is not None and _was_before(one, since):
            return
        inside = (since is None or one.taken_at >= since) and (until is None or one.taken_at <= until)
        if inside and (not wanted.good or (isinstance(one, Snapshot) and one.good)) and _concerns(one, wanted):
            yield one


def _having(site: Site, wanted: Filter, args: Sequence[str]) -> Iterator[Listed]:
    """Yield what has the text, newest first: in its message, or in the name of a path that it changed.

    Costs what git takes to look through the messages and the names down to the last that is taken.
    """
    # In git's patterns a bracket holds characters that are special elsewhere.
    name = re.sub(r"[][*?\\]", "?", wanted.text)
    said = site.vault.log(*args, "-i", "-F", f"--grep={wanted.text}")
    named = site.vault.log(*args, "--", f":(top,icase,glob)**/*{name}*", f":(top,icase,glob)**/*{name}*/**")
    newest_first = heapq.merge(said, named, key=lambda one: _age(one.id), reverse=True)
    snapshots = (next(same) for _, same in itertools.groupby(newest_first, key=lambda one: one.commit))
    if not wanted.all:
        yield from snapshots
        return
    rejected: Iterator[Listed] = (one for one in site.vault.each_rejected() if _has(site, one, wanted.text))
    every: Iterator[Listed] = iter(snapshots)
    yield from heapq.merge(every, rejected, key=lambda one: _age(one.id), reverse=True)


def _has(site: Site, one: RejectedState, text: str) -> bool:
    said = "\n".join((one.id, one.subject, one.actor, *one.plugins, *(found.path for found in one.findings)))
    return text.lower() in said.lower() or any(
        text.lower() in change.path.lower() for change in changes_of(site, one)
    )


def _concerns(one: Listed, wanted: Filter) -> bool:
    return (not wanted.plugin or wanted.plugin in one.plugins) and wanted.actor.lower() in one.actor.lower()


def _was_before(one: Listed, since: datetime) -> bool:
    """Return whether this and all that is older was taken before `since`.

    An id is never before the time of its state, and later than the ids of all that is older, even where the clock was
    wrong for a while. Its digits are of an unknown zone, but none is further than this from UTC.
    """
    digits = re.sub(r"\D", "", one.id)
    try:
        named = datetime.strptime(digits, "%Y%m%d%H%M%S").replace(tzinfo=UTC)
    except ValueError:
        return False
    return named + timedelta(hours=15) < since


def _good(site: Site) -> Iterator[Snapshot]:
    """Yield the good snapshots, newest first, also those that were rolled back. Costs those that are taken."""
    found = (site.vault.named(id_) for id_ in site.vault.marks().good)
    return (one for one in found if one is not None)


def _log(site: Site, path: str | None, *args: str) -> Iterator[Snapshot]:
    """Yield the snapshots newest first, only those that changed what is at `path` if one is given."""
    if path is None:
        return site.vault.log(*args)
    # A mode, an owner or an empty folder is in no tree but in the metadata file: whether it was this path's is
    # looked up for the few snapshots that changed that file.
    sure = _Newest(site.vault.log(*args, "--", f":(top,literal){path}"))
    places = [f":(top,literal){name}" for name in (path, METADATA_NAME)]
    every = site.vault.log(*args, "--", *places)
    return (one for one in every if sure.has(one) or _touches(site, one, path))


class _Newest:
    """Some of the snapshots, newest first, asked about in the same order: read no further than it takes to know."""

    def __init__(self, some: Iterator[Snapshot]) -> None:
        self._some = some
        self._next = next(some, None)

    def has(self, one: Snapshot) -> bool:
        """Return whether `one` is among them; what is newer was asked about before."""
        if self._next is None or self._next.commit != one.commit:
            return False
        self._next = next(self._some, None)
        return True


def _with_rejected(site: Site, args: Sequence[str] = ()) -> Iterator[Listed]:
    """Yield everything newest first. Costs what is taken of it."""
    return _merged(site, ((one.id, one) for one in site.vault.log(*args)))


def _merged(site: Site, snapshots: Iterable[tuple[str, _T]]) -> Iterator[_T | RejectedState]:
    """Yield `snapshots`, given with their ids, and each rejected state above the snapshot that was the latest then."""
    rejected = site.vault.each_rejected()
    following = next(rejected, None)
    for id_, one in snapshots:
        while following is not None and _lies_on(site, following) >= _age(id_):
            yield following
            following = next(rejected, None)
        yield one
    if following is not None:
        yield following
    yield from rejected


def _lies_on(site: Site, state: RejectedState) -> str:
    """Return the age of the snapshot that a rejected state lies on, or its own where that is gone."""
    try:
        return _age(site.vault.at(state.parent).id) if state.parent is not None else ""
    except IntegrityError:
        return _age(state.id)


def _age(id_: str) -> str:
    """Return the digits of an id, which grow from each snapshot to the next."""
    return id_.partition("_")[2]


def page(site: Site, first: int, last: int, *, snapshots: bool = True, rejected: bool = True) -> list[Listed]:
    """Return what a list of everything has from place `first` up to `last`, counted from 0, newest first.

    Costs the names of the snapshots down to there, the rejected states down to there, and what is returned.
    """
    named: Iterable[tuple[str, str]] = _named(site) if snapshots else ()
    if not rejected:
        return [site.vault.at(commit) for _, commit in itertools.islice(named, first, last)]
    merged = itertools.islice(_merged(site, ((id_, commit) for id_, commit in named)), first, last)
    return [site.vault.at(one) if isinstance(one, str) else one for one in merged]


def _named(site: Site) -> Iterator[tuple[str, str]]:
    """Yield id and commit of each snapshot, newest first."""
    latest = site.vault.latest()
    if latest is not None:
        # It may be without its tag where a writer was killed.
        yield latest.id, latest.commit
    for name, commit in site.vault.refs.newest(TAGS):
        id_ = name.removeprefix(TAGS)
        if latest is not None and id_ != latest.id and references.ID.fullmatch(id_):
            yield id_, commit


def count(site: Site) -> int:
    """Return how many snapshots there are, without reading one of them. Costs a pass over their names."""
    latest = site.vault.latest()
    if latest is None:
        return 0
    # The newest may be without its tag where a writer was killed.
    tagged = bool(site.vault.refs.present(TAGS, [latest.id]))
    return site.vault.refs.count(TAGS, references.ID.pattern) + (not tagged)


def count_rejected(site: Site) -> int:
    """Return how many refused states there are, without reading one of them. Costs a pass over their names."""
    return site.vault.refs.count(REJECTED, f"{times.REJECTED_PREFIX}[0-9]{{8}}_[0-9]{{6}}")


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
        live = scan.live(site, stage)
        after, name = live.state, LIVE
        read_new = live.read
    changes = tuple(c for c in compare.changes(before, after) if _within(c.path, paths))
    return Difference(first.id, name, changes, read, read_new)


def _within(path: str, paths: Sequence[str]) -> bool:
    wanted = [p.strip("/") for p in paths]
    return not wanted or any(p in ("", ".", path) or path.startswith(p + "/") for p in wanted)
