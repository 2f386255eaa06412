"""What others do for the same purpose, each at its best: the git command line, copying scripts, backup programs.

Each is a program of its own run by a shell; ours inside the daemon is not, which is what being a daemon is for.
"""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path

from benchmarks.trees import Tree


def sh(command: str, env: Mapping[str, str] | None = None) -> None:
    """Run a shell command that must succeed."""
    done = subprocess.run(
        ["sh", "-ec", command],
        env={**os.environ, **(env or {})},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        check=False,
    )
    if done.returncode:
        raise RuntimeError(f"{command}: {done.stderr.decode(errors='replace')}")


class Peer:
    """One program that keeps copies of a tree in a store of its own."""

    name = ""
    program = ""
    owns_tree = False

    def __init__(self, tree: Tree, store: Path) -> None:
        """Begin a store for `tree` and put the first copy into it."""
        self.tree = tree
        self.store = store
        self.env: dict[str, str] = {}
        self._copies = 0
        store.mkdir(parents=True)
        self.begin()
        self.keep()

    def begin(self) -> None:
        """Make what must be there before the first copy."""

    def keep(self) -> None:
        """Keep a copy of the tree as it is."""
        self._copies += 1
        sh(self.command(self._copies), self.env)

    def command(self, number: int) -> str:
        """Return what keeps the copy of this number."""
        raise NotImplementedError


class Git(Peer):
    """The git command line as a script would use it, told to put everything on disk."""

    name = program = "git"

    def begin(self) -> None:
        """Make a repository beside the tree."""
        self.env = {
            "GIT_DIR": str(self.store / "git"),
            "GIT_CONFIG_GLOBAL": "/dev/null",
            "GIT_CONFIG_SYSTEM": "/dev/null",
        } | {f"GIT_{who}_{what}": "bench" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}
        sh("git init -q --bare", self.env)
        self.env["GIT_WORK_TREE"] = str(self.tree.root)
        sh("git config core.bare false; git config core.fsync all; git config gc.auto 0", self.env)

    def keep(self) -> None:
        """Keep a copy; after the first one pack, as git would by itself one day."""
        super().keep()
        if self._copies == 1:
            sh("git repack -adq", self.env)

    def command(self, number: int) -> str:
        """Add, commit, tag."""
        return f"git add -A; git commit -q --allow-empty -m {number}; git tag t{number}"

    def status(self) -> None:
        """Ask whether something changed."""
        sh("git status --porcelain", self.env)


class Copy(Peer):
    """A directory for each copy, as many scripts do it."""

    name, program = "cp -r", "cp"

    def command(self, number: int) -> str:
        """Copy everything."""
        return f"cp -r {shlex.quote(str(self.tree.root))} {shlex.quote(str(self.store))}/{number}"


class Rsync(Peer):
    """A directory for each copy, with hard links for what did not change."""

    name, program = "rsync --link-dest", "rsync"

    def command(self, number: int) -> str:
        """Copy what changed, link the rest."""
        store = shlex.quote(str(self.store))
        before = f"--link-dest={store}/{number - 1}" if number > 1 else ""
        return f"rsync -a {before} {shlex.quote(str(self.tree.root))}/ {store}/{number}/"


class Restic(Peer):
    """Restic with a repository on the same disk."""

    name = program = "restic"

    def begin(self) -> None:
        """Make a repository."""
        self.env = {"RESTIC_REPOSITORY": str(self.store / "repo"), "RESTIC_PASSWORD": "bench",
                    "RESTIC_CACHE_DIR": str(self.store / "cache")}  # fmt: skip
        sh("restic init -q", self.env)

    def command(self, number: int) -> str:  # noqa: ARG002 - as the others'
        """Back up; restic names its copies itself."""
        return f"restic backup -q {shlex.quote(str(self.tree.root))}"


class Borg(Peer):
    """Borg with a repository on the same disk, unencrypted."""

    name = program = "borg"

    def begin(self) -> None:
        """Make a repository."""
        self.env = {"BORG_REPO": str(self.store / "repo"), "BORG_BASE_DIR": str(self.store),
                    "BORG_UNKNOWN_UNENCRYPTED_REPO_ACCESS_IS_OK": "yes"}  # fmt: skip
        sh("borg init -e none", self.env)

    def command(self, number: int) -> str:
        """Make an archive."""
        return f"borg create ::{number} {shlex.quote(str(self.tree.root))}"


class Etckeeper(Peer):
    """Etckeeper, which keeps its repository inside the tree, and so has a tree of its own."""

    name = program = "etckeeper"
    owns_tree = True

    def begin(self) -> None:
        """Make a repository in the tree."""
        root = shlex.quote(str(self.tree.root))
        self.env = {"HOME": str(self.store), "GIT_CONFIG_GLOBAL": "/dev/null"}
        self.env |= {
            f"GIT_{who}_{what}": "bench" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")
        }
        sh(
            f"etckeeper init -d {root} >&2; git -C {root} config gc.auto 0; git -C {root} config core.fsync all",
            self.env,
        )

    def command(self, number: int) -> str:
        """Commit, where there is something to commit."""
        return f"etckeeper commit -d {shlex.quote(str(self.tree.root))} {number} || test $? = 1"


ALL: tuple[type[Peer], ...] = (Git, Copy, Rsync, Restic, Borg, Etckeeper)


def installed() -> tuple[list[type[Peer]], list[str]]:
    """Return the peers that are here, and the names of those that are not."""
    there = [peer for peer in ALL if shutil.which(peer.program)]
    return there, [peer.name for peer in ALL if peer not in there]


def version(program: str) -> str:
    """Return what a program says of its version, in one line."""
    asked = {"restic": "version", "etckeeper": "--version"}.get(program, "--version")
    done = subprocess.run([program, asked], capture_output=True, text=True, check=False)
    return (done.stdout or done.stderr).split("\n")[0].strip()
