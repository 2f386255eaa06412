"""`verify` names all damage: objects, chain, tags, signatures; and proves that snapshots restore."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest
from sites import Place

from configvault.usecases import upkeep

NEEDS_SSH = pytest.mark.skipif(shutil.which("ssh-keygen") is None, reason="ssh-keygen is not installed")


@pytest.fixture
def place(tmp_path: Path) -> Place:
    """Return a place with three snapshots and a refused state."""
    place = Place(tmp_path / "place")
    place.init({"a": "1\n", "empty": None})
    place.snapshot({"a": "2\n", "b.yaml": "x: 1\n"}, "--pin", "stable")
    place.snapshot({"a": "3\n"})
    place.write({"b.yaml": "x: [\n"})
    assert place.run("snapshot").code == 3
    return place


def key(folder: Path, name: str) -> Path:
    """Make an ssh key."""
    path = folder / name
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", path], check=True)
    return path


def damaged(place: Place) -> list[str]:
    """Return what `verify` finds damaged."""
    done = place.run("verify", "--json")
    assert (done.code, done.json["ok"]) == (9, False), done
    return list(done.json["damaged"])


def test_a_whole_vault_restores(place: Place) -> None:
    """A restore test takes every recent snapshot into a scratch folder and finds it as it was recorded."""
    said = place.ok("verify", "--restore-test")
    assert (said["ok"], said["snapshots"], said["rejected"]) == (True, 3, 1)
    assert said["restored"] == [one["id"] for one in place.ok("list")["snapshots"]]
    assert said["refused"] == []
    assert "restored and compared: 3 snapshots" in place.run("verify", "--restore-test").out


def test_todays_rules_are_asked(place: Place) -> None:
    """A restored snapshot that the rules of today would refuse is named, and is no damage."""
    place.configure("", profile="coze")
    said = place.ok("verify", "--restore-test")
    assert said["refused"] == said["restored"]


def test_all_damage_is_named(place: Place) -> None:
    """Two tags that lead astray are two lines and exit code 9; one that is gone was thinned out."""
    newest, middle, oldest = [one["id"] for one in place.ok("list")["snapshots"]]
    place.git("update-ref", f"refs/tags/{oldest}", "main")
    place.git("update-ref", "refs/tags/backup_20000101_000000", "main")
    place.git("update-ref", "-d", f"refs/tags/{middle}")
    found = damaged(place)
    assert f"the tag {oldest} does not point to the snapshot of that name on main" in found
    assert len(found) == 2
    done = place.run("verify")
    assert (done.code, len(done.said("error")), len(done.out.splitlines())) == (9, 1, 2)
    assert newest not in done.out


def test_a_foreign_commit_breaks_the_chain(place: Place) -> None:
    """A commit on main that is no snapshot is found, wherever it lies."""
    made = place.git(
        "-c", "user.name=x", "-c", "user.email=x@y", "commit-tree", "main^{tree}", "-p", "main", "-m", "x"
    )
    place.git("update-ref", "refs/heads/main", made.strip())
    assert f"commit {made.strip()} on main is not a snapshot" in damaged(place)


def test_a_changed_file_is_found_by_restoring_too(place: Place) -> None:
    """A blob that was replaced under its name is damage, with or without a restore test."""
    blob = place.git("rev-parse", "main:a").strip()
    path = place.vault / "objects" / blob[:2] / blob[2:]
    path.chmod(0o600)
    path.write_bytes(b"x")
    assert damaged(place)
    assert place.run("verify", "--restore-test").code == 9


@NEEDS_SSH
def test_commits_are_signed_as_git_signs(tmp_path: Path) -> None:
    """With a key every commit, mark and refused state is signed, and plain git verifies it."""
    own = key(tmp_path, "own")
    place = Place(tmp_path / "place", f"signing: {{key: {own}}}\n")
    place.init({"a": "1\n"})
    place.snapshot({"a": "2\n"})
    place.ok("pin", "latest", "stable")
    place.write({"b.yaml": "x: [\n"})
    assert place.run("snapshot").code == 3
    said = place.ok("verify")
    assert (said["signed"], said["unsigned"]) == (4, 0)
    allowed = tmp_path / "allowed"
    allowed.write_text(f"configvault@localhost {own.with_suffix('.pub').read_text()}")
    for ref in ("main", "main~1", "refs/configvault/marks"):
        place.git("-c", f"gpg.ssh.allowedSignersFile={allowed}", "verify-commit", ref)
    assert place.ok("list")["snapshots"][0]["pins"] == ["stable"]
    place.fsck()


@NEEDS_SSH
def test_who_signs_with_another_key_is_not_trusted(tmp_path: Path) -> None:
    """A commit by another key is damage until that key is trusted; one without a key is damage, too."""
    own, other = key(tmp_path, "own"), key(tmp_path, "other")
    place = Place(tmp_path / "place")
    place.init({"a": "0\n"})
    place.configure(f"signing: {{key: {own}}}\n")
    place.snapshot({"a": "1\n"})
    said = place.ok("verify")
    assert (said["signed"], said["unsigned"]) == (1, 1)
    place.configure(f"signing: {{key: {other}}}\n")
    second = place.snapshot({"a": "2\n"})
    place.configure(f"signing: {{key: {own}}}\n")
    assert damaged(place) == [f"{second} has a signature by a key that is not trusted"]
    public = other.with_suffix(".pub").read_text().strip()
    place.configure(f"signing: {{key: {own}, trusted: '{public}'}}\n")
    assert place.ok("verify")["signed"] == 2
    place.configure()
    third = place.snapshot({"a": "3\n"})
    place.configure(f"signing: {{key: {own}, trusted: '{public}'}}\n")
    fourth = place.snapshot({"a": "4\n"})
    assert damaged(place) == [f"{third} is not signed"]
    assert fourth


@NEEDS_SSH
def test_the_scheduled_check_asks_for_signatures(tmp_path: Path) -> None:
    """What the daemon does on its schedule finds what the command finds; without its key it proves the rest."""
    own, other = key(tmp_path, "own"), key(tmp_path, "other")
    place = Place(tmp_path / "place", f"signing: {{key: {other}}}\n")
    id_ = place.init({"a": "0\n"})
    for signer, message in (
        (other, None),
        (own, f"the vault is damaged: {id_} has a signature by a key that is not trusted"),
        (tmp_path / "gone", None),
    ):
        place.configure(f"signing: {{key: {signer}}}\n")
        with place.parts() as site:
            assert upkeep.verify(site).message == message


@NEEDS_SSH
def test_a_key_that_is_gone_stops_no_recording(tmp_path: Path) -> None:
    """Protection goes on without the key; what needs it says so."""
    place = Place(tmp_path / "place", f"signing: {{key: {tmp_path}/gone}}\n")
    place.init({"a": "1\n"})
    place.snapshot({"a": "2\n"})
    place.ok("rollback", "previous")
    done = place.run("verify")
    assert done.code == 1
    assert "cannot sign with" in done.err
    assert "ssh-keygen -t ed25519" in done.err
