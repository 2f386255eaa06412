"""Make the root what a plan says: the only module that writes there.

Three passes. *Prepare* builds every new file, link or folder under a temporary name beside its place and syncs
it: a full disk ends here, with nothing changed. *Switch* swaps each into place with one rename, so a reader sees
the old or the new entry and never half of one. *Clean* looks at what was swapped out, hands back whatever
is not what was captured (somebody wrote meanwhile), and removes the rest.

Everything goes by descriptors from the root down with O_NOFOLLOW. The journal is the caller's: it is written
before and removed after, and a run that was cut off is repeated from a new capture (see usecases/recover.py).

Not guaranteed: that several files change at one instant; and a file that is itself a mount point cannot be renamed
over, so it is written in place (`Restored.in_place` names it).
"""

from __future__ import annotations

import contextlib
import errno
import os
import stat
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from configvault.core.errors import ConfigvaultError
from configvault.core.model import RESERVED_PREFIX, Entry, Folder, Kind
from configvault.core.plan import RestorePlan, Step
from configvault.root import syscalls

_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_CREATE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC

Chunks = Callable[[str], Iterable[bytes]]
"""Gives the bytes of a blob in pieces."""
Inspect = Callable[[int, str], "Entry | Folder | None"]
"""Captures what has that name in that folder, None if nothing has."""


@dataclass
class Restored:
    """What came of a restore beyond the plan."""

    in_place: list[str] = field(default_factory=list)
    hard_links: list[str] = field(default_factory=list)
    foreign: dict[str, Entry | Folder] = field(default_factory=dict)


