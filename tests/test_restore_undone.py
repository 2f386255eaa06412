"""A restore that fails in the middle: the root is what it was before, with nothing left over, wherever that happens."""

from __future__ import annotations

import contextlib
import os
import subprocess
import traceback
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import NoReturn

import pytest
from harness import apart
from sites import Place, look
from states import Link

from configvault.core.model import Entry, Folder
from configvault.core.plan import plan
from configvault.root.restore import Restore
from configvault.root.staging import new_token
from configvault.usecases import references
from configvault.usecases.site import Site
from configvault.vault.stage import Stage

needs_mounts = pytest.mark.skipif(apart.why_not() is not None, reason=str(apart.why_not()))


def differing(place: Place) -> str:
    """Record two states that differ in every way that a step can be; return the id of the first, the second is live."""
    first = place.init({
        "changed": "1", "gone/deep/a": "1", "gone/b": "1", "link": Link("changed"), "was file": "1", "was folder/x": "1",
        "inner/mode": "1", "inner/changed": "1", "tool": "1", "in place": "1\n" * 2000, "only mode": "1", "empty": None,
    })  # fmt: skip
    for name in ("gone", "was folder"):
        os.rename(place.root / name, place.base / name)
    for name in ("was file", "empty"):
        path = place.root / name
        path.unlink() if path.is_file() else path.rmdir()
    (place.root / "tool").chmod(0o755)
    (place.root / "only mode").chmod(0o640)
    (place.root / "inner").chmod(0o750)
    place.snapshot({
        "changed": "2", "new": "2", "new folder/a/b": "2", "link": Link("new"), "was file/x": "2", "was folder": "2",
        "inner/changed": "2", "in place": "2",
    })  # fmt: skip
    return first


def numbers(place: Place) -> dict[str, int]:
    """Return the inode of each path in the root: what was put back is the same file, not a copy."""
    return {str(path): path.lstat().st_ino for path in place.root.rglob("*")}


@needs_mounts
def test_what_was_switched_is_switched_back(tmp_path: Path) -> None:
    """The last step cannot be made, as a mount is in the way: every step before it is undone, also one made in place."""
    place = Place(tmp_path / "place")
    first = differing(place)
    for name in ("elsewhere", "zzz"):
        (tmp_path / name).write_text("2")
    place.snapshot({"zzz": "2"})

    def inside() -> None:
        apart.sh("mount", "--bind", tmp_path / "elsewhere", place.root / "in place")
        apart.sh("mount", "--bind", tmp_path / "zzz", place.root / "zzz")
        before, same = look(place.root), numbers(place)
        done = place.run("rollback", first, "--json")
        assert (done.code, "nothing was changed" in done.error["message"]) == (1, True), done
        assert (look(place.root), numbers(place)) == (before, same)
        assert place.ok("snapshot")["outcome"] == "unchanged"
        apart.sh("umount", place.root / "zzz")
        assert place.ok("rollback", first)["in_place"] == ["in place"]
        assert (place.root / "inner/changed").read_text() == "1"

    apart.apart(inside)


def restoring(
    site: Site,
    place: Place,
    id_: str,
    stage: Stage,
    prepared: object,
    kept: dict[str, Entry | Folder] | None = None,
) -> Restore:
    """Return a restore of that snapshot, which calls `prepared` before the first switch."""
    live = site.root.capture(None, stage)
    target = site.vault.state_at(references.resolve(site, id_).commit)

    def keep(foreign: Mapping[str, Entry | Folder]) -> None:
        (kept if kept is not None else {}).update(foreign)

    return Restore(site.root, plan(live, target), new_token(), site.vault.objects, stage, prepared, keep)  # type: ignore[arg-type]


def test_nothing_is_left_of_what_was_prepared(tmp_path: Path) -> None:
    """Where it fails between the two passes, as on a full disk, all that was built is removed and nothing has changed."""
    place = Place(tmp_path / "place")
    first = differing(place)
    before, same = look(place.root), numbers(place)

    def full() -> NoReturn:
        raise OSError(28, "No space left on device")

    with place.parts() as site, site.vault.stage() as stage:
        run = restoring(site, place, first, stage, full)
        with pytest.raises(OSError, match="No space left"):
            run.run()
    assert run.undone
    assert (look(place.root), numbers(place)) == (before, same)


@pytest.mark.parametrize("text", ["1", "theirs"])
def test_a_name_taken_meanwhile(tmp_path: Path, text: str) -> None:
    """What somebody puts where a new file shall be is handed over before it is removed, if it is not that file anyhow."""
    place = Place(tmp_path / "place")
    first = place.init({"a": "1", "b": "1"})
    (place.root / "b").unlink()
    place.snapshot({"a": "2"})
    kept: dict[str, Entry | Folder] = {}
    with place.parts() as site, site.vault.stage() as stage:
        run = restoring(site, place, first, stage, lambda: place.write({"b": text}), kept)
        done = run.run()
        found = {path: stage.read(entry.blob) for path, entry in kept.items() if isinstance(entry, Entry)}
    assert found == ({} if text == "1" else {"b": b"theirs"})
    assert set(done.foreign) <= {"b"}
    assert done.aside == {}
    assert place.live() == {"a": b"1", "b": b"1"}


