"""What is still being written is not captured; what stands still is, even while something beside it is written."""

from __future__ import annotations

import mmap
import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from configvault.core.settle import Dirty
from configvault.root.capture import Root, UnsettledError, prepare_leases
from configvault.root.names import Names

prepare_leases()


@pytest.fixture
def root(tmp_path: Path) -> Root:
    """A root with a file and a folder."""
    path = tmp_path / "root"
    (path / "sub" / "deep").mkdir(parents=True)
    (path / "a.yaml").write_text("a: 1\n")
    (path / "sub" / "b.yaml").write_text("b: 1\n")
    (path / "sub" / "deep" / "c.yaml").write_text("c: 1\n")
    return Root(str(path), Names(()))


def open_for_writing(path: Path) -> Callable[[], object]:
    """Hold `path` open; return what closes it."""
    return path.open("r+b").close


def mapped_for_writing(path: Path) -> Callable[[], object]:
    """Hold `path` mapped to be written, its descriptor closed; return what ends that."""
    with path.open("r+b") as file:
        return mmap.mmap(file.fileno(), 0).close


@pytest.mark.parametrize("hold", [open_for_writing, mapped_for_writing])
def test_open_for_writing_is_unsettled(root: Root, hold: Callable[[Path], Callable[[], object]]) -> None:
    """A file that somebody may still write, or has mapped so, is not captured; closed again it is."""
    release = hold(Path(root.path, "a.yaml"))
    with pytest.raises(UnsettledError, match=r"a\.yaml"):
        root.capture(None, None, leases=True, patience_s=0)
    release()
    assert root.capture(None, None, leases=True).find("a.yaml")


def test_open_for_reading_is_settled(root: Root) -> None:
    """A reader keeps nobody waiting."""
    with Path(root.path, "a.yaml").open("rb"):
        assert root.capture(None, None, leases=True, patience_s=0).find("a.yaml")


def test_what_stands_still_is_taken(root: Root) -> None:
    """After the longest wait an open file that stood still is taken; what moved keeps the entry it had before."""
    before = root.capture(None, None)
    with Path(root.path, "a.yaml").open("r+b") as open_file:
        open_file.write(b"a: 2\n")
        open_file.flush()
        Path(root.path, "sub", "b.yaml").write_text("b: 2\n")
        Path(root.path, "sub", "new.yaml").write_text("half")
        stood = root.survey(before)
        Path(root.path, "sub", "b.yaml").write_text("b: 33\n")
        Path(root.path, "sub", "new.yaml").write_text("half and more")
        state, moving = root.capture_still(before, None, stood)
    assert moving == {"sub/b.yaml", "sub/new.yaml"}
    assert state.find("sub/b.yaml") == before.find("sub/b.yaml")
    assert state.find("sub/new.yaml") is None
    assert state.find("a.yaml") != before.find("a.yaml")


def test_only_what_is_dirty_is_looked_at(root: Root) -> None:
    """A folder that no event named is not read; a tree is read with all below."""
    before = root.capture(None, None)
    Path(root.path, "sub", "deep", "c.yaml").write_text("c: 22\n")
    assert root.capture(before, None, dirty=Dirty(["sub"])).find("sub/deep") is before.find("sub/deep")
    assert root.capture(before, None, dirty=Dirty(trees=["sub"])).find("sub/deep") != before.find("sub/deep")
    assert root.capture(before, None, dirty=Dirty(["sub/deep"])).find("sub/deep") != before.find("sub/deep")


class Meddling:
    """Takes what is read; after the first file was read and found settled, somebody changes it and then another."""

    def __init__(self, change: Callable[[], object]) -> None:
        self.change: Callable[[], object] | None = change

    def append(self, pieces: Iterator[bytes]) -> tuple[int, int]:
        """Count what is read."""
        return 0, sum(map(len, pieces))

    def keep(self, blob: str, where: tuple[int, int]) -> None:
        """Let the change happen now."""
        if self.change is not None:
            self.change()
            self.change = None


@pytest.mark.parametrize("steady", [True, False])
def test_a_steady_capture_existed(root: Root, steady: bool) -> None:
    """A steady capture never mixes the old one file with the new other; one that is not steady would."""
    first, second = Path(root.path, "a.yaml"), Path(root.path, "sub", "b.yaml")

    def change() -> None:
        first.write_text("a: 2\n")
        second.write_text("b: 2\n")

    found = root.capture(None, Meddling(change), steady=steady)
    now = root.capture(None, None)
    assert (found.find("a.yaml") == now.find("a.yaml")) is steady
    assert found.find("sub/b.yaml") == now.find("sub/b.yaml")


def test_lease_is_given_back(root: Root) -> None:
    """After a capture everybody may open the files again without waiting for a lease to break."""
    root.capture(None, None, leases=True)
    os.close(os.open(os.path.join(root.path, "a.yaml"), os.O_WRONLY | os.O_NONBLOCK))
