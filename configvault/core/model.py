r"""The nouns of the program: what a directory holds, what is said of it, what is on record.

A path is a `str` relative to the root, parts joined by `/`, bytes that are not UTF-8 as surrogate escapes
(`\udcXX`), as `os.fsdecode` gives them. A blob is a 40-digit hexadecimal git id. A mode is the
permission bits with set-id and sticky (0 to 0o7777). Times are aware datetimes.
"""

from __future__ import annotations

import enum
import math
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import datetime
from typing import NamedTuple

from configvault.core import gitformat
from configvault.core.frozen import field, frozen

RESERVED_PREFIX = ".configvault-"
METADATA_NAME = ".configvault-metadata.json"


class Kind(enum.StrEnum):
    """What an entry of a folder is."""

    FILE = "file"
    LINK = "link"


class Entry(NamedTuple):
    """A file or a symbolic link. A link's blob is the text it points at; its mode is always 0o777."""

    kind: Kind
    mode: int
    uid: int
    gid: int
    blob: str
    size: int

    @property
    def git_mode(self) -> int:
        """Return the mode git stores in a tree."""
        if self.kind is Kind.LINK:
            return 0o120000
        return 0o100755 if self.mode & 0o100 else 0o100644


class Stamp(NamedTuple):
    """What `lstat` said of a file when it was read: equal stamp, equal content (racy ones are not kept)."""

    inode: int
    size: int
    mtime_ns: int
    ctime_ns: int


class Attributes(NamedTuple):
    """What git's trees cannot say of an entry; `sort` is file, executable, link or folder."""

    sort: str
    mode: int
    uid: int
    gid: int


class Summary(NamedTuple):
    """What there is below a folder.

    `census` counts each combination of attributes; `holds_empty` and `leaves_out` say whether there is an empty folder,
    and anything that was not captured.
    """

    census: Counter[Attributes]
    holds_empty: bool
    leaves_out: bool


class Folder:
    """A directory and all below it, with the id of its git tree worked out once.

    Equal ids of two root folders' *snapshot* trees (see `metadata.py`) mean equal states. Never changed
    after construction, so an unchanged folder is shared between one state and the next.
    """

    __slots__ = (
        "_id",
        "_summary",
        "_tree",
        "entries",
        "gid",
        "left_out",
        "mode",
        "stamps",
        "uid",
    )

    def __init__(
        self,
        mode: int,
        uid: int,
        gid: int,
        entries: Mapping[str, Entry | Folder],
        stamps: Mapping[str, Stamp] | None = None,
        left_out: Mapping[str, str] | None = None,
        known: tuple[str, Summary] | None = None,
    ) -> None:
        """Take `entries` by name.

        `left_out` maps the names that were not captured to the reason; `known` are id and summary, worked out before.
        """
        self.mode = mode
        self.uid = uid
        self.gid = gid
        self.entries = entries
        self.stamps = stamps or {}
        self.left_out = left_out or {}
        self._id: str | None = known[0] if known is not None else None
        self._summary: Summary | None = known[1] if known is not None else None
        self._tree: gitformat.Object | None = None

    @property
    def id(self) -> str:
        """Return the id of this folder's git tree."""
        return self._id if self._id is not None else self.tree.id

    @property
    def tree(self) -> gitformat.Object:
        """Return the git tree object of this folder; empty folders inside are not in it."""
        if self._tree is None:
            self._tree = gitformat.tree(self.git_entries())
            self._id = self._tree.id
        return self._tree

    def git_entries(self) -> Iterator[tuple[int, str, str]]:
        """Yield mode, name and id of what git's tree of this folder lists, in no order."""
        for name, entry in self.entries.items():
            if isinstance(entry, Entry):
                yield entry.git_mode, name, entry.blob
            elif entry.id != gitformat.EMPTY_TREE:
                yield 0o40000, name, entry.id

    @property
    def attributes(self) -> Attributes:
        """Return this folder's own attributes."""
        return Attributes("folder", self.mode, self.uid, self.gid)

    @property
    def summary(self) -> Summary:
        """Return what there is below this folder (itself not counted), worked out once."""
        if self._summary is None:
            census: Counter[Attributes] = Counter()
            holds_empty, leaves_out = False, bool(self.left_out)
            for entry in self.entries.values():
                census[attributes_of(entry)] += 1
                if isinstance(entry, Folder):
                    below = entry.summary
                    census.update(below.census)
                    holds_empty = holds_empty or below.holds_empty or not entry.entries
                    leaves_out = leaves_out or below.leaves_out
            self._summary = Summary(census, holds_empty, leaves_out)
        return self._summary

    def count(self, *sorts: str) -> int:
        """Return how many entries of these sorts (see `Attributes`) are below this folder."""
        return sum(count for attributes, count in self.summary.census.items() if attributes.sort in sorts)

    def walk(self, prefix: str = "") -> Iterator[tuple[str, Entry | Folder]]:
        """Yield path and entry of everything below, folders before what is in them, names in order."""
        for name in sorted(self.entries):
            entry = self.entries[name]
            yield prefix + name, entry
            if isinstance(entry, Folder):
                yield from entry.walk(f"{prefix}{name}/")

    def files(self) -> Iterator[tuple[str, Entry]]:
        """Yield path and entry of every file and link below."""
        for path, entry in self.walk():
            if isinstance(entry, Entry):
                yield path, entry

    def all_left_out(self, prefix: str = "") -> Iterator[tuple[str, str]]:
        """Yield path and reason of everything below that was there but not captured."""
        if not self.summary.leaves_out:
            return
        for name in sorted(self.left_out):
            yield prefix + name, self.left_out[name]
        for name, entry in sorted(self.entries.items()):
            if isinstance(entry, Folder):
                yield from entry.all_left_out(f"{prefix}{name}/")

    def find(self, path: str) -> Entry | Folder | None:
        """Return what lies at `path` (`""` is this folder itself), links not followed; None if nothing."""
        here: Entry | Folder | None = self
        for name in path.split("/") if path else ():
            if not isinstance(here, Folder):
                return None
            here = here.entries.get(name)
        return here


