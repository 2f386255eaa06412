"""A root, its vault and its configuration in a temporary folder, and every way to run the program on them."""

from __future__ import annotations

import contextlib
import io
import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from states import Link

from configvault import app
from configvault.cli.main import run as run_command
from configvault.disk import lock
from configvault.usecases.site import Site as Parts
from configvault.vault.statefiles import DAEMON_LOCK, LOCK

Content = str | bytes | Link | None
"""What a file holds or a link points at; None for an empty folder."""

OPENED: list[Parts] = []
"""What tests have opened; conftest.py closes it after each."""

NOBODY = ["setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups"]
"""Runs what follows as a user without any right."""


@cache
def why_no_other_user() -> str | None:
    """Return why the program cannot be run as somebody else here, None if it can."""
    if os.geteuid() != 0:
        return "becoming another user needs root"
    command = [*NOBODY, sys.executable, "-c", "import argparse, configvault.cli.main"]
    tried = subprocess.run(command, capture_output=True, check=False)
    return "another user may not read this Python" if tried.returncode else None


needs_other_user = pytest.mark.skipif(why_no_other_user() is not None, reason=str(why_no_other_user()))


@dataclass(frozen=True)
class Done:
    """What came of one command."""

    code: int
    raw: bytes
    err: str

    @property
    def out(self) -> str:
        """Return what was printed."""
        return self.raw.decode("utf-8", "surrogateescape")

    @property
    def json(self) -> Any:
        """Return the one document that was printed."""
        return json.loads(self.raw)

    @property
    def error(self) -> dict[str, Any]:
        """Return the error document."""
        return dict(json.loads(self.err)["error"])

    def said(self, word: str) -> list[str]:
        """Return the lines on standard error that begin with `word:`."""
        return [line for line in self.err.splitlines() if line.startswith(f"{word}: ")]


class Place:
    """One root with everything that protects it."""

    def __init__(
        self, base: Path, more: str = "", profile: str = "generic", reload: str = "kind: none"
    ) -> None:
        """Make an empty root and a configuration; `more` is further YAML of it."""
        self._settle(base)
        self.configure(more, profile, reload)

    def _settle(self, base: Path, root: str = "root") -> None:
        """Make the empty root, and say where the rest goes."""
        base.mkdir(parents=True, exist_ok=True)
        self.base = base
        self.root = base / root
        self.vault = base / "vault"
        self.config = base / "config.yaml"
        self.root.mkdir(parents=True)

    def configure(self, more: str = "", profile: str = "generic", reload: str = "kind: none") -> None:
        """Write the configuration."""
        self.config.write_text(
            f"root: {self.root}\nvault: {self.vault}\ntimezone: UTC\n"
            f"validate: {{profile: {profile}}}\nreload: {{{reload}}}\n{more}"
        )

    # --- the root

    def write(self, files: Mapping[str, Content]) -> None:
        """Put `files` into the root, by path."""
        for name, content in files.items():
            put(self.root, name, content)

    # --- commands

    def run(self, *argv: str, environ: Mapping[str, str] | None = None) -> Done:
        """Run a command in this process."""
        out = io.TextIOWrapper(io.BytesIO(), encoding="utf-8", errors="surrogateescape", write_through=True)
        err = io.StringIO()
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            try:
                code = run_command(["--config", str(self.config), *argv], environ or dict(os.environ))
            except SystemExit as ending:
                code = ending.code if isinstance(ending.code, int) else 1
        out.flush()
        return Done(code, out.buffer.getvalue(), err.getvalue())  # type: ignore[attr-defined]

    def ok(self, *argv: str) -> Any:
        """Run a command with `--json` that must succeed; return its document."""
        done = self.run(*argv, "--json")
        assert done.code == 0, done
        return done.json

    def snapshot(self, files: Mapping[str, Content] | None = None, *argv: str) -> str:
        """Put `files` into the root and record; return the snapshot's id."""
        self.write(files or {})
        return str(self.ok("snapshot", *argv)["snapshot"]["id"])

    def process(
        self,
        *argv: str | bytes,
        before: list[str] | None = None,
        stdin: bytes = b"",
        cwd: Path | None = None,
        **environ: str,
    ) -> Done:
        """Run a command as a process of its own, through the command line `before` if given."""
        done = subprocess.run(
            [*(before or []), sys.executable, "-m", "configvault", *argv],
            input=stdin,
            capture_output=True,
            check=False,
            cwd=cwd,
            env=dict(os.environ) | {"CONFIGVAULT_CONFIG": str(self.config)} | environ,
        )
        return Done(done.returncode, done.stdout, done.stderr.decode("utf-8", "surrogateescape"))

    @contextlib.contextmanager
    def locked(self, command: str = "configvault run") -> Iterator[None]:
        """Hold the vault's lock, as a command or the daemon does while it works."""
        with lock.hold(os.path.join(self.vault, "configvault", LOCK), command):
            yield

    @contextlib.contextmanager
    def as_if_watched(self) -> Iterator[None]:
        """Let it look as if a daemon ran, so that commands leave the waiting to it."""
        with lock.hold(os.path.join(self.vault, "configvault", DAEMON_LOCK), "configvault run"):
            yield

    # --- what is in the vault

    def init(self, files: Mapping[str, Content] | None = None) -> str:
        """Put `files` into the root, make the vault and record them; return the snapshot's id."""
        self.write(files or {})
        return str(self.ok("init")["snapshot"]["id"])

    def git(self, *args: str, ok: bool = True) -> str:
        """Return what plain git says of the vault, as an auditor would ask it."""
        done = subprocess.run(["git", "-C", self.vault, *args], capture_output=True, check=False)
        assert done.returncode == 0 or not ok, done.stderr
        return os.fsdecode(done.stdout)

    def snapshots(self) -> list[str]:
        """Return the commits of main, oldest first."""
        return self.git("rev-list", "--reverse", "main").split()

    def triggers(self) -> list[str]:
        """Return why each was recorded, oldest first."""
        form = "%(trailers:key=Configvault-Trigger,valueonly,separator=%x20)"
        return self.git("log", "--reverse", f"--format={form}", "main").split()

    def rejected(self) -> list[str]:
        """Return the ids of the rejected states, oldest first."""
        refs = self.git("for-each-ref", "--format=%(refname)", "refs/configvault/rejected/").split()
        return [ref.rpartition("/")[2] for ref in refs]

    def content(self, commit: str = "main") -> dict[str, bytes]:
        """Return the files of a snapshot but for the one of metadata, as git alone reads them."""
        names = [name for name in self.git("ls-tree", "-r", "-z", "--name-only", commit).split("\0") if name]
        return {
            name: os.fsencode(self.git("cat-file", "blob", f"{commit}:{name}"))
            for name in names
            if not name.startswith(".configvault-")
        }

    def live(self) -> dict[str, bytes]:
        """Return the files and links in the root."""
        return {
            os.fsdecode(name): bytes(seen[-1])
            for name, seen in look(self.root).items()
            if seen[0] in ("file", "link")
        }

    def assert_whole(self) -> None:
        """Fail unless the vault is intact and its latest snapshot is what is live."""
        self.fsck()
        assert self.content() == self.live()

    def fsck(self) -> None:
        """Fail unless git finds the vault whole."""
        done = subprocess.run(
            ["git", "-C", self.vault, "fsck", "--strict", "--full", "--no-dangling"],
            capture_output=True,
            text=True,
            check=False,
        )
        assert (done.returncode, done.stdout) == (0, ""), done

    def site(self, *, create: bool = False) -> Parts:
        """Return the program's own view of it, which is closed after the test."""
        environ = dict(os.environ)
        OPENED.append(app.open_site(app.load_settings(str(self.config), environ), environ, create=create))
        return OPENED[-1]

    @contextlib.contextmanager
    def parts(self) -> Iterator[Parts]:
        """Open the program's own view of it for the time of the block."""
        site = self.site()
        try:
            yield site
        finally:
            OPENED.remove(site)
            site.vault.close()


