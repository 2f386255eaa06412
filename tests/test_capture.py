"""Reading the root: every kind of file as it is, nothing followed, and never a vanished root taken for an empty one."""

from __future__ import annotations

import os
import socket
import stat
import subprocess
import threading
from pathlib import Path

import pytest
from harness.apart import apart, mount_small, sh, why_not
from sites import NOBODY, Place, look, needs_other_user
from states import Link

from configvault.core.model import Entry, Folder, Kind
from configvault.root.capture import Root, UnsettledError
from configvault.root.names import Names
from configvault.vault.stage import Stage

ROOT = os.geteuid() == 0
needs_root = pytest.mark.skipif(not ROOT, reason="setting owners needs root")


@pytest.fixture
def place(tmp_path: Path) -> Place:
    """Return an empty root without a vault."""
    return Place(tmp_path)


def back(place: Place, id_: str) -> None:
    """Empty the root, roll back to `id_`, and fail unless everything is as it was."""
    before = look(place.root)
    subprocess.run(["find", place.root, "-mindepth", "1", "-delete"], check=True)
    place.ok("rollback", id_, "--allow-setid")
    assert look(place.root) == before


# --- every kind of file


def test_executables_and_full_modes(place: Place) -> None:
    """Every permission bit of files and folders comes back; the set-id bits of files where they are asked for."""
    modes = [0o644, 0o600, 0o755, 0o400, 0o000, 0o111, 0o4755, 0o2750, 0o666, 0o1644]
    place.write(
        {f"f{mode:o}": "x" for mode in modes} | {f"d{mode:o}/x": "y" for mode in (0o755, 0o700, 0o2775, 0o1777)}
    )
    for mode in modes:
        (place.root / f"f{mode:o}").chmod(mode)
    for mode in (0o755, 0o700, 0o2775, 0o1777):
        (place.root / f"d{mode:o}").chmod(mode)
    if not ROOT:
        (place.root / "f0").unlink()
        (place.root / "f111").unlink()
    id_ = place.init()
    assert place.git("ls-tree", "main", "f755").startswith("100755")
    assert place.git("ls-tree", "main", "f600").startswith("100644")
    back(place, id_)


def test_links_are_kept_and_never_followed(place: Place, tmp_path: Path) -> None:
    """A link is its text, whether it dangles, is absolute, leaves the root, is a loop or leads to a folder."""
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "secret").write_text("not ours")
    place.write(
        {
            "dangling": Link("nowhere"),
            "absolute": Link(str(outside / "secret")),
            "outside": Link("../outside"),
            "loop": Link("loop"),
            "folder": Link("d"),
            "d/x": "1",
            "up": Link("."),
            "odd": Link("with space\nand line, \udcff"),
            "long": Link("x/" * 1500 + "y"),
        }
    )
    id_ = place.init()
    assert place.git("cat-file", "blob", "main:outside") == "../outside"
    assert place.git("ls-tree", "-r", "--name-only", "main").count("secret") == 0
    back(place, id_)
    assert (outside / "secret").read_text() == "not ours"


def test_empty_folders(place: Place) -> None:
    """Empty folders are kept, alone, nested and beside files, with their modes."""
    place.write({"e/": None, "a/b/c/": None, "d/f": "1", "d/g/": None})
    (place.root / "a" / "b" / "c").chmod(0o700)
    back(place, place.init())


NAMES = [
    "with space", " leading", "trailing ", "new\nline", "-dash", "--", "tab\t", "quote'\"", "back\\slash", "*?[a]",
    "\udcff\udcfe", "ümlaut", "u\u0308mlaut", "日本", "\x01\x7f", "a" * 255, "..x", "...", "#x", "~x", "$HOME", "%s",
    ":x", "@", "{}", "a:b", "git", ".gitx", "HEAD", ".github", "\u202eevil", "!x", "|", ";",
]  # fmt: skip


def test_names(place: Place) -> None:
    """Every name that a directory can hold is kept byte for byte, as a file and as a folder."""
    place.write({name: name for name in NAMES} | {f"d/{name}/x": name for name in NAMES})
    back(place, place.init())
    place.fsck()
    recorded = place.git("ls-tree", "-r", "-z", "--name-only", "main").split("\0")
    assert set(NAMES) <= set(recorded)


@needs_root
def test_owners(place: Place) -> None:
    """Owner and group of files, links, folders and the root itself come back."""
    place.write({"a": "1", "d/b": "2", "l": Link("a"), "e/": None})
    for number, name in enumerate(["a", "d", "d/b", "l", "e", ""]):
        os.lchown(place.root / name, 1000 + number, 2000 + number)
    place.root.chmod(0o2750)
    back(place, place.init())
    seen = place.root.stat()
    assert (seen.st_uid, seen.st_gid, stat.S_IMODE(seen.st_mode)) == (1005, 2005, 0o2750)


