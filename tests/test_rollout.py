"""Releases of the service itself: by kubectl, by commands of the site's own, on record like a rollback."""

from __future__ import annotations

import json
import re
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sites import Place

KUBECTL = """\
import json, sys
with open({log!r}, "a") as log:
    log.write(json.dumps(sys.argv[1:]) + "\\n")
print("REVISION  CHANGE-CAUSE" if "history" in sys.argv else "deployment.apps/coze-studio " + sys.argv[-2])
sys.exit({fails!r} in sys.argv)
"""


class Cluster:
    """A kubectl that remembers what it was asked, and fails where it is told to."""

    def __init__(self, base: Path, fails: str = "-", more: str = "") -> None:
        """Put it where it can be run, and configure a place with it."""
        self.log = base / "kubectl.log"
        script = base / "kubectl.py"
        script.write_text(KUBECTL.format(log=str(self.log), fails=fails))
        argv = json.dumps([sys.executable, str(script)])
        self.place = Place(
            base / "p",
            f"rollout: {{namespace: coze-studio, deployment: coze-studio, kubectl: {argv}, timeout: 30s}}\n{more}",
        )
        self.place.init({"a": "1"})

    def asked(self) -> list[list[str]]:
        """Return the command lines, in order."""
        return [json.loads(line) for line in self.log.read_text().splitlines()] if self.log.exists() else []


BEGIN = ["--namespace", "coze-studio", "rollout"]
NAME = "deployment/coze-studio"


def test_what_kubectl_is_asked(tmp_path: Path) -> None:
    """History, undo and undo to a revision, and after those the status with a time-out."""
    cluster = Cluster(tmp_path)
    assert cluster.place.run("rollout", "history").out == "REVISION  CHANGE-CAUSE\n"
    assert cluster.place.ok("rollout", "previous")["outcome"] == "rolled_out"
    found = cluster.place.ok("rollout", "revision", "3")
    assert (found["revision"], found["error"], found["health"]) == (3, None, [])
    asked = cluster.asked()
    waits = [argv.pop().removeprefix("--timeout=").removesuffix("s") for argv in (asked[2], asked[4])]
    assert all(1 <= int(seconds) < 30 for seconds in waits)
    status = [*BEGIN, "status", NAME]
    assert asked == [
        [*BEGIN, "history", NAME],
        [*BEGIN, "undo", NAME],
        status,
        [*BEGIN, "undo", NAME, "--to-revision=3"],
        status,
    ]


def test_the_time_is_for_all_of_it(tmp_path: Path) -> None:
    """A release that does not come up is waited for until `timeout` is over, the time of the undo included."""
    rollout = {
        "kind": "command",
        "history": ["true"],
        "previous": ["sleep", "0.2"],
        "revision": ["true", "{revision}"],
    }
    said = json.dumps({**rollout, "status": ["sleep", "60"], "timeout": "1s"})
    place = Place(tmp_path / "p", f"rollout: {said}\n")
    place.init({"a": "1"})
    done = place.run("rollout", "previous", "--json")
    waited = re.search(r"'sleep' did not finish within ([0-9.]+)s", done.json["error"])
    assert (done.code, waited is not None) == (1, True), done
    assert waited is not None
    assert float(waited[1]) < 1


def test_it_is_on_record(tmp_path: Path) -> None:
    """The history of marks holds who went back to what, and notifications are sent."""
    written = tmp_path / "told"
    hook = json.dumps(["sh", "-c", f"echo $CONFIGVAULT_EVENT >> {written}"])
    cluster = Cluster(tmp_path, more=f"notify: [{{command: {hook}, on: [rolled_out, rollout_failed]}}]\n")
    cluster.place.ok("rollout", "revision", "3")
    said = cluster.place.git("log", "-1", "--format=%B", "refs/configvault/marks")
    assert said.startswith("Roll the service back to release 3\n")
    assert "Configvault-Rollout: 3\nConfigvault-Rollout-Result: success" in said
    assert written.read_text() == "rolled_out\n"
    assert [(one["to"], one["ok"]) for one in cluster.place.ok("report")["releases"]] == [("3", True)]
    assert "releases of the service" in cluster.place.run("report").out


def test_without_a_number_the_releases_are_listed(tmp_path: Path) -> None:
    """`revision` without a number lists them and is a usage error; what is no number is one as well."""
    cluster = Cluster(tmp_path)
    done = cluster.place.run("rollout", "revision")
    assert (done.code, "REVISION" in done.out) == (2, True)
    assert cluster.place.run("rollout", "revision", "0").code == 2
    assert cluster.place.run("rollout", "revision", "--to-revision=1").code == 2
    assert [argv[3] for argv in cluster.asked()] == ["history"]


