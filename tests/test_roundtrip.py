"""Capture, commit, restore is the identity; a plan applied is the target: for whatever hypothesis thinks of."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sites import look

from configvault.core import compare, metadata
from configvault.core.gitformat import make as object_of
from configvault.core.model import Entry, Folder, Kind
from configvault.core.plan import plan
from configvault.root.capture import Root
from configvault.root.names import Names
from configvault.root.restore import Restore
from configvault.vault.opening import create_vault
from configvault.vault.repository import Note, Vault
from configvault.vault.stage import Stage

ROOT = os.geteuid() == 0
OWNERS = st.sampled_from([(0, 0), (1000, 1000), (33, 1000)]) if ROOT else st.just((os.getuid(), os.getgid()))
NAMES = st.sampled_from(
    ["a", "b", "c", "A", " x", "-f", "n\nl", "\udcff", "é", "e\u0301", ".h", "back\\slash", "a.b"]
)
CONTENTS = st.sampled_from([b"", b"1\n", b"2\n", b"\r\n", b"\0\xff", b"x" * 5000])
FILE_MODES = st.sampled_from(
    [0o644, 0o755, 0o600, 0o400, 0o4755, 0o000] if ROOT else [0o644, 0o755, 0o600, 0o400]
)
FOLDER_MODES = st.sampled_from([0o755, 0o700, 0o2775, 0o555] if ROOT else [0o755, 0o700])

Node = tuple[str, object, int, tuple[int, int]]


def trees() -> st.SearchStrategy[dict[str, Node]]:
    """Return directories as names to (sort, content, mode, owner)."""
    files = st.tuples(st.just("file"), CONTENTS, FILE_MODES, OWNERS)
    links = st.tuples(
        st.just("link"), st.sampled_from(["a", "..", "/etc/passwd", "nowhere", "\udcfe"]), st.just(0), OWNERS
    )
    leaves = files | links
    return st.dictionaries(
        NAMES,
        st.recursive(
            leaves,
            lambda inner: st.tuples(
                st.just("folder"), st.dictionaries(NAMES, inner, max_size=4), FOLDER_MODES, OWNERS
            ),
            max_leaves=8,
        ),
        max_size=5,
    )


def make(path: str, tree: dict[str, Node]) -> None:
    """Write `tree` into the folder at `path`."""
    for name, (sort, content, mode, owner) in tree.items():
        here = os.path.join(path, name)
        if sort == "folder":
            os.mkdir(here)
            make(here, content)  # type: ignore[arg-type]
        elif sort == "link":
            os.symlink(content, here)  # type: ignore[arg-type]
        else:
            with open(here, "wb") as file:
                file.write(content)  # type: ignore[arg-type]
        if ROOT:
            os.lchown(here, *owner)
        if sort != "link":
            os.chmod(here, mode)


@pytest.fixture(scope="module")
def vault(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Vault]:
    """Return one vault for all examples: what it holds already must not matter."""
    vault = create_vault(str(tmp_path_factory.mktemp("v") / "vault"), dict(os.environ))
    yield vault
    vault.close()


@contextmanager
def folder() -> Iterator[Path]:
    """Make a folder for one example."""
    path = tempfile.mkdtemp()
    try:
        yield Path(path)
    finally:
        shutil.rmtree(path)


def note(vault: Vault) -> Note:
    """Return something to say of a commit."""
    return Note(datetime(2024, 1, 1, tzinfo=UTC), "manual", "somebody", "host", "Example")


def apply(root: Root, vault: Vault, live: Folder, target: Folder) -> None:
    """Make the root what `target` is."""
    with Stage(None) as stage:
        Restore(
            root,
            plan(live, target),
            "token",
            vault.objects,
            stage,
            lambda: None,
            lambda foreign: pytest.fail(f"nobody else wrote {list(foreign)}"),
        ).run()


@settings(max_examples=40, suppress_health_check=list(HealthCheck))
@given(before=trees(), after=trees())
def test_record_change_restore(vault: Vault, before: dict[str, Node], after: dict[str, Node]) -> None:
    """What was recorded comes back whole, from whatever the root has become since."""
    with folder() as base:
        path = base / "root"
        path.mkdir(mode=0o755)
        make(str(path), before)
        root = Root(str(path), Names(()))
        expected = look(path)
        with Stage(None) as stage:
            state = root.capture(None, stage)
            snapshot = vault.record(state, None, stage, note(vault))
        loaded = vault.tree(snapshot.tree)
        assert metadata.snapshot_tree(loaded).id == snapshot.tree
        assert compare.changes(state, loaded) == ()

        aside = base / "other"
        aside.mkdir(mode=0o755)
        make(str(aside), after)
        path.rename(base / "gone")
        aside.rename(path)
        with Stage(None) as stage:
            live = root.capture(None, stage)
            vault.record(live, None, stage, note(vault))
        other = look(path)
        shared = vault.tree(snapshot.tree, live)
        assert compare.changes(shared, loaded) == ()
        apply(root, vault, live, shared)
        assert look(path) == expected
        again = root.capture(None, None)
        assert metadata.snapshot_tree(again).id == snapshot.tree
        apply(root, vault, again, live)
        assert look(path) == other


@settings(max_examples=60, suppress_health_check=list(HealthCheck))
@given(one=trees(), other=trees())
def test_graft(one: dict[str, Node], other: dict[str, Node]) -> None:
    """Taking one path from another state changes exactly that path."""
    live, target = as_folder(one), as_folder(other)
    for path in {p for tree in (live, target) for p, _ in tree.walk()}:
        grafted = compare.graft(live, target, [path])
        assert _plain(grafted.find(path)) == _plain(target.find(path)) or target.find(path) is None
        for change in compare.changes(live, grafted):
            assert (
                change.path == path or change.path.startswith(path + "/") or path.startswith(change.path + "/")
            )


def _plain(entry: Entry | Folder | None) -> object:
    return metadata.snapshot_tree(entry).id if isinstance(entry, Folder) else entry


def as_folder(tree: dict[str, Node]) -> Folder:
    """Return `tree` as a state."""
    entries: dict[str, Entry | Folder] = {}
    for name, (sort, content, mode, owner) in tree.items():
        if sort == "folder":
            inner = as_folder(content)  # type: ignore[arg-type]
            entries[name] = Folder(mode, *owner, inner.entries)
        else:
            raw = os.fsencode(content)  # type: ignore[arg-type]
            kind = Kind.LINK if sort == "link" else Kind.FILE
            entries[name] = Entry(
                kind, 0o777 if sort == "link" else mode, *owner, object_of("blob", raw).id, len(raw)
            )
    return Folder(0o755, 0, 0, entries)
