"""The scenes that the crash tests start from, and what must hold after whatever happened in them.

A root with every kind of entry goes from state OLD to state NEW; between the two nearly everything changes its
content, kind, mode or owner. A scene is made in the place where it will be struck, since its config names the place.
"""

from __future__ import annotations

import json
import os
import shutil
import stat
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NoReturn

from harness import commands
from harness.crash import Scene

IS_ROOT = os.geteuid() == 0
PROGRAM = [sys.executable, "-P", "-m", "configvault"]


def old_state(root: Path) -> None:
    """Make the root what the first snapshot records."""
    root.mkdir(mode=0o755)
    (root / "same.yaml").write_text("kept: as it is\n")
    (root / "text.yaml").write_text("version: 1\n")
    (root / "tool.sh").write_text("#!/bin/sh\n")
    (root / "tool.sh").chmod(0o755)
    (root / "link").symlink_to("text.yaml")
    (root / "dangling").symlink_to("/nowhere/at all")
    (root / "empty").mkdir(mode=0o750)
    (root / "removed" / "deep" / "er").mkdir(parents=True)
    (root / "removed" / "deep" / "er" / "file.json").write_text("{}\n")
    (root / "file becomes folder").write_text("x\n")
    (root / "folder becomes link").mkdir()
    (root / "folder becomes link" / "inside").write_text("y\n")
    (root / "link becomes file").symlink_to("same.yaml")
    (root / "-dash\nand line end").write_text("odd: 1\n")
    Path(os.fsdecode(bytes(root) + b"/not-utf8-\xff")).write_text("odd: 2\n")
    (root / "nested").mkdir(mode=0o2775)
    (root / "nested").chmod(0o2775)
    (root / "nested" / "private.yaml").write_text("owner: other\n")
    (root / "nested" / "private.yaml").chmod(0o640)
    _own(root / "nested" / "private.yaml", 1234, 2345)


def new_state(root: Path) -> None:
    """Change the root into what the second snapshot records."""
    (root / "text.yaml").write_text("version: 2\nlonger: yes\n")
    (root / "tool.sh").chmod(0o644)
    _replace(root / "link").symlink_to("tool.sh")
    (root / "empty").rmdir()
    shutil.rmtree(root / "removed")
    _replace(root / "file becomes folder").mkdir()
    (root / "file becomes folder" / "inside").write_text("z\n")
    _replace(root / "folder becomes link").symlink_to("nested")
    _replace(root / "link becomes file").write_text("now a file\n")
    (root / "added" / "one").mkdir(parents=True)
    (root / "added" / "one" / "file.yaml").write_text("a: 1\n")
    (root / "added" / "nothing").mkdir()
    _replace(root / "-dash\nand line end")
    (root / "nested").chmod(0o755)
    _own(root / "nested" / "private.yaml", os.geteuid(), os.getegid())
    (root / "nested" / "private.yaml").write_text("owner: me\n")


def _own(path: Path, uid: int, gid: int) -> None:
    if IS_ROOT:
        os.chown(path, uid, gid)


def _replace(path: Path) -> Path:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink()
    return path


State = dict[bytes, tuple[object, ...]]


def state_of(root: Path) -> State:
    """Return everything a restore must bring back, by path: kind, mode, owner, content."""
    found: State = {}
    for folder, folders, files in os.walk(bytes(root)):
        for path in [folder, *(os.path.join(folder, name) for name in [*folders, *files])]:
            seen = os.lstat(path)
            content: object = None
            if stat.S_ISLNK(seen.st_mode):
                content = os.readlink(path)
            elif stat.S_ISREG(seen.st_mode):
                with open(path, "rb") as file:
                    content = file.read()
            mode = stat.S_IMODE(seen.st_mode) if not stat.S_ISLNK(seen.st_mode) else None
            kind = stat.S_IFMT(seen.st_mode)
            found[os.path.relpath(path, bytes(root))] = (kind, mode, seen.st_uid, seen.st_gid, content)
    return found


def difference(found: State, wanted: State) -> str:
    """Say in which paths two states differ."""
    paths = sorted(path for path in found.keys() | wanted.keys() if found.get(path) != wanted.get(path))
    return ", ".join(f"{os.fsdecode(p)!r}: {found.get(p)} for {wanted.get(p)}" for p in paths[:3])


