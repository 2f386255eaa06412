"""The main thread: signals, mounts, the proof that changes are seen, and the watchdog, which is fed only while all is well.

It never works on the root or the vault itself, so it answers at once whatever the worker is at.
"""

from __future__ import annotations

import os
import select
import signal
import socket
import threading
import time
from collections.abc import Callable

from configvault.core.outcome import Watching
from configvault.daemon.inbox import Inbox
from configvault.daemon.jobs import Job, Lost, Task
from configvault.daemon.sight import EVENTS, POLLING
from configvault.daemon.standing import Standing
from configvault.daemon.systemd import Systemd
from configvault.daemon.watch import mounts
from configvault.daemon.worker import Worker

STOP_SIGNALS = (signal.SIGTERM, signal.SIGINT)
# What is in hand at a stop is finished within this time, or abandoned: the vault and the root take no harm by that.
STOP_S = 8.0
_TICK_S = 15.0
_PROBE_S = 5.0
_EARLY_S = 30.0
_MORE_TIME_S = 120.0
_CLOCK_JUMP_S = 2.0


class Signals:
    """Turns signals into something to poll. Only for the main thread."""

    def __init__(self) -> None:
        """Take over the signals."""
        self._read, self._write = socket.socketpair()
        self._read.setblocking(False)
        self._write.setblocking(False)
        signal.set_wakeup_fd(self._write.fileno(), warn_on_full_buffer=False)
        for number in (*STOP_SIGNALS, signal.SIGHUP):
            signal.signal(number, lambda _number, _frame: None)

    def fileno(self) -> int:
        """Return what becomes readable when a signal has come."""
        return self._read.fileno()

    def come(self) -> set[int]:
        """Return the signals that have come since the last time."""
        try:
            return set(self._read.recv(4096))
        except BlockingIOError:
            return set()


class Supervisor:
    """Runs beside the worker until a signal says stop, or the worker ends."""

    def __init__(
        self,
        worker: Worker,
        inbox: Inbox[Job],
        standing: Standing,
        systemd: Systemd,
        stop: threading.Event,
        on_hangup: Callable[[], None],
        on_clock_jump: Callable[[], None],
        on_tick: Callable[[], None] = lambda: None,
    ) -> None:
        """Watch over `worker`; the two callables are for SIGHUP and for a host's clock that was set."""
        self._worker = worker
        self._inbox = inbox
        self._standing = standing
        self._systemd = systemd
        self._stop = stop
        self._on_hangup = on_hangup
        self._on_clock_jump = on_clock_jump
        self._on_tick = on_tick
        self._tick_s = min(_TICK_S, (systemd.watchdog_s or 3600) / 3)
        self._probe: threading.Event | None = None
        self._probed_s = 0.0
        self._unproven = 0
        self._ever_proved = False
        self._early_s = time.monotonic() + _EARLY_S
        self._clock_s = time.time() - time.monotonic()

    def run(self, thread: threading.Thread, signals: Signals) -> None:
        """Poll until the stop; `thread` is the worker's."""
        poller = select.poll()
        poller.register(signals, select.POLLIN)
        table = mounts.open_mounts()
        if table is not None:
            poller.register(table, mounts.EVENTS)
        due_s = time.monotonic()
        while thread.is_alive() and not self._stop.is_set():
            for fd, _ in poller.poll(max(0.0, due_s - time.monotonic()) * 1000):
                if fd == table:
                    self._mounts_changed()
            self._handle(signals.come())
            if time.monotonic() >= due_s:
                self._tick(thread)
                # The first proof follows the start closely: until then nobody knows whether it sees.
                early = not self._ever_proved and time.monotonic() < self._early_s
                tick_s = min(1.0, self._tick_s) if early else self._tick_s
                due_s = time.monotonic() + tick_s
        if table is not None:
            os.close(table)

    def _handle(self, come: set[int]) -> None:
        if come & set(STOP_SIGNALS):
            self._stop.set()
            self._inbox.put(Task.STOP)
        elif signal.SIGHUP in come:
            self._on_hangup()

    def _mounts_changed(self) -> None:
        sight = self._worker.sight
        if sight.mode == EVENTS and not sight.watcher.is_current:
            self._inbox.put(Lost(Watching.LOST, "a mount or unmount replaced the root"))
        elif sight.mode == EVENTS and mounts.shared(os.path.realpath(sight.watcher.path)):
            self._inbox.put(Lost(Watching.LOST, "a file system was mounted that other hosts can change"))
        elif (
            sight.mode == POLLING and sight.may_pass and not mounts.shared(os.path.realpath(sight.watcher.path))
        ):
            self._inbox.put(Lost(Watching.LOST, "a file system was unmounted"))

    def _tick(self, thread: threading.Thread) -> None:
        self._on_tick()
        clock_s = time.time() - time.monotonic()
        if abs(clock_s - self._clock_s) > _CLOCK_JUMP_S:
            self._on_clock_jump()
        self._clock_s = clock_s
        sees = self._proves()
        busy_until_s = self._worker.busy_until_s
        hangs = busy_until_s is not None and time.monotonic() > busy_until_s
        if thread.is_alive() and sees and not hangs:
            self._systemd.alive()
            if not self._worker.ready.is_set():
                # A root may be waited for as long as it takes, and is said to be.
                self._systemd.starting(_MORE_TIME_S)

    def _proves(self) -> bool:
        """Return whether there is no sign that changes go unseen; ask for the next sign."""
        sight = self._worker.sight
        if sight.mode != EVENTS:
            # By polling the worker sees for itself, and says so where it cannot; attaching anew proves nothing yet.
            self._probe = None
            self._unproven = 0 if sight.mode == POLLING else self._unproven
            return True
        now_s = time.monotonic()
        watcher = sight.watcher
        if self._probe is not None:
            if self._probe.is_set():
                self._unproven, self._ever_proved = 0, True
                self._standing.proved()
            elif now_s - self._probed_s < _PROBE_S:
                return self._unproven < 2
            else:
                self._unproven += 1
                self._unseen()
        self._probe, self._probed_s = watcher.send_probe(), now_s
        if self._probe is None and watcher.is_attached and watcher.is_current:
            # No such file can be made here: that the watch stands and its threads live has to do.
            self._standing.proved()
            self._ever_proved = True
        return self._unproven < 2

    def _unseen(self) -> None:
        if self._unproven >= 2 and not self._ever_proved:
            self._inbox.put(Lost(Watching.LOST, "this file system sends no events", poll=True))
        else:
            self._inbox.put(Lost(Watching.LOST, "a probe in the root was not seen"))
