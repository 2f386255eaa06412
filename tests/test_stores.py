"""Object stores as replicas: what arrives and comes back, what is encrypted, and what nobody who keeps a store can make believed."""

from __future__ import annotations

import json
import random
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from harness import stores
from harness.stores import Asked, Proxy
from hosts import Host, bare, git, refs
from sites import look

from configvault.replica.store.objects import Objects
from configvault.usecases import replicate

CANARY = "sk-live-4f1c9canary7d2e"
Bucket = Callable[..., dict[str, Any]]


@pytest.fixture(autouse=True)
def login(monkeypatch: pytest.MonkeyPatch) -> None:
    """Log in as the servers of the tests ask for, and as nobody else."""
    stores.log_in(monkeypatch)
    monkeypatch.setitem(replicate.replicate.__kwdefaults__, "pause_s", 0.01)


@pytest.fixture(scope="module", params=["moto", "rclone"])
def server(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[str, str, Path]]:
    """Each server of S3 there is: its name, its URL, and where it keeps files if it does."""
    base = tmp_path_factory.mktemp(request.param)
    with stores.needed(request.param, base) as url:
        yield request.param, url, base


@pytest.fixture
def proxy(server: tuple[str, str, Path]) -> Iterator[Proxy]:
    """A proxy before the server."""
    with stores.before(server[1]) as running:
        yield running


@pytest.fixture
def replica(proxy: Proxy, request: pytest.FixtureRequest) -> dict[str, Any]:
    """A prefix of this test's own, behind the proxy."""
    name = "".join(char if char.isalnum() else "-" for char in request.node.name)
    return {"url": f"s3://{stores.BUCKET}/{name}", "endpoint": proxy.url, "timeout": 5}


def objects(replica: dict[str, Any]) -> Objects:
    """Return the store as its keeper reaches it."""
    return stores.opened(replica)


def names(replica: dict[str, Any], host: str = "web-1") -> list[str]:
    """Return the names of what is stored of a host."""
    at = objects(replica)
    return [one.name for below in ("bundles", "manifests") for one in at.listed(f"{host}/{below}/")]


def numbers(replica: dict[str, Any], host: str = "web-1") -> list[int]:
    """Return the numbers of the manifests."""
    return [int(name[-13:-5]) for name in names(replica, host) if name.endswith(".json")]


def pushed(host: Host) -> dict[str, Any]:
    """Push, and return how the only replica stands."""
    ran = host.run("replicate", "--json")
    [one] = ran.json["replicas"]
    assert ran.code == (6 if one["reason"] else 0), (ran.out, ran.err)
    return dict(one)


def fresh(tmp_path: Path, replica: dict[str, Any], name: str = "fresh", **settings: Any) -> Host:
    """Return the machine that takes the place of a lost one."""
    return Host(tmp_path / name, "web-1", replicas=[replica], **settings)


@pytest.fixture
def host(tmp_path: Path, replica: dict[str, Any]) -> Host:
    """A host with two snapshots, both pushed on their own."""
    made = Host(tmp_path / "host", "web-1", replicas=[replica])
    for text in ("x: 1\n", "x: 2\n"):
        made.record(text=text)
        assert pushed(made)["reason"] is None
    return made


def test_everything_arrives_and_comes_back(host: Host, replica: dict[str, Any], tmp_path: Path) -> None:
    """Snapshots, tags, rejected states and marks reach a store in increments, and a new host gets all of it back."""
    host.record("deep/b.yaml", "y: 1\n", "-m", "why", "--pin", "stable")
    (host.root / "a.yaml").write_text("x: [\n")
    assert host.run("snapshot").code == 3
    (host.root / "a.yaml").write_text("x: 1\n")
    (host.root / "empty").mkdir(mode=0o2770)
    host.ok("snapshot")
    status = pushed(host)
    assert (status["behind"], status["current"], status["reason"]) == (0, True, None)
    assert numbers(replica) == [1, 2, 3]
    assert pushed(host)["current"]
    assert numbers(replica) == [1, 2, 3]

    new = fresh(tmp_path, replica)
    new.root.rmdir()
    assert new.ok("recover")["snapshot"]["id"] == host.ids()[0]
    assert look(new.root) == look(host.root)
    assert refs(new.vault) == refs(host.vault)
    new.git("fsck", "--strict")
    # It goes on in increments from what it fetched.
    new.record(text="x: 9\n")
    assert pushed(new)["reason"] is None
    last = json.loads(objects(replica).read("web-1/manifests/00000004.json", 1 << 20))
    assert (last["number"], last["base"]) == (4, 1)
    # The old one, should it run again, is told who took its place.
    host.record(text="x: 8\n")
    said = pushed(host)
    assert (said["reason"], "another vault" in said["error"]) == ("diverged", True)


