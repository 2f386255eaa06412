"""See which process writes: fanotify(7), where the kernel lets us (CAP_SYS_ADMIN).

Folders are marked one by one, so that only what happens in the root wakes us. What is found is kept for a while by the
file itself, not by its name: an editor writes beside a file and renames, and whoever wrote what had the name before did
not do that.

Not guaranteed: a process that has ended before we looked leaves only its number; what happens in a new folder before it
is marked is not seen; who renamed a file is not known, only who wrote it; who removed one is not known at all.
"""

from __future__ import annotations

import contextlib
import ctypes
import errno
import os
import select
import struct
import threading
from collections import OrderedDict
from collections.abc import Iterable

from configvault.who.changed import Writer
from configvault.who.people import login_uid

MOST_KEPT = 10_000
# Source: linux/fanotify.h.
_CLOEXEC, _NONBLOCK, _UNLIMITED_MARKS = 0x1, 0x2, 0x20
_MARK_ADD, _MARK_ONLYDIR, _MARK_DONT_FOLLOW = 0x1, 0x8, 0x4
_MODIFY, _CLOSE_WRITE, _OVERFLOW, _ON_CHILD = 0x2, 0x8, 0x4000, 0x0800_0000
# Source: statx(2) and linux/stat.h: the offsets of stx_mask and stx_btime.
_BTIME, _EMPTY_PATH, _NO_FOLLOW, _STATX_BYTES = 0x800, 0x1000, 0x100, 256
_MASK, _BIRTH = struct.Struct("=I"), struct.Struct("=80xqI")
_HEADER = struct.Struct("=IBBHQii")
_VERSION = 3
_LONGEST_COMMAND_BYTES = 4096


Identity = tuple[int, int, int, int]
"""A file whatever its name: device, inode, and when it was made, since inodes are used again."""


class UnseenError(Exception):
    """The kernel does not let us see who writes; the text says why."""


class Writers:
    """Watches folders and remembers who wrote to what is in them."""

    def __init__(self, root: str) -> None:
        """Begin to watch nothing yet.

        Raises:
            UnseenError: it is not permitted, or the kernel has no fanotify.
        """
        self._root = os.path.realpath(root)
        self._libc = ctypes.CDLL(None, use_errno=True)
        self._fd = self._call(
            "fanotify_init", _CLOEXEC | _NONBLOCK | _UNLIMITED_MARKS, os.O_RDONLY | os.O_CLOEXEC
        )
        self._marked: dict[str, tuple[int, int]] = {}
        self._seen: OrderedDict[Identity, Writer] = OrderedDict()
        self._lock = threading.Lock()
        self._stop, self._stopping = os.pipe()
        self._thread = threading.Thread(target=self._run, name="writers", daemon=True)
        self._thread.start()

    def follow(self, folders: Iterable[str]) -> None:
        """Watch these folders, relative to the root (`""` is the root itself); those that are gone are no matter."""
        for folder in folders:
            path = os.path.join(self._root, folder) if folder else self._root
            with contextlib.suppress(UnseenError, OSError):
                found = os.stat(path, follow_symlinks=False)
                # A folder that took another's place has its name, but no mark.
                if self._marked.get(path) != (found.st_dev, found.st_ino):
                    self._mark(path)
                    self._marked[path] = (found.st_dev, found.st_ino)

    def wrote(self, path: str) -> Writer | None:
        """Return who wrote last to the file that is at `path`, relative to the root; None where nobody was seen."""
        place = os.path.join(self._root, path)
        try:
            file = self._identity(os.lstat(place), -1, place)
        except OSError:
            return None
        with self._lock:
            return self._seen.get(file)

    def close(self) -> None:
        """Stop watching."""
        os.close(self._stopping)
        self._thread.join(5)
        os.close(self._fd)
        os.close(self._stop)

    # --- the kernel

    def _call(self, name: str, *args: int) -> int:
        function = getattr(self._libc, name, None)
        if function is None:
            raise UnseenError(f"{name} is not there")
        done = int(function(*(ctypes.c_uint(one) for one in args)))
        if done < 0:
            raise UnseenError(os.strerror(ctypes.get_errno()))
        return done

    def _mark(self, path: str) -> None:
        done = self._libc.fanotify_mark(
            ctypes.c_int(self._fd), ctypes.c_uint(_MARK_ADD | _MARK_ONLYDIR | _MARK_DONT_FOLLOW),
            ctypes.c_uint64(_MODIFY | _CLOSE_WRITE | _ON_CHILD), ctypes.c_int(-100), ctypes.c_char_p(os.fsencode(path)),
        )  # fmt: skip
        if done < 0:
            raise UnseenError(os.strerror(ctypes.get_errno()))

    def _run(self) -> None:
        waiting = select.poll()
        waiting.register(self._fd, select.POLLIN)
        waiting.register(self._stop, select.POLLIN | select.POLLHUP)
        while True:
            ready = dict(waiting.poll())
            if self._stop in ready:
                return
            try:
                self._take(os.read(self._fd, 65536))
            except OSError as error:
                if error.errno not in (errno.EAGAIN, errno.EINTR):
                    return

    def _take(self, events: bytes) -> None:
        at = 0
        while at + _HEADER.size <= len(events):
            length, version, _, _, mask, fd, pid = _HEADER.unpack_from(events, at)
            if version != _VERSION or length < _HEADER.size:
                return
            at += length
            if fd >= 0:
                try:
                    if not mask & _OVERFLOW and pid != os.getpid():
                        self._remember(self._identity(os.fstat(fd), fd, ""), pid)
                finally:
                    os.close(fd)

    def _identity(self, found: os.stat_result, fd: int, path: str) -> Identity:
        """Return which file it is that was `found` at `path`, or open as `fd` where that is empty."""
        said = ctypes.create_string_buffer(_STATX_BYTES)
        flags = _NO_FOLLOW if path else _EMPTY_PATH
        failed = self._libc.statx(fd, os.fsencode(path), flags, _BTIME, said)
        # Not every file system knows when a file was made.
        known = not failed and _MASK.unpack_from(said)[0] & _BTIME
        return found.st_dev, found.st_ino, *(_BIRTH.unpack_from(said) if known else (0, 0))

    def _remember(self, file: Identity, pid: int) -> None:
        with self._lock:
            known = self._seen.get(file)
        writer = _process(pid, known)
        with self._lock:
            self._seen[file] = writer
            self._seen.move_to_end(file)
            while len(self._seen) > MOST_KEPT:
                self._seen.popitem(last=False)


def _process(pid: int, known: Writer | None) -> Writer:
    """Return what is known of a process; of one that has ended, what was known of it before."""
    try:
        with open(f"/proc/{pid}/cmdline", "rb") as file:
            words = file.read(_LONGEST_COMMAND_BYTES).rstrip(b"\0").split(b"\0")
        uid = os.stat(f"/proc/{pid}").st_uid
    except OSError:
        return known if known is not None and known.pid == pid else Writer(pid, -1, None, None)
    if known is not None and known.pid == pid and not words[0]:
        return known
    command = " ".join(word.decode("utf-8", "replace") for word in words)
    printable = "".join(char if char.isprintable() else "?" for char in command)
    return Writer(pid, uid, login_uid(str(pid)), printable or None)
