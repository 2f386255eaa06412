"""Change the root to another state; every change goes through the three functions here.

    aim     work out which state the root can get, and the steps from live to it; nothing is changed
    begin   keep live in the vault, prepare the commit that will record the new state, write the journal
    finish  bring the root to that state, publish and mark the snapshot, reload the service, start to wait for a
            confirmation or undo the change, remove the journal

Rollback, undo, automatic restore, deployment and recovery of a host differ only in their target and `Purpose`. After a
crash `finish` is called with the journal alone. It always rolls forward: the new state was in the vault, and validated,
before the root was touched.

The target need not come from the vault: `aim` takes any state, and a `Stage` with the bytes that the vault lacks.
"""

from __future__ import annotations

import contextlib
import itertools
import os
from collections.abc import Callable, Iterator
from datetime import timedelta
from functools import cached_property

from configvault.core import compare, metadata
from configvault.core.errors import ConfigvaultError
from configvault.core.frozen import frozen, replace
from configvault.core.leftout import is_missing
from configvault.core.model import Change, Entry, Folder, Snapshot, Trigger
from configvault.core.outcome import RollbackEnd, RollbackOutcome, Undoing
from configvault.core.plan import RestorePlan, Step, plan
from configvault.core.rendering.subject import plugins_touched
from configvault.root import leftovers, rights, staging
from configvault.usecases import references, rounds, scan
from configvault.usecases.loading import Loading, load
from configvault.usecases.recording import keep_live
from configvault.usecases.rounds import Restored
from configvault.usecases.scan import Live
from configvault.usecases.site import Site
from configvault.vault.refs import MAIN
from configvault.vault.stage import Stage
from configvault.vault.statefiles import JOURNAL, PENDING, UNDONE, Journal, Pending, end_pending


@frozen
class Aim:
    """A planned change of the root.

    Attributes:
        live: the root as it is now.
        state: the state that it can get: as much of the wanted one as possible.
        steps: the steps from live to `state`.
        other_owners: paths that keep or get another owner than wanted, as this user may not set it.
        any_owner: such owners are accepted.
        stage: has the bytes that the vault lacks; None if it lacks none.
        no_set_id: paths that lose their set-id bits.
        allow_setid: set-id bits may be given.
    """

    live: Live
    state: Folder
    steps: RestorePlan
    other_owners: tuple[str, ...] = ()
    any_owner: bool = False
    stage: Stage | None = None
    no_set_id: tuple[str, ...] = ()
    allow_setid: bool = False

    @cached_property
    def changes(self) -> tuple[Change, ...]:
        """Return the differences from live to `state`."""
        return compare.changes(self.live.state, self.state)


@frozen
class Purpose:
    """Why the root changes, and what follows.

    Attributes:
        trigger: what caused the change, one of `Trigger`.
        subject: returns the subject of the new snapshot's commit; gets the id under which live was kept, or None.
        reason: the reason that the operator gave.
        target: the id of the state that is restored.
        kept_as: the commit that holds the new state already; then no snapshot is made.
        unless_latest: make no snapshot either if the new state is the latest snapshot's, after live was kept.
        back_to: the snapshot that the root goes back to; newer ones are marked as rolled back.
        forgiven: the id of a snapshot whose marks of rolled-back snapshots are removed again.
        reload: have the service load the new state.
        undo: go back if the service fails to load it.
        confirm_s: for how many seconds to wait for a confirmation before going back; None not to wait.
        more: further trailers of the commit, as pairs of name and value.
    """

    trigger: str
    subject: Callable[[str | None], str] = str
    reason: str | None = None
    target: str | None = None
    kept_as: str | None = None
    unless_latest: bool = False
    back_to: Snapshot | None = None
    forgiven: str | None = None
    reload: bool = True
    undo: bool = False
    confirm_s: float | None = None
    more: tuple[tuple[str, str], ...] = ()


