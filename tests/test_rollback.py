"""Rolling back as the operator does it: exactness, what is asked for, what is refused, what the service says."""

from __future__ import annotations

import os
import signal
import stat
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import service
from harness import apart, commands, tracer
from harness.tracer import Call
from plugins import FERRIES_PATH, GOOD, META_PATH
from service import Service, answer
from sites import NOBODY, Place, look, needs_other_user
from states import Link

from configvault.core.errors import BusyError
from configvault.disk import lock
from configvault.usecases import rollback
from configvault.vault import statefiles

ROOT = os.geteuid() == 0


@pytest.fixture
def place(tmp_path: Path) -> Place:
    """Return a place with an empty root."""
    return Place(tmp_path / "place")


# --- exactness


def _own(path: Path, uid: int, gid: int) -> None:
    if ROOT:
        os.chown(path, uid, gid, follow_symlinks=False)


def _modes(root: Path) -> None:
    for name, mode in (("suid", 0o4755), ("sgid", 0o2711), ("private", 0o600), ("read only", 0o444)):
        (root / name).write_text(name)
        _own(root / name, 7, 8)
        (root / name).chmod(mode)
    for name, mode in (("sticky", 0o1777), ("group", 0o2775), ("closed", 0o500)):
        (root / name).mkdir()
        (root / name / "inside").write_text(name)
        _own(root / name, 7, 8)
        (root / name).chmod(mode)
    (root / "link").symlink_to("suid")
    _own(root / "link", 9, 10)
    root.chmod(0o711)


def _plain_modes(root: Path) -> None:
    for path in [*root.rglob("*"), root]:
        _own(path, os.geteuid(), os.getegid())
        if not path.is_symlink():
            path.chmod(0o755 if path.is_dir() else 0o644)


def _files(**files: str | Link | None) -> Callable[[Path], None]:
    def make(root: Path) -> None:
        for name, content in files.items():
            if content is None:
                (root / name).mkdir()
            elif isinstance(content, Link):
                (root / name).symlink_to(content)
            else:
                (root / name).parent.mkdir(exist_ok=True)
                (root / name).write_text(content)

    return make


def _empty(root: Path) -> None:
    for path in sorted(root.rglob("*"), reverse=True):
        path.rmdir() if path.is_dir() and not path.is_symlink() else path.unlink()


def _odd_names(root: Path) -> None:
    for name in (b"-rf", b"a\nb", b"not utf-8 \xff", b"  ", b'"', b"\\"):
        Path(os.fsdecode(bytes(root) + b"/" + name)).write_text("odd")


KINDS: dict[str, tuple[Callable[[Path], None], Callable[[Path], None]]] = {
    "content": (_files(a="1", b="2"), _files(a="3", b="2")),
    "added and removed": (_files(a="1"), _files(b="2")),
    "modes and owners": (_modes, _plain_modes),
    "plain modes": (_files(a="1", **{"d/b": "2"}), lambda root: (root / "a").chmod(0o6711)),
    "empty folders": (_files(a=None, b="1"), _files(c=None, b="1")),
    "file to folder": (_files(x="1"), _files(**{"x/y": "2"})),
    "folder to file": (_files(**{"x/y": "2"}), _files(x="1")),
    "file to link": (_files(x="1", y="2"), _files(x=Link("y"), y="2")),
    "link to folder": (_files(x=Link("y"), y=None), _files(x=None, y=None)),
    "link to another": (_files(x=Link("a")), _files(x=Link("/nowhere"))),
    "case only": (_files(Name="1", d=None), _files(name="1", D=None)),
    "odd names": (_odd_names, _files(a="1")),
    "deep": (_files(**{"d/x": "1"}), _files(e="2")),
}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("direction", ["back", "forth"])
def test_exact(place: Place, kind: str, direction: str) -> None:
    """Whatever differs between two states, the root is exactly the snapshot afterwards, and live is the latest."""
    first, second = KINDS[kind]
    first(place.root)
    states = [look(place.root)]
    ids = [place.init()]
    if kind not in {"modes and owners", "plain modes"}:
        _empty(place.root)
    second(place.root)
    states.append(look(place.root))
    ids.append(place.snapshot(None, "--force"))
    assert states[0] != states[1]
    assert place.ok("rollback", ids[0], "--allow-setid")["outcome"] == "rolled_back"
    assert look(place.root) == states[0]
    if direction == "forth":
        assert place.ok("rollback", ids[1], "--allow-setid")["outcome"] == "rolled_back"
        assert look(place.root) == states[1]
    status = place.ok("status")
    assert status["live"]["matches"] == status["latest"]
    place.fsck()


