"""Rejected states take no more room than is allowed, however fast somebody makes them."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from sites import Place

MOST = 200_000


@pytest.fixture
def place(tmp_path: Path) -> Place:
    """Return a place with a snapshot, and a bound for rejected states."""
    made = Place(tmp_path / "place", f"retention: {{rejected: {{keep_bytes: {MOST}}}}}\n")
    made.init({"a.yaml": "a: 1"})
    return made


def _reject(place: Place, number: int) -> str:
    """Have a state rejected that takes a quarter of what is allowed."""
    place.write({"a.yaml": f"a: [{number}", "noise": os.urandom(MOST // 4)})
    done = place.run("snapshot", "--json")
    assert done.code == 3
    return str(done.json["rejected"])


def _loose(place: Place) -> int:
    return sum(path.stat().st_size for path in (place.vault / "objects").rglob("*") if path.is_file())


def test_oldest_go_at_once(place: Place) -> None:
    """As soon as one more is above the bound the oldest go, with their bytes, and the newest stay."""
    ids = [_reject(place, number) for number in range(10)]
    kept = [one["id"] for one in place.ok("rejected", "list")["rejected"]]
    assert kept == ids[::-1][: len(kept)]
    assert 2 <= len(kept) <= 4
    assert _loose(place) < 2 * MOST
    place.fsck()


def test_newest_stays_whatever_it_takes(place: Place) -> None:
    """A single state above the bound stays: somebody has to see what is wrong with it."""
    place.write({"a.yaml": "a: [", "noise": os.urandom(2 * MOST)})
    done = place.run("snapshot", "--json")
    second = _reject(place, 1)
    assert [one["id"] for one in place.ok("rejected", "list")["rejected"]] == [second]
    assert done.json["rejected"] != second


def test_what_a_rollback_kept_stays(place: Place) -> None:
    """What was live before a rollback is there for as long as that may be undone."""
    place.write({"a.yaml": "a: [", "noise": os.urandom(MOST // 2)})
    safety = place.ok("rollback", "latest")["safety"]
    for number in range(8):
        _reject(place, number)
    assert safety in [one["id"] for one in place.ok("rejected", "list")["rejected"]]
    place.fsck()


def test_a_state_that_is_refused_as_a_whole_is_named_by_its_rule(place: Place) -> None:
    """Where no file is to blame none is named."""
    place.snapshot({f"{number}.yaml": "a: 1\n" for number in range(20)})
    for number in range(20):
        (place.root / f"{number}.yaml").unlink()
    (place.root / "a.yaml").unlink()
    assert place.run("snapshot").code == 3
    assert place.ok("rejected", "list")["rejected"][0]["subject"] == "Refuse: mass-removal"