@frozen
class Finished:
    """The result of a change.

    Attributes:
        journal: the journal that was carried out.
        snapshot: the snapshot that records the new state; None if none was to be made.
        restored: what the restore found and could not do.
        loading: whether the service loaded the new state; None if it was not told.
        pending: what waits for a confirmation.
        undone: the result of going back, if the service failed to load the new state.
        why: of an undo: its reason.
        changes: of an undo: what it changed.
    """

    journal: Journal
    snapshot: Snapshot | None
    restored: Restored
    loading: Loading | None = None
    pending: Pending | None = None
    undone: Finished | None = None
    why: str = ""
    changes: tuple[Change, ...] = ()

    @property
    def failed(self) -> bool:
        """Return whether the service was told to load the new state and failed."""
        return self.loading is not None and not self.loading.loaded

    @property
    def found(self) -> str | None:
        """Return the id of the rejected state with changes of other processes that were found on the way, if any."""
        return self.restored.foreign

    def onto(self, outcome: RollbackOutcome) -> RollbackOutcome:
        """Return `outcome` with this result filled in."""
        outcome = replace(
            outcome,
            outcome=RollbackEnd.RELOAD_FAILED if self.failed else RollbackEnd.ROLLED_BACK,
            safety=self.journal.safety,
            recorded=self.snapshot,
            left=self.journal.left,
            in_place=tuple(self.restored.in_place),
            hard_links=tuple(self.restored.hard_links),
            kept_folders=self.restored.kept_folders,
            foreign=self.found,
            aside=tuple(sorted(self.restored.aside.items())),
            left_out=tuple(
                (path, reason) for path, reason in self.restored.live.all_left_out() if is_missing(reason)
            ),
            bare=tuple(self.restored.bare),
            reload=self.loading.reload if self.loading else None,
            health=self.loading.health if self.loading else (),
            pending_until=self.pending.until if self.pending else None,
        )
        return self.undone.onto_undone(outcome) if self.undone is not None else outcome

    def onto_undone(self, outcome: RollbackOutcome) -> RollbackOutcome:
        """Return the outcome of a rollback with this result filled in, which is of its undo."""
        edits = self.found or self._edits(outcome)
        reload = self.loading.reload if self.loading else None
        health = self.loading.health if self.loading else ()
        decided = outcome.reload is not None or outcome.health
        return replace(
            outcome,
            outcome=RollbackEnd.UNDONE,
            recorded=self.snapshot,
            reload=outcome.reload if decided else reload,
            health=outcome.health if decided else health,
            foreign=edits or outcome.foreign,
            pending_until=None,
            undoing=Undoing(self.why, reload, health, self.changes),
        )

    def _edits(self, outcome: RollbackOutcome) -> str | None:
        """Return the id under which edits by hand since the rollback are kept, None where there were none."""
        recorded = outcome.recorded.id if outcome.recorded else None
        kept = self.journal.safety
        return kept if kept not in {recorded, outcome.safety, outcome.target.id} else None


# --- aim


def aim(
    site: Site,
    live: Live,
    wanted: Folder,
    *,
    any_owner: bool = False,
    allow_setid: bool = False,
    stage: Stage | None = None,
) -> Aim:
    """Work out which state the root can get, and how; nothing is changed.

    Args:
        site: what to work on.
        live: the root as it is now.
        wanted: the target.
        any_owner: accept other owners where this user may not set the wanted ones.
        allow_setid: give files their set-id bits. Off by default: whoever wrote the file then need not be trusted now.
        stage: has the bytes of `wanted` that the vault lacks.

    Raises:
        ConfigvaultError: something in the root that is never touched is in the way.
    """
    wanted = attainable(site, wanted, live.seen, any_owner=False, allow_setid=True)
    possible = attainable(site, wanted, live.seen, any_owner=False, allow_setid=allow_setid)
    state = attainable(site, possible, live.seen, any_owner=any_owner, allow_setid=True)
    others = tuple(change.path for change in compare.changes(possible, state))
    no_set_id = tuple(change.path for change in compare.changes(wanted, possible))
    return Aim(live, state, plan(live.seen, state), others, any_owner, stage, no_set_id, allow_setid)


def attainable(
    site: Site, wanted: Folder, live: Folder | None, *, any_owner: bool, allow_setid: bool
) -> Folder:
    """Return as much of `wanted` as this process can restore over `live`.

    What the configuration ignores now is left out. With `any_owner` owners that this process may not set are replaced.
    Without `allow_setid` no file gets set-id bits that it does not have in `live`.
    """
    wanted = compare.without_ignored(wanted, live, site.root.names.reason_to_leave_out)
    if not allow_setid:
        wanted = compare.without_set_id(wanted, live)
    if not any_owner:
        return wanted
    return compare.with_possible_owners(wanted, live, rights.giver(), (os.geteuid(), os.getegid()))


