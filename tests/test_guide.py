"""The deployment guide, job by job, done by configvault against a service that behaves as the guide's."""

from __future__ import annotations

import json
import re
import shlex
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from coze import BROKEN, Coze, coze
from plugins import GOOD, META_PATH, TIDES, TIDES_PATH
from sites import Done, Place, put

from configvault import config
from configvault.cli import parser

DOCUMENT = (Path(__file__).parent.parent / "docs" / "test-what-you-deployed.md").read_text()
[CONFIGURATION] = re.findall(r"```yaml\n(.*?)```", DOCUMENT, re.DOTALL)


KUBECTL = """\
import os, sys
open({asked!r}, "a").write(" ".join(sys.argv[1:]) + chr(10))
print("REVISION  CHANGE-CAUSE" if "history" in sys.argv else "deployment.apps/coze-studio")
sys.exit(os.path.exists({fails!r}))
"""


class Guide:
    """The guide's surroundings: a checkout, the service that has loaded it, configvault beside it."""

    def __init__(self, base: Path, service: Coze) -> None:
        """Configure what the document says, but for where the service is."""
        self.service = service
        text = CONFIGURATION.replace("http://localhost:8080", service.url).replace(
            "/var/log/coze/plugin.log", str(service.log)
        )
        said = yaml.safe_load(text)
        for check in said["health"]:
            check["within"] = "2s"
        reload = said.pop("reload")
        self.kubectl = base / "kubectl"
        self.cluster_fails = base / "cluster fails"
        (base / "kubectl.py").write_text(KUBECTL.format(asked=str(self.kubectl), fails=str(self.cluster_fails)))
        kubectl = [sys.executable, str(base / "kubectl.py")]
        said["rollout"] = {"namespace": "coze-studio", "deployment": "coze-studio", "kubectl": kubectl}
        self.place = Place(base / "p", profile="coze")
        self.place.configure(yaml.safe_dump(said), "coze", f"attempts: 1, url: '{reload['url']}'")
        self.place.write(GOOD)
        service.directory = self.place.root
        self.first = self.place.init()

    def endpoints(self, directory: Path) -> Done:
        """Ask the servers and operations of a directory whose documents name this service."""
        for name, text in GOOD.items():
            invoke = f"{self.service.url}/api/plugin/invoke"
            put(directory, name, re.sub(r"https://([a-z]+)\.example\.org(/api)?", rf"{invoke}/\1", text))
        flags = ["--online", "--endpoints", "--methods", "get,post", "--allow-private", "--min-rate", "50%"]
        return self.place.run("check", str(directory), *flags)

    def imported(self, folder: Path) -> Any:
        """Add the request of the guide's collection to the checks, and return it."""
        request = {
            "method": "POST",
            "header": [{"key": "Content-Type", "value": "application/json"}],
            "body": {
                "mode": "raw",
                "raw": '{"fileUrl": "https://example.org/a.pdf", "outputFormat": "markdown"}',
            },
            "url": {"raw": "{{base_url}}/api/plugin/invoke/tides/convert", "host": ["{{base_url}}"]},
        }
        collection = {
            "info": {"name": "Coze"},
            "variable": [{"key": "base_url", "value": self.service.url}],
            "item": [{"name": "convert", "request": request}],
        }
        (folder / "collection.json").write_text(json.dumps(collection))
        printed = self.place.run("config", "import-postman", str(folder / "collection.json")).out
        [check] = yaml.safe_load(printed)["health"]
        said = yaml.safe_load(self.place.config.read_text())
        said["health"].append({**check, "within": "2s"})
        self.place.config.write_text(yaml.safe_dump(said))
        return check

    def failing(self) -> set[str]:
        """Return the names of the checks that fail now."""
        done = self.place.run("test", "--json")
        failing = {one["name"] for one in done.json["health"] if not one["ok"]}
        assert (done.code, done.json["passed"]) == ((7, False) if failing else (0, True))
        return failing


