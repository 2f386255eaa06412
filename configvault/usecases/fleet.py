"""Look at many hosts through their replicas: the latest snapshot of each, and how they differ. Nothing is changed.

Of each host the latest snapshot alone is fetched, into a small repository of its own in a folder that the caller names.
A host that cannot be looked at is part of the answer.
"""

from __future__ import annotations

import contextlib
import os
import queue
import threading
import time
from collections import defaultdict, deque
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from typing import Protocol

from configvault.core import compare, units
from configvault.core.errors import ConfigvaultError, InternalError, UnknownReferenceError
from configvault.core.frozen import field, frozen
from configvault.core.model import Change, Entry, Folder, Snapshot
from configvault.core.replicas import Glance
from configvault.vault.git import Git
from configvault.vault.repository import Vault

AT_ONCE = 8
WITHIN_S = 600.0
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
    """One host: its latest snapshot and that one's state, or why it could not be looked at.

    There is no state where the replica was only asked, and no snapshot where it is encrypted; it was taken at `seen_at` then.
    """

    host: str
    url: str
    snapshot: Snapshot | None = None
    state: Folder | None = None
    read: Callable[[str], bytes] = field(default=lambda _: b"", repr=False)
    trouble: str | None = None
    seen_at: datetime | None = None


@frozen
class Group:
    """Hosts whose states are equal; `changes` is how they differ from the largest group, None where that was not fetched."""

    name: str
    hosts: tuple[str, ...]
    changes: tuple[Change, ...] | None


@frozen
class Version:
    """One content of a path, or its absence (None), and who has it."""

    entry: Entry | Folder | None
    hosts: tuple[str, ...]


def look(
    sources: Mapping[str, FleetReplica],
    place: str,
    environ: Mapping[str, str],
    at_once: int = AT_ONCE,
    *,
    glance: bool = False,
    within_s: float = WITHIN_S,
    progress: Callable[[int, int], None] | None = None,
) -> list[Member]:
    """Fetch the latest snapshot of each host into folders below `place`; what is there already is brought up to date.

    Args:
        sources: the replica of each host.
        place: where to.
        environ: what git inherits.
        at_once: how many hosts to ask at a time.
        glance: where a replica says of a snapshot what is asked without fetching it, fetch nothing.
        within_s: after this, who has not answered yet counts as not answering.
        progress: is told how many of how many have answered.
    """
    waiting = deque(sources.items())
    answers: queue.SimpleQueue[Member] = queue.SimpleQueue()

    def work() -> None:
        while True:
            try:
                host, source = waiting.popleft()
            except IndexError:
                return
            answers.put((glance and _glanced(host, source)) or _member(host, source, place, environ))

    # Daemons, and no pool: one that hangs is left behind, and does not keep the program from ending.
    for number in range(max(1, min(at_once, len(sources)))):
        threading.Thread(target=work, name=f"fleet-{number}", daemon=True).start()
    until_s = time.monotonic() + within_s
    found: dict[str, Member] = {}
    with contextlib.suppress(queue.Empty):
        while len(found) < len(sources):
            member = answers.get(timeout=max(until_s - time.monotonic(), 0.0))
            found[member.host] = member
            if progress is not None:
                progress(len(found), len(sources))
    waiting.clear()
    late = f"it did not answer within {units.duration_text(within_s)}"
    return [found.get(host) or Member(host, source.name, trouble=late) for host, source in sources.items()]


def _glanced(host: str, source: FleetReplica) -> Member | None:
    """Return what a replica says of a host without fetching anything, None where it says nothing."""
    try:
        seen = source.glance()
    except ConfigvaultError as error:
        return Member(host, source.name, trouble=error.message)
    except Exception as error:  # the boundary of this thread
        return Member(host, source.name, trouble=InternalError(error).message)
    if seen is None:
        return None
    if seen.id is None or seen.commit is None or seen.tree is None:
        return Member(host, source.name, seen_at=seen.taken_at)
    snapshot = Snapshot(seen.id, seen.commit, seen.tree, None, seen.taken_at, "", "", host, seen.subject)
    return Member(host, source.name, snapshot, seen_at=seen.taken_at)


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
            _differs(ordered[0], found),
        )
        for number, found in enumerate(ordered)
    ]


def _differs(first: list[Member], other: list[Member]) -> tuple[Change, ...] | None:
    """Return how a group differs from the first one."""
    if first is other:
        return ()
    states = [next((one.state for one in group if one.state is not None), None) for group in (first, other)]
    return compare.changes(states[0], states[1]) if states[0] is not None and states[1] is not None else None


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
