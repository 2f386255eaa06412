"""Refs that are lost are damage, whatever lost them: nothing is recorded, and the commits say what they were."""

from __future__ import annotations

import os
import random
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from sites import Place

from configvault.core.errors import IntegrityError
from configvault.vault.statefiles import TIP

READERS = (
    ["list"],
    ["status"],
    ["verify"],
    ["check"],
    ["rejected", "list"],
    ["snapshot"],
    ["rollback", "latest"],
    ["report"],
)


@pytest.fixture
def place(tmp_path: Path) -> Place:
    """Return a place with snapshots, a pin and a rejected state, its refs packed, and newer ones that are not."""
    made = Place(tmp_path / "place")
    made.init({"a.yaml": "a: 1\n"})
    made.snapshot({"a.yaml": "a: 2\n"})
    made.ok("pin", "latest", "second")
    made.write({"a.yaml": "a: ["})
    assert made.run("snapshot").code == 3
    made.write({"a.yaml": "a: 3\n"})
    made.git("pack-refs", "--all")
    made.snapshot()
    return made


def _empty(vault: Path) -> None:
    (vault / "packed-refs").write_bytes(b"")
    shutil.rmtree(vault / "refs")
    (vault / "refs").mkdir()


def _folder(vault: Path) -> None:
    shutil.rmtree(vault / "refs")


def _head(vault: Path) -> None:
    _empty(vault)
    (vault / "HEAD").write_bytes(b"")


def _zeros(vault: Path) -> None:
    path = vault / "packed-refs"
    path.write_bytes(bytes(path.stat().st_size))


def _removed(vault: Path) -> None:
    _empty(vault)
    (vault / "packed-refs").unlink()


def _loose(vault: Path) -> None:
    for path in (vault / "refs").rglob("*"):
        if path.is_file():
            path.write_bytes(b"")


KINDS: dict[str, Callable[[Path], None]] = {
    "emptied": _empty,
    "folder": _folder,
    "head": _head,
    "zeros": _zeros,
    "removed": _removed,
    "loose": _loose,
}


def _refs(place: Place) -> str:
    return place.git("for-each-ref", "--format=%(refname) %(objectname)")


def _assert_damage(place: Place) -> None:
    """Every command ends with 9, records nothing, and doctor names the command that helps."""
    before = {path: path.stat().st_mtime_ns for path in (place.vault / "objects").rglob("*")}
    for command in READERS:
        done = place.run(*command)
        assert done.code == 9, (command, done)
        assert "configvault -c" in done.err
    assert {path: path.stat().st_mtime_ns for path in (place.vault / "objects").rglob("*")} == before
    found = place.run("doctor", "--json")
    assert found.code == 1
    [wrong] = [one for one in found.json["checks"] if one["health"] == "problem"]
    assert wrong["remedy"] == f"configvault -c {place.config} doctor --rebuild-refs"
    # As it stands, in a shell.
    subprocess.run(f"PATH={Path(os.sys.executable).parent}:$PATH; {wrong['remedy']} -q", shell=True, check=True)  # type: ignore[attr-defined]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("noted", [True, False])
def test_all_that_can_be_lost(place: Place, kind: str, *, noted: bool) -> None:
    """However refs are lost, every command says so, and they are made again as they were."""
    before = _refs(place)
    KINDS[kind](place.vault)
    if not noted and kind not in ("zeros", "loose", "folder"):
        (place.vault / "configvault/noted-refs").unlink()
    _assert_damage(place)
    assert _refs(place) == before
    place.assert_whole()
    assert place.ok("list")["snapshots"][1]["pins"] == ["second"]
    assert place.ok("snapshot")["outcome"] == "unchanged"


def test_any_cut(place: Place, tmp_path: Path) -> None:
    """Wherever the packed refs are cut, or overwritten, it is noticed, or nothing is lost by it; and can be set right."""
    place.git("pack-refs", "--all")
    before = _refs(place)
    whole = (place.vault / "packed-refs").read_bytes()
    chance = random.Random(16)
    cuts = [whole[:at] for at in range(0, len(whole), 7)]
    holes = [(chance.randrange(len(whole)), chance.randrange(1, 90)) for _ in range(30)]
    cuts += [whole[:at] + bytes(min(size, len(whole) - at)) + whole[at + size :] for at, size in holes]
    for number, cut in enumerate(cuts):
        (place.vault / "packed-refs").write_bytes(cut)
        for name in ("heads", "tags", "configvault"):
            shutil.rmtree(place.vault / "refs" / name, ignore_errors=True)
        done = place.run("verify")
        assert done.code == (0 if cut == whole else 9) or _only_rejected_lost(whole, cut), (
            number,
            done,
            cut[-99:],
        )
        assert place.run("doctor", "--rebuild-refs").code == 0
        assert _refs(place) == before


def _only_rejected_lost(whole: bytes, cut: bytes) -> bool:
    gone = [line for line in whole.splitlines() if line not in cut.splitlines() and not line.startswith(b"#")]
    return all(b" refs/configvault/rejected/" in line for line in gone)


def test_the_note_is_older_than_the_refs(place: Place) -> None:
    """After a power cut the note of the refs may be old: the newest snapshot is found all the same."""
    old = TIP.read(str(place.vault / "configvault"))
    place.snapshot({"a.yaml": "a: 4\n"})
    before = _refs(place)
    assert old is not None
    TIP.write(str(place.vault / "configvault"), old)
    _empty(place.vault)
    _assert_damage(place)
    assert _refs(place) == before


def test_a_vault_in_which_nothing_was_recorded(tmp_path: Path) -> None:
    """Where all was refused so far, there is no main, and nothing is damaged; nor where a first record was cut off."""
    place = Place(tmp_path / "place")
    place.write({"a.yaml": "a: ["})
    assert place.run("init").code == 3
    assert place.run("list").code == 0
    place.write({"a.yaml": "a: 1\n"})
    with place.parts() as site:
        live = site.root.capture(None, None)
        assert live.entries
    place.ok("snapshot")


def test_pruned_snapshots_are_no_loss(place: Place) -> None:
    """Tags that were thinned out are not missed."""
    place.ok("prune", "--keep-last", "1")
    assert len(place.ok("list")["snapshots"]) == 2
    place.ok("verify")


def test_a_vault_of_before(place: Place) -> None:
    """A vault without a note of its refs gets one from the next command that writes."""
    note = place.vault / "configvault/noted-refs"
    note.unlink()
    place.ok("list")
    place.ok("annotate", "latest", "-m", "x")
    assert note.exists()


def test_while_the_daemon_has_it_open(place: Place) -> None:
    """A vault that was opened whole records nothing once its refs are gone."""
    with place.parts() as site:
        _empty(place.vault)
        with pytest.raises(IntegrityError):
            site.vault.latest()
