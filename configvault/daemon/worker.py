"""The daemon's worker thread: captures the root when woken, records what has settled, does jobs, and retries failures.

Everything that the daemon does under the vault's lock happens in this thread, except pulls (`source.py`): those exclude
it by the lock, like a command run by hand. No error ends the thread. A failure is reported, the daemon counts as
degraded, and the whole root is compared again after a growing pause.

"Look" means one comparison of the root with the state known last. A name that ends in `_s` holds seconds; as a time it is
of `time.monotonic`.
"""

from __future__ import annotations

import contextlib
import errno
import os
import threading
import time
from collections.abc import Callable, Iterator
from functools import partial

from configvault.core import sandbox
from configvault.core.backoff import BackOff
from configvault.core.errors import BusyError, ConfigvaultError, InternalError
from configvault.core.frozen import replace
from configvault.core.model import Folder, Trigger
from configvault.core.outcome import (
    Drilled,
    DrillOutcome,
    FailureOutcome,
    LookOutcome,
    PostponedOutcome,
    Recording,
    Watching,
    WatchOutcome,
)
from configvault.core.sandbox import hiding, is_hidden
from configvault.core.settle import EVERYTHING, Burst, Dirty
from configvault.daemon import replicator
from configvault.daemon.confirmation import Confirmation
from configvault.daemon.inbox import Gathered, Inbox
from configvault.daemon.jobs import Configured, DrillEnded, Job, Lost, Task
from configvault.daemon.reactions import Reactions
from configvault.daemon.sight import EVENTS, Sight
from configvault.daemon.standing import Standing
from configvault.disk import reasons
from configvault.root.capture import UnsettledError
from configvault.root.trial import is_volume, try_to_write
from configvault.usecases import daemonstate, scan
from configvault.usecases.drill import drill
from configvault.usecases.observe import Look, Seen, observe
from configvault.usecases.site import Site
from configvault.usecases.upkeep import keep_up, pack_refs, verify
from configvault.usecases.writing import writing
from configvault.vault.statefiles import SCHEDULE

# The word under which the daemon counts as degraded because the root cannot be written.
RESTORING = "restoring"
_FIRST_PAUSE_S = 1.0
_MISSING_EVERY_S = 1.0
# If another process holds the lock, that counts as a failure only after this time.
_BUSY_S = 60.0
# The state recorded last is written for other processes at most this often.
_REMEMBER_AFTER_S = 10.0
# After this time in one piece of work the worker counts as hung, and the daemon stops feeding the watchdog.
_LOOK_MOST_S = 900.0
_UPKEEP_MOST_S = 6 * 3600.0