def attributes_of(entry: Entry | Folder) -> Attributes:
    """Return the attributes of `entry`, sorted as its git mode will say."""
    if isinstance(entry, Folder):
        return entry.attributes
    sort = "link" if entry.kind is Kind.LINK else "executable" if entry.mode & 0o100 else "file"
    return Attributes(sort, entry.mode, entry.uid, entry.gid)


class Severity(enum.StrEnum):
    """How bad a finding is: one error and the state is rejected."""

    ERROR = "error"
    WARNING = "warning"


@frozen
class Finding:
    """One thing a validator has to say. No field ever holds a secret value.

    `line` and `column` count from 1. `excerpt` is the offending line, redacted; `hint` says what to do.
    """

    rule: str
    severity: Severity
    path: str
    line: int | None
    column: int | None
    message: str
    excerpt: str | None = None
    hint: str | None = None


@frozen
class Verdict:
    """All findings on one state, most severe first, then by path and line."""

    findings: tuple[Finding, ...]

    @property
    def accepted(self) -> bool:
        """Return whether no finding is an error."""
        return all(finding.severity is not Severity.ERROR for finding in self.findings)

    @property
    def errors(self) -> tuple[Finding, ...]:
        """Return the findings that reject the state."""
        return tuple(f for f in self.findings if f.severity is Severity.ERROR)


@frozen
class State:
    """What a validator sees: the captured tree, its bytes, and the latest snapshot's tree (or None).

    `read` takes a blob id of `tree` and returns its bytes; they are the very bytes that get recorded. `left_out` is what
    was there and is not in the tree, by path, with the reasons (see core/leftout.py).
    """

    tree: Folder
    read: Callable[[str], bytes]
    before: Folder | None = None
    left_out: tuple[tuple[str, str], ...] = ()


class ChangeKind(enum.StrEnum):
    """How a path differs between two states; a changed type counts as modified."""

    ADDED = "added"
    MODIFIED = "modified"
    REMOVED = "removed"
    METADATA = "metadata"


@frozen
class Change:
    """One path that differs; `old` and `new` are what was and is there."""

    path: str
    kind: ChangeKind
    old: Entry | Folder | None = field(default=None, repr=False)
    new: Entry | Folder | None = field(default=None, repr=False)


class Trigger(enum.StrEnum):
    """Why a state was recorded."""

    STARTUP = "startup"
    CHANGE = "change"
    SCHEDULE = "schedule"
    MANUAL = "manual"
    PRE_ROLLBACK = "pre-rollback"
    ROLLBACK = "rollback"
    UNDO = "undo"
    RESTORE = "restore"
    RECOVER = "recover"
    IMPORT = "import"
    DEPLOY = "deploy"
    EDIT = "edit"
    PULL = "pull"


@frozen
class Snapshot:
    """One commit of the vault's main branch, as its message and refs describe it."""

    id: str
    commit: str
    tree: str
    parent: str | None
    taken_at: datetime
    trigger: str
    actor: str
    host: str
    subject: str
    reason: str | None = None
    target: str | None = None
    good: bool = False
    rolled_back: bool = False
    pins: tuple[str, ...] = ()
    annotations: tuple[str, ...] = ()
    plugins: tuple[str, ...] = ()
    source: str | None = None

    def as_snapshot(self) -> Snapshot:
        """Return itself; a rejected state has the same method."""
        return self


@frozen
class RejectedState:
    """One refused state kept in the vault; `findings` are those written down with it, `parent` the snapshot it lies on."""

    id: str
    commit: str
    tree: str
    taken_at: datetime
    trigger: str
    actor: str
    subject: str
    findings: tuple[Finding, ...]
    plugins: tuple[str, ...] = ()
    parent: str | None = None

    def as_snapshot(self) -> Snapshot:
        """Return it as a snapshot, for those who only look at what both have."""
        return Snapshot(
            self.id,
            self.commit,
            self.tree,
            None,
            self.taken_at,
            self.trigger,
            self.actor,
            "",
            self.subject,
            plugins=self.plugins,
        )


@frozen
class ReloadReport:
    """What came of asking the service to load its configuration; `error` says why it did not."""

    kind: str
    ok: bool
    attempts: int
    status: int | None
    error: str | None
    elapsed_seconds: float

    @property
    def was_asked(self) -> bool:
        """Return whether there was anything to ask: without a way to reload there is no attempt."""
        return self.attempts > 0


@frozen
class Probe:
    """Whether something could be called, in words, and what helps where it could not."""

    ok: bool
    message: str
    remedy: str | None = None


@frozen
class HealthReport:
    """What one health check said in the end; `note` is what it could not decide, so that it passed undecided."""

    name: str
    ok: bool
    required: bool
    error: str | None
    note: str | None = field(default=None, compare=False)
    elapsed_seconds: float | None = field(default=None, compare=False)


@frozen
class Patience:
    """How long somebody waits for a check to pass who cannot wait for as long as its `within` says.

    `once`: the check is asked once, with its own time-out. `most_s`: no question goes on for longer.
    """

    once: bool = False
    most_s: float = math.inf


PATIENT = Patience()


def healthy(reports: Iterable[HealthReport]) -> bool:
    """Return whether every required check passed."""
    return all(report.ok for report in reports if report.required)