def test_hard_link_is_broken_once(place: Place, tmp_path: Path) -> None:
    """A file with another name gets the old content alone, and the outcome says so."""
    first = place.init({"a": "1"})
    place.write({"a": "2"})
    os.link(place.root / "a", tmp_path / "other name")
    place.snapshot()
    assert place.ok("rollback", first)["hard_links"] == ["a"]
    assert ((place.root / "a").read_text(), (tmp_path / "other name").read_text()) == ("1", "2")


def test_open_file(place: Place) -> None:
    """Who has a file open goes on reading what was there; who opens it anew reads what was restored."""
    first = place.init({"a": "1"})
    place.snapshot({"a": "2"})
    with (place.root / "a").open() as file:
        place.ok("rollback", first)
        assert (file.read(), (place.root / "a").read_text()) == ("2", "1")


@pytest.mark.skipif(apart.why_not() is not None, reason=str(apart.why_not()))
def test_bind_mounted_file(place: Place, tmp_path: Path) -> None:
    """A file that is a mount of its own is written in place, both ways, and the outcome says so."""
    first = place.init({"a": "1\n" * 2000, "b": "1"})
    second = place.snapshot({"a": "2", "b": "2"})
    (tmp_path / "elsewhere").write_text("2")

    def inside() -> None:
        apart.sh("mount", "--bind", tmp_path / "elsewhere", place.root / "a")
        for id_, text in ((first, "1\n" * 2000), (second, "2")):
            assert place.ok("rollback", id_)["in_place"] == ["a"]
            assert (tmp_path / "elsewhere").read_text() == text
            assert place.ok("status")["live"]["matches"]
        assert [name for name in os.listdir(place.root) if name not in {"a", "b"}] == []

    apart.apart(inside)


@pytest.mark.skipif(apart.why_not() is not None, reason=str(apart.why_not()))
def test_mount_in_the_way(place: Place, tmp_path: Path) -> None:
    """A mount that would have to go is an error with nothing changed, and the next command works."""
    first = place.init({"b": "1"})
    place.snapshot({"a": "2", "b": "2"})
    (tmp_path / "elsewhere").write_text("2")

    def inside() -> None:
        apart.sh("mount", "--bind", tmp_path / "elsewhere", place.root / "a")
        before = look(place.root)
        done = place.run("rollback", first, "--json")
        assert (done.code, "nothing was changed" in done.error["message"]) == (1, True), done
        assert look(place.root) == before
        assert place.ok("status")["degraded"] == []
        assert place.ok("snapshot")["outcome"] == "unchanged"

    apart.apart(inside)


# --- what is never touched


def test_kept_folder(place: Place) -> None:
    """A folder that holds an ignored file stays, the outcome says so, and live is the snapshot all the same."""
    first = place.init({"a": "1"})
    place.snapshot({"d/e/b": "2"})
    place.write({"d/e/b.swp": "mine"})
    outcome = place.ok("rollback", first)
    assert outcome["kept_folders"] == ["d", "d/e"]
    assert (place.root / "d/e/b.swp").read_text() == "mine"
    assert not (place.root / "d/e/b").exists()
    assert place.ok("status")["live"]["matches"] == outcome["recorded"]["id"]
    assert place.ok("snapshot")["outcome"] == "unchanged"
    (place.root / "d/e/b.swp").unlink()
    (place.root / "d/e").rmdir()
    (place.root / "d").rmdir()
    assert place.ok("snapshot")["outcome"] == "unchanged"


def test_recorded_folder_that_holds_only_ignored_files(place: Place) -> None:
    """A folder that a snapshot has stays on record while nothing but an ignored file is in it."""
    first = place.init({"d": None, "a": "1"})
    place.write({"d/x.swp": "mine"})
    assert place.ok("snapshot")["outcome"] == "unchanged"
    place.snapshot({"a": "2"})
    place.ok("rollback", first)
    assert (place.root / "d/x.swp").read_text() == "mine"


