"""Alerts and dashboard name what exists, fire when they should, and a real Prometheus takes all of it."""

from __future__ import annotations

import contextlib
import json
import re
import shutil
import socket
import subprocess
import threading
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from harness.daemon import Watched
from outcomes import NAMED
from pages import showing
from sites import Place

from configvault.core.figures import Figures
from configvault.observers.metrics import Metrics

DEPLOY = Path(__file__).parent.parent / "deploy"
ALERTS = DEPLOY / "prometheus" / "alerts.yaml"
RULES = [rule for group in yaml.safe_load(ALERTS.read_text())["groups"] for rule in group["rules"]]
DASHBOARD = json.loads((DEPLOY / "grafana" / "dashboard.json").read_text())
NEEDS_PROMTOOL = pytest.mark.skipif(shutil.which("promtool") is None, reason="promtool is not installed (Debian: prometheus)")  # fmt: skip


def exported() -> dict[str, set[str]]:
    """Return every series there can be, and its labels."""
    metrics = Metrics("1", Figures)
    for outcome, _ in NAMED:
        metrics(outcome)
    names: dict[str, set[str]] = {}
    for family in metrics.registry.collect():
        suffixes = {"counter": ["_total"], "histogram": ["_bucket", "_count", "_sum"], "info": ["_info"]}
        for suffix in suffixes.get(family.type, [""]):
            names[family.name + suffix] = {label for one in family.samples for label in one.labels}
    return names


def test_whatever_takes_a_change_back_is_marked() -> None:
    """Rollbacks that were undone, and what the daemon restored by itself, are marked in the panels as rollbacks are."""
    (marked,) = [one["expr"] for one in DASHBOARD["annotations"]["list"] if one["name"] == "Rollbacks"]
    assert "rolled_back|undone|reload_failed" in marked
    assert "configvault_restores_total" in marked


def expressions() -> Iterator[tuple[str, str]]:
    """Yield where an expression stands, and the expression."""
    for rule in RULES:
        yield rule["alert"], rule["expr"]
    for panel in DASHBOARD["panels"]:
        for target in panel["targets"]:
            yield panel["title"], target["expr"]
    for annotation in DASHBOARD["annotations"]["list"]:
        yield annotation["name"], annotation["expr"]
    for variable in DASHBOARD["templating"]["list"]:
        if isinstance(variable["query"], dict):
            yield variable["name"], variable["query"]["query"]


@pytest.mark.parametrize(("place", "expression"), list(expressions()))
def test_every_metric_exists(place: str, expression: str) -> None:
    """A metric or outcome that an alert or a panel asks for is one that is exported."""
    names = exported()
    asked = re.findall(r"(?:configvault|coze)_\w+", expression)
    assert asked or place == "ConfigvaultDown"
    assert set(asked) <= set(names)


def test_every_metric_is_used() -> None:
    """What is exported is in the dashboard or an alert, or it would be counted for nobody."""
    used = {
        name for _, expression in expressions() for name in re.findall(r"(?:configvault|coze)_\w+", expression)
    }
    spared = {
        "configvault_live_refused_since_timestamp_seconds",  # the old name of another
        "configvault_files",
        "configvault_recoveries_total",
        "configvault_verifications_total",
        "configvault_drills_total",
    }
    families = {re.sub(r"_(bucket|count|sum)$", "", name) for name in exported()}
    assert {re.sub(r"_bucket$", "", name) for name in used} >= families - spared - {
        "configvault_verify_duration_seconds"
    }


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: str(rule["alert"]))
def test_every_alert_says_what_to_do(rule: dict[str, Any]) -> None:
    """An alert has a severity, what happened, what that means, and the command that helps."""
    assert rule["labels"]["severity"] in ("critical", "warning")
    assert set(rule["annotations"]) == {"summary", "description", "remedy"}
    asking, remedy = re.fullmatch(r"(?s)(.*\{\{ end -\}\}) (.*)", rule["annotations"]["remedy"]).groups()  # type: ignore[union-attr]
    # How it is called on that host, the same in each; no command is there without.
    assert asking == RULES[0]["annotations"]["remedy"].partition("{{ end -}}")[0] + "{{ end -}}"
    assert re.search(r"\{\{ \$command \}\} [a-z]+", remedy)
    assert "configvault" not in remedy


def test_dashboard_panels_do_not_overlap() -> None:
    """Ids are unique, and no panel lies on another."""
    panels = DASHBOARD["panels"]
    assert len({panel["id"] for panel in panels}) == len(panels)
    cells = [
        (x, y)
        for panel in panels
        for x in range(panel["gridPos"]["x"], panel["gridPos"]["x"] + panel["gridPos"]["w"])
        for y in range(panel["gridPos"]["y"], panel["gridPos"]["y"] + panel["gridPos"]["h"])
    ]
    assert len(cells) == len(set(cells))
    assert max(x for x, _ in cells) < 24


