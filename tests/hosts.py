"""Hosts to replicate and recover: each a root, a vault and a configuration, driven through the command line."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import yaml
from sites import Place


class Host(Place):
    """One host below `base`; `settings` are further keys of its configuration."""

    def __init__(self, base: Path, name: str = "web-1", **settings: Any) -> None:
        self.name = name
        self._settle(base)
        self.configure(**settings)

    def configure(self, **settings: Any) -> None:  # type: ignore[override]
        """Write the configuration."""
        keys = {
            "root": str(self.root), "vault": str(self.vault), "host": self.name, "validate": {"profile": "generic"},
            "reload": {"kind": "none"}, "http": {"listen": "off"}, "timezone": "UTC",
        }  # fmt: skip
        self.config.write_text(yaml.safe_dump(keys | settings))

    def start(self, *words: str) -> subprocess.Popen[str]:
        """Start a command as a process of its own."""
        argv = [sys.executable, "-m", "configvault", *words, "--config", str(self.config), "--json"]
        return subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd="/")

    def record(self, path: str = "a.yaml", text: str = "x: 1\n", *flags: str) -> str:
        """Write a file, record it, and return the snapshot's id."""
        return self.snapshot({path: text}, *flags) if self.vault.exists() else self.init({path: text})

    def ids(self) -> list[str]:
        """Return the ids of the snapshots, newest first."""
        return [one["id"] for one in self.ok("list")["snapshots"]]

    def git(self, *words: str, ok: bool = True) -> str:
        """Return what git says of the vault, without the line end."""
        return super().git(*words, ok=ok).strip()


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