def test_bare_folder_is_no_obstacle(place: Place) -> None:
    """Where only ignored files are left of a folder, a snapshot that has the folder is restored around them."""
    full = place.init({"a": "1", "d/b": "2"})
    (place.root / "d/b").unlink()
    place.write({"d/b.swp": "mine"})
    place.snapshot()
    place.ok("rollback", full)
    assert ((place.root / "d/b").read_text(), (place.root / "d/b.swp").read_text()) == ("2", "mine")


def test_ignored_in_the_way(place: Place) -> None:
    """A folder with ignored files in the place of a file is moved aside as it is, and the outcome says where it is."""
    first = place.init({"x": "1", "z": "1"})
    (place.root / "x").unlink()
    place.write({"x/y": "2", "x/y.swp": "mine"})
    place.snapshot()
    outcome = place.ok("rollback", first)
    assert (place.root / "x").read_text() == "1"
    aside = place.root / outcome["aside"]["x"]
    assert ((aside / "y").read_text(), (aside / "y.swp").read_text()) == ("2", "mine")
    assert stat.S_IMODE(aside.parent.stat().st_mode) == 0o700
    assert place.ok("status")["live"]["matches"] == outcome["recorded"]["id"]


def test_ignored_since(place: Place) -> None:
    """What a snapshot holds and today's configuration ignores is left alone, be it there or not."""
    first = place.init({"a": "1", "log": "old", "gone": "old"})
    (place.root / "gone").unlink()
    place.configure("watch: {ignore: [log, gone]}\n")
    place.snapshot({"a": "2", "log": "new"}, "--force")
    place.ok("rollback", first)
    assert look(place.root).keys() == {b".", b"a", b"log"}
    assert ((place.root / "a").read_text(), (place.root / "log").read_text()) == ("1", "new")


# --- somebody else at the same time


def _rollback_while(place: Place, target: str, act: Callable[[Call], None]) -> tracer.Ran:
    command = [*_program(), "--config", str(place.config), "rollback", target, "--json"]
    return tracer.run(command, under=[place.root], cwd=place.base, decide=act)


def _program() -> list[str]:
    import sys

    return [sys.executable, "-P", "-m", "configvault"]


@pytest.mark.skipif(not tracer.supported, reason="the tracer knows x86_64 Linux only")
@pytest.mark.parametrize("at", ["renameat2", "unlinkat"])
def test_change_during_the_restore(place: Place, at: str) -> None:
    """What somebody writes in the middle of a restore is in the vault, and the root is the snapshot."""
    first = place.init({"a": "1", "b": "1", "c": "1"})
    place.snapshot({"a": "2", "b": "2", "d": "2"})
    written: list[str] = []

    def act(call: Call) -> None:
        if call.number and call.name == at and not written:
            written.extend(("foreign edit", "foreign file"))
            # As an editor does it, and a new one.
            (place.root / "b.new").write_text("foreign edit")
            (place.root / "b.new").rename(place.root / "b")
            (place.root / "e").write_text("foreign file")

    ran = _rollback_while(place, first, act)
    assert ran.status == 0, ran.output
    assert written
    assert {name: (place.root / name).read_text() for name in os.listdir(place.root)} == dict.fromkeys(
        "abc", "1"
    )
    with place.parts() as site:
        kept = [site.vault.tree(state.tree) for state in site.vault.rejected()]
        texts = {site.vault.objects.read(file.blob).decode() for tree in kept for _, file in tree.files()}
    assert set(written) <= texts


@pytest.mark.skipif(not tracer.supported, reason="the tracer knows x86_64 Linux only")
def test_endless_writer(place: Place) -> None:
    """Where somebody writes again after every look, the rollback fails aloud and blocks nobody afterwards."""
    first = place.init({"a": "1"})
    place.snapshot({"a": "2"})
    count = 0

    def act(call: Call) -> None:
        nonlocal count
        if call.number and call.name == "unlinkat":
            count += 1
            (place.root / "a.new").write_text(f"mine {count}")
            (place.root / "a.new").rename(place.root / "a")

    ran = _rollback_while(place, first, act)
    assert (ran.status, "still differs" in ran.output) == (1, True), ran.output
    assert place.ok("status")["degraded"] == []
    assert place.ok("snapshot")["outcome"] == "recorded"


