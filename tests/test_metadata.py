"""The committed file that says what git's trees cannot: absent when there is nothing to say, and as short as can be."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sites import Place

from configvault.core import metadata
from configvault.core.compare import changes
from configvault.core.model import METADATA_NAME, Entry, Folder, Kind

BLOB = "e69de29bb2d1d6434b8b29ae775ad8c2e48c5391"


def file(mode: int = 0o644, uid: int = 0, gid: int = 0) -> Entry:
    """Return an empty file."""
    return Entry(Kind.FILE, mode, uid, gid, BLOB, 0)


def document(root: Folder) -> dict[str, object]:
    """Return what the metadata file of `root` says."""
    body = metadata.encode(root)
    assert body is not None
    return dict(json.loads(body))


def test_absent_when_there_is_nothing_to_say() -> None:
    """Plain files, executables, links and folders of root's need no metadata file."""
    link = Entry(Kind.LINK, 0o777, 0, 0, BLOB, 0)
    folder = Folder(0o755, 0, 0, {"x": file(0o755), "y": link})
    assert metadata.encode(Folder(0o755, 0, 0, {"a": file(), "d": folder})) is None


@pytest.mark.skipif(os.geteuid() != 0, reason="files that root does not own need metadata")
def test_absent_in_the_vault(tmp_path: Path) -> None:
    """A plain root leaves nothing in the vault but its own files."""
    place = Place(tmp_path)
    place.init({"a": "1", "d/b": "2"})
    assert place.git("ls-tree", "-r", "--name-only", "main").split() == ["a", "d/b"]


def test_size_grows_with_exceptions_only() -> None:
    """A thousand files of one other owner and mode cost a few lines, not a thousand."""
    entries = {f"f{number:04}": file(0o640, 1000, 1000) for number in range(1000)}
    few = metadata.encode(Folder(0o750, 1000, 1000, entries))
    assert few is not None
    assert len(few) < 300
    assert "paths" not in json.loads(few)
    entries["f0500"] = file(0o600, 1000, 1000)
    one = document(Folder(0o750, 1000, 1000, entries))
    assert one["paths"] == {"f0500": {"mode": "0600"}}


@pytest.mark.parametrize("entry", [file(0o600), file(0o666), file(0o644, 1, 0), file(0o644, 0, 1)])
def test_a_folder_of_nothing_but_exceptions(entry: Entry) -> None:
    """A folder in which nothing is as the defaults say is entered, whether modes and owners are above or below them."""
    root = Folder(0o755, 0, 0, {"a": file(), "b": file(), "d": Folder(0o755, 0, 0, {"x": entry})})
    assert list(document(root)["paths"]) == ["d/x"]  # type: ignore[call-overload]


def test_owner_of_most_files_is_the_default() -> None:
    """Where most files belong to somebody else than the root folder, that owner stands once."""
    entries = {f"f{number}": file(0o644, 33, 33) for number in range(50)} | {"mine": file()}
    said = document(Folder(0o755, 0, 0, entries))
    assert said["defaults"] == {"gid": 33, "uid": 33}
    assert said["paths"] == {"mine": {"gid": 0, "uid": 0}}


def test_root_folder_itself() -> None:
    """The root folder's own owner and mode are said, since no tree does."""
    assert document(Folder(0o2775, 5, 6, {}))["root"] == {"gid": 6, "mode": "2775", "uid": 5}


def test_deepest_empty_folders_only() -> None:
    """Of nested empty folders the deepest is named; those above follow from it."""
    inner = Folder(0o755, 0, 0, {"b": Folder(0o755, 0, 0, {})})
    assert document(Folder(0o755, 0, 0, {"a": inner}))["empty_folders"] == ["a/b"]


def test_deterministic() -> None:
    """Equal states have equal files, whatever order they were read in."""
    first = {"a": file(0o600), "b": file(0o640), "c": Folder(0o700, 0, 0, {})}
    second = dict(reversed(first.items()))
    assert metadata.encode(Folder(0o755, 0, 0, first)) == metadata.encode(Folder(0o755, 0, 0, second))


