"""Make a candidate live: validate it first, whole, and only then change the root. A refused one never touches it."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Mapping

from configvault.core.candidates import STANDARD_INPUT, Candidate, Source, adopt
from configvault.core.errors import BusyError, OfferError, UsageError
from configvault.core.frozen import field, frozen, replace
from configvault.core.model import Entry, Finding, Folder, RejectedState, State, Trigger, Verdict
from configvault.core.outcome import DeployEnd, DeployOutcome, RollbackEnd, RollbackOutcome
from configvault.core.rendering.subject import describe, plugins_touched
from configvault.usecases import scan, transition
from configvault.usecases.confirm import refuse_second
from configvault.usecases.loading import load
from configvault.usecases.recording import OVERRIDABLE, summary
from configvault.usecases.rollback import check_expected, chosen
from configvault.usecases.scan import Live
from configvault.usecases.site import Site
from configvault.usecases.standing import divide
from configvault.usecases.transition import Aim, Finished, Purpose
from configvault.usecases.writing import writing
from configvault.vault.stage import Stage

__all__ = ["Request", "Stage", "deploy", "dry_run"]

Offer = Callable[[Stage], Candidate]
"""Reads what is offered, once, its bytes into the stage."""


@frozen
class Request:
    """What the operator asks for; as for a rollback, but that `force` overrides `mass-removal` and owners alone.

    An invalid state is never made live by it: what is live has to be a snapshot. `keep_extra` removes nothing,
    `preserve` takes owners and modes from the source. `based_on` are the blobs that files had when they were copied to
    be edited (None: there was none). `admit` is shown live under the lock, and raises where nothing may be deployed over it.
    """

    paths: tuple[str, ...] = ()
    expect: str | None = None
    reload: bool = True
    force: bool = False
    reason: str | None = None
    confirm_s: float | None = None
    keep_extra: bool = False
    preserve: bool = False
    trigger: str = Trigger.DEPLOY
    based_on: Mapping[str, str | None] = field(default_factory=dict)
    admit: Callable[[Live], None] | None = None


@frozen
class _Validated:
    """A candidate beside live: where it came from, what the root would become, what the rules say of that.

    `findings` are those that it brings, `standing` counts the warnings that stood before it.
    """

    candidate: Candidate
    aim: Aim
    verdict: Verdict
    errors: tuple[Finding, ...]
    findings: tuple[Finding, ...]
    standing: int


def dry_run(site: Site, request: Request, offer: Offer, stage: Stage) -> tuple[DeployOutcome, Aim]:
    """Say what the deployment would do, and change nothing, not even the vault; its bytes are in `stage`."""
    found = _validated(site, request, offer, stage)
    end = (
        DeployEnd.REJECTED
        if found.errors
        else DeployEnd.PLANNED
        if found.aim.steps.steps
        else DeployEnd.UNCHANGED
    )
    return _outcome(end, request, found), found.aim


def deploy(site: Site, request: Request, offer: Offer) -> DeployOutcome:
    """Make what is offered live, if the rules accept it, and tell what came of it.

    Raises:
        BusyError: the latest snapshot is not the expected one, a rollback waits for its confirmation, or somebody
            holds the lock.
        ConfigvaultError: the candidate cannot be read or is hostile, or the root could not be changed.
    """
    started = site.now()
    with site.vault.stage() as stage:
        # Fetching and unpacking may take long, and need no lock: nobody waits for that.
        candidate = offer(stage)
        with writing(site):
            refuse_second(site)
            found = _validated(site, request, lambda _: candidate, stage)
            if found.errors:
                outcome = _rejected(site, request, found, stage)
            elif found.aim.steps.steps:
                outcome = _carry_out(site, request, found, stage)
            else:
                outcome = _unchanged(site, request, found)
    outcome = replace(outcome, elapsed_seconds=max((site.now() - started).total_seconds(), 0.0))
    site.notify(outcome)
    return outcome


def _validated(site: Site, request: Request, offer: Offer, stage: Stage) -> _Validated:
    candidate = offer(stage)
    live = scan.live(site, stage, whole=False) if site.root.exists() else scan.missing_root(site)
    check_expected(site, request.expect)
    _check_untouched(request, live.state)
    if request.admit is not None:
        request.admit(live)
    wanted = adopt(candidate.state, live.state, preserve=request.preserve, keep_extra=request.keep_extra)
    look = f"{_command(replace(request, paths=()), candidate.source)} -n"
    wanted = chosen(request.paths, live.state, wanted, str(candidate.source), look)
    is_emptied = not wanted.entries and bool(live.state.entries) and not request.force
    if is_emptied and request.trigger != Trigger.PULL:
        raise UsageError(
            f"{candidate.source} has no files: everything in the root would be removed",
            f"is it the right source? if it is meant: {_command(request, candidate.source)} --force",
        )
    aimed = transition.aim(site, live, wanted, any_owner=request.force, stage=stage)
    # Bytes are in the stage or, where the root has the same, in the vault.
    read = replace(live, stage=stage).read
    verdict = site.validator.validate(State(aimed.state, read, live.before))
    errors = tuple(one for one in verdict.errors if not (request.force and one.rule in OVERRIDABLE))
    if is_emptied and not errors:
        # A pull has nobody who reads an error of usage: what was emptied meets `mass-removal`, unless that is off.
        raise OfferError(
            f"{candidate.source} has no files: everything in the root would be removed",
            "if this is intended: configvault pull --force",
        )
    findings, standing = divide(site, verdict.findings, live.before, read)
    findings = tuple(_with_way_on(request, candidate.source, one) for one in findings)
    return _Validated(candidate, aimed, verdict, errors, findings, standing)


def _with_way_on(request: Request, source: Source, finding: Finding) -> Finding:
    """Return a finding whose hint speaks of the candidate, where the rule's own speaks of a root that is changed already."""
    if finding.rule not in OVERRIDABLE:
        return finding
    if request.trigger == Trigger.EDIT:
        way = "edit fewer files at once; or change them in the root, and then: configvault snapshot --force"
    else:
        way = f"is it the right source? if it is meant: {_command(request, source)} --force"
    return replace(finding, hint=way)


