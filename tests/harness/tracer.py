"""Run a command and stop its whole process tree at each call that changes the disk, before the call is made.

A `Decide` looks at the stopped call and says what becomes of it; an `Observe` is told what each call returned.
Calls are counted over all processes of the tree, in the order in which the kernel stopped them.

While it runs, the calling thread must have no other children: it waits for whichever child reports.
Source: ptrace(2), seccomp(2), PTRACE_O_TRACESECCOMP. x86_64 Linux, needs no privilege.
"""

from __future__ import annotations

import contextlib
import ctypes
import errno
import os
import platform
import signal
import struct
import threading
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NoReturn

from harness import syscalls

_libc = ctypes.CDLL(None, use_errno=True)
_libc.ptrace.restype = ctypes.c_long
_libc.ptrace.argtypes = [ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p]
_TRACEME, _CONT, _GETREGS, _SETREGS, _SYSCALL = 0, 7, 12, 13, 24
_SETOPTIONS, _GETEVENTMSG = 0x4200, 0x4201
# sysgood, fork, vfork, clone, exec, seccomp, exitkill
_OPTIONS = 1 | 2 | 4 | 8 | 16 | 0x80 | 0x100000
_EVENT_CLONES, _EVENT_SECCOMP = (1, 2, 3), 7
# fork and vfork; clone alone makes a thread.
_EVENT_PROCESSES = (1, 2)
_WALL_THIS_THREAD = 0x40000000 | 0x20000000
_PR_SET_NO_NEW_PRIVS, _PR_SET_SECCOMP, _SECCOMP_MODE_FILTER = 38, 22, 2
# struct user_regs_struct of x86_64: 27 words.
_REGISTERS = struct.Struct("27Q")
_RAX, _RDX, _NUMBER = 10, 12, 15
_ARGUMENTS = (14, 13, 12, 7, 9, 8)
_AT_FDCWD = -100

supported = platform.machine() == "x86_64" and os.uname().sysname == "Linux"


@dataclass(frozen=True)
class Call:
    """A call about to be made; `number` counts those under the watched folders from 1, 0 for the others."""

    number: int
    name: str
    paths: tuple[str, ...]
    arguments: tuple[int, ...]
    program: str
    is_first_process: bool

    def __str__(self) -> str:
        """Say it the way a failure report wants it."""
        return f"#{self.number} {self.name} {' -> '.join(self.paths)} ({self.program})"


@dataclass(frozen=True)
class Kill:
    """Kill every process of the tree before the call is made; `torn` lets half of a write through first."""

    torn: bool = False


@dataclass(frozen=True)
class KillOne:
    """Kill only the process that makes the call."""


@dataclass(frozen=True)
class Fail:
    """Let the call return this errno without being made."""

    errno: int


Action = Kill | KillOne | Fail
Decide = Callable[[Call], "Action | None"]
Observe = Callable[[Call, int], None]


@dataclass
class Ran:
    """What became of a command: its exit status (negative: the signal), its output, the calls under the folders.

    `spawned` counts the processes it made, threads not among them.
    """

    status: int | None = None
    output: str = ""
    calls: list[Call] = field(default_factory=list)
    timed_out: bool = False
    spawned: int = 0


Command = Sequence[str] | Callable[[], NoReturn]
"""A command line, or a function that a fork of this process becomes."""


def run(
    command: Command,
    *,
    under: Sequence[Path],
    cwd: Path,
    env: Mapping[str, str] | None = None,
    decide: Decide | None = None,
    observe: Observe | None = None,
    timeout_s: float = 60,
    looks: bool = False,
) -> Ran:
    """Run `command` to its end, counting and validation its changes under the given folders; with `looks` all reads, too."""
    return _Tracer(under, decide, observe, syscalls.LOOKS_BY_NUMBER if looks else syscalls.BY_NUMBER).run(
        command, cwd, dict(os.environ if env is None else env), timeout_s
    )


