"""Looking back: which snapshots a list holds and in which order, and what is said about them later."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from sites import Place, recorded

from configvault.core.model import Folder
from configvault.vault.repository import Note


@pytest.fixture
def place(tmp_path: Path) -> Place:
    """Return a root with three snapshots: a and d/b, a changed, d/b changed."""
    return recorded(tmp_path, {"a": "1\n", "d/b": "x\n"}, {"a": "2\n"}, {"d/b": "y\n"})


def listed(place: Place, *argv: str) -> list[str]:
    """Return the ids in a list."""
    return [str(one["id"]) for one in place.ok("list", *argv)["snapshots"]]


def test_newest_first_and_limited(place: Place) -> None:
    """The list is in the order of history, newest first, and as long as asked for."""
    ids = listed(place)
    assert len(ids) == 3
    assert ids == sorted(ids, reverse=True)
    assert listed(place, "--limit", "2") == ids[:2]
    assert listed(place, "--limit", "99") == ids
    for wrong in ("0", "-1", "x", ""):
        done = place.run("list", f"--limit={wrong}")
        assert (done.code, len(done.said("error")), len(done.said("hint"))) == (2, 1, 1)


def test_path(place: Place) -> None:
    """`--path` names a file or folder; only what changed it is listed, its mode and owner included."""
    newest, middle, oldest = listed(place)
    assert listed(place, "--path", "a") == [middle, oldest]
    assert listed(place, "--path", "d") == listed(place, "--path", "d/") == [newest, oldest]
    assert listed(place, "--path", "d/b") == [newest, oldest]
    for nothing in ("nothing", "*"):
        assert place.run("list", "--path", nothing).code == 4
    (place.root / "a").chmod(0o600)
    fourth = place.snapshot()
    assert listed(place, "--path", "a") == [fourth, middle, oldest]
    assert listed(place, "--path", "d") == [newest, oldest]
    assert listed(place, "--path", "a", "--limit", "1") == [fourth]


def test_path_of_an_empty_folder(place: Place) -> None:
    """An empty folder that came or went is found by its path."""
    place.write({"e/": None})
    id_ = place.snapshot()
    assert listed(place, "--path", "e") == [id_]


def _at(place: Place, *moments: datetime) -> list[str]:
    """Record a change of the root's mode at each of `moments`; return the ids."""
    with place.parts() as site:
        latest = site.vault.latest()
        state = site.vault.tree(latest.tree)
        found = []
        for number, moment in enumerate(moments):
            other = Folder(0o700 + number, 0, 0, state.entries)
            note = Note(moment, "manual", "somebody (uid 0, process)", "host", f"Change {number}")
            found.append(site.vault.record(other, state, None, note).id)
        return found


def test_since_and_until(tmp_path: Path) -> None:
    """Times bound the list on either side; a whole day belongs to it."""
    place = Place(tmp_path)
    place.init({"a": "1"})
    start = datetime(2034, 5, 1, 10, 0, tzinfo=UTC)
    first, second, third = _at(place, start, start.replace(day=2), start.replace(day=2, hour=23))
    assert listed(place, "--since", "2034-05-02", "--until", "2034-05-02") == [third, second]
    assert listed(place, "--since", "2034-05-01 10:00", "--until", "2034-05-01") == [first]
    assert listed(place, "--until", "2034-05-01 09:59:59")[0] not in (first, second, third)
    assert listed(place, "--since", "2034-05-02T12:00:00+00:00") == [third]
    assert listed(place, "--since", "2034-05-02", "--limit", "1") == [third]
    for flag in ("--since", "--until"):
        done = place.run("list", flag, "someday")
        assert (done.code, len(done.said("error")), len(done.said("hint"))) == (2, 1, 1)
        assert "'someday'" in done.err


def test_good(place: Place) -> None:
    """`--good` lists what the service loaded in good health, and nothing else."""
    assert listed(place, "--good") == []
    place.configure(reload="kind: command, command: ['true']")
    place.ok("reload")
    newest = listed(place)[0]
    place.snapshot({"a": "3\n"})
    assert listed(place, "--good") == [newest]
    assert place.ok("list", "--good")["snapshots"][0]["good"] is True
    assert listed(place, "--good", "--all") == [newest]


def test_all(place: Place) -> None:
    """`--all` puts refused states where they belong, also filtered by path and number."""
    ids = listed(place)
    place.write({"x.json": "{"})
    rejected = place.run("snapshot", "--json").json["rejected"]
    (place.root / "x.json").unlink()
    after = place.snapshot({"a": "3\n"})
    assert listed(place, "--all") == [after, rejected, *ids]
    assert listed(place, "--all", "--limit", "2") == [after, rejected]
    assert listed(place, "--all", "--path", "x.json") == [rejected]
    assert listed(place, "--all", "--path", "a") == [after, ids[1], ids[2]]
    assert rejected in place.run("list", "--all").out
    assert rejected not in listed(place)


