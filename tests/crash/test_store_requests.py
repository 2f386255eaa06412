"""A push to a bucket and a recovery from it, killed at each request to a real server of S3: the same command goes on."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from harness import stores
from harness.stores import Asked, Proxy
from hosts import Host, refs
from sites import look

_PATIENCE_S = 300.0
_MOST_REQUESTS = 40


@pytest.fixture(autouse=True)
def login(monkeypatch: pytest.MonkeyPatch) -> None:
    """Log in as the servers of the tests ask for."""
    stores.log_in(monkeypatch)


@pytest.fixture(params=["moto", "rclone"])
def proxy(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Proxy]:
    """A proxy before each server there is."""
    with stores.needed(request.param, tmp_path / "served") as url, stores.before(url) as running:
        yield running


def chosen(request: pytest.FixtureRequest) -> list[int]:
    """Return the numbers of the requests to strike, up to one that never comes: all, or some."""
    return (
        [1, 3, _MOST_REQUESTS] if request.config.getoption("--crash-sample") else list(range(1, _MOST_REQUESTS))
    )


def killed(host: Host, proxy: Proxy, last: int | None, *words: str, passes: bool) -> tuple[int, int]:
    """Run a command, killed at its request of the number `last`; return how it ended and how many requests came.

    `passes`: whether that request still reaches the server, whose answer nobody hears.
    """
    seen, started = 0, threading.Event()

    def decide(_: Asked) -> str | None:
        nonlocal seen
        started.wait(_PATIENCE_S)
        seen += 1
        if seen != last:
            return None
        running.kill()
        running.wait()
        return None if passes else "cut"

    proxy.fault = decide
    running = host.start(*words)
    started.set()
    running.communicate(timeout=_PATIENCE_S)
    proxy.fault = lambda asked: None
    return running.returncode, seen


@pytest.mark.parametrize("passes", [False, True], ids=["unheard", "heard"])
@pytest.mark.parametrize("before", [0, 1], ids=["first", "later"])
def test_a_push_killed_at_each_request(
    proxy: Proxy, tmp_path: Path, request: pytest.FixtureRequest, before: int, passes: bool
) -> None:
    """Killed at any request, a push leaves a bucket from which the state before or after comes back, and the next one completes it."""
    for last in chosen(request):
        store = stores.behind(proxy, f"push-{last}")
        host = Host(tmp_path / f"host-{last}", replicas=[store])
        for number in range(before + 1):
            if number:
                host.ok("replicate")
            host.record(f"{number}.yaml", f"x: {number}\n")
        code, seen = killed(host, proxy, last, "replicate", passes=passes)
        between = Host(tmp_path / f"between-{last}", replicas=[store])
        ran = between.run("recover", "--json")
        if ran.code:
            # Before the first manifest is there, there is nothing to recover, which is said.
            assert (before, "contains no host" in ran.err or "has no snapshots" in ran.err) == (0, True), (
                ran.err
            )
        else:
            assert ran.json["snapshot"]["id"] in host.ids()
        host.ok("replicate")
        assert not any(path.name.startswith("outgoing") for path in (host.vault / "configvault").iterdir())
        at = stores.opened(store)
        manifests = [json.loads(at.read(one.name, 1 << 20)) for one in at.listed("web-1/manifests/")]
        assert [one["number"] for one in manifests] == list(range(1, before + 2))
        assert [one["base"] for one in manifests] == [1] * (before + 1)
        after = Host(tmp_path / f"after-{last}", replicas=[store])
        after.ok("recover")
        assert (look(after.root), refs(after.vault)) == (look(host.root), refs(host.vault))
        if seen < last:
            assert (code, seen > 2) == (0, True)
            return
        assert code == -9
    raise AssertionError("it never ended")


def test_a_recovery_killed_at_each_request(
    proxy: Proxy, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    """Killed at any request, a recovery is completed by the same command, and the recovered host goes on in increments."""
    store = stores.behind(proxy)
    host = Host(tmp_path / "host", replicas=[store])
    for number in range(3):
        host.record(f"{number}.yaml", f"x: {number}\n")
        host.ok("replicate")
    for last in chosen(request):
        new = Host(tmp_path / f"new-{last}", replicas=[store])
        code, seen = killed(new, proxy, last, "recover", passes=True)
        new.ok("recover")
        assert look(new.root) == look(host.root)
        assert refs(new.vault).items() >= refs(host.vault).items()
        new.git("fsck", "--strict")
        assert not any(path.name.startswith("incoming") for path in (new.vault / "configvault").iterdir())
        if seen < last:
            assert (code, seen > 7) == (0, True)
            new.record(text="on: 1\n")
            new.ok("replicate")
            assert json.loads(stores.opened(store).read("web-1/manifests/00000004.json", 1 << 20))["base"] == 1
            return
        assert code == -9
    raise AssertionError("it never ended")
