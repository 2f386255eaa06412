"""Commits that GitPython makes for the daemon: the same bytes, on disk when they are known, whatever the surroundings say."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest
from harness.daemon import Watched
from sites import Place

from configvault.core import gitformat
from configvault.vault.commits import Commits
from configvault.vault.objects import from_bytes
from configvault.vault.repository import Note, Vault, draft

AT = datetime(2026, 3, 29, 2, 30, tzinfo=timezone(timedelta(hours=5, minutes=30)))
LOGIN = "ann (uid 1000, login shell, tty pts/3)"
NOTES = {
    "plain": Note(AT, "change", "unknown", "host", "Update a"),
    "somebody": Note(AT, "cli", LOGIN, "host", "Update a"),
    "west": Note(AT.astimezone(timezone(-timedelta(hours=3, minutes=30))), "change", "a", "h", "Update a"),
    "utc": Note(AT.astimezone(UTC), "change", "a", "h", "Update a"),
    "after 2038": Note(datetime(2106, 2, 7, 7, 0, tzinfo=UTC), "change", "a", "h", "Update a"),
    "other scripts": Note(AT, "change", "安", "主机", "更新 天气 \U0001f327", reason="原因"),
    "no text": Note(AT, "change", "a", "h", "Update f\udcff", more=(("Path", "f\udcff"),)),
    "many lines": Note(AT, "change", "a", "h", "Update a", reason="one\n\ntwo\n"),
    "as git would read it": Note(AT, "change", "a <b@c> 1 +0000", "h\nparent x", "tree x"),
}


@pytest.fixture
def vault(tmp_path: Path) -> Iterator[Vault]:
    """Return a vault with one snapshot."""
    place = Place(tmp_path / "place")
    place.init({"a": "1\n"})
    with place.parts() as site:
        yield site.vault


@pytest.mark.parametrize("name", NOTES)
@pytest.mark.parametrize("first", [True, False], ids=["first", "next"])
def test_same_bytes(vault: Vault, name: str, first: bool) -> None:
    """GitPython's commit of a note has the id that the vault itself gives it, and git takes it."""
    latest = vault.latest()
    assert latest is not None
    made = draft(latest.tree, None if first else latest.commit, NOTES[name], "backup_20260329_023000", "")
    commit = Commits(vault)(made, [])
    assert vault.objects.read(commit) == made.body
    assert vault.commit(made, []) == commit
    vault.git.run(["fsck", "--strict", commit])


def test_signed_alike(vault: Vault) -> None:
    """Where commits are signed GitPython's are, and the unsigned one is written nowhere."""
    latest = vault.latest()
    assert latest is not None
    vault.sign = lambda body: (
        b"-----BEGIN SSH SIGNATURE-----\n" + body[5:20] + b"\n-----END SSH SIGNATURE-----\n"
    )
    made = draft(latest.tree, latest.commit, NOTES["plain"], "backup_20260329_023000", "")
    commit = Commits(vault)(made, [])
    assert b"\ngpgsig -----BEGIN" in vault.objects.read(commit)
    assert vault.commit(made, []) == commit
    assert not vault.objects.has(gitformat.make("commit", made.body).id)


def test_what_comes_along_is_there(vault: Vault) -> None:
    """The objects that come with a commit are in the vault when its id is known, also a tree that is new."""
    blob = gitformat.make("blob", b"new\n")
    tree = gitformat.tree([(0o100644, "b", blob.id)])
    along = [from_bytes(one.type, one.id, one.body) for one in (blob, tree)]
    commits = Commits(vault)
    commit = commits(draft(tree.id, None, NOTES["plain"], None, ""), along)
    assert vault.git.run(["cat-file", "blob", f"{commit}:b"]) == b"new\n"
    # Nothing stays behind for the next one.
    assert commits(draft(tree.id, None, NOTES["plain"], None, ""), []) == commit


def test_surroundings_do_not_matter(tmp_path: Path) -> None:
    """A daemon writes the same, there alone, whatever its user's git configuration and environment say."""
    (tmp_path / ".gitconfig").write_text("[i18n]\n commitEncoding = gbk\n[user]\n name = Somebody\n")
    elsewhere = tmp_path / "elsewhere"
    subprocess.run(["git", "init", "-q", "--bare", str(elsewhere)], check=True)
    place = Watched(tmp_path / "place")
    environ = {
        "HOME": str(tmp_path),
        "GIT_DIR": str(elsewhere),
        "GIT_COMMON_DIR": str(elsewhere),
        "GIT_OBJECT_DIRECTORY": str(elsewhere / "objects"),
        "GIT_AUTHOR_NAME": "Somebody",
        "GIT_AUTHOR_DATE": "1999-01-01T00:00:00Z",
    }
    before = sorted(elsewhere.rglob("*"))
    with place.daemon(environ) as daemon:
        place.write({"天气.yaml": "a: 1\n"})
        daemon.wait("snapshot.recorded", trigger="change")
    assert sorted(elsewhere.rglob("*")) == before
    said = place.git("log", "-1", "--format=%e|%cn|%cd|%s")
    assert said.startswith("|configvault|")
    assert "1999" not in said
    assert "天气.yaml" in said
    place.assert_whole()


def test_without_gitpython(tmp_path: Path) -> None:
    """A daemon without GitPython says so with the command that helps; every other command works."""
    place = Place(tmp_path / "place")
    place.init({"a": "1\n"})
    (tmp_path / "sitecustomize.py").write_text("import sys\nsys.modules['git'] = None\n")
    env = dict(os.environ) | {"PYTHONPATH": str(tmp_path), "CONFIGVAULT_CONFIG": str(place.config)}

    def run(*argv: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "configvault", *argv]
        return subprocess.run(command, env=env, capture_output=True, text=True, check=False)

    done = run("run")
    assert done.returncode == 1
    assert "error: GitPython cannot be loaded" in done.stderr
    assert "hint: python3 -m pip install GitPython" in done.stderr
    assert "Traceback" not in done.stderr
    place.write({"a": "2\n"})
    for argv in (["snapshot"], ["rollback", "previous"], ["verify"], ["list"], ["run", "--once"]):
        assert run(*argv).returncode == 0, argv


@pytest.mark.parametrize(
    ("program", "said"),
    [
        (None, "git is not installed or not on PATH"),
        ("echo git version 1.8.3", "git 1.8.3 is too old, 2.30 or later is needed"),
        ("echo hello", "the program git on PATH prints 'hello' instead of a version"),
        ("exit 3", "git version failed with status 3"),
    ],
    ids=["none", "old", "another", "broken"],
)
def test_without_a_usable_git(tmp_path: Path, program: str | None, said: str) -> None:
    """Where git is missing, too old, or something else, the daemon says so with a remedy."""
    place = Place(tmp_path / "place")
    place.init({"a": "1\n"})
    programs = tmp_path / "bin"
    programs.mkdir()
    if program is not None:
        (programs / "git").write_text(f"#!/bin/sh\n{program}\n")
        (programs / "git").chmod(0o755)
    done = subprocess.run(
        [sys.executable, "-m", "configvault", "-c", str(place.config), "run"],
        env={**os.environ, "PATH": str(programs)}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 1
    assert f"error: {said}" in done.stderr
    assert "hint: " in done.stderr
    assert "Traceback" not in done.stderr