def test_rejected_in_a_list_has_the_keys_of_a_snapshot(place: Place) -> None:
    """Who reads the list need not ask first what a row is."""
    place.write({"x.json": "{"})
    place.run("snapshot")
    rows: list[dict[str, Any]] = place.ok("list", "--all")["snapshots"]
    assert rows[0]["id"].startswith("rejected_")
    assert set(rows[1]) <= set(rows[0])


def test_same_rejected_state_once(place: Place) -> None:
    """What is refused again without a change is kept once, and said to be the same."""
    place.write({"x.json": "{"})
    first = place.run("snapshot", "--json").json["rejected"]
    second = place.run("snapshot")
    assert second.code == 3
    assert f"rejected again: 1 error; kept as {first}" in second.out
    assert len(place.ok("rejected", "list")["rejected"]) == 1
    place.write({"x.json": "["})
    assert place.run("snapshot", "--json").json["rejected"] != first


def test_unchanged(place: Place) -> None:
    """Where nothing differs nothing is recorded, and the latest snapshot is named."""
    newest = listed(place)[0]
    outcome = place.ok("snapshot", "-m", "nothing")
    assert (outcome["outcome"], outcome["snapshot"]["id"]) == ("unchanged", newest)
    assert len(listed(place)) == 3


def test_a_reason_that_comes_after_the_daemon_is_kept(place: Place) -> None:
    """`-m` for what is recorded already is added to what is said of it, once; of a refused state git tells it."""
    for _ in range(2):
        assert place.ok("snapshot", "-m", " agreed with ops ")["snapshot"]["annotations"] == ["agreed with ops"]
    assert "the reason was added" in place.run("snapshot", "-m", "and with dev").out
    assert len(listed(place)) == 3
    place.snapshot({"a": "9\n"}, "-m", "why")
    assert place.ok("snapshot", "-m", "why")["snapshot"]["annotations"] == []
    place.write({"x.json": "{"})
    rejected = place.run("snapshot", "-m", "half done", "--json").json["rejected"]
    assert "Configvault-Reason: half done" in place.git("log", "-1", f"refs/configvault/rejected/{rejected}")


def test_pins(place: Place) -> None:
    """A pin names one snapshot, moves only when taken away first, and a snapshot may have several."""
    newest, middle, _ = listed(place)
    assert place.ok("pin", newest, "stable")["pins"] == ["stable"]
    assert place.ok("pin", newest, "also")["pins"] == ["also", "stable"]
    assert place.ok("pin", newest, "stable")["pins"] == ["also", "stable"]
    done = place.run("pin", middle, "stable")
    assert (done.code, done.said("hint")) == (2, [f"hint: configvault -c {place.config} unpin stable"])
    assert place.ok("unpin", "stable")["pins"] == ["also"]
    assert place.run("unpin", "stable").code == 4
    assert place.ok("pin", middle, "stable")["id"] == middle
    assert "pin:stable" in place.run("list").out


def test_pin_with_the_snapshot(place: Place) -> None:
    """`snapshot --pin` names the new snapshot, and the latest where nothing changed; never a refused state."""
    place.write({"a": "4\n"})
    assert place.ok("snapshot", "--pin", "four")["snapshot"]["pins"] == ["four"]
    assert place.ok("snapshot", "--pin", "same")["snapshot"]["pins"] == ["four", "same"]
    place.write({"x.json": "{"})
    assert place.run("snapshot", "--pin", "broken").code == 3
    assert place.run("show", "pin:broken").code == 4


def test_pin_that_is_taken_is_said_before_anything_is_recorded(place: Place) -> None:
    """A name that another snapshot has is refused with nothing recorded."""
    place.ok("pin", listed(place)[-1], "old")
    place.write({"a": "5\n"})
    assert place.run("snapshot", "--pin", "old").code == 2
    assert len(listed(place)) == 3


def test_annotations(place: Place) -> None:
    """Annotations add up, are shown, and keep what was written."""
    place.ok("annotate", "latest", "-m", "first")
    found = place.ok("annotate", "latest", "-m", "second\nline \udcff")
    assert found["annotations"] == ["first", "second\nline \udcff"]
    out = place.run("show", "latest").out
    assert "first" in out
    assert len([line for line in out.splitlines() if line.startswith("note")]) == 2
    assert place.run("annotate", "latest", "-m", " ").code == 2


def test_rejected_cannot_be_pinned(place: Place) -> None:
    """Pins and annotations are for snapshots."""
    place.write({"x.json": "{"})
    id_ = place.run("snapshot", "--json").json["rejected"]
    assert place.run("pin", id_, "x").code == 4
    assert place.run("annotate", id_, "-m", "x").code == 4
