"""What a person may write for a snapshot, and what it means."""

from __future__ import annotations

from pathlib import Path

import pytest
from sites import Place, recorded


@pytest.fixture
def place(tmp_path: Path) -> Place:
    """Return a root with three snapshots, the newest one live."""
    return recorded(tmp_path, {"a": "1\n"}, {"a": "2\n"}, {"a": "3\n"})


def ids(place: Place) -> list[str]:
    """Return the ids of all snapshots, newest first."""
    return [one["id"] for one in place.ok("list")["snapshots"]]


def resolved(place: Place, reference: str) -> str:
    """Return the id that `show` finds."""
    return str(place.ok("show", reference)["id"])


def refused(place: Place, reference: str) -> str:
    """Return why `show` finds nothing; it must say so with exit code 4 and one line of each."""
    done = place.run("show", reference)
    assert done.code == 4, done
    assert len(done.err.splitlines()) == 2, done.err
    assert done.said("hint")
    return done.said("error")[0]


def test_every_form_of_an_id(place: Place) -> None:
    """An id, the same without its prefix, and a beginning of either that nothing else has, name the snapshot."""
    newest = ids(place)[0]
    for form in (newest, newest.removeprefix("backup_")):
        assert resolved(place, form) == newest


def test_beginning_of_an_id(tmp_path: Path) -> None:
    """As little of an id as is unique is enough, with or without `backup_`."""
    place = Place(tmp_path)
    only = place.init({"a": "1\n"})
    for form in (only[:-1], only[:-4], only[:16], "backup_2", "2", only.removeprefix("backup_")[:9]):
        assert resolved(place, form) == only


def test_commit_prefix(place: Place) -> None:
    """Seven digits of a commit or more name its snapshot; six do not."""
    newest = place.ok("list")["snapshots"][0]
    for length in (7, 12, 40):
        assert resolved(place, newest["commit"][:length]) == newest["id"]
    assert "not a reference" in refused(place, "abcdef")


def test_words(place: Place) -> None:
    """`latest` is the newest, `previous` the one before what is live."""
    newest, middle, _ = ids(place)
    assert resolved(place, "latest") == newest
    assert resolved(place, "previous") == middle


def test_previous_passes_over_what_was_left(place: Place) -> None:
    """After a rollback `previous` is older than what was rolled back to: nobody lands on what they just left."""
    _, middle, oldest = ids(place)
    place.ok("rollback", middle)
    assert resolved(place, "previous") == oldest


def test_previous_of_an_edited_root_is_the_latest(place: Place) -> None:
    """Where live was edited since, what lies before it is the latest snapshot."""
    place.write({"a": "unrecorded\n"})
    assert resolved(place, "previous") == resolved(place, "latest")


def test_previous_of_the_first_is_none(tmp_path: Path) -> None:
    """Before the only snapshot there is nothing, and the error says so."""
    place = Place(tmp_path)
    place.init({"a": "1\n"})
    assert "there is no earlier snapshot" in refused(place, "previous")


def test_good(place: Place) -> None:
    """`good` is the newest snapshot that was loaded in good health, and an error while nothing is known."""
    assert "no snapshot is good yet" in refused(place, "good")
    place.configure(reload="kind: command, command: ['true']")
    place.ok("reload")
    newest = ids(place)[0]
    place.snapshot({"a": "4\n"})
    assert resolved(place, "good") == newest


def test_pins(place: Place) -> None:
    """`pin:NAME` is the snapshot of that name; an unknown one lists those there are."""
    oldest = ids(place)[-1]
    place.ok("pin", oldest, "before the move")
    assert resolved(place, "pin:before the move") == oldest
    assert "pins: before the move" in refused(place, "pin:other")


def test_ambiguous_names_the_candidates(place: Place) -> None:
    """A beginning that several ids have is refused, with the ids."""
    assert all(one in refused(place, "backup_") for one in ids(place))
    assert all(one in refused(place, "2") for one in ids(place))


def test_rejected(place: Place) -> None:
    """A rejected state is found by its id or a beginning of it, for looking and not for restoring."""
    place.write({"x.json": "{"})
    id_ = place.run("snapshot", "--json").json["rejected"]
    assert resolved(place, id_) == id_
    assert resolved(place, "rejected_2") == id_
    done = place.run("rollback", id_)
    assert done.code == 4
    assert id_ in done.said("error")[0]
    assert "--force" in done.said("hint")[0]
    assert "no rejected state" in refused(place, "rejected_1999")


@pytest.mark.parametrize(
    "reference",
    [
        "", " ", "nonsense", "latest ", "LATEST", "backup-20240101", "pin:", "pin:nobody", "HEAD", "main", "@", "-",
        "../heads/main", "../../configvault/redaction-key", "../../HEAD", "backup_20240101_000000", "a" * 5000,
        "refs/heads/main", "19990101", "\udcff", "line\nbreak", "backup_99999999_999999", "rejected_", "0000000",
        "latest~1", "latest^", "*", "backup_2*",
    ],
)  # fmt: skip
def test_unknown_and_malformed(place: Place, reference: str) -> None:
    """What names no snapshot is refused with exit code 4 and says so in one line, whatever it holds."""
    done = place.run("show", "--", reference)
    assert (done.code, len(done.said("error")), len(done.said("hint"))) == (4, 1, 1), done
    assert len(done.err.splitlines()) == 2


def test_foreign_tag_is_no_reference(place: Place) -> None:
    """A tag that somebody put into the vault by hand names no snapshot."""
    place.git("tag", "release", "main")
    assert "not a reference" in refused(place, "release")


def test_file_of_a_snapshot(place: Place) -> None:
    """`REF:path` is the file's bytes as they were; a folder or nothing there is refused."""
    place.write({"d/e": b"\xff\x00\n"})
    place.snapshot()
    assert place.run("show", "latest:d/e").raw == b"\xff\x00\n"
    assert place.run("show", "previous:a").raw == b"3\n"
    assert "is a folder" in refused(place, "latest:d")
    assert "is not in" in refused(place, "latest:nothing")
    place.ok("pin", "latest", "p")
    assert place.run("show", "pin:p:a").raw == b"3\n"


@pytest.mark.parametrize("name", ["", " ", " x", "a:b", "a\nb", "\udcff"])
def test_pin_name_that_could_not_be_written(place: Place, name: str) -> None:
    """A pin's name that could not stand in `pin:NAME:path` is refused as usage."""
    done = place.run("pin", "latest", "--", name)
    assert (done.code, len(done.said("error")), len(done.said("hint"))) == (2, 1, 1), done


def test_time(place: Place) -> None:
    """`--at` says which snapshot it took, and refuses what is no time (2) or older than history (4)."""
    assert place.ok("rollback", "--at", "now", "-n")["target"]["id"] == ids(place)[0]
    assert place.run("rollback", "--at", "soonish", "-n").code == 2
    assert place.run("rollback", "--at", "2001-01-01", "-n").code == 4


def test_empty_vault(tmp_path: Path) -> None:
    """Where nothing is recorded every word is unknown, none is a crash."""
    place = Place(tmp_path)
    place.write({"x.json": "{"})
    assert place.run("init").code == 3
    for reference in ("latest", "previous", "good", "2", "pin:x"):
        refused(place, reference)
    assert place.ok("list") == {"snapshots": []}
