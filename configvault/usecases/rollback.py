"""Roll back: keep live, validate the target, make the root equal to it, record that, have the service load it."""

from __future__ import annotations

from configvault.core import compare
from configvault.core.errors import BusyError, RejectedError, UnknownReferenceError, UsageError
from configvault.core.frozen import frozen, replace
from configvault.core.model import Change, Finding, Folder, RejectedState, Snapshot, State, Trigger, Verdict
from configvault.core.outcome import Lines, RollbackEnd, RollbackOutcome
from configvault.core.rendering.textdiff import Read, file_diff
from configvault.usecases import references, scan, transition
from configvault.usecases.confirm import refuse_second
from configvault.usecases.loading import load, need_not_load
from configvault.usecases.scan import Live
from configvault.usecases.site import Site
from configvault.usecases.standing import divide
from configvault.usecases.transition import Aim, Purpose
from configvault.usecases.writing import writing
from configvault.vault.stage import Stage


@frozen
class Request:
    """What the operator asks for.

    `reference` or `at` names the target; `paths` restores only these; `expect` is the id the latest snapshot must
    have; `force` goes on although the target is refused by today's rules, or owners cannot be set; `confirm_s` is for
    how long the rollback then waits for its confirmation; with `allow_setid` files get the set-id bits that are recorded.
    """

    reference: str | None = None
    at: str | None = None
    paths: tuple[str, ...] = ()
    expect: str | None = None
    reload: bool = True
    force: bool = False
    reason: str | None = None
    confirm_s: float | None = None
    allow_setid: bool = False


@frozen
class _Plan:
    """A request worked out: the target (`is_snapshot` unless it is a rejected state), the aim, what rules say of it.

    `back_to` is the snapshot behind which newer ones are left, None where only some files are restored.
    """

    target: Snapshot
    is_snapshot: bool
    aim: Aim
    findings: tuple[Finding, ...]
    back_to: Snapshot | None
    standing: int = 0


def dry_run(site: Site, request: Request) -> RollbackOutcome:
    """Say what the rollback would do, and change nothing, not even the vault."""
    with site.vault.stage() as stage:
        found = _plan(site, request, stage)
        end = RollbackEnd.PLANNED if found.aim.steps.steps else RollbackEnd.UNCHANGED
        read, old = site.vault.objects.read, found.aim.live.read
        lines = tuple(_lines(change, old, read) for change in found.aim.changes)
        left = transition.left_behind(site, found.back_to) if found.back_to is not None else ()
        return _outcome(end, found, lines=lines, left=tuple(left))


def _lines(change: Change, old: Read, new: Read) -> Lines:
    """Return how many lines come and go."""
    found = file_diff(change, old, new, lambda before, after: (before, after))
    return Lines(change.path, None, None) if found.binary else Lines(change.path, found.added, found.removed)


def rollback(site: Site, request: Request) -> RollbackOutcome:
    """Carry out `request` and tell what came of it.

    Raises:
        UnknownReferenceError: no such target.
        RejectedError: today's rules refuse the target.
        BusyError: the latest snapshot is not the expected one, another rollback waits for its confirmation, or
            somebody holds the lock.
        ConfigvaultError: the root could not be made equal to the target.
    """
    started = site.now()
    with writing(site), site.vault.stage() as stage:
        refuse_second(site)
        found = _plan(site, request, stage)
        carry_out = _carry_out if found.aim.steps.steps else _unchanged
        outcome = carry_out(site, request, found, stage)
    outcome = replace(outcome, elapsed_seconds=max((site.now() - started).total_seconds(), 0.0))
    site.notify(outcome)
    return outcome


def _plan(site: Site, request: Request, stage: Stage) -> _Plan:
    there = scan.live(site, stage, whole=False) if site.root.exists() else None
    found = _target(site, request, there)
    check_expected(site, request.expect)
    live = there if there is not None else scan.missing_root(site)
    whole = site.vault.tree(found.tree, live.seen)
    wanted = chosen(request.paths, live.state, whole, found.id, f"configvault show {found.id} --stat")
    aimed = transition.aim(site, live, wanted, any_owner=request.force, allow_setid=request.allow_setid)
    verdict = site.validator.validate(State(aimed.state, live.read))
    if not verdict.accepted and not request.force:
        raise _rejected(found, verdict)
    back_to = found if isinstance(found, Snapshot) and not request.paths else None
    findings, standing = divide(site, verdict.findings, live.before, live.read)
    return _Plan(found.as_snapshot(), isinstance(found, Snapshot), aimed, findings, back_to, standing)


