"""Make the first history of a new vault of the folders that an older backup script left."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime, tzinfo
from zoneinfo import ZoneInfo

from configvault.core.errors import ConfigvaultError, UsageError
from configvault.core.frozen import frozen, replace
from configvault.core.model import Trigger
from configvault.core.outcome import RecordOutcome
from configvault.root.capture import Root
from configvault.usecases import scan
from configvault.usecases.recording import record_live
from configvault.usecases.site import Site
from configvault.usecases.writing import writing

_NAME = r"(?:.*[^0-9])?([0-9]{8})[_-]?([0-9]{6})"


@frozen
class Backup:
    """One folder of the old script, and the time in its name."""

    path: str
    at: datetime


@frozen
class Imported:
    """A backup, and what came of recording it."""

    backup: Backup
    outcome: RecordOutcome


def find(places: Iterable[str], zone: tzinfo | None) -> list[Backup]:
    """Return the backups that `places` are or hold, oldest first; their names are times in `zone` (None: the host's).

    Raises:
        UsageError: a place is neither, there is none at all, or one is of a time to come.
    """
    found: dict[str, Backup] = {}
    for place in places:
        if not os.path.isdir(place):
            raise UsageError(f"{place} is not a directory", "configvault import /backup/plugin-config")
        paths = [place, *(entry.path for entry in os.scandir(place) if entry.is_dir(follow_symlinks=False))]
        for path in map(os.path.abspath, paths):
            at = _time(os.path.basename(path), zone)
            if at is not None:
                found[path] = Backup(path, at)
    if not found:
        raise UsageError(
            f"there is no folder like backup_20231201_143022 in {', '.join(places)}",
            "configvault import /backup/plugin-config",
        )
    backups = sorted(found.values(), key=lambda one: (one.at, one.path))
    if backups[-1].at > datetime.now(UTC):
        # All that is recorded until then would have to be named after it.
        raise UsageError(
            f"the name of {backups[-1].path} is a time in the future", "rename or move it, or set the clock"
        )
    return backups


def _time(name: str, zone: tzinfo | None) -> datetime | None:
    match = re.fullmatch(_NAME, name)
    if match is None:
        return None
    try:
        moment = datetime.strptime(match[1] + match[2], "%Y%m%d%H%M%S")
    except ValueError:
        return None
    return moment.replace(tzinfo=zone) if isinstance(zone, ZoneInfo) else moment.astimezone()


def import_backups(site: Site, backups: Iterable[Backup]) -> Iterator[Imported]:
    """Record each backup at its time: a valid one as a snapshot, another as a rejected state; yield what came of it.

    Where an import was interrupted, or there are newer backups since, it goes on after what was imported last.

    Raises:
        ConfigvaultError: the vault has a history of its own already, or a backup cannot be read.
    """
    with writing(site):
        newest = [one for one in (site.vault.latest(), *site.vault.rejected(1)) if one is not None]
        if any(one.trigger != Trigger.IMPORT for one in newest):
            raise ConfigvaultError(
                f"the vault {site.vault.path} already has a history; older snapshots can only be imported into an empty vault",
                "set `vault` to an empty or missing directory, then: configvault import DIR",
            )
        last = max((one.taken_at for one in newest), default=None)
        for backup in backups:
            # What was imported last may have been one of several at that time; to record it twice changes nothing.
            if last is not None and backup.at < last:
                continue
            yield Imported(backup, _record(replace(site, now=_stopped(backup.at)), backup))


def _stopped(moment: datetime) -> Callable[[], datetime]:
    return lambda: moment


def _record(then: Site, backup: Backup) -> RecordOutcome:
    root = Root(backup.path, then.root.names, then.root.limits)
    with then.vault.stage() as stage:
        latest, before = scan.latest_beside(then, None)
        seen = root.capture(None, stage)
        live = scan.live_of(then, seen, latest, before, stage)
        return record_live(then, Trigger.IMPORT, live, reason=f"from {backup.path}", force=True)
