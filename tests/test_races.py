"""Somebody who may write in the root tries to lead a restore, or a capture, out of it."""

from __future__ import annotations

import contextlib
import os
import random
import signal
import sys
import time
import warnings
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import pytest
from sites import Place, look

from configvault.core.errors import ConfigvaultError
from configvault.core.outcome import DeployEnd, RollbackEnd
from configvault.usecases import candidates, deploy, record, rollback
from configvault.usecases.site import Site

# More by hand: RACES=3000 make test ARGS='-k races'
RACES = int(os.environ.get("RACES", "30"))
SECRET = "nobody in the root may read this"


@pytest.fixture
def canary(tmp_path: Path) -> Path:
    """Return a folder outside that looks like the one inside, and must never be touched nor read."""
    outside = tmp_path / "canary"
    for folder in (outside, outside / "e"):
        folder.mkdir(mode=0o711)
        for name in ("a", "b", "c", "new"):
            (folder / name).write_text(SECRET)
            (folder / name).chmod(0o640)
    return outside


@pytest.fixture
def place(tmp_path: Path) -> Place:
    """Return a place whose two snapshots differ in every way in the folders that are swapped."""
    made = Place(tmp_path / "place")
    made.init({"top": "1", **{f"{d}/{name}": "1" for d in ("d", "d/e") for name in "abc"}})
    (made.root / "d").chmod(0o700)
    (made.root / "d/e/c").unlink()
    (made.root / "d/e/c").mkdir()
    made.snapshot({f"{d}/{name}": "2" for d in ("d", "d/e") for name in ("a", "new")} | {"d/e/c/x": "2"})
    return made


@contextlib.contextmanager
def swapping(root: Path, canary: Path) -> Iterator[None]:
    """Swap the folders for links to the canary and back, over and over, in a process of its own."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        pid = os.fork()
    if not pid:
        try:
            _swap_for_ever(root, canary)
        finally:
            os._exit(1)
    try:
        yield
    finally:
        os.kill(pid, signal.SIGTERM)
        assert os.waitpid(pid, 0)[1] == 0


def _swap_for_ever(root: Path, canary: Path) -> None:
    stopping: list[int] = []
    signal.signal(signal.SIGTERM, lambda number, frame: stopping.append(number))
    dice = random.Random(1)
    while not stopping:
        name, target = dice.choice(
            [("d", canary), ("d/e", canary / "e"), ("d/e/c", canary), ("d/a", canary / "a")]
        )
        inside, away = root / name, root / "away"
        with contextlib.suppress(OSError):
            inside.rename(away)
            inside.symlink_to(target)
            # Not for anybody to wait on: the attacker tries every moment, and leaves some in which work gets done.
            time.sleep(dice.choice([0, 0, 0.001]))
            inside.unlink()
        with contextlib.suppress(OSError):
            away.rename(inside)
        time.sleep(dice.choice([0, 0.001, 0.004]))
    os._exit(0)


def _tidy(root: Path) -> None:
    """Take away what the attacker left when they were stopped."""
    for path in [root / "away", *root.rglob("*")]:
        if path.is_symlink():
            path.unlink()


def _read_canary(place: Place) -> bool:
    """Return whether the canary's content is anywhere in the vault."""
    objects = place.git("cat-file", "--batch-all-objects", "--batch-check=%(objecttype) %(objectname)").split(
        "\n"
    )
    blobs = [line.split()[1] for line in objects if line.startswith("blob")]
    return any(SECRET in place.git("cat-file", "blob", blob) for blob in blobs)


WAYS = ("rollback", "deploy")


def back_to(place: Place, site: Site, id_: str, way: str) -> object:
    """Make a snapshot live, out of the vault or from a directory outside."""
    if way == "rollback":
        return rollback.rollback(site, rollback.Request(id_, force=True))
    offered = place.base / id_
    if not offered.exists():
        place.ok("export", id_, "--format", "dir", "--output", str(offered))

    def offer(stage: deploy.Stage) -> candidates.Candidate:
        return candidates.read(site, str(offered), stage, candidates.standard_input())

    return deploy.deploy(site, deploy.Request(force=True, preserve=True), offer)