def test_metadata_alone_is_a_change(place: Place) -> None:
    """A changed mode is a snapshot of its own, is named as such, and is undone by a rollback."""
    place.init({"a": "1", "d/": None})
    (place.root / "a").chmod(0o600)
    (place.root / "d").chmod(0o700)
    place.root.chmod(0o711)
    found = place.ok("snapshot")["snapshot"]
    assert {(one["path"], one["kind"]) for one in found["changes"]} == {
        (".", "metadata"),
        ("a", "metadata"),
        ("d", "metadata"),
    }
    place.ok("rollback", "previous")
    assert stat.S_IMODE((place.root / "a").stat().st_mode) == 0o644
    assert stat.S_IMODE(place.root.stat().st_mode) == 0o755


# --- what is left out


def _left_out(place: Place) -> dict[str, str]:
    return {row["path"]: row["reason"] for row in place.ok("status")["left_out"]}


def test_what_cannot_be_kept_is_left_out_aloud(place: Place) -> None:
    """Sockets, fifos, devices, `.git` in any disguise and our own names are left out, said by `snapshot` and `status`."""
    place.write(
        {
            "a": "1",
            ".git/config": "x",
            "d/.GIT/x": "y",
            "d/git~1": "z",
            ".configvault-mine": "m",
            ".g\u200cit/x": "h",
        }
    )
    os.mkfifo(place.root / "fifo")
    with socket.socket(socket.AF_UNIX) as listener:
        here = os.getcwd()
        os.chdir(place.root)
        try:
            listener.bind("socket")
        finally:
            os.chdir(here)
        expected = {".git", "d/.GIT", "d/git~1", ".configvault-mine", "fifo", "socket", ".g\u200cit"}
        if ROOT:
            os.mknod(place.root / "device", 0o600 | stat.S_IFCHR, os.makedev(1, 3))
            expected.add("device")
        done = place.run("init", "--json")
        assert done.code == 0
        assert {one["path"] for one in done.json["findings"] if one["rule"] == "left-out"} == expected
        assert set(_left_out(place)) == expected
        again = place.run("snapshot")
        assert f"{len(expected)} warnings existed before this change" in again.err
    # A folder that holds nothing that can be kept says nothing either.
    assert set(place.git("ls-tree", "-r", "--name-only", "main").split()) == {"a"}
    place.fsck()


def test_warning_stays_until_the_cause_is_gone(place: Place) -> None:
    """`status` repeats the warning in every new process, and stops when the entry is gone."""
    place.init({"a": "1"})
    os.mkfifo(place.root / "fifo")
    place.snapshot({"a": "2"})
    for _ in range(2):
        assert "fifo is left out" in place.run("status").out
    (place.root / "fifo").unlink()
    assert _left_out(place) == {}


def test_left_out_is_never_touched(place: Place) -> None:
    """A rollback leaves fifos, ignored files and nested repositories where they are."""
    id_ = place.init({"a": "1"})
    place.write({"a": "2", "sub/.git/config": "x", "sub/b": "1", "x.swp": "s"})
    os.mkfifo(place.root / "fifo")
    place.snapshot()
    outcome = place.ok("rollback", id_)
    assert (place.root / "sub/.git/config").read_text() == "x"
    assert not (place.root / "sub/b").exists()
    assert (place.root / "x.swp").exists()
    assert stat.S_ISFIFO((place.root / "fifo").lstat().st_mode)
    assert outcome["kept_folders"] == ["sub"]


def test_ignored_files_are_not_warned_of(place: Place) -> None:
    """What the configuration ignores is left out quietly."""
    place.init({"a": "1", "a.swp": "x", "b~": "y"})
    assert _left_out(place) == {}
    assert place.git("ls-tree", "--name-only", "main").split() == ["a"]


# --- files that do not hold still


class _Torn:
    """A place for bytes where the file at `path` is written again while it is read, `times` times."""

    def __init__(self, stage: Stage, path: Path, times: int) -> None:
        self.stage = stage
        self.path = path
        self.left = times

    def append(self, pieces: object) -> tuple[int, int]:
        where = self.stage.append(pieces)  # type: ignore[arg-type]
        if self.left:
            self.left -= 1
            with self.path.open("ab") as file:
                file.write(b"more\n")
        return where

    def keep(self, blob: str, where: tuple[int, int]) -> None:
        self.stage.keep(blob, where)


def test_file_that_changes_while_it_is_read(tmp_path: Path) -> None:
    """It is read again until it holds still, and what is recorded is one state of it."""
    (tmp_path / "a").write_bytes(b"first\n")
    with Stage(None) as stage:
        state = Root(str(tmp_path), Names(())).capture(None, _Torn(stage, tmp_path / "a", 3))
        entry = state.entries["a"]
        assert isinstance(entry, Entry)
        assert stage.read(entry.blob) == (tmp_path / "a").read_bytes() == b"first\nmore\nmore\nmore\n"