def test_two_at_once(place: Place) -> None:
    """Of two rollbacks at once one waits for the other; both succeed, and live is the later one's."""
    first = place.init({"a": "1"})
    second = place.snapshot({"a": "2"})
    place.snapshot({"a": "3"})
    started = [commands.start(["--config", str(place.config), "rollback", id_]) for id_ in (first, second)]
    assert [one.wait().status for one in started] == [0, 0]
    assert (place.root / "a").read_text() in {"1", "2"}
    assert place.ok("status")["live"]["matches"]
    place.fsck()


def test_two_and_a_daemon(place: Place) -> None:
    """With a daemon at work beside them rollbacks still exclude each other, and nothing it records is torn."""
    place.configure("http: {listen: off}\nwatch: {quiet: 20ms}\n")
    states = {}
    ids = []
    for text in ("1", "2"):
        ids.append(
            place.snapshot({f"d/{n}": text for n in range(20)})
            if ids
            else place.init({f"d/{n}": text for n in range(20)})
        )
        states[text] = look(place.root)
    daemon = commands.start(["--config", str(place.config), "run"])
    while not place.ok("status")["daemon"]["running"]:
        pass
    for _ in range(3):
        started = [commands.start(["--config", str(place.config), "rollback", id_]) for id_ in ids]
        ended = [one.wait() for one in started]
        assert [one.status for one in ended] == [0, 0], ended
        assert look(place.root) in states.values()
    os.kill(daemon.pid, signal.SIGTERM)
    assert daemon.wait().status == 0
    assert place.ok("snapshot")["outcome"] == "unchanged"
    trees = set(place.git("log", "--all", "--format=%T", "--", "d").split())
    assert len(trees) == 2
    place.fsck()


def test_busy(place: Place) -> None:
    """Who cannot wait any longer is told which process holds the vault, and since when."""
    first = place.init({"a": "1"})
    place.snapshot({"a": "2"})
    with (
        place.parts() as site,
        lock.hold(statefiles.path(site.vault.state, statefiles.LOCK), "somebody's command"),
    ):
        site.wait_s = 0.01
        with pytest.raises(BusyError) as busy:
            rollback.rollback(site, rollback.Request(first))
    assert f"process {os.getpid()} (somebody's command) since 2" in busy.value.message
    assert busy.value.code == 5


# --- sure of what is asked


def test_dry_run(place: Place) -> None:
    """`-n` says each file with its lines and the snapshots that would be left, and changes nothing at all."""
    first = place.init({"a": "1\n2\n3\n", "b": "x\n", "bytes": b"\0"})
    second = place.snapshot({"a": "1\nzwei\n3\n4\n", "bytes": b"\0\1"})
    (place.root / "b").unlink()
    before = look(place.base)
    document = place.ok("rollback", first, "-n")
    assert (document["outcome"], document["left"]) == ("planned", [second])
    assert document["changes"] == [
        {"path": "a", "kind": "modified", "lines_added": 1, "lines_removed": 2},
        {"path": "b", "kind": "added", "lines_added": 1, "lines_removed": 0},
        {"path": "bytes", "kind": "modified", "lines_added": None, "lines_removed": None},
    ]
    said = place.run("rollback", first, "--dry-run").out
    assert all(
        line in said
        for line in ("~ a  +1 -2", "+ b  +1 -0", "~ bytes  not text", f"marks as rolled back: {second}")
    )
    assert look(place.base) == before


def test_expect(place: Place) -> None:
    """`--expect` refuses when somebody was faster, and goes on when nobody was."""
    first = place.init({"a": "1"})
    second = place.snapshot({"a": "2"})
    third = place.snapshot({"a": "3"})
    done = place.run("rollback", first, "--expect", second, "--json")
    assert (done.code, third in done.error["message"]) == (5, True)
    assert (place.root / "a").read_text() == "3"
    assert place.ok("rollback", first, "--expect", third)["outcome"] == "rolled_back"


def test_path(place: Place) -> None:
    """`--path` brings back these alone; what else is live stays, and no snapshot counts as left."""
    first = place.init({"a": "1", "d/b": "1", "d/c": "1"})
    place.snapshot({"a": "2", "d/b": "2", "d/new": "2"})
    document = place.ok("rollback", first, "--path", "d/b", "--path", "./d/new")
    assert (document["left"], document["outcome"]) == ([], "rolled_back")
    assert {p: (place.root / p).read_text() for p in ("a", "d/b", "d/c")} == {"a": "2", "d/b": "1", "d/c": "1"}
    assert not (place.root / "d/new").exists()
    assert place.run("rollback", first, "--path", "nowhere").code == 2
    assert place.run("rollback", first, "--path", "../a").code == 2