class _Tracer:
    def __init__(
        self,
        under: Sequence[Path],
        decide: Decide | None,
        observe: Observe | None,
        table: Mapping[int, syscalls.Syscall],
    ) -> None:
        self._table = table
        self._under = [os.path.realpath(path) for path in under]
        self._decide = decide
        self._observe = observe
        self._alive: set[int] = set()
        self._starting: set[int] = set()
        self._ended: set[int] = set()
        self._returning: dict[int, tuple[Call, bool]] = {}
        self._first = 0
        self._ran = Ran()

    def run(self, command: Command, cwd: Path, env: dict[str, str], timeout_s: float) -> Ran:
        output = os.memfd_create("output")
        self._first = _start(command, cwd, env, output, self._table)
        self._alive.add(self._first)
        os.waitpid(self._first, _WALL_THIS_THREAD)
        _ptrace(_SETOPTIONS, self._first, None, _OPTIONS)
        _ptrace(_CONT, self._first)
        alarm = threading.Timer(timeout_s, self._time_out)
        alarm.start()
        try:
            self._follow()
        finally:
            alarm.cancel()
            self._kill_all()
        with open(output, "rb") as file:
            file.seek(0)
            self._ran.output = file.read().decode(errors="replace")
        return self._ran

    def _time_out(self) -> None:
        self._ran.timed_out = True
        self._kill_all()

    def _kill_all(self) -> None:
        for pid in list(self._alive):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)

    def _follow(self) -> None:
        """Take report after report until no process of the command is left; this one may have other children."""
        while self._alive:
            try:
                pid, status = os.waitpid(-1, _WALL_THIS_THREAD)
            except ChildProcessError:
                return
            if not os.WIFSTOPPED(status):
                self._alive.discard(pid)
                self._ended.add(pid)
                if pid == self._first:
                    self._ran.status = os.waitstatus_to_exitcode(status)
                continue
            if pid not in self._alive:
                self._alive.add(pid)
                self._starting.add(pid)
            with contextlib.suppress(ProcessLookupError):  # killed meanwhile: its end is still to be reported
                self._resume(pid, os.WSTOPSIG(status), status >> 16)

    def _resume(self, pid: int, stopped_by: int, event: int) -> None:
        if event == _EVENT_SECCOMP:
            _ptrace(_SYSCALL if self._at_call(pid) else _CONT, pid)
        elif event:
            self._ran.spawned += event in _EVENT_PROCESSES
            if event in _EVENT_CLONES:
                child = ctypes.c_ulong()
                _ptrace(_GETEVENTMSG, pid, None, ctypes.addressof(child))
                # A child may be reported, and even have ended, before the call that made it is.
                if child.value not in self._alive | self._ended:
                    self._alive.add(child.value)
                    self._starting.add(child.value)
            _ptrace(_CONT, pid)
        elif stopped_by == signal.SIGTRAP | 0x80:
            self._at_return(pid)
        elif stopped_by == signal.SIGSTOP and pid in self._starting:
            self._starting.discard(pid)
            _ptrace(_CONT, pid)
        else:
            _ptrace(_CONT, pid, None, stopped_by)

    def _at_call(self, pid: int) -> bool:
        """Validate the call `pid` is stopped at; return whether its return is to be waited for."""
        registers = _registers(pid)
        known = self._table.get(registers[_NUMBER])
        if known is None:
            return False
        arguments = tuple(registers[i] for i in _ARGUMENTS)
        call = self._describe(pid, known, arguments)
        action = None
        if call.number:
            self._ran.calls.append(call)
            action = self._decide(call) if self._decide else None
        if isinstance(action, Kill) and action.torn and call.name in {"write", "pwrite64"} and arguments[2] > 1:
            registers[_RDX] //= 2
            _set_registers(pid, registers)
            self._returning[pid] = (call, True)
            return True
        if isinstance(action, Kill):
            self._kill_all()
        elif isinstance(action, KillOne):
            os.kill(pid, signal.SIGKILL)
        elif isinstance(action, Fail):
            # A call number of -1 is skipped, and what stands in rax is returned.
            registers[_NUMBER], registers[_RAX] = 2**64 - 1, 2**64 - action.errno
            _set_registers(pid, registers)
        elif self._observe:
            self._returning[pid] = (call, False)
            return True
        return False

    def _at_return(self, pid: int) -> None:
        call, is_torn = self._returning.pop(pid)
        if is_torn:
            self._kill_all()
        elif self._observe:
            self._observe(call, ctypes.c_long(_registers(pid)[_RAX]).value)
        _ptrace(_CONT, pid)

    def _describe(self, pid: int, known: syscalls.Syscall, arguments: tuple[int, ...]) -> Call:
        paths = tuple(_path(pid, kind, index, arguments) for kind, index in known.operands)
        counts = known.name == "sync" or any(self._is_under(path) for path in paths)
        number = len(self._ran.calls) + 1 if counts else 0
        return Call(number, known.name, paths, arguments, _program(pid), pid == self._first)

    def _is_under(self, path: str) -> bool:
        return any(path == folder or path.startswith(folder.rstrip("/") + "/") for folder in self._under)


