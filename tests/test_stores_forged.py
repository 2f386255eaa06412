"""What the keeper of a store may put there: nothing of it is believed, obeyed, or ends a command in any other way than by its name."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from hosts import Host, refs
from sites import look

from configvault.core.stores import bundle_name
from configvault.replica.store import bundles
from configvault.replica.store.chain import Listing
from configvault.replica.store.objects import Found

Document = dict[str, Any]


def replica(tmp_path: Path, **settings: Any) -> dict[str, Any]:
    """Return a folder as a store."""
    (tmp_path / "store").mkdir(exist_ok=True)
    return {"url": f"file+bundle://{tmp_path}/store", **settings}


@pytest.fixture
def host(tmp_path: Path) -> Host:
    """A host that has pushed twice."""
    made = Host(tmp_path / "host", replicas=[replica(tmp_path)])
    for text in ("x: 1\n", "x: 2\n"):
        made.record(text=text)
        made.ok("replicate")
    return made


def fresh(tmp_path: Path, name: str = "fresh", **settings: Any) -> Host:
    """Return the machine that takes the place of a lost one."""
    return Host(tmp_path / name, replicas=[replica(tmp_path)], **settings)


def manifest(tmp_path: Path, number: int) -> Path:
    """Return where a manifest lies."""
    return tmp_path / "store" / "web-1" / "manifests" / f"{number:08d}.json"


def forge(tmp_path: Path, number: int, change: Callable[[Document], object]) -> None:
    """Write a manifest as somebody would who may write anything."""
    path = manifest(tmp_path, number)
    document = json.loads(path.read_bytes())
    change(document)
    path.chmod(0o600)
    path.write_text(json.dumps(document))


DEEP: Any = "x"
for _ in range(300):
    DEEP = [DEEP]

FORGED: dict[str, Callable[[Document], object]] = {
    "sealed is a number": lambda it: it.update(sealed=5),
    "signature is a number": lambda it: it.update(signature=5),
    "signature is a list": lambda it: it.update(signature=["x"]),
    "before all time": lambda it: it["latest"].update(taken_at="0001-01-01T00:00:00+23:59"),
    "after all time": lambda it: it["latest"].update(taken_at="9999-12-31T23:59:59-23:59"),
    "written before all time": lambda it: it.update(written_at="0001-01-01T00:00:00+23:59", latest=None),
    "a surrogate": lambda it: it["refs"].update({"refs/tags/\ud800": "0" * 40}),
    "a surrogate as id": lambda it: it["latest"].update(id="\ud800"),
    "a surrogate as vault": lambda it: it.update(vaults=["\ud800"]),
    "a ref in a ref": lambda it: it["refs"].update({"refs/tags/a": it["main"], "refs/tags/a/b": it["main"]}),
    "a ref as an option": lambda it: it["refs"].update({"refs/tags/-x\u2028": it["main"]}),
    "deep": lambda it: it.update(vaults=DEEP),
    "vaults in words": lambda it: it.update(vaults="web"),
    "vaults in a map": lambda it: it.update(vaults={"a": 1}),
    "half a number": lambda it: it.update(number=2.0),
    "true": lambda it: it.update(base=True),
    "a great base": lambda it: it.update(base=10**30),
    "no base": lambda it: it.update(base=0),
    "a negative size": lambda it: it["bundle"].update(size=-1),
    "a bundle elsewhere": lambda it: it["bundle"].update(name="bundles/../../web-2/bundles/00000002.0123456789abcdef.bundle"),
    "a bundle upwards": lambda it: it["bundle"].update(name="../x"),
    "shallow": lambda it: it.update(shallow=[None]),
    "refs in a list": lambda it: it.update(refs=[1]),
    "latest in a list": lambda it: it.update(latest=[1]),
    "latest in a map": lambda it: it["latest"].update(id={"x": 1}),
    "a host of another name": lambda it: it.update(host="\x1b[2Jweb-1"),
}  # fmt: skip


@pytest.mark.parametrize("how", FORGED)
def test_a_forged_manifest_is_named(host: Host, tmp_path: Path, how: str) -> None:
    """Whatever a manifest says, each command that reads it ends with a code of its own, and names the manifest."""
    host.record(text="x: 3\n")
    forge(tmp_path, 2, FORGED[how])
    new = fresh(tmp_path)
    store = ("--from", f"file+bundle://{tmp_path}/store")
    ran = new.run("recover", *store)
    assert ran.code == 9, (ran.code, ran.err)
    assert "manifest 2" in ran.err or "it holds is damaged" in ran.err, ran.err
    assert "refs/heads/main" not in refs(new.vault)
    assert not os.listdir(new.root)
    for words in (
        ("recover", *store, "--list"),
        ("fleet", "status", *store),
        ("fleet", "status", *store, "--json"),
    ):
        ran = new.run(*words)
        assert ran.code in (0, 6), (words, ran.code, ran.err)
        assert "\x1b" not in ran.out + ran.err
        assert "a bug" not in ran.out + ran.err, ran
    ran = host.run("verify", "--replica")
    assert ran.code == 9, ran.err
    assert host.run("replicate").code == 6
    assert host.run("prune-store", *store).code == 6


def test_words_of_a_stranger_move_no_cursor(host: Host, tmp_path: Path) -> None:
    """What a manifest says of its snapshot is shown as text, whatever it holds."""
    forge(tmp_path, 2, lambda it: it["latest"].update(subject="\x1b[2J\x9b1A", tree="0" * 40))
    for words in (("recover", "--list"), ("fleet", "status")):
        ran = host.run(*words, "--from", f"file+bundle://{tmp_path}/store")
        assert (ran.code, {"\x1b", "\x9b"} & set(ran.out + ran.err)) == (0, set()), words


def test_a_drill_learns_nothing_for_a_push(host: Host, tmp_path: Path) -> None:
    """A drill that meets the history of another host of the name does not make it this one's: the push is still refused."""
    other = fresh(tmp_path, "other")
    other.record(text="mine: 1\n")
    assert other.run("verify", "--replica", "--restore-test").code == 9
    ran = other.run("replicate", "--json")
    assert (ran.code, ran.json["replicas"][0]["reason"]) == (6, "diverged")
    assert not manifest(tmp_path, 3).exists()


