"""A real small file system that fills up: a loud failure, nothing half done, and all is well once there is room."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import scenes
from harness import apart
from scenes import World

pytestmark = pytest.mark.skipif(apart.why_not() is not None, reason=str(apart.why_not()))


@pytest.fixture
def base() -> Iterator[Path]:
    """Return a folder to mount in."""
    with tempfile.TemporaryDirectory(prefix="configvault-full-") as folder:
        yield Path(folder)


def full(base: Path, act: Callable[[World], None], *command: str, leave_bytes: int = 0) -> None:
    """Run a command in a scene on a disk with that little room left; then make room and check everything."""
    place = base / "mnt"

    def inside() -> None:
        apart.mount_small(place, "8m")
        _, world = scenes.make(place / "place", act)
        chosen = scenes.way_back(world, command[0]) if command[0] in scenes.WAYS else command
        ballast = apart.fill(place, leave_bytes=leave_bytes)
        before = scenes.state_of(world.root)
        status, document = world.call(*chosen)
        assert status == 1, document
        assert "space" in document["error"]["message"], document
        assert document["error"]["hint"], document
        assert scenes.state_of(world.root) == before
        ballast.unlink()
        assert scenes.wrong(world) is None
        status, document = world.call(*chosen)
        assert status == 0, document

    apart.apart(inside)


@pytest.mark.parametrize("leave_bytes", [0, 8192, 20480])
def test_snapshot(base: Path, leave_bytes: int) -> None:
    """A snapshot that finds no room says so and leaves a vault that takes the next one."""
    full(base, scenes.to_new, "snapshot", leave_bytes=leave_bytes)


@pytest.mark.parametrize("leave_bytes", [0, 4096, 16384])
@pytest.mark.parametrize("way", scenes.WAYS)
def test_rollback(base: Path, way: str, leave_bytes: int) -> None:
    """A rollback or deployment that finds no room has changed nothing in the root."""
    full(base, scenes.recorded_new, way, leave_bytes=leave_bytes)
