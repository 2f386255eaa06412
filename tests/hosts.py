"""Hosts to replicate and recover: each a root, a vault and a configuration, driven through the command line."""

from __future__ import annotations

import contextlib
import io
import json
import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from configvault import app
from configvault.cli import main
from configvault.usecases.site import Site


@dataclass
class Ran:
    """How a command ended and what it printed."""

    code: int
    out: str
    err: str

    @property
    def document(self) -> Any:
        """Return the JSON it printed."""
        return json.loads(self.out)


class Host:
    """One host below `place`; `settings` are further keys of its configuration."""

    def __init__(self, place: Path, name: str = "web-1", **settings: Any) -> None:
        self.root = place / "root"
        self.vault = place / "vault"
        self.config = place / "config.yaml"
        self.name = name
        self.root.mkdir(parents=True)
        self.environ = dict(os.environ)
        self.configure(**settings)

    def configure(self, **settings: Any) -> None:
        """Write the configuration."""
        keys = {
            "root": str(self.root), "vault": str(self.vault), "host": self.name, "validate": {"profile": "generic"},
            "reload": {"kind": "none"}, "http": {"listen": "off"}, "timezone": "UTC",
        }  # fmt: skip
        self.config.write_text(yaml.safe_dump(keys | settings))

    def run(self, *words: str) -> Ran:
        """Run a command in this process."""
        out, err = io.StringIO(), io.StringIO()
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            code = main.run([*words, "--config", str(self.config)], self.environ)
        return Ran(code, out.getvalue(), err.getvalue())

    def works(self, *words: str) -> Any:
        """Run a command that must exit 0 and return its JSON."""
        ran = self.run(*words, "--json")
        assert ran.code == 0, f"{words}: exit {ran.code}\n{ran.out}\n{ran.err}"
        return ran.document

    def start(self, *words: str) -> subprocess.Popen[str]:
        """Start a command as a process of its own."""
        argv = [sys.executable, "-m", "configvault", *words, "--config", str(self.config), "--json"]
        return subprocess.Popen(
            argv, env=self.environ, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd="/"
        )

    def write(self, path: str, text: str) -> None:
        """Write a file in the root."""
        file = self.root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)

    def record(self, path: str = "a.yaml", text: str = "x: 1\n", *flags: str) -> str:
        """Write a file, record it, and return the snapshot's id."""
        self.write(path, text)
        command = ["snapshot", *flags] if self.vault.exists() else ["init"]
        return str(self.works(*command)["snapshot"]["id"])

    def ids(self) -> list[str]:
        """Return the ids of the snapshots, newest first."""
        return [one["id"] for one in self.works("list")["snapshots"]]

    def site(self, *, create: bool = False) -> Site:
        """Return what the program works on here."""
        settings = app.load_settings(str(self.config), self.environ)
        return app.open_site(settings, self.environ, create=create)

    def git(self, *words: str) -> str:
        """Run git on the vault."""
        return git(self.vault, *words)


def git(place: Path, *words: str) -> str:
    """Run git on a repository and return what it prints."""
    done = subprocess.run(["git", "-C", str(place), *words], capture_output=True, text=True, check=True)
    return done.stdout.strip()


def bare(place: Path, **config: str) -> Path:
    """Make an empty repository that receives replicas."""
    subprocess.run(["git", "init", "--quiet", "--bare", "--initial-branch=main", str(place)], check=True)
    for key, value in config.items():
        git(place, "config", key.replace("_", ".", 1), value)
    return place


def refs(place: Path) -> dict[str, str]:
    """Return the refs of a repository."""
    lines = git(place, "for-each-ref", "--format=%(refname) %(objectname)").splitlines()
    return dict(line.split(" ") for line in lines)


def content(root: Path) -> Mapping[str, tuple[int, int, int, bytes]]:
    """Return what lies below `root`: mode, owner, group and bytes by path."""
    found = {}
    for path in [root, *sorted(root.rglob("*"))]:
        seen = path.lstat()
        data = os.readlink(path).encode() if path.is_symlink() else path.read_bytes() if path.is_file() else b""
        found[str(path.relative_to(root))] = (seen.st_mode, seen.st_uid, seen.st_gid, data)
    return found
