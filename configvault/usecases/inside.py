"""Look inside the states on record: their folders, their files line by line, what a day had, what is before and after."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from datetime import timedelta

from configvault.core.errors import IntegrityError, UnknownReferenceError
from configvault.core.model import Entry, Folder, Kind
from configvault.core.timeline import (
    Beside,
    Day,
    FileShown,
    Listed,
    Listing,
    Match,
    Matches,
    Origin,
    Row,
)
from configvault.usecases import references
from configvault.usecases.site import Site
from configvault.vault.refs import REJECTED, TAGS

# A browser has to lay all of it out; who wants more uses the command line.
MOST_ROWS = 2000
MOST_LINES = 20_000
MOST_BYTES = 4 * 1024 * 1024
MOST_SEARCHED_BYTES = 32 * 1024 * 1024
MOST_MATCHES = 200
# git looks through so many snapshots for where a line is from.
MOST_BLAMED = 1000

Hide = Callable[[str], str]


def beside(site: Site, id_: str) -> Beside:
    """Return the ids before and after one, of its own sort. Costs a look at the names of the loose refs."""
    prefix = REJECTED if id_.startswith("rejected_") else TAGS
    newer, name = None, id_
    while newer is None and (found := site.vault.refs.following(prefix, name)) is not None:
        name = found[0].removeprefix(prefix)
        newer = name if _is_id(name) else None
    names = (ref.removeprefix(prefix) for ref, _ in site.vault.refs.newest(prefix, id_))
    return Beside(newer, next((one for one in names if _is_id(one)), None))


def _is_id(name: str) -> bool:
    return references.ID.fullmatch(name) is not None or name.startswith("rejected_")


def days(site: Site, count: int) -> tuple[Day, ...]:
    """Return how many states each of the last `count` days has, the oldest first. Costs the names of those states."""
    today = site.now().date()
    first = today - timedelta(days=count - 1)
    tables = [Counter(_dates(site, prefix, f"{first:%Y%m%d}")) for prefix in (TAGS, REJECTED)]
    every = (first + timedelta(days=number) for number in range(count))
    return tuple(Day(day, *(table[f"{day:%Y%m%d}"] for table in tables)) for day in every)


def _dates(site: Site, prefix: str, first: str) -> Iterator[str]:
    """Yield the day of each state from `first` on, as its id has it."""
    for ref, _ in site.vault.refs.newest(prefix):
        _, _, digits = ref.rpartition("/")[2].partition("_")
        if digits[:8].isdigit():
            if digits[:8] < first:
                return
            yield digits[:8]


def folder_or_file(site: Site, one: Listed, path: str, hide: Hide, *, blame: bool) -> Listing | FileShown:
    """Return what a state has at `path`; raises UnknownReferenceError where that is nothing."""
    found = site.vault.tree(one.tree).find(path.strip("/"))
    if found is None:
        raise UnknownReferenceError(f"{path!r} is not in {one.id}", f"configvault show {one.id} --stat")
    if isinstance(found, Folder):
        return Listing(one.id, path.strip("/"), tuple(_rows(found)))
    return _file(site, one, path.strip("/"), found, hide, blame=blame)


def _rows(folder: Folder) -> Iterator[Row]:
    for name, entry in sorted(folder.entries.items())[:MOST_ROWS]:
        if isinstance(entry, Folder):
            yield Row(name, entry.mode, True, entry.count("file", "executable", "link"))
        else:
            yield Row(name, entry.mode, False, entry.size)


def _file(site: Site, one: Listed, path: str, entry: Entry, hide: Hide, *, blame: bool) -> FileShown:
    read = site.vault.objects.read
    if entry.kind is Kind.LINK:
        target = read(entry.blob).decode("utf-8", "surrogateescape")
        return FileShown(one.id, path, entry.mode, entry.size, (hide(target),), "link")
    if entry.size > MOST_BYTES:
        return FileShown(one.id, path, entry.mode, entry.size, reason="large")
    content = read(entry.blob)
    if b"\0" in content:
        return FileShown(one.id, path, entry.mode, entry.size, reason="binary")
    text = hide(content.decode("utf-8", "surrogateescape"))
    lines = text.removesuffix("\n").split("\n") if text else []
    if len(lines) > MOST_LINES:
        return FileShown(one.id, path, entry.mode, entry.size, reason="large")
    origins = tuple(_origins(site, one.commit, path)) if blame and lines else ()
    if len(origins) != len(lines):
        origins = ()
    return FileShown(one.id, path, entry.mode, entry.size, tuple(lines), origins=origins)


def _origins(site: Site, commit: str, path: str) -> Iterator[Origin | None]:
    """Yield where each line is from, as git sees it; no further back than `MOST_BLAMED` snapshots."""
    git = site.vault.git
    oldest = git.run(["rev-list", "--first-parent", f"--skip={MOST_BLAMED}", "--max-count=1", commit])
    edge = oldest.decode().strip()
    reach = f"{edge}..{commit}" if edge else commit
    known: dict[str, Origin | None] = {edge: None}
    for line in git.run(["blame", "--first-parent", "--porcelain", reach, "--", path]).split(b"\n"):
        words = line.split(b" ")
        if len(words) < 3 or len(words[0]) != 40 or line.startswith(b"\t"):
            continue
        made_by = words[0].decode()
        if made_by not in known:
            known[made_by] = _origin(site, made_by)
        yield known[made_by]


def _origin(site: Site, commit: str) -> Origin:
    try:
        one = site.vault.at(commit)
    except IntegrityError:
        # No snapshot, then: the rejected state itself.
        rejected = site.vault.rejected_at(commit)
        return Origin(rejected.id, rejected.actor, rejected.taken_at)
    return Origin(one.id, one.actor, one.taken_at)


def search(site: Site, one: Listed, text: str, hide: Hide) -> Matches:
    """Return the lines of a state that have `text`, upper and lower case alike; only in what is shown, never in a secret."""
    found: list[Match] = []
    left = MOST_SEARCHED_BYTES
    wanted = text.lower()
    for path, entry in site.vault.tree(one.tree).files():
        if entry.kind is not Kind.FILE or entry.size > MOST_BYTES:
            continue
        left -= entry.size
        if left < 0:
            return Matches(one.id, tuple(found), "bytes")
        raw = site.vault.objects.read(entry.blob).decode("utf-8", "surrogateescape")
        # To hide secrets costs most by far, and is not needed where there is nothing to show.
        if "\0" in raw or wanted not in raw.lower():
            continue
        for number, line in enumerate(hide(raw).split("\n"), 1):
            if wanted in line.lower():
                if len(found) == MOST_MATCHES:
                    return Matches(one.id, tuple(found), "lines")
                found.append(Match(path, number, line))
    return Matches(one.id, tuple(found))
