"""Apply a restore plan to the root. Only this module changes files there.

It first makes folders writable for their owner, then works in three passes:

- *Prepare* builds every new file, link or folder in the staging folder (see staging.py) and syncs it. A full disk fails
  here, before anything has changed.
- *Switch* swaps each new entry into place with one rename, so a reader sees the old or the new entry, never half of one.
- *Clean* examines what was swapped out. It removes what had been captured. What another process wrote in the meantime
  is handed to the caller and then removed. Anything else stays in the staging folder.

Every path is opened one component at a time, by descriptor and with O_NOFOLLOW, and a folder is used only if it is still
the one that was captured: anybody who can write in the root can rename any folder at any moment. A folder that was
replaced is left alone; the next capture shows what is there now. The caller writes the journal before the run and
removes it afterwards. An interrupted run is repeated from a new capture (see usecases/transition.py).

Not guaranteed:

- Several files do not change at the same instant.
- A file that is itself a mount point cannot be replaced by a rename. It is written in place, and a reader may see half
  of it (`Applied.in_place` lists such files).
- Where the file system cannot swap two names (FUSE, NFS), the name is missing for an instant, and a file that another
  process creates there in that instant is lost.
- What a process writes through an open descriptor of a replaced file, after that file was examined, is lost.
- Times are not restored. Snapshots hold no extended attributes or access control lists either; they are copied from the
  entry that is replaced (see xattrs.py).
"""

from __future__ import annotations

import contextlib
import errno
import os
import stat
import threading
import time
from collections.abc import Callable, Iterator, Mapping

from configvault.core.errors import ConfigvaultError
from configvault.core.frozen import field, mutable
from configvault.core.model import Entry, Folder, Kind
from configvault.core.plan import RestorePlan, Step
from configvault.disk import syscalls
from configvault.root import entries, staging, xattrs
from configvault.root.capture import Root, Sink
from configvault.root.entries import BlobReader
from configvault.root.examine import LeaveError, examine
from configvault.root.inodes import Identity, identity
from configvault.root.staging import Staging

# How often an operation is tried again while another process keeps exchanging a folder or a name, and the pause between
# two looks for a folder.
_TRIES = 60
_PAUSE_S = 0.002
# How long the clean pass waits, in all, for files that are still being written.
_PATIENCE_S = 10.0
# What opening a folder reports if it was removed, or is now a file or a link.
_GONE = {errno.ENOENT, errno.ENOTDIR, errno.ELOOP}


@mutable
class Applied:
    """What a restore did beyond the plan. All paths are relative to the root.

    Attributes:
        in_place: files that were overwritten in place, because they are mount points.
        hard_links: replaced files that had other hard links; the other names still lead to the old content.
        foreign: what another process wrote in the meantime, by path; it was handed to `keep`, then removed.
        aside: what could neither be kept nor removed: its former path, and where in the root it is now.
        missed: folders that are no longer the ones that were captured; nothing was done in them.
        bare: entries that could not get the access control list or the extended attributes of what they replaced.
    """

    in_place: list[str] = field(default_factory=list)
    hard_links: list[str] = field(default_factory=list)
    foreign: dict[str, Entry | Folder] = field(default_factory=dict)
    aside: dict[str, str] = field(default_factory=dict)
    missed: set[str] = field(default_factory=set)
    bare: list[str] = field(default_factory=list)


class _MissedError(Exception):
    """A folder is not the one that was captured."""