@NEEDS_PROMTOOL
def test_alerts_fire_when_they_should() -> None:
    """Promtool takes the rules, and their unit tests hold."""
    for command in (["check", "rules", "alerts.yaml"], ["test", "rules", "alerts.test.yaml"]):
        done = subprocess.run(
            ["promtool", *command], cwd=ALERTS.parent, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stdout + done.stderr


MARKED = [
    ("Rollbacks", 'configvault_rollbacks_total{instance="a", outcome="rolled_back"}'),
    ("Rollbacks", 'configvault_rollbacks_total{instance="a", outcome="reload_failed"}'),
    ("Rollbacks", 'configvault_restores_total{instance="a", cause="reload_failed"}'),
    ("Rollbacks", 'configvault_deployments_total{instance="a", outcome="undone"}'),
    ("Rollbacks", 'configvault_rollouts_total{instance="a", result="success"}'),
    ("Snapshots", 'configvault_recordings_total{instance="a", outcome="recorded"}'),
    ("Snapshots", 'configvault_deployments_total{instance="a", outcome="deployed"}'),
]


@NEEDS_PROMTOOL
@pytest.mark.parametrize(("name", "series"), MARKED)
def test_what_happens_is_marked_once_with_the_usual_scrape_interval(
    tmp_path: Path, name: str, series: str
) -> None:
    """Scraped and looked at once a minute, a count that rises is marked when it does, and not again.

    The looks are between the scrapes, as they nearly always are: one minute then holds a single sample.
    """
    (expression,) = [one["expr"] for one in DASHBOARD["annotations"]["list"] if one["name"] == name]
    counted = f"count({expression.replace('$instance', '.*')})"
    test = {
        "rule_files": ["none.yaml"],
        "evaluation_interval": "1m",
        "tests": [
            {
                "interval": "1m",
                "input_series": [{"series": series, "values": "0x9 1x9"}],
                "promql_expr_test": [
                    {
                        "expr": counted,
                        "eval_time": f"{minute}m30s",
                        "exp_samples": [{"value": 1}] * (minute == 10),
                    }
                    for minute in (0, 9, 10, 11, 15)
                ],
            }
        ],
    }
    (tmp_path / "none.yaml").write_text("groups: []\n")
    (tmp_path / "test.yaml").write_text(yaml.safe_dump(test))
    done = subprocess.run(
        ["promtool", "test", "rules", "test.yaml"], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_what_is_marked_is_zero_first() -> None:
    """Each series that an annotation looks at is there before it rises, or its first rise would not be seen."""
    registry = Metrics("1", Figures).registry
    for _, series in MARKED:
        found = re.fullmatch(r'(\w+)\{instance="a", (\w+)="(\w+)"\}', series)
        assert found is not None
        assert registry.get_sample_value(found[1], {found[2]: found[3]}) == 0


def _free_port() -> int:
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        return int(listening.getsockname()[1])


@contextlib.contextmanager
def prometheus(folder: Path, target: str, rules: str) -> Iterator[int]:
    """Run a Prometheus that scrapes `target` and validates by `rules`; yield its port."""
    program = shutil.which("prometheus")
    if program is None:
        pytest.skip("prometheus is not installed (Debian: prometheus)")
    port = _free_port()
    config = {
        "global": {"scrape_interval": "200ms", "scrape_timeout": "200ms", "evaluation_interval": "200ms"},
        "rule_files": ["alerts.yaml"],
        "scrape_configs": [{"job_name": "configvault", "static_configs": [{"targets": [target]}]}],
    }
    (folder / "alerts.yaml").write_text(rules)
    (folder / "prometheus.yml").write_text(yaml.safe_dump(config))
    process = subprocess.Popen(
        [program, f"--config.file={folder}/prometheus.yml", f"--storage.tsdb.path={folder}/data",
         f"--web.listen-address=127.0.0.1:{port}", "--log.level=error"],
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        yield port
    finally:
        process.kill()
        process.wait()


WAITING = 'ALERTS{alertname="ConfigvaultBadConfigWaiting", alertstate="firing"}'


def test_a_real_prometheus_scrapes_and_alerts(tmp_path: Path) -> None:
    """Prometheus scrapes the pages' /metrics as it is, and an alert fires on a config that was refused long ago."""
    place = Place(tmp_path / "place")
    place.init({"a": "1\n"})
    with showing(place) as pages, prometheus(tmp_path, pages.address, ALERTS.read_text()) as port:
        assert _ask(port, "up") == {"1"}
        assert _ask(port, "configvault_files") == {"1"}
        assert _ask(port, WAITING) == {"1"}


def test_a_broken_config_makes_an_alert_fire(tmp_path: Path) -> None:
    """From a broken file through the daemon and its metrics to Prometheus: the alert fires, and ends with the fault."""
    place = Watched(tmp_path)
    listen = f"127.0.0.1:{_free_port()}"
    place.configure(f"http: {{listen: '{listen}'}}")
    # The rule as it is shipped, but for the minute that nobody has here.
    rules = ALERTS.read_text().replace("since_timestamp_seconds > 60", "since_timestamp_seconds > 0")
    assert rules != ALERTS.read_text()
    with place.daemon() as daemon, prometheus(tmp_path, listen, rules) as port:
        assert _ask(port, "configvault_live_is_latest") == {"1"}
        called = f'configvault_build_info{{command="configvault -c {place.config}",service="configvault"}}'
        assert _ask(port, called) == {"1"}
        assert _ask(port, f"absent({WAITING})") == {"1"}
        (place.root / "a.yaml").write_text("a: [1\n")
        daemon.wait("change.rejected")
        assert _ask(port, WAITING) == {"1"}
        assert _ask(port, 'configvault_rejections_total{rule="yaml-syntax"}') == {"1"}
        (place.root / "a.yaml").write_text("a: [1]\n")
        daemon.wait("snapshot.recorded", trigger="change")
        assert _ask(port, f"absent({WAITING})") == {"1"}


def _ask(port: int, expression: str) -> set[str]:
    """Return the values of an expression, as soon as there are some."""
    url = f"http://127.0.0.1:{port}/api/v1/query?query={urllib.request.quote(expression)}"
    deadline, idle = time.monotonic() + 60, threading.Event()
    while time.monotonic() < deadline:
        try:
            with urllib.request.urlopen(url, timeout=5) as answer:
                found = {one["value"][1] for one in json.load(answer)["data"]["result"]}
        except OSError:
            found = set()
        if found:
            return found
        idle.wait(0.1)  # Prometheus tells nobody when it has scraped
    return set()
