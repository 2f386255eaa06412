"""Count what happened: changes, refusals, rollbacks and failed loadings, by plugin, actor and day, from the vault alone.

What was thinned out of the vault or dropped from it is not counted; commands and daemon count alike.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from configvault.core import times
from configvault.core.errors import UsageError
from configvault.core.model import RejectedState, Trigger
from configvault.usecases import history
from configvault.usecases.history import Filter, Listed
from configvault.usecases.site import Site
from configvault.vault import messages
from configvault.vault.marks import REF

COUNTED = ("changes", "refusals", "rollbacks", "undone", "restores", "failed_loadings")
SLOWEST = 5
_BY_TRIGGER = {
    Trigger.ROLLBACK: "rollbacks",
    Trigger.UNDO: "undone",
    Trigger.RESTORE: "restores",
    Trigger.RECOVER: "restores",
}


@dataclass(frozen=True, slots=True)
class Loaded:
    """One time that the service was to load a state; `of` is a snapshot's id or `live`."""

    at: datetime
    of: str
    actor: str
    result: str
    elapsed_seconds: float


@dataclass
class Report:
    """The counts: in all, and by the name of each plugin, actor and day; the slowest loadings first."""

    since: datetime | None
    totals: dict[str, int] = field(default_factory=lambda: dict.fromkeys(COUNTED, 0))
    plugins: dict[str, dict[str, int]] = field(default_factory=dict)
    actors: dict[str, dict[str, int]] = field(default_factory=dict)
    days: dict[str, dict[str, int]] = field(default_factory=dict)
    slowest: list[Loaded] = field(default_factory=list)

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
    for one in history.listing(site, Filter(all=True)):
        loaded[one.id] = one.plugins
        if moment is None or one.taken_at >= moment:
            counted.add(_sort(one), one.taken_at, one.actor, one.plugins)
    loadings = [one for one in _loadings(site) if moment is None or one.at >= moment]
    for loading in loadings:
        if loading.result != "success":
            counted.add("failed_loadings", loading.at, loading.actor, loaded.get(loading.of, ()))
    counted.slowest = sorted(loadings, key=lambda one: one.elapsed_seconds, reverse=True)[:SLOWEST]
    return counted


def _person(actor: str) -> str:
    """Return whom an actor names, without how that is known, which differs from time to time."""
    found = re.match(r".*? \(uid [0-9]+", actor)
    return f"{found[0]})" if found else actor.partition(" (")[0]


def _sort(one: Listed) -> str:
    if isinstance(one, RejectedState):
        return "refusals"
    return next((what for trigger, what in _BY_TRIGGER.items() if trigger == one.trigger), "changes")


def _loadings(site: Site) -> Iterator[Loaded]:
    """Yield what loading.py left on the branch of marks."""
    if site.vault.refs.read(REF) is None:
        return
    output = site.vault.git.run(["log", "--first-parent", messages.LOG_FORMAT, REF])
    for _, _, _, at, _, trailers in messages.parse_log(output):
        if "Loading" in trailers:
            yield Loaded(
                at,
                trailers.get("Loading-Of", ""),
                trailers.get("Actor", ""),
                trailers["Loading"],
                _seconds(trailers),
            )


def _seconds(trailers: Mapping[str, str]) -> float:
    try:
        return float(trailers.get("Loading-Seconds", ""))
    except ValueError:
        return 0.0