def left_behind(site: Site, target: Snapshot) -> Iterator[str]:
    """Yield the ids of the snapshots that a rollback to `target` leaves: newer ones with another content."""
    end: str | None = target.commit
    if not site.vault.has_tag(target):
        # The target was pruned, so `log` does not yield it: stop at the next older snapshot that still exists.
        older = itertools.dropwhile(lambda one: one.commit != target.commit, site.vault.log(pruned=True))
        end = next((one.commit for one in older if site.vault.has_tag(one)), None)
    for snapshot in site.vault.log():
        if snapshot.commit == end:
            return
        if snapshot.tree != target.tree and not snapshot.rolled_back:
            yield snapshot.id


# --- begin


def begin(site: Site, aimed: Aim, purpose: Purpose) -> Journal:
    """Keep live, put the commit of the new state on disk, and write the journal; the caller holds the lock.

    The journal comes last: it may only name a commit that is on disk.

    Raises:
        ConfigvaultError: this user may not do it, or there is nothing to go back to; nothing was changed in the root.
    """
    _check_owners(aimed, both_ways=purpose.undo or purpose.confirm_s is not None)
    safety = keep_live(site, aimed.live)
    if purpose.confirm_s is not None and safety is None:
        raise ConfigvaultError("the root is missing, so --confirm could not undo the change", "omit --confirm")
    commit, publish = purpose.kept_as, False
    left: tuple[str, ...] = ()
    if purpose.unless_latest:
        latest = site.vault.latest()
        is_latest = latest is not None and latest.tree == metadata.snapshot_tree(aimed.state).id
        commit = latest.commit if latest is not None and is_latest else None
    if commit is None:
        commit, publish = _prepare(site, aimed, purpose, safety), True
        left = tuple(left_behind(site, purpose.back_to)) if purpose.back_to is not None else ()
    confirm = _pending(site, aimed, purpose, safety, commit) if safety is not None else None
    journal = Journal(
        staging.new_token(),
        commit,
        publish,
        purpose.trigger,
        safety,
        left,
        purpose.forgiven,
        reload=purpose.reload,
        any_owner=aimed.any_owner,
        allow_setid=aimed.allow_setid,
        confirm=confirm,
        # A change that waits for a confirmation is undone at once if the service fails to load it.
        undo=safety is not None and (purpose.undo or confirm is not None),
    )
    JOURNAL.write(site.vault.state, journal)
    return journal


def _pending(site: Site, aimed: Aim, purpose: Purpose, safety: str, commit: str) -> Pending | None:
    """Return what will wait for a confirmation; a deployment has no target other than its own snapshot."""
    if purpose.confirm_s is None:
        return None
    until = site.now() + timedelta(seconds=purpose.confirm_s)
    target = purpose.target or site.vault.at(commit).id
    token = os.urandom(6).hex()
    return Pending(
        token,
        until,
        purpose.confirm_s,
        site.actor,
        target,
        safety,
        any_owner=aimed.any_owner,
        allow_setid=aimed.allow_setid,
    )


def _prepare(site: Site, aimed: Aim, purpose: Purpose, safety: str | None) -> str:
    """Put the commit of the snapshot that records the new state on disk; no ref leads to it yet."""
    live = aimed.live
    stage = aimed.stage or live.stage
    read = replace(live, stage=stage).read
    touched = plugins_touched(aimed.changes, read, live.state, aimed.state)
    note = site.note(purpose.trigger, purpose.subject(safety), purpose.reason, purpose.target, touched)
    return site.vault.prepare(aimed.state, live.before, stage, replace(note, more=purpose.more)).commit


def _check_owners(aimed: Aim, *, both_ways: bool) -> None:
    """Fail before anything changes if this user may not set an owner that the change, or its undo, needs."""
    may_give = rights.giver()
    ways = [aimed.steps]
    if both_ways and not aimed.any_owner:
        ways.append(plan(aimed.state, aimed.live.state))
    for path, entry in (new for steps in ways for new in _made_anew(steps)):
        if not may_give(entry.uid, entry.gid):
            raise ConfigvaultError(
                f"cannot give {path!r} to user {entry.uid} and group {entry.gid}: "
                "this needs root or the capability CAP_CHOWN",
                "run it with sudo, or add --force to restore everything except the owners",
            )


