"""A program that answers one line with one line, killed when it takes too long: for work that cannot be bounded inside this process."""

from __future__ import annotations

import contextlib
import os
import signal
import threading
import time
from collections.abc import Hashable, Sequence

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
        # So much it was asked: lines, and their bytes.
        self.asked, self.asked_bytes = 0, 0

    def ask(self, line: bytes, timeout: float) -> bytes:
        """Return its answer to `line`, neither with the end of the line.

        Raises:
            HelperError: it ended, or did not answer within `timeout` seconds; it is gone then.
        """
        deadline = time.monotonic() + timeout
        self.asked += 1
        self.asked_bytes += len(line)
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
        except BaseException:
            # Its answer is still to come: it must not be taken for the answer to the next line.
            self.end()
            raise

    def let_go(self) -> None:
        """Close the pipes to it; with the last one that leads to it, it ends."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        for pipe in (self._process.stdin, self._process.stdout):
            with contextlib.suppress(OSError):
                pipe.close()

    def end(self) -> None:
        """End it, whatever it is doing."""
        self.let_go()
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


class Shelf:
    """Keeps one idle helper from one use to the next, so that not each use has to wait for its start.

    Whoever takes it is alone with it. It is ended once it was idle for `idle_s` seconds, with this process, and where the next one is kept;
    a fork of this process does not hold on to its pipes, so it also ends where this process is killed.
    """

    def __init__(self, idle_s: float) -> None:
        """Keep nothing yet."""
        self._idle_s = idle_s
        self._lock = threading.Lock()
        self._kept: tuple[Hashable, Helper, threading.Timer] | None = None
        self._is_known = False

    def take(self, kind: Hashable) -> Helper | None:
        """Return the helper that was kept as `kind`, None where there is none; its user ends it or gives it back."""
        with self._lock:
            if self._kept is None or self._kept[0] != kind:
                return None
            (_, helper, timer), self._kept = self._kept, None
        timer.cancel()
        return helper

    def give_back(self, kind: Hashable, helper: Helper) -> None:
        """Keep `helper`, of which no answer is open; another one that is kept is ended."""
        if not self._is_known:
            import atexit

            self._is_known = True
            atexit.register(self.clear)
            os.register_at_fork(after_in_child=self._forget)
        timer = threading.Timer(self._idle_s, lambda: self._end(helper))
        timer.daemon = True
        with self._lock:
            before = self._kept
            try:
                timer.start()
                self._kept = (kind, helper, timer)
            except RuntimeError:  # no more threads are to be had: who would end it?
                self._kept = None
                helper.end()
        _put_away(before)

    def clear(self) -> None:
        """End what is kept."""
        with self._lock:
            before, self._kept = self._kept, None
        _put_away(before)

    def _end(self, helper: Helper) -> None:
        """End `helper` if it is what is kept: it may be in use again."""
        with self._lock:
            if self._kept is None or self._kept[1] is not helper:
                return
            self._kept = None
        helper.end()

    def _forget(self) -> None:
        """Close the pipes in a fork of the process that started the helper, which is no child of the fork."""
        self._lock = threading.Lock()  # another thread may have held it
        before, self._kept = self._kept, None
        if before is not None:
            before[1].let_go()


def _put_away(kept: tuple[Hashable, Helper, threading.Timer] | None) -> None:
    if kept is not None:
        kept[2].cancel()
        kept[1].end()
