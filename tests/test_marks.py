"""Marks are kept by month: a mark costs its month, older vaults are read as they are, and what is not asked for is not read."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from sites import Place

from configvault.core import gitformat
from configvault.usecases import upkeep
from configvault.vault import marks as marks_of
from configvault.vault.bymonth import ByMonth
from configvault.vault.objects import from_bytes

IDS = [f"backup_2023{month:02}{day:02}_120000" for month in (1, 2, 12) for day in (1, 2)]


def stored(marks: marks_of.Marks) -> tuple[marks_of.Marks, list[str]]:
    """Return the marks as they are read back from what is written, and the paths of what was read of it."""
    texts = {path: text for path, text in marks_of.dump(marks) if isinstance(text, bytes)}
    read: list[str] = []

    def text(path: str) -> bytes:
        read.append(path)
        return texts[path]

    return marks_of.load({path: path for path in texts}, text), read


def test_a_look_at_one_snapshot_reads_one_month() -> None:
    """Whether a snapshot is good takes the text of its month; the newest good one takes that of the newest month."""
    marks = marks_of.Marks()
    for id_ in IDS:
        marks = marks.with_good(id_)
    back, read = stored(marks.with_rolled_back(IDS[:2], IDS[5]))
    assert read == ["marks.json"]
    assert (IDS[2] in back.good, "backup_20230203_120000" in back.good, "latest" in back.good) == (
        True,
        False,
        False,
    )
    assert read == ["marks.json", "good-202302"]
    assert (next(iter(back.good)), back.rolled_back[IDS[0]]) == (IDS[5], IDS[5])
    assert read[2:] == ["good-202312", "rolled_back-202301"]
    assert (list(back.good), len(back.good), back.loaded) == (IDS[::-1], 6, IDS[5])


def test_a_mark_writes_one_month() -> None:
    """Of a month that does not change the stored blob is named again, not its text."""
    back, read = stored(marks_of.Marks(good=ByMonth.of(dict.fromkeys(IDS, "")), loaded=IDS[0]))
    after = dict(marks_of.dump(back.with_good("backup_20230205_000000")))
    assert [path for path, text in after.items() if isinstance(text, bytes)] == ["marks.json", "good-202302"]
    assert "good-202301" not in read
    assert back.with_good(IDS[0]).good is back.good
    assert back.with_good(IDS[0]) == back.with_loaded(IDS[0])
    assert back.with_good("backup_20230205_000000") != back.with_loaded("backup_20230205_000000")


def test_an_undone_rollback_is_forgotten_everywhere() -> None:
    """What it said is gone from every month, what others said stays, and an empty month is not stored."""
    marks = marks_of.Marks().with_rolled_back(IDS[:3], "backup_1").with_rolled_back(IDS[3:], "backup_2")
    after, _ = stored(marks.without_rolled_back_by("backup_1"))
    assert dict(after.rolled_back) == dict.fromkeys(IDS[3:], "backup_2")
    assert not after.without_rolled_back_by("backup_2").rolled_back


def test_one_mark_is_taken_back() -> None:
    """What one snapshot was marked with goes, with its month where it was the only one there."""
    good = ByMonth.of(dict.fromkeys(IDS, ""))
    assert list(good.without_id(IDS[0]).without_id(IDS[1])) == IDS[:1:-1]
    assert [name for name, _ in good.without_id(IDS[0]).without_id(IDS[1]).texts()] == ["202302", "202312"]
    assert good.without_id("backup_20230203_120000") is good


def test_older_vaults_are_read_and_carried_over(tmp_path: Path) -> None:
    """Where all marks are in one document they count as ever, and the next mark puts them into their months."""
    place = Place(tmp_path / "place")
    first = place.init({"a": "0\n"})
    second = place.snapshot({"a": "1\n"})
    document = {
        "annotations": {first: ["old"]}, "good": [first, second], "loaded": second, "pins": {"p": first},
        "rolled_back": {first: second},
    }  # fmt: skip
    (tmp_path / "marks.json").write_text(json.dumps(document))
    blob = place.git("hash-object", "-w", str(tmp_path / "marks.json")).strip()
    with place.parts() as site:
        made = gitformat.tree([(0o100644, "marks.json", blob)])
        site.vault.objects.write([from_bytes("tree", made.id, made.body)])
        commit = place.git(
            "-c", "user.name=x", "-c", "user.email=x@y", "commit-tree", made.id, "-m", "Marks"
        ).strip()
        site.vault.refs.write(marks_of.REF, commit)
    before = place.ok("list")["snapshots"]
    assert [(one["good"], one["rolled_back"], one["pins"]) for one in before] == [
        (True, False, []),
        (True, True, ["p"]),
    ]
    place.ok("pin", second, "q")
    assert [one | {"pins": []} for one in place.ok("list")["snapshots"]] == [
        one | {"pins": []} for one in before
    ]
    month = first[7:13]
    assert place.git("show", f"{marks_of.REF}:good-{month}") == f"{first}\n{second}\n"
    assert place.git("show", f"{marks_of.REF}:rolled_back-{month}") == f"{first} {second}\n"
    assert json.loads(place.git("show", f"{marks_of.REF}:marks.json"))["good"] == []
    place.fsck()
    place.ok("verify")


def test_loose_refs_are_packed_where_they_are_many(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Past a number all refs go into one file, and say what they said; below it nothing is done."""
    place = Place(tmp_path / "place")
    place.init({"a": "0\n"})
    place.snapshot({"a": "1\n"})
    before = place.git("for-each-ref")
    with place.parts() as site:
        upkeep.pack_refs(site)
        assert site.vault.refs.loose() == 3
        monkeypatch.setattr(upkeep, "MOST_LOOSE_REFS", 2)
        upkeep.pack_refs(site)
        assert site.vault.refs.loose() == 0
    assert place.git("for-each-ref") == before
    place.fsck()


def test_what_a_killed_packing_left_is_removed(tmp_path: Path) -> None:
    """After a holder of the lock was killed git's half-written packs go at once, but for one that is being written."""
    place = Place(tmp_path / "place")
    place.init({"a": "0\n"})
    folder = place.vault / "objects" / "pack"
    left = [folder / f"{name}_aBc123" for name in ("tmp_pack", "tmp_idx", "tmp_rev")]
    for path in left:
        path.write_bytes(b"half")
    with left[0].open("rb"), place.parts() as site:
        site.vault.repair(ended_well=False)
        assert [path.exists() for path in left] == [True, False, False]