def _made_anew(steps: RestorePlan) -> Iterator[tuple[str, Entry | Folder]]:
    """Yield path and entry of everything that gets an owner: what is new, and folders whose owner changes."""
    for step in steps.steps:
        if step.new is not None and not _keeps_owner(step):
            yield step.path, step.new
        if isinstance(step.new, Folder) and not step.attributes_only:
            yield from step.new.walk(step.path + "/")


def _keeps_owner(step: Step) -> bool:
    old, new = step.old, step.new
    return isinstance(old, Folder) and isinstance(new, Folder) and (old.uid, old.gid) == (new.uid, new.gid)


# --- finish


def finish(site: Site, journal: Journal, stage: Stage, aimed: Aim | None = None) -> Finished:
    """Carry out `journal` to the end; the caller holds the lock.

    Args:
        site: what to work on.
        journal: what `begin` wrote, now or before a crash.
        stage: takes the bytes that other processes write in the meantime.
        aimed: what `begin` was given; None after a crash.

    Raises:
        ConfigvaultError: it failed. The next holder of the lock finishes it, unless the message says that nothing was
            changed.
    """
    if aimed is None:
        journal, target, kept = _taken_up(site, journal, stage)
        restored = rounds.restore(site, journal, None, target, None, stage)
        restored.foreign = restored.foreign or kept
    else:
        restored = rounds.restore(site, journal, aimed.steps, aimed.state, aimed.live.seen, stage)
    try:
        snapshot = _settle(site, journal, restored.live, aimed.live.kept if aimed is not None else None)
    except OSError as error:
        what = rounds.os_error_words(error, site.vault.path)
        raise ConfigvaultError(
            f"the root is restored, but this could not be recorded: {what}; "
            "the next command that writes will record it",
            rounds.hint(error, site.vault.path, "vault"),
        ) from error
    done = Finished(journal, snapshot, restored)
    if journal.reload:
        done = replace(done, loading=load(site, snapshot, journal.trigger))
    if journal.confirm is not None:
        done = replace(done, pending=_wait_from_now(site, journal.confirm, snapshot))
    if done.failed and journal.undo:
        assert journal.safety is not None
        return replace(done, undone=_undone(site, journal, snapshot, stage))
    if journal.trigger == Trigger.UNDO:
        end_pending(site.vault.state, UNDONE, snapshot.id if snapshot else None)
    JOURNAL.remove(site.vault.state)
    return done


def _settle(site: Site, journal: Journal, live: Folder, kept: Folder | None) -> Snapshot | None:
    """Publish the snapshot, remember the root's stamps, and mark the snapshots that were rolled back."""
    snapshot = None
    if journal.publish:
        snapshot = site.vault.publish(site.vault.at(journal.commit))
        scan.remember(site, live, kept)
    by = snapshot.id if snapshot else None
    if by or journal.forgiven:
        left = journal.left if by else ()
        site.vault.mark(
            lambda said: said.without_rolled_back_by(journal.forgiven).with_rolled_back(left, by or ""),
            site.note(journal.trigger, f"Mark what {by or journal.trigger} left"),
        )
    return snapshot


def _wait_from_now(site: Site, asked: Pending, snapshot: Snapshot | None) -> Pending:
    """Write what waits for a confirmation; its time starts only now, after the service was told."""
    until = site.now() + timedelta(seconds=asked.within_s)
    pending = replace(asked, recorded=snapshot.id if snapshot else None, until=until)
    PENDING.write(site.vault.state, pending)
    return pending


# --- undo


@frozen
class WayBack:
    """A change that may be undone.

    Attributes:
        target: the id of the state that it restored.
        safety: the id of the state before it, which an undo restores.
        recorded: the id of the snapshot that records it; None if none was made.
        any_owner: as in `Aim`.
        allow_setid: as in `Aim`.
    """

    target: str
    safety: str
    recorded: str | None
    any_owner: bool = False
    allow_setid: bool = False


