"""The supervisor notices what nobody tells it: a watch that no longer sees, a worker that hangs."""

from __future__ import annotations

import queue
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from harness.daemon import DEADLINE_S, Watched

from configvault import app
from configvault.core.outcome import FailureOutcome, Outcome, RecordOutcome, Watching, WatchOutcome
from configvault.daemon import supervisor as supervisor_
from configvault.daemon.inbox import Inbox
from configvault.daemon.jobs import Job, Task
from configvault.daemon.standing import Standing
from configvault.daemon.supervisor import Supervisor
from configvault.daemon.systemd import Systemd
from configvault.daemon.worker import Worker


class Parts:
    """A worker at work in a thread, and a supervisor that ticks when told."""

    def __init__(self, place: Watched) -> None:
        self.stop = threading.Event()
        self.heard: queue.Queue[Outcome] = queue.Queue()
        settings = app.load_settings(str(place.config), {})
        self.site = app.open_or_create(settings, {"PATH": "/usr/bin:/bin"}, stop=self.stop)
        self.site.observers.append(self.heard.put)
        self.inbox: Inbox[Job] = Inbox()
        self.standing = Standing(self.site.vault, 1, self.site.now, self.site.notify)
        self.worker = Worker(self.site, self.inbox, self.standing, self.stop)
        self.thread = threading.Thread(target=self.worker.run, daemon=True)
        self.thread.start()
        path = place.base / "notify"
        self.manager = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.manager.bind(str(path))
        self.manager.settimeout(0)
        environ = {"NOTIFY_SOCKET": str(path), "WATCHDOG_USEC": "3000000"}
        self.supervisor = Supervisor(
            self.worker, self.inbox, self.standing, Systemd(environ), self.stop, lambda: None, lambda: None
        )

    def until(self, kind: type[Outcome]) -> Outcome:
        """Return the next outcome of that kind."""
        while True:
            heard = self.heard.get(timeout=DEADLINE_S)
            if isinstance(heard, kind):
                return heard

    def fed(self) -> bool:
        """Tick, and return whether the watchdog was fed by that."""
        self.supervisor._tick(self.thread)
        try:
            return self.manager.recv(4096) == b"WATCHDOG=1"
        except BlockingIOError:
            return False

    def end(self) -> None:
        """Stop all."""
        self.stop.set()
        self.inbox.put(Task.STOP)
        self.thread.join(DEADLINE_S)
        self.manager.close()
        self.site.vault.close()


@pytest.fixture
def parts(tmp_path: Path) -> Iterator[Parts]:
    """A daemon's parts, ready."""
    parts = Parts(Watched(tmp_path))
    assert parts.worker.ready.wait(DEADLINE_S)
    yield parts
    parts.end()


def test_proof(parts: Parts) -> None:
    """Each tick asks for a proof; when it was seen the time of it is known."""
    assert parts.fed()
    assert parts.standing.state.last_proof is None
    assert parts.supervisor._probe is not None
    assert parts.supervisor._probe.wait(DEADLINE_S)
    assert parts.fed()
    assert parts.standing.state.last_proof is not None


def test_lost_watch_is_attached_anew(parts: Parts, monkeypatch: pytest.MonkeyPatch) -> None:
    """A watch that sees nothing any more, and says nothing, is found by the proof, told, and replaced."""
    monkeypatch.setattr(supervisor_, "_PROBE_S", 0.0)
    while not isinstance(parts.until(WatchOutcome), WatchOutcome):
        pass
    parts.worker.sight.watcher._observer.unschedule_all()  # type: ignore[union-attr]
    Path(parts.site.root.path, "unseen.yaml").write_text("u: 1\n")
    parts.fed()
    parts.fed()
    lost = recorded = False
    while not (lost and recorded):
        heard = parts.heard.get(timeout=DEADLINE_S)
        lost |= isinstance(heard, WatchOutcome) and heard.what is Watching.LOST
        recorded |= isinstance(heard, RecordOutcome) and "unseen.yaml" in [one.path for one in heard.changes]


def test_hanging_worker_starves_the_watchdog(parts: Parts) -> None:
    """While the worker is at one thing for longer than that may take, the watchdog is not fed."""
    assert parts.fed()
    parts.worker.busy_until_s = 0.0
    assert not parts.fed()
    parts.worker.busy_until_s = None
    assert parts.fed()


def test_unproven_watch_starves_the_watchdog(parts: Parts, monkeypatch: pytest.MonkeyPatch) -> None:
    """When attaching anew does not help either, the watchdog is not fed: systemd starts it again."""
    assert parts.fed()
    assert parts.supervisor._probe is not None
    assert parts.supervisor._probe.wait(DEADLINE_S)
    assert parts.fed()
    monkeypatch.setattr(supervisor_, "_PROBE_S", 0.0)
    monkeypatch.setattr(parts.worker.sight.watcher, "send_probe", threading.Event)
    parts.supervisor._probe = threading.Event()
    # It is fed at first, and whenever the worker is just attaching anew.
    assert parts.fed()
    assert any(not parts.fed() for _ in range(100))


def test_a_fault_does_not_end_the_worker(parts: Parts) -> None:
    """What no one foresaw is told with the lines it came by, without its text, and the worker works on."""

    def faulty() -> object:
        raise KeyError("s3cret")

    assert not parts.worker._attempt("record", faulty)
    failure = parts.until(FailureOutcome)
    assert isinstance(failure, FailureOutcome)
    assert (failure.doing, failure.kind) == ("record", "unexpected")
    assert failure.message.startswith("unexpected KeyError at test_supervisor.py:")
    assert "worker.py:" in str(failure.hint)
    assert "s3cret" not in f"{failure}"
    Path(parts.site.root.path, "later.yaml").write_text("l: 1\n")
    while "later.yaml" not in [one.path for one in getattr(parts.until(RecordOutcome), "changes", ())]:
        pass
