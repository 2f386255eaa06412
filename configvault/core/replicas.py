"""Types for replicas: names and layout of hosts in them, why a push failed, how far one is behind."""

from __future__ import annotations

import enum
import re
from datetime import datetime

from configvault.core.frozen import frozen
from configvault.core.pattern import pattern

HOST = "{host}"
# The schemes of object stores.
STORES = ("s3", "gs", "az", "file+bundle")
# The namespaces of refs, in a vault as in a replica; several hosts in one repository have folders below them.
HEADS, TAGS, OTHERS = "refs/heads/", "refs/tags/", "refs/configvault/"
VAULTS = "refs/configvault/vaults/"

_NAME = pattern(r"[A-Za-z0-9_](?:[A-Za-z0-9_.-]{0,126}[A-Za-z0-9_-])?")


def is_store(url: str) -> bool:
    """Return whether a URL names an object store, not a git repository."""
    return url.partition("://")[0] in STORES and "://" in url


def is_host(text: str) -> bool:
    """Return whether `text` can be a host's name: it must fit in a URL, a path and a ref. Source: git-check-ref-format(1)."""
    return _NAME.fullmatch(text) is not None and ".." not in text and not text.endswith(".lock")


def as_host(text: str) -> str:
    """Return the name most similar to `text` for which `is_host` is true."""
    name = re.sub(r"\.{2,}", ".", re.sub(r"[^A-Za-z0-9_.-]+", "-", text)).strip(".-")[:120].rstrip(".-")
    return name if is_host(name) else "unnamed"


@frozen
class Layout:
    """Where the refs of one host are in a replica; `below` is `""` or `hosts/HOST/`."""

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
        """Return the prefix of the tags of snapshots."""
        return TAGS + self.below

    @property
    def others(self) -> str:
        """Return the prefix of the refs of refused states and marks."""
        return OTHERS + self.below

    def pairs(self) -> tuple[tuple[str, str], ...]:
        """Return pairs of refs in the vault and in the replica, as the two halves of a refspec."""
        return (
            (f"{HEADS}main", self.main),
            (f"{TAGS}*", f"{self.tags}*"),
            (f"{OTHERS}*", f"{self.others}*"),
        )

    def mine(self, ref: str) -> str | None:
        """Return the name in the vault of a ref of the replica, None if it is another host's."""
        for own, theirs in ((HEADS, HEADS + self.below), (TAGS, self.tags), (OTHERS, self.others)):
            name = ref.removeprefix(theirs)
            if name != ref and not name.startswith("hosts/"):
                return own + name
        return None


def hosts_in(refs: dict[str, str]) -> tuple[str, ...]:
    """Return the sorted names of the hosts that share the repository with these refs."""
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


# Reasons that may pass by themselves: another try soon may help.
PASSING = frozenset({Why.UNREACHABLE, Why.TIMED_OUT, Why.BUSY})


@frozen
class Trouble:
    """Why something failed, also in one line without secrets, and a hint that helps."""

    why: Why
    words: str
    hint: str | None = None


@frozen
class Examined:
    """The result of checking a replica: its latest commit of main (None if unknown), the result in words, warnings."""

    main: str | None
    words: str
    warnings: tuple[str, ...] = ()


@frozen
class Glance:
    """The latest snapshot of a host as a replica describes it; None for what is encrypted."""

    id: str | None
    commit: str | None
    tree: str | None
    taken_at: datetime
    subject: str


@frozen
class ReplicaStatus:
    """The status of a replica.

    Attributes:
        url: its URL, fit to print.
        reached: the newest commit of main that it holds; None if it holds none.
        pushed_at: when the last push succeeded.
        behind: how many snapshots it lacks.
        lag_s: the age of the oldest of them in seconds.
        current: it has everything, marks and refused states too.
        trouble: why the last push failed; None if it did not.
        failing_since: when pushes began to fail.
        failures: how many have failed since then.
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