def test_what_was_refused_is_not_gone_on_from(host: Host, tmp_path: Path) -> None:
    """A recovery that did not believe what it fetched leaves nothing by which the next push would go on from it."""
    import subprocess

    keys = []
    for name in ("ours", "theirs"):
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(tmp_path / name)], check=True)
        keys.append(" ".join((tmp_path / f"{name}.pub").read_text().split()[:2]))
    # Whoever signed the manifest signed no snapshot.
    host.configure(replicas=[replica(tmp_path)], signing={"key": str(tmp_path / "theirs")})
    host.git("update-ref", "refs/tags/more", "HEAD")
    host.ok("replicate")
    new = fresh(tmp_path, signing={"trusted": keys})
    ran = new.run("recover")
    assert (ran.code, "is not signed" in ran.err) == (9, True), ran.err
    new.record(text="mine: 1\n")
    ran = new.run("replicate", "--json")
    assert (ran.code, ran.json["replicas"][0]["reason"]) == (6, "diverged"), ran.json


def test_a_bundle_without_a_manifest_is_said(host: Host, tmp_path: Path) -> None:
    """Whoever recovers hears at once that a newer state was begun there, or is withheld."""
    manifest(tmp_path, 2).unlink()
    ran = fresh(tmp_path).run("recover")
    assert (ran.code, "00000002" in ran.err, "withheld" in ran.err) == (0, True, True), (ran.out, ran.err)


def test_nothing_in_a_folder_is_followed(host: Host, tmp_path: Path) -> None:
    """Links and pipes in the place of objects and folders are neither followed nor waited for."""
    two = manifest(tmp_path, 2)
    kept = two.read_bytes()
    two.unlink()
    os.mkfifo(two)
    ran = fresh(tmp_path, "pipe").run("recover")
    assert (ran.code, "00000002" in ran.err) == (9, True), ran.err
    two.unlink()
    (tmp_path / "elsewhere").write_bytes(kept)
    two.symlink_to(tmp_path / "elsewhere")
    ran = fresh(tmp_path, "link").run("recover")
    assert ran.code == 9, ran.err
    two.unlink()
    two.write_bytes(kept)
    aside = tmp_path / "aside"
    two.parent.rename(aside)
    two.parent.symlink_to(aside)
    before = sorted(os.listdir(aside))
    host.record(text="x: 3\n")
    assert host.run("replicate").code == 6
    assert sorted(os.listdir(aside)) == before


@pytest.mark.parametrize("digits", ["²", "٣", "9" * 5000, "0", "-1"])
def test_a_number_is_a_number(host: Host, tmp_path: Path, digits: str) -> None:
    """What is no number of a manifest is a mistake in the command, or a manifest that is missing."""
    store = ("--from", f"file+bundle://{tmp_path}/store")
    ran = host.run("recover", *store, f"--until={digits}")
    assert ran.code == 2, ran.err
    assert host.run("prune-store", *store, f"--keep-full={digits}").code in (0, 2)


def test_the_last_number(host: Host, tmp_path: Path) -> None:
    """Where somebody took the highest number that there is, a push says so, and adds nothing."""
    last = manifest(tmp_path, 99999999)
    last.write_bytes(manifest(tmp_path, 2).read_bytes())
    forge(tmp_path, 99999999, lambda it: it.update(number=99999999, base=99999999, previous=None))
    host.record(text="x: 3\n")
    before = sorted(str(path) for path in (tmp_path / "store").rglob("*"))
    for _ in range(2):
        ran = host.run("replicate", "--json")
        [said] = ran.json["replicas"]
        assert (ran.code, said["reason"], "99999999" in said["error"]) == (6, "damaged", True), said
    assert sorted(str(path) for path in (tmp_path / "store").rglob("*")) == before


