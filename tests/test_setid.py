"""Set-user-id and set-group-id bits come back only where the operator asked for them."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest
from sites import Place

from configvault.core import compare
from configvault.core.model import Entry, Folder, Kind
from configvault.usecases.autorestore import restore_latest
from configvault.usecases.record import record


@pytest.fixture
def place(tmp_path: Path) -> Place:
    """Return a place whose snapshot has two files with set-id bits and a folder with one."""
    made = Place(tmp_path / "place")
    made.write({"a": "a: 1", "same": "s: 1", "d/x": "x: 1"})
    for name, mode in (("a", 0o4755), ("same", 0o2755), ("d", 0o2775)):
        (made.root / name).chmod(mode)
    made.init()
    return made


def _mode(place: Place, name: str) -> int:
    return stat.S_IMODE((place.root / name).stat().st_mode)


def test_not_without_being_asked(place: Place) -> None:
    """A file that is made anew has no set-id bits, the outcome says so, and live is what was recorded."""
    first = place.ok("status")["latest"]
    place.snapshot({"a": "a: 2"})
    outcome = place.ok("rollback", first)
    assert (_mode(place, "a"), outcome["without_setid"]) == (0o755, ["a"])
    assert place.ok("status")["live"]["matches"] == outcome["recorded"]["id"]


def test_what_was_not_touched_keeps_them(place: Place) -> None:
    """A file that does not change, and a folder, have the bits that they had."""
    first = place.ok("status")["latest"]
    place.snapshot({"a": "a: 2"})
    place.ok("rollback", first)
    assert (_mode(place, "same"), _mode(place, "d")) == (0o2755, 0o2775)


def test_asked(place: Place) -> None:
    """With --allow-setid it has them."""
    first = place.ok("status")["latest"]
    place.snapshot({"a": "a: 2"})
    outcome = place.ok("rollback", first, "--allow-setid")
    assert (_mode(place, "a"), outcome["without_setid"]) == (0o4755, [])


@pytest.mark.parametrize(("allowed", "mode"), [("false", 0o755), ("true", 0o4755)])
def test_automatic(place: Place, allowed: str, mode: int) -> None:
    """An automatic restore gives them where the configuration says so."""
    place.configure(f"changes: {{allow_setid: {allowed}}}\n")
    place.write({"a": "a: 2", "b.yaml": "b: ["})
    with place.parts() as site:
        rejected = record(site, "manual").rejected
        assert rejected is not None
        outcome = restore_latest(site, rejected.tree, None)
    assert outcome is not None
    assert (_mode(place, "a"), bool(outcome.no_set_id)) == (mode, allowed == "false")


def test_never_for_another_owner() -> None:
    """A file that cannot be given to its owner has none, whatever was asked for."""
    entry = Entry(Kind.FILE, 0o6755, 7, 8, "0" * 40, 1)
    target = Folder(0o755, 0, 0, {"a": entry})
    found = compare.with_possible_owners(target, None, lambda _uid, _gid: False, (1, 2)).entries["a"]
    assert isinstance(found, Entry)
    assert (found.mode, found.uid, found.gid) == (0o755, 1, 2)


def test_recovery_of_a_host(place: Place, tmp_path: Path) -> None:
    """A history that comes from elsewhere makes no set-id file, unless asked for."""
    replica = tmp_path / "replica.git"
    place.configure(f"host: h\nreplicas: [{{url: {replica}}}]\n")
    os.system(f"git init --quiet --bare {replica}")
    place.ok("replicate")
    for number, (flags, mode) in enumerate([((), 0o755), (("--allow-setid",), 0o4755)]):
        other = Place(tmp_path / f"other{number}")
        other.configure(f"host: h\nreplicas: [{{url: {replica}}}]\n")
        document = other.ok("recover", *flags)
        assert (_mode(other, "a"), bool(document["without_setid"])) == (mode, not flags)
        assert other.ok("status")["live"]["matches"]
        other.fsck()
