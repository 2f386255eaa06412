"""How many requests to each plugin failed lately: counted by the second, read on from where the log stood."""

from __future__ import annotations

import os
from collections.abc import Iterable

from configvault.service.log.analysis import MOST_PLUGINS, OTHERS
from configvault.service.log.follow import Tail
from configvault.service.log.lines import opened, rotated
from configvault.service.log.requests import Bare, Parser

# So far back is read at the first look, at most.
MOST_BACK_BYTES = 64 * 1024 * 1024
_FIRST_BACK_BYTES = 256 * 1024

Count = tuple[int, int]


class Recent:
    """The requests of the last `window_s` seconds."""

    def __init__(self, path: str, parser: Parser, window_s: float) -> None:
        """Have read nothing yet."""
        self._path = path
        self._parser = parser
        self._window_s = window_s
        self._tail: Tail | None = None
        self._seconds: dict[int, dict[str, list[int]]] = {}

    @property
    def trouble(self) -> str | None:
        """Return why the log cannot be read, None where it can."""
        return self._tail.trouble if self._tail is not None else None

    def update(self, now: float) -> None:
        """Read what is new; at the first time also what is not older than the window."""
        if self._tail is None:
            since = now - self._window_s
            size = os.path.getsize(self._path) if os.path.exists(self._path) else 0
            lines, whole = back(self._path, size, since, self._parser)
            if whole and len(files := rotated(self._path)) > 1:
                self._add(self._parser.requests(_end_of(files[-2])), None)
            self._add(self._parser.requests(lines), None)
            # A line that is only half there is read again when it is whole.
            self._tail = Tail(self._path, size - len(lines.pop().encode("utf-8", "replace")) if lines else size)
        for lines in self._tail.lines():
            self._add(self._parser.requests(lines), now)
        oldest = now - self._window_s - 1
        for second in [second for second in self._seconds if second < oldest]:
            del self._seconds[second]

    def _add(self, requests: Iterable[Bare], now: float | None) -> None:
        """Count requests; one without a time counts as made `now`."""
        for at, plugin, _, failed, _, _, _ in requests:
            when = now if at is None else at
            if when is None:
                continue
            second = self._seconds.setdefault(int(when), {})
            if plugin not in second and len(second) >= MOST_PLUGINS:
                plugin = OTHERS  # noqa: PLW2901 - its name from here on
            counts = second.setdefault(plugin, [0, 0])
            counts[0] += 1
            counts[1] += failed

    def counts(self, since: float, until: float | None = None) -> dict[str, Count]:
        """Return how many requests each plugin got, and how many failed, from the second of `since` to `until`."""
        total: dict[str, list[int]] = {}
        for second, plugins in self._seconds.items():
            if second >= int(since) and (until is None or second < int(until)):
                for plugin, (requests, errors) in plugins.items():
                    counts = total.setdefault(plugin, [0, 0])
                    counts[0] += requests
                    counts[1] += errors
        return {plugin: (requests, errors) for plugin, (requests, errors) in total.items()}


def back(
    path: str, size: int, since: float, parser: Parser, most: int = MOST_BACK_BYTES
) -> tuple[list[str], bool]:
    """Return the end of a log up to `size`, with everything `since` in it, and whether that is the whole file.

    No more than four times `most` bytes are read.
    """
    length = _FIRST_BACK_BYTES
    while size:
        start = max(0, size - length)
        with open(path, "rb") as file:
            file.seek(start)
            lines = file.read(size - start).decode("utf-8", "replace").split("\n")
        lines = lines[1:] if start else lines
        first = next((at for at, *_ in parser.requests(lines[:200]) if at is not None), None)
        if start == 0 or length >= most or (first is not None and first < since):
            return lines, start == 0
        length *= 4
    return [], True


def _end_of(path: str) -> list[str]:
    """Return the last lines of a rotated file, as far as they are looked at."""
    try:
        with opened(path) as file:
            kept = b""
            while chunk := file.read(1 << 20):
                kept = (kept + chunk)[-MOST_BACK_BYTES:]
    except (OSError, EOFError):
        return []
    return kept.decode("utf-8", "replace").split("\n")