@pytest.fixture
def guide(tmp_path: Path) -> Iterator[Guide]:
    """Run the service on a checkout."""
    checkout = tmp_path / "checkout"
    for name, text in GOOD.items():
        (checkout / name).parent.mkdir(parents=True, exist_ok=True)
        (checkout / name).write_text(text)
    with coze(checkout, tmp_path / "plugin.log") as service:
        yield Guide(tmp_path, service)


def test_the_guide(guide: Guide, tmp_path: Path) -> None:
    """Validate, deploy, reload, test plugin and agent, import the collection, read the log, roll back both ways."""
    place, service = guide.place, guide.service

    # Check files; a fault is refused, and the old state comes back.
    assert place.run("check").code == 0
    place.write({META_PATH: "- plugin_id: [\n"})
    assert place.run("check").code == 3
    assert place.run("snapshot").code == 3
    assert place.run("rollback", "latest").code == 0

    # External services and endpoint tests: nothing of example.org is there, this service is.
    done = place.run(
        "check", "--online", "--endpoints", "--methods", "get,post", "--timeout", "2s", "--min-rate", "50%"
    )
    assert done.code == 1
    assert re.search(r"\(tides\): 0 of \d alive \(0%\)", done.out)
    done = guide.endpoints(tmp_path / "reachable")
    assert (done.code, "(tides): 2 of 2 alive (100%)" in done.out) == (0, True), done

    # Deploy the configuration, with a hot reload.
    second = place.snapshot(
        {TIDES_PATH: TIDES.replace("When the water is high", "High water")}, "-m", "release 2"
    )
    before = service.reloads
    loaded = place.ok("reload")
    assert (service.reloads, loaded["ok"]) == (before + 1, True)
    assert place.ok("status")["good"] == second

    # Plugin test and agent test; the agent is not left behind.
    assert guide.failing() == set()
    assert service.agents == {}
    assert service.log.read_text().count('"operation_id": "get"') >= 2

    # The request collection becomes a check, and that passes.
    assert guide.imported(tmp_path)["headers"] == {"Content-Type": "application/json"}
    assert guide.failing() == set()

    # Log analysis, also of the failures of one snapshot.
    for _ in range(30):
        service.invoke("ferries", "list", ms=6000)
    counted = place.ok("report", "--service-log")
    assert counted["totals"]["errors"] == 0
    assert (counted["totals"]["slow"], counted["slowest"][0]["plugin"]) == (30, "ferries")
    assert counted["snapshots"][0]["id"] == second

    # Configuration rollback: the versions without one, an unknown one, and one that is there; the service is told.
    done = place.run("rollback")
    assert (done.code, guide.first in done.out) == (2, True), done
    assert place.run("rollback", "backup_20200101_000000").code == 4
    done = place.run("rollback", guide.first, "--json")
    assert (done.code, done.json["reload"]["ok"], done.json["outcome"]) == (0, True, "rolled_back")
    assert "High water" not in (place.root / TIDES_PATH).read_text()

    # Service rollback: the history, the release before, one by its number, and the history where none is named.
    assert place.run("rollout", "history").out == "REVISION  CHANGE-CAUSE\n"
    assert place.run("rollout", "previous").code == 0
    assert place.run("rollout", "revision", "3").code == 0
    done = place.run("rollout", "revision")
    assert (done.code, done.out) == (2, "REVISION  CHANGE-CAUSE\n")
    asked = [line.split(" --timeout=")[0] for line in guide.kubectl.read_text().splitlines()]
    about = "--namespace coze-studio rollout {} deployment/coze-studio"
    assert asked == [
        about.format("history"),
        about.format("undo"),
        about.format("status"),
        about.format("undo") + " --to-revision=3",
        about.format("status"),
        about.format("history"),
    ]

    # Kubernetes: the ConfigMap holds the sub-folders, and so does the Secret that holds tokens.
    for kind in ("configmap", "secret"):
        made = place.ok("export", "latest", "--format", kind, "--name", "coze-plugins")
        assert len(made["data"]) == len(GOOD)


