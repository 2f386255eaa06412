"""Where a capture draws the line: how deep, how large, how many, how new; and what a name leads to by itself."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from configvault.core.errors import ConfigvaultError
from configvault.core.gitformat import make
from configvault.core.leftout import TOO_LARGE, TOO_MANY, UNCAPTURED
from configvault.core.model import Entry, Folder
from configvault.root.capture import DEEPEST, Limits, Root, UnsettledError
from configvault.root.names import Names
from configvault.vault.stage import Stage


def nested(base: Path, depth: int) -> None:
    """Make `depth` folders, one in the other, with a file in the last."""
    fd = os.open(base, os.O_RDONLY)
    for _ in range(depth):
        os.mkdir("d", dir_fd=fd)
        inner = os.open("d", os.O_RDONLY, dir_fd=fd)
        os.close(fd)
        fd = inner
    os.close(os.open("x", os.O_CREAT | os.O_WRONLY, dir_fd=fd))
    os.close(fd)


def root(path: Path, **limits: int) -> Root:
    """Return the root at `path`."""
    return Root(str(path), Names(("*.swp",)), Limits(**limits))


def test_the_deepest_folder(tmp_path: Path) -> None:
    """Two hundred folders deep is captured, one more is an error, or is left out where the rest is wanted."""
    (tmp_path / "ok").mkdir()
    nested(tmp_path / "ok", DEEPEST - 1)
    assert len(dict(root(tmp_path).capture(None, None).files())) == 1
    deep = tmp_path / "deep"
    deep.mkdir()
    nested(deep, DEEPEST + 1)
    with pytest.raises(ConfigvaultError, match=f"nested more than {DEEPEST} folders deep"):
        root(deep).capture(None, None)
    state = root(deep).capture(None, None, whole=False)
    [(path, reason)] = state.all_left_out()
    assert path == "/".join("d" * (DEEPEST + 1))
    assert reason == f"{UNCAPTURED}it is nested more than {DEEPEST} folders deep"


def test_the_largest_file(tmp_path: Path) -> None:
    """A file of as many bytes as are allowed is captured; one byte more is left out, but for one that is expected so."""
    (tmp_path / "a").write_bytes(b"1234")
    assert list(root(tmp_path, file_bytes=4).capture(None, None).entries) == ["a"]
    limited = root(tmp_path, file_bytes=3)
    state = limited.capture(None, None)
    assert (dict(state.entries), list(state.left_out)) == ({}, ["a"])
    assert state.left_out["a"] == f"{TOO_LARGE}4 bytes, more than validate.max_file_size = 3"
    known = root(tmp_path).capture(None, None)
    assert list(limited.capture(None, None, expected=known).entries) == ["a"]
    (tmp_path / "a").write_bytes(b"12345")
    assert list(limited.capture(None, None, expected=known).entries) == []


@pytest.mark.parametrize("known", [False, True])
def test_the_number_of_files(tmp_path: Path, known: bool) -> None:
    """As many files as are allowed are captured, by name; what comes after them is left out, also where they are known."""
    for name in "abc":
        (tmp_path / name).write_text(name)
    limited = root(tmp_path, files=3)
    before = limited.capture(None, None) if known else None
    assert list(limited.capture(before, None).entries) == ["a", "b", "c"]
    (tmp_path / "d").write_text("d")
    state = limited.capture(before, None)
    assert list(state.entries) == ["a", "b", "c"]
    assert state.left_out == {"d": f"{TOO_MANY}more than validate.max_files = 3 files"}


def test_what_is_new_is_not_believed_by_its_stamp(tmp_path: Path) -> None:
    """A file of this moment could change again without another stamp: it is read again. One of long ago is not."""
    (tmp_path / "a").write_text("1")
    assert dict(root(tmp_path).capture(None, None).stamps) == {}
    old = Path(json.__file__).parent
    names = sorted(path.name for path in old.glob("*.py"))
    state = Root(str(old), Names(())).capture(None, None)
    assert set(names) <= set(state.stamps)
    assert Root(str(old), Names(())).capture(state, None) is state


def test_ids_are_gits(tmp_path: Path) -> None:
    """What is captured has the id that git gives those bytes, whether they are kept or not."""
    (tmp_path / "a").write_bytes(b"x" * 3_000_000)
    (tmp_path / "l").symlink_to("a")
    with Stage(None) as stage:
        kept = root(tmp_path).capture(None, stage)
        assert stage.read(make("blob", b"a").id) == b"a"
        assert stage.size(make("blob", b"x" * 3_000_000).id) == 3_000_000
    found = {path: entry.blob for path, entry in kept.files()}
    assert found == {"a": make("blob", b"x" * 3_000_000).id, "l": make("blob", b"a").id}
    assert root(tmp_path).capture(None, None).id == kept.id


def test_a_survey_sees_what_a_capture_sees(tmp_path: Path) -> None:
    """Stamps are those of every file, link and folder, and of nothing that is ignored."""
    (tmp_path / "d").mkdir()
    (tmp_path / "d" / "a").write_text("1")
    (tmp_path / "x.swp").write_text("1")
    (tmp_path / "l").symlink_to("nowhere")
    assert set(root(tmp_path).survey(None)) == {"/", "d/", "d/a", "l"}


def test_what_has_a_name_by_itself(tmp_path: Path) -> None:
    """One entry is inspected with all that is in it, also what the configuration ignores; what is no file is nothing."""
    (tmp_path / "d").mkdir()
    (tmp_path / "d" / "x.swp").write_text("1")
    (tmp_path / "a").write_text("1")
    os.mkfifo(tmp_path / "fifo")
    fd = os.open(tmp_path, os.O_RDONLY)
    try:
        folder, file = root(tmp_path).inspect(fd, "d", None), root(tmp_path).inspect(fd, "a", None)
        assert isinstance(folder, Folder)
        assert list(folder.entries) == ["x.swp"]
        assert isinstance(file, Entry)
        assert file.blob == make("blob", b"1").id
        assert root(tmp_path).inspect(fd, "fifo", None) is None
        assert root(tmp_path).inspect(fd, "gone", None) is None
    finally:
        os.close(fd)


def test_folders_are_known_by_what_they_are(tmp_path: Path) -> None:
    """A capture notes which folder each path was: another one under the same name is another."""
    (tmp_path / "d").mkdir()
    one = root(tmp_path)
    one.capture(None, None)
    before = one.folders["d"]
    assert set(one.folders) == {"", "d"}
    (tmp_path / "d").rename(tmp_path / "e")
    (tmp_path / "d").mkdir()
    one.capture(None, None)
    assert (one.folders["e"], one.folders["d"] == before) == (before, False)


@pytest.mark.parametrize(
    ("paths", "said"),
    [
        (["d/a"], "'d/a' is being written"),
        (["b", "a"], "'a' and 1 more is being written"),
        (["c", "b", "a"], "'a' and 2 more is being written"),
    ],
)
def test_what_did_not_hold_still_is_named(paths: list[str], said: str) -> None:
    """The first by name, and how many more there are."""
    error = UnsettledError(paths)
    assert (str(error), error.paths) == (said, frozenset(paths))
