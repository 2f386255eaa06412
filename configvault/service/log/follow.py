"""What is appended to a log, through rotation, truncation and times without a file.

Not guaranteed: lines that a log held when it was cut off in place (logrotate's `copytruncate`) and that were not read
by then, and a file that has been cut off and is as long as before when it is looked at again.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from typing import IO

from configvault.service.log.lines import CHUNK_BYTES, LONGEST_LINE_BYTES

# At one look no more than this is read of what was appended; the rest at the next.
MOST_AT_ONCE_BYTES = 64 * 1024 * 1024


class Tail:
    """Reads a file on from where it stood; `trouble` says why it cannot be read."""

    def __init__(self, path: str, position: int | None = None) -> None:
        """Begin at `position` of the file that is there now (None: at its end); of a later file everything is read."""
        self._path = path
        self._file: IO[bytes] | None = None
        self._rest = b""
        self.trouble: str | None = None
        self._open(position)

    def __del__(self) -> None:
        # Health checks keep one for as long as their configuration is used, and nobody is told when that ends.
        self.close()

    def close(self) -> None:
        """Let go of the file."""
        if self._file is not None:
            self._file.close()
            self._file = None

    def _open(self, position: int | None) -> bool:
        """Open the file if there is one; return whether."""
        try:
            file = open(self._path, "rb", opener=_at_once)  # noqa: SIM115 - closed by close()
            if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                file.close()
                self.trouble = f"{self._path}: not a regular file"
                return False
            self._file = file
            self._file.seek(
                0 if position is None else position, os.SEEK_END if position is None else os.SEEK_SET
            )
        except OSError as error:
            self.trouble = f"{self._path}: {error.strerror}"
            return False
        self._rest = b""
        self.trouble = None
        return True

    def lines(self) -> Iterator[list[str]]:
        """Yield the whole lines that came since, some at a time."""
        left = MOST_AT_ONCE_BYTES
        while left > 0:
            if self._file is None and not self._open(0):
                return
            for lines in self._read(left):
                left -= sum(map(len, lines)) + 1
                yield lines
            if not self._is_replaced():
                self.trouble = f"{self._path}: it was deleted" if self._is_deleted() else None
                return
            # What was written to the old file before it was let go.
            yield from self._read(left)
            if self._rest:
                yield [self._rest.decode("utf-8", "replace")]
            self.close()

    def _read(self, most: int) -> Iterator[list[str]]:
        assert self._file is not None
        if os.fstat(self._file.fileno()).st_size < self._file.tell():
            # Cut off in place: what is there now is new.
            self._file.seek(0)
            self._rest = b""
        while most > 0 and (chunk := self._file.read(CHUNK_BYTES)):
            most -= len(chunk)
            head, newline, tail = chunk.rpartition(b"\n")
            if not newline:
                # A line without end is no line of a log.
                self._rest = self._rest + tail if len(self._rest) < LONGEST_LINE_BYTES else b""
                continue
            lines, self._rest = (self._rest + head).decode("utf-8", "replace").split("\n"), tail
            yield lines

    def _is_replaced(self) -> bool:
        """Return whether another file bears the name by now; where none does, the old one may still be written."""
        assert self._file is not None
        try:
            there = os.stat(self._path)
        except OSError:
            return False
        here = os.fstat(self._file.fileno())
        return (there.st_dev, there.st_ino) != (here.st_dev, here.st_ino)

    def _is_deleted(self) -> bool:
        """Return whether the file bears no name any more: a rotated one that is still written has another."""
        assert self._file is not None
        return os.fstat(self._file.fileno()).st_nlink == 0


def _at_once(path: str, flags: int) -> int:
    """Open without waiting for a writer, as opening a named pipe would."""
    return os.open(path, flags | os.O_NONBLOCK)
