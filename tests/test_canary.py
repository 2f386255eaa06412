"""A bad change is undone because the service's own log says so; noise is no reason.

`make canary` repeats each run 20 times, every time with other noise.
"""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from coze import BROKEN, Coze, coze, load
from harness.daemon import Daemon
from plugins import GOOD, TIDES, TIDES_PATH
from sites import Place

RUNS = range(int(os.environ.get("CANARY_RUNS", "1")))
BAD = TIDES.replace("https://tides.example.org/api", BROKEN)
CHECK = "{name: no plugin fails, log: {errors_below: 20%%, over: %s, at_least: 20}, within: 5s}"


def place(tmp_path: Path, service: Coze, over: str = "20s", more: str = "") -> Place:
    """Return a place whose service is `service`."""
    found = Place(tmp_path / "place", profile="coze", reload=f"url: '{service.url}/admin/reload-plugins'")
    found.root.rmdir()
    service.directory.rename(found.root)
    service.directory = found.root
    found.configure(
        f"service_log: {{path: {service.log}}}\nhealth: [{CHECK % over}]\nwatch: {{quiet: 200ms}}\n"
        f"http: {{listen: 'off'}}\nlog: {{format: json}}\n{more}",
        "coze",
        f"url: '{service.url}/admin/reload-plugins'",
    )
    return found


def directory(tmp_path: Path) -> Path:
    """Return a plugin directory."""
    root = tmp_path / "root"
    for name, text in GOOD.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    return root


@pytest.mark.parametrize("run", RUNS)
def test_a_change_that_makes_a_plugin_fail_is_undone(tmp_path: Path, run: int) -> None:
    """With `changes.reload`, the last good snapshot comes back as soon as the log shows the errors, and not before."""
    with coze(directory(tmp_path), tmp_path / "log") as service:
        service.make_noise(0.02, run)
        here = place(tmp_path, service, more="changes: {reload: true, on_reload_failure: restore}\n")
        first = here.init()
        here.ok("reload")
        daemon = Daemon(here.config)
        try:
            daemon.wait("daemon.ready")
            with load(service):
                here.write({TIDES_PATH: TIDES.replace("When the water is high", "High water")})
                daemon.wait("reload.done")
                here.write({TIDES_PATH: BAD})
                failed = daemon.wait("reload.failed")
                assert "tides: " in json.dumps(failed)
                assert "ferries: " not in json.dumps(failed)
                restored = daemon.wait("restore.done")
                assert restored["cause"] == "reload_failed"
            assert BROKEN not in (here.root / TIDES_PATH).read_text()
            assert "High water" in (here.root / TIDES_PATH).read_text()
            # The bad one is no longer good.
            listed = here.ok("list")["snapshots"]
            assert [one["good"] for one in listed] == [True, False, True, True]
            assert listed[-1]["id"] == first
            assert daemon.stop() == 0
        finally:
            daemon.process.kill()
            daemon.process.wait()


@pytest.mark.parametrize("run", RUNS)
def test_noise_is_no_reason(tmp_path: Path, run: int) -> None:
    """A change that fails as little as before stays when the time of the check is over."""
    with coze(directory(tmp_path), tmp_path / "log") as service:
        service.make_noise(0.05, run)
        here = place(tmp_path, service, "3s", "changes: {reload: true, on_reload_failure: restore}\n")
        here.init()
        daemon = Daemon(here.config)
        try:
            daemon.wait("daemon.ready")
            with load(service):
                here.write({TIDES_PATH: TIDES.replace("When the water is high", "High water")})
                daemon.wait("reload.done")
                done = here.process("rollback", "previous", "--confirm=8s", "--json")
                assert done.code == 0, done
                assert "not confirmed in time" in daemon.wait("recovery.done")["message"]
            assert "reload.failed" not in daemon.events()
            assert daemon.stop() == 0
        finally:
            daemon.process.kill()
            daemon.process.wait()


@pytest.mark.parametrize("run", RUNS)
def test_a_rollback_to_a_bad_snapshot_is_undone_before_its_deadline(tmp_path: Path, run: int) -> None:
    """With `--confirm` the command itself watches the log where no daemon does, and undoes the rollback at once."""
    with coze(directory(tmp_path), tmp_path / "log") as service:
        service.make_noise(0.02, run)
        here = place(tmp_path, service)
        here.write({TIDES_PATH: BAD})
        bad = here.init()
        good = here.snapshot({TIDES_PATH: TIDES})
        here.ok("reload")
        with load(service):
            done = here.process("rollback", bad, "--confirm=10m", "--json")
        assert done.code == 8, done
        assert done.json["outcome"] == "undone"
        # What decided, and after it how the service took what came back.
        assert (done.json["reload"]["ok"], done.json["health"][0]["ok"]) == (True, False)
        assert "tides: " in done.json["health"][0]["error"]
        assert done.json["undoing"]["why"].startswith("the health check 'no plugin fails' failed: tides: ")
        assert done.json["undoing"]["health"][0]["ok"]
        assert here.ok("status")["live"]["matches"] is not None
        undone = next(one for one in here.ok("list")["snapshots"] if one["trigger"] == "rollback")
        assert (undone["good"], undone["rolled_back"]) == (False, True)
        assert BROKEN not in (here.root / TIDES_PATH).read_text()
        assert good in [one["id"] for one in here.ok("list")["snapshots"]]
