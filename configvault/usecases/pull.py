"""Fetch the configured source, and deploy what is new there and accepted. Two kinds of truth never fight over the root.

What holds a deployment back, each said once and kept in `source.json`: the commit was refused, somebody rolled back
from it, its branch was rewritten, or somebody has changed the root by hand (`source.on_drift: report`).
"""

from __future__ import annotations

import enum
from dataclasses import replace

from configvault.core.candidates import Candidate
from configvault.core.errors import UsageError
from configvault.core.frozen import frozen
from configvault.core.model import Snapshot, Trigger
from configvault.core.outcome import DeployEnd, DeployOutcome
from configvault.core.settings import SourceSettings
from configvault.usecases import candidates, deploy, scan
from configvault.usecases.site import Site
from configvault.vault.stage import Stage
from configvault.vault.statefiles import SOURCE, SourceState


class Held(enum.StrEnum):
    """Why what is offered is not deployed."""

    REFUSED = "refused"
    ROLLED_BACK = "rolled_back"
    DRIFTED = "drifted"
    REWRITTEN = "rewritten"


@frozen
class PullOutcome:
    """What came of a pull: `commit` is what is offered, `held` why it is not deployed, `deployment` what came of it.

    Neither is set where what is offered is live already.
    """

    commit: str
    held: Held | None = None
    message: str | None = None
    deployment: DeployOutcome | None = None


def pull(site: Site, *, force: bool = False, dry_run: bool = False) -> PullOutcome:
    """Deploy what the source offers, if it is new and nothing holds it; with `force` also what is held.

    Raises:
        UsageError: no source is configured.
        ConfigvaultError: it cannot be asked, or what it offers is hostile.
    """
    source = site.settings.source
    if source is None or site.offered is None:
        raise UsageError("no source is configured", "set source.url, then: configvault config validate")
    known = SOURCE.read(site.vault.state) or SourceState(source.url, source.ref)
    if (known.url, known.ref) != (source.url, source.ref):
        known = SourceState(source.url, source.ref)
    offered = site.offered(source.url)
    with candidates.quarantine(site) as (_, git):
        commit = offered.tip(git, source.ref)
    known = replace(known, offered=commit, seen_at=site.now())
    held = None if force else _held(site, source, known)
    if held is not None:
        SOURCE.write(site.vault.state, replace(known, held=held[0].value))
        return PullOutcome(commit, *held)
    if known.deployed == commit and not force:
        SOURCE.write(site.vault.state, replace(known, held=None))
        return PullOutcome(commit)
    return _deploy(site, source, known, commit, force=force, dry_run=dry_run)


def _held(site: Site, source: SourceSettings, known: SourceState) -> tuple[Held, str] | None:
    """Return why what is offered must not be deployed by itself, None if it may."""
    commit = known.offered
    if commit == known.refused:
        return Held.REFUSED, f"commit {commit[:12]} was refused; see configvault rejected show {known.rejected}"
    recorded = site.vault.named(known.snapshot) if known.snapshot else None
    if recorded is not None and commit == known.deployed and recorded.rolled_back:
        return (
            Held.ROLLED_BACK,
            f"commit {commit[:12]} was rolled back from; it is deployed again by configvault pull --force, a newer one by itself",
        )
    if commit == known.deployed:
        return None
    if source.on_drift == "report" and recorded is not None and (by := _drift(site, recorded)) is not None:
        return (
            Held.DRIFTED,
            f"the root was changed since {recorded.id} was deployed ({by}); configvault pull --force replaces that, "
            "after it is kept in the vault",
        )
    return None


def _drift(site: Site, deployed: Snapshot) -> str | None:
    """Return what live is, where that is not what was deployed last; a rollback is a decision, and no drift."""
    live = scan.live(site, None, whole=False)
    if live.tree == deployed.tree:
        return None
    latest = live.latest
    if latest is not None and live.is_latest:
        return None if latest.trigger in (Trigger.ROLLBACK, Trigger.UNDO) else latest.id
    return "not recorded yet"


def _deploy(
    site: Site, source: SourceSettings, known: SourceState, commit: str, *, force: bool, dry_run: bool
) -> PullOutcome:
    text = f"{source.url}#{source.ref}" + (f":{source.path}" if source.path else "")
    after = None if force else known.deployed

    def offer(stage: Stage) -> Candidate:
        return candidates.from_git(site, text, stage, after=after)

    request = deploy.Request(trigger=Trigger.PULL)
    try:
        if dry_run:
            with site.vault.stage() as stage:
                outcome, _ = deploy.dry_run(site, request, offer, stage)
            return PullOutcome(commit, deployment=outcome)
        outcome = deploy.deploy(site, request, offer)
    except candidates.RewrittenError as error:
        SOURCE.write(site.vault.state, replace(known, held=Held.REWRITTEN.value))
        return PullOutcome(commit, Held.REWRITTEN, error.message)
    # The branch may have gone on between the question and the fetch.
    commit = outcome.source.commit or commit
    known = replace(known, offered=commit, held=None)
    if outcome.outcome is DeployEnd.REJECTED:
        assert outcome.rejected is not None
        known = replace(known, refused=commit, rejected=outcome.rejected.id, held=Held.REFUSED.value)
    else:
        latest = outcome.deployed or site.vault.latest()
        known = replace(
            known, deployed=commit, snapshot=latest.id if latest else None, refused=None, rejected=None
        )
    SOURCE.write(site.vault.state, known)
    if outcome.outcome is DeployEnd.UNDONE and outcome.deployed is not None:
        # The service did not take it: that is as good as a rollback from it.
        SOURCE.write(site.vault.state, replace(known, refused=commit, rejected=outcome.deployed.id))
    return PullOutcome(commit, deployment=outcome)
