"""What the real daemon shows and tells while it protects: pages, metrics, notifications, who wrote; and never a secret."""

from __future__ import annotations

import http.client
import json
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from harness.daemon import Daemon, Watched
from prometheus_client.parser import text_string_to_metric_families
from service import Service, answer, serving

CANARY = "cAnArY-7fQ2xL9vB4"
TOKEN = f"{CANARY}-of-the-page"


def free_port() -> int:
    """Return a port that nobody listens on."""
    import socket

    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        return int(listening.getsockname()[1])


class Running:
    """A daemon with its pages and a webhook."""

    def __init__(self, place: Watched, daemon: Daemon, port: int, hook: Service) -> None:
        self.place, self.daemon, self.port, self.hook = place, daemon, port, hook

    def get(self, path: str) -> tuple[int, str]:
        """Ask its pages."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        try:
            connection.request("GET", path, headers={"Authorization": f"Bearer {TOKEN}"})
            got = connection.getresponse()
            return got.status, got.read().decode()
        finally:
            connection.close()

    def metric(self, name: str, **labels: str) -> float:
        """Return one sample."""
        for family in text_string_to_metric_families(self.get("/metrics")[1]):
            for sample in family.samples:
                if sample.name == name and labels.items() <= sample.labels.items():
                    return float(sample.value)
        raise AssertionError(f"no sample of {name} {labels}")


@pytest.fixture
def running(tmp_path: Path) -> Iterator[Running]:
    """Run a daemon whose configuration and root hold canaries wherever a secret may stand."""
    place, port = Watched(tmp_path), free_port()
    (place.root / "b.yaml").write_text(f"auth:\n  service_token: {CANARY}\n  password: '{CANARY}'\n")
    with serving(answer(200)) as hook:
        place.configure(
            f"reload: {{kind: http, url: '{hook.url}?key={CANARY}', headers: {{Authorization: 'Bearer {CANARY}'}}}}",
            "changes: {reload: true}",
            f"notify: [{{url: '{hook.url}/{CANARY}', on: [recorded, rejected, rolled_back], headers: {{X: {CANARY}}}}}]",
        )
        text = place.config.read_text().replace('listen: "off"', f'listen: "127.0.0.1:{port}", token: {TOKEN}')
        place.config.write_text(text)
        with place.daemon() as daemon:
            yield Running(place, daemon, port, hook)


def notifications(hook: Service) -> list[dict[str, object]]:
    """Return what the webhook was told, the reloads aside."""
    bodies = [raw.partition("\r\n\r\n")[2] for raw in hook.asked if f"/{CANARY} " in raw.partition("\r\n")[0]]
    return [json.loads(body) for body in bodies]


def test_daemon_shows_and_notifies_and_keeps_secrets(running: Running) -> None:
    """A change and a refusal are seen in pages, API, metrics and webhook; the canaries in none of them, nor in the log."""
    place, daemon = running.place, running.daemon
    assert running.get("/health") == (200, "ok\n")
    # The pages are served a moment before the first look at the root has ended.
    wait_for(lambda: running.get("/ready") == (200, "ready\n"))
    (place.root / "b.yaml").write_text(f"auth:\n  service_token: {CANARY}2\n")
    daemon.wait("snapshot.recorded")
    (place.root / "c.yaml").write_text(f"token: {CANARY}\nx: [\n")
    rejected = daemon.wait("change.rejected")["id"]
    pages = {path: running.get(path) for path in (
        "/", "/snapshots/latest", f"/rejected/{rejected}", "/diff/before..latest", f"/diff/before..{rejected}",
        "/diff/latest..live", "/api/status", "/api/snapshots", "/api/snapshots/latest", "/api/rejected", "/metrics",
        f"/snapshots/{CANARY[:6]}", "/ready",
    )}  # fmt: skip
    assert [path for path, (status, _) in pages.items() if status != 200] == [f"/snapshots/{CANARY[:6]}"]
    status = json.loads(pages["/api/status"][1])
    assert (status["daemon"]["running"], status["daemon"]["pid"]) == (True, daemon.process.pid)
    assert (status["valid"], status["rejected"]) == (False, rejected)
    assert running.metric("configvault_live_is_latest") == 0
    assert running.metric("configvault_live_rejected_since_timestamp_seconds") > 0
    assert running.metric("configvault_rejections_total", rule="yaml-syntax") == 1
    assert running.metric("configvault_snapshots", trigger="change") == 1
    assert running.metric("configvault_watching") == 1
    assert running.metric("configvault_loaded_is_latest") == 1
    arguments = subprocess.run(["ps", "-eo", "args"], capture_output=True, text=True, check=True).stdout
    code = daemon.stop()
    events = [one["event"] for one in notifications(running.hook)]
    assert "rejected" in events
    assert code == 0
    shown = "\n".join(body for _, body in pages.values()) + "".join(daemon.raw) + arguments
    shown += "".join(raw.partition("\r\n\r\n")[2] for raw in running.hook.asked)
    assert CANARY not in shown.replace(f"/snapshots/{CANARY[:6]}", "")
    # Seen to be able to fail: the history itself is byte-true.
    assert CANARY in subprocess.run(
        ["git", "-C", place.vault, "show", "main:b.yaml"], capture_output=True, text=True, check=True
    ).stdout  # fmt: skip


def test_commands_beside_the_daemon_notify_too(running: Running) -> None:
    """A rollback by the command line is told once, by the command, and the daemon's figures know of it."""
    place, daemon = running.place, running.daemon
    (place.root / "a.yaml").write_text("version: 2\n")
    daemon.wait("snapshot.recorded")
    done = subprocess.run(
        [*daemon.process.args[:3], "-c", place.config, "rollback", "previous"],  # type: ignore[index,list-item]
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert CANARY not in done.stdout + done.stderr
    assert running.metric("configvault_snapshots", trigger="rollback") == 1
    daemon.stop()
    assert [one["event"] for one in notifications(running.hook)].count("rolled_back") == 1


def test_a_taken_port_is_degraded_and_no_more(tmp_path: Path) -> None:
    """Where the pages cannot listen that is told, and the root is protected all the same."""
    place = Watched(tmp_path)
    with serving(answer(200)) as taken:
        text = place.config.read_text().replace('listen: "off"', f'listen: "127.0.0.1:{taken.port}"')
        place.config.write_text(text)
        with place.daemon() as daemon:
            (place.root / "a.yaml").write_text("version: 2\n")
            daemon.wait("snapshot.recorded")
            assert re.search(rf"cannot listen on 127.0.0.1:{taken.port}", "".join(daemon.raw))


def test_a_loading_that_failed_for_a_command_shows_in_the_metrics(running: Running) -> None:
    """Rollbacks and reloads are mostly given by hand, in another process: what the service made of them is seen."""
    running.hook.answers[:] = [answer(500)]
    command = [sys.executable, "-m", "configvault", "-c", str(running.place.config), "reload"]
    assert subprocess.run(command, capture_output=True, check=False).returncode == 7
    assert running.metric("configvault_last_load_successful") == 0
    running.hook.answers[:] = [answer(200)]
    running.place.command("reload")
    assert running.metric("configvault_last_load_successful") == 1


def test_a_notification_that_failed_is_reported_at_once(tmp_path: Path) -> None:
    """Whoever could not be told is named by log and status without anything else happening; and no more once told."""
    place = Watched(tmp_path)
    with serving(answer(403)) as hook:
        place.configure(f"notify: [{{url: '{hook.url}', on: [rejected, degraded]}}]")
        with place.daemon() as daemon:
            (place.root / "a.yaml").write_text("a: [\n")
            said = daemon.wait("daemon.degraded", reason="notify")["message"]
            assert re.search(
                r"notify\[0\] was not notified of '(rejected|degraded)': 127.0.0.1:[0-9]+ answered 403", said
            )
            [shown] = json.loads(place.command("status", "--json"))["degraded"]
            assert "answered 403" in shown
            hook.answers[:] = [answer(200)]
            (place.root / "a.yaml").write_text("a: {\n")
            daemon.wait("daemon.recovered", reason="notify")
            assert json.loads(place.command("status", "--json"))["degraded"] == []


def test_requests_of_the_services_log_are_scraped_beyond_loopback(tmp_path: Path) -> None:
    """The daemon counts what is appended to the service's log, through a rotation, on the second address alone."""
    place, port, log = Watched(tmp_path), free_port(), tmp_path / "plugin.log"
    log.write_text(request())
    place.configure(f"http: {{listen: 'off', metrics: '0.0.0.0:{port}'}}", f"service_log: {{path: {log}}}")
    with place.daemon() as daemon, serving(answer(200)) as hook:
        running = Running(place, daemon, port, hook)
        assert running.get("/")[0] == 404
        with log.open("a") as file:
            file.write(request() + request(status_code=500))
        labels = {"plugin_name": "tides", "operation": "get"}
        wait_for(lambda: running.metric("coze_plugin_requests_total", **labels, status="error") == 1)
        log.rename(tmp_path / "plugin.log.1")
        log.write_text(request())
        wait_for(lambda: running.metric("coze_plugin_requests_total", **labels, status="success") == 2)
        assert running.metric("coze_plugin_request_duration_seconds_count", **labels) == 3
        log.unlink()
        log.mkdir()
        degraded = daemon.wait("daemon.degraded")
        assert degraded["reason"] == "service-log"


def request(**more: object) -> str:
    """Return a line of the service's log."""
    said = {
        "component": "plugin",
        "plugin_name": "tides",
        "operation_id": "get",
        "status_code": 200,
        "duration_ms": 5,
    }
    return json.dumps(said | more) + "\n"


def wait_for(true: Callable[[], bool]) -> None:
    """Ask until it is so; each answer takes its time, none is waited for without end."""
    deadline_s = time.monotonic() + 60
    while time.monotonic() < deadline_s:
        try:
            if true():
                return
        except AssertionError:
            continue
    raise AssertionError("it never came to be")