def test_the_bytes() -> None:
    """The file is JSON with a line for each value and sorted keys, to the byte: its id is part of each snapshot's tree."""
    root = Folder(0o750, 5, 6, {"b": file(0o600, 5, 6), "a": file(0o644, 5, 6), "e": Folder(0o755, 5, 6, {})})
    assert metadata.encode(root) == (
        b'{\n "empty_folders": [\n  "e"\n ],\n "format": 1,\n "paths": {\n  "b": {\n   "mode": "0600"\n  }\n },\n'
        b' "root": {\n  "gid": 6,\n  "mode": "0750",\n  "uid": 5\n }\n}\n'
    )


@pytest.mark.parametrize(
    ("said", "owner"),
    [
        ({}, (5, 6)),
        ({"uid": 7}, (7, 6)),
        ({"gid": 7}, (5, 7)),
        ({"uid": 7, "gid": 8}, (7, 8)),
        ({"uid": 0}, (0, 6)),
    ],
)
def test_what_defaults_leave_out_is_the_root_folders(said: dict[str, int], owner: tuple[int, int]) -> None:
    """The owner of most files is the root folder's, but for what the defaults say."""
    body = json.dumps({"format": 1, "root": {"uid": 5, "gid": 6}, "defaults": said}).encode()
    assert metadata.decode(body).owner == owner


@pytest.mark.parametrize(
    ("owners", "default"),
    [
        (((33, 44), (34, 43)), {"uid": 33, "gid": 44}),
        (((33, 44), (33, 43)), {"uid": 33, "gid": 43}),
        (((33, 44), (0, 0)), None),
        (((0, 1), (33, 44), (33, 44)), {"uid": 33, "gid": 44}),
    ],
)
def test_of_owners_with_as_many_files_the_first_is_the_default(
    owners: tuple[tuple[int, int], ...], default: dict[str, int] | None
) -> None:
    """The root folder's owner wins a tie, then the smallest numbers do: equal states have equal files."""
    root = Folder(0o755, 0, 0, {f"f{number}": file(0o644, *owner) for number, owner in enumerate(owners)})
    assert document(root).get("defaults") == default


def test_the_root_folders_owner_wins_a_tie_with_smaller_numbers() -> None:
    """With as many files of its own as of somebody else's, nothing has to be said of its own."""
    root = Folder(0o755, 50, 50, {"a": file(0o644, 33, 44), "b": file(0o644, 50, 50)})
    assert document(root)["paths"] == {"a": {"gid": 44, "uid": 33}}


@pytest.mark.parametrize(
    ("modes", "default"), [((0o600, 0o640), "0600"), ((0o644, 0o600), None), ((0o600, 0o600, 0o644), "0600")]
)
def test_of_modes_with_as_many_files_the_plain_one_is_the_default(
    modes: tuple[int, ...], default: str | None
) -> None:
    """The plain mode wins a tie, then the smallest does."""
    root = Folder(0o755, 0, 0, {f"f{number}": file(mode) for number, mode in enumerate(modes)})
    defaults = document(root).get("defaults", {})
    assert isinstance(defaults, dict)
    assert defaults.get("file") == default


@pytest.mark.parametrize(
    ("row", "is_one"),
    [
        ({"mode": "7777"}, True), ({"mode": "10000"}, False), ({"mode": "-1"}, False), ({"mode": 420}, False), ({"mode": "0"}, True),
        ({"uid": 0xFFFFFFFE}, True), ({"uid": 0xFFFFFFFF}, False), ({"gid": -1}, False), ({"gid": 0}, True), ({"uid": True}, False),
        ({"gid": 1.0}, False), ({"uid": None}, True), ({}, True), ([], False),
    ],
)  # fmt: skip
def test_what_a_mode_and_an_owner_can_be(row: object, is_one: bool) -> None:
    """A mode has twelve bits, an owner is a number that chown(2) takes for one."""
    body = json.dumps({"format": 1, "paths": {"a": row}}).encode()
    if is_one:
        assert "a" in metadata.decode(body).exceptions
    else:
        with pytest.raises(ValueError, match=METADATA_NAME):
            metadata.decode(body)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{}",
        b"[]",
        b"null",
        b'{"format": 2}',
        b'{"format": "1"}',
        b"\xff",
        b'{"format": 1, "root": {"mode": "9"}}',
    ],
)
def test_what_is_none_is_refused(body: bytes) -> None:
    """Anything else than the format is an error, never a guess."""
    with pytest.raises(ValueError):
        metadata.decode(body)