def undo(site: Site, way: WayBack, stage: Stage, why: str) -> Finished:
    """Bring the root back to its state before the change and reload the service; the caller holds the lock.

    Edits made since then are kept in the vault first.
    """
    back = references.recorded(site, way.safety)
    live = scan.live(site, stage, whole=False) if site.root.exists() else scan.missing_root(site)
    wanted = site.vault.tree(back.tree, live.seen)
    aimed = aim(site, live, wanted, any_owner=way.any_owner, allow_setid=way.allow_setid)
    is_snapshot = isinstance(back, Snapshot)
    purpose = Purpose(
        Trigger.UNDO,
        lambda _: f"Undo {what_of(way.target, way.recorded)}: {why}",
        target=back.id,
        kept_as=None if is_snapshot else back.commit,
        back_to=back if isinstance(back, Snapshot) else None,
        forgiven=way.recorded,
    )
    return replace(finish(site, begin(site, aimed, purpose), stage, aimed), why=why, changes=aimed.changes)


def what_of(target: str, recorded: str | None) -> str:
    """Return how messages call a change that can be undone; a deployment's target is its own snapshot."""
    return f"the deployment {target}" if target == recorded else f"the rollback to {target}"


def _undone(site: Site, journal: Journal, snapshot: Snapshot | None, stage: Stage) -> Finished:
    assert journal.safety is not None
    way = WayBack(
        target_of(site, journal, snapshot).id,
        journal.safety,
        snapshot.id if snapshot else None,
        journal.any_owner,
        journal.allow_setid,
    )
    return undo(site, way, stage, "the service failed to load it")


def target_of(site: Site, journal: Journal, snapshot: Snapshot | None) -> Snapshot:
    """Return the state that a journal's change restores; the commit in the journal if its target was pruned since."""
    if snapshot is not None and snapshot.target is not None:
        with contextlib.suppress(ConfigvaultError):  # pruned since
            return references.recorded(site, snapshot.target).as_snapshot()
    rejected = next((one for one in site.vault.rejected() if one.commit == journal.commit), None)
    return rejected.as_snapshot() if rejected else site.vault.at(journal.commit)


# --- after a crash


def _taken_up(site: Site, journal: Journal, stage: Stage) -> tuple[Journal, Folder, str | None]:
    """Resume a change that a crash interrupted: clear what it left in the root, and work out its target again.

    Returns:
        The journal to carry out, the target, and the id of the rejected state with files of other processes that were
        found in the staging folder, if any.
    """
    recorded = site.vault.state_at(journal.commit)
    kept = None
    if site.root.exists():
        try:
            # The killed process may not have synced its renames.
            leftovers.sync_file_system(site.root.path)
            kept = _clear(site, journal, recorded, stage)
        except OSError as error:
            raise rounds.failure(site, error, "the next command that writes will finish it") from error
    # A snapshot made for this change already lacks the set-id bits that were not allowed; an older state may have them.
    allow_setid = journal.publish or journal.allow_setid
    live = None
    if (journal.any_owner or not allow_setid) and site.root.exists():
        live = site.root.capture(None, None, whole=False, expected=recorded)
    target = attainable(site, recorded, live, any_owner=journal.any_owner, allow_setid=allow_setid)
    if journal.publish and target is not recorded and site.vault.refs.read(MAIN) != journal.commit:
        # What can be restored has changed since, for example by watch.ignore: record what the root will really be.
        said = site.vault.at(journal.commit)
        note = replace(
            site.note(said.trigger, said.subject, said.reason, said.target, said.plugins), actor=said.actor
        )
        before = site.vault.latest()
        base = site.vault.tree(before.tree, recorded) if before is not None else None
        journal = replace(journal, commit=site.vault.prepare(target, base, None, note).commit)
    # The staging folder is clear: from here on it holds only half-built new entries again, until the next switch.
    journal = replace(journal, switching=False)
    JOURNAL.write(site.vault.state, journal)
    return journal, target, kept


def _clear(site: Site, journal: Journal, target: Folder, stage: Stage) -> str | None:
    """Clear the staging folder that the killed restore left; keep in the vault what exists nowhere else."""
    kept: list[str] = []
    leftovers.clear(
        site.root,
        journal.token,
        stage,
        site.vault.has_content,
        lambda foreign: kept.append(rounds.keep_foreign(site, target, foreign, stage)),
        switching=journal.switching,
    )
    return kept[0] if kept else None