def test_a_change_meanwhile_is_kept(tmp_path: Path) -> None:
    """A file that is written after it was captured is handed over with what it holds then, and so is one to be removed."""
    place = Place(tmp_path / "place")
    first = place.init({"a": "1"})
    place.snapshot({"a": "2", "gone": "2"})
    kept: dict[str, Entry | Folder] = {}
    with place.parts() as site, site.vault.stage() as stage:
        run = restoring(site, place, first, stage, lambda: place.write({"a": "mine", "gone": "mine too"}), kept)
        run.run()
        found = {path: stage.read(entry.blob) for path, entry in kept.items() if isinstance(entry, Entry)}
    assert found == {"a": b"mine", "gone": b"mine too"}
    assert place.live() == {"a": b"1"}


def test_what_cannot_be_kept_lies_aside(tmp_path: Path) -> None:
    """What somebody puts there that no snapshot can hold is not removed: the outcome says under which name it is now."""
    place = Place(tmp_path / "place")
    first = place.init({"a": "1", "b": "1"})
    (place.root / "b").unlink()
    place.snapshot({"a": "2"})

    def taken() -> None:
        os.mkfifo(place.root / "b")

    with place.parts() as site, site.vault.stage() as stage:
        done = restoring(site, place, first, stage, taken).run()
    assert list(done.aside) == ["b"]
    assert (place.root / done.aside["b"]).is_fifo()
    assert (place.root / "b").read_text() == "1"


def test_a_folder_that_became_another_is_missed(tmp_path: Path) -> None:
    """Where a folder is exchanged for another, nothing is written into the other one, and the outcome names it."""
    place = Place(tmp_path / "place")
    first = place.init({"d/a": "1", "e": "1"})
    place.snapshot({"d/a": "2", "e": "2"})

    def exchange() -> None:
        (place.root / "d").rename(place.base / "old")
        place.write({"d/a": "other"})

    with place.parts() as site, site.vault.stage() as stage:
        done = restoring(site, place, first, stage, exchange).run()
    assert done.missed == {"d"}
    assert place.live() == {"d/a": b"other", "e": b"1"}
    assert (place.base / "old" / "a").read_text() == "2"
    assert os.listdir(place.base / "old") == ["a"]


def test_hard_links_are_named(tmp_path: Path) -> None:
    """A file with a second name gets the old content alone, the second name keeps the new one, and both are said."""
    place = Place(tmp_path / "place")
    first = place.init({"a": "1", "b": "1"})
    place.snapshot({"a": "2", "b": "2"})
    os.link(place.root / "a", place.base / "second")
    with place.parts() as site, site.vault.stage() as stage:
        done = restoring(site, place, first, stage, lambda: None).run()
    assert done.hard_links == ["a"]
    assert ((place.root / "a").read_text(), (place.base / "second").read_text()) == ("1", "2")


def as_nobody(act: Callable[[], None]) -> None:
    """Call `act` in a fork that has no right at all: what it needs is loaded, so it may not be able to read Python."""
    child = os.fork()
    if child == 0:
        code = 1
        try:
            os.setgroups([])
            os.setresgid(65534, 65534, 65534)
            os.setresuid(65534, 65534, 65534)
            act()
            code = 0
        except BaseException:
            traceback.print_exc()
        finally:
            os._exit(code)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


@pytest.mark.skipif(os.geteuid() != 0, reason="becoming another user needs root")
@pytest.mark.parametrize("fails", [False, True])
def test_folders_that_forbid_their_owner_to_write(open_folder: Path, fails: bool) -> None:
    """Who owns a read-only folder restores what is in it, and moves and replaces it; its mode is the snapshot's or the old one."""
    place = Place(open_folder / "place")

    def own(closed: dict[str, int]) -> None:
        subprocess.run(["chown", "-R", "65534:65534", place.base], check=True)
        for name, mode in closed.items():
            (place.root / name).chmod(mode)

    place.write({"closed/a": "1", "closed/inner/b": "1", "moved/c": "1", "changed/d": "1"})
    own({"closed/inner": 0o500, "closed": 0o500, "moved": 0o500, "changed": 0o555})
    first = place.init()
    restored = look(place.root)
    subprocess.run(["rm", "-r", place.root / "moved"], check=True)
    place.write({"closed/a": "2", "closed/inner/b": "2", "new/e": "2", "changed/d": "2"})
    own({"closed/inner": 0o550, "closed": 0o500, "new": 0o500, "changed": 0o500})
    place.snapshot()
    own({})
    before = look(place.root)

    def stop() -> None:
        if fails:
            raise OSError(28, "No space left on device")

    def act() -> None:
        with place.parts() as site, site.vault.stage() as stage, contextlib.suppress(OSError):
            restoring(site, place, first, stage, stop).run()

    as_nobody(act)
    assert look(place.root) == (before if fails else restored)
