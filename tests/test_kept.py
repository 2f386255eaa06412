"""Settings that are kept for the next command: as good as the file they came from, and never trusted more than it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from sites import Place

from configvault import app, config
from configvault.config import kept
from configvault.core.frozen import replace

SETTINGS = "configvault/settings"
PLAIN = "root: /srv/root\nvault: /srv/vault\n"


@pytest.fixture
def place(tmp_path: Path) -> Place:
    """Return a place with a snapshot, whose settings are kept."""
    place = Place(tmp_path / "place")
    place.write({"a.txt": "1\n"})
    place.ok("init")
    place.snapshot({"a.txt": "2\n"})
    assert (place.vault / SETTINGS).is_file()
    return place


def loaded(place: Place, *argv: str) -> set[str]:
    """Return the modules that a command loads."""
    done = subprocess.run(
        [sys.executable, "-X", "importtime", "-m", "configvault", "-c", str(place.config), *argv],
        capture_output=True,
        text=True,
        check=True,
    )
    return {line.rpartition("|")[2].strip() for line in done.stderr.splitlines()}


def test_short_commands_load_little(place: Place) -> None:
    """Neither YAML nor what reads a configuration nor what takes long to load is loaded to list snapshots."""
    heavy = {"yaml", "configvault.config.bind", "dataclasses", "inspect", "shutil", "_hashlib", "git"}
    assert not loaded(place, "list", "--limit", "20") & heavy
    place.config.write_text(place.config.read_text() + "# changed\n")
    assert loaded(place, "list", "--limit", "20") >= {"yaml", "configvault.config.bind"}


def test_a_changed_file_counts_at_once(place: Place) -> None:
    """What stands in the file is what counts, also where only one character of it is new."""
    place.configure("host: there\n")
    assert app.load_settings(str(place.config), {}).host == "there"
    place.config.write_text("root: /\nwrong: [")
    assert place.run("list").code == 78


@pytest.mark.parametrize(
    "body", [b"", b"{}", b"[1, 2]", b"\xff", b'[["x", "y", "z"], ["value", "Settings", {}]]']
)
def test_what_cannot_be_read_is_left(place: Place, body: bytes) -> None:
    """A torn or a strange file is no error; the configuration is read instead."""
    (place.vault / SETTINGS).write_bytes(body)
    assert app.load_settings(str(place.config), {}) == config.load(place.config, {})


def test_what_others_may_write_is_not_trusted(place: Place) -> None:
    """Where another user could have written it, or it is no file of its own, the configuration is read."""
    path = place.vault / SETTINGS
    text = place.config.read_text()
    plain = config.parse(text, place.config, {})
    body = config.encode(text, replace(plain, watch=replace(plain.watch, quiet=7.0)))
    assert body is not None
    path.write_bytes(body)
    path.chmod(0o600)
    assert app.load_settings(str(place.config), {}).watch.quiet == 7.0
    path.chmod(0o620)
    assert app.load_settings(str(place.config), {}).watch.quiet == 1.0
    path.chmod(0o600)
    path.rename(place.base / "elsewhere")
    path.symlink_to(place.base / "elsewhere")
    assert app.load_settings(str(place.config), {}).watch.quiet == 1.0
    path.unlink()
    if os.geteuid() == 0:
        path.write_bytes(body)
        os.chown(path, 12345, 12345)
        assert app.load_settings(str(place.config), {}).watch.quiet == 1.0
        path.unlink()
    os.mkfifo(path)
    assert app.load_settings(str(place.config), {}).watch.quiet == 1.0


def test_the_same_settings() -> None:
    """What was kept is equal to what was read, of each kind of value that a configuration has."""
    text = PLAIN + (
        "health: [{name: up, url: 'http://localhost/up', expect: {status: [200, 204]}, within: 5s}]\n"
        "validate: {profile: generic, commands: [{argv: [check, '{dir}']}]}\nschedule: {backup: every 6h, verify: off}\n"
        "rollout: {kind: kubernetes, deployment: coze}\nhttp: {listen: 'off'}\n"
    )
    settings = config.parse(text, "file", {})
    body = config.encode(text, settings)
    assert body is not None
    assert config.decode(text, body) == settings
    assert config.decode(text + "\n", body) is None


@pytest.mark.parametrize(
    "more",
    [
        "reload: {headers: {Authorization: '${TOKEN}'}}\n",
        "reload: {headers: {Authorization: 'Bearer s3cret-value'}}\n",
        "notify: [{url: 'https://hooks.example/s3cret-value', on: [failed]}]\n",
        "health: [{name: up, url: 'http://me:s3cret-value@localhost/'}]\n",
        "health: [{name: up, command: [ask, --token, s3cret-value]}]\n",
        "validate: {rules: {unknown-key: error}}\n",
    ],
)
def test_what_is_not_kept(more: str) -> None:
    """Settings that hold a secret, or that depend on more than the file, are read each time."""
    text = PLAIN + more
    assert config.encode(text, config.parse(text, "file", {"TOKEN": "x"})) is None


def test_comments_are_not_kept() -> None:
    """Of the text itself only its hash is kept: whatever stands in a comment is written down once."""
    text = PLAIN + "# s3cret-value\n"
    body = config.encode(text, config.parse(text, "file", {}))
    assert body is not None
    assert b"s3cret" not in body


def test_links_are_looked_at_each_time(place: Place) -> None:
    """A link that leads the root into the vault since then is found, though the configuration is the same."""
    place.root.rename(place.base / "moved")
    place.root.symlink_to(place.vault)
    assert place.run("list").code == 78


@pytest.mark.parametrize(
    ("line", "vault"),
    [
        ("vault: /srv/vault", "/srv/vault"),
        ("vault: '/srv/vault'", "/srv/vault"),
        ("vault: /srv/vault # there", None),
        ("vault: ${HOME}/vault", None),
        ("vault: relative", None),
        ("  vault: /srv/vault", None),
    ],
)
def test_where_the_vault_is(line: str, vault: str | None) -> None:
    """A vault on a plain line of its own is found without reading YAML, any other is not looked for."""
    assert kept.vault(f"root: /srv/root\n{line}\n") == vault
