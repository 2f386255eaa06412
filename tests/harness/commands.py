"""Run the command line in a fork of the test process: a process of its own, without paying for its imports again."""

from __future__ import annotations

import functools
import importlib
import os
import pkgutil
import signal
import sys
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import NoReturn


@dataclass(frozen=True)
class Ended:
    """How a command ended: its exit status (negative: the signal) and what it printed."""

    status: int
    out: str
    err: str


@dataclass(frozen=True)
class Running:
    """A command that runs beside the test."""

    pid: int
    out: int
    err: int

    def wait(self) -> Ended:
        """Wait for its end."""
        _, status = os.waitpid(self.pid, 0)
        return Ended(os.waitstatus_to_exitcode(status), _text(self.out), _text(self.err))

    def kill(self) -> Ended:
        """End it as a power cut would."""
        os.kill(self.pid, signal.SIGKILL)
        return self.wait()


def run(argv: Sequence[str], env: Mapping[str, str] | None = None, *, uid: int | None = None) -> Ended:
    """Run `configvault ARGV` to its end, as the user and group `uid` if one is given."""
    return start(argv, env, uid=uid).wait()


def forked(argv: Sequence[str], env: Mapping[str, str] | None = None) -> Callable[[], NoReturn]:
    """Return what makes a fork of this process `configvault ARGV`, printing where the fork prints."""
    _load_everything()
    return lambda: _be_command(list(argv), dict(os.environ if env is None else env), 1, 2, None)


def start(argv: Sequence[str], env: Mapping[str, str] | None = None, *, uid: int | None = None) -> Running:
    """Start `configvault ARGV`."""
    _load_everything()
    out, err = os.memfd_create("out"), os.memfd_create("err")
    with warnings.catch_warnings():
        # Python warns of a fork beside threads; those of the test runner hold no lock that a command needs.
        warnings.simplefilter("ignore", DeprecationWarning)
        pid = os.fork()
    if not pid:
        _be_command(list(argv), dict(os.environ if env is None else env), out, err, uid)
    return Running(pid, out, err)


def _be_command(argv: list[str], env: dict[str, str], out: int, err: int, uid: int | None) -> NoReturn:
    status = 70
    try:
        from configvault.cli import main

        for number, fd in ((0, os.open("/dev/null", os.O_RDONLY)), (1, out), (2, err)):
            os.dup2(fd, number)
        sys.stdin, sys.stdout, sys.stderr = open(0), open(1, "w"), open(2, "w")  # noqa: SIM115 - ends with the process
        signal.signal(signal.SIGINT, signal.default_int_handler)
        os.environ.clear()
        os.environ.update(env)
        if uid is not None:
            os.setgroups([])
            os.setresgid(uid, uid, uid)
            os.setresuid(uid, uid, uid)
        status = main.run(argv, os.environ)
    except SystemExit as end:
        status = end.code if isinstance(end.code, int) else 1
    except BaseException:
        import traceback

        traceback.print_exc()
    finally:
        for stream in (sys.stdout, sys.stderr):
            stream.flush()
        os._exit(status)


def _text(fd: int) -> str:
    with open(fd, "rb") as file:
        file.seek(0)
        return file.read().decode("utf-8", "surrogateescape")


@functools.cache
def _load_everything() -> None:
    import configvault

    for module in pkgutil.walk_packages(configvault.__path__, "configvault."):
        if not module.name.endswith("__main__"):
            importlib.import_module(module.name)
