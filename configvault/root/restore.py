"""Make the root what a plan says: the only module that writes there.

Three passes after the folders are opened to their owner. *Prepare* builds every new file, link or folder under a temporary name beside its place and syncs
it: a full disk ends here, with nothing changed. *Switch* swaps each into place with one rename, so a reader sees
the old or the new entry and never half of one. *Clean* looks at what was swapped out, hands back whatever
is not what was captured (somebody wrote meanwhile), and removes the rest.

Everything goes by descriptors from the root down with O_NOFOLLOW. The journal is the caller's: it is written
before and removed after, and a run that was cut off is repeated from a new capture (see usecases/recover.py).

Not guaranteed: that several files change at one instant. A file that is itself a mount point cannot be renamed over,
so it is written in place, and a reader may see half of it (`Restored.in_place` names it). Where the file system cannot
swap two names (FUSE, NFS), a name is missing for an instant while it is replaced, and what somebody puts there in that
instant is lost. What somebody writes through a descriptor of a replaced file after that file was looked at is lost with it. Times, extended attributes and access
control lists are not restored: no snapshot holds them.
"""

from __future__ import annotations

import contextlib
import errno
import os
import stat
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field

from configvault.core.errors import ConfigvaultError
from configvault.core.model import RESERVED_PREFIX, Entry, Folder, Kind
from configvault.core.plan import RestorePlan, Step
from configvault.disk import syscalls
from configvault.root import entries
from configvault.root.entries import Source

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
        source: Source,
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
        self._source = source
        self._inspect = inspect
        self._prepared = prepared
        self._keep = keep
        self._switched: list[tuple[int, Step]] = []
        self.done = Restored()
        self.undone = False
        self._is_prepared = False
        self._closed: dict[str, int] = {}
        self._modes: dict[str, int] = {}

    def run(self) -> Restored:
        """Prepare, switch and clean.

        Raises:
            OSError: it could not be done; `undone` says whether the root is as it was.
        """
        try:
            self._open_folders()
            self._prepare()
            self._prepared()
            self._is_prepared = True
            self._switch()
        except BaseException:
            # What cannot be undone here is carried on by whoever finds the journal.
            with contextlib.suppress(OSError, ConfigvaultError):
                self._undo()
                self._close_folders(undo=True)
                self.undone = True
            raise
        self._clean()
        self._close_folders(undo=False)
        return self.done

    # --- folders that forbid even their owner to write

    def _open_folders(self) -> None:
        """Let this user write in its own folders, as long as this runs."""
        if os.geteuid() == 0:
            return
        for path in self._parents():
            with self._folder(path) as fd:
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
            with contextlib.suppress(FileNotFoundError), self._folder(path) as fd:
                os.fchmod(fd, mode)
                os.fsync(fd)

    def _set_folder(self, path: str, entry: Entry | Folder | None) -> None:
        """Give a folder its mode and owner; what must still be written in stays open to its owner until the end."""
        assert isinstance(entry, Folder)
        if os.geteuid() != 0 and entry.mode & 0o300 != 0o300 and path in self._parents():
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
                with self._parent(step) as fd:
                    if isinstance(step.old, Folder):
                        entries.check_removable(fd, step.name, step.path)
                    if step.new is not None:
                        entries.build(fd, self._aside(number), step.new, chunks)

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
            if error.errno != errno.EBUSY or not (_is_file(step.old) and _is_file(step.new)):
                raise
            self._keep_foreign_in_place(fd, step)
            self._write_in_place(fd, step)

    def _keep_foreign_in_place(self, fd: int, step: Step) -> None:
        """Hand over what somebody else wrote there since it was captured: it is about to be written over."""
        found = self._inspect(fd, step.name)
        if found is not None and not _same(found, step.old) and not _same(found, step.new):
            self._keep({step.path: found})

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
        file = os.open(step.name, os.O_WRONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=fd)
        try:
            if not stat.S_ISREG(os.fstat(file).st_mode):
                raise OSError(errno.EBUSY, "it is in use and no longer a file", step.path)
            size = entries.write(file, self._source.chunks(step.new.blob))
            os.ftruncate(file, size)
            entries.set_attributes(file, step.new)
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
        """Remove what lies aside; what is neither the old entry nor the new one is handed to `keep` first."""
        for step, fd, name in self._asides():
            found = self._inspect(fd, name)
            if found is not None and not _same(found, step.old) and not _same(found, step.new):
                self.done.foreign[step.path] = found
        if self.done.foreign:
            self._keep(self.done.foreign)
        self._remove_asides()

    def _remove_asides(self) -> None:
        for _, fd, name in self._asides():
            entries.remove(fd, name)
        self._sync_folders()

    def _asides(self) -> Iterator[tuple[Step, int, str]]:
        """Yield each step with its folder and the names under which something of it may lie."""
        for number, step in enumerate(self._plan.steps):
            if not step.attributes_only:
                with self._parent(step) as fd:
                    yield step, fd, self._aside(number)
                    yield step, fd, self._aside(number) + ".old"

    def _undo(self) -> None:
        """Put back what was switched, last first, and remove what was prepared."""
        for number, step in reversed(self._switched):
            if step.attributes_only:
                self._set_folder(step.path, step.old)
                continue
            with self._parent(step) as fd:
                self._undo_one(fd, self._aside(number), step)
        if self._is_prepared:
            self._clean()
        else:
            # Nothing but half-built new entries can have these names yet.
            self._remove_asides()

    def _undo_one(self, fd: int, aside: str, step: Step) -> None:
        if step.new is None:
            self._move_back(fd, aside, step.name)
        elif step.path in self.done.in_place:
            assert isinstance(step.old, Entry)
            self._write_in_place(fd, Step(step.path, step.new, step.old))
        elif entries.exists(fd, aside + ".old"):
            if self._is_switched(fd, step):
                os.rename(step.name, aside, src_dir_fd=fd, dst_dir_fd=fd)
            self._move_back(fd, aside + ".old", step.name)
        elif self._is_switched(fd, step):
            if entries.exists(fd, aside):
                self._place(fd, aside, step.name)
            else:
                os.rename(step.name, aside, src_dir_fd=fd, dst_dir_fd=fd)

    def _move_back(self, fd: int, aside: str, name: str) -> None:
        """Give `aside` its name back; where somebody took that name meanwhile this fails, and theirs stays."""
        if entries.exists(fd, aside):
            try:
                syscalls.renameat2(fd, aside, fd, name, syscalls.NOREPLACE)
            except OSError as error:
                if error.errno not in syscalls.UNSUPPORTED or entries.exists(fd, name):
                    raise
                os.rename(aside, name, src_dir_fd=fd, dst_dir_fd=fd)

    def _is_switched(self, fd: int, step: Step) -> bool:
        """Return whether the new entry is in its place: the last step may have failed before or after the rename."""
        there = self._inspect(fd, step.name)
        return there is not None and _same(there, step.new)

    # --- places

    def _parent(self, step: Step) -> contextlib.AbstractContextManager[int]:
        """Open the folder that a step works in."""
        return self._folder(step.parent)

    def _folder(self, path: str) -> contextlib.AbstractContextManager[int]:
        return entries.open_folder(self._path, path)

    def _sync_folders(self) -> None:
        for path in sorted({step.parent for step in self._plan.steps}):
            with contextlib.suppress(FileNotFoundError, NotADirectoryError), self._folder(path) as fd:
                os.fsync(fd)

    def _aside(self, number: int) -> str:
        return f"{RESERVED_PREFIX}{self._token}-{number}"


def _is_file(entry: Entry | Folder | None) -> bool:
    return isinstance(entry, Entry) and entry.kind is Kind.FILE


def _same(found: Entry | Folder, expected: Entry | Folder | None) -> bool:
    """Return whether `found` holds what was `expected` (compared by content where both are folders)."""
    if isinstance(found, Folder) and isinstance(expected, Folder):
        return found.id == expected.id
    return isinstance(found, Entry) and found == expected
