"""The daemon as a process: it starts, sees, records, follows its schedule, and ends."""

from __future__ import annotations

from pathlib import Path

import pytest
from harness.daemon import Place


@pytest.fixture
def place(tmp_path: Path) -> Place:
    """A root, a vault to be, a configuration."""
    return Place(tmp_path)


def test_start_change_stop(place: Place) -> None:
    """It records what it finds at the start and each change after that, and ends when told."""
    with place.daemon() as daemon:
        assert place.triggers() == ["startup"]
        (place.root / "a.yaml").write_text("version: 2\n")
        said = daemon.wait("snapshot.recorded", trigger="change")
        assert said["paths"] == ["a.yaml"]
    assert place.triggers() == ["startup", "change"]
    place.assert_whole()