def test_path_is_validated_as_a_whole(tmp_path: Path) -> None:
    """A file that was valid among its neighbours then, and is not among those of now, is not restored."""
    place = Place(tmp_path / "place", profile="coze")
    first = place.init(GOOD)
    only_tides = GOOD[META_PATH].partition("- plugin_id: 502")[0]
    (place.root / FERRIES_PATH).unlink()
    place.snapshot({META_PATH: only_tides})
    done = place.run("rollback", first, "--path", META_PATH, "--json")
    assert (done.code, done.error["kind"]) == (3, "rejected")
    assert (place.root / META_PATH).read_text() == only_tides
    assert place.ok("rollback", first, "--path", META_PATH, "--path", FERRIES_PATH)["outcome"] == "rolled_back"


def test_live_is_kept_whatever_it_is(place: Place) -> None:
    """Unrecorded work is a snapshot before it is replaced, invalid work a rejected state."""
    first = place.init({"a.yaml": "a: 1"})
    place.write({"a.yaml": "a: 2"})
    safety = place.ok("rollback", first)["safety"]
    assert safety.startswith("backup_")
    assert place.run("show", f"{safety}:a.yaml").out == "a: 2"
    place.write({"a.yaml": "a: ["})
    safety = place.ok("rollback", first)["safety"]
    assert safety.startswith("rejected_")
    assert place.run("show", f"{safety}:a.yaml").out == "a: ["


def test_left_are_skipped(place: Place) -> None:
    """What a rollback leaves is marked, `previous` passes over it, and no commit was rewritten."""
    first = place.init({"a": "1"})
    second = place.snapshot({"a": "2"})
    third = place.snapshot({"a": "3"})
    document = place.ok("rollback", second)
    assert document["left"] == [third]
    snapshots = {one["id"]: one for one in place.ok("list")["snapshots"]}
    assert snapshots[third]["rolled_back"]
    assert list(snapshots) == [document["recorded"]["id"], third, second, first]
    assert place.ok("rollback", "previous")["target"]["id"] == first


def test_missing_root(place: Place) -> None:
    """A root that is gone comes back whole, with its own mode."""
    place.root.chmod(0o750)
    place.init({"a": "1", "d/b": "2"})
    before = look(place.root)
    _empty(place.root)
    place.root.rmdir()
    assert place.ok("rollback", "latest")["safety"] is None
    assert look(place.root) == before


# --- rights


@pytest.fixture
def theirs() -> Iterator[Place]:
    """Return a place that others can reach: pytest closes its own folders to them at any time."""
    with tempfile.TemporaryDirectory(prefix="configvault-theirs-") as folder:
        Path(folder).chmod(0o755)
        yield Place(Path(folder, "place"))


def _for_nobody(place: Place) -> None:
    for path in [place.base, place.config, *place.base.rglob("*")]:
        os.chown(path, 65534, 65534, follow_symlinks=False)


# As systemd/drop-ins/own-user.conf grants them.
RIGHTS = "+chown,+fowner,+fsetid,+dac_override"
GIVER = [*NOBODY, "--inh-caps", RIGHTS, "--ambient-caps", RIGHTS]


@needs_other_user
def test_user_rolls_back(theirs: Place) -> None:
    """An unprivileged user restores what is theirs, read-only files and folders too."""
    _files(a="1", **{"closed/b": "1", "closed/c": "1"})(theirs.root)
    (theirs.root / "a").chmod(0o444)
    (theirs.root / "closed").chmod(0o555)
    first = theirs.init()
    (theirs.root / "closed").chmod(0o755)
    (theirs.root / "closed/b").write_text("2")
    (theirs.root / "closed/c").unlink()
    (theirs.root / "a").unlink()
    (theirs.root / "closed").chmod(0o500)
    _for_nobody(theirs)
    before = look(theirs.root)
    second = theirs.process("snapshot", "--force", "--json", before=NOBODY).json["snapshot"]["id"]
    done = theirs.process("rollback", first, "--force", "--json", before=NOBODY)
    assert done.code == 0, done
    found = look(theirs.root)
    assert (found[b"closed"][1], found[b"a"][1], found[b"closed/b"][4]) == ("0o555", "0o444", b"1")
    assert theirs.process("rollback", second, "--json", before=NOBODY).code == 0
    assert look(theirs.root) == before


