"""The file `packed-refs`: sorted by name, so a name is found by halving and a range is read as a whole.

Nothing is kept between two looks: a vault of 50,000 snapshots has some 4 MB of it, and most looks need a few lines.

Source: git-pack-refs(1) and git's refs/packed-backend.c. A line is `ID NAME`; one that begins with `^` says what an
annotated tag leads to; the first line says `sorted` unless a git before 2.15 wrote the file.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator, Mapping

# Where in a line its name begins.
_NAME = 41
# Lines are shorter than this, or the window is made larger.
_WINDOW = 256
# A file of this size is read as a whole.
_SMALL = 2048
_CHUNK = 1 << 20
_LINES = re.compile(rb"(?:#[^\n\0]*\n)?(?:[0-9a-f]{40} [^\n\0]+\n|\^[0-9a-f]{40}\n)*")
_LINE = re.compile(rb"(?:[0-9a-f]{40} [^\n\0]+|\^[0-9a-f]{40})\n")


class Packed:
    """Packed refs, either in `text` or in a file that is read where a look leads."""

    def __init__(self, text: bytes, fd: int | None = None, start: int = 0, size: int | None = None) -> None:
        """Take all lines, sorted; or the open file that holds them from `start` to `size`."""
        self._text = text
        self._fd = fd
        self._start = start
        self._size = len(text) if size is None else size

    @classmethod
    def opened(cls, fd: int) -> Packed:
        """Return the refs in the file that is open as `fd`.

        Raises:
            ValueError: it ends as no such file does: a small one is looked at as a whole.
        """
        size = os.fstat(fd).st_size
        text = os.pread(fd, _SMALL, 0)
        _check_end(fd, size, text)
        first = text.partition(b"\n")[0]
        start = len(first) + 1 if first.startswith(b"#") else 0
        if start and b" sorted" in first and size > len(text):
            return cls(b"", fd, start, size)
        every = (text[start:] if size <= len(text) else _read(fd, start, size)).splitlines(keepends=True)
        lines = sorted((line for line in every if not line.startswith(b"^")), key=_name)
        return cls(b"".join(lines))

    def find(self, name: str) -> str | None:
        """Return the id of the ref `name`, None if it is not here. Costs a small read for each halving."""
        wanted = os.fsencode(name)
        begin = self._from(wanted)
        line = self._read(begin, begin + _NAME + len(wanted) + 1)
        return line[: _NAME - 1].decode() if line[_NAME:] in (wanted + b"\n", wanted) else None

    def text(self, prefix: str) -> bytes:
        """Return the lines of the refs whose names begin with `prefix`, as they are."""
        raw = os.fsencode(prefix)
        return self._read(self._from(raw), self._from(raw[:-1] + bytes([raw[-1] + 1])))

    def below(self, prefix: str) -> Iterator[tuple[str, str]]:
        """Yield name and id of the refs whose names begin with `prefix`. Costs a line each."""
        yield from _parsed(self.text(prefix))

    def between(self, first: str, last: str) -> Iterator[tuple[str, str]]:
        """Yield name and id of the refs from the name `first` to the name `last`. Costs a line each."""
        yield from _parsed(self._read(self._from(os.fsencode(first)), self._from(os.fsencode(last) + b"\0")))

    def backward(self, prefix: str, before: str | None = None) -> Iterator[tuple[str, str]]:
        """Yield name and id of the refs below `prefix`, the last first, only those `before` a name. Costs a line each."""
        raw = os.fsencode(prefix)
        begin = self._from(raw)
        end = self._from(raw[:-1] + bytes([raw[-1] + 1]) if before is None else os.fsencode(before))
        size = _WINDOW
        while begin < end:
            size = min(2 * size, _CHUNK)
            at = max(begin, end - size)
            text = self._read(at, end)
            if at > begin:
                cut = text.find(b"\n") + 1
                # A line that begins with `^` belongs to the one before it.
                while text[cut : cut + 1] == b"^":
                    cut = text.find(b"\n", cut) + 1
                if cut in (0, len(text)):
                    continue
                at, text = at + cut, text[cut:]
            yield from reversed(list(_parsed(text)))
            end = at

    def following(self, name: str) -> tuple[str, str] | None:
        """Return name and id of the first ref after `name`, None where that is the last."""
        begin = self._from(os.fsencode(name) + b"\0")
        if begin >= self._size:
            return None
        here, end, _ = self._line(begin, begin, _WINDOW)
        return next(_parsed(self._read(here, end)), None)

    def feed(self, take: Callable[[bytes], object], instead: Mapping[str, str]) -> None:
        """Hand over all lines in order, those of `instead` (id by name) in the place of the ones here."""
        at = self._start
        for name, id_ in sorted((os.fsencode(name), id_) for name, id_ in instead.items()):
            begin, end = self._from(name), self._from(name + b"\0")
            self._hand(take, at, begin)
            take(b"%s %s\n" % (id_.encode(), name))
            at = end
        self._hand(take, at, self._size)

    def _hand(self, take: Callable[[bytes], object], begin: int, end: int) -> None:
        text = self._read(begin, end)
        if b"\n^" in text or text.startswith(b"^"):
            # git says or leaves out what a tag leads to as it likes.
            text = b"".join(line for line in text.splitlines(keepends=True) if not line.startswith(b"^"))
        take(text)

    def _read(self, begin: int, end: int) -> bytes:
        begin, end = max(begin, self._start), min(end, self._size)
        return self._text[begin:end] if self._fd is None else _read(self._fd, begin, end)

    def _from(self, name: bytes) -> int:
        """Return where the first line begins whose name is not before `name`."""
        low, high = self._start, self._size
        while low < high:
            begin, end, here = self._line((low + high) // 2, low, _WINDOW)
            if here < name:
                low = end
            else:
                high = begin
        return low

    def _line(self, middle: int, low: int, window: int) -> tuple[int, int, bytes]:
        """Return begin, end and name of the line that the byte at `middle` is in; lines begin at `low` or later."""
        base = max(low, middle - window)
        text = self._read(base, middle + window)
        begin = text.rfind(b"\n", 0, middle - base) + 1
        while begin and text[begin : begin + 1] == b"^":
            begin = text.rfind(b"\n", 0, begin - 1) + 1
        end = text.find(b"\n", begin)
        following = text.find(b"\n", end + 1) if text[end + 1 : end + 2] == b"^" else end
        more_before = base > low and not begin
        more_after = base + len(text) < self._size and (-1 in (end, following) or end + 1 == len(text))
        if more_before or more_after:
            return self._line(middle, low, 4 * window)
        after = len(text) if -1 in (end, following) else following + 1
        return base + begin, base + after, text[begin + _NAME : end if end >= 0 else len(text)]


def _check_end(fd: int, size: int, text: bytes) -> None:
    """Refuse what a power cut or a full disk leaves: half a line, or zeros."""
    if size <= len(text):
        is_whole = _LINES.fullmatch(text) is not None
    else:
        last = os.pread(fd, _WINDOW, max(size - _WINDOW, 0))
        begin = last.rfind(b"\n", 0, -1) + 1
        # Of a line that is longer than this only the end is looked at.
        ends = _LINE.fullmatch(last[begin:]) is not None if begin else last.endswith(b"\n")
        is_whole = ends and text[:1] in (b"#", *(bytes([one]) for one in b"0123456789abcdef"))
    if not is_whole:
        raise ValueError("it ends in the middle of a line, or contains something that is not a ref")


def _name(line: bytes) -> bytes:
    return line[_NAME:]


def _read(fd: int, begin: int, end: int) -> bytes:
    pieces: list[bytes] = []
    while begin < end:
        piece = os.pread(fd, min(end - begin, _CHUNK), begin)
        if not piece:
            break
        pieces.append(piece)
        begin += len(piece)
    return b"".join(pieces)


def _parsed(text: bytes) -> Iterator[tuple[str, str]]:
    for line in text.decode("utf-8", "surrogateescape").split("\n"):
        if line and line[0] != "^":
            yield line[_NAME:], line[: _NAME - 1]
