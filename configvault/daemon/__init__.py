"""`configvault run`: watch, validate, record, run what is scheduled, and notify systemd; or all of it once.

The worker works on root and vault; the supervisor (the main thread) answers signals and systemd. watchdog's threads and the
schedule's only put into the worker's inbox. Pushing to replicas and pulling from a source wait for networks, so they have threads
of their own.
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from datetime import datetime
from functools import partial

from configvault import app
from configvault.core.errors import BusyError, ConfigError, ConfigvaultError, InternalError
from configvault.core.exits import Exit
from configvault.core.frozen import replace
from configvault.core.hints import DEFAULT_CONFIG, in_place
from configvault.core.model import Trigger
from configvault.core.outcome import (
    DaemonOutcome,
    DegradedOutcome,
    FailureOutcome,
    Outcome,
    Phase,
    Recording,
    RecordOutcome,
)
from configvault.core.settings import Settings
from configvault.daemon.commands import Commands
from configvault.daemon.inbox import Inbox
from configvault.daemon.jobs import Configured, Job, Task
from configvault.daemon.outside import Outside
from configvault.daemon.replicas import Replicas
from configvault.daemon.schedule import Clock, is_missed
from configvault.daemon.source import Source
from configvault.daemon.standing import Standing
from configvault.daemon.supervisor import STOP_S, Signals, Supervisor
from configvault.daemon.systemd import Systemd
from configvault.daemon.worker import Worker
from configvault.disk import lock
from configvault.observers.log import Log
from configvault.root.capture import UnsettledError, prepare_leases
from configvault.usecases import daemonstate
from configvault.usecases.observe import Look, observe
from configvault.usecases.site import Site
from configvault.usecases.upkeep import keep_up
from configvault.vault import statefiles
from configvault.vault.git import KEPT

COMMAND = "configvault run"
# Shorter than a stop may take; whoever holds the lock longer is tried again.
_LOCK_WAIT_S = 5.0
# How long and how often to look whether the daemon has read its configuration again.
_ANSWER_S = 60.0
_LOOK_S = 0.05


def run(path: str, environ: Mapping[str, str], *, once: bool = False) -> int:
    """Protect the root of the configuration at `path` until told to stop, or look `once`; return the exit code.

    Raises:
        ConfigError: the configuration cannot be used.
        NoVaultError: something that is no vault lies where it should be.
        BusyError: another daemon protects this root.
        ConfigvaultError: the vault cannot be made or opened.
    """
    stop = threading.Event()
    settings = app.load_settings(path, environ, keep=True)
    if not once:
        _forget_repositories()
    site = _open(path, settings, environ, stop)
    prepare_leases()
    with _only_one(site):
        return _once(site, stop) if once else _Daemon(path, environ, _lasting(site), stop).run()


def reconfigure(path: str, environ: Mapping[str, str]) -> int:
    """Have the daemon that runs read its configuration again, and wait until it has; return the exit code.

    Raises:
        ConfigError: the configuration cannot be used; the daemon goes on with the old one.
        ConfigvaultError: no daemon runs, or it does not answer.
    """
    site = app.open_site(app.load_settings(path, environ), environ)
    before = daemonstate.running(site.vault)
    if before is None:
        raise ConfigvaultError(f"no daemon protects {site.root.path}", "systemctl start configvault")
    os.kill(before.pid, signal.SIGHUP)
    idle, deadline_s = threading.Event(), time.monotonic() + _ANSWER_S
    while time.monotonic() < deadline_s:
        now = daemonstate.running(site.vault)
        if now is not None and now.configured != before.configured:
            if now.refused is not None:
                raise ConfigError(
                    f"the daemon keeps its old configuration: {now.refused}", "fix it and try again"
                )
            return 0
        idle.wait(_LOOK_S)
    raise ConfigvaultError(
        f"the daemon, process {before.pid}, has not read its configuration within {_ANSWER_S:g} s",
        "systemctl restart configvault",
    )


def _forget_repositories() -> None:
    """Take from this process what a hook or a shell set for another repository, before there is a second thread.

    GitPython asks GIT_COMMON_DIR and the like where a repository is, whatever path it is given.
    """
    for name in [name for name in os.environ if name.startswith("GIT_") and name not in KEPT]:
        del os.environ[name]


def _lasting(site: Site) -> Site:
    """Have GitPython make the commits: of all who write only the daemon lives long enough for what it takes to load."""
    from configvault.vault.commits import Commits

    site.vault.commit = Commits(site.vault)
    return site


def _open(path: str, settings: Settings, environ: Mapping[str, str], stop: threading.Event) -> Site:
    site = app.open_or_create(settings, environ, command=COMMAND, wait_s=_LOCK_WAIT_S, stop=stop)
    site.in_place = partial(in_place, config_path=None if path == DEFAULT_CONFIG else path)
    site.observers.append(Log(settings.log, sys.stderr, environ, site.now))
    return site


@contextlib.contextmanager
def _only_one(site: Site) -> Iterator[None]:
    """Keep every other daemon off this vault, for life."""
    path = statefiles.path(site.vault.state, statefiles.DAEMON_LOCK)
    with contextlib.ExitStack() as held:
        try:
            held.enter_context(lock.hold(path, COMMAND))
        except BusyError:
            who = lock.holder(path) or {}
            raise BusyError(
                f"another daemon protects {site.root.path} with {site.vault.path}: process {who.get('pid')}"
                f" since {who.get('since')}",
                "stop it first, or give this one its own vault",
            ) from None
        except OSError as error:
            raise ConfigvaultError(
                f"cannot write to the vault {site.vault.path}: {error.strerror}",
                "run it as the vault's owner, and make sure that its file system is mounted read-write",
            ) from error
        yield


def _once(site: Site, stop: threading.Event) -> int:
    """Recover, record what differs, keep the vault in shape."""
    look = Look(quiet_s=site.settings.watch.quiet, patience_s=site.settings.watch.max_wait)
    try:
        seen = observe(site, Trigger.SCHEDULE, look, stop)
    except UnsettledError:
        waited = Look(quiet_s=site.settings.watch.quiet, waited=True)
        seen = observe(site, Trigger.SCHEDULE, waited, stop)
    keep_up(site)
    assert seen.outcome is not None
    return Exit.REJECTED if seen.outcome.outcome is Recording.REJECTED else 0


class _Daemon:
    """The parts of one daemon, and what holds them together."""

    def __init__(self, path: str, environ: Mapping[str, str], site: Site, stop: threading.Event) -> None:
        self._path = path
        self._environ = environ
        self._site = site
        self._stop = stop
        self._systemd = Systemd(environ)
        self._inbox: Inbox[Job] = Inbox()
        self._standing = Standing(site.vault, os.getpid(), site.now, self._hear_standing)
        self._worker = Worker(site, self._inbox, self._standing, stop)
        self._worker.on_ready = self._ready
        self._worker.on_waiting = self._waiting
        self._replicas = Replicas(self._standing)
        self._source = Source(self._standing)
        self._commands = Commands(site)
        self._outside = Outside(environ, self._standing, self._worker, self._commands.look)
        self._clock: Clock | None = None
        self._latest = ""
        self._said_waiting = False

    def run(self) -> int:
        threading.excepthook = self._thread_died
        self._site.observers.append(self._hear)
        self._outside.attach(self._site)
        signals = Signals()
        self._notify(Phase.STARTED, f"protects {self._site.root.path} with {self._site.vault.path}")
        self._systemd.status(self._status())
        thread = threading.Thread(target=self._worker.run, name="worker", daemon=True)
        thread.start()
        supervisor = Supervisor(
            self._worker,
            self._inbox,
            self._standing,
            self._systemd,
            self._stop,
            self._configure,
            self._clock_jumped,
            self._commands.look,
        )
        supervisor.run(thread, signals)
        return self._end(thread)

    # --- the worker says

    def _ready(self) -> None:
        """Catch up, and say so; called in the worker's thread."""
        self._start_clock()
        self._replicas.take(self._site)
        self._source.take(self._site, partial(self._open_beside, self._site))
        self._notify(Phase.READY, self._status())
        self._systemd.ready(self._status())

    def _open_beside(self, site: Site, stop: threading.Event) -> Site:
        """Open what `site` protects for another thread, which is heard by the same observers."""
        own = app.open_site(site.settings, self._environ, command=COMMAND, wait_s=_LOCK_WAIT_S, stop=stop)
        own.observers, own.in_place = site.observers, site.in_place
        return own

    def _waiting(self) -> None:
        """Have systemd go on: the start is over, though there is no root yet. `/ready` says so until it has come."""
        if not self._said_waiting:
            self._said_waiting = True
            self._systemd.ready(self._status())

    def _hear(self, outcome: Outcome) -> None:
        if isinstance(outcome, RecordOutcome) and outcome.snapshot is not None:
            self._latest = outcome.snapshot.id
        self._replicas.hear(outcome)
        self._systemd.status(self._status())
        if not isinstance(outcome, DegradedOutcome):
            self._outside.look()

    def _hear_standing(self, outcome: Outcome) -> None:
        # Of the site as it is then: a new configuration brings a new one.
        self._site.notify(outcome)

    def _thread_died(self, died: threading.ExceptHookArgs) -> None:
        """Say that a thread ended by a fault: what it was for is not done any more."""
        name = died.thread.name if died.thread is not None else "unknown"
        fault = InternalError(died.exc_value or died.exc_type())
        hint = f"systemctl restart configvault, and {fault.hint}"
        self._standing.degrade(f"thread {name}", f"the thread {name} has died: {fault.message}", hint)

    def _status(self) -> str:
        state = self._standing.state
        parts = [f"protects {self._site.root.path}"]
        if self._latest:
            parts.append(f"last snapshot {self._latest}")
        parts += state.degraded.values()
        return "; ".join(parts)

    # --- the schedule

    def _start_clock(self) -> None:
        """Ring at the configured times from now on, and at once for what was missed."""
        settings = self._site.settings
        lines = {
            Task.BACKUP.value: settings.schedule.backup,
            Task.VERIFY.value: settings.schedule.verify,
            Task.DRILL.value: settings.schedule.drill,
        }
        now = self._site.now()
        zone = now.tzinfo
        assert zone is not None
        last = dict(daemonstate.schedule(self._site.vault).last)
        self._stop_clock()
        self._clock = Clock(zone, self._ring, self._standing.scheduled)
        self._clock.start(lines, last)
        for name, text in lines.items():
            if text is not None and name in last and is_missed(text, zone, last[name], now):
                self._catch_up(Task(name))
        self._remember_first(lines, last, now)

    def _catch_up(self, task: Task) -> None:
        # A check of the vault may take long: the root is protected meanwhile.
        if task is Task.BACKUP and not self._worker.ready.is_set():
            self._worker.do(task)
        else:
            self._inbox.put(task)

    def _remember_first(
        self, lines: Mapping[str, str | None], last: Mapping[str, datetime], now: datetime
    ) -> None:
        """Count what was never done from the first start on, so that it can be missed."""
        # What seems to have been done in the future was done while the clock was wrong.
        new = {
            name: now
            for name, text in lines.items()
            if text is not None and (name not in last or last[name] > now)
        }
        if new:
            kept = daemonstate.schedule(self._site.vault)
            with contextlib.suppress(OSError):
                statefiles.SCHEDULE.write(self._site.vault.state, replace(kept, last={**kept.last, **new}))

    def _ring(self, name: str) -> None:
        self._inbox.put(Task(name))

    def _clock_jumped(self) -> None:
        if self._clock is not None:
            self._clock.look_again()

    def _stop_clock(self) -> None:
        if self._clock is not None:
            self._clock.stop()
            self._clock = None

    # --- signals

    def _configure(self) -> None:
        """Read the configuration again; keep the old one if the new one cannot be used."""
        self._systemd.reloading()
        try:
            settings = app.load_settings(self._path, self._environ, keep=True)
            old = self._site.settings
            if (settings.root, settings.vault) != (old.root, old.vault):
                raise ConfigError(
                    "root and vault cannot change while the daemon runs",
                    "restart it: systemctl restart configvault",
                )
            site = _lasting(_open(self._path, settings, self._environ, self._stop))
        except ConfigvaultError as error:
            faults = "; ".join((error.message, *getattr(error, "faults", ())))
            self._site.notify(
                FailureOutcome(
                    "configure", error.kind, f"{faults}; the old configuration stays in effect", error.hint
                )
            )
            self._standing.configured(faults)
            self._systemd.ready(self._status())
            return
        site.observers.append(self._hear)
        self._inbox.put(Configured(site, lambda: self._configured(site)))

    def _configured(self, site: Site) -> None:
        before, self._site = self._site, site
        self._commands.site = site
        self._outside.attach(site)
        if (before.settings.schedule, before.settings.timezone) != (
            site.settings.schedule,
            site.settings.timezone,
        ):
            self._start_clock()
        self._replicas.take(site)
        self._source.take(site, partial(self._open_beside, site))
        before.vault.close()
        self._standing.configured(None)
        self._notify(Phase.CONFIGURED, f"read {self._path}")
        self._systemd.ready(self._status())

    def _end(self, thread: threading.Thread) -> int:
        died = not self._stop.is_set()
        self._stop.set()
        self._systemd.stopping()
        self._stop_clock()
        self._replicas.close()
        self._source.close()
        thread.join(STOP_S)
        if thread.is_alive():
            self._notify(Phase.STOPPED, "unfinished work is abandoned; the next start continues it")
            sys.stderr.flush()
            # Its thread cannot be ended; whatever it was at, a killed process does no harm.
            os._exit(0)
        self._notify(Phase.STOPPED, "the worker ended by itself" if died else "nothing is left to do")
        self._outside.close()
        self._site.vault.close()
        return Exit.FAILED if died else 0

    def _notify(self, phase: Phase, message: str) -> None:
        self._site.notify(DaemonOutcome(phase, message))
