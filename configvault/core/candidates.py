"""A candidate: a state from outside that may become live, and where it came from."""

from __future__ import annotations

from configvault.core.frozen import frozen
from configvault.core.model import Entry, Folder, Kind

STANDARD_INPUT = "standard input"
"""The location of a candidate that was read from standard input."""


@frozen
class Source:
    """Where a candidate came from: `kind` is directory, tar, git or edit.

    `location` is a path or a URL without secrets, `commit` the git commit.
    """

    kind: str
    location: str
    commit: str | None = None

    def __str__(self) -> str:
        """Return it as it is written in a commit's trailer."""
        return f"{self.location} commit {self.commit}" if self.commit else self.location

    @classmethod
    def parse(cls, trailer: str) -> Source:
        """Return the source that a trailer names; its kind is `deployed` if there is no commit, as trailers hold no kind."""
        location, _, commit = trailer.rpartition(" commit ")
        return cls("git", location, commit) if location else cls("deployed", trailer)


@frozen
class Candidate:
    """A state from outside, with owners and modes as far as its source tells them.

    `left_out` has path and reason of what the source holds but no state can hold.
    """

    state: Folder
    source: Source
    left_out: tuple[tuple[str, str], ...] = ()


def adopt(offered: Folder, live: Folder, *, preserve: bool = False, keep_extra: bool = False) -> Folder:
    """Return `offered` with the owners and modes that it gets in the root.

    A path that is live keeps its owner and mode. A new one gets the owner of its folder and mode 0644, or 0755 if it is
    executable or a folder.

    Args:
        offered: the state from outside.
        live: the state of the root.
        preserve: take owners and modes as offered instead.
        keep_extra: keep live paths that are not offered.
    """
    attributes = offered.attributes[1:] if preserve else live.attributes[1:]
    return _folder(offered, live, attributes, preserve=preserve, keep_extra=keep_extra)


def _folder(
    offered: Folder, live: Folder | None, attributes: tuple[int, int, int], *, preserve: bool, keep_extra: bool
) -> Folder:
    _, uid, gid = attributes
    entries: dict[str, Entry | Folder] = {}
    for name, new in offered.entries.items():
        old = live.entries.get(name) if live is not None else None
        if isinstance(new, Folder):
            there = old if isinstance(old, Folder) else None
            own = new.attributes[1:] if preserve else there.attributes[1:] if there else (0o755, uid, gid)
            entries[name] = _folder(new, there, own, preserve=preserve, keep_extra=keep_extra)
        else:
            entries[name] = new if preserve else _entry(new, old, uid, gid)
    if keep_extra and live is not None:
        entries |= {name: old for name, old in live.entries.items() if name not in entries}
    is_same = live is not None and attributes == live.attributes[1:] and entries == live.entries
    return live if is_same and live is not None else Folder(*attributes, entries)


def _entry(new: Entry, old: Entry | Folder | None, uid: int, gid: int) -> Entry:
    if isinstance(old, Entry) and old.kind is new.kind:
        return new._replace(mode=old.mode, uid=old.uid, gid=old.gid)
    mode = 0o777 if new.kind is Kind.LINK else 0o755 if new.mode & 0o111 else 0o644
    return new._replace(mode=mode, uid=uid, gid=gid)
