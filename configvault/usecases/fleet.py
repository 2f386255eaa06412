"""Look at many hosts through their replicas: the latest snapshot of each, and how they differ. Nothing is changed.

Of each host the latest snapshot alone is fetched, into a small repository of its own in a folder that the caller names.
A host that cannot be looked at is part of the answer.
"""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Protocol

from configvault.core import compare
from configvault.core.errors import ConfigvaultError, UnknownReferenceError
from configvault.core.frozen import field, frozen
from configvault.core.model import Change, Entry, Folder, Snapshot
from configvault.core.replicas import Glance
from configvault.vault.git import Git
from configvault.vault.repository import Vault

AT_ONCE = 8
# Files and folders of one host; what many hosts have is small, and a tree that holds itself is not.
MOST_ENTRIES = 200_000


class FleetReplica(Protocol):
    """A replica of one host."""

    @property
    def name(self) -> str:
        """Return its URL without secrets."""
        ...

    @property
    def key(self) -> str:
        """Return a name for files about it."""
        ...

    def glance(self) -> Glance | None:
        """Return what it says of the latest snapshot without fetching it; None where it says nothing."""
        ...

    def peek(self, git: Git) -> None:
        """Fetch the latest snapshot and its marks into the repository of `git`."""
        ...


@frozen
class Member:
    """One host: its latest snapshot and that one's state, or why it could not be looked at."""

    host: str
    url: str
    snapshot: Snapshot | None = None
    state: Folder | None = None
    read: Callable[[str], bytes] = field(default=lambda _: b"", repr=False)
    trouble: str | None = None


@frozen
class Group:
    """Hosts whose states are equal; `changes` is how they differ from the largest group."""

    name: str
    hosts: tuple[str, ...]
    changes: tuple[Change, ...]


@frozen
class Version:
    """One content of a path, or its absence (None), and who has it."""

    entry: Entry | Folder | None
    hosts: tuple[str, ...]


def look(
    sources: Mapping[str, FleetReplica], place: str, environ: Mapping[str, str], at_once: int = AT_ONCE
) -> list[Member]:
    """Fetch the latest snapshot of each host into folders below `place`; what is there already is brought up to date."""
    with ThreadPoolExecutor(max(1, min(at_once, len(sources))), thread_name_prefix="fleet") as pool:
        return list(pool.map(lambda pair: _member(pair[0], pair[1], place, environ), sources.items()))


def _member(host: str, source: FleetReplica, place: str, environ: Mapping[str, str]) -> Member:
    vault = Vault(os.path.join(place, f"{host}-{source.key}.git"), environ)
    try:
        if not os.path.isdir(vault.path):
            vault.git.run(["init", "--quiet", "--bare", "--template=", "--initial-branch=main", vault.path])
        source.peek(vault.git)
        latest = vault.latest()
        if latest is None:
            return Member(host, source.name, trouble="it has no snapshots")
        return Member(host, source.name, latest, vault.tree(latest.tree, most=MOST_ENTRIES), _reader(vault))
    except ConfigvaultError as error:
        return Member(host, source.name, trouble=error.message)
    except OSError as error:
        return Member(host, source.name, trouble=f"{error.strerror or error}")
    finally:
        # A thousand hosts would be a thousand git children; whoever reads on starts one again.
        vault.close()


def _reader(vault: Vault) -> Callable[[str], bytes]:
    def read(blob: str) -> bytes:
        try:
            return vault.objects.read(blob)
        finally:
            vault.close()

    return read


def groups(members: Iterable[Member]) -> list[Group]:
    """Return hosts with equal states together, the largest group first."""
    by_tree: dict[str, list[Member]] = defaultdict(list)
    for member in members:
        if member.snapshot is not None:
            by_tree[member.snapshot.tree].append(member)
    ordered = sorted(by_tree.values(), key=lambda found: (-len(found), found[0].host))
    return [
        Group(
            _letters(number),
            tuple(member.host for member in found),
            compare.changes(ordered[0][0].state, _state(found[0])),
        )
        for number, found in enumerate(ordered)
    ]


def versions(members: Iterable[Member], path: str) -> list[Version]:
    """Return each content that `path` has anywhere, with who has it, the commonest first; its absence last."""
    wanted = path.strip("/")
    found: dict[str | None, list[str]] = defaultdict(list)
    entries: dict[str | None, Entry | Folder | None] = {}
    for member in members:
        if member.state is not None:
            entry = member.state.find(wanted)
            key = None if entry is None else entry.blob if isinstance(entry, Entry) else entry.id
            found[key].append(member.host)
            entries[key] = entry
    ordered = sorted(found, key=lambda key: (key is None, -len(found[key]), key))
    return [Version(entries[key], tuple(found[key])) for key in ordered]


def chosen(members: Iterable[Member], host: str) -> Member:
    """Return the member called `host`.

    Raises:
        UnknownReferenceError: there is none.
        ConfigvaultError: it could not be looked at.
    """
    for member in members:
        if member.host == host:
            if member.trouble is not None:
                raise ConfigvaultError(f"{host}: {member.trouble}", "configvault fleet status")
            return member
    raise UnknownReferenceError(f"no host is named {host!r}", "configvault fleet status")


def difference(old: Member, new: Member, paths: Iterable[str]) -> tuple[Change, ...]:
    """Return what differs from one host to another, everywhere or at `paths`."""
    wanted = [path.strip("/") for path in paths]
    return tuple(
        change
        for change in compare.changes(old.state, _state(new))
        if not wanted or any(change.path == path or change.path.startswith(f"{path}/") for path in wanted)
    )


def _state(member: Member) -> Folder:
    assert member.state is not None
    return member.state


def _letters(number: int) -> str:
    """Return A, B, ... Z, AA, AB, ..."""
    text = ""
    number += 1
    while number:
        number, rest = divmod(number - 1, 26)
        text = chr(ord("A") + rest) + text
    return text