class Restore:
    """One run of a plan over `root`. The plan must come from the last capture of this `root` object."""

    def __init__(
        self,
        root: Root,
        plan: RestorePlan,
        token: str,
        source: BlobReader,
        sink: Sink,
        prepared: Callable[[], None],
        keep: Callable[[Mapping[str, Entry | Folder]], None],
    ) -> None:
        """Take the plan and what it needs; nothing is changed yet.

        Args:
            root: where to work.
            plan: what to change.
            token: from the journal; it identifies the staging folder, also after a crash.
            source: where the bytes of new files come from.
            sink: where the bytes of examined old files go.
            prepared: called between prepare and switch. From then on the staging folder may hold original files.
            keep: called with the entries that had not been captured, by path, before they are removed.
        """
        self._root = root
        self._known = root.folders
        self._plan = plan
        self._token = token
        self._source = source
        self._sink = sink
        self._prepared = prepared
        self._keep = keep
        self._fd = -1
        self._stagings: dict[str, Staging] = {}
        self._staging_of: dict[str, Staging] = {}
        self._switched: list[tuple[int, Step]] = []
        self._made: dict[int, Identity] = {}
        self.done = Applied()
        self.undone = False
        self._is_prepared = False
        self._until_s = 0.0
        self._closed: dict[str, int] = {}
        self._modes: dict[str, int] = {}

    def run(self) -> Applied:
        """Prepare, switch and clean.

        Raises:
            OSError: the restore failed; `undone` tells whether the root is again as it was before.
        """
        try:
            # Kept open to the end: if another directory takes the path in the meantime, nothing happens in that one.
            self._fd = self._root.open()
            self._check_root()
            try:
                self._open_folders()
                self._prepare()
                self._prepared()
                self._is_prepared = True
                self._switch()
            except BaseException:
                # If the undo fails too, the journal is still there: the next command that writes finishes the restore.
                with contextlib.suppress(OSError, ConfigvaultError, _MissedError):
                    self._undo()
                    self._close_folders(undo=True)
                    self.undone = True
                raise
            self._clean()
            self._close_folders(undo=False)
            return self.done
        finally:
            for one in self._stagings.values():
                one.close()
            if self._fd >= 0:
                os.close(self._fd)

    def _check_root(self) -> None:
        """Refuse to work in a directory other than the one that was captured and saved in the vault.

        Raises:
            OSError: another directory has this path now.
        """
        known = self._known.get("")
        if known is not None and identity(os.fstat(self._fd)) != known:
            self.undone = True
            raise OSError(errno.EBUSY, "another directory has taken its place", self._root.path)

    # --- folders that forbid even their owner to write

    def _open_folders(self) -> None:
        """Make this user's own read-only folders writable for the duration of the run; root needs no permission."""
        if os.geteuid() == 0:
            return
        for path in ["", *self._parents()]:
            with contextlib.suppress(_MissedError), self._folder(path) as fd:
                seen = os.fstat(fd)
                if seen.st_mode & 0o300 != 0o300 and os.geteuid() == seen.st_uid:
                    self._closed[path] = stat.S_IMODE(seen.st_mode)
                    os.fchmod(fd, self._closed[path] | 0o300)

    def _close_folders(self, *, undo: bool) -> None:
        modes = self._closed
        if not undo:
            planned = {step.path for step in self._plan.steps if step.attributes_only}
            modes = {path: mode for path, mode in modes.items() if path not in planned} | self._modes
        for path, mode in modes.items():
            with contextlib.suppress(FileNotFoundError, _MissedError), self._folder(path) as fd:
                os.fchmod(fd, mode)
                os.fsync(fd)

    def _set_folder(self, path: str, entry: Entry | Folder | None) -> None:
        """Give a folder its mode and owner; one with work left in it stays writable until `_close_folders`."""
        assert isinstance(entry, Folder)
        if os.geteuid() != 0 and entry.mode & 0o300 != 0o300 and (not path or path in self._parents()):
            self._modes[path] = entry.mode
            entry = Folder(entry.mode | 0o300, entry.uid, entry.gid, {})
        with self._folder(path) as fd:
            entries.set_attributes(fd, entry)
            os.fsync(fd)

    def _parents(self) -> list[str]:
        return sorted({step.parent for step in self._plan.steps if not step.attributes_only})

    # --- prepare

    def _prepare(self) -> None:
        steps = [(number, step) for number, step in enumerate(self._plan.steps) if not step.attributes_only]
        wanted = [id_ for _, step in steps if step.new is not None for id_ in entries.wanted(step.new)]
        with self._source.ahead(wanted) as chunks:
            for number, step in steps:
                with contextlib.suppress(_MissedError), self._parent(step) as fd:
                    _check_writable(fd, step.parent)
                    if isinstance(step.old, Folder):
                        entries.check_removable(fd, step.name, step.path)
                    place = self._place_for(step, fd)
                    if step.new is not None:
                        with _about(step):
                            self._build(fd, place, number, step, chunks)

    def _build(self, fd: int, place: Staging, number: int, step: Step, chunks: entries.Chunks) -> None:
        new = step.new
        assert new is not None
        carried = xattrs.of(fd, step.name, step.old, new, self._captured(fd, step))
        if isinstance(new, Folder) and os.geteuid() != 0 and new.mode & 0o300 != 0o300:
            # Moving a folder to another parent rewrites its `..`, which needs write permission in the folder itself:
            # see rename(2), EACCES. `_narrow` sets the final mode after the move.
            new = Folder(new.mode | 0o300, new.uid, new.gid, new.entries)
        if not entries.build(place.fd, str(number), new, chunks, carried):
            self.done.bare.append(step.path)
        self._made[number] = identity(os.stat(str(number), dir_fd=place.fd, follow_symlinks=False))

    def _captured(self, fd: int, step: Step) -> Identity | None:
        """Return the identity that the old entry of a step had when it was captured; `fd` is its folder."""
        if isinstance(step.old, Folder):
            return self._known.get(step.path)
        stamp = self._root.seen.get(step.path)
        return (os.fstat(fd).st_dev, stamp.inode) if stamp is not None else None

    def _place_for(self, step: Step, fd: int) -> Staging:
        """Return the staging folder for a step in the folder `fd`; make it on first use."""
        if step.parent not in self._staging_of:
            self._staging_of[step.parent] = self._make_staging(step.parent, fd)
        return self._staging_of[step.parent]

    def _make_staging(self, parent: str, fd: int) -> Staging:
        """Return a private folder from which entries can be renamed into the folder `parent`.

        rename(2) does not work across mounts, so it is made in the highest folder above `parent` that is on the same
        mount and that this user may write in: usually the root itself.
        """
        parts = parent.split("/") if parent else []
        mount = staging.mount_of(fd)
        for depth in range(len(parts) + 1):
            above = "/".join(parts[:depth])
            with self._folder(above) as inner:
                if staging.mount_of(inner) != mount:
                    continue
                try:
                    if above not in self._stagings:
                        self._stagings[above] = staging.make(inner, self._token)
                    return self._stagings[above]
                except OSError as error:
                    if error.errno not in {errno.EACCES, errno.EPERM, errno.EROFS} or above == parent:
                        raise
        raise _MissedError(parent)

    # --- switch

    def _switch(self) -> None:
        for number, step in enumerate(self._plan.steps):
            # Noted before the step: one that fails halfway must be undone, too.
            self._switched.append((number, step))
            try:
                if step.attributes_only:
                    self._set_folder(step.path, step.new)
                elif step.parent in self._staging_of and (step.new is None or number in self._made):
                    with self._parent(step) as fd, _about(step):
                        self._switch_one(fd, number, step)
            except _MissedError:
                self._switched.pop()
        self._sync_folders()

    def _switch_one(self, fd: int, number: int, step: Step) -> None:
        place, name = self._staging_of[step.parent], str(number)
        self._open_to_move(fd, step)
        if step.new is None:
            self._take_out(fd, step.name, place, name)
            return
        try:
            self._swap(place, name, fd, step.name)
        except OSError as error:
            # EBUSY: the target is a mount point, for example a file that is bind-mounted into a container.
            if error.errno != errno.EBUSY or not (_is_file(step.old) and _is_file(step.new)):
                raise
            self._keep_foreign_in_place(fd, step)
            self._write_in_place(fd, step)
            return
        self._narrow(fd, number, step)

    def _open_to_move(self, fd: int, step: Step) -> None:
        """Make the old folder writable if its mode forbids it to this user, who owns it: else it could not be moved."""
        if os.geteuid() == 0 or not isinstance(step.old, Folder) or step.old.mode & 0o300 == 0o300:
            return
        with contextlib.suppress(OSError), entries.open_inside(fd, step.name) as inner:
            if identity(os.fstat(inner)) == self._known.get(step.path):
                os.fchmod(inner, step.old.mode | 0o300)

    def _take_out(self, fd: int, name: str, place: Staging, to: str) -> None:
        try:
            for _ in range(_TRIES):
                try:
                    os.rename(name, to, src_dir_fd=fd, dst_dir_fd=place.fd)
                except FileNotFoundError:
                    return
                except OSError as error:
                    # EINVAL: somebody gave the staging folder itself this name, and it cannot move into itself.
                    if error.errno != errno.EINVAL:
                        raise
                    place.give_other_name(fd, name)
                else:
                    return
            raise _MissedError(name)
        except PermissionError as error:
            _remove_empty(fd, name, error)

    def _narrow(self, fd: int, number: int, step: Step) -> None:
        """Give a new folder its final mode, which would have forbidden the move."""
        if isinstance(step.new, Folder) and os.geteuid() != 0 and step.new.mode & 0o300 != 0o300:
            with contextlib.suppress(FileNotFoundError), entries.open_inside(fd, step.name) as inner:
                if identity(os.fstat(inner)) == self._made[number]:
                    os.fchmod(inner, step.new.mode)
                    os.fsync(inner)

    def _keep_foreign_in_place(self, fd: int, step: Step) -> None:
        """Hand to `keep` what another process wrote in the file since the capture: it is about to be overwritten."""
        found = self._root.inspect(fd, step.name, self._sink)
        if found is not None and not _same(found, step.old) and not _same(found, step.new):
            self._keep({step.path: found})

    def _swap(self, place: Staging, name: str, fd: int, target: str) -> None:
        """Swap `name` in the staging folder with `target` in the folder `fd`; just move it if there is no `target`."""
        try:
            for _ in range(_TRIES):
                try:
                    with contextlib.suppress(FileNotFoundError):
                        syscalls.renameat2(place.fd, name, fd, target, syscalls.EXCHANGE)
                        return
                    # There was nothing to swap with. NOREPLACE, since something may appear at this moment.
                    with contextlib.suppress(FileExistsError):
                        syscalls.renameat2(place.fd, name, fd, target, syscalls.NOREPLACE)
                        return
                except OSError as error:
                    if error.errno not in syscalls.UNSUPPORTED:
                        raise
                    if not place.can_swap():
                        self._swap_in_two(place, name, fd, target)
                        return
                    # The file system can swap, so the error has another cause: somebody gave the staging folder itself
                    # this name.
                    place.give_other_name(fd, target)
            raise _MissedError(target)
        except PermissionError as error:
            _remove_empty(fd, target, error)
            syscalls.renameat2(place.fd, name, fd, target, syscalls.NOREPLACE)

    def _swap_in_two(self, place: Staging, name: str, fd: int, target: str) -> None:
        """Do the same without a swap: move the old entry away, then the new one in; for an instant the name is free."""
        with contextlib.suppress(FileNotFoundError):
            os.rename(target, f"{name}.old", src_dir_fd=fd, dst_dir_fd=place.fd)
        os.rename(name, target, src_dir_fd=place.fd, dst_dir_fd=fd)

    def _write_in_place(self, fd: int, step: Step) -> None:
        assert isinstance(step.new, Entry)
        if step.path not in self.done.in_place:
            self.done.in_place.append(step.path)
        file = os.open(step.name, os.O_WRONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=fd)
        try:
            # Mounting needs more than write permission in the root. A file that is a mount of its own is therefore the
            # one we mean, and not another file that somebody renamed to this name.
            if not stat.S_ISREG(os.fstat(file).st_mode) or staging.mount_of(file) == staging.mount_of(fd):
                raise OSError(errno.EBUSY, "it is in use and no longer a file of its own mount", step.path)
            size = entries.write(file, self._source.chunks(step.new.blob))
            os.ftruncate(file, size)
            entries.set_attributes(file, step.new)
            os.fsync(file)
        finally:
            os.close(file)

    # --- clean and undo

    def _clean(self) -> None:
        """Remove what was swapped out; hand to `keep` first what is neither the old entry nor the new one."""
        self._until_s = time.monotonic() + _PATIENCE_S
        for number, step, place, name in self._out():
            try:
                found = self._examine(number, step, place, name)
            except LeaveError:
                self._leave(step, place, name)
                continue
            if not _same(found, step.old) and not _same(found, step.new):
                self.done.foreign[step.path] = found
        if self.done.foreign:
            self._keep(self.done.foreign)
        for _, step, place, name in self._out():
            try:
                entries.remove(place.fd, name)
            except PermissionError:  # an immutable file, say
                self._leave(step, place, name)
        self._close_stagings()

    def _examine(self, number: int, step: Step, place: Staging, name: str) -> Entry | Folder:
        seen = os.stat(name, dir_fd=place.fd, follow_symlinks=False)
        is_made = identity(seen) == self._made.get(number)
        if step.old is not None and step.new is not None and not is_made and _is_linked(seen):
            self.done.hard_links.append(step.path)
        # A process that keeps writing to a swapped-out file must not hold up the restore for long.
        patience_s = max(min(1.0, self._until_s - time.monotonic()), 0.0)
        return examine(
            self._root, self._sink, place.fd, name, step.path, self._known, self._is_kept, patience_s
        )

    def _is_kept(self, entry: Entry) -> bool:
        return self._source.has(entry.blob)

    def _leave(self, step: Step, place: Staging, name: str) -> None:
        """Let an entry stay in the staging folder, under the name that it had in the root."""
        free = place.free(step.name)
        os.rename(name, free, src_dir_fd=place.fd, dst_dir_fd=place.fd)
        self.done.aside[step.path] = f"{place.name}/{free}"

    def _close_stagings(self) -> None:
        for one in self._stagings.values():
            before = one.name
            if one.names():
                one.leave()
            else:
                one.remove()
            if one.name != before:
                self.done.aside = {
                    path: where.replace(before, one.name, 1) for path, where in self.done.aside.items()
                }

    def _out(self) -> Iterator[tuple[int, Step, Staging, str]]:
        """Yield number, step, staging folder and name of each entry that is now in a staging folder.

        The name is the step's number; `NUMBER.old` comes from `_swap_in_two`.
        """
        for number, step in enumerate(self._plan.steps):
            place = None if step.attributes_only else self._staging_of.get(step.parent)
            for name in (str(number), f"{number}.old") if place else ():
                if place is not None and entries.exists(place.fd, name):
                    yield number, step, place, name

    def _undo(self) -> None:
        """Put back what was switched, last first, and remove what was prepared."""
        for number, step in reversed(self._switched):
            if step.attributes_only:
                self._set_folder(step.path, step.old)
            elif step.parent in self._staging_of:
                with self._parent(step) as fd:
                    self._undo_one(fd, number, step)
        if self._is_prepared:
            self._clean()
            self._sync_folders()
        else:
            # Before the switch there are only half-built new entries in the staging folders.
            for place in self._stagings.values():
                for name in place.names():
                    entries.remove(place.fd, name)
            self._close_stagings()

    def _undo_one(self, fd: int, number: int, step: Step) -> None:
        place, name = self._staging_of[step.parent], str(number)
        if step.new is None:
            self._move_back(place, name, fd, step)
        elif step.path in self.done.in_place:
            assert isinstance(step.old, Entry)
            self._write_in_place(fd, Step(step.path, step.new, step.old))
        elif entries.exists(place.fd, f"{name}.old"):
            if self._is_switched(fd, number, step):
                os.rename(step.name, name, src_dir_fd=fd, dst_dir_fd=place.fd)
            self._move_back(place, f"{name}.old", fd, step)
        elif self._is_switched(fd, number, step):
            self._open_to_move_new(fd, number, step)
            if entries.exists(place.fd, name):
                self._swap(place, name, fd, step.name)
                self._close_again(fd, step)
            else:
                os.rename(step.name, name, src_dir_fd=fd, dst_dir_fd=place.fd)

    def _move_back(self, place: Staging, name: str, fd: int, step: Step) -> None:
        """Move an entry back to its old name. If another process has taken that name, fail and leave theirs alone."""
        if entries.exists(place.fd, name):
            try:
                syscalls.renameat2(place.fd, name, fd, step.name, syscalls.NOREPLACE)
            except OSError as error:
                if error.errno not in syscalls.UNSUPPORTED or entries.exists(fd, step.name):
                    raise
                os.rename(name, step.name, src_dir_fd=place.fd, dst_dir_fd=fd)
        self._close_again(fd, step)

    def _open_to_move_new(self, fd: int, number: int, step: Step) -> None:
        """Undo `_narrow`, so that the new folder can be moved out again."""
        if isinstance(step.new, Folder) and os.geteuid() != 0 and step.new.mode & 0o300 != 0o300:
            with entries.open_inside(fd, step.name) as inner:
                if identity(os.fstat(inner)) == self._made[number]:
                    os.fchmod(inner, step.new.mode | 0o300)

    def _close_again(self, fd: int, step: Step) -> None:
        """Undo `_open_to_move`."""
        if os.geteuid() != 0 and isinstance(step.old, Folder) and step.old.mode & 0o300 != 0o300:
            with contextlib.suppress(FileNotFoundError), entries.open_inside(fd, step.name) as inner:
                if identity(os.fstat(inner)) == self._known.get(step.path):
                    os.fchmod(inner, step.old.mode)

    def _is_switched(self, fd: int, number: int, step: Step) -> bool:
        """Return whether the new entry is in place: the step that failed may have failed before or after the rename."""
        try:
            seen = os.stat(step.name, dir_fd=fd, follow_symlinks=False)
        except FileNotFoundError:
            return False
        return identity(seen) == self._made.get(number)

    # --- places

    def _parent(self, step: Step) -> contextlib.AbstractContextManager[int]:
        """Open the folder that a step works in."""
        return self._folder(step.parent)

    @contextlib.contextmanager
    def _folder(self, path: str) -> Iterator[int]:
        """Open the folder that was captured at `path`.

        Raises:
            _MissedError: another folder, or none, is there now.
        """
        fd = self._find(path)
        try:
            yield fd
        finally:
            os.close(fd)

    def _find(self, path: str) -> int:
        idle = threading.Event()
        # Several tries: somebody may be swapping the folder back and forth. One is enough once it was given up.
        for _ in range(1 if path in self.done.missed else _TRIES):
            try:
                fd = entries.open_below(self._fd, path)
            except OSError as error:
                if error.errno not in _GONE:
                    raise
            else:
                if not path or identity(os.fstat(fd)) == self._known.get(path):
                    return fd
                os.close(fd)
            idle.wait(_PAUSE_S)
        self.done.missed.add(path)
        raise _MissedError(path)

    def _sync_folders(self) -> None:
        for path in sorted({step.parent for step in self._plan.steps}):
            with (
                contextlib.suppress(FileNotFoundError, NotADirectoryError, _MissedError),
                self._folder(path) as fd,
            ):
                os.fsync(fd)


