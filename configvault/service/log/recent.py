"""How many requests to each plugin failed lately: counted by the second, read on from where the log stood.

What the log holds is the service's own affair, so nothing in it may cost more than a bound: times are not believed beyond
now, a window has at most so many parts, and no more than so much of a file is unpacked.
"""

from __future__ import annotations

import math
import os
import zlib
from collections import deque
from collections.abc import Iterable

from configvault.core.errors import ConfigvaultError
from configvault.service.log.analysis import MOST_PLUGINS, OTHERS
from configvault.service.log.follow import Tail
from configvault.service.log.lines import CHUNK_BYTES, opened, rotated
from configvault.service.log.requests import Bare, Parser

# So far back is read at the first look, at most.
MOST_BACK_BYTES = 64 * 1024 * 1024
_FIRST_BACK_BYTES = 256 * 1024
# A rotated file that unpacks to more is not looked at: what is asked for is its end.
MOST_UNPACKED_BYTES = 512 * 1024 * 1024
MOST_PARTS = 3600

Count = tuple[int, int]


class Recent:
    """The requests of the last `window_s` seconds, counted by `part_s` seconds: one, or more where the window is long."""

    def __init__(self, path: str, parser: Parser, window_s: float) -> None:
        """Have read nothing yet."""
        self._path = path
        self._parser = parser
        self._window_s = window_s
        self._tail: Tail | None = None
        self.part_s = max(1, math.ceil(window_s / MOST_PARTS))
        self._parts: dict[int, dict[str, list[int]]] = {}

    @property
    def trouble(self) -> str | None:
        """Return why the log cannot be read, None where it can."""
        return self._tail.trouble if self._tail is not None else None

    def update(self, now: float) -> None:
        """Read what is new; at the first time also what is not older than the window.

        Raises:
            OSError: the log cannot be read.
        """
        oldest = now - self._window_s - self.part_s
        if self._tail is None:
            since = now - self._window_s
            size = os.path.getsize(self._path) if os.path.isfile(self._path) else 0
            lines, rest, whole = back(self._path, size, since, self._parser)
            if whole and len(files := rotated(self._path)) > 1:
                self._add(self._parser.requests(_end_of(files[-2])), oldest, now, None)
            self._add(self._parser.requests(lines), oldest, now, None)
            # A line that is only half there is read again when it is whole.
            self._tail = Tail(self._path, size - rest)
        for lines in self._tail.lines():
            self._add(self._parser.requests(lines), oldest, now, now)
        for part in [part for part in self._parts if part < oldest]:
            del self._parts[part]

    def _add(self, requests: Iterable[Bare], oldest: float, now: float, untimed: float | None) -> None:
        """Count requests that are not older than `oldest`; one without a time counts as made at `untimed`."""
        for at, plugin, _, failed, _, _, _ in requests:
            when = untimed if at is None else min(at, now)
            if when is None or when < oldest:
                continue
            part = self._parts.setdefault(int(when // self.part_s) * self.part_s, {})
            if plugin not in part and len(part) >= MOST_PLUGINS:
                plugin = OTHERS  # noqa: PLW2901 - its name from here on
            counts = part.setdefault(plugin, [0, 0])
            counts[0] += 1
            counts[1] += failed

    def counts(self, since: float, until: float | None = None) -> dict[str, Count]:
        """Return how many requests each plugin got, and how many failed, in the parts from `since` to `until`."""
        total: dict[str, list[int]] = {}
        for part, plugins in self._parts.items():
            if part >= int(since) and (until is None or part + self.part_s <= int(until)):
                for plugin, (requests, errors) in plugins.items():
                    counts = total.setdefault(plugin, [0, 0])
                    counts[0] += requests
                    counts[1] += errors
        return {plugin: (requests, errors) for plugin, (requests, errors) in total.items()}


def back(
    path: str, size: int, since: float, parser: Parser, most: int = MOST_BACK_BYTES
) -> tuple[list[str], int, bool]:
    """Return the end of a log up to `size`, with everything `since` in it. No more than four times `most` bytes are read.

    Returns:
        The whole lines, how many bytes a line without end takes after them, and whether that is the whole file.
    """
    length = _FIRST_BACK_BYTES
    while size:
        start = max(0, size - length)
        with open(path, "rb") as file:
            file.seek(start)
            text, newline, rest = file.read(size - start).rpartition(b"\n")
        lines = text.decode("utf-8", "replace").split("\n") if newline else []
        lines = lines[1:] if start else lines
        first = next((at for at, *_ in parser.requests(lines[:200]) if at is not None), None)
        if start == 0 or length >= most or (first is not None and first < since):
            return lines, len(rest), start == 0
        length *= 4
    return [], 0, True


def _end_of(path: str) -> list[str]:
    """Return the last lines of a rotated file, as far as they are looked at."""
    kept: deque[bytes] = deque()
    size = unpacked = 0
    try:
        with opened(path) as file:
            while chunk := file.read(CHUNK_BYTES):
                kept.append(chunk)
                size, unpacked = size + len(chunk), unpacked + len(chunk)
                while size - len(kept[0]) >= MOST_BACK_BYTES:
                    size -= len(kept.popleft())
                if unpacked > MOST_UNPACKED_BYTES:
                    return []
    except (OSError, EOFError, zlib.error, ValueError, ConfigvaultError):
        return []
    return b"".join(kept).decode("utf-8", "replace").split("\n")