@needs_other_user
def test_folder_that_cannot_be_removed(theirs: Place) -> None:
    """Where somebody else's folder would have to go and cannot, nothing is begun, and nobody is stuck afterwards."""
    first = theirs.init({"a": "1"})
    theirs.snapshot({"d/e/f": "2", "a": "2"})
    _for_nobody(theirs)
    theirs.process("snapshot", before=NOBODY)
    os.chown(theirs.root / "d/e", 0, 0)
    theirs.process("snapshot", before=NOBODY)
    before = look(theirs.root)
    done = theirs.process("rollback", first, "--force", "--json", before=NOBODY)
    assert (done.code, "nothing was changed" in done.error["message"]) == (1, True), done
    assert "'d/e'" in done.error["message"]
    assert look(theirs.root) == before
    assert theirs.process("status", "--check", before=NOBODY).code == 0
    assert theirs.process("snapshot", before=NOBODY).code == 0


@needs_other_user
def test_owner_that_cannot_be_set(theirs: Place) -> None:
    """Without the right to set owners it is refused up front; forced, all but the owner is restored, and said."""
    theirs.write({"a": "1", "b": "1"})
    os.chown(theirs.root / "a", 1234, 1234)
    first = theirs.init()
    theirs.snapshot({"a": "2", "b": "2"})
    _for_nobody(theirs)
    theirs.process("snapshot", before=NOBODY)
    before = look(theirs.root)
    done = theirs.process("rollback", first, "--json", before=NOBODY)
    assert (done.code, done.error["kind"]) == (1, "failed")
    assert "CAP_CHOWN" in done.error["message"]
    assert "--force" in done.error["hint"]
    assert look(theirs.root) == before
    done = theirs.process("rollback", first, "--force", "--json", before=NOBODY)
    assert (done.code, done.json["outcome"]) == (0, "rolled_back"), done
    assert done.json["other_owners"] == [".", "a", "b"]
    assert {(theirs.root / name).read_text() for name in "ab"} == {"1"}
    assert theirs.process("status", "--check", before=NOBODY).code == 0


@needs_other_user
def test_capability_is_enough(theirs: Place) -> None:
    """A service user with the capability to set owners restores them, with special bits, without being root."""
    _modes(theirs.root)
    states = look(theirs.root)
    first = theirs.init()
    _plain_modes(theirs.root)
    theirs.snapshot()
    _for_nobody(theirs)
    theirs.process("snapshot", before=NOBODY)
    done = theirs.process("rollback", first, "--allow-setid", "--json", before=GIVER)
    assert done.code == 0, done
    assert look(theirs.root) == states


# --- the service


HTTP = "kind: http, url: {url}, timeout: 300ms, attempts: 1, expect: {{content_type: application/json}}"
ACTIVE = answer(body='{"plugins": [{"name": "tides", "status": "active"}]}')
INACTIVE = answer(body='{"plugins": [{"name": "tides", "status": "failed"}]}')
HEALTH = (
    "health: [{{name: tides, url: '{url}', within: 400ms, timeout: 300ms, "
    "expect: {{json: \"plugins[?name=='tides'].status | [0] == 'active'\"}}}}]\n"
)
TROUBLES: dict[str, tuple[list[bytes | service.Script], bool]] = {
    "fails": ([answer(500)], False),
    "hangs": ([service.hang], False),
    "hangs up": ([service.close], False),
    "answers HTML": ([answer(body="<html>", content_type="text/html")], False),
    "redirects": ([answer(302, extra="Location: /login\r\n")], False),
    "is inactive": ([answer(body="{}"), INACTIVE], True),
}


def _troubled(tmp_path: Path, host: Service, after: str, *, health: bool) -> Place:
    """Return a place with two snapshots whose service answers as told, and what follows a failure."""
    place = Place(tmp_path / "place")
    place.init({"a.yaml": "a: 1"})
    place.snapshot({"a.yaml": "a: 2"})
    more = f"rollback: {{on_reload_failure: {after}}}\n" + (HEALTH.format(url=host.url) if health else "")
    place.configure(more, reload=HTTP.format(url=host.url))
    return place