def test_full_bundles_come_now_and_then(
    host: Host, replica: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A recovery fetches from the newest full bundle on, and needs nothing before it."""
    monkeypatch.setattr("configvault.replica.store.store.MOST_PARTS", 2)
    for number in range(3, 6):
        host.record(text=f"x: {number}\n")
        assert pushed(host)["reason"] is None
    at = objects(replica)
    bases = [json.loads(at.read(f"web-1/manifests/{n:08d}.json", 1 << 20))["base"] for n in numbers(replica)]
    assert bases == [1, 1, 3, 3, 5]
    for name in names(replica):
        if int(name.rpartition("/")[2][:8]) < 5:
            at.remove(name)
    new = fresh(tmp_path, replica)
    new.ok("recover")
    assert (look(new.root), refs(new.vault)) == (look(host.root), refs(host.vault))


def test_a_store_is_thinned(
    host: Host, replica: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What lies before the kept full bundles goes, by a command of its own; hosts go on, and recover."""
    monkeypatch.setattr("configvault.replica.store.store.MOST_PARTS", 2)
    for number in range(3, 8):
        host.record(text=f"x: {number}\n")
        assert pushed(host)["reason"] is None
    prune = ("prune-store", "--from", replica["url"])
    assert len(host.ok(*prune, "-n")["hosts"][0]["removed"]) == 8
    assert numbers(replica) == [1, 2, 3, 4, 5, 6, 7]
    assert host.ok(*prune)["hosts"][0]["from"] == 5
    assert numbers(replica) == [5, 6, 7]
    assert host.ok(*prune)["hosts"][0]["removed"] == []
    host.record(text="x: 8\n")
    assert pushed(host)["reason"] is None
    new = fresh(tmp_path, replica)
    new.ok("recover")
    assert (look(new.root), refs(new.vault)) == (look(host.root), refs(host.vault))
    objects(replica).remove("web-1/manifests/00000007.json")
    ran = host.run(*prune, "--keep-full", "1", "--json")
    assert (ran.code, "manifest 7 is missing" in ran.json["hosts"][0]["error"], numbers(replica)) == (
        6,
        True,
        [5, 6, 8],
    )


def test_a_large_bundle_goes_in_parts(
    tmp_path: Path,
    replica: dict[str, Any],
    proxy: Proxy,
    server: tuple[str, str, Path],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """What is larger than one request is sent and fetched in pieces, so that a slow line and a broken connection cost a piece."""
    monkeypatch.setattr("configvault.replica.store.cloud._FIRST_PAUSE_S", 0.01)
    host = Host(tmp_path / "host", "web-1", replicas=[replica | {"timeout": 60}])
    for name in ("a", "b"):
        (host.root / name).write_bytes(random.Random(name).randbytes(9 << 20))
    host.record(text="x: 1\n")
    proxy.once(lambda asked: "partNumber=2" in asked.path, "cut")
    assert pushed(host)["reason"] is None
    assert len({asked.path for asked in proxy.asked if "partNumber" in asked.path}) > 2
    sent = len(proxy.asked)
    stored = [one.size for one in objects(replica).listed("web-1/bundles/")]
    assert len(stored) == 1
    assert stored[0] > 18 << 20
    new = fresh(tmp_path, replica)
    # `rclone serve s3` gives all of it, whatever is asked for.
    if server[0] == "moto":
        proxy.once(lambda asked: asked.is_bundle, "cut")
    new.ok("recover")
    assert sum(asked.is_bundle for asked in proxy.asked[sent:]) == (4 if server[0] == "moto" else 2)
    assert (look(new.root), refs(new.vault)) == (look(host.root), refs(host.vault))


# --- what networks and servers do

PASSING = {
    "cut": "cut",
    "500": (500, "InternalError"),
    "503": (503, "SlowDown"),
    "409": (409, "OperationAborted"),
    "torn": "torn",
    "lost": "lost",
}


@pytest.mark.parametrize("what", ["bundle", "manifest", "list"])
@pytest.mark.parametrize("fault", PASSING)
def test_one_fault_is_overcome(
    host: Host, replica: dict[str, Any], proxy: Proxy, tmp_path: Path, fault: str, what: str
) -> None:
    """Whatever happens to one request of a push, trying again stores everything once, and nothing is overwritten."""
    stored = {name: objects(replica).read(name, 1 << 20) for name in names(replica)}
    host.record(text="x: 3\n")
    proxy.once(lambda asked: asked.is_list if what == "list" else getattr(asked, f"is_{what}"), PASSING[fault])
    assert pushed(host)["reason"] is None
    assert numbers(replica) == [1, 2, 3]
    assert all(objects(replica).read(name, 1 << 20) == data for name, data in stored.items())
    new = fresh(tmp_path, replica)
    new.ok("recover")
    assert (look(new.root), refs(new.vault)) == (look(host.root), refs(host.vault))


LASTING = {
    "403": ((403, "AccessDenied"), "login"),
    "skew": ((403, "RequestTimeTooSkewed"), "login"),
    "500": ((500, "InternalError"), "unreachable"),
    "cut": ("cut", "unreachable"),
    "quota": ((507, "InsufficientStorage"), "full"),
    "gone": ((404, "NoSuchBucket"), "missing"),
}


@pytest.mark.parametrize("fault", LASTING)
def test_a_lasting_fault_is_named(host: Host, replica: dict[str, Any], proxy: Proxy, fault: str) -> None:
    """What does not pass is named with its reason, makes the command end with 6, and is caught up with afterwards."""
    answer, reason = LASTING[fault]
    host.record(text="x: 3\n")
    proxy.fault = lambda asked: answer
    said = pushed(host)
    assert (said["reason"], said["behind"]) == (reason, 1)
    if fault == "skew":
        assert "clock" in said["error"]
    proxy.fault = lambda asked: None
    assert pushed(host)["current"]


def test_a_hanging_server_is_left(host: Host, replica: dict[str, Any], proxy: Proxy) -> None:
    """A server that does not answer costs no more than `timeout`, and that is the reason given."""
    host.record(text="x: 3\n")
    host.configure(replicas=[replica | {"timeout": 0.2}])
    proxy.fault = lambda asked: "hang"
    assert pushed(host)["reason"] in ("timed-out", "unreachable")


def test_adding_and_listing_is_enough(tmp_path: Path, replica: dict[str, Any], proxy: Proxy) -> None:
    """With credentials that may neither read, nor overwrite, nor delete, everything is stored, also after a lost answer."""

    def add_only(asked: Asked) -> tuple[int, str] | None:
        adds = asked.method == "PUT" and (asked.is_conditional or asked.is_bundle)
        return None if adds or asked.is_list else (403, "AccessDenied")

    proxy.fault = add_only
    host = Host(tmp_path / "host", "web-1", replicas=[replica])
    for number in range(3):
        host.record(text=f"x: {number}\n")
        assert pushed(host)["reason"] is None
    left = ["lost"]
    proxy.fault = lambda asked: left.pop() if left and asked.is_manifest else add_only(asked)
    host.record(text="x: 3\n")
    assert pushed(host)["reason"] is None
    assert not any(asked.method == "DELETE" for asked in proxy.asked)
    proxy.fault = lambda asked: None
    new = fresh(tmp_path, replica)
    new.ok("recover")
    assert refs(new.vault) == refs(host.vault)


def test_a_second_writer(
    host: Host, replica: dict[str, Any], tmp_path: Path, server: tuple[str, str, Path]
) -> None:
    """Of two hosts under one name the second is refused, and what the first stored stays as it is."""
    stored = names(replica)
    other = Host(tmp_path / "other", "web-1", replicas=[replica])
    other.record(text="mine: 1\n")
    said = pushed(other)
    assert (said["reason"], "another vault" in said["error"], names(replica)) == ("diverged", True, stored)


def test_two_writers_at_once(host: Host, replica: dict[str, Any], proxy: Proxy, tmp_path: Path) -> None:
    """Where another host of the name writes the same number in between, one of the two hears of it, whatever the server does."""
    new = fresh(tmp_path, replica)
    new.ok("recover")
    host.record(text="x: 3\n")
    new.record(text="x: 4\n")
    waiting = [new]

    def other_first(asked: Asked) -> None:
        # Just before the first host's manifest arrives, the other one stores its own.
        if waiting and asked.is_manifest and asked.method == "PUT":
            assert pushed(waiting.pop())["reason"] is None

    proxy.fault = other_first
    said = [pushed(host)["reason"], pushed(new)["reason"]]
    assert set(said) & {"diverged", "damaged", "ahead"}, said
    assert numbers(replica)[:3] == [1, 2, 3]


# --- what a store's keeper may do


def withhold(replica: dict[str, Any]) -> None:
    """Take the newest manifest away."""
    objects(replica).remove("web-1/manifests/00000003.json")


def withhold_both(replica: dict[str, Any]) -> None:
    """Show the state before the newest push."""
    for name in names(replica):
        if "/00000003." in name:
            objects(replica).remove(name)


def gap(replica: dict[str, Any]) -> None:
    """Take a manifest out of the middle."""
    objects(replica).remove("web-1/manifests/00000002.json")


def no_bundle(replica: dict[str, Any]) -> None:
    """Take a bundle away."""
    at = objects(replica)
    at.remove(next(name for name in names(replica) if "bundles/00000002" in name))


def replaced(replica: dict[str, Any], name: str, data: bytes) -> None:
    """Put other bytes in the place of an object."""
    at = objects(replica)
    at.remove(name)
    at.create(name, data)


def swap(replica: dict[str, Any]) -> None:
    """Put an old manifest in the place of a newer one, under its number."""
    old = json.loads(objects(replica).read("web-1/manifests/00000001.json", 1 << 20))
    replaced(replica, "web-1/manifests/00000002.json", json.dumps(old | {"number": 2}).encode())


def other_bytes(replica: dict[str, Any]) -> None:
    """Change one byte of a bundle."""
    name = next(name for name in names(replica) if "bundles/00000002" in name)
    data = bytearray(objects(replica).read(name, 1 << 20))
    data[-30] ^= 1
    replaced(replica, name, bytes(data))


def shorter(replica: dict[str, Any]) -> None:
    """Cut off the end of a bundle."""
    name = next(name for name in names(replica) if "bundles/00000001" in name)
    replaced(replica, name, objects(replica).read(name, 1 << 20)[:-40])


def nonsense(replica: dict[str, Any]) -> None:
    """Make the newest manifest none."""
    replaced(replica, "web-1/manifests/00000003.json", b'{"configvault": 1, "refs": {"../x": 1}}')


TAMPERED: dict[str, tuple[Callable[[dict[str, Any]], None], str]] = {
    "gap": (gap, "manifest 2 is missing"),
    "bundle gone": (no_bundle, "is missing"),
    "swapped": (swap, "manifest 2 is not the one that manifest 3 follows"),
    "other bytes": (other_bytes, "is damaged: it is not what was stored"),
    "shorter": (shorter, "is damaged"),
    "nonsense": (nonsense, "manifest 3 is damaged"),
}


@pytest.mark.parametrize("how", TAMPERED)
def test_tampering_is_named_before_the_root_is_touched(
    host: Host, replica: dict[str, Any], tmp_path: Path, how: str
) -> None:
    """A damaged, swapped or missing object ends a recovery with 9 and its name; root and vault have nothing of it."""
    host.record(text="x: 3\n")
    assert pushed(host)["reason"] is None
    tamper, words = TAMPERED[how]
    tamper(replica)
    new = fresh(tmp_path, replica)
    new.write({"here.yaml": "here: 1\n"})
    before = look(new.root)
    ran = new.run("recover", "--force")
    assert (ran.code, words in ran.err) == (9, True), ran.err
    assert look(new.root) == before
    assert "refs/heads/main" not in refs(new.vault)
    if how != "shorter":
        assert new.ok("recover", "--force", "--until", "1")["snapshots"] == 1


@pytest.mark.parametrize("how", [withhold, withhold_both], ids=["manifest", "state"])
def test_an_older_state_is_noticed_by_its_host(
    host: Host, replica: dict[str, Any], how: Callable[[dict[str, Any]], None]
) -> None:
    """A store that shows an older state than this host stored is refused by push, doctor and verify, by name."""
    host.record(text="x: 3\n")
    assert pushed(host)["reason"] is None
    how(replica)
    host.record(text="x: 4\n")
    said = pushed(host)
    assert (said["reason"], "withheld or removed" in said["error"]) == ("damaged", True)
    assert numbers(replica) == [1, 2]
    ran = host.run("verify", "--replica", "--json")
    assert (ran.code, "withheld" in str(ran.json["replicas"][0]["damaged"])) == (9, True)
    assert any("withheld" in one["message"] for one in host.run("doctor", "--json").json["checks"])


def test_what_was_pushed_last_may_be_withheld_unseen(
    host: Host, replica: dict[str, Any], tmp_path: Path
) -> None:
    """A fresh host cannot know of a state that nobody shows it, but a bundle without its manifest is pointed out."""
    host.record(text="x: 3\n")
    assert pushed(host)["reason"] is None
    withhold(replica)
    new = fresh(tmp_path, replica)
    new.ok("recover")
    assert any("has no manifest" in one["message"] for one in new.run("doctor", "--json").json["checks"])


# --- encryption


@pytest.fixture(scope="module")
def identity(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A secret key of age, in the form that age-keygen writes."""
    pyrage = pytest.importorskip("pyrage")
    path = tmp_path_factory.mktemp("age") / "identity.txt"
    key = pyrage.x25519.Identity.generate()
    path.write_text(f"# public key: {key.to_public()}\n{key}\n")
    return path


def recipient(identity: Path) -> str:
    """Return the public key of an identity."""
    return identity.read_text().splitlines()[0].removeprefix("# public key: ")


def test_encrypted(
    tmp_path: Path, replica: dict[str, Any], identity: Path, server: tuple[str, str, Path]
) -> None:
    """With `encrypt_to` the host has public keys only, the store learns no content and no name, and the identity opens it."""
    replica = replica | {"encrypt_to": [recipient(identity)]}
    host = Host(tmp_path / "host", "web-1", replicas=[replica])
    for number in range(3):
        host.record(
            f"canary-name-{number}.yaml", f"token: {CANARY}-{number}\n", "--pin", f"canary-pin-{number}"
        )
        assert pushed(host)["reason"] is None
    at = objects(replica)
    stored = {name: at.read(name, 1 << 20) for name in names(replica)}
    assert len(stored) == 6
    for name, data in stored.items():
        assert b"canary" not in name.encode() + data
        assert name.endswith(".json") or data.startswith(b"age-encryption.org/v1\n")
    new = fresh(tmp_path, replica)
    ran = new.run("recover")
    assert (ran.code, "--identity" in ran.err) == (1, True)
    new.ok("recover", "--identity", str(identity))
    assert (look(new.root), refs(new.vault)) == (look(host.root), refs(host.vault))
    if server[0] == "rclone":
        kept = [path for path in server[2].rglob("*") if path.is_file() and "test-encrypted" in str(path)]
        assert kept
        assert not any(b"canary" in path.read_bytes() + str(path).encode() for path in kept)


def test_age_alone_opens_a_bundle(host: Host, tmp_path: Path, replica: dict[str, Any], identity: Path) -> None:
    """`age -d` and git are enough to look into what is stored, should this program be lost, too."""
    replica = replica | {"encrypt_to": [recipient(identity)], "url": replica["url"] + "-age"}
    host.configure(replicas=[replica])
    assert pushed(host)["reason"] is None
    [name] = [name for name in names(replica) if name.endswith(".age")]
    (tmp_path / "bundle.age").write_bytes(objects(replica).read(name, 1 << 20))
    try:
        argv = ["age", "-d", "-i", str(identity), "-o", str(tmp_path / "bundle"), str(tmp_path / "bundle.age")]
        subprocess.run(argv, check=True)
    except FileNotFoundError:
        pytest.skip("age is not installed")
    assert "complete history" in subprocess.run(
        ["git", "-C", str(host.vault), "bundle", "verify", str(tmp_path / "bundle")],
        check=True, capture_output=True, text=True,
    ).stdout  # fmt: skip
    git(tmp_path, "clone", "--quiet", "--branch", "main", str(tmp_path / "bundle"), "by-hand")
    assert (tmp_path / "by-hand" / "a.yaml").read_text() == (host.root / "a.yaml").read_text()


# --- signatures


def key_of(folder: Path, name: str) -> Path:
    """Make an ssh key."""
    path = folder / name
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(path)], check=True)
    return path


def test_only_what_is_signed_is_believed(tmp_path: Path, replica: dict[str, Any]) -> None:
    """Where `signing` is configured, a manifest that nobody trusted has signed is refused before anything is fetched."""
    key, other = key_of(tmp_path, "key"), key_of(tmp_path, "other")
    host = Host(tmp_path / "host", "web-1", replicas=[replica], signing={"key": str(key)})
    host.record(text="x: 1\n")
    assert pushed(host)["reason"] is None
    public = " ".join(other.with_suffix(".pub").read_text().split()[:2])
    trusted = " ".join(key.with_suffix(".pub").read_text().split()[:2])
    wrong = fresh(tmp_path, replica, "wrong", signing={"trusted": [public]})
    ran = wrong.run("recover")
    assert (ran.code, "no signature by a trusted key" in ran.err) == (9, True), ran.err
    right = fresh(tmp_path, replica, "right", signing={"trusted": [trusted]})
    assert right.ok("recover")["snapshots"] == 1
    # Somebody who can write to the store makes up a newer manifest.
    at = objects(replica)
    made = json.loads(at.read("web-1/manifests/00000001.json", 1 << 20))
    made |= {"refs": {}, "refs_sha256": "0" * 64, "signature": None}
    replaced(replica, "web-1/manifests/00000001.json", json.dumps(made).encode())
    again = fresh(tmp_path, replica, "again", signing={"trusted": [trusted]})
    ran = again.run("recover")
    assert (ran.code, "is not signed" in ran.err) == (9, True), ran.err


def test_fleet_status_asks_little(host: Host, replica: dict[str, Any], proxy: Proxy, tmp_path: Path) -> None:
    """`fleet status` costs one list of hosts, and a list and one small object a host; who is damaged or away is named."""
    other = Host(tmp_path / "other", "web-2", replicas=[replica])
    other.record(text="x: 2\n")
    assert pushed(other)["reason"] is None
    proxy.asked.clear()
    flags = ("--from", replica["url"], "--json")
    ran = host.run("fleet", "status", *flags)
    assert ran.code == 0, ran.err
    assert (
        sorted("list" if asked.is_list else "object" for asked in proxy.asked) == ["list"] * 3 + ["object"] * 2
    )
    assert not any(asked.is_bundle for asked in proxy.asked)
    found = {one["host"]: one for one in ran.json["hosts"]}
    assert found["web-1"]["latest"]["id"] == host.ids()[0]
    assert [one["hosts"] for one in ran.json["groups"]] == [["web-1", "web-2"]]
    ran = host.run("fleet", "status", *flags, "--host", "web-1", "--host", "web-9")
    assert (ran.code, ran.json["hosts"][1]["error"]) == (6, "no replica contains it")
    assert host.run("fleet", "diff", "web-1", "web-2", "--from", replica["url"]).out.strip() == ""
    proxy.fault = lambda asked: "hang" if "web-2" in asked.path else None
    ran = host.run("fleet", "status", *flags, "--within", "1s")
    assert (ran.code, [one["error"] for one in ran.json["hosts"]]) == (6, [None, "it did not answer within 1s"])


def test_hosts_are_listed(host: Host, replica: dict[str, Any], tmp_path: Path) -> None:
    """`recover --list` names every host of a store with its latest snapshot, and says of whom nothing can be believed."""
    other = Host(tmp_path / "other", "web-2", replicas=[replica])
    other.record(text="y: 1\n")
    assert pushed(other)["reason"] is None
    found = host.ok("recover", "--list", "--from", replica["url"])["hosts"]
    assert [(one["host"], one["latest"]) for one in found] == [
        ("web-1", host.ids()[0]),
        ("web-2", other.ids()[0]),
    ]
    replaced(replica, "web-2/manifests/00000001.json", b"{}")
    ran = host.run("recover", "--list", "--json")
    assert (ran.code, "manifest 1 is damaged" in ran.json["hosts"][1]["error"]) == (6, True)


def test_without_a_store_no_library_of_it_is_loaded(tmp_path: Path) -> None:
    """A git replica, and a folder that is not encrypted, load neither obstore nor pyrage, which need not be installed."""
    (tmp_path / "store").mkdir()
    replicas = [{"url": str(bare(tmp_path / "r.git"))}, {"url": f"file+bundle://{tmp_path}/store"}]
    host = Host(tmp_path / "host", replicas=replicas)
    host.record(text="x: 1\n")
    script = (
        "import sys; from configvault.cli.main import run; import os;"
        "sys.modules['obstore'] = sys.modules['pyrage'] = None;"
        f"code = run(['--config', {str(host.config)!r}, 'replicate', '-q'], dict(os.environ)); sys.exit(code)"
    )
    ran = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr
    host.configure(replicas=[{"url": "s3://bucket/x"}])
    ran = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert (ran.returncode, "obstore" in ran.stdout + ran.stderr) == (6, True)
