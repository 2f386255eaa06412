"""A push to a store and a recovery from it, killed at their calls: nothing false is believed, and the same command goes on."""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path

import pytest
from harness import tracer
from harness.tracer import Call, Kill
from hosts import Host, refs
from sites import look

pytestmark = pytest.mark.skipif(not tracer.supported, reason="the tracer knows x86_64 Linux only")

SAMPLE = 6


def run_to(host: Host, base: Path, last: int | None, *words: str) -> tuple[int, int]:
    """Run a command, killed at its call of the number `last`; return how it ended and how many calls it made."""
    seen = 0

    def decide(call: Call) -> Kill | None:
        nonlocal seen
        seen += 1
        return Kill() if seen == last else None

    argv = [sys.executable, "-P", "-m", "configvault", "--config", str(host.config), *words]
    ran = tracer.run(argv, under=[base], cwd=base, decide=decide)
    return ran.status, seen


def chosen(count: int, request: pytest.FixtureRequest) -> list[int]:
    """Return the numbers of the calls to strike: all, or a sample spread over them."""
    if not request.config.getoption("--crash-sample"):
        return list(range(1, count + 1))
    return sorted({1 + (count - 1) * part // (SAMPLE - 1) for part in range(SAMPLE)})


@pytest.fixture
def host(tmp_path: Path) -> Host:
    """A host with one push behind it and one before it."""
    (tmp_path / "store").mkdir()
    made = Host(tmp_path / "host", replicas=[{"url": f"file+bundle://{tmp_path}/store"}])
    made.record(text="x: 1\n")
    made.ok("replicate")
    made.record("deep/b.yaml", "y: 1\n")
    return made


def restored(tmp_path: Path, host: Host, name: str) -> None:
    """Recover on another machine, and compare."""
    new = Host(tmp_path / name, replicas=[{"url": f"file+bundle://{tmp_path}/store"}])
    new.ok("recover")
    assert (look(new.root), refs(new.vault)) == (look(host.root), refs(host.vault))
    shutil.rmtree(new.base)


def test_a_push_killed(host: Host, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    """Killed at any call, a push leaves a store from which the state before or after it is recovered; the next one completes it."""
    places = (tmp_path / "store", host.vault)
    for place in places:
        shutil.copytree(place, tmp_path / "kept" / place.name, symlinks=True)
    status, count = run_to(host, tmp_path, None, "replicate")
    assert (status, count > 10) == (0, True)
    for number in chosen(count, request):
        for place in places:
            shutil.rmtree(place)
            shutil.copytree(tmp_path / "kept" / place.name, place, symlinks=True)
        status, _ = run_to(host, tmp_path, number, "replicate")
        assert status == -9 or number == count, number
        between = Host(tmp_path / "between", replicas=[{"url": f"file+bundle://{tmp_path}/store"}])
        assert between.ok("recover")["snapshot"]["id"] in host.ids()
        shutil.rmtree(between.base)
        host.ok("replicate")
        manifests = sorted((tmp_path / "store" / "web-1" / "manifests").iterdir())
        chain = [json.loads(one.read_text()) for one in manifests]
        assert [one["number"] for one in chain] == [1, 2], number
        restored(tmp_path, host, f"after-{number}")


def test_a_recovery_killed(host: Host, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    """Killed at any call, a recovery is completed by the same command."""
    host.ok("replicate")
    store = [{"url": f"file+bundle://{tmp_path}/store"}]
    status, count = run_to(Host(tmp_path / "whole", replicas=store), tmp_path, None, "recover")
    assert (status, count > 10) == (0, True)
    for number in chosen(count, request):
        new = Host(tmp_path / f"new-{number}", replicas=store)
        status, _ = run_to(new, tmp_path, number, "recover")
        # It may take a call less than the first time.
        assert status == -9 or number == count, number
        new.ok("recover")
        assert look(new.root) == look(host.root), number
        assert refs(new.vault).items() >= refs(host.vault).items()
        new.git("fsck", "--strict")
        assert not (new.vault / "configvault" / "incoming").exists()
        shutil.rmtree(new.base)
