"""Nothing that lies in the root, and nobody who may write there, keeps a rollback from working."""

from __future__ import annotations

import contextlib
import fcntl
import os
import signal
import stat
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from harness import apart
from sites import NOBODY, Place, needs_other_user

from configvault.core.model import Trigger
from configvault.usecases.autorestore import restore_latest
from configvault.usecases.record import record


@pytest.fixture
def place(tmp_path: Path) -> Place:
    """Return a place whose snapshot holds two files and a folder."""
    made = Place(tmp_path / "place")
    made.init({"a": "a: 1", "b": "b: 1", "d/c": "c: 1"})
    return made


def _is_first(place: Place) -> bool:
    """Return whether the files of the snapshot are there."""
    names = ("a", "b", "d/c")
    return all(
        (place.root / name).is_file() and (place.root / name).read_text() == f"{name[-1]}: 1" for name in names
    )


def test_fifo_in_the_place_of_a_file(place: Place) -> None:
    """A fifo where a file shall be is moved aside, and the outcome says where to."""
    (place.root / "a").unlink()
    os.mkfifo(place.root / "a")
    outcome = place.ok("rollback", "latest")
    assert _is_first(place)
    assert stat.S_ISFIFO((place.root / outcome["aside"]["a"]).stat().st_mode)


def test_folders_without_end(place: Place) -> None:
    """300 nested folders, in the way and beside it, do not hold up a rollback; they are moved aside as they are."""
    (place.root / "a").unlink()
    for top in ("a", "deep"):
        path = place.root / top
        for _ in range(300):
            path.mkdir()
            path /= "x"
    outcome = place.ok("rollback", "latest")
    assert _is_first(place)
    assert sorted(outcome["aside"]) == ["a", "deep"]
    assert not (place.root / "deep").exists()


@contextlib.contextmanager
def _leased(path: Path) -> Iterator[None]:
    """Hold a write lease on a file: whoever opens it is told to try again."""
    before = signal.signal(signal.SIGIO, signal.SIG_IGN)
    file = os.open(path, os.O_RDWR)
    try:
        fcntl.fcntl(file, fcntl.F_SETLEASE, fcntl.F_WRLCK)
        yield
    finally:
        os.close(file)
        signal.signal(signal.SIGIO, before)


def test_leased_file(place: Place) -> None:
    """A file that nobody can open, as somebody holds a lease on it, is replaced and moved aside."""
    (place.root / "a").write_text("a: 2")
    with _leased(place.root / "a"):
        done = place.process("rollback", "latest", "--json")
        assert done.code == 0, done
        outcome = done.json
        assert _is_first(place)
        assert outcome["safety"].startswith("rejected_")
        assert "aside" in outcome
    assert (place.root / outcome["aside"]["a"]).read_text() == "a: 2"
    assert place.ok("rejected", "show", outcome["safety"])["findings"]


def test_leased_file_beside(place: Place) -> None:
    """A lease on another file than the one to restore changes nothing but that it is told."""
    (place.root / "a").write_text("a: 2")
    (place.root / "other").write_text("o: 1")
    with _leased(place.root / "other"):
        done = place.process("rollback", "latest", "--path", "a", "--json")
        assert done.code == 0, done
    assert _is_first(place)
    assert [one["path"] for one in done.json["left_out"]] == ["other"]


@needs_other_user
def test_unreadable_file() -> None:
    """A file that the caller may not read is moved aside where it stands in the way."""
    with tempfile.TemporaryDirectory(prefix="configvault-theirs-") as folder:
        Path(folder).chmod(0o755)
        place = Place(Path(folder, "place"))
        place.init({"a": "a: 1", "b": "b: 1", "d/c": "c: 1"})
        (place.root / "a").write_text("a: 2")
        for path in [place.base, *place.base.rglob("*")]:
            os.lchown(path, 65534, 65534)
        os.chown(place.root / "a", 0, 0)
        (place.root / "a").chmod(0o600)
        done = place.process("rollback", "latest", "--force", "--json", before=NOBODY)
        assert done.code == 0, done
        assert _is_first(place)
        assert (place.root / done.json["aside"]["a"]).read_text() == "a: 2"


@pytest.mark.skipif(apart.why_not() is not None, reason=str(apart.why_not()))
def test_file_larger_than_the_vault(tmp_path: Path) -> None:
    """A file above the limit costs its stat: rejected by name, nothing of it is stored, and rollback works."""

    def act() -> None:
        apart.mount_small(tmp_path / "small", "60m")
        place = Place(tmp_path / "small" / "place")
        place.init({"a.yaml": "a: 1"})
        with open(place.root / "core.dump", "wb") as file:
            file.truncate(1 << 40)
        place.write({"a.yaml": "a: 2"})
        for command in (["snapshot"], ["check"]):
            done = place.run(*command, "--json")
            assert done.code == 3
            assert [(f["rule"], f["path"]) for f in done.json["findings"]] == [("file-too-large", "core.dump")]
        outcome = place.ok("rollback", "latest", "--path", "a.yaml")
        assert (place.root / "a.yaml").read_text() == "a: 1"
        assert [one["path"] for one in outcome["left_out"]] == ["core.dump"]
        place.ok("rollback", "latest")

    apart.apart(act)


def test_only_a_file_that_is_too_large_is_new(place: Place) -> None:
    """Where nothing differs but a file above the limit, live is rejected all the same, once."""
    place.configure("", "generic")
    with open(place.root / "big", "wb") as file:
        file.truncate(11 << 20)
    first, second = (place.run("snapshot", "--json") for _ in range(2))
    assert (first.code, second.code) == (3, 3)
    assert first.json["rejected"] == second.json["rejected"]


def test_more_files_than_allowed(place: Place) -> None:
    """Files above the number that is allowed are neither read nor recorded, and a rollback goes on."""
    place.config.write_text(
        place.config.read_text().replace("profile: generic", "profile: generic, max_files: 20")
    )
    place.write({f"x/{number}": "" for number in range(50)})
    (place.root / "a").write_text("a: 2")
    done = place.run("snapshot", "--json")
    assert [f["rule"] for f in done.json["findings"]] == ["too-many-files"]
    place.ok("rollback", "latest")
    assert _is_first(place)


def test_restored_file_may_be_larger_than_the_limit_is_now(place: Place) -> None:
    """With --force a snapshot comes back whole, whatever the limit has become since it was taken."""
    place.snapshot({"big": "x" * 5000})
    place.snapshot({"big": "y"})
    place.config.write_text(
        place.config.read_text().replace("profile: generic", "profile: generic, max_file_size: 1000")
    )
    assert place.run("rollback", "previous").code == 3
    place.ok("rollback", "previous", "--force")
    assert (place.root / "big").read_text() == "x" * 5000


def test_automatic_restore_is_not_blocked(place: Place) -> None:
    """What a rollback can do, an automatic restore can."""
    place.write({"b.yaml": "b: ["})
    (place.root / "a").unlink()
    os.mkfifo(place.root / "a")
    with place.parts() as site:
        rejected = record(site, Trigger.MANUAL).rejected
        assert rejected is not None
        assert restore_latest(site, rejected.tree, None) is not None
    assert _is_first(place)
