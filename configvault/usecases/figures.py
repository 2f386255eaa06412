"""Gather how things stand in numbers, for whoever scrapes. What only a change of the history can change is kept between."""

from __future__ import annotations

import contextlib
import os
from collections import Counter
from collections.abc import Mapping
from datetime import datetime
from itertools import islice

from configvault.core import plugins
from configvault.core.errors import ConfigvaultError
from configvault.core.figures import Figures, ReplicaFigures, SourceFigures
from configvault.core.frozen import field, frozen
from configvault.core.outcome import Outcome, Recording, RecordOutcome
from configvault.usecases import daemonstate, history, replicate
from configvault.usecases.loading import loadings
from configvault.usecases.site import Site
from configvault.vault import statefiles
from configvault.vault.marks import REF as MARKS
from configvault.vault.refs import MAIN
from configvault.vault.statefiles import DaemonState

# Past so many new snapshots all are counted.
_MOST_NEW = 1000


@frozen
class _History:
    """What depends on the history alone; `tip` is what it was counted at."""

    tip: str | None = None
    by_trigger: Mapping[str, int] = field(default_factory=dict)
    active_plugins: Mapping[str, int] = field(default_factory=dict)
    files: int | None = None
    vault_bytes: int | None = None


class Gatherer:
    """Gathers figures; also an observer, for what live was when it was last looked at."""

    def __init__(self) -> None:
        """Know nothing yet."""
        self._history = _History()
        self._sizes = Sizes()
        self._live_is_latest: bool | None = None
        self._rejected_since: datetime | None = None
        self._said: str | None = None
        self._last_load_ok: bool | None = None

    def __call__(self, outcome: Outcome) -> None:
        """Remember what came of the last look at live."""
        if isinstance(outcome, RecordOutcome):
            rejected = outcome.outcome is Recording.REJECTED
            self._live_is_latest = not rejected
            self._rejected_since = outcome.rejected.taken_at if outcome.rejected is not None else None

    def gather(self, site: Site, state: DaemonState | None) -> Figures:
        """Return the figures of `site`; `state` is what its daemon knows of itself."""
        latest = site.vault.latest()
        tip = latest.commit if latest else None
        if tip != self._history.tip or tip is None:
            self._history = _counted(site, tip, self._history, self._sizes)
        if (said := site.vault.refs.read(MARKS)) != self._said:
            # Commands have the service load something, too, and only the vault hears of it.
            self._said, newest = said, next(loadings(site, 1), None)
            self._last_load_ok = newest.ok if newest else None
        kept = daemonstate.schedule(site.vault)
        pending = None
        with contextlib.suppress(ConfigvaultError):
            pending = statefiles.pending(site.vault.state)
        loaded = site.vault.marks().loaded
        return Figures(
            by_trigger=self._history.by_trigger,
            active_plugins=self._history.active_plugins,
            rejected=history.count_rejected(site),
            files=self._history.files,
            vault_bytes=self._history.vault_bytes,
            latest_at=latest.taken_at if latest else None,
            live_is_latest=self._live_is_latest,
            loaded_is_latest=None if loaded is None or latest is None else loaded == latest.id,
            last_load_ok=self._last_load_ok,
            rejected_since=self._rejected_since,
            pending_until=pending.until if pending else None,
            watching=None if state is None else state.watching != "no",
            last_proof=state.last_proof if state else None,
            last_backup=kept.last.get("backup"),
            last_verify=kept.last.get("verify") if kept.verified is not None else None,
            verified=kept.verified,
            last_drill=kept.last.get("drill") if kept.drilled is not None else None,
            drilled=kept.drilled,
            degraded=len(state.degraded) if state else None,
            replicas=tuple(
                ReplicaFigures(one.url, one.pushed_at, bool(one.behind or not one.current))
                for one in replicate.standing(site)
            ),
            source=_source(site),
        )


def _source(site: Site) -> SourceFigures | None:
    """Return how the source stands, None where there is none, or it was not asked yet."""
    source = site.settings.source
    asked = statefiles.SOURCE_ASKED.read(site.vault.state)
    if source is None or asked is None or asked.url != source.url:
        return None
    found = statefiles.SOURCE.read(site.vault.state)
    if found is None or (found.url, found.ref) != (source.url, source.ref):
        return SourceFigures(asked.why is None, asked.answered_at)
    return SourceFigures(
        asked.why is None,
        asked.answered_at,
        found.offered == found.deployed,
        found.held,
        found.drift is not None,
    )


def _counted(site: Site, tip: str | None, before: _History, sizes: Sizes) -> _History:
    """Count what is on record, or only what came since `before`. Costs the names of the snapshots and what is new."""
    if tip is None or site.vault.refs.read(MAIN) is None:
        return _History()
    total = history.count(site)
    counts = Counter(before.by_trigger)
    for new in islice(site.vault.log(), _MOST_NEW if before.tip is not None else 0):
        if new.commit == before.tip:
            break
        counts[new.trigger] += 1
    if sum(counts.values()) != total:
        # Counted for the first time, or some were pruned since.
        counts = Counter(snapshot.trigger for snapshot in site.vault.log())
    state = site.vault.state_at(tip)
    files = sum(1 for _ in state.files())
    active: Mapping[str, int] = {}
    if site.settings.validate.profile == "coze":
        active = Counter(plugin.type for plugin in plugins.active(state, site.vault.objects.read))
    return _History(tip, dict(counts), dict(active), files, sizes.below(site.vault.path))


class Sizes:
    """What folders take on disk. Costs one `stat` a folder, and the files of those whose names changed since the last time."""

    def __init__(self) -> None:
        """Know nothing yet."""
        self._known: dict[str, _Size] = {}

    def below(self, path: str) -> int:
        """Return the bytes of all files below `path`; one that was written in place counts as when it was named."""
        found: dict[str, _Size] = {}
        folders = [path]
        while folders:
            folder = folders.pop()
            # What is packed meanwhile is gone.
            with contextlib.suppress(OSError):
                changed_ns = os.stat(folder).st_mtime_ns
                size = self._known.get(folder)
                if size is None or size.changed_ns != changed_ns:
                    size = _size(folder, changed_ns)
                found[folder] = size
                folders += size.folders
        self._known = found
        return sum(size.own_bytes for size in found.values())


@frozen
class _Size:
    """What the files of one folder take, and which folders are in it, when its names had last changed."""

    changed_ns: int
    own_bytes: int
    folders: tuple[str, ...]


def _size(folder: str, changed_ns: int) -> _Size:
    total, folders = 0, []
    with os.scandir(folder) as entries:
        for entry in entries:
            if entry.is_dir(follow_symlinks=False):
                folders.append(entry.path)
                continue
            with contextlib.suppress(OSError):
                total += entry.stat(follow_symlinks=False).st_blocks * 512
    return _Size(changed_ns, total, tuple(folders))
