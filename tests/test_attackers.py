"""Whoever owns the root's folder, and nothing else, gains nothing by what a restore does there."""

from __future__ import annotations

import contextlib
import hashlib
import os
import shutil
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from sites import Place, look, needs_other_user

from configvault.core.errors import ConfigvaultError
from configvault.usecases import rollback

# The long proof: RACES=10000 make test ARGS='tests/test_attackers.py'
RACES = int(os.environ.get("RACES", "15"))
ATTACKER = 65534
SOURCE = Path(__file__).with_name("attackers") / "attacker.c"
SECRET = "only root may read this"

pytestmark = [
    needs_other_user,
    pytest.mark.skipif(shutil.which("gcc") is None, reason="gcc is not installed"),
]

KINDS = ("file", "link", "folder")
NAMES = [f"{kind}{number}" for kind in KINDS for number in range(6)]


@pytest.fixture(scope="session")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the attacker, compiled."""
    made = tmp_path_factory.mktemp("attacker") / "attacker"
    subprocess.run(["gcc", "-O1", "-w", "-o", made, SOURCE], check=True)
    return made


class Scene:
    """A root of the attacker's with what is root's in it, and two snapshots that differ in everything else."""

    def __init__(self, place: Place, canary: Path) -> None:
        """Take a place whose root is empty."""
        self.place = place
        self.root = place.root
        self.canary = canary
        self.prizes = 0
        self.kept: set[int] = set()
        self.recorded: dict[str, dict[bytes, object]] = {}
        self.ids = [self._record(state) for state in (1, 2)]

    def _record(self, state: int) -> str:
        for name in NAMES:
            path = self.root / name
            if path.is_dir() and not path.is_symlink():
                shutil.rmtree(path)
            path.unlink(missing_ok=True)
        files = {f"d/{letter}.yaml": f"{letter}: {state}\n" for letter in "abc"}
        for number in range(6):
            files[f"file{number}"] = f"x: {state}{number}\n"
            if (number + state) % 2:
                files[f"folder{number}/in"] = f"y: {number}\n"
                files[f"folder{number}/deeper/in"] = f"z: {number}\n"
        self.place.write(files)
        for number in range(6):
            if (number + state) % 2:
                (self.root / f"link{number}").symlink_to(f"file{number}")
        self.own()
        self.stock()
        id_ = self.place.init() if state == 1 else self.place.snapshot()
        self.recorded[id_] = self.restorable()
        return id_

    def restorable(self) -> dict[bytes, object]:
        """Return what is there, now, of all that the snapshots differ in: type, content, mode and owner.

        A fifo is in no snapshot and stays where a snapshot has nothing; where it has something, that would be missing here.
        """
        names = {os.fsencode(name) for name in [*NAMES, "d"]}
        return {
            path: seen
            for path, seen in look(self.root).items()
            if path.split(b"/")[0] in names and seen != ("special",)
        }

    def own(self) -> None:
        """Give the root and all that differs to the attacker."""
        os.chown(self.root, ATTACKER, ATTACKER)
        for path in [self.root / "d", *(self.root / name for name in NAMES)]:
            for one in [path, *path.rglob("*")] if os.path.lexists(path) else ():
                os.lchown(one, ATTACKER, ATTACKER)

    def stock(self) -> None:
        """Put what is root's into the root, where it is no more."""
        for name, mode in (("secretdir", 0o700), ("data~", 0o700), ("other~", 0o755)):
            path = self.root / name
            if path.is_symlink() or not path.is_dir() or path.stat().st_uid != 0 or not list(path.iterdir()):
                shutil.rmtree(path, ignore_errors=True)
                path.unlink(missing_ok=True)
                path.mkdir(mode=mode)
                path.chmod(mode)
                self.prizes += 1
                (path / "a.yaml").write_text(
                    f"token: {SECRET} {self.prizes}\n" if name != "data~" else f"{SECRET} {self.prizes}\n"
                )
                (path / "a.yaml").chmod(0o600)
                if name == "data~":
                    # Nothing but the folder's mode keeps these from others; the second is ignored.
                    (path / "open.yaml").write_text("closed: 1\n")
                    (path / "left.swp").write_text("closed: 2\n")
        secret = self.root / "secret.yaml"
        if not secret.is_file() or secret.is_symlink() or secret.stat().st_uid != 0:
            shutil.rmtree(secret, ignore_errors=True)
            secret.unlink(missing_ok=True)
            secret.write_text(f"secret: {SECRET}\n")
            secret.chmod(0o600)

    def wins(self) -> list[str]:
        """Return what the attacker has gained."""
        found, there = [], set()
        for folder, _, files in os.walk(self.root):
            for name in files:
                path = os.path.join(folder, name)
                seen = os.lstat(path)
                if not stat.S_ISREG(seen.st_mode):
                    continue
                with open(path, "rb") as file:
                    content = file.read()
                if SECRET.encode() in content:
                    there.add(content)
                    around = os.stat(folder)
                    if seen.st_uid != 0 or seen.st_mode & 0o077:
                        found.append(f"{path} is {seen.st_uid}'s, {oct(seen.st_mode)}")
                    elif around.st_uid != 0 and folder != str(self.root) and name == "a.yaml":
                        found.append(f"{folder} is {around.st_uid}'s")
        kept: str | None = None
        for number in sorted(set(range(1, self.prizes + 1)) - self.kept):
            contents = [f"token: {SECRET} {number}\n".encode(), f"{SECRET} {number}\n".encode()]
            if there.isdisjoint(contents):
                kept = kept or self.place.git("rev-list", "--all", "--objects")
                if any(_blob(content) in kept for content in contents):
                    # What is on record stays so: it need not be looked for again.
                    self.kept.add(number)
                else:
                    found.append(f"prize {number} is gone")
        if look(self.canary) != self.before:
            found.append("the canary was touched")
        return found

    @property
    def before(self) -> object:
        """Return what the canary must be."""
        return self._before

    def remember_canary(self) -> None:
        """Note what the canary is."""
        self._before = look(self.canary)


