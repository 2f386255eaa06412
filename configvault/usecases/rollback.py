"""Roll back: keep live, validate the target, make the root equal to it, record that, have the service load it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property

from configvault.core import compare
from configvault.core.errors import (
    BusyError,
    ConfigvaultError,
    RejectedError,
    UnknownReferenceError,
    UsageError,
)
from configvault.core.frozen import frozen
from configvault.core.model import (
    Change,
    Entry,
    Finding,
    Folder,
    RejectedState,
    Snapshot,
    State,
    Trigger,
    Verdict,
)
from configvault.core.outcome import Lines, RollbackEnd, RollbackOutcome
from configvault.core.plan import RestorePlan, Step, plan
from configvault.core.rendering.subject import plugins_touched
from configvault.core.rendering.textdiff import Read, file_diff
from configvault.root import rights
from configvault.usecases import journal as journal_
from configvault.usecases import live as live_
from configvault.usecases import pending as pending_
from configvault.usecases import references
from configvault.usecases import restore as restore_
from configvault.usecases.journal import Journal
from configvault.usecases.live import Live
from configvault.usecases.loading import load
from configvault.usecases.site import Site
from configvault.usecases.undo import WayBack, keep_live, left_behind, nothing, undo, undone
from configvault.usecases.writing import writing
from configvault.vault.stage import Stage


@frozen
class Request:
    """What the operator asks for.

    `reference` or `at` names the target; `paths` restores only these; `expect` is the id the latest snapshot must
    have; `force` goes on although the target is refused by today's rules, or owners cannot be set; `confirm_s` is for
    how long the rollback then waits for its confirmation.
    """

    reference: str | None = None
    at: str | None = None
    paths: tuple[str, ...] = ()
    expect: str | None = None
    reload: bool = True
    force: bool = False
    reason: str | None = None
    confirm_s: float | None = None


@dataclass(frozen=True)
class _Aim:
    """A request worked out against live: where to go, what that takes, what it changes, what cannot be had."""

    target: Snapshot
    snapshot: bool
    state: Folder
    live: Live
    steps: RestorePlan
    findings: tuple[Finding, ...]
    left: tuple[str, ...]
    other_owners: tuple[str, ...]

    @cached_property
    def changes(self) -> tuple[Change, ...]:
        return compare.changes(self.live.state, self.state)


def dry_run(site: Site, request: Request) -> RollbackOutcome:
    """Say what the rollback would do, and change nothing, not even the vault."""
    with site.vault.stage() as stage:
        aim = _aim(site, request, stage)
        end = RollbackEnd.PLANNED if aim.steps.steps else RollbackEnd.UNCHANGED
        lines = tuple(_lines(change, aim.live.read, site.vault.objects.read) for change in aim.changes)
        return _outcome(end, aim, lines=lines)


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
        pending_.refuse_second(site)
        aim = _aim(site, request, stage)
        carry_out = _carry_out if aim.steps.steps else _unchanged
        outcome = carry_out(site, request, aim, stage)
    outcome = replace(outcome, elapsed_seconds=max((site.now() - started).total_seconds(), 0.0))
    site.tell(outcome)
    return outcome


def _aim(site: Site, request: Request, stage: Stage) -> _Aim:
    there = live_.look(site, stage) if site.root.exists() else None
    found = _target(site, request, there)
    _check_expected(site, request)
    live = there if there is not None else nothing(site)
    whole = site.vault.tree(found.tree, live.seen)
    wanted = restore_.attainable(
        site, _chosen(request.paths, live.state, whole, found.id), live.seen, any_owner=False
    )
    state = restore_.attainable(site, wanted, live.seen, any_owner=request.force)
    verdict = site.validator.validate(State(state, live.read))
    if not verdict.accepted and not request.force:
        raise _refused(found, verdict)
    left = () if request.paths or isinstance(found, RejectedState) else tuple(left_behind(site, found))
    return _Aim(
        pending_.as_snapshot(found),
        isinstance(found, Snapshot),
        state,
        live,
        plan(live.seen, state),
        verdict.findings,
        left,
        tuple(change.path for change in compare.changes(wanted, state)),
    )


def _target(site: Site, request: Request, live: Live | None) -> Snapshot | RejectedState:
    if request.at is not None:
        return references.resolve_time(site, request.at)
    assert request.reference is not None
    found = references.resolve_any(site, request.reference, live)
    if isinstance(found, RejectedState) and not request.force:
        raise UnknownReferenceError(
            f"{found.id} is a rejected state: {found.subject}",
            f"configvault rejected show {found.id}, or add --force to restore it all the same",
        )
    return found


def _check_expected(site: Site, request: Request) -> None:
    if request.expect is None:
        return
    latest = site.vault.latest()
    if latest is None or references.resolve(site, request.expect).id != latest.id:
        now = latest.id if latest else "none"
        raise BusyError(
            f"the latest snapshot is {now}, not the expected {request.expect}",
            "look at what changed: configvault list, configvault diff",
        )


def _chosen(paths: tuple[str, ...], live: Folder, target: Folder, id_: str) -> Folder:
    if not paths:
        return target
    cleaned = [_inside(path) for path in paths]
    for path in cleaned:
        if target.find(path) is None and live.find(path) is None:
            raise UsageError(f"{path!r} is neither in {id_} nor in the root", f"configvault show {id_} --stat")
    return compare.graft(live, target, cleaned)


def _inside(path: str) -> str:
    parts = [part for part in path.split("/") if part not in ("", ".")]
    if not parts or ".." in parts or path.startswith("/"):
        raise UsageError(
            f"--path {path!r} does not name something in the root", "write it relative to the root"
        )
    return "/".join(parts)


def _refused(found: Snapshot | RejectedState, verdict: Verdict) -> RejectedError:
    count = len(verdict.errors)
    return RejectedError(
        f"today's rules refuse {found.id}: {count} error{'' if count == 1 else 's'}",
        "choose another snapshot, or add --force to restore it all the same",
        verdict.findings,
    )


def _outcome(end: RollbackEnd, aim: _Aim, **more: object) -> RollbackOutcome:
    plain = RollbackOutcome(
        end,
        aim.target,
        changes=aim.changes,
        left=aim.left,
        findings=aim.findings,
        kept_folders=aim.steps.kept_folders,
        other_owners=aim.other_owners,
    )
    return replace(plain, **more)  # type: ignore[arg-type]


def _unchanged(site: Site, request: Request, aim: _Aim, _stage: Stage) -> RollbackOutcome:
    """Reload all the same: the service may not have loaded what is live."""
    safety = aim.live.latest.id if aim.live.latest and aim.live.is_latest else None
    if not request.reload:
        return _outcome(RollbackEnd.UNCHANGED, aim, safety=safety, left=())
    loading = load(site, aim.live.latest if safety else None, Trigger.ROLLBACK)
    end = RollbackEnd.UNCHANGED if loading.loaded else RollbackEnd.RELOAD_FAILED
    return _outcome(end, aim, safety=safety, left=(), reload=loading.reload, health=loading.health)


def _carry_out(site: Site, request: Request, aim: _Aim, stage: Stage) -> RollbackOutcome:
    _check_rights(site, request, aim)
    safety = keep_live(site, aim.live)
    if request.confirm_s is not None and safety is None:
        raise ConfigvaultError(
            "there is nothing to go back to: the root is missing", "roll back without --confirm"
        )
    if safety is not None and not aim.live.is_latest and aim.snapshot and not request.paths:
        aim = replace(aim, left=tuple(left_behind(site, aim.target)))
    journal = _journal(site, request, aim, safety)
    restored = restore_.restore(site, journal, aim.live.seen, aim.state, stage, aim.live.kept)
    outcome = _outcome(
        RollbackEnd.ROLLED_BACK,
        aim,
        safety=safety,
        recorded=restored.snapshot,
        in_place=tuple(restored.in_place),
        hard_links=tuple(restored.hard_links),
        kept_folders=restored.kept_folders,
        foreign=restored.foreign,
        aside=tuple(sorted(restored.aside.items())),
    )
    if request.reload:
        outcome = _reloaded(site, outcome)
    if journal.confirm is not None:
        recorded = restored.snapshot.id if restored.snapshot else None
        outcome = replace(outcome, pending_until=pending_.begin(site, journal.confirm, recorded).until)
    if outcome.outcome is RollbackEnd.RELOAD_FAILED and _shall_be_undone(site, request, safety):
        assert safety is not None
        recorded = restored.snapshot.id if restored.snapshot else None
        way = WayBack(aim.target.id, safety, recorded, request.force)
        return undone(outcome, undo(site, way, stage, "the service did not take it"))
    journal_.drop(site.vault)
    return outcome


def _shall_be_undone(site: Site, request: Request, safety: str | None) -> bool:
    """Return whether a rollback that the service did not take goes back: why wait for a confirmation of that."""
    undoing = site.settings.rollback.on_reload_failure == "undo" or request.confirm_s is not None
    return undoing and safety is not None


def _reloaded(site: Site, outcome: RollbackOutcome) -> RollbackOutcome:
    loading = load(site, outcome.recorded, Trigger.ROLLBACK)
    end = outcome.outcome if loading.loaded else RollbackEnd.RELOAD_FAILED
    return replace(outcome, outcome=end, reload=loading.reload, health=loading.health)


def _journal(site: Site, request: Request, aim: _Aim, safety: str | None) -> Journal:
    """Prepare the snapshot that records the rollback, and return what is to be done."""
    confirm = None
    if request.confirm_s is not None and safety is not None:
        waits = pending_.new(site, request.confirm_s, aim.target.id, safety, any_owner=request.force)
        confirm = waits.document()
    order = Journal(
        restore_.new_token(),
        aim.target.commit,
        False,
        Trigger.ROLLBACK,
        safety,
        reload=request.reload,
        any_owner=request.force,
        confirm=confirm,
    )
    if not aim.snapshot and not request.paths:
        return order
    subject = f"Roll back to {aim.target.id}"
    if request.paths:
        subject = f"Restore {', '.join(request.paths)} from {aim.target.id}"
    touched = plugins_touched(aim.changes, aim.live.read, aim.live.state, aim.state)
    note = site.note(Trigger.ROLLBACK, subject, request.reason, aim.target.id, touched)
    prepared = site.vault.prepare(aim.state, aim.live.before, aim.live.stage, note)
    return replace(order, commit=prepared.commit, publish=True, left=aim.left)


def _check_rights(site: Site, request: Request, aim: _Aim) -> None:
    check_owners(aim.steps)
    if not request.force and _shall_be_undone(site, request, ""):
        check_owners(plan(aim.state, aim.live.state))


def check_owners(steps: RestorePlan) -> None:
    """Refuse at once what this user may not do: give files to others.

    Raises:
        ConfigvaultError: it names the first such path and who shall own it.
    """
    may_give = rights.giver()
    for path, entry in _made_anew(steps):
        if not may_give(entry.uid, entry.gid):
            raise ConfigvaultError(
                f"cannot give {path!r} to user {entry.uid} and group {entry.gid}: "
                "that takes root or the capability CAP_CHOWN",
                "run it with sudo, or add --force to restore all but the owners",
            )


def _made_anew(steps: RestorePlan) -> Iterator[tuple[str, Entry | Folder]]:
    """Yield what gets an owner: everything new, and folders whose owner changes."""
    for step in steps.steps:
        if step.new is not None and not _keeps_owner(step):
            yield step.path, step.new
        if isinstance(step.new, Folder) and not step.attributes_only:
            yield from step.new.walk(step.path + "/")


def _keeps_owner(step: Step) -> bool:
    old, new = step.old, step.new
    return isinstance(old, Folder) and isinstance(new, Folder) and (old.uid, old.gid) == (new.uid, new.gid)
