"""What the requests of a log come to: by plugin, and by the snapshot that was loaded at the time. Bounded memory."""

from __future__ import annotations

import heapq
import math
from bisect import bisect_right
from collections import Counter, deque
from collections.abc import Iterable, Sequence

from configvault.core.frozen import field, frozen, mutable
from configvault.service.log.requests import Bare, Request

SLOW_MS = 5000.0
KEPT = 5  # last errors, and slowest requests
# Whatever a log holds, no more of a kind is told apart.
MOST_PLUGINS = 100
MOST_LOADED = 20
MOST_DURATIONS = 512
_AT_ONCE = 1024
OTHERS = "(others)"
BEFORE = "(before)"


class Durations:
    """Counts of milliseconds: exact while there are few different ones, within some percent where there are many."""

    __slots__ = ("_bits", "_counts", "_most", "_new")

    def __init__(self, most: int = MOST_DURATIONS) -> None:
        """Keep at most `most` different values."""
        self._counts: Counter[float] = Counter()
        self._new: list[float] = []
        self._most = most
        self._bits = 0

    def add(self, ms: float) -> None:
        """Count one."""
        self._new.append(ms)
        if len(self._new) >= _AT_ONCE:
            self._take()

    def merge(self, other: Durations) -> None:
        """Count what `other` has counted, too."""
        other._take()
        self._take()
        self._counts.update(other._counts)
        self._coarsen()

    def _take(self) -> None:
        new = self._new if not self._bits else [_rounded(ms, self._bits) for ms in self._new]
        self._counts.update(new)
        self._new.clear()
        self._coarsen()

    def _coarsen(self) -> None:
        """Where there are too many, keep fewer significant bits until half of the room is free."""
        most = self._most
        while len(self._counts) > most:
            most = self._most // 2
            self._bits = self._bits - 1 if self._bits else 10
            coarse: Counter[float] = Counter()
            for ms, count in self._counts.items():
                coarse[_rounded(ms, self._bits)] += count
            self._counts = coarse

    def quantile(self, share: float) -> float | None:
        """Return the value below or at which `share` of all are (nearest rank); None where there are none."""
        self._take()
        wanted = math.ceil(share * self._counts.total())
        for ms in sorted(self._counts):
            wanted -= self._counts[ms]
            if wanted <= 0:
                return ms
        return None


def _rounded(ms: float, bits: int) -> float:
    mantissa, exponent = math.frexp(ms)
    scale = 1 << bits
    return math.ldexp(round(mantissa * scale), exponent - bits)


@mutable
class Counts:
    """The requests to one plugin, or to one while one snapshot was loaded."""

    requests: int = 0
    errors: int = 0
    slow: int = 0
    durations: Durations = field(default_factory=Durations)

    def merge(self, other: Counts) -> None:
        """Count what `other` has counted, too."""
        self.requests += other.requests
        self.errors += other.errors
        self.slow += other.slow
        self.durations.merge(other.durations)

    @property
    def rate(self) -> float:
        """Return which share failed."""
        return self.errors / self.requests if self.requests else 0.0


@frozen
class Loaded:
    """A snapshot and from when on (seconds since 1970) the service had it."""

    id: str
    at: float


