"""The system calls that change what is on a disk (x86_64), and the filter that makes the kernel stop at them.

Not seen: stores into shared writable mappings, io_uring, 32-bit programs. Nothing under test uses these.
Source: syscalls(2), the kernel's syscall_64.tbl, seccomp(2).
"""

from __future__ import annotations

import os
import struct
from collections.abc import Iterable
from dataclasses import dataclass

# Operands: `fd:N` a descriptor in argument N, `path:N` a path, `at:N` a folder descriptor with the path in N+1.
_TABLE = """
    write 1 fd:0 | pwrite64 18 fd:0 | writev 20 fd:0 | pwritev 296 fd:0 | pwritev2 328 fd:0 | sendfile 40 fd:0
    copy_file_range 326 fd:2 | splice 275 fd:2 | fallocate 285 fd:0 | truncate 76 path:0 | ftruncate 77 fd:0
    open 2 path:0 | creat 85 path:0 | openat 257 at:0
    fsync 74 fd:0 | fdatasync 75 fd:0 | sync 162 | syncfs 306 fd:0 | sync_file_range 277 fd:0
    rename 82 path:0 path:1 | renameat 264 at:0 at:2 | renameat2 316 at:0 at:2
    link 86 path:0 path:1 | linkat 265 at:0 at:2 | symlink 88 path:1 | symlinkat 266 at:1
    unlink 87 path:0 | unlinkat 263 at:0 | rmdir 84 path:0 | mkdir 83 path:0 | mkdirat 258 at:0
    mknod 133 path:0 | mknodat 259 at:0
    chmod 90 path:0 | fchmod 91 fd:0 | fchmodat 268 at:0 | fchmodat2 452 at:0
    chown 92 path:0 | fchown 93 fd:0 | lchown 94 path:0 | fchownat 260 at:0
    utime 132 path:0 | utimes 235 path:0 | futimesat 261 at:0 | utimensat 280 at:0
    setxattr 188 path:0 | lsetxattr 189 path:0 | fsetxattr 190 fd:0
    removexattr 197 path:0 | lremovexattr 198 path:0 | fremovexattr 199 fd:0
"""
_LOOKS = (
    "read 0 fd:0 | pread64 17 fd:0 | readv 19 fd:0 | preadv 295 fd:0 | preadv2 327 fd:0 | getdents64 217 fd:0"
)
OPENS = {"open": 1, "openat": 2}
"""Which argument holds the flags."""
O_CHANGES = os.O_CREAT | os.O_TRUNC | (os.O_TMPFILE & ~os.O_DIRECTORY)
"""An open without any of these changes nothing."""

_X86_64 = 0xC000003E
_TRACE, _ALLOW = 0x7FF00000, 0x7FFF0000
_LOAD, _JUMP_EQUAL, _JUMP_SET, _RETURN = 0x20, 0x15, 0x45, 0x06


@dataclass(frozen=True)
class Syscall:
    """One call: its name, number, and where its paths are."""

    name: str
    number: int
    operands: tuple[tuple[str, int], ...]


def _parse(text: str) -> dict[int, Syscall]:
    table = {}
    for row in text.replace("\n", "|").split("|"):
        if row.strip():
            name, number, *operands = row.split()
            places = tuple((o.split(":")[0], int(o.split(":")[1])) for o in operands)
            table[int(number)] = Syscall(name, int(number), places)
    return table


BY_NUMBER = _parse(_TABLE)
LOOKS_BY_NUMBER = BY_NUMBER | _parse(_LOOKS)
"""The same, and the calls that only read."""


def seccomp_filter(calls: Iterable[Syscall], *, every_open: bool = False) -> bytes:
    """Return a BPF program that stops a traced process at these calls and lets all else run at full speed.

    Of the opens it stops at those that change something, or at every one.
    """
    program = [(_LOAD, 0, 0, 4), (_JUMP_EQUAL, 1, 0, _X86_64), (_RETURN, 0, 0, _ALLOW), (_LOAD, 0, 0, 0)]
    for call in calls:
        if call.name in OPENS and not every_open:
            flags = 16 + 8 * OPENS[call.name]
            program += [(_JUMP_EQUAL, 0, 4, call.number), (_LOAD, 0, 0, flags), (_JUMP_SET, 0, 1, O_CHANGES)]
            program += [(_RETURN, 0, 0, _TRACE), (_RETURN, 0, 0, _ALLOW)]
        else:
            program += [(_JUMP_EQUAL, 0, 1, call.number), (_RETURN, 0, 0, _TRACE)]
    program.append((_RETURN, 0, 0, _ALLOW))
    return b"".join(struct.pack("HBBI", *instruction) for instruction in program)