@contextlib.contextmanager
def _about(step: Step) -> Iterator[None]:
    """Make a system error name the path that is restored, not its temporary name in the staging folder."""
    try:
        yield
    except OSError as error:
        error.filename = step.path
        raise


def _check_writable(fd: int, path: str) -> None:
    """Fail early where this user may not add or remove names. Not checked for root, whom mode bits do not bind."""
    if os.geteuid() != 0 and not os.access(".", os.W_OK | os.X_OK, dir_fd=fd, effective_ids=True):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), path or ".")


def _remove_empty(fd: int, name: str, error: PermissionError) -> None:
    """Remove another user's folder that this user may not move: rmdir(2) needs no permission in it if it is empty."""
    try:
        os.rmdir(name, dir_fd=fd)
    except OSError:
        raise error from None


def _is_file(entry: Entry | Folder | None) -> bool:
    return isinstance(entry, Entry) and entry.kind is Kind.FILE


def _is_linked(seen: os.stat_result) -> bool:
    return stat.S_ISREG(seen.st_mode) and seen.st_nlink > 1


def _same(found: Entry | Folder, expected: Entry | Folder | None) -> bool:
    """Return whether `found` equals `expected`; two folders are compared by their tree id."""
    if isinstance(found, Folder) and isinstance(expected, Folder):
        return found.id == expected.id
    return isinstance(found, Entry) and found == expected