def test_file_that_never_holds_still(tmp_path: Path) -> None:
    """There is a limit, and the error names the file."""
    (tmp_path / "a").write_bytes(b"first\n")
    with Stage(None) as stage, pytest.raises(UnsettledError, match="'a' is being written"):
        Root(str(tmp_path), Names(())).capture(None, _Torn(stage, tmp_path / "a", 10**6), patience_s=0.1)


def test_file_that_changes_its_kind_while_it_is_read(tmp_path: Path) -> None:
    """A name that turns from folder to link to file under the reader is no error, and nothing is followed."""
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "secret").write_text("s")
    root = tmp_path / "root"
    (root / "d").mkdir(parents=True)
    (root / "z").write_text("still")
    over = threading.Event()

    def turn() -> None:
        while not over.is_set():
            (root / "d").rmdir()
            (root / "d").symlink_to(outside)
            (root / "d").unlink()
            (root / "d").write_text("file")
            (root / "d").unlink()
            (root / "d").mkdir()

    thread = threading.Thread(target=turn)
    thread.start()
    try:
        for _ in range(150):
            try:
                state = Root(str(root), Names(())).capture(None, None, patience_s=0.02)
            except UnsettledError:
                continue
            assert all("secret" not in path for path, _ in state.walk())
    finally:
        over.set()
        thread.join()


def test_unchanged_is_not_read_again(place: Place) -> None:
    """What has the stamp it had is taken from the state before, the very same folder."""
    place.write({"a": "1", "d/b": "2"})
    for path in (place.root / "a", place.root / "d/b"):
        os.utime(path, (1, 1))
    root = Root(str(place.root), Names(()))
    first = root.capture(None, None)
    kept = Folder(first.mode, first.uid, first.gid, first.entries)
    second = root.capture(first, None)
    assert second.entries["d"] is first.entries["d"] or second.id == first.id
    assert kept.id == second.id


def test_same_size_same_mtime_is_seen(place: Place) -> None:
    """A file rewritten with its size and its modification time kept is recorded all the same."""
    place.init({"a": "1\n"})
    before = (place.root / "a").stat()
    (place.root / "a").write_text("2\n")
    os.utime(place.root / "a", ns=(before.st_atime_ns, before.st_mtime_ns))
    assert place.ok("snapshot")["outcome"] == "recorded"
    assert place.git("cat-file", "blob", "main:a") == "2\n"


# --- a root that is not there


def _never_recorded(place: Place, *argv: str) -> str:
    """Run a recording command that must fail, record nothing, and say so in one line of each; return what it said."""
    before = place.git("rev-parse", "main")
    done = place.run(*argv)
    assert done.code in (1, 3), done
    assert place.git("rev-parse", "main") == before
    if done.code == 1:
        assert (len(done.said("error")), len(done.said("hint"))) == (1, 1), done
        assert str(place.root) in done.err
    return done.err + done.out


def test_root_missing(place: Place) -> None:
    """A root that is gone is an error for everyone who would look at it, and `status` says it is degraded."""
    place.init({"a": "1"})
    place.root.rename(place.base / "elsewhere")
    assert "No such file" in _never_recorded(place, "snapshot")
    assert "No such file" in _never_recorded(place, "snapshot", "--force")
    for command in ("check", "diff"):
        assert place.run(command).code == 1
    assert place.run("status", "--check").code == 6
    assert place.ok("status")["degraded"]


def test_root_missing_comes_back(place: Place) -> None:
    """A rollback makes a missing root anew, with its mode."""
    place.root.chmod(0o750)
    id_ = place.init({"a": "1", "d/b": "2"})
    before = look(place.root)
    subprocess.run(["rm", "-r", place.root], check=True)
    place.ok("rollback", id_)
    assert look(place.root) == before


def test_root_is_a_file(place: Place) -> None:
    """A file in place of the root is an error, and is not replaced."""
    place.init({"a": "1"})
    place.root.rename(place.base / "elsewhere")
    place.root.write_text("mine")
    assert "Not a directory" in _never_recorded(place, "snapshot")
    assert place.run("rollback", "latest").code == 1
    assert place.root.read_text() == "mine"


@pytest.mark.parametrize("profile", ["generic", "coze"])
@pytest.mark.parametrize("files", [1, 2, 9])
def test_root_emptied(tmp_path: Path, files: int, profile: str) -> None:
    """A root that is empty where it was not is a rejected state, whatever the profile and however few the files."""
    place = Place(tmp_path)
    place.init({f"f{number}": f"{number}" for number in range(files)})
    place.configure(profile=profile)
    for path in place.root.iterdir():
        path.unlink()
    said = _never_recorded(place, "snapshot")
    assert "mass-removal" in said