@pytest.mark.parametrize("trouble", TROUBLES)
def test_keep(tmp_path: Path, trouble: str) -> None:
    """A service that does not take it: the files stay restored, exit 7, and the outcome says why."""
    answers, health = TROUBLES[trouble]
    with service.serving(*answers) as host:
        place = _troubled(tmp_path, host, "keep", health=health)
        done = place.run("rollback", "previous", "--json")
    assert (done.code, done.json["outcome"]) == (7, "reload_failed"), done
    assert (place.root / "a.yaml").read_text() == "a: 1"
    why = done.json["health"][0] if health else done.json["reload"]
    assert not why["ok"]
    assert why["error"]
    assert not done.json["recorded"]["good"]


@pytest.mark.parametrize("trouble", TROUBLES)
def test_undo(tmp_path: Path, trouble: str) -> None:
    """With `undo` what was there comes back and is loaded again, exit 8, and nothing counts as left."""
    answers, health = TROUBLES[trouble]
    with service.serving(*answers) as host:
        place = _troubled(tmp_path, host, "undo", health=health)
        second = place.ok("list")["snapshots"][0]["id"]
        if not health:
            # The old state is taken again, the restored one is not.
            host.answers = [*answers, ACTIVE]
        done = place.run("rollback", "previous", "--json")
    assert (done.code, done.json["outcome"]) == (8, "undone"), done
    assert (place.root / "a.yaml").read_text() == "a: 2"
    snapshots = {one["id"]: one for one in place.ok("list")["snapshots"]}
    assert not snapshots[second]["rolled_back"]
    assert [one["trigger"] for one in snapshots.values()][:2] == ["undo", "rollback"]
    assert [one["rolled_back"] for one in snapshots.values()][:2] == [False, True]
    assert place.ok("status")["live"]["matches"]


def test_undo_to_invalid_work(tmp_path: Path) -> None:
    """What was live may have been invalid: it comes back byte for byte, and no snapshot stays marked as left."""
    with service.serving(answer(500), ACTIVE) as host:
        place = _troubled(tmp_path, host, "undo", health=False)
        second = place.ok("list")["snapshots"][0]["id"]
        place.write({"a.yaml": "a: [", "new": "x"})
        before = look(place.root)
        done = place.run("rollback", "previous", "--json")
        assert (done.code, done.json["recorded"]) == (8, None), done
    assert done.json["safety"].startswith("rejected_")
    assert look(place.root) == before
    snapshots = {one["id"]: one for one in place.ok("list")["snapshots"]}
    assert not snapshots[second]["rolled_back"]
    assert place.ok("status")["rejected"] == done.json["safety"]


def test_service_comes_up_late(tmp_path: Path) -> None:
    """A service that is not there yet is asked again until it is; then the snapshot is good."""
    with service.serving(answer(503), answer(503), answer(body="{}"), INACTIVE, INACTIVE, ACTIVE) as host:
        place = _troubled(tmp_path, host, "undo", health=True)
        reload = HTTP.format(url=host.url).replace("attempts: 1", "attempts: 5")
        health = HEALTH.format(url=host.url).replace("within: 400ms", "within: 20s")
        place.configure(health, reload=reload)
        document = place.ok("rollback", "previous")
    assert (document["reload"]["attempts"], document["health"][0]["ok"]) == (3, True)
    assert place.ok("status")["good"] == document["recorded"]["id"]


def test_unchanged_reloads(tmp_path: Path) -> None:
    """Where there is nothing to restore the service is told all the same: it may not have loaded what is live."""
    with service.serving(ACTIVE) as host:
        place = _troubled(tmp_path, host, "keep", health=False)
        document = place.ok("rollback", "latest")
        assert (document["outcome"], document["reload"]["ok"], len(host.asked)) == ("unchanged", True, 1)
        assert document["safety"] == document["target"]["id"]
        assert place.ok("rollback", "latest", "--no-reload")["reload"] is None
        assert len(host.asked) == 1


def test_what_was_rolled_back_coming_again_is_said(place: Place) -> None:
    """A file that has again the bytes which a rollback took away is recorded with a warning that names both."""
    place.init({"text.yaml": "version: 1\n"})
    left = place.snapshot({"text.yaml": "version: 7\n"})
    place.ok("rollback", "previous")
    (place.root / "text.yaml").write_text("version: 7\n")
    found = place.ok("snapshot")["findings"]
    assert [(one["rule"], one["path"], left in one["message"]) for one in found] == [
        ("rolled-back-content", "text.yaml", True)
    ]
