"""The deployment guide, job by job, done by configvault against a service that behaves as the guide's."""

from __future__ import annotations

import json
import re
import shlex
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from coze import BROKEN, Coze, coze
from plugins import GOOD, META_PATH, TIDES, TIDES_PATH
from sites import Place

from configvault import config
from configvault.cli import parser

DOCUMENT = (Path(__file__).parent.parent / "docs" / "test-what-you-deployed.md").read_text()
[CONFIGURATION] = re.findall(r"```yaml\n(.*?)```", DOCUMENT, re.DOTALL)


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
            check["within"] = "1s"
        reload = said.pop("reload")
        kubectl = [sys.executable, "-c", f"import sys; open({str(base / 'kubectl')!r}, 'a').write(' '.join(sys.argv[1:]) + chr(10))"]  # fmt: skip
        said["rollout"] = {"namespace": "coze-studio", "deployment": "coze-studio", "kubectl": kubectl}
        self.kubectl = base / "kubectl"
        self.place = Place(base / "p", profile="coze")
        self.place.configure(yaml.safe_dump(said), "coze", f"attempts: 1, url: '{reload['url']}'")
        self.place.write(GOOD)
        service.directory = self.place.root
        self.first = self.place.init()

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

    # External services and endpoint tests: none of these can be reached from here.
    done = place.run(
        "check", "--online", "--endpoints", "--methods", "get,post", "--timeout", "2s", "--min-rate", "50%"
    )
    assert done.code == 1
    assert re.search(r"\(tides\): 0 of \d alive \(0%\)", done.out)

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

    # The request collection becomes a check.
    collection = {
        "info": {"name": "t"},
        "variable": [{"key": "base_url", "value": service.url}],
        "item": [{"name": "health", "request": {"method": "GET", "url": {"raw": "{{base_url}}/health"}}}],
    }
    (tmp_path / "collection.json").write_text(json.dumps(collection))
    printed = place.run("config", "import-postman", str(tmp_path / "collection.json")).out
    assert yaml.safe_load(printed) == {"health": [{"name": "health", "url": f"{service.url}/health"}]}

    # Log analysis, also of the failures of one snapshot.
    for _ in range(30):
        service.invoke("ferries", "list", ms=6000)
    counted = place.ok("report", "--service-log")
    assert counted["totals"]["errors"] == 0
    assert counted["slowest"][0]["plugin"] == "ferries"
    assert counted["snapshots"][0]["id"] == second

    # Configuration rollback: it goes back, and the service is told.
    done = place.run("rollback", guide.first, "--json")
    assert (done.code, done.json["reload"]["ok"], done.json["outcome"]) == (0, True, "rolled_back")
    assert "High water" not in (place.root / TIDES_PATH).read_text()

    # Service rollback.
    assert place.run("rollout", "revision", "3").code == 0
    undone, waited = guide.kubectl.read_text().splitlines()
    assert undone == "--namespace coze-studio rollout undo deployment/coze-studio --to-revision=3"
    assert waited.startswith("--namespace coze-studio rollout status deployment/coze-studio --timeout=")

    # Kubernetes: the ConfigMap holds the sub-folders.
    made = place.ok("export", "latest", "--format", "configmap", "--name", "coze-plugins")
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
    done = guide.place.run("reload", "--json")
    assert done.code == 7
    assert guide.service.agents == {}
    assert guide.place.ok("status")["good"] is None


def test_a_dead_service_is_not_done(guide: Guide) -> None:
    """A service that does not reload, or a plugin that it lacks, fails the rollback that the guide's script calls done."""
    guide.service.misbehave.add("reload")
    assert guide.place.run("reload").code == 7
    guide.service.misbehave.clear()
    del guide.service.plugins["ferries"]
    assert guide.failing() == {"plugins are active"}
    guide.service.load()
    assert guide.failing() == set()


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
