"""What is known of replicas: how hosts are named and laid out there, why a push failed, how far one is behind."""

from __future__ import annotations

import enum
import re
from datetime import datetime

from configvault.core.frozen import frozen
from configvault.core.pattern import pattern

HOST = "{host}"
# The schemes of object stores.
STORES = ("s3", "gs", "az", "file+bundle")
# Above them the same names as in a vault; below, those of one host in a repository that several share.
HEADS, TAGS, OTHERS = "refs/heads/", "refs/tags/", "refs/configvault/"
VAULTS = "refs/configvault/vaults/"

_NAME = pattern(r"[A-Za-z0-9_](?:[A-Za-z0-9_.-]{0,126}[A-Za-z0-9_-])?")


def is_store(url: str) -> bool:
    """Return whether a URL names an object store, and no git repository."""
    return url.partition("://")[0] in STORES and "://" in url


def is_host(text: str) -> bool:
    """Return whether `text` can stand in a URL, in a path and in a git ref. Source: git-check-ref-format(1)."""
    return _NAME.fullmatch(text) is not None and ".." not in text and not text.endswith(".lock")


def as_host(text: str) -> str:
    """Return the name nearest to `text` that `is_host` takes."""
    name = re.sub(r"\.{2,}", ".", re.sub(r"[^A-Za-z0-9_.-]+", "-", text)).strip(".-")[:120].rstrip(".-")
    return name if is_host(name) else "unnamed"


@frozen
class Layout:
    """Where the refs of one host lie in a replica; `below` is `""` or `hosts/HOST/`."""

    below: str = ""

    @classmethod
    def of(cls, host: str | None) -> Layout:
        """Return the layout of `host` in a shared repository, or of a repository of its own (None)."""
        return cls(f"hosts/{host}/" if host else "")

    @property
    def main(self) -> str:
        """Return the branch of the snapshots."""
        return f"{HEADS}{self.below}main"

    @property
    def tags(self) -> str:
        """Return where the names of snapshots begin."""
        return TAGS + self.below

    @property
    def others(self) -> str:
        """Return where the refused states and marks begin."""
        return OTHERS + self.below

    def pairs(self) -> tuple[tuple[str, str], ...]:
        """Return what corresponds in a vault and in the replica, as halves of a refspec."""
        return (
            (f"{HEADS}main", self.main),
            (f"{TAGS}*", f"{self.tags}*"),
            (f"{OTHERS}*", f"{self.others}*"),
        )

    def mine(self, ref: str) -> str | None:
        """Return what a ref of the replica is called in the vault, None where it is another host's."""
        for own, theirs in ((HEADS, HEADS + self.below), (TAGS, self.tags), (OTHERS, self.others)):
            name = ref.removeprefix(theirs)
            if name != ref and not name.startswith("hosts/"):
                return own + name
        return None


def hosts_in(refs: dict[str, str]) -> tuple[str, ...]:
    """Return the hosts that share a repository with these refs, in order."""
    found = (re.fullmatch(rf"{HEADS}hosts/([^/]+)/main", ref) for ref in refs)
    return tuple(sorted(match[1] for match in found if match))


class Why(enum.StrEnum):
    """Why a replica could not be reached or did not take what was pushed."""

    UNREACHABLE = "unreachable"
    TIMED_OUT = "timed-out"
    LOGIN = "login"
    HOST_KEY = "host-key"
    MISSING = "missing"
    DIVERGED = "diverged"
    AHEAD = "ahead"
    FULL = "full"
    SHALLOW = "shallow"
    REFUSED = "refused"
    BUSY = "busy"
    DAMAGED = "damaged"
    STOPPED = "stopped"


# Another try soon may help: nobody has to do anything first.
PASSING = frozenset({Why.UNREACHABLE, Why.TIMED_OUT, Why.BUSY})


@frozen
class Trouble:
    """Why something failed, in one line without secrets, and what helps."""

    why: Why
    words: str
    hint: str | None = None


@frozen
class Examined:
    """What a replica shows: the latest commit of main there (None: it does not say), in words, and what is odd about it."""

    main: str | None
    words: str
    warnings: tuple[str, ...] = ()


@frozen
class Glance:
    """What a replica says of the latest snapshot of a host; None where that is encrypted."""

    id: str | None
    commit: str | None
    tree: str | None
    taken_at: datetime
    subject: str


@frozen
class ReplicaStatus:
    """How a replica stands: what it holds, how far that is behind, why the last push failed (None: it did not).

    `url` is fit to print. `behind` counts the snapshots it does not have, `lag_s` is the age of the oldest of them.
    `current` says that it also has every mark and refused state.
    """

    url: str
    reached: str | None
    pushed_at: datetime | None
    behind: int
    lag_s: float
    current: bool
    trouble: Trouble | None = None
    failing_since: datetime | None = None
    failures: int = 0

    @property
    def degraded(self) -> str | None:
        """Return why this replica is a reason to be degraded, None if it is not."""
        if self.trouble is None:
            return None
        late = f", {self.behind} snapshot{'' if self.behind == 1 else 's'} behind" if self.behind else ""
        return f"replica {self.url}: {self.trouble.words}{late}"