@dataclass
class World:
    """The place, the states the root may be in afterwards, and the snapshots that were reported."""

    place: Path
    states: dict[str, State] = field(default_factory=dict)
    reported: dict[str, str] = field(default_factory=dict)
    unrecorded: str | None = None
    """The tree of what was live and not yet recorded: it must be in the vault once it is no longer in the root."""

    @property
    def root(self) -> Path:
        """Return the protected folder."""
        return self.place / "root"

    @property
    def vault(self) -> Path:
        """Return the vault."""
        return self.place / "vault"

    def command(self, *arguments: str) -> list[str]:
        """Return the command line of one command on this world."""
        return [*PROGRAM, "--config", str(self.place / "config.yaml"), *arguments, "--json"]

    def fork(self, *arguments: str) -> Callable[[], NoReturn]:
        """Return the same command as a fork, which starts at once."""
        return commands.forked(self.command(*arguments)[len(PROGRAM) :])

    def call(self, *arguments: str) -> tuple[int, dict[str, Any]]:
        """Run one command undisturbed; return its exit status and its document."""
        done = commands.run(self.command(*arguments)[len(PROGRAM) :])
        text = done.out or done.err
        try:
            return done.status, json.loads(text)
        except ValueError:
            return done.status, {"said": text.strip()[-500:]}

    def snapshot(self) -> str:
        """Record, and return the id that was reported."""
        status, document = self.call("snapshot")
        assert status == 0, document
        return str(document["snapshot"]["id"])

    def note_reported(self) -> None:
        """Remember every snapshot there is, with the tree it must still have."""
        status, document = self.call("list")
        assert status == 0, document
        self.reported = {snapshot["id"]: snapshot["tree"] for snapshot in document["snapshots"]}

    def git(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run plain git on the vault, as an auditor would."""
        command = ["git", "-c", "safe.directory=*", "-C", str(self.vault), *arguments]
        return subprocess.run(command, capture_output=True, text=True, check=False)


def make(place: Path, act: Callable[[World], None]) -> tuple[Scene, World]:
    """Make a world with both states recorded, let `act` go on from there, and keep it as a scene."""
    place.mkdir()
    world = World(place)
    configure(world)
    old_state(world.root)
    world.states["old"] = state_of(world.root)
    status, document = world.call("init", "--root", str(world.root), "--vault", str(world.vault))
    assert status == 0, document
    act(world)
    if world.vault.exists():
        world.note_reported()
    scene = Scene(place.with_name("scene"), place)
    subprocess.run(["cp", "-a", "--", place, scene.folder], check=True)
    return scene, world


def configure(world: World, reload: str = "reload: {kind: none}", more: str = "") -> None:
    """Write the configuration of a world."""
    place = world.place
    text = f"root: {place}/root\nvault: {place}/vault\nvalidate: {{profile: generic}}\n{reload}\n{more}\n"
    (place / "config.yaml").write_text(text)


WAYS = ("rollback", "deploy")
"""How the root is brought back to the first state: from the vault, or from outside."""


def way_back(world: World, way: str) -> tuple[str, ...]:
    """Return the command that makes the first state live."""
    if way == "rollback":
        return ("rollback", min(world.reported))
    offered = world.place.with_name("offered")
    if not offered.exists():
        old_state(offered)
    return ("deploy", str(offered), "--preserve")


def of(way: str, sample: int | None) -> int | None:
    """Return how many calls to strike: from the second way on fewer, as both share nearly all of their calls."""
    return sample if sample is None or way == WAYS[0] else max(sample // 3, 2)


def to_new(world: World) -> None:
    """Bring the root into the second state, unrecorded."""
    new_state(world.root)
    world.states["new"] = state_of(world.root)


def recorded_new(world: World) -> None:
    """Bring the root into the second state and record it."""
    to_new(world)
    world.snapshot()


def unkept(world: World, output: str) -> str | None:
    """Return which snapshot a command reported that is not in the vault as reported, None if every one is.

    To be asked before any other command runs: the next one would record again what was lost.
    """
    document = json.loads(output[output.index("{") :])
    for key in ("snapshot", "recorded"):
        snapshot = document.get(key)
        if snapshot is not None:
            for name in (snapshot["id"], "main"):
                found = world.git("rev-parse", f"{name}^{{tree}}").stdout.strip()
                if found != snapshot["tree"]:
                    return f"{snapshot['id']} was reported, but {name} leads to {found or 'nothing'}"
    safety = document.get("safety") or ""
    ref = f"refs/configvault/rejected/{safety}" if safety.startswith("rejected") else safety
    if ref and world.git("rev-parse", "--verify", ref).returncode:
        return f"what was live is said to be kept as {safety}, which is not there"
    return None


def wrong(world: World, *, must_be: str | None = None) -> str | None:
    """Return what is wrong after a crash, with everything a user is promised, None if nothing is.

    Args:
        world: what was struck.
        must_be: the state that was acknowledged before the end, if one was.
    """
    status, document = world.call("snapshot")
    if status != 0:
        return f"the next command exits {status}: {document}"
    found = state_of(world.root)
    allowed = [must_be] if must_be else list(world.states)
    if not any(found == world.states[name] for name in allowed):
        return f"the root is not {' or '.join(allowed)}: " + "; ".join(
            f"{name}: {difference(found, world.states[name])}" for name in allowed
        )
    return _vault_wrong(world, found)


def _vault_wrong(world: World, live: State) -> str | None:
    trees = world.git("log", "--all", "--format=%T").stdout.split()
    if world.unrecorded and world.unrecorded not in trees:
        return "what was live and unrecorded is in no snapshot and no rejected state"
    fsck = world.git("fsck", "--strict", "--full", "--no-dangling", "--no-progress")
    if fsck.returncode or fsck.stderr.strip():
        return f"git fsck exits {fsck.returncode}: {fsck.stdout}{fsck.stderr}".strip()
    # Those of git; our own files are locked by flock and stay.
    locks = [str(path) for path in world.vault.rglob("*.lock") if path.parent != world.vault / "configvault"]
    if locks:
        return f"locks are left: {locks}"
    for id_, tree in world.reported.items():
        if world.git("rev-parse", f"{id_}^{{tree}}").stdout.strip() != tree:
            return f"the snapshot {id_} was reported and is lost"
    tags = set(world.git("tag", "--points-at", "main").stdout.split())
    if len(tags) != 1:
        return f"the newest commit has the tags {sorted(tags)}"
    return _not_going_on(world, live)


def _not_going_on(world: World, live: State) -> str | None:
    """Record one more change and roll it back: the vault works on as if nothing had happened."""
    status, document = world.call("list")
    if status or not document["snapshots"]:
        return f"list exits {status}: {document}"
    newest = document["snapshots"][0]["id"]
    (world.root / "later.yaml").write_text("later: 1\n")
    status, document = world.call("snapshot")
    if (status, document.get("outcome")) != (0, "recorded"):
        return f"the next snapshot exits {status}: {document}"
    status, document = world.call("rollback", newest)
    if (status, document.get("outcome")) != (0, "rolled_back"):
        return f"the next rollback exits {status}: {document}"
    found = state_of(world.root)
    return None if found == live else f"the next rollback is not exact: {difference(found, live)}"
