"""Roll back: keep live, validate the target, make the root equal to it, record that, have the service load it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass, replace

from configvault.core import compare
from configvault.core.errors import (
    BusyError,
    ConfigvaultError,
    RejectedError,
    UnknownReferenceError,
    UsageError,
)
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
from configvault.core.outcome import Recording, RollbackEnd, RollbackOutcome
from configvault.core.plan import RestorePlan, Step, plan
from configvault.usecases import journal as journal_
from configvault.usecases import live as live_
from configvault.usecases import record as record_
from configvault.usecases import references
from configvault.usecases import restore as restore_
from configvault.usecases.journal import Journal
from configvault.usecases.live import Live
from configvault.usecases.loading import load
from configvault.usecases.site import Site
from configvault.usecases.writing import writing
from configvault.vault.stage import Stage


@dataclass(frozen=True, slots=True)
class Request:
    """What the operator asks for.

    `reference` or `at` names the target; `paths` restores only these; `expect` is the id the latest snapshot must
    have; `force` goes on although the target is refused by today's rules.
    """

    reference: str | None = None
    at: str | None = None
    paths: tuple[str, ...] = ()
    expect: str | None = None
    reload: bool = True
    force: bool = False
    reason: str | None = None


@dataclass(frozen=True)
class _Aim:
    """A request worked out against live: where to go, and what that changes."""

    target: Snapshot
    snapshot: bool
    state: Folder
    live: Live
    findings: tuple[Finding, ...]
    left: tuple[str, ...]

    @property
    def steps(self) -> RestorePlan:
        return plan(self.live.state, self.state)

    @property
    def changes(self) -> tuple[Change, ...]:
        return compare.changes(self.live.state, self.state)


def dry_run(site: Site, request: Request) -> RollbackOutcome:
    """Say what the rollback would do, and change nothing, not even the vault."""
    with site.vault.stage() as stage:
        aim = _aim(site, request, stage)
        end = RollbackEnd.PLANNED if aim.steps.steps else RollbackEnd.UNCHANGED
        return _outcome(end, aim, kept_folders=aim.steps.kept_folders)


def rollback(site: Site, request: Request) -> RollbackOutcome:
    """Carry out `request` and tell what came of it.

    Raises:
        UnknownReferenceError: no such target.
        RejectedError: today's rules refuse the target.
        BusyError: the latest snapshot is not the expected one, or somebody holds the lock.
        ConfigvaultError: the root could not be made equal to the target.
    """
    with writing(site), site.vault.stage() as stage:
        aim = _aim(site, request, stage)
        carry_out = _carry_out if aim.steps.steps else _unchanged
        outcome = carry_out(site, request, aim, stage)
    site.tell(outcome)
    return outcome


def _aim(site: Site, request: Request, stage: Stage) -> _Aim:
    found = _target(site, request)
    _check_expected(site, request)
    live = live_.look(site, stage) if site.root.exists() else _nothing(site)
    whole = site.vault.tree(found.tree, live.state)
    state = _chosen(request.paths, live.state, whole, found.id)
    verdict = site.judge.judge(State(state, live.read))
    if not verdict.accepted and not request.force:
        raise _refused(found, verdict)
    left = () if request.paths or isinstance(found, RejectedState) else tuple(_left(site, found))
    return _Aim(_as_snapshot(found), isinstance(found, Snapshot), state, live, verdict.findings, left)


def _target(site: Site, request: Request) -> Snapshot | RejectedState:
    if request.at is not None:
        return references.resolve_time(site, request.at)
    assert request.reference is not None
    found = references.resolve_any(site, request.reference)
    if isinstance(found, RejectedState) and not request.force:
        raise UnknownReferenceError(
            f"{found.id} is a rejected state: {found.subject}",
            f"configvault rejected show {found.id}, or add --force to restore it all the same",
        )
    return found


def _as_snapshot(found: Snapshot | RejectedState) -> Snapshot:
    if isinstance(found, Snapshot):
        return found
    return Snapshot(
        found.id, found.commit, found.tree, None, found.taken_at, found.trigger, found.actor, "", found.subject
    )


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


def _nothing(site: Site) -> Live:
    """Return live where the root itself is missing: an empty folder that nobody has to keep."""
    latest = site.vault.latest()
    before = live_.latest_state(site, latest)
    like = before or Folder(0o755, os.geteuid(), os.getegid(), {})
    empty = Folder(like.mode, like.uid, like.gid, {})
    return Live(empty, latest, before, None, site.vault.objects.read)


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


def _left(site: Site, target: Snapshot) -> Iterator[str]:
    """Yield the snapshots newer than `target` with another content: the ones a rollback to it leaves."""
    for snapshot in site.vault.log():
        if snapshot.commit == target.commit:
            return
        if snapshot.tree != target.tree and not snapshot.rolled_back:
            yield snapshot.id


def _outcome(end: RollbackEnd, aim: _Aim, **more: object) -> RollbackOutcome:
    plain = RollbackOutcome(end, aim.target, changes=aim.changes, left=aim.left, findings=aim.findings)
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
    check_owners(aim.steps)
    safety = keep_live(site, aim.live)
    if safety is not None and aim.snapshot and not request.paths:
        aim = replace(aim, left=tuple(_left(site, aim.target)))
    journal = _journal(site, request, aim, safety)
    restored = restore_.restore(site, journal, aim.live.state, aim.state, stage)
    outcome = _outcome(
        RollbackEnd.ROLLED_BACK,
        aim,
        safety=safety,
        recorded=restored.snapshot,
        in_place=tuple(restored.in_place),
        hard_links=tuple(restored.hard_links),
        kept_folders=restored.kept_folders,
        foreign=restored.foreign,
    )
    if request.reload:
        outcome = _reloaded(site, outcome)
        if outcome.outcome is RollbackEnd.RELOAD_FAILED and site.settings.rollback.on_reload_failure == "undo":
            return undo(site, outcome, stage, "the reload failed")
    journal_.drop(site.vault)
    return outcome


def _reloaded(site: Site, outcome: RollbackOutcome) -> RollbackOutcome:
    loading = load(site, outcome.recorded, Trigger.ROLLBACK)
    end = outcome.outcome if loading.loaded else RollbackEnd.RELOAD_FAILED
    return replace(outcome, outcome=end, reload=loading.reload, health=loading.health)


def keep_live(site: Site, live: Live) -> str | None:
    """Put live into the vault unless it is there; return the id it has, None where there is no root to keep."""
    if live.is_latest or live.stage is None:
        return live.latest.id if live.latest and live.is_latest else None
    outcome = record_.record_live(site, Trigger.PRE_ROLLBACK, live)
    if outcome.outcome is Recording.REJECTED:
        assert outcome.rejected is not None
        return outcome.rejected.id
    assert outcome.snapshot is not None
    return outcome.snapshot.id


def _journal(site: Site, request: Request, aim: _Aim, safety: str | None) -> Journal:
    """Prepare the snapshot that records the rollback, and return what is to be done."""
    order = Journal(
        restore_.new_token(), aim.target.commit, False, Trigger.ROLLBACK, safety, reload=request.reload
    )
    if not aim.snapshot and not request.paths:
        return order
    subject = f"Roll back to {aim.target.id}"
    if request.paths:
        subject = f"Restore {', '.join(request.paths)} from {aim.target.id}"
    note = site.note(Trigger.ROLLBACK, subject, request.reason, aim.target.id)
    prepared = site.vault.prepare(aim.state, aim.live.before, aim.live.stage, note)
    return replace(order, commit=prepared.commit, publish=True, left=aim.left)


def undo(site: Site, outcome: RollbackOutcome, stage: Stage, why: str) -> RollbackOutcome:
    """Put back what was live before `outcome`, have the service load it, and say so."""
    assert outcome.safety is not None
    back = references.resolve_any(site, outcome.safety)
    state = site.vault.tree(back.tree)
    commit, publish = back.commit, isinstance(back, Snapshot)
    if publish:
        note = site.note(Trigger.UNDO, f"Undo the rollback to {outcome.target.id}: {why}", None, back.id)
        commit = site.vault.prepare(state, None, None, note).commit
    recorded = outcome.recorded
    journal = Journal(
        restore_.new_token(),
        commit,
        publish,
        Trigger.UNDO,
        outcome.safety,
        (recorded.id,) if recorded else (),
        recorded.id if recorded else None,
    )
    live = live_.look(site, stage)
    keep_live(site, live)
    restored = restore_.restore(site, journal, live.state, state, stage)
    loading = load(site, restored.snapshot, Trigger.UNDO)
    journal_.drop(site.vault)
    return replace(
        outcome,
        outcome=RollbackEnd.UNDONE,
        recorded=restored.snapshot,
        reload=loading.reload,
        health=loading.health,
    )


def check_owners(steps: RestorePlan) -> None:
    """Refuse at once what this user may not do: give files to others.

    Raises:
        ConfigvaultError: it names the first such path and who shall own it.
    """
    if os.geteuid() == 0:
        return
    groups = {os.getegid(), *os.getgroups()}
    for path, entry in _made_anew(steps):
        if entry.uid != os.geteuid() or entry.gid not in groups:
            raise ConfigvaultError(
                f"cannot give {path!r} to user {entry.uid} and group {entry.gid}: that takes the right to set owners",
                "run it as root, e.g. with sudo",
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
