"""Go back to another release of the service itself: done by its own tool, and on record like a rollback."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import datetime

from configvault.core.errors import ConfigvaultError, UsageError
from configvault.core.frozen import frozen, replace
from configvault.core.model import Trigger
from configvault.core.outcome import RolloutOutcome
from configvault.usecases import loading
from configvault.usecases.site import Rollout, Site
from configvault.usecases.writing import writing
from configvault.vault import messages
from configvault.vault.marks import REF


def history(site: Site) -> str:
    """Return the releases of the service, as its tool prints them.

    Raises:
        UsageError: no rollout is configured.
        ConfigvaultError: they cannot be had.
    """
    ran = _configured(site).history()
    if ran.error is not None:
        raise ConfigvaultError(f"the releases cannot be listed: {ran.error}", "configvault config show")
    return ran.output


def go_back(site: Site, revision: int | None) -> RolloutOutcome:
    """Go back to the release `revision` (None: the one before), ask whether the service is well, and record it.

    The lock is not held meanwhile: the vault is not touched before the end, and a release takes its time.

    Raises:
        UsageError: no rollout is configured.
    """
    rollout = _configured(site)
    started = time.monotonic()
    try:
        ran = rollout.go_back(revision)
        ended = site.now()
        health = site.check_health() if ran.error is None else ()
    except KeyboardInterrupt:
        # The service may have gone back by then, and nobody else would know.
        error = "interrupted, and perhaps done: see configvault rollout history"
        outcome = RolloutOutcome(revision, error, "", (), time.monotonic() - started)
        _tell(site, outcome, site.now())
        raise
    outcome = RolloutOutcome(revision, ran.error, ran.output, health, time.monotonic() - started)
    _tell(site, outcome, ended)
    return outcome


def _tell(site: Site, outcome: RolloutOutcome, ended: datetime) -> None:
    _record(site, outcome, ended)
    site.notify(outcome)


def _record(site: Site, outcome: RolloutOutcome, ended: datetime) -> None:
    result = "success" if outcome.ok else "failure"
    words = f"Roll the service back to {outcome.to}"
    trail = [("Rollout", str(outcome.revision or "previous")), ("Rollout-Result", result)]
    if outcome.error is not None:
        words = f"Rolling the service back to {outcome.to} failed"
    else:
        trail.append(loading.when(ended))
        if not outcome.ok:
            words = f"The service went back to {outcome.to} but is not healthy"
    with writing(site):
        note = replace(site.note(Trigger.MANUAL, words), more=tuple(trail))
        site.vault.mark(lambda said: said, note, always=True)


@frozen
class RolledOut:
    """One time that the service was to go back to a release: `to` is its number, or `previous`."""

    at: datetime
    actor: str
    to: str
    ok: bool


def rolled_out(site: Site) -> Iterator[RolledOut]:
    """Yield the times that the service was to go back to a release, newest first."""
    if site.vault.refs.read(REF) is None:
        return
    argv = ["log", "--first-parent", messages.LOG_FORMAT, "--grep=^Configvault-Rollout: ", REF]
    for _, _, _, at, _, trailers in messages.parse_log(site.vault.git.run(argv)):
        if "Rollout" in trailers:
            ok = trailers.get("Rollout-Result") == "success"
            yield RolledOut(at, trailers.get("Actor", ""), trailers["Rollout"], ok)


def _configured(site: Site) -> Rollout:
    if site.rollout is None:
        hint = "set rollout: {kind: kubernetes, namespace: coze-studio, deployment: coze-studio}"
        raise UsageError("no rollout is configured", hint)
    return site.rollout
