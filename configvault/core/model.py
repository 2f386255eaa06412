r"""The basic types of the program: states of a directory, findings about them, snapshots and other records.

A path is a `str` relative to the root, with `/` between its parts; bytes that are not UTF-8 are surrogate escapes
(`\udcXX`), as `os.fsdecode` makes them. A blob, commit or tree is a git id of 40 hexadecimal digits. A mode has the
permission, set-id and sticky bits (0 to 0o7777). Times are datetimes with a time zone.
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
    """A file or a symbolic link; `size` is in bytes. A link's blob holds its target; its mode is always 0o777."""

    kind: Kind
    mode: int
    uid: int
    gid: int
    blob: str
    size: int

    @property
    def git_mode(self) -> int:
        """Return the mode that git stores in a tree."""
        if self.kind is Kind.LINK:
            return 0o120000
        return 0o100755 if self.mode & 0o100 else 0o100644


class Stamp(NamedTuple):
    """What `lstat` returned for a file when it was read. An equal stamp means equal content.

    A file that changed just before it was read gets no stamp, as it could change again with equal times.
    """

    inode: int
    size: int
    mtime_ns: int
    ctime_ns: int


class Attributes(NamedTuple):
    """The attributes of an entry, which git trees hold only in part; `sort` is file, executable, link or folder."""

    sort: str
    mode: int
    uid: int
    gid: int


class Summary(NamedTuple):
    """What is below a folder.

    Attributes:
        census: how many entries have each combination of attributes.
        holds_empty: whether there is an empty folder.
        leaves_out: whether anything was not captured.
    """

    census: Counter[Attributes]
    holds_empty: bool
    leaves_out: bool


class Folder:
    """A directory and everything below it; the id of its git tree is computed once.

    Two states are equal if the ids of their *snapshot* trees are equal (see `metadata.py`). A folder is never changed
    after construction, so one state shares its unchanged folders with the next.
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
        """Take the attributes and content.

        Args:
            mode: its own mode.
            uid: its own user.
            gid: its own group.
            entries: what it holds, by name.
            stamps: the stamps of its files and links, by name.
            left_out: the reasons for names that were not captured.
            known: its id and summary if they were computed before.
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
        """Return the git tree object of this folder, without empty folders."""
        if self._tree is None:
            self._tree = gitformat.tree(self.git_entries())
            self._id = self._tree.id
        return self._tree

    def git_entries(self) -> Iterator[tuple[int, str, str]]:
        """Yield mode, name and id of the entries of this folder's git tree, in any order."""
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
        """Return the summary of what is below this folder, without itself; computed once."""
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
        """Yield path and entry of everything below, sorted by name, each folder before its content."""
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
        """Yield path and reason of everything below that was not captured."""
        if not self.summary.leaves_out:
            return
        for name in sorted(self.left_out):
            yield prefix + name, self.left_out[name]
        for name, entry in sorted(self.entries.items()):
            if isinstance(entry, Folder):
                yield from entry.all_left_out(f"{prefix}{name}/")

    def find(self, path: str) -> Entry | Folder | None:
        """Return the entry at `path` (`""` is this folder itself) without following links; None if there is none."""
        here: Entry | Folder | None = self
        for name in path.split("/") if path else ():
            if not isinstance(here, Folder):
                return None
            here = here.entries.get(name)
        return here


def attributes_of(entry: Entry | Folder) -> Attributes:
    """Return the attributes of `entry`; its sort agrees with its git mode."""
    if isinstance(entry, Folder):
        return entry.attributes
    sort = "link" if entry.kind is Kind.LINK else "executable" if entry.mode & 0o100 else "file"
    return Attributes(sort, entry.mode, entry.uid, entry.gid)


class Severity(enum.StrEnum):
    """How severe a finding is; a single error rejects the state."""

    ERROR = "error"
    WARNING = "warning"


@frozen
class Finding:
    """One result of a validator. No field ever holds a secret value.

    Attributes:
        rule: the name of the rule.
        severity: error or warning.
        path: where it was found.
        line: counted from 1, None if unknown.
        column: counted from 1, None if unknown.
        message: what is wrong.
        excerpt: the offending line, redacted.
        hint: what to do.
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
    """All findings on one state, sorted by severity (errors first), path and line."""

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
    """What a validator gets.

    Attributes:
        tree: the captured state.
        read: returns the bytes for a blob id of `tree`; exactly these bytes are recorded.
        before: the latest snapshot's state, None if there is none.
        left_out: path and reason of everything that was not captured (see core/leftout.py).
    """

    tree: Folder
    read: Callable[[str], bytes]
    before: Folder | None = None
    left_out: tuple[tuple[str, str], ...] = ()


class ChangeKind(enum.StrEnum):
    """How a path differs between two states; another type (file, link, folder) counts as modified."""

    ADDED = "added"
    MODIFIED = "modified"
    REMOVED = "removed"
    METADATA = "metadata"


@frozen
class Change:
    """One path that differs: `old` is the entry before, `new` the one after; None if there is none."""

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
    """One snapshot: a commit of the vault's main branch, with what its message and marks say of it.

    `target` is the id of the state that it restored. `plugins` are those that it changes.
    """

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
    """One refused state kept in the vault; `findings` are why, `parent` is the commit of the latest snapshot then."""

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
        """Return it as a snapshot, for code that only uses what both have."""
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
    """The result of asking the service to load its configuration; `error` says why it did not."""

    kind: str
    ok: bool
    attempts: int
    status: int | None
    error: str | None
    elapsed_seconds: float

    @property
    def was_asked(self) -> bool:
        """Return whether the service was asked; there is no attempt if no way to reload is configured."""
        return self.attempts > 0


@frozen
class Probe:
    """Whether something could be called, in words too, and the remedy if it could not."""

    ok: bool
    message: str
    remedy: str | None = None


@frozen
class HealthReport:
    """The final result of one health check; `note` says what it could not decide, in which case it passes."""

    name: str
    ok: bool
    required: bool
    error: str | None
    note: str | None = field(default=None, compare=False)
    elapsed_seconds: float | None = field(default=None, compare=False)


@frozen
class Patience:
    """How long to wait for a health check, if a caller cannot wait for as long as its `within` allows.

    Attributes:
        once: run the check only once, with its own time-out.
        most_s: how many seconds one run may take.
    """

    once: bool = False
    most_s: float = math.inf


PATIENT = Patience()


def healthy(reports: Iterable[HealthReport]) -> bool:
    """Return whether every required check passed."""
    return all(report.ok for report in reports if report.required)