class Worker:
    """Works through an inbox until told to stop."""

    def __init__(self, site: Site, inbox: Inbox[Job], standing: Standing, stop: threading.Event) -> None:
        """Start nothing yet; `run` is the thread's body."""
        self._site = site
        self._inbox = inbox
        self._standing = standing
        self._stop = stop
        self._reactions = Reactions(site, standing)
        self._confirmation = Confirmation(site)
        self.sight = Sight(site, inbox, standing)
        self.ready = threading.Event()
        self.on_ready: Callable[[], None] = lambda: None
        self.on_waiting: Callable[[], None] = lambda: None
        self.busy_until_s: float | None = None
        self._known: Folder | None = None
        self._rejected: str | None = None
        self._backoffs: dict[str, BackOff] = {}
        # When each kind of work that failed may be tried again.
        self._not_before_s: dict[str, float] = {}
        self._busy_since_s: float | None = None
        self._retry_s: float | None = None
        self._undone: set[Task] = set()
        self._drilling: threading.Thread | None = None
        self._events = 0
        self._rescan_s: float | None = None
        self._recorded: Folder | None = None
        self._kept: Folder | None = None
        self._remember_s: float | None = None

    # --- the loop

    def run(self) -> None:
        """Work until `stop` is set."""
        self._start()
        while not self._stop.is_set():
            self._rest()
            self._do_jobs()
            if not self._stop.is_set():
                self._do_what_is_due()
        self._remember()
        self.sight.forget()

    def _start(self) -> None:
        """Finish what a crash interrupted, record the root as it is, then report that the daemon is ready."""
        self._attempt("recover", self._recover)
        while not self._stop.is_set() and not self._is_there():
            # Nothing more can be done without a root. Tell systemd now, so that the start does not time out.
            self.on_waiting()
            self._rest()
            self._do_jobs()
        # Discard the events so far: the first look compares everything anyway.
        self._inbox.gathered(0.0, 0.0)
        now_s = time.monotonic()
        first = Gathered(Burst(now_s, now_s), EVERYTHING, waited=False)
        if not self._stop.is_set():
            self._attempt("record", lambda: self._look(Trigger.STARTUP, first))
        while self._known is None and self._retry_s is None and not self._stop.is_set():
            self._rest()
            self._do_jobs()
            self._look_at_burst(Trigger.STARTUP)
        if not self._stop.is_set():
            self.on_ready()
            self.ready.set()

    def _recover(self) -> None:
        # Taking the lock is enough: `writing` repairs the vault and finishes an interrupted change.
        with writing(self._site):
            pass

    def _rest(self) -> None:
        """Wait until something is due, a job arrives or a burst of events has settled."""
        watch = self._site.settings.watch
        times_s = [
            self._retry_s,
            self._rescan_s,
            self._remember_s,
            self._later("restore", self._reactions.due_s),
            self._later("restore", self._reactions.probation.due_s),
            self._later("confirmation", self._confirmation.due_s),
            self._later("poll", self.sight.poll_s),
        ]
        due_s = min((one for one in times_s if one is not None), default=None)
        self._inbox.wait(due_s, watch.quiet, watch.max_wait)

    def _do_jobs(self) -> None:
        while not self._stop.is_set() and (job := self._inbox.job()) is not None:
            if isinstance(job, Configured):
                self._configure(job)
            elif isinstance(job, DrillEnded):
                self._attempt("drill", partial(self._drill_ended, job.outcome))
            elif isinstance(job, Lost):
                self._site.notify(WatchOutcome(job.what, job.message))
                if job.poll:
                    self.sight.poll_instead(job.message, None)
                else:
                    self.sight.forget()
                self._inbox.notice(EVERYTHING, event=False)
            else:
                self.do(job)

    def do(self, task: Task) -> None:
        """Do one task of the schedule; call it only in the worker's thread."""
        if task is Task.STOP:
            return
        work = {Task.BACKUP: self._back_up, Task.VERIFY: self._verify, Task.DRILL: self._drill}[task]
        if not self._attempt(task.value, work, most_s=_UPKEEP_MOST_S):
            self._undone.add(task)

    def _do_what_is_due(self) -> None:
        now_s = time.monotonic()
        if self._is_due("confirmation", self._confirmation.due_s, now_s):
            self._attempt("confirmation", self._confirmation.act)
        if not self._is_there():
            return
        if self._retry_s is not None and now_s >= self._retry_s:
            self._retry_s = None
            self._inbox.notice(EVERYTHING, event=False)
            while self._undone:
                self._inbox.put(self._undone.pop())
        if self._rescan_s is not None and now_s >= self._rescan_s:
            self._attempt("record", self._rescan)
        if self._remember_s is not None and now_s >= self._remember_s:
            self._remember()
            self._attempt("pack", lambda: pack_refs(self._site))
        if self._is_due("poll", self.sight.poll_s, now_s):
            self._attempt("poll", lambda: self.sight.poll(self._known))
        if self._is_due("restore", self._reactions.probation.due_s, now_s):
            self._attempt("restore", self._reactions.watch)
        if self._is_due("restore", self._reactions.due_s, now_s):
            self._attempt("restore", self._restore)
        self._look_at_burst(Trigger.CHANGE)

    def _later(self, doing: str, due_s: float | None) -> float | None:
        """Return when work of the kind `doing` is due, not before its retry time if it failed; None if it is not."""
        return None if due_s is None else max(due_s, self._not_before_s.get(doing, due_s))

    def _is_due(self, doing: str, due_s: float | None, now_s: float) -> bool:
        later_s = self._later(doing, due_s)
        return later_s is not None and now_s >= later_s

    # --- looking

    def _is_there(self) -> bool:
        """Return whether the root exists; start to watch it if it has just appeared, count as degraded if it is missing."""
        if self._site.root.exists():
            if self.sight.attach():
                self._inbox.notice(EVERYTHING, event=False)
                self._try_to_write()
            self._standing.clear("root-missing")
            return True
        self.sight.lose(time.monotonic() + _MISSING_EVERY_S)
        root = self._site.root.path
        why, remedy = "which does not exist", "mount or create it"
        if "NOTIFY_SOCKET" in self._site.environ and is_hidden(root):
            why = f"which does not exist, or is hidden from it by {hiding(root)} of its unit"
            remedy = sandbox.REMEDY
        self._standing.degrade("root-missing", f"waits for the root {root}, {why}", remedy)
        return False

    def _try_to_write(self) -> None:
        """Check that a restore could write in the root, each time that it is attached: it may be read-only now."""
        root = self._site.root.path
        try:
            fd = self._site.root.open()
        except ConfigvaultError as unreadable:
            # It has just vanished, or is not a directory that this user may read.
            if self._site.root.exists():
                self._standing.degrade(
                    RESTORING, f"nothing can be restored: {unreadable.message}", unreadable.hint
                )
            return
        try:
            error = try_to_write(fd)
            # A mounted ConfigMap or Secret is meant to be read-only. Under systemd any root is read-only if
            # ReadWritePaths= of the unit does not name it, and that is a mistake.
            is_as_meant = "NOTIFY_SOCKET" not in self._site.environ and is_volume(fd)
        finally:
            os.close(fd)
        if error is None or is_as_meant:
            self._standing.clear(RESTORING)
            return
        message = f"nothing can be restored: {root}: {error.strerror}"
        remedy = "give this user permission to write in the root"
        if error.errno == errno.EROFS:
            remedy = "remount it for writing"
        if error.errno == errno.EROFS and "NOTIFY_SOCKET" in self._site.environ:
            message += ", unless ReadWritePaths= of its unit names it"
            remedy = sandbox.REMEDY
        self._standing.degrade(RESTORING, message, remedy)

    def _look_at_burst(self, trigger: Trigger) -> None:
        watch = self._site.settings.watch
        gathered = self._inbox.gathered(watch.quiet, watch.max_wait)
        if gathered is not None:
            self._attempt("record", lambda: self._look(trigger, gathered))

    def _look(self, trigger: Trigger, gathered: Gathered) -> None:
        quiet_s = self._site.settings.watch.quiet
        dirty = gathered.dirty
        if self.sight.is_vague:
            dirty = EVERYTHING
        look = Look(self._known, dirty, self._rejected, gathered.waited, quiet_s)
        if dirty != EVERYTHING:
            look = replace(look, is_all=lambda: self.sight.flush() and self._inbox.events == gathered.events)
        try:
            seen = observe(self._site, trigger, look, self._stop)
        except UnsettledError as error:
            self._site.notify(PostponedOutcome(trigger, tuple(sorted(error.paths))))
            self._inbox.give_back(gathered)
            return
        everywhere = look.known is None or dirty == EVERYTHING
        settled_s = gathered.burst.last_s + quiet_s if gathered.events > self._events else None
        self._notify_of_scan(gathered.events, everywhere, settled_s)
        self._saw(seen, EVERYTHING if everywhere else look.dirty)

    def _notify_of_scan(self, events: int, everywhere: bool, settled_s: float | None) -> None:
        since_s = None if settled_s is None else time.monotonic() - settled_s
        self._site.notify(LookOutcome(max(events - self._events, 0), everywhere, since_s))
        self._events = max(events, self._events)

    def _saw(self, seen: Seen, dirty: Dirty) -> None:
        """Update what is known after a successful look, and react to it."""
        self._known = seen.state
        self._worked("record")
        self._standing.clear("recording")
        if dirty == EVERYTHING:
            self._standing.looked()
            self._rescan_s = time.monotonic() + self._site.settings.watch.rescan
        if seen.outcome is not None:
            self._rejected = seen.tree if seen.outcome.outcome is Recording.REJECTED else None
        if seen.outcome is not None and seen.outcome.outcome is not Recording.REJECTED:
            self._recorded_now(seen.state)
        if seen.moving:
            self._inbox.notice(Dirty(path.rpartition("/")[0] for path in seen.moving))
        self.sight.check_folders(seen.state)
        self._confirmation.look()
        self._reactions.seen(seen)

    def _recorded_now(self, state: Folder) -> None:
        """Schedule `_remember` for `state`. Delayed, so that frequent changes cost one write: it covers the whole root."""
        if state is not self._recorded and self._remember_s is None:
            self._remember_s = time.monotonic() + _REMEMBER_AFTER_S
        self._recorded = state

    def _remember(self) -> None:
        """Write the state recorded last for other processes. If that fails, they only have to read more files."""
        if self._remember_s is not None and self._recorded is not None:
            with contextlib.suppress(OSError):
                self._kept = scan.remember(self._site, self._recorded, self._kept)
        self._remember_s = None

    def _rescan(self) -> None:
        """Compare everything. A change that no event had reported means that events are being lost."""
        self._rescan_s = time.monotonic() + self._site.settings.watch.rescan
        self.sight.check()
        quiet = self._inbox.is_quiet
        before, events = self._known, self._inbox.events
        look = Look(before, EVERYTHING, self._rejected, quiet_s=self._site.settings.watch.quiet)
        try:
            seen = observe(self._site, Trigger.CHANGE, look, self._stop)
        except UnsettledError:
            self._inbox.notice(EVERYTHING, event=False)
            return
        self._notify_of_scan(events, True, None)
        unseen = quiet and before is not None and seen.state.id != before.id
        self._saw(seen, EVERYTHING)
        if unseen and self.sight.mode == EVENTS:
            # The event may still be on its way: give it a second.
            self._stop.wait(1.0)
            if self._inbox.events == events:
                self._inbox.put(Lost(Watching.LOST, "a rescan found a change that no event had reported"))

    def _restore(self) -> None:
        outcome = self._reactions.act(self._known)
        # If the rejected bytes come back after this, report them again.
        self._rejected = None if outcome is not None else self._rejected
        self._known = None
        self._inbox.notice(EVERYTHING, event=False)

    # --- jobs

    def _back_up(self) -> None:
        """Compare everything and record the differences, as the schedule asks."""
        if not self._is_there():
            raise ConfigvaultError(f"there is no root {self._site.root.path} to back up", "mount or create it")
        look = Look(self._known, EVERYTHING, None, quiet_s=self._site.settings.watch.quiet, patience_s=2.0)
        try:
            seen = observe(self._site, Trigger.SCHEDULE, look, self._stop)
        except UnsettledError:
            seen = observe(self._site, Trigger.SCHEDULE, replace(look, waited=True), self._stop)
        self._saw(seen, EVERYTHING)
        self._done(Task.BACKUP)
        keep_up(self._site)

    def _verify(self) -> None:
        outcome = verify(self._site)
        if outcome.ok:
            self._standing.clear("vault-damaged")
        else:
            self._standing.degrade("vault-damaged", outcome.message or "", "restore the vault from a replica")
        self._done(Task.VERIFY, verified=outcome.ok)

    def _drill(self) -> None:
        """Start a drill in its own thread, as replicas may be slow; only one runs at a time."""
        if self._drilling is None or not self._drilling.is_alive():
            site = self._site
            self._drilling = threading.Thread(
                target=self._drill_beside, args=(site,), name="drill", daemon=True
            )
            self._drilling.start()

    def _drill_beside(self, site: Site) -> None:
        try:
            with replicator.own_vault(site) as own:
                outcome = drill(own)
        except (ConfigvaultError, OSError) as error:
            said = error.message if isinstance(error, ConfigvaultError) else str(error.strerror)
            outcome = DrillOutcome((Drilled("all replicas", ok=False, words=said),), 0.0)
        except (
            Exception
        ) as error:  # the boundary of this thread: it is tried again by the next line of the schedule
            outcome = DrillOutcome(
                (Drilled("all replicas", ok=False, words=InternalError(error).message),), 0.0
            )
        if not self._stop.is_set():
            self._inbox.put(DrillEnded(outcome))

    def _drill_ended(self, outcome: DrillOutcome) -> None:
        self._done(Task.DRILL, drilled=outcome.ok, drill_failure=outcome.message)

    def _done(self, task: Task, **more: bool | str | None) -> None:
        kept = daemonstate.schedule(self._site.vault)
        last = {**kept.last, task.value: self._site.now()}
        SCHEDULE.write(self._site.vault.state, replace(kept, last=last, **more))

    def _configure(self, job: Configured) -> None:
        self._site = self._reactions.site = self._confirmation.site = self._reactions.probation.site = job.site
        self.sight.configure(job.site)
        # New rules may accept what was refused, and new ignore patterns change what the state is: compare everything.
        self._known = self._rejected = None
        self._rescan_s = None
        self._inbox.notice(EVERYTHING, event=False)
        job.done()

    # --- what does not work

    def _attempt(self, doing: str, work: Callable[[], object], most_s: float = _LOOK_MOST_S) -> bool:
        """Do `work` and return whether it succeeded; if not, report it and compare everything again after a pause.

        Args:
            doing: the kind of work, which has its own pauses: "record", "restore", "poll" and so on.
            work: what to do.
            most_s: after this time the worker counts as hung.
        """
        try:
            with self._busy(most_s):
                work()
        except BusyError as error:
            now_s = time.monotonic()
            self._busy_since_s = self._busy_since_s or now_s
            if now_s - self._busy_since_s > _BUSY_S:
                self._failed(doing, error.kind, error.message, error.hint)
            else:
                if self._backoff(doing).is_news(error.message):
                    self._site.notify(PostponedOutcome(doing, (), error.message))
                self._again(doing, _FIRST_PAUSE_S)
        except ConfigvaultError as error:
            self._failed(doing, error.kind, error.message, error.hint)
        except OSError as error:
            explained = reasons.explain(error)
            self._failed(doing, "system", explained.message, explained.hint)
        except MemoryError:
            explained = reasons.out_of_memory()
            self._failed(doing, "system", explained.message, explained.hint)
        except Exception as error:  # the boundary: a daemon that ends protects nothing
            fault = InternalError(error)
            self._failed(doing, fault.kind, fault.message, fault.hint)
        else:
            self._busy_since_s = None
            if doing != "record":
                self._worked(doing)
                self._standing.clear(doing)
            return True
        return False

    def _failed(self, doing: str, kind: str, message: str, hint: str | None) -> None:
        if not self._site.root.exists():
            # The root vanished in the middle of the work. That is no failure: wait until it is back.
            self._again(doing, _FIRST_PAUSE_S)
            return
        if self._backoff(doing).is_news(message):
            self._site.notify(FailureOutcome(doing, kind, message, hint))
        self._standing.degrade("recording" if doing == "record" else doing, message, hint)
        self._again(doing, self._backoff(doing).failed())

    def _again(self, doing: str, pause_s: float) -> None:
        # The captured state may not have reached the vault: forget it, so that the next look reads everything.
        self._known = None
        self._retry_s = self._not_before_s[doing] = time.monotonic() + pause_s

    def _backoff(self, doing: str) -> BackOff:
        return self._backoffs.setdefault(doing, BackOff(_FIRST_PAUSE_S))

    def _worked(self, doing: str) -> None:
        self._backoffs.pop(doing, None)
        self._not_before_s.pop(doing, None)

    @contextlib.contextmanager
    def _busy(self, most_s: float) -> Iterator[None]:
        self.busy_until_s = time.monotonic() + most_s
        try:
            yield
        finally:
            self.busy_until_s = None
