"""What is published or reported has been synced before: read off the calls, whatever the file system would forgive."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest
import scenes
from harness import crash, fsync_order, tracer
from harness.crash import Fault
from scenes import World

pytestmark = pytest.mark.skipif(not tracer.supported, reason="the tracer knows x86_64 Linux only")

# May be lost: the lock (only its flock counts), what need not be read and validated again, what only a running daemon
# reads, scratch files without a name.
MAY_BE_LOST = (
    r"/vault/configvault/(lock|daemon\.lock|(stat-cache\.json|verdicts|settings|outcomes|noted-refs)(\.\d+\.\d+\.tmp)?|#\d+ \(deleted\).*)$"
    r"|/#\d+ \(deleted\)$"
)


def out_of_order(world: World, *command: str) -> list[str]:
    """Return what a command on this world publishes or reports too early."""
    ran, violations = fsync_order.check(
        world.command(*command), under=world.place, cwd=world.place, ignore=MAY_BE_LOST
    )
    assert ran.status == 0, ran.output
    return [violation.replace(f"{world.place}/", "") for violation in violations]


def test_init(tmp_path: Path) -> None:
    """The first snapshot and the vault around it are on disk when they are reported."""
    _, world = scenes.make(tmp_path / "place", scenes.to_new)
    (tmp_path / "other").mkdir()
    config = tmp_path / "other" / "config.yaml"
    config.write_text(
        f"root: {world.root}\nvault: {tmp_path}/other/vault\nvalidate: {{profile: generic}}\nreload: {{kind: none}}\n"
    )
    command = [
        *scenes.PROGRAM,
        "--config",
        str(config),
        "init",
        "--root",
        str(world.root),
        "--vault",
        f"{tmp_path}/other/vault",
    ]
    ran, violations = fsync_order.check(command, under=tmp_path / "other", cwd=tmp_path, ignore=MAY_BE_LOST)
    assert ran.status == 0, ran.output
    # Git does not sync these two; the vault counts as made only after everything was synced.
    mercy = re.compile(r"published by \w+ as \S*/vault/(HEAD|config): ")
    assert [one for one in violations if not mercy.match(one)] == []


def test_snapshot(tmp_path: Path) -> None:
    """Objects, then the branch, then the tag, then the report; each synced before the next leads to it."""
    _, world = scenes.make(tmp_path / "place", scenes.to_new)
    assert out_of_order(world, "snapshot") == []


def test_rollback(tmp_path: Path) -> None:
    """The journal before the root, each new entry before its name, the root before the record, all before the report."""
    _, world = scenes.make(tmp_path / "place", scenes.recorded_new)
    assert out_of_order(world, "rollback", min(world.reported)) == []


def test_deploy(tmp_path: Path) -> None:
    """What came from outside is in the vault and synced before the root is touched, as for a rollback."""
    _, world = scenes.make(tmp_path / "place", lambda _: None)
    scenes.old_state(tmp_path / "offered")
    scenes.new_state(tmp_path / "offered")
    assert out_of_order(world, "deploy", str(tmp_path / "offered")) == []


@pytest.mark.parametrize("share", [0.2, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.98])
@pytest.mark.parametrize("way", scenes.WAYS)
def test_recovery(tmp_path: Path, way: str, share: float) -> None:
    """What a killed rollback or deployment had renamed and not synced is on disk before the command after it reports success."""
    scene, world = scenes.make(tmp_path / "place", scenes.recorded_new)
    first = world.command(*scenes.way_back(world, way))
    strike = round(len(crash.count(scene, first).calls) * share)
    scene.set()
    order = fsync_order.Order(str(world.place), re.compile(MAY_BE_LOST))
    both = ["sh", "-c", f"{shlex.join(first)}; {shlex.join(world.command('snapshot'))}"]
    ran = tracer.run(
        both, under=[world.place], cwd=world.place, decide=Fault("kill-one").at(strike), observe=order.see
    )
    assert ran.status == 0, ran.output
    order.report("the caller by exit status 0")
    assert [violation.replace(f"{world.place}/", "") for violation in order.violations] == []


def test_marks(tmp_path: Path) -> None:
    """A pin and an annotation are on disk when they are reported."""
    _, world = scenes.make(tmp_path / "place", scenes.recorded_new)
    assert out_of_order(world, "pin", min(world.reported), "name") == []
    assert out_of_order(world, "annotate", min(world.reported), "-m", "text") == []
