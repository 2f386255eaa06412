"""Read the state of the root, without following links, while other processes may be changing it.

Everything is opened relative to its folder's descriptor with O_NOFOLLOW, so nobody who can write in the root can lead
the reader out of it. A file counts as read only if `fstat` is the same before and after, and its name still leads to
it. A file with the same stamp (inode, size, mtime, ctime) as in an earlier capture is not read again.

Two files are not necessarily read at the same instant. A `steady` capture guarantees a state that existed as a whole:
it compares all stamps again after the last file was read.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import signal
import stat
import threading
import time
from collections.abc import Collection, Iterator, Mapping
from typing import Protocol

from configvault.core.errors import ConfigvaultError
from configvault.core.frozen import field, frozen, mutable
from configvault.core.gitformat import hasher
from configvault.core.leftout import IGNORED, TOO_LARGE, TOO_MANY, UNCAPTURED
from configvault.core.model import Entry, Folder, Kind, Stamp
from configvault.core.settle import EVERYTHING, Dirty
from configvault.root.entries import exists
from configvault.root.inodes import Identity, identity
from configvault.root.names import Names

DEEPEST = 200
CHUNK = 1 << 20
# A file that changed less than this before the capture gets no stamp and is read again next time: within one tick of
# the file system's clock it could change once more and keep the same times.
RACY_NS = 2_000_000_000
# How many walks a capture with `whole=False` makes after the first attempt failed; each leaves out what was still
# changing in the one before.
_LAST_LOOKS = 3
_ALL_NAMES = Names(())
_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
# O_NONBLOCK and O_NOCTTY: a name may just have become a fifo, which would block, or a terminal.
_FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC
# What the system reports for a name that was removed or replaced a moment ago.
_VANISHED = {errno.ENOENT, errno.ENOTDIR, errno.ELOOP}
_BEING_WRITTEN = f"{UNCAPTURED}it is being written, or locked by a lease"
_SPECIAL = {
    stat.S_IFSOCK: "a socket",
    stat.S_IFIFO: "a fifo",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
}


class Sink(Protocol):
    """Receives the bytes that are read (the vault's stage)."""

    def append(self, pieces: Iterator[bytes]) -> tuple[int, int]:
        """Take the bytes of one file, which may still turn out to have changed during the read; return where they are."""

    def keep(self, blob: str, where: tuple[int, int]) -> None:
        """Confirm what was appended last, under its blob id."""


class UnsettledError(ConfigvaultError):
    """Files kept changing while they were read; `paths` has their paths."""

    kind = "unsettled"

    def __init__(self, paths: Collection[str]) -> None:
        """Build the message from the first of `paths` and their number."""
        first = min(paths)
        more = f" and {len(paths) - 1} more" if len(paths) > 1 else ""
        super().__init__(f"{first!r}{more} is being written", "try again when the writer has finished")
        self.paths = frozenset(paths)


Survey = Mapping[str, Stamp]


@frozen
class Limits:
    """How much is captured; None is no limit. Larger files, and files beyond the number, are left out unread."""

    file_bytes: int | None = None
    files: int | None = None


@mutable
class _Pass:
    """One walk over the root: its options and its results.

    Attributes:
        dirty: where the root may differ from the previous state.
        sink: where the bytes go; None to compute ids only.
        leases: a file that some process has open for writing is unsettled.
        stood: earlier stamps. A file is captured only if it still has its stamp, even if a process has it open; one
            that has changed keeps its previous entry.
        read: false to collect stamps only.
        started_ns: when the walk began; see `RACY_NS`.
        unsettled: result: the paths that were changing.
        seen: result: the stamp of each file, link and folder; folder paths end in `/`.
        folders: result: the identity of each folder, by path.
        expected: a state whose files are captured even if they are larger than the limit.
        last: leave out what cannot be captured and say why, instead of raising.
        skip: paths to leave out as still being written.
        files: result: how many files and links were captured so far.
    """

    dirty: Dirty
    sink: Sink | None = None
    leases: bool = False
    stood: Survey | None = None
    read: bool = True
    started_ns: int = field(default_factory=time.time_ns)
    unsettled: set[str] = field(default_factory=set)
    seen: dict[str, Stamp] = field(default_factory=dict)
    folders: dict[str, Identity] = field(default_factory=dict)
    expected: Folder | None = None
    last: bool = False
    skip: frozenset[str] = frozenset()
    files: int = 0


class Root:
    """The directory at `path`. It is not kept open, so it may be replaced as a whole at any time.

    `folders` has the identity of each folder in the last capture, by path: a restore works only in these folders.
    `seen` has the stamps of the last capture if that was made with `whole=False`, as a restore does; else it is empty.
    """

    def __init__(
        self, path: str, names: Names, limits: Limits | None = None, *, configured: bool = True
    ) -> None:
        """Take the path, the name rules and the limits.

        Args:
            path: may itself be a link: it is the operator's own, and is followed.
            names: what to leave out by name.
            limits: how much to capture; None for no limits.
            configured: whether it is the configured root; else messages call it a directory.
        """
        self.path = path
        self.what = "root" if configured else "directory"
        self.names = names
        self.limits = limits or Limits()
        self.folders: Mapping[str, Identity] = {}
        self.seen: Survey = {}

    def open(self) -> int:
        """Return a descriptor of the root folder.

        Raises:
            ConfigvaultError: it is missing, not a directory, or not readable.
        """
        try:
            return os.open(self.path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        except OSError as error:
            hint = "make it a directory that this user can read"
            if isinstance(error, FileNotFoundError):
                hint = "mount or create it; where it was recorded before: configvault rollback latest"
            if self.what == "directory":
                hint = "use a directory that this user can read"
            raise ConfigvaultError(
                f"cannot read the {self.what} {self.path}: {error.strerror}", hint
            ) from error

    def exists(self) -> bool:
        """Return whether anything is at the root's path."""
        return os.path.lexists(self.path)

    def capture(
        self,
        previous: Folder | None,
        sink: Sink | None,
        *,
        dirty: Dirty = EVERYTHING,
        patience_s: float = 5.0,
        leases: bool = False,
        steady: bool = False,
        whole: bool = True,
        expected: Folder | None = None,
    ) -> Folder:
        """Return the root's state.

        Args:
            previous: an earlier state; entries with the same stamp are taken from it without reading.
            sink: where the bytes go; None to compute ids only.
            dirty: where the root may differ from `previous`.
            patience_s: how many seconds to wait for files that change while they are read.
            leases: also wait for files that some process has open for writing. Source: fcntl(2), F_SETLEASE.
            steady: compare all stamps again at the end, so that the returned state existed as a whole at one moment.
            whole: false to leave out what still changes after `patience_s`, cannot be read or is nested too deep,
                instead of raising. The reason is in `left_out` of its folder (see core/leftout.py).
            expected: a state whose files may be larger than the limit.

        Raises:
            UnsettledError: files were still changing after `patience_s`.
            ConfigvaultError: something cannot be read.
        """
        self.seen = {}
        self.folders = {}
        try:
            state, seen = self._capture(
                previous, sink, dirty, patience_s, expected, leases=leases, steady=steady
            )
            # The stamps of a large root take much memory, and only a restore needs them: not each look of the daemon.
            self.seen = {} if whole else seen
            return state
        except UnsettledError as error:
            if whole:
                raise
            skip = error.paths
        except ConfigvaultError:
            if whole:
                raise
            skip = frozenset()
        return self._capture_rest(previous, sink, dirty, expected, skip)

    def _capture_rest(
        self,
        previous: Folder | None,
        sink: Sink | None,
        dirty: Dirty,
        expected: Folder | None,
        skip: frozenset[str],
    ) -> Folder:
        """Return what can be captured, and leave out the rest; a file that changes during one walk is skipped in the next."""
        for number in range(_LAST_LOOKS):
            walk = _Pass(dirty, sink, expected=expected, last=True, skip=skip)
            state = self._walk(previous, walk)
            if not walk.unsettled or number == _LAST_LOOKS - 1:
                break
            skip |= walk.unsettled
        self.folders, self.seen = walk.folders, walk.seen
        return state

    def _capture(
        self,
        previous: Folder | None,
        sink: Sink | None,
        dirty: Dirty,
        patience_s: float,
        expected: Folder | None,
        *,
        leases: bool,
        steady: bool,
    ) -> tuple[Folder, Survey]:
        deadline = time.monotonic() + patience_s
        idle = threading.Event()
        pause = 0.02
        while True:
            walk = _Pass(dirty, sink, leases, expected=expected)
            state = self._walk(previous, walk)
            if steady and not walk.unsettled and state is not previous:
                again = self.survey(previous, dirty)
                walk.unsettled |= {path for path, _ in walk.seen.items() ^ again.items()}
            if not walk.unsettled:
                self.folders = walk.folders
                return state, walk.seen
            if time.monotonic() >= deadline:
                raise UnsettledError(walk.unsettled)
            idle.wait(pause)
            pause = min(2 * pause, 0.5)

    def survey(self, previous: Folder | None, dirty: Dirty = EVERYTHING) -> Survey:
        """Return the stamps of everything that a capture with these arguments would look at; read no file."""
        walk = _Pass(dirty, read=False)
        self._walk(previous, walk)
        return walk.seen

    def capture_still(
        self, previous: Folder | None, sink: Sink | None, stood: Survey, *, dirty: Dirty = EVERYTHING
    ) -> tuple[Folder, frozenset[str]]:
        """Return the state of what has not changed since the survey `stood`, and the paths of what has.

        A path that has changed keeps its entry of `previous`; it has none if it is new.
        """
        walk = _Pass(dirty, sink, stood=stood)
        return self._walk(previous, walk), frozenset(walk.unsettled)

    def inspect(self, fd: int, name: str, sink: Sink | None, patience_s: float = 5.0) -> Entry | Folder | None:
        """Return the entry `name` in the folder `fd`, with ignored names inside it; None if none that can be captured.

        Raises:
            UnsettledError: it was still changing after `patience_s` seconds.
        """
        if not exists(fd, name):
            return None
        deadline = time.monotonic() + patience_s
        idle = threading.Event()
        while True:
            walk = _Pass(EVERYTHING, sink)
            found: dict[str, Entry | Folder] = {}
            _Reader(_ALL_NAMES, walk, self.limits).entry(fd, name, "", None, 0, found, {})
            if not walk.unsettled or not exists(fd, name):
                return found.get(name)
            if time.monotonic() >= deadline:
                raise UnsettledError(walk.unsettled)
            idle.wait(0.02)

    def _walk(self, previous: Folder | None, walk: _Pass) -> Folder:
        fd = self.open()
        try:
            return _Reader(self.names, walk, self.limits).folder(fd, "", previous, 0)
        except OSError as error:
            name = os.fsdecode(error.filename) if error.filename else self.path
            raise ConfigvaultError(
                f"cannot read {name!r} in the {self.what} {self.path}: {error.strerror}",
                "give this user the right to read it, or add it to watch.ignore",
            ) from error
        finally:
            os.close(fd)


class _Reader:
    """The recursion of one pass."""

    def __init__(self, names: Names, walk: _Pass, limits: Limits) -> None:
        self._names = names
        self._walk = walk
        self._limits = limits

    def folder(self, fd: int, path: str, previous: Folder | None, depth: int) -> Folder:
        if depth > DEEPEST:
            raise ConfigvaultError(f"{path!r} is nested more than {DEEPEST} folders deep", "flatten it")
        prefix = f"{path}/" if path else ""
        before = os.fstat(fd)
        entries: dict[str, Entry | Folder] = {}
        stamps: dict[str, Stamp] = {}
        left_out: dict[str, str] = {}
        old, known = (previous.entries, previous.stamps) if previous else ({}, {})
        walk, lstat = self._walk, os.stat
        reason_of, seen = self._names.reasons_in(prefix), walk.seen
        for name in sorted(os.listdir(fd)):
            reason = reason_of(name)
            if reason is not None:
                if reason != IGNORED or not self._names.is_litter(name, prefix) or not _is_folder(fd, name):
                    left_out[name] = reason
                    continue
            # A shortcut for unchanged files: nearly all are, so this branch decides what a capture costs.
            elif (stamp := known.get(name)) is not None:
                try:
                    now = lstat(name, dir_fd=fd, follow_symlinks=False)
                    if (now.st_ino, now.st_size, now.st_mtime_ns, now.st_ctime_ns) == stamp:
                        # A change of type, mode or owner would have changed ctime, and with it the stamp.
                        entries[name] = old[name]
                        stamps[name] = seen[prefix + name] = stamp
                        walk.files += 1
                        continue
                except OSError:
                    pass
            reason = self.entry(fd, name, prefix, previous, depth, entries, stamps)
            if reason is not None:
                left_out[name] = reason
        after = os.fstat(fd)
        self._walk.seen[path + "/"] = _stamp(after)
        self._walk.folders[path] = identity(after)
        if self._walk.stood is None and not self._walk.last and _stamp(before) != _stamp(after):
            self._walk.unsettled.add(path or ".")
        mode, uid, gid = stat.S_IMODE(after.st_mode), after.st_uid, after.st_gid
        if previous is not None and _unchanged(previous, (mode, uid, gid), entries, stamps, left_out):
            return previous
        return Folder(mode, uid, gid, entries, stamps, left_out)

    def entry(
        self,
        fd: int,
        name: str,
        prefix: str,
        previous: Folder | None,
        depth: int,
        entries: dict[str, Entry | Folder],
        stamps: dict[str, Stamp],
    ) -> str | None:
        """Capture `name` into `entries` and `stamps`; return the reason if it is left out, else None."""
        old = previous.entries.get(name) if previous else None
        path = prefix + name
        if isinstance(old, Folder) and not self._walk.dirty.touches(path):
            entries[name] = old
            return None
        try:
            seen = os.stat(name, dir_fd=fd, follow_symlinks=False)
            sort = stat.S_IFMT(seen.st_mode)
            if (reason := self._reason(path, sort, seen.st_size, depth)) is not None:
                return reason
            if sort == stat.S_IFDIR:
                entries[name] = self._subfolder(fd, name, path, old, depth)
                return None
            stamp = self._walk.seen[path] = _stamp(seen)
            if not self._walk.read:
                return None
            if self._walk.stood is not None and self._walk.stood.get(path) != stamp:
                entry: Entry | None = None
            else:
                entry = self._link(fd, name, seen) if sort == stat.S_IFLNK else self._file(fd, name, stamp)
        except OSError as error:
            if error.errno not in _VANISHED:
                if self._walk.last:
                    return f"{UNCAPTURED}{error.strerror}"
                # It was opened relative to its folder, so the error holds only its last name. The innermost call
                # puts the path in; the outer ones must not replace it.
                if not (isinstance(error.filename, str) and "/" in error.filename):
                    error.filename = path
                raise
            entry = None
        if entry is None:
            self._walk.unsettled.add(path)
            if self._walk.last:
                return _BEING_WRITTEN
            if self._walk.stood is not None and isinstance(old, Entry):
                entries[name] = old
            return None
        entries[name] = entry
        self._walk.files += 1
        if stamp.ctime_ns < self._walk.started_ns - RACY_NS:
            stamps[name] = stamp
        return None

    def _reason(self, path: str, sort: int, size: int, depth: int) -> str | None:
        """Return why a name is left out unread, None if it is not; `sort` is its file type, `size` its bytes."""
        limits, walk = self._limits, self._walk
        if sort in _SPECIAL:
            return f"{_SPECIAL[sort]} cannot be kept"
        if limits.files is not None and walk.files >= limits.files:
            return f"{TOO_MANY}more than validate.max_files = {limits.files} files"
        if sort == stat.S_IFREG and limits.file_bytes is not None and size > limits.file_bytes:
            same = walk.expected.find(path) if walk.expected is not None else None
            if not isinstance(same, Entry) or same.size != size:
                return f"{TOO_LARGE}{size} bytes, more than validate.max_file_size = {limits.file_bytes}"
        if path in walk.skip:
            return _BEING_WRITTEN
        if walk.last and sort == stat.S_IFDIR and depth >= DEEPEST:
            return f"{UNCAPTURED}it is nested more than {DEEPEST} folders deep"
        return None

    def _subfolder(self, fd: int, name: str, path: str, old: Entry | Folder | None, depth: int) -> Folder:
        inner = os.open(name, _FOLDER, dir_fd=fd)
        try:
            return self.folder(inner, path, old if isinstance(old, Folder) else None, depth + 1)
        finally:
            os.close(inner)

    def _link(self, fd: int, name: str, seen: os.stat_result) -> Entry | None:
        target = os.fsencode(os.readlink(name, dir_fd=fd))
        # Another length: the link was replaced since its stat. Some file systems report 0 for every link.
        if len(target) != seen.st_size and seen.st_size:
            return None
        where, blob = self._keep(iter((target,)), len(target))
        if self._walk.sink and where:
            self._walk.sink.keep(blob, where)
        return Entry(Kind.LINK, 0o777, seen.st_uid, seen.st_gid, blob, len(target))

    def _file(self, fd: int, name: str, stamp: Stamp) -> Entry | None:
        """Return the file, None if it is changing."""
        try:
            file = os.open(name, _FILE, dir_fd=fd)
        except OSError as error:
            # ELOOP, ENXIO: it has just become a link, or a socket. EAGAIN: another process holds a lease on it, and the
            # kernel has asked it to release it.
            if error.errno in {errno.ELOOP, errno.ENXIO, errno.EAGAIN}:
                return None
            raise
        try:
            before = os.fstat(file)
            if not stat.S_ISREG(before.st_mode) or _stamp(before) != stamp:
                return None
            if self._walk.leases and _open_for_writing(file):
                return None
            where, blob = self._keep(_pieces(file, before.st_size), before.st_size)
            after = os.fstat(file)
            there = os.stat(name, dir_fd=fd, follow_symlinks=False)
            if not _stamp(before) == _stamp(after) == _stamp(there) or where is None:
                return None
            if self._walk.sink:
                self._walk.sink.keep(blob, where)
            return Entry(Kind.FILE, _mode(after), after.st_uid, after.st_gid, blob, after.st_size)
        finally:
            os.close(file)

    def _keep(self, pieces: Iterator[bytes], size: int) -> tuple[tuple[int, int] | None, str]:
        """Hash `pieces` as a blob of `size` bytes and pass them to the sink; the place is None if the size differs."""
        digest = hasher("blob", size)
        total = 0

        def hashed() -> Iterator[bytes]:
            nonlocal total
            for piece in pieces:
                digest.update(piece)
                total += len(piece)
                yield piece

        if self._walk.sink:
            where = self._walk.sink.append(hashed())
        else:
            for _ in hashed():
                pass
            where = (0, total)
        return (where if total == size else None), digest.hexdigest()


def _pieces(file: int, size: int) -> Iterator[bytes]:
    """Yield the content of `file`, at most one byte more than `size`: enough to notice that it grows, and to stop."""
    left = size + 1
    while left > 0 and (piece := os.read(file, min(left, CHUNK))):
        left -= len(piece)
        yield piece


def _open_for_writing(file: int) -> bool:
    """Return whether any process has the file open for writing. Source: fcntl(2), F_SETLEASE.

    A read lease is refused while the file is open for writing. If a process opens the file for writing while we hold the
    lease, the kernel sends us SIGIO, which by default ends the process: call `prepare_leases` before any capture with
    leases.
    """
    try:
        fcntl.fcntl(file, fcntl.F_SETLEASE, fcntl.F_RDLCK)
    except BlockingIOError:
        return True
    except OSError:  # not the file's owner, or a file system without leases: we cannot tell
        return False
    with contextlib.suppress(OSError):
        fcntl.fcntl(file, fcntl.F_SETLEASE, fcntl.F_UNLCK)
    return False


def prepare_leases() -> None:
    """Ignore SIGIO in the whole process; call once, in the main thread. Blocked in one thread, it would hit another."""
    signal.signal(signal.SIGIO, signal.SIG_IGN)


def _unchanged(
    previous: Folder,
    attributes: tuple[int, int, int],
    entries: dict[str, Entry | Folder],
    stamps: dict[str, Stamp],
    left_out: dict[str, str],
) -> bool:
    """Return whether `previous` equals what was read, stamps included, so that it can be shared."""
    return (
        previous.attributes[1:] == attributes
        # Folders compare by identity: an unchanged subfolder is the same object.
        and previous.entries == entries
        and previous.stamps == stamps
        and previous.left_out == left_out
    )


def _is_folder(fd: int, name: str) -> bool:
    try:
        return stat.S_ISDIR(os.stat(name, dir_fd=fd, follow_symlinks=False).st_mode)
    except OSError:
        return False


def _stamp(seen: os.stat_result) -> Stamp:
    return Stamp(seen.st_ino, seen.st_size, seen.st_mtime_ns, seen.st_ctime_ns)


def _mode(seen: os.stat_result) -> int:
    return 0o777 if stat.S_ISLNK(seen.st_mode) else stat.S_IMODE(seen.st_mode)