@pytest.mark.parametrize("way", WAYS)
def test_rollbacks(place: Place, canary: Path, way: str) -> None:
    """Whatever is swapped when, nothing outside is changed or read, and in the end the root is the snapshot."""
    ids = [one["id"] for one in place.ok("list")["snapshots"]]
    before = look(canary)
    ended: list[str] = []
    with swapping(place.root, canary), place.parts() as site:
        for number in range(RACES):
            ended += [_outcome(partial(back_to, place, site, ids[number % 2], way))]
    assert look(canary) == before
    assert {RollbackEnd.ROLLED_BACK, DeployEnd.DEPLOYED} & set(ended)
    _tidy(place.root)
    place.run("snapshot")
    for id_ in ids:
        place.ok("rollback", id_)
        assert place.ok("status")["live"]["matches"]
    _check_left(place.root)
    assert look(canary) == before
    assert not _read_canary(place)
    place.fsck()


def _check_left(root: Path) -> None:
    """Check that of temporary folders only such stay as hold, under its own name, what was not the operator's to remove.

    A folder that was not the captured one, and had a link to the canary in it when it was taken out, is such.
    """
    for place in root.glob(".configvault*"):
        assert place.stat().st_mode & 0o777 == 0o700
        held = {name.partition(".")[0] for name in os.listdir(place)}
        assert held, f"{place} is empty"
        assert held <= {"d", "e", "c", "a"}, held


def test_captures(place: Place, canary: Path) -> None:
    """Nor does a capture ever read what lies outside."""
    before = look(canary)
    with swapping(place.root, canary), place.parts() as site:
        for number in range(RACES):
            place.write({"top": str(number)})
            _outcome(partial(record.record, site, "manual", force=True))
    assert look(canary) == before
    assert not _read_canary(place)
    _tidy(place.root)
    place.run("snapshot")
    place.fsck()


def _outcome(act: Callable[[], object]) -> str:
    """Return how it ended; a refusal is an end like any other, as the root is under attack."""
    try:
        return str(getattr(act(), "outcome", ""))
    except ConfigvaultError as error:
        return error.kind


# --- the same at chosen moments: just before a name is opened it becomes something else

_at_open: list[Callable[[object], None]] = []


def _hook(event: str, arguments: tuple[object, ...]) -> None:
    if event == "open" and _at_open:
        _at_open[-1](arguments[0])


@contextlib.contextmanager
def swapped_at_open(root: Path, name: str, target: Path, number: int) -> Iterator[list[object]]:
    """Put a link to `target` in the place of `name` just before it is opened for the `number`-th time."""
    if _hook not in _installed:
        # An audit hook cannot be taken away again; without anything in the list it does nothing.
        sys.addaudithook(_hook)
        _installed.append(_hook)
    opened: list[object] = []
    inside, away = root / name, root / "away"

    def at_open(path: object) -> None:
        if path == inside.name:
            opened.append(path)
            if len(opened) == number:
                inside.rename(away)
                inside.symlink_to(target)

    _at_open.append(at_open)
    try:
        yield opened
    finally:
        _at_open.pop()
        if inside.is_symlink():
            inside.unlink()
        if away.exists():
            away.rename(inside)


_installed: list[object] = []


@pytest.mark.parametrize("name", ["d", "d/e", "top"])
@pytest.mark.parametrize("what", [*WAYS, "snapshot"])
def test_swapped_at_each_open(place: Place, canary: Path, name: str, what: str) -> None:
    """Swapped just before any of the times that it is opened, a folder or a file leads nowhere."""
    ids = [one["id"] for one in place.ok("list")["snapshots"]]
    before = look(canary)
    target = canary / "a" if name == "top" else canary
    for number in range(1, 200):
        with swapped_at_open(place.root, name, target, number) as opened, place.parts() as site:
            if what in WAYS:
                _outcome(partial(back_to, place, site, ids[number % 2], what))
            else:
                place.write({"top": str(number), "d/a": str(number), "d/e/a": str(number)})
                _outcome(partial(record.record, site, "manual"))
        assert look(canary) == before
        if len(opened) < number:
            break
    assert number > 1
    assert len(opened) < number
    _tidy(place.root)
    place.run("snapshot")
    place.ok("rollback", ids[-1])
    assert not _read_canary(place)