def test_root_emptied_to_empty_folders(place: Place) -> None:
    """Folders alone do not make an emptied root look full."""
    place.init({"d/a": "1", "d/b": "2"})
    (place.root / "d/a").unlink()
    (place.root / "d/b").unlink()
    assert "mass-removal" in _never_recorded(place, "snapshot")


def test_forced_removal(place: Place) -> None:
    """`--force` records even that, since the operator says so."""
    place.init({"a": "1"})
    (place.root / "a").unlink()
    assert place.ok("snapshot", "--force")["outcome"] == "recorded"


@needs_other_user
@pytest.mark.parametrize("what", ["root", "folder", "file"])
def test_unreadable(open_folder: Path, what: str) -> None:
    """What this user may not read is an error that names it, never a state without it."""
    place = Place(open_folder / "place")
    place.write({"d/e/a": "1", "b": "2"})
    for path in [place.base, place.config, *place.root.rglob("*"), place.root]:
        os.chown(path, 65534, 65534)
    assert place.process("init", before=NOBODY).code == 0
    target = {"root": place.root, "folder": place.root / "d/e", "file": place.root / "d/e/a"}[what]
    os.utime(target)
    target.chmod(0)
    (place.root / "d/e/a").write_text("changed")
    done = place.process("snapshot", before=NOBODY)
    assert (done.code, len(done.said("error")), len(done.said("hint"))) == (1, 1, 1), done
    assert {"root": str(place.root), "folder": "d/e", "file": "d/e/a"}[what] in done.err
    assert "Permission denied" in done.err


def test_file_system_that_went_away(tmp_path: Path) -> None:
    """When the file system under the root is unmounted, what is left is refused, and comes back with the mount."""
    if reason := why_not():
        pytest.skip(reason)
    place = Place(tmp_path)

    def body() -> None:
        mount_small(place.root, "1m")
        place.init({"a": "1", "b": "2"})
        sh("umount", place.root)
        assert "mass-removal" in _never_recorded(place, "snapshot")
        assert place.run("status", "--check").code in (1, 6)

    apart(body)


# --- root and vault in one another


@pytest.mark.parametrize("through", ["plain", "link", "dots"])
@pytest.mark.parametrize("inside", ["vault", "root", "same"])
def test_root_and_vault_apart(tmp_path: Path, inside: str, through: str) -> None:
    """A vault inside the root, the root inside the vault, and both the same are refused (78), also through links."""
    place = Place(tmp_path)
    place.write({"a": "1"})
    root, vault = {
        "vault": (place.root, place.root / "v"),
        "root": (place.base / "v" / "r", place.base / "v"),
        "same": (place.root, place.root),
    }[inside]
    root.mkdir(parents=True, exist_ok=True)
    if through == "link":
        (tmp_path / "way").symlink_to(root if inside != "root" else root.parent)
        if inside == "vault":
            vault = tmp_path / "way" / "v"
        elif inside == "root":
            root = tmp_path / "way" / "r"
        else:
            vault = tmp_path / "way"
    elif through == "dots":
        vault = tmp_path / "x" / ".." / vault.relative_to(tmp_path)
    place.config.write_text(f"root: {root}\nvault: {vault}\n")
    for command in ("init", "snapshot", "status"):
        done = place.run(command)
        assert (done.code, len(done.said("error")), len(done.said("hint"))) == (78, 1, 1), done
    place.config.unlink()
    done = place.run("init", "--root", str(root), "--vault", str(vault))
    assert done.code == 78
    assert not place.config.exists()
    assert not (place.root / "v").exists()


def test_deep_nesting_is_an_error(place: Place) -> None:
    """Folders nested beyond the limit are an error in one line, not a crash."""
    here = os.open(place.root, os.O_RDONLY)
    for _ in range(400):
        os.mkdir("d", dir_fd=here)
        inner = os.open("d", os.O_RDONLY, dir_fd=here)
        os.close(here)
        here = inner
    os.close(here)
    done = place.run("init")
    assert (done.code, len(done.said("error")), len(done.said("hint"))) == (1, 1, 1), done
    assert "nested" in done.err


def test_entry_kinds(place: Place) -> None:
    """A link's entry holds its text and no mode of its own."""
    place.write({"l": Link("there")})
    with Stage(None) as stage:
        state = Root(str(place.root), Names(())).capture(None, stage)
        entry = state.entries["l"]
        assert isinstance(entry, Entry)
        assert (entry.kind, entry.mode, stage.read(entry.blob)) == (Kind.LINK, 0o777, b"there")
