"""A rollback gives no folder, nor what is in it, to somebody who gave it another folder's name."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from sites import Place

from configvault.core.model import Entry, Folder, Kind
from configvault.core.plan import plan

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="giving files to others needs root")
OTHER = 65534


@pytest.fixture
def place(tmp_path: Path) -> Place:
    """Return a place whose root is somebody's, with a folder of theirs, one of root's that is closed and one that is open."""
    made = Place(tmp_path / "place")
    made.write({"theirs/a": "a: 1\n", "closed/a": "a: 2\n", "closed/left.swp": "ignored", "open/a": "a: 3\n"})
    (made.root / "closed").chmod(0o700)
    for name in ("", "theirs", "theirs/a"):
        os.chown(made.root / name, OTHER, OTHER)
    made.init()
    return made


@pytest.mark.parametrize("name", ["theirs", "open"])
def test_folder_that_got_another_name(place: Place, name: str) -> None:
    """Root's closed folder is neither given away nor opened where it has the name of another: that one is made anew."""
    held = os.open(place.root / "closed", os.O_RDONLY)
    (place.root / name).rename(place.root / "aside")
    (place.root / "closed").rename(place.root / name)
    (place.root / "aside").rename(place.root / "closed")
    outcome = place.ok("rollback", "latest")
    seen = os.fstat(held)
    os.close(held)
    assert (seen.st_uid, seen.st_mode & 0o777) == (0, 0o700)
    assert (place.root / outcome["aside"][name] / "left.swp").read_text() == "ignored"
    uid, mode = (OTHER if name == "theirs" else 0), 0o755
    assert ((place.root / name).stat().st_uid, (place.root / name).stat().st_mode & 0o777) == (uid, mode)
    assert (place.root / "closed").stat().st_mode & 0o777 == 0o700


def test_folder_that_nobody_else_could_rename(place: Place) -> None:
    """Where the root is root's alone, a folder gets owner and mode back in its place, with the ignored files in it."""
    os.chown(place.root, 0, 0)
    place.snapshot()
    before = (place.root / "closed").stat().st_ino, (place.root / "closed/left.swp").stat().st_ino
    os.chown(place.root / "closed", OTHER, OTHER)
    (place.root / "closed").chmod(0o755)
    assert not place.ok("rollback", "latest").get("aside")
    seen = (place.root / "closed").stat()
    assert (seen.st_ino, (place.root / "closed/left.swp").stat().st_ino) == before
    assert (seen.st_uid, seen.st_mode & 0o777) == (0, 0o700)


def test_folder_is_closed_before_it_is_filled() -> None:
    """What comes into a folder that shall be closed comes after it was closed, and before it is opened."""
    blob = Entry(Kind.FILE, 0o644, 0, 0, "1" * 40, 1)

    def root(mode: int, uid: int, **entries: Entry) -> Folder:
        return Folder(0o755, 0, 0, {"d": Folder(mode, uid, uid, entries)})

    closing = plan(root(0o755, OTHER, old=blob), root(0o700, 0, new=blob)).steps
    assert [step.path for step in closing] == ["d", "d/new", "d/old"]
    opening = plan(root(0o700, 0, old=blob), root(0o755, OTHER, new=blob)).steps
    assert [step.path for step in opening] == ["d/new", "d/old", "d"]
