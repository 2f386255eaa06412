"""Metrics: every outcome is counted, both formats are what Prometheus reads, labels stay few, unknown is no sample."""

from __future__ import annotations

import os
import shutil
import subprocess
import typing
from collections.abc import Callable
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from outcomes import NAMED, NOON, RECORDED, REJECTED, ROLLED
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_openmetrics
from prometheus_client.parser import text_string_to_metric_families as parse_text

from configvault.core.figures import SOURCE_HELD, Figures, ReplicaFigures, SourceFigures
from configvault.core.outcome import Outcome
from configvault.observers import metrics as metrics_of
from configvault.observers.metrics import Metrics
from configvault.usecases.figures import Sizes
from configvault.usecases.pull import Held

ALL = Figures(
    by_trigger={"change": 3, "rollback": 1},
    active_plugins={"openapi": 2},
    rejected=2,
    files=40,
    vault_bytes=123_456,
    latest_at=NOON,
    live_is_latest=False,
    loaded_is_latest=True,
    last_load_ok=False,
    rejected_since=NOON,
    pending_until=NOON,
    watching=True,
    last_proof=NOON,
    last_backup=NOON,
    last_verify=NOON,
    verified=True,
    last_drill=NOON,
    drilled=True,
    degraded=1,
    replicas=(ReplicaFigures("backup.example", NOON, behind=True),),
    source=SourceFigures(False, NOON, False, "refused", True),
)


def metrics(figures: Figures = ALL) -> Metrics:
    """Return metrics that stand at `figures`."""
    return Metrics("1.2.3", lambda: figures)


def value(metrics: Metrics, name: str, **labels: str) -> float | None:
    """Return one sample."""
    return metrics.registry.get_sample_value(name, labels)


def busy() -> Metrics:
    """Return metrics that have heard of everything that can happen."""
    found = metrics()
    for outcome, _ in NAMED:
        found(outcome)
    found.notified("rejected", "failed")
    found.requested([("tides", "get", False, 20.0), ("tides", "get", True, None)])
    return found


def test_every_outcome_has_its_row() -> None:
    """A new type of outcome cannot be forgotten."""
    assert set(typing.get_args(Outcome)) == set(metrics_of.ROWS)


def test_the_old_name_of_a_metric_stays_for_one_release() -> None:
    """What alerts and dashboards of the last release ask for has the same value under its new name."""
    found = metrics()
    since = value(found, "configvault_live_rejected_since_timestamp_seconds")
    assert since == NOON.timestamp()
    assert value(found, "configvault_live_refused_since_timestamp_seconds") == since


def test_outcomes_are_counted() -> None:
    """Counters say what happened, once each."""
    found = busy()
    assert value(found, "configvault_recordings_total", outcome="rejected") == 1
    assert value(found, "configvault_rejections_total", rule="yaml-syntax") == 1
    assert value(found, "configvault_rollbacks_total", outcome="undone") == 2
    assert value(found, "configvault_reloads_total", result="failure") == 2
    assert value(found, "configvault_watch_overflows_total") == 1
    assert value(found, "configvault_restores_total", cause="invalid") == 1
    assert value(found, "configvault_failures_total", doing="record") == 1
    assert value(found, "configvault_verifications_total", result="failure") == 1
    assert value(found, "configvault_health_checks_total", check="agent", result="failure") == 2
    assert value(found, "configvault_rollouts_total", result="failure") == 2
    assert value(found, "configvault_rollback_duration_seconds_count") == 6
    assert value(found, "configvault_settled_to_recorded_seconds_sum") == 0.02
    assert value(found, "configvault_changes_seen_total") == 3
    assert value(found, "configvault_notifications_total", event="rejected", result="failed") == 1


def test_a_state_rejected_again_is_one_rejection() -> None:
    """The same content refused at each rescan does not look like new refusals."""
    found = metrics()
    found(REJECTED)
    found(replace(REJECTED, repeated=True))
    assert value(found, "configvault_rejections_total", rule="yaml-syntax") == 1


def test_what_is_not_known_has_no_sample() -> None:
    """An unknown time is no sample, never the year 1970."""
    text = metrics(Figures()).render("")[1].decode()
    assert not [line for line in text.splitlines() if line.startswith("configvault_last_")]


def test_reasons_that_hold_a_commit_are_labels() -> None:
    """Each reason for which a commit is held is a series of its own, of which at most one is 1."""
    assert set(SOURCE_HELD) == set(Held)
    assert [value(metrics(), "configvault_source_held", reason=one) for one in SOURCE_HELD] == [1, 0, 0, 0, 0]


def test_every_figure_is_shown() -> None:
    """Each figure has a gauge: to take one away changes the text."""
    whole = metrics().render("")[1]
    for field in fields(Figures):
        without = replace(ALL, **{field.name: getattr(Figures(), field.name)})
        assert metrics(without).render("")[1] != whole, field.name


def test_text_and_openmetrics() -> None:
    """Both formats are offered by what the scraper accepts, and their own parsers read them."""
    found = busy()
    plain, text = found.render("text/plain")
    open_, openmetrics = found.render("application/openmetrics-text; version=1.0.0")
    assert plain.startswith("text/plain")
    assert open_.startswith("application/openmetrics-text")
    names = {family.name for family in parse_text(text.decode())}
    assert "configvault_last_snapshot_timestamp_seconds" in names
    assert {family.name for family in parse_openmetrics(openmetrics.decode())}