def _start(
    command: Command, cwd: Path, env: dict[str, str], output: int, table: Mapping[int, syscalls.Syscall]
) -> int:
    """Fork, and in the child become traced, filtered and then the command."""
    program = syscalls.seccomp_filter(table.values(), every_open=table is syscalls.LOOKS_BY_NUMBER)
    instructions = ctypes.create_string_buffer(program)
    header = ctypes.create_string_buffer(
        struct.pack("HxxxxxxQ", len(program) // 8, ctypes.addressof(instructions))
    )
    with warnings.catch_warnings():
        # Python warns of a fork beside threads; the child does nothing but exec.
        warnings.simplefilter("ignore", DeprecationWarning)
        pid = os.fork()
    if pid:
        return pid
    try:
        os.chdir(cwd)
        os.setsid()
        os.dup2(os.open("/dev/null", os.O_RDONLY), 0)
        os.dup2(output, 1)
        os.dup2(output, 2)
        if os.geteuid() != 0:
            _libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
        _libc.ptrace(_TRACEME, 0, None, None)
        os.kill(os.getpid(), signal.SIGSTOP)
        if _libc.prctl(_PR_SET_SECCOMP, _SECCOMP_MODE_FILTER, header, 0, 0):
            os._exit(126)
        if callable(command):
            command()
        os.execvpe(command[0], list(command), env)
    finally:
        os._exit(127)


def _ptrace(request: int, pid: int, address: int | None = None, data: int | None = None) -> None:
    if _libc.ptrace(request, pid, address, data) < 0:
        number = ctypes.get_errno()
        raise OSError(number, f"ptrace {request:#x}: {errno.errorcode.get(number)}")


def _registers(pid: int) -> list[int]:
    buffer = ctypes.create_string_buffer(_REGISTERS.size)
    _ptrace(_GETREGS, pid, None, ctypes.addressof(buffer))
    return list(_REGISTERS.unpack(buffer.raw))


def _set_registers(pid: int, registers: list[int]) -> None:
    buffer = ctypes.create_string_buffer(_REGISTERS.pack(*registers))
    _ptrace(_SETREGS, pid, None, ctypes.addressof(buffer))


def _path(pid: int, kind: str, index: int, arguments: tuple[int, ...]) -> str:
    """Return the absolute path an operand means; links in it are not resolved."""
    if kind == "fd":
        return _behind(pid, arguments[index])
    name = _text(pid, arguments[index if kind == "path" else index + 1])
    if name.startswith("/"):
        return os.path.normpath(name)
    folder = _behind(pid, _AT_FDCWD if kind == "path" else arguments[index])
    return os.path.normpath(os.path.join(folder, name))


def _behind(pid: int, descriptor: int) -> str:
    number = ctypes.c_int(descriptor & 0xFFFFFFFF).value
    try:
        return os.readlink(f"/proc/{pid}/cwd" if number == _AT_FDCWD else f"/proc/{pid}/fd/{number}")
    except OSError:
        return f"closed:{number}"


def _text(pid: int, address: int) -> str:
    """Read a C string, page by page: the next page may not be mapped."""
    found = b""
    if not address:
        return ""
    with open(f"/proc/{pid}/mem", "rb", buffering=0) as memory:
        while b"\0" not in found:
            memory.seek(address + len(found))
            found += memory.read(4096 - (address + len(found)) % 4096)
    return os.fsdecode(found.split(b"\0")[0])


def _program(pid: int) -> str:
    try:
        return os.path.basename(os.readlink(f"/proc/{pid}/exe"))
    except OSError:
        return "?"