class Analysis:
    """Counts requests as they come; read its attributes at the end."""

    def __init__(
        self, slow_ms: float = SLOW_MS, loaded: Iterable[Loaded] = (), since: float | None = None
    ) -> None:
        """Tell apart the newest of the `loaded` snapshots; leave out what was before `since`."""
        self.slow_ms = slow_ms
        self.loaded: Sequence[Loaded] = sorted(loaded, key=lambda one: one.at)[-MOST_LOADED:]
        self._ids = [BEFORE, *(one.id for one in self.loaded)]
        self._starts = [one.at for one in self.loaded]
        self._since = since
        self._plugins: set[str] = set()
        self._cells: dict[tuple[int, str], Counts] = {}
        self.last_errors: deque[Request] = deque(maxlen=KEPT)
        self._errors: dict[str, deque[Request]] = {}
        self._slowest: dict[str, list[tuple[float, int, Request]]] = {}
        self._number = 0
        self.first: float | None = None
        self.last: float | None = None

    def add(self, requests: Iterable[Bare]) -> None:
        """Count `requests`."""
        slow_ms, cells, starts = self.slow_ms, self._cells, self._starts
        index, known = 0, None
        for one in requests:
            at, plugin, _, failed, ms, _, _ = one
            if at != known:
                if not self._seen(at):
                    continue
                index, known = 0 if at is None else bisect_right(starts, at), at
            cell = cells.get((index, plugin)) or self._cell(index, plugin)
            cell.requests += 1
            if ms is not None:
                cell.durations.add(ms)
                if ms > slow_ms:
                    cell.slow += 1
                    self._keep_slow(plugin, one)
            if failed:
                cell.errors += 1
                self._keep_error(plugin, one)

    def _seen(self, at: float | None) -> bool:
        """Note a time, and return whether what happened then counts."""
        if at is None:
            return True
        if self._since is not None and at < self._since:
            return False
        self.first = at if self.first is None else min(self.first, at)
        self.last = at if self.last is None else max(self.last, at)
        return True

    def _cell(self, index: int, plugin: str) -> Counts:
        """Return where the requests to `plugin` are counted during one snapshot."""
        if plugin not in self._plugins:
            if len(self._plugins) >= MOST_PLUGINS:
                plugin = OTHERS
            self._plugins.add(plugin)
        return self._cells.setdefault((index, plugin), Counts())

    def _keep_error(self, plugin: str, bare: Bare) -> None:
        plugin = plugin if plugin in self._plugins else OTHERS
        kept = self._errors.setdefault(plugin, deque(maxlen=KEPT))
        one = Request(*bare)
        one = one._replace(error=one.error or f"status {one.status}")
        kept.append(one)
        self.last_errors.append(one)

    def _keep_slow(self, plugin: str, bare: Bare) -> None:
        plugin = plugin if plugin in self._plugins else OTHERS
        self._number += 1
        kept = self._slowest.setdefault(plugin, [])
        one = Request(*bare)
        assert one.ms is not None
        # Of two that took as long, the first one counts.
        entry = (one.ms, -self._number, one)
        if len(kept) < KEPT:
            heapq.heappush(kept, entry)
        elif entry > kept[0]:
            heapq.heapreplace(kept, entry)

    # --- what came of it

    def plugins(self) -> dict[str, Counts]:
        """Return the counts of each plugin, the most asked first."""
        merged: dict[str, Counts] = {}
        for (_, plugin), counts in self._cells.items():
            merged.setdefault(plugin, Counts(durations=Durations(4 * MOST_DURATIONS))).merge(counts)
        return dict(sorted(merged.items(), key=lambda row: (-row[1].requests, row[0])))

    def last_errors_of(self, plugin: str) -> list[Request]:
        """Return the last errors of a plugin, in the order of the log."""
        return list(self._errors.get(plugin, ()))

    def slowest(self, plugin: str | None = None) -> list[Request]:
        """Return the slowest requests, of one plugin or of all, the slowest first."""
        kept = [self._slowest.get(plugin, [])] if plugin is not None else self._slowest.values()
        return [entry[2] for entry in sorted((e for one in kept for e in one), reverse=True)[:KEPT]]

    def snapshots(self) -> list[tuple[str, float | None, dict[str, Counts]]]:
        """Return each snapshot that was loaded during the log with its plugins' counts, the newest first."""
        if not self.loaded:
            return []
        found: dict[int, dict[str, Counts]] = {}
        for (index, plugin), counts in sorted(self._cells.items()):
            found.setdefault(index, {})[plugin] = counts
        return [
            (self._ids[index], self._starts[index - 1] if index else None, plugins)
            for index, plugins in sorted(found.items(), reverse=True)
        ]

    def worse(self, factor: float = 2.0, at_least: int = 20) -> list[tuple[str, str, float, float]]:
        """Return (plugin, snapshot, rate, rate before) where a plugin fails more since the newest of the snapshots."""
        cells = self.snapshots()
        if len(cells) < 2:
            return []
        (name, _, now), (_, _, before) = cells[:2]
        found = []
        for plugin, counts in now.items():
            was = before.get(plugin)
            if was is None or min(was.requests, counts.requests) < at_least:
                continue
            if counts.rate > factor * max(was.rate, 1 / was.requests):
                found.append((plugin, name, counts.rate, was.rate))
        return found
