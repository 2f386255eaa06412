"""A whole host beside a real server of S3: as a daemon that says how it stands, under Object Lock, and sealed from who keeps it."""

from __future__ import annotations

import re
import socket
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from harness import stores
from harness.daemon import Daemon
from harness.stores import Proxy
from hosts import Host, refs
from sites import look

from configvault.replica.store.objects import ExistsError

_PATIENCE_S = 300.0


@pytest.fixture(autouse=True)
def login(monkeypatch: pytest.MonkeyPatch) -> None:
    """Log in as the servers of the tests ask for."""
    stores.log_in(monkeypatch)


@pytest.fixture(params=["moto", "rclone"])
def proxy(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Proxy]:
    """A proxy before each server there is."""
    with stores.needed(request.param, tmp_path / "served") as url, stores.before(url) as running:
        yield running


def asked(port: int, path: str) -> tuple[int, str]:
    """Return what the daemon's server says."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}") as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


def figure(port: int, name: str) -> float:
    """Return one metric of the only replica."""
    [line] = [line for line in asked(port, "/metrics")[1].splitlines() if line.startswith(f"{name}{{")]
    return float(line.rpartition(" ")[2])


def until(condition: Callable[[], bool]) -> None:
    """Wait until something holds."""
    end = time.monotonic() + _PATIENCE_S
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.1)


def test_a_daemon_and_a_bucket(proxy: Proxy, tmp_path: Path) -> None:
    """The daemon stores each change in a bucket; while it cannot, lag, metrics, status and doctor say so, and recording goes on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    store = stores.behind(proxy) | {"timeout": 5}
    host = Host(
        tmp_path / "host",
        replicas=[store],
        http={"listen": f"127.0.0.1:{port}"},
        log={"format": "json"},
        watch={"quiet": "200ms"},
    )
    host.record(text="x: 1\n")
    daemon = Daemon(host.config)
    try:
        daemon.wait("daemon.ready")
        until(lambda: figure(port, "configvault_replica_behind") == 0)
        proxy.fault = lambda asked: (503, "SlowDown")
        (host.root / "a.yaml").write_text("x: 2\n")
        daemon.wait("snapshot.recorded", trigger="change")
        said = daemon.wait("daemon.degraded")
        assert "s3://" in said["reason"]
        assert figure(port, "configvault_replica_behind") == 1
        assert figure(port, "configvault_replica_last_success_timestamp_seconds") > 0
        # Recording does not need a replica.
        assert asked(port, "/ready")[0] == 200
        found = host.ok("status")
        assert ("busy" in str(found["degraded"]), found["replicas"][0]["behind"]) == (True, 1)
        checks = host.run("doctor", "--json").json["checks"]
        assert any("busy" in one["message"] for one in checks), checks
        proxy.fault = lambda asked: None
        until(lambda: figure(port, "configvault_replica_behind") == 0)
        until(lambda: not host.ok("status")["degraded"])
        assert daemon.stop() == 0, "".join(daemon.raw)
    finally:
        daemon.process.kill()
        daemon.exited()
    new = Host(tmp_path / "new", replicas=[store])
    new.ok("recover")
    assert look(new.root) == look(host.root)


def test_a_bucket_under_object_lock(tmp_path: Path) -> None:
    """In a bucket whose objects are locked a host stores and recovers; what is stored can be neither replaced nor removed."""
    reason = stores.why_not("moto")
    if reason:
        pytest.skip(reason)
    with stores.serving("moto", tmp_path / "served") as url, stores.before(url) as proxy:
        lock(url, "locked")
        proxy.name_checksums = True
        store = {"url": "s3://locked/a", "endpoint": proxy.url, "timeout": 30}
        host = Host(tmp_path / "host", replicas=[store])
        for number in range(3):
            host.record(f"{number}.yaml", f"x: {number}\n")
            host.ok("replicate")
        at = stores.opened(store)
        assert all(asked.has_checksum for asked in proxy.asked if asked.method == "PUT")
        kept = [one.name for below in ("bundles", "manifests") for one in at.listed(f"web-1/{below}/")]
        assert len(kept) == 6
        before = {name: at.read(name, 1 << 20) for name in kept}
        for name in kept:
            with pytest.raises(ExistsError):
                at.create(name, b"other")
        assert {name: at.read(name, 1 << 20) for name in kept} == before
        versions = asked_xml(f"{url}/locked?versions", "VersionId")
        assert len(versions) == len(kept)
        for name, version in zip(sorted(kept), versions, strict=True):
            answer = urllib.request.Request(f"{url}/locked/a/{name}?versionId={version}", method="DELETE")
            with pytest.raises(urllib.error.HTTPError, match="403"):
                urllib.request.urlopen(answer)
        new = Host(tmp_path / "new", replicas=[store])
        new.ok("recover")
        assert (look(new.root), refs(new.vault)) == (look(host.root), refs(host.vault))


def lock(url: str, bucket: str) -> None:
    """Make a bucket that keeps everything for ten years, whoever asks."""
    rule = (
        b"<ObjectLockConfiguration><ObjectLockEnabled>Enabled</ObjectLockEnabled><Rule><DefaultRetention>"
        b"<Mode>COMPLIANCE</Mode><Years>10</Years></DefaultRetention></Rule></ObjectLockConfiguration>"
    )
    headers = {"x-amz-bucket-object-lock-enabled": "true", "Content-Type": "application/xml"}
    for query, body in (("", b""), ("?object-lock", rule)):
        request = urllib.request.Request(f"{url}/{bucket}{query}", data=body, method="PUT", headers=headers)
        urllib.request.urlopen(request).close()


def asked_xml(url: str, tag: str) -> list[str]:
    """Return the texts of an element."""
    with urllib.request.urlopen(url) as answer:
        return re.findall(rf"<{tag}>([^<]*)</{tag}>", answer.read().decode())
