"""Drills: recover from every replica beside everything else, and say loudly where that does not work."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hosts import Host, bare
from sites import look


@pytest.fixture
def host(tmp_path: Path) -> Host:
    """A host whose two replicas have everything."""
    (tmp_path / "store").mkdir()
    replicas = [{"url": str(bare(tmp_path / "r.git"))}, {"url": f"file+bundle://{tmp_path}/store"}]
    made = Host(tmp_path / "host", replicas=replicas, schedule={"drill": "every 1h"})
    made.record(text="x: 1\n")
    made.record("deep/b.yaml", "y: 1\n")
    made.ok("replicate")
    return made


def test_both_kinds_are_recovered(host: Host) -> None:
    """A drill recovers from a git replica and from a store, and leaves root, vault and disk as they were."""
    before = (look(host.root), host.git("for-each-ref"), sorted(os.listdir(host.vault / "configvault")))
    done = host.ok("verify", "--replica", "--restore-test")
    assert [one["ok"] for one in done["replicas"]] == [True, True]
    assert all(f"{host.ids()[0]} was recovered" in one["said"] for one in done["replicas"])
    after = (
        look(host.root),
        host.git("for-each-ref"),
        sorted(set(os.listdir(host.vault / "configvault")) - {"drill.lock"}),
    )
    assert after == before
    # What the host knows of the store is as it was: the next push brings an increment.
    host.record(text="x: 2\n")
    host.ok("replicate")
    assert len(os.listdir(host.base.parent / "store" / "web-1" / "bundles")) == 2


def test_a_replica_that_is_behind_is_said(host: Host) -> None:
    """What is not pushed yet is no failure of a drill, but said."""
    host.record(text="x: 2\n")
    said = host.ok("verify", "--replica", "--restore-test")["replicas"]
    assert all(f"the latest here is {host.ids()[0]}" in one["said"] for one in said)


def damage(host: Host) -> None:
    """Change a byte of a bundle."""
    [bundle] = (host.base.parent / "store" / "web-1" / "bundles").iterdir()
    data = bytearray(bundle.read_bytes())
    data[-25] ^= 1
    bundle.chmod(0o600)
    bundle.write_bytes(data)


def test_damage_is_found(host: Host) -> None:
    """A damaged bundle, which lists and manifests do not show, makes a drill fail, by name, with 9."""
    damage(host)
    assert host.run("verify", "--replica").code == 0
    ran = host.run("verify", "--replica", "--restore-test", "--json")
    assert (ran.code, [one["ok"] for one in ran.json["replicas"]]) == (9, [True, False])
    assert "it is not what was stored" in ran.json["replicas"][1]["said"]


def test_an_encrypted_store_is_compared(tmp_path: Path) -> None:
    """Without an identity a drill proves that every byte is as it was stored, and says that it read none of it."""
    pyrage = pytest.importorskip("pyrage")
    identity = pyrage.x25519.Identity.generate()
    (tmp_path / "store").mkdir()
    (tmp_path / "identity").write_text(str(identity))
    store = {"url": f"file+bundle://{tmp_path}/store", "encrypt_to": str(identity.to_public())}
    host = Host(tmp_path / "host", replicas=[store])
    host.record(text="x: 1\n")
    host.ok("replicate")
    assert "not decrypted" in host.ok("verify", "--replica", "--restore-test")["replicas"][0]["said"]
    host.configure(replicas=[store | {"identity": str(tmp_path / "identity")}])
    assert "was recovered" in host.ok("verify", "--replica", "--restore-test")["replicas"][0]["said"]
    [bundle] = (tmp_path / "store" / "web-1" / "bundles").iterdir()
    bundle.write_bytes(bundle.read_bytes()[:-1] + b"x")
    host.configure(replicas=[store])
    assert host.run("verify", "--replica", "--restore-test").code == 9
