"""The power goes at any state-changing call: root and vault on a real file system hold an old or a new state, whole."""

from __future__ import annotations

import itertools
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import scenes
from harness import power, tracer
from harness.power import EXT4, XFS, Cut, FileSystem
from harness.tracer import Kill
from scenes import World

pytestmark = pytest.mark.skipif(not tracer.supported, reason="the tracer knows x86_64 Linux only")

SAMPLE = 8
SWAPS = 5


@pytest.fixture(params=[EXT4, XFS], ids=lambda system: system.name)
def system(request: pytest.FixtureRequest) -> FileSystem:
    """Return a file system that this machine can make and mount."""
    chosen: FileSystem = request.param
    reason = power.why_not(chosen)
    if reason is not None:
        pytest.skip(f"{chosen.name}: {reason}")
    return chosen


@pytest.fixture
def sample(request: pytest.FixtureRequest) -> int | None:
    """Return before how many calls to cut, None for all."""
    return SAMPLE if request.config.getoption("--crash-sample") else None


def lost(
    base: Path,
    system: FileSystem,
    act: Callable[[World], None],
    command: Callable[[World], list[str]],
    new: str,
    sample: int | None,
    ends: int = 0,
    before: Callable[[World], str | None] = lambda _: None,
    prints: bool = True,
) -> list[str]:
    """Cut the power while a command runs in a scene, and say what is lost.

    Args:
        base: where to work.
        system: the file system that loses power.
        act: what makes the scene.
        command: what runs.
        new: the state after its success.
        sample: before how many calls to cut, None for all.
        ends: its exit status.
        before: what to do before anything is checked; it may find something wrong itself.
        prints: whether the command prints what it has done, as all do but the daemon.
    """
    scene, world = scenes.make(base / "mnt", act)
    shutil.rmtree(world.place)

    def check(cut: Cut) -> str | None:
        if cut.call is None and cut.status != ends:
            return f"the undisturbed run exits {cut.status}: {cut.output}"
        lost = scenes.unkept(world, cut.output) if cut.call is None and prints else None
        return lost or before(world) or scenes.wrong(world, must_be=new if cut.call is None else None)

    return power.cuts(system, base, scene.folder, command(world), check, sample=sample)


def test_snapshot(tmp_path: Path, system: FileSystem, sample: int | None) -> None:
    """A snapshot that was reported is on the disk, and one that was not harms nothing."""
    losses = lost(tmp_path, system, scenes.to_new, lambda world: world.command("snapshot"), "new", sample)
    assert losses == []


@pytest.mark.parametrize("way", scenes.WAYS)
def test_rollback(tmp_path: Path, way: str, system: FileSystem, sample: int | None) -> None:
    """A rollback or deployment that was reported is on the disk, and one that was cut short is finished or undone."""

    def command(world: World) -> list[str]:
        return world.command(*scenes.way_back(world, way))

    assert lost(tmp_path, system, scenes.recorded_new, command, "old", scenes.of(way, sample)) == []


@pytest.mark.parametrize("recovery", [("snapshot",), ("run", "--once")], ids="-".join)
@pytest.mark.parametrize("way", scenes.WAYS)
def test_recovery(
    tmp_path: Path, way: str, system: FileSystem, recovery: tuple[str, ...], sample: int | None
) -> None:
    """The recovery from a killed rollback or deployment may itself be cut short, by a command or by the daemon's start."""

    def killed(world: World) -> None:
        scenes.recorded_new(world)
        world.note_reported()
        swaps = itertools.count(1)

        def decide(call: tracer.Call) -> Kill | None:
            return Kill() if call.name == "renameat2" and next(swaps) == SWAPS else None

        ran = tracer.run(
            world.command(*scenes.way_back(world, way)), under=[world.place], cwd=world.place, decide=decide
        )
        assert ran.status == -9, ran.output

    def command(world: World) -> list[str]:
        return world.command(*recovery)

    prints = recovery[0] != "run"
    assert lost(tmp_path, system, killed, command, "old", scenes.of(way, sample), prints=prints) == []


@pytest.mark.parametrize("way", scenes.WAYS)
def test_undo(tmp_path: Path, way: str, system: FileSystem, sample: int | None) -> None:
    """A rollback or deployment that the service does not take and that is undone is wholly there or wholly not."""

    def refused(world: World) -> None:
        scenes.recorded_new(world)
        scenes.configure(
            world,
            "reload: {kind: command, command: ['false'], attempts: 1}",
            "rollback: {on_reload_failure: undo}",
        )

    def taken(world: World) -> None:
        scenes.configure(world)

    def command(world: World) -> list[str]:
        return world.command(*scenes.way_back(world, way))

    found = lost(tmp_path, system, refused, command, "new", scenes.of(way, sample), ends=8, before=taken)
    assert found == []


def test_first_vault(tmp_path: Path, system: FileSystem, sample: int | None) -> None:
    """A vault in the making is made whole by the next `init`; one that was reported is whole."""

    def no_vault(world: World) -> None:
        shutil.rmtree(world.vault)

    def again(world: World) -> str | None:
        status, document = world.call("init")
        return f"init exits {status}: {document}" if status else None

    def command(world: World) -> list[str]:
        world.reported = {}
        return world.command("init")

    assert lost(tmp_path, system, no_vault, command, "old", sample, before=again) == []


@pytest.mark.parametrize("way", scenes.WAYS)
def test_unconfirmed(tmp_path: Path, way: str, system: FileSystem, sample: int | None) -> None:
    """A rollback or deployment that waits, and is undone when its time is over, still waits or is undone after a power cut."""

    def cancel(world: World) -> str | None:
        status, document = world.call("cancel")
        return f"cancel exits {status}: {document}" if status > 1 else None

    def command(world: World) -> list[str]:
        return world.command(*scenes.way_back(world, way), "--confirm=1s")

    found = lost(tmp_path, system, scenes.to_new, command, "new", scenes.of(way, sample), ends=8, before=cancel)
    assert found == []
