"""What an operator asks: `status`, `report`, `doctor`."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest
from plugins import GOOD, META, META_PATH, swap
from service import answer, serving
from sites import Done, Place, recorded

from configvault.disk import lock
from configvault.vault import statefiles
from configvault.vault.statefiles import DAEMON, DAEMON_LOCK, SCHEDULE, DaemonState, Schedule

NOON = datetime(2023, 12, 1, 12, 0, tzinfo=UTC)
READING = ["status", "list", "show latest", "diff", "rejected list", "report", "config show"]


@pytest.fixture
def place(tmp_path: Path) -> Place:
    """Return a place with one snapshot of two plugins."""
    return recorded(tmp_path / "place", GOOD, profile="coze")


# --- status


def test_status_of_what_is_recorded(place: Place) -> None:
    """What equals a snapshot is recorded and valid."""
    said = place.ok("status")
    assert said["live"]["matches"] == said["latest"]
    assert (said["valid"], said["rejected"], said["degraded"]) == (True, None, [])
    assert "is the latest snapshot, valid" in place.run("status").out


def test_status_of_what_was_rejected(place: Place) -> None:
    """What was refused is told with the reason, since when, and what to do; before anybody looked it is unknown."""
    place.write({META_PATH: swap(META, "version: v0.3.1", "version: [v0.3.1")})
    assert place.ok("status")["valid"] is None
    assert place.run("snapshot").code == 3
    said = place.ok("status")
    assert said["valid"] is False
    assert said["refused"]["id"] == said["rejected"]
    assert said["refused"]["findings"][0]["line"] == 37
    out = place.run("status").out
    assert "rejected at" in out
    assert f"configvault -c {place.config} rejected show {said['rejected']}" in out
    assert place.run("status", "--check").code == 1


def test_status_of_a_running_daemon(place: Place) -> None:
    """What a daemon says of itself is shown: proof of watching, schedule, what is amiss."""
    with place.parts() as site, place.as_if_watched():
        degraded = {"root-missing": "waits for the root"}
        state = DaemonState(os.getpid(), NOON, NOON, "events", degraded, NOON, {"backup": NOON})
        DAEMON.write(site.vault.state, state)
        SCHEDULE.write(site.vault.state, Schedule({"backup": NOON}, verified=False))
        said = place.ok("status")
        assert said["daemon"]["running"] is True
        assert (said["daemon"]["last_proof"], said["daemon"]["watching"]) == (NOON.isoformat(), "events")
        assert said["schedule"]["next"] == said["schedule"]["last"] == {"backup": NOON.isoformat()}
        assert said["degraded"] == [
            "waits for the root", "the last scheduled verify found damage: configvault verify",
        ]  # fmt: skip
        assert place.run("status", "--check").code == 6
        assert "last verified 2023-12-01 12:00:00" in place.run("status").out
        never = DaemonState(os.getpid(), NOON, NOON, "events", {}, NOON, {"verify": NOON})
        DAEMON.write(site.vault.state, never)
        SCHEDULE.write(site.vault.state, Schedule({"verify": NOON}))
        assert place.ok("status")["schedule"]["last"] == {}
        assert "verify  next at 2023-12-01 12:00:00 +0000, not run yet" in place.run("status").out


@pytest.mark.parametrize("left", ["{", '{"pid": 1, "command": "x", "since": "soon"}'])
def test_status_of_a_daemon_that_says_nothing_useful(place: Place, left: str) -> None:
    """A lock whose words were cut off still says that a daemon runs, and no more."""
    with place.parts() as site:
        path = statefiles.path(site.vault.state, DAEMON_LOCK)
        with lock.hold(path, "configvault run"):
            Path(path).write_text(left)
            assert place.ok("status")["daemon"]["since"] is None
            assert "daemon  running as process" in place.run("status").out


def test_status_when_signing_does_not_work(place: Place, tmp_path: Path) -> None:
    """A snapshot that should be signed and is not is a reason to be degraded."""
    place.configure(f"signing: {{key: {tmp_path}/gone}}\n", profile="coze")
    assert place.ok("status")["degraded"] == ["the latest snapshot is not signed: configvault doctor"]


@pytest.mark.parametrize("command", READING)
def test_reading_loads_nothing_heavy(place: Place, command: str) -> None:
    """What only reads loads neither the pages nor metrics nor the validators' libraries."""
    code = f"""
import sys
from configvault.cli.main import run
run({command.split()!r})
heavy = {{"prometheus_client", "waitress", "openapi_spec_validator", "urllib3", "jsonschema"}}
found = sorted(heavy & set(sys.modules)) + [m for m in sys.modules if m.startswith("configvault.web")]
sys.exit(f"loads {{found}}" if found else 0)
"""
    done = subprocess.run(
        [sys.executable, "-c", code], env=dict(os.environ) | {"CONFIGVAULT_CONFIG": str(place.config)},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr


# --- report


def test_report_counts_by_plugin_actor_and_day(place: Place) -> None:
    """Changes, refusals, rollbacks and failed loadings, each under the plugins it touches."""
    with serving(answer(200), answer(500)) as service:
        place.configure("", "coze", f"kind: http, url: '{service.url}', attempts: 1")
        place.snapshot({META_PATH: swap(META, "v1.2.0", "v1.3.0")})
        place.ok("rollback", "previous")
        assert place.run("reload").code == 7
        place.write({META_PATH: swap(META, "version: v0.3.1", "version: [v0.3.1")})
        assert place.run("snapshot").code == 3
        said = place.ok("report")
    assert said["totals"] == {
        "changes": 2, "refusals": 1, "rollbacks": 1, "undone": 0, "restores": 0, "failed_loadings": 1,
    }  # fmt: skip
    tides = next(row for row in said["plugins"] if row["name"] == "tides")
    assert tides["changes"] == 2
    assert len(said["actors"]) == len(said["days"]) == 1
    assert {row["result"] for row in said["slowest"]} == {"success", "reload-failure"}
    out = place.run("report").out
    assert "plugin" in out
    assert "slowest loadings" in out
    assert place.ok("report", "--since", "2100-01-01")["totals"]["changes"] == 0
    assert place.run("report", "--since", "whenever").code == 2


def test_git_alone_finds_the_changes_of_a_plugin(place: Place) -> None:
    """The commits name the plugins they touch, so plain git answers who changed one."""
    place.snapshot({META_PATH: swap(META, "v1.2.0", "v1.3.0")})
    trailers = place.git("log", "-1", "--format=%(trailers:key=Configvault-Plugins,valueonly)").strip()
    assert trailers == "tides"


# --- doctor


def checks(done: Done) -> dict[str, str]:
    """Return how each thing is."""
    return {row["name"]: row["health"] for row in json.loads(done.raw)["checks"]}


def test_doctor_finds_nothing_where_all_is_well(place: Place) -> None:
    """All is well but for the daemon, which is a warning and no failure."""
    place.config.chmod(0o600)
    done = place.run("doctor", "--json")
    found = checks(done)
    assert (done.code, done.json["ok"]) == (0, True), done
    assert found.pop("daemon") == "warning"
    assert set(found.values()) == {"ok"}
    assert set(found) == {"config", "git", "vault", "lock", "root", "space", "clock", "inotify", "reload"}


def test_doctor_names_each_problem_with_its_remedy(place: Place, tmp_path: Path) -> None:
    """Whatever is broken is found in one go, each with what helps."""
    with serving(answer(200)) as service:
        gone = service.url
    place.configure(
        "health: [{name: agent, url: '" + gone + "', within: 100ms}]\n"
        f"notify: [{{command: [/no/such/program], on: [rejected]}}, {{url: '{gone}?token=abcDEF123', on: [rejected]}}]\n"
        f"replicas: [{{url: {tmp_path}/nowhere.git}}]\nsigning: {{key: {tmp_path}/gone}}\n"
        f"service_log: {{path: {tmp_path}/nowhere.log}}\n"
        "rollout: {kind: command, history: [echo], previous: [/no/such/tool], revision: [echo, '{revision}']}\n",
        "coze",
        f"kind: http, url: '{gone}', headers: {{X: abcDEF123}}",
    )
    place.config.chmod(0o644)
    place.vault.chmod(0o755)
    done = place.run("doctor", "--json")
    assert done.code == 1
    found = {row["name"]: row for row in done.json["checks"]}
    assert {name for name, row in found.items() if row["health"] == "problem"} == {
        "vault", "signing", "reload", "health", "notify[0]", "notify[1]", "replica",
        "service_log", "rollout",
    }  # fmt: skip
    assert found["rollout"]["message"] == "/no/such/tool cannot be run"
    assert found["config"]["health"] == "warning"
    assert not [row for row in found.values() if row["health"] != "ok" and not row["remedy"]]
    assert found["vault"]["remedy"] == f"chmod 700 {place.vault}"
    assert "abcDEF123" not in done.out + done.err
    assert "abcDEF123" not in place.run("doctor").out


def test_doctor_where_the_root_is_gone(place: Place) -> None:
    """A missing root is a problem among others, not the end of the examination."""
    for path in sorted(place.root.rglob("*"), reverse=True):
        path.rmdir() if path.is_dir() else path.unlink()
    place.root.rmdir()
    done = place.run("doctor", "--json")
    assert (done.code, checks(done)["root"], checks(done)["clock"]) == (1, "problem", "ok")