def _blob(content: bytes) -> str:
    """Return the id of a file in git."""
    return hashlib.sha1(b"blob %d\0" % len(content) + content, usedforsecurity=False).hexdigest()


@pytest.fixture
def scene(tmp_path: Path) -> Scene:
    """Return a scene at its second snapshot."""
    canary = tmp_path / "canary"
    canary.mkdir()
    (canary / "a.yaml").write_text(SECRET)
    made = Scene(Place(tmp_path / "place"), canary)
    made.remember_canary()
    return made


@contextlib.contextmanager
def attacking(program: Path, scene: Scene, mode: str) -> Iterator[list[int]]:
    """Let the attacker at it; the list says afterwards how often they got a hand in."""
    hands: list[int] = []
    # By its descriptor, as the attacker may not enter the folder of the tests.
    with open(program, "rb") as file:
        attacker = subprocess.Popen(
            [f"/proc/self/fd/{file.fileno()}", mode, *NAMES],
            cwd=scene.root,
            user=ATTACKER,
            group=ATTACKER,
            extra_groups=[],
            pass_fds=[file.fileno()],
            stdout=subprocess.PIPE,
        )
    assert attacker.stdout is not None
    assert attacker.stdout.readline() == b"ready\n"
    try:
        yield hands
    finally:
        attacker.terminate()
        out = attacker.communicate()[0]
        assert attacker.returncode == 0
        told = [int(word) for word in out.split()]
        hands.append(told[0])
        assert told[1] == 0, "what only a folder's mode protects was read"


# A rollback that the attacker breaks off may leave the git that reads ahead to the garbage collector.
@pytest.mark.filterwarnings("ignore:subprocess .* is still running:ResourceWarning")
@pytest.mark.parametrize("mode", ["staging", "away", "occupy", "names", "parents", "links", "fill", "peek"])
def test_nothing_is_gained(program: Path, scene: Scene, mode: str) -> None:
    """Whatever is exchanged when: nothing of root's changes hands, is readable, or is lost, and rollback works after it."""
    hands, ended = 0, 0
    with scene.place.parts() as site:
        for number in range(RACES):
            wanted = scene.ids[number % 2]
            with attacking(program, scene, mode) as counted:
                request = rollback.Request(wanted, force=True)
                # Who goes on writing for ever can have it fail, aloud; nothing else.
                with contextlib.suppress(ConfigvaultError):
                    rollback.rollback(site, request)
                    ended += 1
            hands += counted[0]
            assert scene.wins() == [], f"after {number + 1} rollbacks"
            # Once nobody has a hand in it, what was asked for is restored, whatever was left behind.
            rollback.rollback(site, request)
            assert scene.restorable() == scene.recorded[wanted], f"after {number + 1} rollbacks"
            assert scene.wins() == [], f"after {number + 1} rollbacks"
            scene.stock()
    # For who proves it at length: pytest -rP shows it.
    sys.stdout.write(f"{mode}: 0 of {RACES} won, {ended} rollbacks done, {hands} times a hand in\n")
    for id_ in scene.ids:
        scene.place.ok("rollback", id_)
        assert scene.restorable() == scene.recorded[id_]
        assert scene.place.ok("rollback", id_, "--dry-run")["outcome"] == "unchanged"
    assert scene.wins() == []
    scene.place.fsck()
