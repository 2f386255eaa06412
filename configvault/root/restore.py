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
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field

from configvault.core.model import RESERVED_PREFIX, Entry, Folder, Kind
from configvault.core.plan import RestorePlan, Step
from configvault.root import entries, syscalls
from configvault.root.entries import Chunks

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
                entries.build(fd, name, step.new, self._chunks)

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
            size = entries.write(file, self._chunks(step.new.blob))
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
        for step, fd, name in self._asides():
            old = self._inspect(fd, name)
            # A file that was written in place leaves its new content aside: no one's but ours.
            if old is not None and not _same(old, step.old) and not _same(old, step.new):
                self.done.foreign[step.path] = old
        if self.done.foreign:
            self._keep(self.done.foreign)
        for _, fd, name in self._asides():
            entries.remove(fd, name)
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
                    entries.remove(fd, self._aside(number))
        self._sync_folders()

    def _undo_one(self, fd: int, aside: str, step: Step) -> None:
        if step.new is None:
            with contextlib.suppress(FileNotFoundError):
                os.rename(aside, step.name, src_dir_fd=fd, dst_dir_fd=fd)
        elif step.path in self.done.in_place:
            assert isinstance(step.old, Entry)
            self._write_in_place(fd, Step(step.path, step.new, step.old))
        elif entries.exists(fd, aside + ".old"):
            os.rename(aside + ".old", step.name, src_dir_fd=fd, dst_dir_fd=fd)
        elif self._is_switched(fd, step):
            if entries.exists(fd, aside):
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
        return entries.open_folder(self._path, path)

    def _set_folder(self, path: str, entry: Entry | Folder | None) -> None:
        assert isinstance(entry, Folder)
        with self._folder(path) as fd:
            entries.set_attributes(fd, entry)
            os.fsync(fd)

    def _sync_folders(self) -> None:
        for path in sorted({step.parent for step in self._plan.steps}):
            with contextlib.suppress(FileNotFoundError, NotADirectoryError), self._folder(path) as fd:
                os.fsync(fd)

    def _aside(self, number: int) -> str:
        return f"{RESERVED_PREFIX}{self._token}-{number}"


def _same(found: Entry | Folder, expected: Entry | Folder | None) -> bool:
    """Return whether `found` holds what was `expected` (compared by content where both are folders)."""
    if isinstance(found, Folder) and isinstance(expected, Folder):
        return found.tree.id == expected.tree.id
    return isinstance(found, Entry) and found == expected