@pytest.mark.parametrize(
    "text",
    [
        "{", '{"format": 2}', '{"format": 1, "paths": {"a": 3}}', '{"format": 1, "empty_folders": ["../up"]}',
        '{"format": 1, "empty_folders": [".git/x"]}', '{"format": 1, "empty_folders": [5]}', '{"format": 1, "root": 3}',
        '{"format": 1, "paths": []}', '{"format": 1, "empty_folders": ["/abs"]}', '{"format": 1, "defaults": {"file": 8}}',
        '{"format": 1, "paths": {"a": {"mode": "7777777"}}}', '{"format": 1, "paths": {"a": {"uid": "x"}}}',
        '{"format": 1, "paths": {"a": {"uid": -1}}}',
    ],
)  # fmt: skip
def test_damaged_file_in_the_vault(tmp_path: Path, text: str) -> None:
    """A metadata file that says what it cannot mean is a damaged vault (9) for whoever would restore it."""
    place = Place(tmp_path)
    place.init({"a": "1"})
    (tmp_path / "m").write_text(text)
    blob = place.git("hash-object", "-w", str(tmp_path / "m")).strip()
    a = place.git("rev-parse", "main:a").strip()
    (tmp_path / "tree").write_text(f"100644 blob {blob}\t{METADATA_NAME}\n100644 blob {a}\ta\n")
    with (tmp_path / "tree").open() as rows:
        tree = subprocess.run(
            ["git", "-C", place.vault, "mktree"], stdin=rows, capture_output=True, text=True, check=True
        ).stdout.strip()
    message = place.git("log", "-1", "--format=%B", "main").replace("backup_2", "backup_3")
    commit = place.git(
        "-c", "user.name=x", "-c", "user.email=x@y", "commit-tree", "-p", "main", "-m", message, tree
    ).strip()
    place.git("update-ref", "refs/heads/main", commit)
    done = place.run("rollback", "latest", "--force")
    assert (done.code, len(done.said("error")), len(done.said("hint"))) == (9, 1, 1), done
    assert (place.root / "a").read_text() == "1"


# --- whatever a directory holds

IDS = st.sampled_from([0, 1, 33, 1000, 65534])
MODES = st.sampled_from([0o644, 0o755, 0o600, 0o640, 0o700, 0o4755, 0o1777, 0, 0o7777, 0o111])
NAMES = st.text(
    st.characters(min_codepoint=1, max_codepoint=0x3FF, exclude_characters="/")
    | st.sampled_from("\udc80\udcff\u2028日"),
    min_size=1,
    max_size=6,
).filter(
    lambda name: (
        name not in {".", ".."}
        and not name.lower().startswith((".git", ".configvault"))
        and "git~1" not in name
    )
)
FILES = st.builds(lambda mode, uid, gid: Entry(Kind.FILE, mode, uid, gid, BLOB, 0), MODES, IDS, IDS)
LINKS = st.builds(lambda uid, gid: Entry(Kind.LINK, 0o777, uid, gid, BLOB, 0), IDS, IDS)


def folders(children: st.SearchStrategy[Entry | Folder]) -> st.SearchStrategy[Folder]:
    """Return folders of any attributes with such `children`."""
    return st.builds(Folder, MODES, IDS, IDS, st.dictionaries(NAMES, children, max_size=4))


TREES = folders(st.recursive(FILES | LINKS, folders, max_leaves=12))


@settings(max_examples=60)
@given(TREES)
def test_decode_is_the_inverse_of_encode(root: Folder) -> None:
    """What was encoded gives back every attribute of every entry, and every empty folder."""
    body = metadata.encode(root)
    said = metadata.decode(body) if body is not None else metadata.Metadata()
    assert said.root == root.attributes
    for path, entry in root.walk():
        sort = "folder" if isinstance(entry, Folder) else metadata.sort_of(entry.git_mode)
        mode, uid, gid = said.attributes(path, sort)
        expected = entry.attributes[1:] if isinstance(entry, Folder) else (entry.mode, entry.uid, entry.gid)
        assert (mode, uid, gid) == expected
    empty = {path for path, entry in root.walk() if isinstance(entry, Folder) and not entry.entries}
    assert set(said.empty_folders) == empty


@settings(max_examples=60)
@given(TREES, TREES)
def test_equal_trees_are_equal_states(one: Folder, other: Folder) -> None:
    """The ids of two snapshot trees are equal exactly when nothing at all differs."""
    same = metadata.snapshot_tree(one).id == metadata.snapshot_tree(other).id
    assert same == (not changes(one, other))
