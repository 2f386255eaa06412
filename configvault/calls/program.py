"""Run one program without a shell until it ends or its time is over, and keep the end of what it says."""

from __future__ import annotations

import os
import re
import signal
import threading
import time
from collections.abc import Mapping, Sequence
from typing import IO, TYPE_CHECKING

from configvault.calls.http import CallError
from configvault.core.frozen import field, frozen
from configvault.core.secrets import names
from configvault.core.secrets.randomness import random_spans

if TYPE_CHECKING:
    from subprocess import Popen

KEPT_OUTPUT_BYTES = 4096

_CHECK_S = 0.05
# They belong to the process that systemd started; a child that used them would speak for it.
_NOT_INHERITED = (
    "NOTIFY_SOCKET",
    "WATCHDOG_PID",
    "WATCHDOG_USEC",
    "LISTEN_FDS",
    "LISTEN_PID",
    "LISTEN_FDNAMES",
)
_USER_INFO = re.compile(r"://[^/\s]*@")
_LONG_WORD = re.compile(r"[A-Za-z0-9+/_=-]{32,}")
# A long word that is a path or a name: all its parts are words, numbers or short.
_NAMED = re.compile(r"(?:(?:[A-Z]?[a-z]+|[A-Z]+)?[0-9]{0,4}|[0-9]+|[A-Za-z0-9]{1,6})")


@frozen
class Ran:
    """How a program ended: its exit code (negative: the signal) and what of its output may be shown."""

    program: str
    code: int
    output: str = field(repr=False)

    @property
    def failure(self) -> str | None:
        """Return None after exit code 0, else how it ended, and on the lines after it what it said."""
        if self.code == 0:
            return None
        if self.code < 0:
            ended = f"{self.program} was killed by signal {-self.code}"
        else:
            ended = f"{self.program} exited with code {self.code}"
        if "\n" in self.output:
            return f"{ended} and said:\n{self.output}"
        return f"{ended}: {self.output}" if self.output else ended


def run(
    argv: Sequence[str],
    environ: Mapping[str, str],
    timeout: float,
    stop: threading.Event | None = None,
    stdin: bytes | None = None,
) -> Ran:
    """Run `argv` in `/`, in a session of its own, with nothing (or `stdin`) to read.

    Raises:
        CallError: it could not be started, or did not finish within `timeout` seconds or before `stop`; then it and
            what it started in its process group are killed.
    """
    import subprocess
    import tempfile

    deadline = time.monotonic() + timeout
    env = {name: value for name, value in environ.items() if name not in _NOT_INHERITED}
    with tempfile.TemporaryFile() if stdin else open(os.devnull, "rb") as given:
        if stdin:
            given.write(stdin)
            given.seek(0)
        try:
            process = subprocess.Popen(
                list(argv), cwd="/", env=env, stdin=given, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                start_new_session=True,
            )  # fmt: skip
        except (OSError, ValueError) as error:
            reason = getattr(error, "strerror", None) or "no usable command"
            raise CallError(f"cannot run {argv[0]!r}: {reason}") from error
    assert process.stdout is not None
    try:
        with process.stdout as said:
            output = _watch(process, said, deadline, stop)
        return Ran(repr(argv[0]), process.wait(), _printable(output))
    except TimeoutError:
        reason = (
            "was killed, because configvault is stopping"
            if stop and stop.is_set()
            else f"did not finish within {timeout:g}s and was killed"
        )
        raise CallError(f"{argv[0]!r} {reason}") from None
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def _watch(process: Popen[bytes], said: IO[bytes], deadline: float, stop: threading.Event | None) -> bytes:
    """Read until the program has ended; a child of it that keeps the pipe open is not waited for.

    Raises:
        TimeoutError: the deadline came, or the stop.
    """
    import select

    output = b""
    fd: int | None = said.fileno()
    os.set_blocking(said.fileno(), False)
    while True:
        ended = process.poll() is not None
        readable = select.select([fd] if fd is not None else [], [], [], 0 if ended else _CHECK_S)[0]
        if readable:
            chunk = os.read(said.fileno(), 65536)
            output = (output + chunk)[-KEPT_OUTPUT_BYTES:]
            fd = fd if chunk else None
        elif ended:
            return output
        if not ended and (time.monotonic() >= deadline or (stop is not None and stop.is_set())):
            raise TimeoutError


def _looks_random(line: str) -> bool:
    """Return whether part of a line may be a key: it is long, and no path or name."""
    words = (part for word in _LONG_WORD.findall(line) for part in re.split("[/_-]", word))
    return any(len(part) >= 32 or not _NAMED.fullmatch(part) for part in words) or any(random_spans(line))


def _printable(output: bytes) -> str:
    """Return the lines of `output` that look like no secret; nothing in it moves a terminal's cursor."""
    lines = []
    for line in output.decode("utf-8", "replace").splitlines():
        text = "".join(char if char.isprintable() else " " for char in line).rstrip()
        if names.announces_secret(text) or _USER_INFO.search(text) or _looks_random(text):
            text = "(a line that may hold a secret)"
        if text:
            lines.append(text)
    return "\n".join(lines)
