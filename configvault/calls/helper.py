"""A program that answers one line with one line, killed when it takes too long: for work that cannot be bounded inside this process."""

from __future__ import annotations

import contextlib
import os
import signal
import time
from collections.abc import Sequence

LONGEST_ANSWER_BYTES = 1 << 20
_ENDING_S = 1.0


class HelperError(Exception):
    """The program gave no answer and has ended: `code` is its exit code (negative: the signal), None where it took too long."""

    def __init__(self, code: int | None) -> None:
        """Keep how it ended."""
        super().__init__(code)
        self.code = code


class Helper:
    """One such program, started in `/` with an empty environment, with nothing of this process but its pipes."""

    def __init__(self, argv: Sequence[str]) -> None:
        """Start it; raises OSError."""
        import subprocess

        self._process = subprocess.Popen(
            list(argv), cwd="/", env={}, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
            start_new_session=True, bufsize=0,
        )  # fmt: skip

    def ask(self, line: bytes, timeout: float) -> bytes:
        """Return its answer to `line`, neither with the end of the line.

        Raises:
            HelperError: it ended, or did not answer within `timeout` seconds; it is gone then.
        """
        deadline = time.monotonic() + timeout
        try:
            self._write(line + b"\n", deadline)
            return self._read(deadline)
        except TimeoutError:
            self.end()
            raise HelperError(None) from None
        except OSError:
            # It is about to end by itself: how, is what is asked for.
            self._await_end()
            self.end()
            raise HelperError(self._process.returncode) from None

    def end(self) -> None:
        """End it, whatever it is doing."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        for pipe in (self._process.stdin, self._process.stdout):
            with contextlib.suppress(OSError):
                pipe.close()
        if self._process.returncode is None:
            # Nobody has asked how it ended: so its number is still its own, and that of its group. Its children end with it.
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()

    def _await_end(self) -> None:
        """Wait a moment for it to end; its number stays its own until `end` asks how that was."""
        until_s = time.monotonic() + _ENDING_S
        options = os.WEXITED | os.WNOWAIT | os.WNOHANG
        while os.waitid(os.P_PID, self._process.pid, options) is None and time.monotonic() < until_s:
            time.sleep(0.005)

    def _write(self, data: bytes, deadline: float) -> None:
        import select

        assert self._process.stdin is not None
        fd = self._process.stdin.fileno()
        os.set_blocking(fd, False)
        rest = memoryview(data)
        while rest:
            if not select.select([], [fd], [], _left(deadline))[1]:
                raise TimeoutError
            rest = rest[os.write(fd, rest) :]

    def _read(self, deadline: float) -> bytes:
        import select

        assert self._process.stdout is not None
        fd = self._process.stdout.fileno()
        answer = b""
        while not answer.endswith(b"\n"):
            if not select.select([fd], [], [], _left(deadline))[0]:
                raise TimeoutError
            piece = os.read(fd, 65536)
            answer += piece
            if not piece or len(answer) > LONGEST_ANSWER_BYTES:
                raise BrokenPipeError
        return answer[:-1]


def _left(deadline: float) -> float:
    return max(deadline - time.monotonic(), 0)
