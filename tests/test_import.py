"""The folders of an older backup script become the first history, at their times; what is invalid is kept as rejected."""

from __future__ import annotations

from pathlib import Path

import pytest
from sites import Place, put


@pytest.fixture
def place(tmp_path: Path) -> Place:
    """A configuration without a vault, and folders as the script of the deployment guide left them."""
    made = Place(tmp_path / "place")
    made.write({"a.yaml": "a: 4\n"})
    for name, files in {
        "backup_20231201_143022": {"a.yaml": "a: 1\n"},
        "backup_20231202_020000": {"a.yaml": "a: 1\n"},
        "backup_20231203_020000": {"a.yaml": "a: [\n"},
        "plugin-config_20231204-020000": {"a.yaml": "a: 2\n", "b.yaml": "b: 1\n"},
        "backup_20239999_020000": {"a.yaml": "a: 3\n"},
        "notes": {"a.yaml": "a: 3\n"},
    }.items():
        for path, content in files.items():
            put(tmp_path / "backup" / name, path, content)
    return made


def test_folders_become_the_history(place: Place, tmp_path: Path) -> None:
    """Each valid folder is a snapshot at its time, oldest first, equal ones one; a broken one is a rejected state."""
    done = place.run("import", str(tmp_path / "backup"))
    assert done.code == 0, done
    assert "imported 2 snapshots and 1 rejected state of 4 folders" in done.out
    found = place.ok("list", "--all")["snapshots"]
    assert [(one["id"], one["trigger"]) for one in found] == [
        ("backup_20231204_020000", "import"),
        ("rejected_20231203_020000", "import"),
        ("backup_20231201_143022", "import"),
    ]
    assert found[0]["taken_at"] == "2023-12-04T02:00:00+00:00"
    assert found[0]["reason"] == f"from {tmp_path}/backup/plugin-config_20231204-020000"
    assert place.run("show", "backup_20231201_143022:a.yaml").out == "a: 1\n"
    place.ok("init")
    assert [one["trigger"] for one in place.ok("list")["snapshots"]] == ["manual", "import", "import"]
    place.fsck()
    assert place.run("rollback", "backup_20231204").code == 0
    assert (place.root / "a.yaml").read_text() == "a: 2\n"


def test_a_history_is_not_imported_into(place: Place, tmp_path: Path) -> None:
    """A vault that has a history is left alone; a place without such folders is named."""
    assert place.run("import", str(tmp_path / "place")).code == 2
    assert place.run("import", str(tmp_path / "nothing")).code == 2
    place.init()
    before = place.git("rev-parse", "main")
    done = place.run("import", str(tmp_path / "backup"))
    assert (done.code, "already has a history" in done.err) == (1, True)
    assert place.git("rev-parse", "main") == before


def test_an_interrupted_import_goes_on(place: Place, tmp_path: Path) -> None:
    """Called again it records what is missing and nothing twice, newer folders too, until something else is recorded."""
    for name in ("backup_20231201_143022", "backup_20231203_020000"):
        assert place.run("import", str(tmp_path / "backup" / name)).code == 0
    done = place.run("import", str(tmp_path / "backup"))
    assert (done.code, "imported 1 snapshot and 1 rejected state of 2 folders" in done.out) == (0, True), done
    found = [one["id"] for one in place.ok("list", "--all")["snapshots"]]
    assert found == ["backup_20231204_020000", "rejected_20231203_020000", "backup_20231201_143022"]
    assert place.run("import", str(tmp_path / "backup")).code == 0
    assert [one["id"] for one in place.ok("list", "--all")["snapshots"]] == found
    place.ok("init")
    assert place.run("import", str(tmp_path / "backup")).code == 1


def test_a_backup_of_a_time_to_come_is_refused(place: Place, tmp_path: Path) -> None:
    """Whatever is recorded later would have to be named after it; nothing is written."""
    put(tmp_path / "backup" / "backup_20990101_000000", "a.yaml", "a: 1\n")
    done = place.run("import", str(tmp_path / "backup"))
    assert (done.code, "backup_20990101_000000 is a time in the future" in done.err) == (2, True), done
    assert not place.vault.exists()
