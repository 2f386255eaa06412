"""Count what happened: changes, refusals, rollbacks and failed loadings, by plugin, actor and day, from the vault alone.

What was thinned out of the vault or dropped from it is not counted; commands and daemon count alike.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from configvault.core import times
from configvault.core.errors import UsageError
from configvault.core.frozen import as_dict, field, mutable
from configvault.core.model import RejectedState, Trigger
from configvault.usecases import history
from configvault.usecases.history import Filter, Listed
from configvault.usecases.loading import Loaded, loadings
from configvault.usecases.rollout import RolledOut, rolled_out
from configvault.usecases.site import Site

COUNTED = ("changes", "refusals", "rollbacks", "undone", "restores", "failed_loadings")
SLOWEST = 5
_BY_TRIGGER = {
    Trigger.ROLLBACK: "rollbacks",
    Trigger.UNDO: "undone",
    Trigger.RESTORE: "restores",
    Trigger.RECOVER: "restores",
}


@mutable
class Report:
    """The counts: in all, and by the name of each plugin, actor and day; the slowest loadings first.

    `releases` are those that the service went back to.
    """

    since: datetime | None
    totals: dict[str, int] = field(default_factory=lambda: dict.fromkeys(COUNTED, 0))
    plugins: dict[str, dict[str, int]] = field(default_factory=dict)
    actors: dict[str, dict[str, int]] = field(default_factory=dict)
    days: dict[str, dict[str, int]] = field(default_factory=dict)
    slowest: list[Loaded] = field(default_factory=list)
    releases: list[RolledOut] = field(default_factory=list)

    def add(self, what: str, at: datetime, actor: str, plugins: Iterable[str] = ()) -> None:
        """Count one `what`."""
        self.totals[what] += 1
        rows: list[tuple[dict[str, dict[str, int]], str]] = [
            (self.actors, _person(actor)),
            (self.days, at.date().isoformat()),
            *((self.plugins, name) for name in plugins),
        ]
        for table, name in rows:
            table.setdefault(name, dict.fromkeys(COUNTED, 0))[what] += 1


def report(site: Site, since: str | None = None) -> Report:
    """Count everything since `since`, a time as people write it (None: all there is).

    Raises:
        UsageError: it cannot be read.
    """
    moment = None
    if since is not None:
        try:
            moment = times.parse_when(since, site.now(), end=False)
        except ValueError as error:
            raise UsageError(str(error), 'configvault report --since "30 days ago"') from None
    counted = Report(moment)
    loaded: dict[str, tuple[str, ...]] = {}
    for one in history.listing(site, Filter(since=since, all=True)):
        loaded[one.id] = one.plugins
        counted.add(_sort(one), one.taken_at, one.actor, one.plugins)
    counting = [one for one in loadings(site) if moment is None or one.at >= moment]
    for loading in counting:
        if not loading.ok:
            older = site.vault.named(loading.of) if loading.of not in loaded else None
            plugins = older.plugins if older is not None else loaded.get(loading.of, ())
            counted.add("failed_loadings", loading.at, loading.actor, plugins)
    counted.slowest = sorted(counting, key=lambda one: one.elapsed_seconds, reverse=True)[:SLOWEST]
    counted.releases = [one for one in rolled_out(site) if moment is None or one.at >= moment]
    return counted


def _person(actor: str) -> str:
    """Return whom an actor names, without how that is known, which differs from time to time."""
    found = re.match(r".*? \(uid [0-9]+", actor)
    return f"{found[0]})" if found else actor.partition(" (")[0]


def _sort(one: Listed) -> str:
    if isinstance(one, RejectedState):
        return "refusals"
    return next((what for trigger, what in _BY_TRIGGER.items() if trigger == one.trigger), "changes")


def ordered(title: str, rows: Mapping[str, Mapping[str, int]]) -> list[tuple[str, Mapping[str, int]]]:
    """Return days newest first, everything else by how much happened."""
    if title == "day":
        return sorted(rows.items(), reverse=True)
    return sorted(rows.items(), key=lambda row: (-sum(row[1].values()), row[0]))


def document(counted: Report, titles: Mapping[str, str]) -> dict[str, Any]:
    """Return what `report --json` and the API print; `titles` are names that people know plugins by."""
    tables = {"plugins": counted.plugins, "actors": counted.actors, "days": counted.days}
    return {
        "since": counted.since.isoformat() if counted.since else None,
        "totals": counted.totals,
        **{
            name: [{"name": key, **counts} for key, counts in ordered(name[:-1], rows)]
            for name, rows in tables.items()
        },
        "releases": [as_dict(one) | {"at": one.at.isoformat()} for one in counted.releases],
        "titles": {name: titles[name] for name in counted.plugins if name in titles},
        "slowest": [
            as_dict(one) | {"at": one.at.isoformat(), "loaded_at": one.loaded_at.isoformat()}
            for one in counted.slowest
        ],
    }