class Restore:
    """One run of a plan over the root at `path`; `token` makes its temporary names."""

    def __init__(
        self,
        path: str,
        plan: RestorePlan,
        token: str,
        chunks: Chunks,
        inspect: Inspect,
        prepared: Callable[[], None],
        keep: Callable[[Mapping[str, Entry | Folder]], None],
    ) -> None:
        """Take the plan; `inspect` captures what was swapped out, its bytes staged by the caller.

        `prepared` is called between the first two passes: from then on a temporary name may hold what was there
        before. `keep` is handed what was not what had been captured, by path, before it is removed.
        """
        self._path = path
        self._plan = plan
        self._token = token
        self._chunks = chunks
        self._inspect = inspect
        self._prepared = prepared
        self._keep = keep
        self._switched: list[tuple[int, Step]] = []
        self.done = Restored()
        self.undone = False
        self._locked: dict[str, int] = {}

    def run(self) -> Restored:
        """Prepare, switch and clean.

        Raises:
            OSError: it could not be done; `undone` says whether the root is as it was.
        """
        try:
            self._unlock_folders()
            self._prepare()
            self._prepared()
            self._switch()
        except BaseException:
            with contextlib.suppress(OSError):
                self._undo()
                self.undone = True
                self._lock_folders()
            raise
        self._clean()
        self._lock_folders()
        return self.done

    def _unlock_folders(self) -> None:
        """Let the owner write in folders that forbid it even to them, as long as this runs."""
        for path in {step.parent for step in self._plan.steps if not step.attributes_only}:
            with self._folder(path) as fd:
                seen = os.fstat(fd)
                if seen.st_mode & 0o300 != 0o300 and 0 != os.geteuid() == seen.st_uid:
                    self._locked[path] = stat.S_IMODE(seen.st_mode)
                    os.fchmod(fd, self._locked[path] | 0o700)

    def _lock_folders(self) -> None:
        set_by_plan = {step.path for step in self._plan.steps if step.attributes_only}
        for path, mode in self._locked.items():
            if self.undone or path not in set_by_plan:
                with contextlib.suppress(FileNotFoundError), self._folder(path) as fd:
                    os.fchmod(fd, mode)

    # --- prepare

    def _prepare(self) -> None:
        for number, step in enumerate(self._plan.steps):
            if step.new is None or step.attributes_only:
                continue
            with self._parent(step) as fd:
                name = self._aside(number)
                self._build(fd, name, step.new)

    def _build(self, fd: int, name: str, entry: Entry | Folder) -> None:
        """Make `entry` as `name` in the folder `fd`, with owner and mode, on disk."""
        if isinstance(entry, Folder):
            os.mkdir(name, 0o700, dir_fd=fd)
            inner = os.open(name, _FOLDER, dir_fd=fd)
            try:
                for child in sorted(entry.entries):
                    self._build(inner, child, entry.entries[child])
                _set_attributes(inner, entry)
                os.fsync(inner)
            finally:
                os.close(inner)
        elif entry.kind is Kind.LINK:
            os.symlink(os.fsdecode(b"".join(self._chunks(entry.blob))), name, dir_fd=fd)
            _own_link(fd, name, entry)
        else:
            file = os.open(name, _CREATE, 0o600, dir_fd=fd)
            try:
                _write(file, self._chunks(entry.blob))
                _set_attributes(file, entry)
                os.fsync(file)
            finally:
                os.close(file)

    # --- switch

    def _switch(self) -> None:
        for number, step in enumerate(self._plan.steps):
            self._switched.append((number, step))
            if step.attributes_only:
                self._set_folder(step.path, step.new)
                continue
            with self._parent(step) as fd:
                if step.old is not None and step.new is not None:
                    self._note_hard_link(fd, step)
                self._switch_one(fd, self._aside(number), step)
        self._sync_folders()

    def _switch_one(self, fd: int, aside: str, step: Step) -> None:
        if step.new is None:
            with contextlib.suppress(FileNotFoundError):
                os.rename(step.name, aside, src_dir_fd=fd, dst_dir_fd=fd)
            return
        try:
            self._place(fd, aside, step.name)
        except OSError as error:
            if error.errno != errno.EBUSY or not isinstance(step.new, Entry) or step.new.kind is not Kind.FILE:
                raise
            self._write_in_place(fd, step)

    def _place(self, fd: int, aside: str, name: str) -> None:
        """Give `aside` the name `name`; what had that name is `aside` afterwards."""
        try:
            try:
                syscalls.renameat2(fd, aside, fd, name, syscalls.EXCHANGE)
            except FileNotFoundError:
                syscalls.renameat2(fd, aside, fd, name, syscalls.NOREPLACE)
        except OSError as error:
            if error.errno not in syscalls.UNSUPPORTED:
                raise
            # No swap on this file system: the old entry moves away first, and for an instant the name is free.
            with contextlib.suppress(FileNotFoundError):
                os.rename(name, aside + ".old", src_dir_fd=fd, dst_dir_fd=fd)
            os.rename(aside, name, src_dir_fd=fd, dst_dir_fd=fd)

    def _write_in_place(self, fd: int, step: Step) -> None:
        assert isinstance(step.new, Entry)
        if step.path not in self.done.in_place:
            self.done.in_place.append(step.path)
        file = os.open(step.name, os.O_WRONLY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=fd)
        try:
            size = _write(file, self._chunks(step.new.blob))
            os.ftruncate(file, size)
            _set_attributes(file, step.new)
            os.fsync(file)
        finally:
            os.close(file)

    def _note_hard_link(self, fd: int, step: Step) -> None:
        with contextlib.suppress(FileNotFoundError):
            seen = os.stat(step.name, dir_fd=fd, follow_symlinks=False)
            if stat.S_ISREG(seen.st_mode) and seen.st_nlink > 1:
                self.done.hard_links.append(step.path)

    # --- clean and undo

    def _clean(self) -> None:
        for step, fd, name in self._asides():
            old = self._inspect(fd, name)
            # A file that was written in place leaves its new content aside: no one's but ours.
            if old is not None and not _same(old, step.old) and not _same(old, step.new):
                self.done.foreign[step.path] = old
        if self.done.foreign:
            self._keep(self.done.foreign)
        for _, fd, name in self._asides():
            _remove(fd, name)
        self._sync_folders()

    def _asides(self) -> Iterator[tuple[Step, int, str]]:
        """Yield each step with the folder and the names under which what it replaced may lie."""
        for number, step in self._switched:
            if not step.attributes_only:
                with self._parent(step) as fd:
                    yield step, fd, self._aside(number)
                    yield step, fd, self._aside(number) + ".old"

    def _undo(self) -> None:
        """Put back what was switched, last first, and remove what was prepared."""
        for number, step in reversed(self._switched):
            if step.attributes_only:
                with contextlib.suppress(FileNotFoundError):
                    self._set_folder(step.path, step.old)
                continue
            with self._parent(step) as fd:
                self._undo_one(fd, self._aside(number), step)
        for number, step in enumerate(self._plan.steps):
            if not step.attributes_only:
                with contextlib.suppress(FileNotFoundError), self._parent(step) as fd:
                    _remove(fd, self._aside(number))
        self._sync_folders()

    def _undo_one(self, fd: int, aside: str, step: Step) -> None:
        if step.new is None:
            with contextlib.suppress(FileNotFoundError):
                os.rename(aside, step.name, src_dir_fd=fd, dst_dir_fd=fd)
        elif step.path in self.done.in_place:
            assert isinstance(step.old, Entry)
            self._write_in_place(fd, Step(step.path, step.new, step.old))
        elif _exists(fd, aside + ".old"):
            os.rename(aside + ".old", step.name, src_dir_fd=fd, dst_dir_fd=fd)
        elif self._is_switched(fd, step):
            if _exists(fd, aside):
                self._place(fd, aside, step.name)
            else:
                os.rename(step.name, aside, src_dir_fd=fd, dst_dir_fd=fd)

    def _is_switched(self, fd: int, step: Step) -> bool:
        """Return whether the new entry is in its place: the last step may have failed before or after the rename."""
        there = self._inspect(fd, step.name)
        return there is not None and _same(there, step.new)

    # --- folders

    def _parent(self, step: Step) -> contextlib.AbstractContextManager[int]:
        """Open the folder that a step works in."""
        return self._folder(step.parent)

    def _folder(self, path: str) -> contextlib.AbstractContextManager[int]:
        return _open_folder(self._path, path)

    def _set_folder(self, path: str, entry: Entry | Folder | None) -> None:
        assert isinstance(entry, Folder)
        with self._folder(path) as fd:
            _set_attributes(fd, entry)
            os.fsync(fd)

    def _sync_folders(self) -> None:
        for path in sorted({step.parent for step in self._plan.steps}):
            with contextlib.suppress(FileNotFoundError, NotADirectoryError), self._folder(path) as fd:
                os.fsync(fd)

    def _aside(self, number: int) -> str:
        return f"{RESERVED_PREFIX}{self._token}-{number}"


