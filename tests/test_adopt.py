"""A vault knows its root: the files of another one do not get into its history."""

from __future__ import annotations

from pathlib import Path

from sites import Place, recorded


def _copied(place: Place) -> Path:
    """Let the configuration name another root, as a copy of it does that somebody edited."""
    other = place.base / "other"
    other.mkdir()
    (other / "a.yaml").write_text("other: 1\n")
    place.config.write_text(place.config.read_text().replace(f"root: {place.root}", f"root: {other}"))
    return other


def test_another_root_is_refused(tmp_path: Path) -> None:
    """With another root every command ends with 78, names both, and how to adopt it; nothing is recorded."""
    place = recorded(tmp_path / "place", {"a.yaml": "a: 1\n"}, {"a.yaml": "a: 2\n"})
    other = _copied(place)
    before = place.git("for-each-ref")
    for command in (
        ["snapshot"],
        ["rollback", "previous"],
        ["list"],
        ["status"],
        ["init"],
        ["check"],
        ["run", "--once"],
    ):
        done = place.run(*command)
        assert done.code == 78, (command, done)
        assert str(place.root) in done.err
        assert str(other) in done.err
        assert f"configvault -c {place.config} init --adopt" in done.err
    assert place.run("doctor").code == 1
    assert place.git("for-each-ref") == before
    assert (other / "a.yaml").read_text() == "other: 1\n"


def test_a_root_that_moved(tmp_path: Path) -> None:
    """After `init --adopt` the vault protects the new place, and refuses the old one."""
    place = recorded(tmp_path / "place", {"a.yaml": "a: 1\n"})
    moved = place.base / "moved"
    place.root.rename(moved)
    text = place.config.read_text()
    place.config.write_text(text.replace(f"root: {place.root}", f"root: {moved}"))
    assert place.ok("init", "--adopt")["outcome"] == "unchanged"
    assert place.ok("status")["live"]["matches"]
    moved.rename(place.root)
    place.config.write_text(text)
    assert place.run("list").code == 78


def test_a_link_to_the_same_root(tmp_path: Path) -> None:
    """Another path to the very same directory is no other root."""
    place = recorded(tmp_path / "place", {"a.yaml": "a: 1\n"})
    (place.base / "link").symlink_to(place.root)
    place.config.write_text(place.config.read_text().replace(f"root: {place.root}", f"root: {place.base}/link"))
    assert place.ok("snapshot")["outcome"] == "unchanged"


def test_a_vault_of_before(tmp_path: Path) -> None:
    """A vault that does not know its root yet learns it from the next command that writes."""
    place = recorded(tmp_path / "place", {"a.yaml": "a: 1\n"})
    (place.vault / "configvault/protects").unlink()
    place.ok("list")
    place.snapshot({"a.yaml": "a: 2\n"})
    _copied(place)
    assert place.run("snapshot").code == 78
