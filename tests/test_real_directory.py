"""Coze Studio's own plugin directory, recorded, broken and rolled back byte for byte."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest
from sites import Place, look

REAL = Path(__file__).parent.parent.parent / "shared" / "coze-plugin"
META = "pluginproduct/plugin_meta.yaml"


@pytest.fixture
def place(tmp_path: Path) -> Place:
    """Return a copy of the real directory as root, validated by Coze's rules."""
    if not REAL.is_dir():
        pytest.skip("Coze Studio's directory is not beside this checkout")
    place = Place(tmp_path, profile="coze")
    shutil.copytree(REAL, place.root, dirs_exist_ok=True, symlinks=True)
    return place


def test_the_whole_job(place: Place) -> None:
    """init, edit, snapshot, break, snapshot (3), rollback: all by the JSON of the contract."""
    first = place.ok("init")
    assert first["outcome"] == "recorded"
    assert {one["severity"] for one in first["findings"]} <= {"warning"}
    original = look(place.root)
    files = [path for path in place.root.rglob("*") if path.is_file()]
    assert len(first["snapshot"]["changes"]) == len(files)
    for path in files:
        name = path.relative_to(place.root)
        recorded = subprocess.run(
            ["git", "-C", place.vault, "cat-file", "blob", f"main:{name}"], capture_output=True, check=True
        )
        assert recorded.stdout == path.read_bytes()

    text = (place.root / META).read_text()
    (place.root / META).write_text(text.replace("version: v1.0.0", "version: v1.1.0", 1))
    second = place.ok("snapshot", "-m", "new version")["snapshot"]
    assert second["changes"] == [{"path": META, "kind": "modified"}]
    assert "version v1.0.0 → v1.1.0" in second["subject"]

    (place.root / META).write_text(text + "- plugin_id: [\n")
    rejected = place.run("snapshot", "--json")
    assert (rejected.code, rejected.json["outcome"]) == (3, "rejected")
    finding = rejected.json["findings"][0]
    assert (finding["path"], finding["severity"]) == (META, "error")
    assert finding["line"] >= len(text.splitlines())
    assert place.run("status", "--check").code == 1
    plain = place.run("snapshot")
    assert f"{META}:{finding['line']}:{finding['column']}: error" in plain.err
    assert "^" in plain.err

    back = place.ok("rollback", first["snapshot"]["id"])
    assert (back["outcome"], back["safety"]) == ("rolled_back", rejected.json["rejected"])
    assert look(place.root) == original
    again = place.ok("rollback", second["id"])
    assert again["outcome"] == "rolled_back"
    assert "v1.1.0" in (place.root / META).read_text()
    place.fsck()


def test_vanished(place: Place) -> None:
    """The directory gone empty is refused and comes back whole."""
    place.ok("init")
    original = look(place.root)
    for path in place.root.iterdir():
        shutil.rmtree(path)
    assert place.run("snapshot").code == 3
    place.ok("rollback", "latest")
    assert look(place.root) == original


def test_broken_everywhere(place: Place) -> None:
    """A file cut in half is refused, it never stops the validation, and comes back."""
    place.ok("init")
    original = look(place.root)
    for path in [path for path in sorted(place.root.rglob("*.*")) if path.is_file()][::4]:
        body = path.read_bytes()
        path.write_bytes(body[: len(body) // 2] + b"\n  x: [\n")
        done = place.run("check", "--json")
        assert done.code == 3, path
        assert not any(one["rule"] == "validator-failed" for one in done.json["findings"])
        if path.name != "plugin_meta.yaml":
            path.write_bytes(body)
    place.ok("rollback", "latest")
    assert look(place.root) == original
