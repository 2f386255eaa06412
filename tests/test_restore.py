"""What a vault may not make a restore do: a tree is believed only as far as a capture could have made it."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from sites import Place, look, recorded

from configvault.core import gitformat
from configvault.core.model import METADATA_NAME
from configvault.usecases.site import Site
from configvault.vault.objects import from_bytes
from configvault.vault.refs import MAIN

Row = tuple[int, str, str]
FILE, FOLDER, LINK = 0o100644, 0o40000, 0o120000


@pytest.fixture
def place(tmp_path: Path) -> Place:
    """Return a place with a snapshot."""
    return recorded(tmp_path / "place", {"a": "1", "b": "1"})


def _put(site: Site, type_: str, body: bytes) -> str:
    made = gitformat.make(type_, body)
    site.vault.objects.write([from_bytes(type_, made.id, body)])
    return made.id


def _tree(site: Site, rows: list[Row]) -> str:
    """Write a tree as it is given, in this order, whatever it says."""
    return _put(
        site,
        "tree",
        b"".join(b"%o %s\0%s" % (mode, os.fsencode(name), bytes.fromhex(id_)) for mode, name, id_ in rows),
    )


def _publish(site: Site, tree: str) -> str:
    """Make that tree the newest snapshot, and return its id."""
    tip = site.vault.refs.read(MAIN)
    assert tip is not None
    body = site.vault.objects.read(tip).decode()
    head, _, message = body.partition("\n\n")
    newest = site.vault.at(tip)
    id_ = "backup_20300101_000000"
    lines = head.split("\n")
    commit = [f"tree {tree}", f"parent {tip}", *[line for line in lines if line.startswith(("auth", "commi"))]]
    text = "\n".join(commit) + "\n\n" + message.replace(newest.id, id_)
    made = _put(site, "commit", text.encode())
    site.vault.refs.write(MAIN, made)
    site.vault.refs.write(f"refs/tags/{id_}", made)
    return id_


NAMES = (
    "..", ".", "", "/etc/passwd", "../canary", "x/y", ".git", ".GIT", ".g\u200cit", "git~1", ".git ", "GIT~1",
    ".configvault-1",
)  # fmt: skip


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("deep", [False, True])
def test_forbidden_names(place: Place, name: str, deep: bool) -> None:
    """A name that leads out of its folder, that git reserves in any disguise, or that is ours, is refused: exit 9."""
    with place.parts() as site:
        blob = _put(site, "blob", b"evil")
        inner = _tree(site, [(FILE, name, blob)])
        id_ = _publish(site, _tree(site, [(FOLDER, "d", inner)]) if deep else inner)
    _refused(place, id_, "forbidden name")


def test_duplicate_names(place: Place) -> None:
    """A name that occurs twice, as a link and as a folder that would be entered through it, is refused."""
    with place.parts() as site:
        link = _put(site, "blob", b"/etc")
        inner = _tree(site, [(FILE, "passwd", _put(site, "blob", b"evil"))])
        id_ = _publish(site, _tree(site, [(LINK, "d", link), (FOLDER, "d", inner)]))
    _refused(place, id_, "forbidden name")


@pytest.mark.parametrize("mode", [0o160000, 0o100666, 0o20000, 0o140000])
def test_modes_that_no_capture_makes(place: Place, mode: int) -> None:
    """A submodule, a device, a mode that git does not write, are refused."""
    with place.parts() as site:
        id_ = _publish(site, _tree(site, [(mode, "x", _put(site, "blob", b"1"))]))
    _refused(place, id_, "no capture makes")


def test_endless_depth(place: Place) -> None:
    """A tree that is deeper than any capture is refused, not recursed into until something breaks."""
    with place.parts() as site:
        tree = _tree(site, [(FILE, "x", _put(site, "blob", b"1"))])
        for _ in range(250):
            tree = _tree(site, [(FOLDER, "d", tree)])
        id_ = _publish(site, tree)
    _refused(place, id_, "no capture makes")


@pytest.mark.parametrize("said", [
    {"empty_folders": ["../x"]}, {"empty_folders": ["/x"]}, {"empty_folders": ["d/../../x"]},
    {"empty_folders": [".git/hooks"]}, {"empty_folders": ["a/b"]}, {"empty_folders": ["/".join("d" * 250)]},
    {"paths": {"a": {"mode": "177777"}}}, {"paths": {"a": {"uid": -1}}}, {"root": {"mode": "xyz"}},
])  # fmt: skip
def test_metadata_that_no_capture_makes(place: Place, said: dict[str, object]) -> None:
    """The metadata file cannot lead out of the root either, nor set what is no mode and no owner."""
    with place.parts() as site:
        body = json.dumps({"format": 1, **said}).encode()
        rows = [(FILE, METADATA_NAME, _put(site, "blob", body)), (FILE, "a", _put(site, "blob", b"2"))]
        id_ = _publish(site, _tree(site, rows))
    _refused(place, id_, METADATA_NAME)


@pytest.mark.parametrize("text", [b"", b"a\0b"])
def test_link_that_points_nowhere_at_all(place: Place, text: bytes) -> None:
    """A link whose text no link can have is an error with nothing changed."""
    with place.parts() as site:
        rows = [(FILE, "a", _put(site, "blob", b"2")), (LINK, "x", _put(site, "blob", text))]
        id_ = _publish(site, _tree(site, rows))
    before = look(place.root)
    done = place.run("rollback", id_, "--force", "--json")
    assert (done.code, "nothing was changed" in done.error["message"]) == (1, True), done
    assert look(place.root) == before


def _refused(place: Place, id_: str, said: str) -> None:
    before = look(place.base / "root")
    for force in ([], ["--force"]):
        done = place.run("rollback", id_, *force, "--json")
        assert (done.code, done.error["kind"]) == (9, "integrity"), done
        assert said in done.error["message"]
    assert look(place.base / "root") == before
    assert sorted(os.listdir(place.base)) == ["config.yaml", "root", "vault"]