def _target(site: Site, request: Request, live: Live | None) -> Snapshot | RejectedState:
    if request.at is not None:
        return references.resolve_time(site, request.at)
    assert request.reference is not None
    found = references.resolve_any(site, request.reference, live)
    if isinstance(found, RejectedState) and not request.force:
        raise UnknownReferenceError(
            f"{found.id} is a rejected state: {found.subject}",
            f"configvault rejected show {found.id}, or add --force to restore it anyway",
        )
    return found


def check_expected(site: Site, expect: str | None) -> None:
    """Refuse to go on where the latest snapshot is not `expect`: somebody was faster.

    Raises:
        BusyError: it names both.
    """
    if expect is None:
        return
    latest = site.vault.latest()
    if latest is None or references.resolve(site, expect).id != latest.id:
        now = latest.id if latest else "none"
        raise BusyError(
            f"the latest snapshot is {now}, not the expected {expect}",
            "see what changed: configvault list, configvault diff",
        )


def chosen(paths: tuple[str, ...], live: Folder, target: Folder, where: str, hint: str) -> Folder:
    """Return `live` with only these `paths` as in `target`; all of `target` where none is named.

    Raises:
        UsageError: one of them is neither in `target`, which is called `where`, nor in the root.
    """
    if not paths:
        return target
    cleaned = [within(path) for path in paths]
    for path in cleaned:
        if target.find(path) is None and live.find(path) is None:
            raise UsageError(f"{path!r} is neither in {where} nor in the root", hint)
    return compare.graft(live, target, cleaned)


def within(path: str) -> str:
    """Return a path that was given, as it is written in a state; raises UsageError where it leads out."""
    parts = [part for part in path.split("/") if part not in ("", ".")]
    if not parts or ".." in parts or path.startswith("/"):
        raise UsageError(f"{path!r} is not a path in the root", "write it relative to the root")
    return "/".join(parts)


def _rejected(found: Snapshot | RejectedState, verdict: Verdict) -> RejectedError:
    count = len(verdict.errors)
    return RejectedError(
        f"the current rules reject {found.id}: {count} error{'' if count == 1 else 's'}",
        "choose another snapshot, or add --force to restore it anyway",
        verdict.findings,
    )


def _outcome(end: RollbackEnd, found: _Plan, **more: object) -> RollbackOutcome:
    plain = RollbackOutcome(
        end,
        found.target,
        changes=found.aim.changes,
        findings=found.findings,
        standing=found.standing,
        kept_folders=found.aim.steps.kept_folders,
        other_owners=found.aim.other_owners,
        no_set_id=found.aim.no_set_id,
    )
    return replace(plain, **more)


def _unchanged(site: Site, request: Request, found: _Plan, _stage: Stage) -> RollbackOutcome:
    """Reload all the same: the service may not have loaded what is live."""
    live = found.aim.live
    safety = live.latest.id if live.latest and live.is_latest else None
    if not request.reload or need_not_load(site, live.latest if safety else None):
        return _outcome(RollbackEnd.UNCHANGED, found, safety=safety)
    loading = load(site, live.latest if safety else None, Trigger.ROLLBACK)
    end = RollbackEnd.UNCHANGED if loading.loaded else RollbackEnd.RELOAD_FAILED
    return _outcome(end, found, safety=safety, reload=loading.reload, health=loading.health)


def _carry_out(site: Site, request: Request, found: _Plan, stage: Stage) -> RollbackOutcome:
    subject = f"Roll back to {found.target.id}"
    if request.paths:
        subject = f"Restore {', '.join(request.paths)} from {found.target.id}"
    purpose = Purpose(
        Trigger.ROLLBACK,
        lambda _: subject,
        request.reason,
        found.target.id,
        # Of a whole rejected state no snapshot is made.
        kept_as=None if found.is_snapshot or request.paths else found.target.commit,
        back_to=found.back_to,
        reload=request.reload,
        undo=site.settings.rollback.on_reload_failure == "undo",
        confirm_s=request.confirm_s,
    )
    journal = transition.begin(site, found.aim, purpose)
    done = transition.finish(site, journal, stage, found.aim)
    return done.onto(_outcome(RollbackEnd.ROLLED_BACK, found))