def leftovers(path: str, token: str) -> Iterator[str]:
    """Yield the paths of what a run with that token left under its temporary names."""
    prefix = RESERVED_PREFIX + token + "-"
    for folder, folders, files, _ in os.fwalk(path, follow_symlinks=False):
        inside = os.path.relpath(folder, path)
        for name in [*folders, *files]:
            if name.startswith(prefix):
                yield os.path.normpath(os.path.join(inside, name))
        folders[:] = [name for name in folders if not name.startswith(prefix)]


def inspect_leftover(path: str, leftover: str, inspect: Inspect) -> Entry | Folder | None:
    """Return what one of `leftovers` is."""
    with _leftover_folder(path, leftover) as (fd, name):
        return inspect(fd, name)


def remove_leftover(path: str, leftover: str) -> None:
    """Remove one of `leftovers`."""
    with _leftover_folder(path, leftover) as (fd, name):
        _remove(fd, name)
        os.fsync(fd)


@contextlib.contextmanager
def _leftover_folder(path: str, leftover: str) -> Iterator[tuple[int, str]]:
    folder, _, name = leftover.rpartition("/")
    with _open_folder(path, folder) as fd:
        yield fd, name


@contextlib.contextmanager
def _open_folder(root: str, path: str) -> Iterator[int]:
    """Open the folder at `path` in the root, following no link on the way."""
    fd = os.open(root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        for name in path.split("/") if path else ():
            inner = os.open(name, _FOLDER, dir_fd=fd)
            os.close(fd)
            fd = inner
        yield fd
    finally:
        os.close(fd)


def make_root(path: str, mode: int, uid: int, gid: int) -> None:
    """Make the root folder itself, which is missing, in a parent that exists."""
    try:
        os.mkdir(path, 0o700)
        fd = os.open(path, _FOLDER)
    except OSError as error:
        raise ConfigvaultError(
            f"cannot create the root {path}: {error.strerror}", "create its parent folder"
        ) from error
    try:
        _set_attributes(fd, Folder(mode, uid, gid, {}))
        os.fsync(fd)
    finally:
        os.close(fd)
    parent = os.open(os.path.dirname(path), os.O_RDONLY | os.O_DIRECTORY)
    os.fsync(parent)
    os.close(parent)


def _write(file: int, pieces: Iterable[bytes]) -> int:
    size = 0
    for piece in pieces:
        view = memoryview(piece)
        while view:
            written = os.write(file, view)
            view = view[written:]
            size += written
    return size


def _set_attributes(fd: int, entry: Entry | Folder) -> None:
    """Set owner, then mode: chown(2) takes the set-id bits away."""
    seen = os.fstat(fd)
    if (seen.st_uid, seen.st_gid) != (entry.uid, entry.gid):
        os.fchown(fd, entry.uid, entry.gid)
    if stat.S_IMODE(os.fstat(fd).st_mode) != entry.mode:
        os.fchmod(fd, entry.mode)


def _own_link(fd: int, name: str, entry: Entry) -> None:
    seen = os.stat(name, dir_fd=fd, follow_symlinks=False)
    if (seen.st_uid, seen.st_gid) != (entry.uid, entry.gid):
        os.chown(name, entry.uid, entry.gid, dir_fd=fd, follow_symlinks=False)


def _same(found: Entry | Folder, expected: Entry | Folder | None) -> bool:
    """Return whether `found` holds what was `expected` (compared by content where both are folders)."""
    if isinstance(found, Folder) and isinstance(expected, Folder):
        return found.tree.id == expected.tree.id
    return isinstance(found, Entry) and found == expected


def _exists(fd: int, name: str) -> bool:
    try:
        os.stat(name, dir_fd=fd, follow_symlinks=False)
    except FileNotFoundError:
        return False
    return True


def _remove(fd: int, name: str) -> None:
    """Remove what has that name in the folder `fd`, a whole folder too, following no link."""
    try:
        seen = os.stat(name, dir_fd=fd, follow_symlinks=False)
    except FileNotFoundError:
        return
    if not stat.S_ISDIR(seen.st_mode):
        os.unlink(name, dir_fd=fd)
        return
    inner = os.open(name, _FOLDER, dir_fd=fd)
    try:
        if seen.st_mode & 0o300 != 0o300 and os.geteuid() == seen.st_uid:
            os.fchmod(inner, 0o700)
        for child in os.listdir(inner):
            _remove(inner, child)
    finally:
        os.close(inner)
    os.rmdir(name, dir_fd=fd)