def test_labels_hold_no_paths_and_no_ids() -> None:
    """Labels are words of the program or names of the configuration."""
    found = busy()
    for family in found.registry.collect():
        for sample in family.samples:
            for text in sample.labels.values():
                assert "/" not in text
                assert "backup_2" not in text


def test_promtool_finds_nothing_to_complain() -> None:
    """Prometheus's own linter takes the names, units and help texts."""
    promtool = shutil.which("promtool")
    if promtool is None:
        pytest.skip("promtool is not installed (Debian: prometheus)")
    found = busy()
    found(RECORDED)
    found(ROLLED)
    done = subprocess.run(
        [promtool, "check", "metrics"], input=found.render("")[1], capture_output=True, check=False
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")


def test_requests_to_plugins_are_the_guides_metrics() -> None:
    """Requests are counted by plugin, operation and result, durations in seconds, plugins by their type."""
    found = busy()
    names = {"plugin_name": "tides", "operation": "get"}
    assert value(found, "coze_plugin_requests_total", **names, status="success") == 1
    assert value(found, "coze_plugin_requests_total", **names, status="error") == 1
    assert value(found, "coze_plugin_request_duration_seconds_bucket", **names, le="0.1") == 1
    assert value(found, "coze_plugin_request_duration_seconds_count", **names) == 1
    assert value(found, "coze_active_plugins", plugin_type="openapi") == 2


@pytest.mark.parametrize(
    ("accept", "parse"), [("", parse_text), ("application/openmetrics-text", parse_openmetrics)]
)
@given(name=st.text(max_size=30) | st.from_regex(r'[\\"\n\r{}=, #\x1b\u2028\udc80]{1,8}', fullmatch=True))
@settings(max_examples=40, deadline=None)
def test_no_label_is_more_than_a_label(accept: str, parse: Callable[[str], Any], name: str) -> None:
    """Whatever a plugin is called in the service's log: both formats hold one sample of it, and no line of its making."""
    found = metrics()
    found.requested([("a", "get", False, 1.0)])
    lines = found.render(accept)[1].count(b"\n")
    found.requested([(name, "get", False, 1.0)])
    body = found.render(accept)[1].decode()
    samples = [
        one
        for family in parse(body)
        for one in family.samples
        if one.name == "coze_plugin_requests_total" and one.labels["plugin_name"] != "a"
    ]
    assert len(samples) == (name != "a")
    other = metrics()
    other.requested([("a", "get", False, 1.0), ("b", "get", False, 1.0)])
    assert body.count("\n") == (other.render(accept)[1].count(b"\n") if name != "a" else lines)
    assert "\x1b" not in body


def test_bytes_that_are_no_utf_8_do_not_end_the_metrics() -> None:
    """A name that cannot be encoded is shown by what can, and everything else still is."""
    found = metrics()
    found.requested([("a\udcffb", "get\udc80", False, 1.0)])
    assert (
        value(
            found, "coze_plugin_requests_total", plugin_name="a\ufffdb", operation="get\ufffd", status="success"
        )
        == 1
    )
    assert b"coze_plugin_requests_total" in found.render("")[1]


def test_a_log_cannot_make_up_labels_without_end() -> None:
    """Past a thousand operations all new ones are one, and known ones are still told apart."""
    found = metrics()
    found.requested((f"p{number}", "get", False, 1.0) for number in range(1500))
    found.requested([("p1", "get", True, 1.0)])
    assert (
        value(
            found, "coze_plugin_requests_total", plugin_name="(others)", operation="(others)", status="success"
        )
        == 500
    )
    assert value(found, "coze_plugin_requests_total", plugin_name="p1", operation="get", status="error") == 1


def test_the_size_of_a_vault_costs_what_changed(tmp_path: Path) -> None:
    """What folders take is what `du` says of their files, after any change of names; a folder without one is not read again."""
    for number in range(3):
        (tmp_path / f"{number}" / "in").mkdir(parents=True)
        (tmp_path / f"{number}" / "in" / "a").write_bytes(b"x" * 10_000)
    sizes = Sizes()

    def of_files() -> int:
        return sum(one.lstat().st_blocks * 512 for one in tmp_path.rglob("*") if not one.is_dir())

    assert sizes.below(str(tmp_path)) == of_files() > 0
    (tmp_path / "0" / "in" / "b").write_bytes(b"x" * 50_000)
    (tmp_path / "1" / "in" / "a").unlink()
    shutil.rmtree(tmp_path / "2")
    for changed in ("0/in", "1/in", "."):
        os.utime(tmp_path / changed, ns=(1, 1))
    before = sizes.below(str(tmp_path))
    assert before == of_files()
    # Nobody can see this one without reading its folder, whose time says that it need not be read.
    (tmp_path / "0" / "in" / "hidden").write_bytes(b"x" * 90_000)
    os.utime(tmp_path / "0" / "in", ns=(1, 1))
    assert sizes.below(str(tmp_path)) == before
    (tmp_path / "0" / "in" / "seen").write_bytes(b"")
    assert sizes.below(str(tmp_path)) == of_files() > before
    assert sizes.below(str(tmp_path / "missing")) == 0