@pytest.mark.parametrize(
    ("misbehaves", "failing"),
    [
        ("health", {"server is well"}),
        ("status", {"plugins are active"}),
        ("invoke", {"a plugin answers"}),
        ("agents", {"agent converts a document"}),
        ("chat", {"agent converts a document"}),
    ],
)
def test_each_job_refuses_when_the_service_misbehaves(guide: Guide, misbehaves: str, failing: set[str]) -> None:
    """A check fails where its part of the service does, the others pass, a reload is no success, no agent is left."""
    guide.service.misbehave.add(misbehaves)
    assert guide.failing() == failing
    for command in (["reload"], ["rollback", guide.first]):
        assert guide.place.run(*command).code == 7, command
    assert guide.service.agents == {}
    assert guide.place.ok("status")["good"] is None


def test_a_dead_service_is_not_done(guide: Guide) -> None:
    """A service that does not reload, or a plugin that it lacks, fails the rollback that the guide's script calls done."""
    second = guide.place.snapshot({TIDES_PATH: TIDES.replace("When the water is high", "High water")})
    guide.service.misbehave.add("reload")
    assert guide.place.run("reload").code == 7
    for one in (guide.first, second):
        done = guide.place.run("rollback", one, "--json")
        assert (done.code, done.json["outcome"], done.json["reload"]["ok"]) == (7, "reload_failed", False)
    guide.service.misbehave.clear()
    del guide.service.plugins["ferries"]
    assert guide.failing() == {"plugins are active"}
    guide.service.load()
    assert guide.failing() == set()


def test_the_other_jobs_refuse_too(guide: Guide, tmp_path: Path) -> None:
    """Endpoints that answer 502, a request of the collection that fails, and a cluster that does not go back."""
    guide.imported(tmp_path)
    guide.service.misbehave.add("invoke")
    assert guide.failing() == {"a plugin answers", "convert"}
    done = guide.endpoints(tmp_path / "broken")
    assert (done.code, "(tides): 0 of 2 alive (0%)" in done.out) == (1, True), done
    guide.service.misbehave.clear()
    # The log is asked about what came since.
    guide.place.ok("reload")
    assert guide.failing() == set()
    guide.cluster_fails.touch()
    for command in (["history"], ["previous"], ["revision", "3"]):
        assert guide.place.run("rollout", *command).code == 1
    assert [one["ok"] for one in guide.place.ok("report")["releases"]] == [False, False]


def test_a_broken_plugin_is_seen_in_the_log(guide: Guide) -> None:
    """What fails only for those who use it is seen by the log check, and named by the report with its snapshot."""
    place, service = guide.place, guide.service
    place.ok("reload")
    for _ in range(40):
        service.invoke("tides", "get")
    bad = place.snapshot({TIDES_PATH: TIDES.replace("https://tides.example.org/api", BROKEN)})
    place.run("reload")
    for _ in range(40):
        service.invoke("tides", "get")
    done = place.run("report", "--service-log", str(service.log))
    assert re.search(rf"warning: since {bad} tides \(Tide tables\) fails \d+% instead of 0%", done.out), done


# --- the document


def test_the_commands_of_the_document_can_be_typed() -> None:
    """Each command that the document shows is one that the parser takes."""
    blocks = [block for block in DOCUMENT.split("```")[1::2] if block.startswith("\n")]
    lines = [
        line.rpartition("| ")[2] for block in blocks for line in block.splitlines() if "configvault" in line
    ]
    assert len(lines) >= 15
    for line in lines:
        parser.parse(shlex.split(line)[1:])


def test_the_configuration_of_the_document_loads(tmp_path: Path) -> None:
    """The document's configuration is one."""
    settings = config.parse(f"root: /r\nvault: /v\n{CONFIGURATION}", tmp_path / "c.yaml", {})
    assert len(settings.health) == 5