def recorded(base: Path, *states: Mapping[str, Content], profile: str = "generic") -> Place:
    """Return a place with a snapshot of each of `states`, which are put into the root one over the other."""
    place = Place(base, profile=profile)
    for number, files in enumerate(states):
        place.snapshot(files) if number else place.init(files)
    return place


def put(folder: Path, name: str, content: Content) -> None:
    """Make one entry, its parents first; whatever is there is replaced."""
    path = os.path.join(os.fsencode(folder), os.fsencode(name.rstrip("/")))
    if content is None:
        os.makedirs(path, exist_ok=True)
        return
    os.makedirs(os.path.dirname(path), exist_ok=True)
    if os.path.lexists(path):
        os.unlink(path)
    if isinstance(content, Link):
        os.symlink(os.fsencode(content), path)
    else:
        with open(path, "wb") as file:
            file.write(content if isinstance(content, bytes) else os.fsencode(content))


def look(folder: Path) -> dict[bytes, tuple[Any, ...]]:
    """Return everything below `folder` and itself: sort, mode, owner, content."""
    found: dict[bytes, tuple[Any, ...]] = {}
    top = os.fsencode(folder)
    pending = [top]
    while pending:
        path = pending.pop()
        seen = os.lstat(path)
        name = os.path.relpath(path, top)
        if os.path.islink(path):
            found[name] = ("link", seen.st_uid, seen.st_gid, os.readlink(path))
        elif os.path.isdir(path):
            found[name] = ("folder", oct(seen.st_mode & 0o7777), seen.st_uid, seen.st_gid)
            pending += [os.path.join(path, entry) for entry in os.listdir(path)]
        elif os.path.isfile(path):
            with open(path, "rb") as file:
                found[name] = ("file", oct(seen.st_mode & 0o7777), seen.st_uid, seen.st_gid, file.read())
        else:
            found[name] = ("special",)
    return found