def _command(request: Request, source: Source) -> str:
    """Return the command that asks for the same once more."""
    if request.trigger == Trigger.PULL:
        return "configvault pull"
    given = "-" if source.location == STANDARD_INPUT else shlex.quote(source.location)
    paths = "".join(f" --path {shlex.quote(path)}" for path in request.paths)
    return f"configvault deploy {given}{paths}"


def _check_untouched(request: Request, live: Folder) -> None:
    """Refuse to overwrite what somebody else has changed since it was copied.

    Raises:
        BusyError: it names the file.
    """
    for path, blob in request.based_on.items():
        entry = live.find(path)
        if (entry.blob if isinstance(entry, Entry) else None) != blob or isinstance(entry, Folder):
            raise BusyError(
                f"{path!r} was changed by somebody else while it was edited; nothing was overwritten",
                f"configvault edit {path}",
            )


def _rejected(site: Site, request: Request, found: _Validated, stage: Stage) -> DeployOutcome:
    """Keep what was refused, with the reasons and where it came from."""
    aimed = found.aim
    live = aimed.live
    touched = plugins_touched(aimed.changes, replace(live, stage=stage).read, live.state, aimed.state)
    note = site.note(request.trigger, f"Refuse: {summary(found.errors[0])}", request.reason, plugins=touched)
    note = replace(note, more=(("Source", str(found.candidate.source)),))
    said = tuple(_with_way_on(request, found.candidate.source, one) for one in found.verdict.findings)
    kept = site.vault.reject(aimed.state, live.before, stage, note, said)
    return _outcome(DeployEnd.REJECTED, request, found, kept)


def _unchanged(site: Site, request: Request, found: _Validated) -> DeployOutcome:
    """Have the service load live where it has not yet, or was not well with it: a deployment before may have ended so."""
    outcome = _outcome(DeployEnd.UNCHANGED, request, found)
    latest = found.aim.live.latest if found.aim.live.is_latest else None
    if latest is None or not request.reload or (latest.good and site.vault.marks().loaded == latest.id):
        return outcome
    loading = load(site, latest, request.trigger)
    end = RollbackEnd.UNCHANGED if loading.loaded else RollbackEnd.RELOAD_FAILED
    change = RollbackOutcome(end, latest, reload=loading.reload, health=loading.health)
    return replace(outcome, outcome=DeployEnd.of(end), change=change)


def _carry_out(site: Site, request: Request, found: _Validated, stage: Stage) -> DeployOutcome:
    aimed = found.aim
    read = replace(aimed.live, stage=stage).read
    purpose = Purpose(
        request.trigger,
        lambda _: describe(aimed.changes, read, aimed.live.state, aimed.state),
        request.reason,
        reload=request.reload,
        undo=site.settings.deploy.on_reload_failure == "undo",
        confirm_s=request.confirm_s,
        more=(("Source", str(found.candidate.source)),),
    )
    done = transition.finish(site, transition.begin(site, aimed, purpose), stage, aimed)
    return _finished(request, found, done)


def _finished(request: Request, found: _Validated, done: Finished) -> DeployOutcome:
    assert done.snapshot is not None
    change = done.onto(
        RollbackOutcome(
            RollbackEnd.ROLLED_BACK,
            done.snapshot,
            changes=found.aim.changes,
            other_owners=found.aim.other_owners,
        )
    )
    return replace(
        _outcome(DeployEnd.of(change.outcome), request, found), change=change, deployed=done.snapshot
    )


def _outcome(
    end: DeployEnd, request: Request, found: _Validated, rejected: RejectedState | None = None
) -> DeployOutcome:
    return DeployOutcome(
        end,
        found.candidate.source,
        found.aim.changes,
        found.findings,
        rejected,
        standing=found.standing,
        trigger=request.trigger,
        left_out=found.candidate.left_out,
    )