def test_a_chain_is_no_longer_than_one_is_made(host: Host, tmp_path: Path) -> None:
    """A chain longer than any host makes is refused at its end, and not read."""
    forge(tmp_path, 2, lambda it: it.update(number=70000, base=1))
    manifest(tmp_path, 2).rename(manifest(tmp_path, 70000))
    ran = fresh(tmp_path).run("recover")
    assert (ran.code, "manifest 70000" in ran.err) == (9, True), ran.err


def test_what_git_dislikes_in_a_root_is_recovered(host: Host, tmp_path: Path) -> None:
    """Files of the user's that git has rules for come back from a store, as they do from a git replica."""
    host.write(
        {
            ".gitmodules": '[submodule "a"]\n\tpath = ../a\n\turl = -u./x\n',
            ".gitattributes": "a" * 3000 + " x\n",
            "deep/.gitmodules/x": "1\n",
        }
    )
    host.record(text="x: 3\n")
    host.ok("replicate")
    new = fresh(tmp_path)
    new.ok("recover")
    assert (look(new.root), refs(new.vault)) == (look(host.root), refs(host.vault))
    assert host.run("verify", "--replica", "--restore-test").code == 0


def test_every_damage_is_named(host: Host, tmp_path: Path) -> None:
    """Whoever recovers hears of everything that is wrong there, and of the way to what is not."""
    for bundle in (tmp_path / "store" / "web-1" / "bundles").iterdir():
        bundle.unlink()
    ran = fresh(tmp_path).run("recover")
    assert (ran.code, ran.err.count("is missing"), "--until" in ran.err) == (9, 2, True), ran.err


def test_another_host_is_not_taken_for_this_one(host: Host, tmp_path: Path) -> None:
    """The only host in a store is recovered where another one is configured only if it is asked for."""
    new = Host(tmp_path / "new", "web-2", replicas=[replica(tmp_path)])
    ran = new.run("recover")
    assert (ran.code, "which host? the replica contains: web-1" in ran.err) == (4, True), ran.err
    assert new.ok("recover", "--host", "web-1", "--from", f"file+bundle://{tmp_path}/store/")["host"] == "web-1"


def test_a_machine_that_has_nothing(host: Host, tmp_path: Path) -> None:
    """With nothing but the URL each answer leads on, and what it names works when it is pasted."""
    url = f"file+bundle://{tmp_path}/store"
    new = fresh(tmp_path)
    new.config.unlink()
    ran = new.run("recover", "--from", url)
    assert (ran.code, f"recover --from {url} --into DIR --vault DIR" in ran.err) == (2, True), ran.err
    ran = new.run(
        "recover", "--from", url, "--into", str(new.root), "--vault", str(new.vault), "--host", "web-9"
    )
    [hint] = ran.said("hint")
    assert (ran.code, hint) == (4, f"hint: configvault -c {new.config} recover --from {url} --list")
    ran = new.run(*hint.split()[4:])
    assert (ran.code, "web-1" in ran.out) == (0, True), ran.err
    ran = new.run("recover", "--from", f"{url}/elsewhere", "--list")
    assert "mkdir" in ran.err
    ran = new.run("recover", "--from", url, "--into", str(new.root), "--vault", str(new.vault))
    assert (ran.code, "no replica is configured" in ran.out) == (0, True), ran.err
    assert look(new.root) == look(host.root)


def test_many_objects_are_gone_through_once() -> None:
    """What lies behind the newest manifest is found in one pass, however much lies there."""

    class Counted(dict[int, Found]):
        passes = 0

        def __iter__(self) -> Iterator[int]:
            self.passes += 1
            return super().__iter__()

    manifests = Counted({number: Found(str(number), 1) for number in range(1, 50)})
    names = [bundle_name(number, "0" * 64, encrypted=False) for number in range(1, 60)]
    found = Listing(manifests, {name: Found(name, 1) for name in names})
    assert sorted(found.orphans()) == names[49:]
    assert manifests.passes == 1


def test_no_room_for_a_bundle_is_this_machines(tmp_path: Path) -> None:
    """A disk that is full while git makes a bundle is said as that, not as what git says last."""

    class Full:
        env: dict[str, str] = {}  # noqa: RUF012 - as the protocol has it

        def argv(self, *args: str) -> list[str]:
            """Say what git says then."""
            said = "fatal: sha1 file '<stdout>' write error. Out of diskspace\nerror: pack-objects died"
            return ["/bin/sh", "-c", 'echo "$0" >&2; exit 1', said, *args]

        def run(self, args: Sequence[str], **_: Any) -> bytes:
            """Know nothing."""
            return b""

    with pytest.raises(OSError, match="No space left"):
        bundles.make(Full(), str(tmp_path / "bundle"), {"refs/heads/main": "0" * 40}, {})
