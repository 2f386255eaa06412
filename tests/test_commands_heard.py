"""What the command line does beside a running daemon is in the daemon's log and metrics, once, and not without end."""

from __future__ import annotations

import json
import os
import shutil
import urllib.request
from pathlib import Path

import pytest
from harness.daemon import Watched
from service import answer, serving
from test_outside import free_port

from configvault.vault import outcomes
from configvault.vault.outcomes import MOST_BYTES, Reader


@pytest.fixture
def place(tmp_path: Path) -> Watched:
    """A root, a vault and a configuration."""
    return Watched(tmp_path)


def metrics(port: int) -> dict[str, float]:
    """Return the samples that a scraper gets."""
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=30) as got:
        lines = [line for line in got.read().decode().splitlines() if not line.startswith("#")]
    return {name: float(value) for name, _, value in (line.rpartition(" ") for line in lines)}


def test_rollbacks_and_failed_reloads_of_commands_are_counted(place: Watched) -> None:
    """Rollbacks and reloads by hand show in the counters at the next scrape, so that alerts can fire, and in the log."""
    port = free_port()
    with serving(answer(204)) as service:
        place.configure(
            f"reload: {{url: '{service.url}', attempts: 1}}", f"http: {{listen: '127.0.0.1:{port}'}}"
        )
        with place.daemon() as daemon:
            (place.root / "a.yaml").write_text("version: 2\n")
            daemon.wait("snapshot.recorded", trigger="change")
            place.command("rollback", "previous", "-m", "修复天气插件")
            service.answers[:] = [answer(500)]
            assert place.process("rollback", "latest").code == 7
            assert place.process("reload").code == 7
            found = metrics(port)
            assert found['configvault_rollbacks_total{outcome="rolled_back"}'] == 1
            assert found['configvault_rollbacks_total{outcome="reload_failed"}'] == 1
            assert found['configvault_reloads_total{result="failure"}'] == 2
            assert found["configvault_rollback_duration_seconds_count"] == 2
            assert metrics(port)['configvault_reloads_total{result="failure"}'] == 2
            shutil.copytree(place.root, place.base / "offered")
            assert place.process("deploy", str(place.base / "offered"), "--no-reload").code == 0
            assert metrics(port)['configvault_deployments_total{outcome="unchanged"}'] == 1
            daemon.rewind()
            said = daemon.wait("rollback.done")
            assert said["command"] == "configvault rollback"
            assert said["by"].startswith("root (uid 0")
            assert daemon.wait("reload.failed")["command"] == "configvault rollback"
            assert daemon.wait("reload.failed")["command"] == "configvault reload"


def test_the_log_is_in_the_language_of_people(place: Watched) -> None:
    """A Chinese name stands in the JSON log as it is; what does not print is escaped, and the line is JSON."""
    with place.daemon() as daemon:
        (place.root / "天气.yaml").write_text("a: 1\n")
        daemon.wait("snapshot.recorded", trigger="change")
        (place.root / "bad\x9b\u202ename.yaml").write_text("a: 1\n")
        said = daemon.wait("snapshot.recorded", trigger="change")
        assert "bad\x9b\u202ename.yaml" in said["paths"]
    lines = [line for line in daemon.raw if "snapshot.recorded" in line]
    assert any("天气.yaml" in line for line in lines)
    assert all(line.rstrip("\n").isprintable() for line in lines)
    assert all(json.loads(line) for line in lines)


def test_the_list_is_bounded(tmp_path: Path) -> None:
    """However much is done, the list keeps the newest, and a reader hears each of them once."""
    outcomes.append(str(tmp_path), {"n": -1})
    reader = Reader(str(tmp_path))
    heard: list[int] = []
    for number in range(60):
        outcomes.append(str(tmp_path), {"n": number, "text": "x" * 10_000})
        heard += [one["n"] for one in reader.new()]
        assert os.path.getsize(tmp_path / "outcomes") <= MOST_BYTES + 11_000
    assert heard == list(range(60))
    assert list(reader.new()) == []
    with (tmp_path / "outcomes").open("ab") as file:
        file.write(b'{"id": "cut')
    assert list(reader.new()) == []