@pytest.mark.parametrize("fails", ["undo", "status"])
def test_a_failure_is_one(tmp_path: Path, fails: str) -> None:
    """An undo that fails is not waited for, and a release that does not come up is no success."""
    cluster = Cluster(tmp_path, fails)
    done = cluster.place.run("rollout", "previous", "--json")
    assert (done.code, done.json["outcome"]) == (1, "rollout_failed")
    assert "exited with code 1" in done.json["error"]
    assert [argv[3] for argv in cluster.asked()] == ["undo", "status"][: 1 + (fails == "status")]


def test_an_unhealthy_release_is_exit_7(tmp_path: Path) -> None:
    """The health checks run after it, and decide."""
    cluster = Cluster(tmp_path, more="health: [{name: ill, command: ['false'], within: 1ms}]\n")
    done = cluster.place.run("rollout", "previous")
    assert (done.code, "error: health check 'ill'" in done.err + done.out) == (7, True)


def test_the_log_is_asked_about_the_release_it_went_back_to(tmp_path: Path) -> None:
    """What the release that was left did wrong counts neither right after the switch nor in later checks."""
    log = tmp_path / "log"
    check = "{name: log, log: {errors_below: 5%, over: 1h, at_least: 3}}"
    cluster = Cluster(tmp_path, more=f"service_log: {{path: {log}}}\nhealth: [{check}]\n")
    line = {"component": "plugin", "plugin_name": "tides", "operation_id": "get", "status_code": 500}
    failed = json.dumps({**line, "time": datetime.now(UTC).isoformat()}) + "\n"
    log.write_text(failed * 20)
    assert cluster.place.run("test").code == 7
    found = cluster.place.ok("rollout", "previous")
    assert (found["outcome"], found["health"][0]["note"] is not None) == ("rolled_out", True), found
    assert cluster.place.ok("test")["health"][0]["note"] is not None


def test_a_release_that_fails_its_checks_is_on_record_as_such(tmp_path: Path) -> None:
    """The service did go back: the record says so, and that it is not healthy."""
    cluster = Cluster(tmp_path, more="health: [{name: ill, command: ['false'], within: 1ms}]\n")
    assert cluster.place.run("rollout", "previous").code == 7
    said = cluster.place.git("log", "-1", "--format=%B", "refs/configvault/marks")
    assert said.startswith("The service went back to the previous release but is not healthy\n")
    assert "Configvault-Rollout-Result: failure" in said


def test_what_was_interrupted_is_on_record(tmp_path: Path) -> None:
    """Who stops waiting has switched the service all the same: the record and the notification say what is not known."""
    told = tmp_path / "told"
    rollout = {
        "kind": "command",
        "history": ["true"],
        "previous": ["true"],
        "revision": ["true", "{revision}"],
        "status": ["sh", "-c", "kill -INT $PPID; sleep 60"],
    }
    hook = json.dumps(["sh", "-c", f"echo $CONFIGVAULT_EVENT >> {told}"])
    place = Place(
        tmp_path / "p", f"rollout: {json.dumps(rollout)}\nnotify: [{{command: {hook}, on: [rollout_failed]}}]\n"
    )
    place.init({"a": "1"})
    done = place.process("rollout", "previous")
    assert (done.code, done.said("error")) == (130, ["error: interrupted"])
    said = place.git("log", "-1", "--format=%B", "refs/configvault/marks")
    assert said.startswith("Rolling the service back to the previous release failed\n")
    assert told.read_text().splitlines()[-1] == "rollout_failed"
    assert [one["ok"] for one in place.ok("report")["releases"]] == [False]


def test_commands_of_the_sites_own(tmp_path: Path) -> None:
    """Each action is a command, and the number stands where it is wanted."""
    said = tmp_path / "said"
    commands = {
        name: ["sh", "-c", f"echo {name} $0 >> {said}", "x"] for name in ("history", "previous", "status")
    }
    commands["revision"] = ["sh", "-c", f"echo revision $0 >> {said}", "v{revision}"]
    place = Place(tmp_path / "p", f"rollout: {json.dumps({'kind': 'command', **commands})}\n")
    place.init({"a": "1"})
    assert place.run("rollout", "revision", "7").code == 0
    assert said.read_text() == "revision v7\nstatus x\n"


def test_nothing_is_configured(tmp_path: Path) -> None:
    """Without `rollout` the command says what to set."""
    place = Place(tmp_path)
    place.init({"a": "1"})
    done = place.run("rollout", "previous")
    assert (done.code, "no rollout is configured" in done.err) == (2, True)
