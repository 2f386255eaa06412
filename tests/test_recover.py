"""Rebuild a lost host: what is kept, what is refused, and that a recovery that was cut off can be repeated."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest
from hosts import Host, bare, content, refs


@pytest.fixture
def lost(tmp_path: Path) -> Host:
    """A host whose replica is `r.git` beside it, and which is about to be lost."""
    host = Host(tmp_path / "lost", replicas=[{"url": str(bare(tmp_path / "r.git"))}])
    host.record(text="x: 1\n")
    host.record("b.yaml", "y: 1\n")
    host.works("replicate")
    return host


def test_a_root_with_something_in_it_is_left_alone(lost: Host, tmp_path: Path) -> None:
    """Without --force nothing is written into a root that is not empty, and the vault stays empty."""
    fresh = Host(tmp_path / "fresh", replicas=[{"url": str(tmp_path / "r.git")}])
    fresh.write("mine.yaml", "z: 1\n")
    ran = fresh.run("recover")
    assert (ran.code, "is not empty" in ran.err) == (1, True)
    assert list(content(fresh.root)) == [".", "mine.yaml"]
    assert refs(fresh.vault) == {}


@pytest.mark.parametrize(("text", "state"), [("x: 9\n", "backup_"), ("x: [\n", "rejected_")])
def test_force_keeps_what_was_there(lost: Host, tmp_path: Path, text: str, state: str) -> None:
    """With --force a valid state becomes a snapshot, an invalid one a rejected state, and then the root is replaced."""
    fresh = Host(tmp_path / "fresh", replicas=[{"url": str(tmp_path / "r.git")}])
    fresh.write("a.yaml", text)
    fresh.write("b.yaml", "y: 1\n")
    done = fresh.works("recover", "--force")
    assert done["kept"].startswith(state)
    assert content(fresh.root) == content(lost.root)
    assert done["recorded"] is None or done["recorded"]["trigger"] == "recover"
    name = f"refs/configvault/rejected/{done['kept']}" if state == "rejected_" else done["kept"]
    assert fresh.git("show", f"{name}:a.yaml") == text.strip()
    assert fresh.works("status")["live"]["matches"] == fresh.ids()[0]
    fresh.works("replicate")


def test_another_vault_is_never_mixed(lost: Host, tmp_path: Path) -> None:
    """A vault that holds another history takes nothing, even with --force."""
    other = Host(tmp_path / "other", replicas=[{"url": str(tmp_path / "r.git")}])
    other.record(text="z: 1\n")
    before = refs(other.vault)
    ran = other.run("recover", "--force")
    assert (ran.code, "holds another history" in ran.err) == (1, True)
    assert refs(other.vault) == before


def test_repeating_does_no_harm(lost: Host, tmp_path: Path) -> None:
    """Recovering again, or after the root was lost alone, ends with the same."""
    fresh = Host(tmp_path / "fresh", replicas=[{"url": str(tmp_path / "r.git")}])
    fresh.works("recover")
    fresh.works("recover")
    shutil.rmtree(fresh.root)
    fresh.works("recover")
    assert content(fresh.root) == content(lost.root)
    assert refs(fresh.vault) == refs(lost.vault)


def test_into_another_directory_without_configuration(lost: Host, tmp_path: Path) -> None:
    """On a machine without a configuration the two directories are enough, and one is written."""
    fresh = Host(tmp_path / "fresh")
    fresh.config.unlink()
    fresh.environ["CONFIGVAULT_CONFIG"] = str(fresh.config)
    into = tmp_path / "elsewhere"
    place = ["--into", str(into), "--vault", str(fresh.vault)]
    fresh.works("recover", "--from", str(tmp_path / "r.git"), *place)
    assert content(into) == content(lost.root)
    assert fresh.works("status")["live"]["matches"] == lost.ids()[0]


def test_into_overrides_the_root(lost: Host, tmp_path: Path) -> None:
    """--into restores there and leaves the configured root alone; the vault itself is no place for it."""
    fresh = Host(tmp_path / "fresh", replicas=[{"url": str(tmp_path / "r.git")}])
    fresh.write("mine.yaml", "z: 1\n")
    fresh.works("recover", "--into", str(tmp_path / "elsewhere"))
    assert content(tmp_path / "elsewhere") == content(lost.root)
    assert list(content(fresh.root)) == [".", "mine.yaml"]
    assert fresh.run("recover", "--into", str(fresh.vault / "x")).code == 2


def test_damage_is_not_recovered(lost: Host, tmp_path: Path) -> None:
    """A replica with a damaged object is said to be damaged; the root stays empty."""
    repository = tmp_path / "r.git"
    blob = lost.git("rev-parse", "HEAD:a.yaml")
    file = repository / "objects" / blob[:2] / blob[2:]
    if not file.exists():
        pytest.skip("this git received the push as a pack")
    os.chmod(file, 0o600)
    file.write_bytes(file.read_bytes()[:-3] + b"xyz")
    fresh = Host(tmp_path / "fresh", replicas=[{"url": str(repository)}])
    assert fresh.run("recover").code != 0
    assert list(content(fresh.root)) == ["."]


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (["--from", "ext::sh -c x"], 2),
        (["--from", "/nowhere/{host}.git"], 1),
        (["--from", "/nowhere/r.git"], 1),
        (["--from", "ssh://h/{host}.git", "--list"], 2),
        ([], 2),
    ],
)
def test_what_cannot_be_recovered_from(tmp_path: Path, words: list[str], code: int) -> None:
    """A URL that names no replica, or not which host, is an error with a hint."""
    ran = Host(tmp_path / "h").run("recover", *words)
    assert ran.code == code, ran.err
    assert "hint: " in ran.err
