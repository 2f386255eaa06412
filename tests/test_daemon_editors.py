"""However somebody changes the root, it becomes exactly one snapshot, and the right one."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from harness import apart
from harness.daemon import Daemon, Watched


@pytest.fixture
def place(tmp_path: Path) -> Watched:
    """A root with two levels of folders."""
    place = Watched(tmp_path)
    (place.root / "sub").mkdir()
    (place.root / "sub" / "b.yaml").write_text("b: 1\n")
    return place


def sh(place: Watched, script: str) -> None:
    """Run a shell script with $ROOT and $OUT, a folder outside on the same file system."""
    out = place.base / "out"
    out.mkdir(exist_ok=True)
    environ = os.environ | {
        "ROOT": str(place.root),
        "OUT": str(out),
        "PYTHON": sys.executable,
        "GIT_AUTHOR_NAME": "t",
        "GIT_AUTHOR_EMAIL": "t@example.org",
        "GIT_COMMITTER_NAME": "t",
        "GIT_COMMITTER_EMAIL": "t@example.org",
    }
    done = subprocess.run(["sh", "-euc", script], env=environ, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


PATTERNS = {
    "vim": "vim -u NONE -N -es -c 'set backup backupcopy=no' -c 's/1/22/' -c 'wq' $ROOT/a.yaml < /dev/null",
    "vim in place": "vim -u NONE -N -es -c 'set backup backupcopy=yes' -c 's/1/22/' -c 'wq' $ROOT/a.yaml < /dev/null",
    "sed -i": "sed -i s/1/2/ $ROOT/a.yaml $ROOT/sub/b.yaml",
    "cp -r": "mkdir -p $OUT/t/u; for n in 1 2 3; do echo n: $n > $OUT/t/$n.yaml; cp $OUT/t/$n.yaml $OUT/t/u/; done;"
    "cp -r $OUT/t $ROOT/t",
    "rsync": "mkdir $OUT/r; echo c: 1 > $OUT/r/c.yaml; echo v: 2 > $OUT/r/a.yaml; rsync -a --delete $OUT/r/ $ROOT/",
    "mv in": "mkdir -p $OUT/m/n; echo c: 1 > $OUT/m/n/c.yaml; mv $OUT/m $ROOT/m",
    "mv out": "mv $ROOT/sub $OUT/sub",
    "mv over": "mkdir $OUT/sub; echo b: 2 > $OUT/sub/b.yaml; mv $ROOT/sub $OUT/old; mv $OUT/sub $ROOT/sub",
    "truncate and write": "$PYTHON -c \"f = open('$ROOT/a.yaml', 'w'); f.write('v: 2\\n'); f.close()\"",
    "append": "echo 'more: 1' >> $ROOT/a.yaml",
    "chmod": "chmod 600 $ROOT/a.yaml",
    "chmod of a folder": "chmod 700 $ROOT/sub",
    "new empty folder": "mkdir $ROOT/empty",
    "link": "ln -s a.yaml $ROOT/link.yaml",
    "hard link": "ln $ROOT/a.yaml $ROOT/again.yaml",
    "delete": "rm -r $ROOT/sub",
}
NEEDED = {"vim": "vim", "vim in place": "vim", "rsync": "rsync"}


@pytest.mark.parametrize("name", PATTERNS)
def test_one_change_is_one_snapshot(place: Watched, name: str) -> None:
    """Each way to change something is recorded once, as it is in the end, with no litter of the editor's."""
    program = NEEDED.get(name)
    if program is not None and shutil.which(program) is None:
        pytest.skip(f"{program} is not installed")
    with place.daemon() as daemon:
        sh(place, PATTERNS[name])
        daemon.wait("snapshot.recorded", trigger="change")
        finish(place, daemon)
    assert len(place.snapshots()) == 3
    place.content("main~1")
    assert {f for f in place.content("main~1") if f.endswith("~") or ".sw" in f} == set()


def finish(place: Watched, daemon: Daemon) -> None:
    """Make one more change; what is recorded of it holds all that came before."""
    (place.root / "last.yaml").write_text("last: 1\n")
    said = daemon.wait("snapshot.recorded", trigger="change")
    assert said["paths"] == ["last.yaml"]
    place.git("fsck", "--strict", "--full")
    litter = {path for path in place.live() if path.endswith("~") or path.startswith(".git/")}
    assert place.content() == {path: body for path, body in place.live().items() if path not in litter}


@pytest.mark.skipif(os.geteuid() != 0, reason="chown needs root")
def test_chown(place: Watched) -> None:
    """A change of owner is a snapshot, too."""
    with place.daemon() as daemon:
        os.chown(place.root / "a.yaml", 1234, 2345)
        daemon.wait("snapshot.recorded", trigger="change")
        finish(place, daemon)
    assert len(place.snapshots()) == 3
    assert (
        b"1234"
        in subprocess.run(
            ["git", "-C", str(place.vault), "show", "main:.configvault-metadata.json"],
            capture_output=True,
            check=True,
        ).stdout
    )


def test_touch_is_no_change(place: Watched) -> None:
    """A file whose times alone changed makes no snapshot."""
    with place.daemon() as daemon:
        os.utime(place.root / "a.yaml")
        daemon.wait("root.compared", trigger="change")
        finish(place, daemon)
    assert len(place.snapshots()) == 2


def test_git_checkout(place: Watched) -> None:
    """A root that is a work tree of git is recorded without its `.git`, one snapshot a checkout."""
    sh(place, "cd $ROOT; git init -q; git add .; git commit -qm one; git checkout -qb two; echo v: 2 > a.yaml;"
              "git rm -rq sub; git commit -qam two; git checkout -q -")  # fmt: skip
    with place.daemon() as daemon:
        sh(place, "cd $ROOT; git checkout -q two")
        daemon.wait("snapshot.recorded", trigger="change")
        finish(place, daemon)
    assert place.triggers() == ["startup", "change", "change"]
    assert set(place.content()) == {"a.yaml", "last.yaml"}


def test_configmap_swap(place: Watched) -> None:
    """The swap of a ConfigMap's `..data`, of which no event names the visible file, is one snapshot."""
    first = place.root / "..2023_12_01_14_30_22.1234567890"
    first.mkdir()
    (first / "c.yaml").write_text("c: 1\n")
    (place.root / "..data").symlink_to("..2023_12_01_14_30_22.1234567890")
    (place.root / "c.yaml").symlink_to("..data/c.yaml")
    with place.daemon() as daemon:
        sh(place, "cd $ROOT; mkdir ..2023_12_01_15_00_00.987654321; echo c: 2 > ..2023_12_01_15_00_00.987654321/c.yaml; ln -s ..2023_12_01_15_00_00.987654321 ..data_tmp;"
                  "mv -T ..data_tmp ..data; rm -r ..2023_12_01_14_30_22.1234567890")  # fmt: skip
        daemon.wait("snapshot.recorded", trigger="change")
        finish(place, daemon)
    assert len(place.snapshots()) == 3


def test_editor_litter_is_never_recorded(place: Watched) -> None:
    """Swap and backup files alone are no reason to look, and in no snapshot."""
    with place.daemon() as daemon:
        for name in (".a.yaml.swp", "a.yaml~", "4913", "#a.yaml#", ".#a.yaml"):
            (place.root / name).write_text("x")
        (place.root / "last.yaml").write_text("last: 1\n")
        daemon.wait("snapshot.recorded", trigger="change")
        assert "root.compared" not in daemon.events()
    assert set(place.content()) == {"a.yaml", "last.yaml", "sub/b.yaml"}


@pytest.mark.parametrize("hold", ["open", "mapped"])
def test_half_written_file_waits(place: Watched, hold: str) -> None:
    """A file that somebody still has open, or mapped, to write is recorded when it is whole, and not before."""
    place.configure(max_wait="60s")
    with place.daemon() as daemon:
        with (place.root / "a.yaml").open("r+b") as file:
            half_write(file.fileno(), hold)
            # What is written through a mapping makes no event by itself: the look is for the other file.
            (place.root / "b.yaml").write_text("b: 1\n")
            said = daemon.wait("record.postponed", trigger="change")
            assert said["paths"] == ["a.yaml"]
            assert len(place.snapshots()) == 1
            os.pwrite(file.fileno(), b"version: 4444444\n", 0)
        daemon.wait("snapshot.recorded", trigger="change")
        assert place.content()["a.yaml"] == b"version: 4444444\n"
        finish(place, daemon)
    assert len(place.snapshots()) == 3


def half_write(descriptor: int, hold: str) -> None:
    """Write half of something, by a call or through a mapping that ends with the descriptor's file object."""
    if hold == "open":
        os.pwrite(descriptor, b"version: 444", 0)
        return
    import mmap

    with mmap.mmap(descriptor, 0) as mapping:
        mapping[0:4] = b"vers"
        mapping.flush()


def test_constant_writing_does_not_starve(place: Watched) -> None:
    """While one file is rewritten all the time, others are recorded after max_wait, and it is once it stands still."""
    place.configure(quiet="300ms", max_wait="1s")
    with place.daemon() as daemon:
        writer = subprocess.Popen([sys.executable, "-c", REWRITE, str(place.root / "busy.txt")])
        try:
            (place.root / "b.yaml").write_text("b: 1\n")
            said = daemon.wait("snapshot.recorded", trigger="change")
            assert said["paths"] == ["b.yaml"]
            (place.root / "c.yaml").write_text("c: 1\n")
            said = daemon.wait("snapshot.recorded", trigger="change")
            assert said["paths"] == ["c.yaml"]
        finally:
            writer.terminate()
            writer.wait()
        said = daemon.wait("snapshot.recorded", trigger="change")
        assert said["paths"] == ["busy.txt"]
        finish(place, daemon)
    for commit in place.snapshots():
        content = place.content(commit)
        assert len(set(content.get("busy.txt", b"").decode().split())) <= 1, "torn"


# Every 50 ms the same number a hundred times; SIGTERM ends it between two writes.
REWRITE = """
import signal, sys, threading
over = threading.Event()
signal.signal(signal.SIGTERM, lambda *_: over.set())
number = 0
while not over.wait(0.05):
    number += 1
    with open(sys.argv[1], "w") as file:
        for _ in range(100):
            print(number, file=file, flush=True)
"""


@pytest.mark.parametrize("how", ["removed", "moved", "exchanged"])
def test_root_is_replaced(place: Watched, how: str) -> None:
    """A root that was deleted and made again, moved away, or swapped for another is recorded as it is then."""
    fresh = place.base / "fresh"
    shutil.copytree(place.root, fresh)
    (fresh / "a.yaml").write_text("version: 2\n")
    with place.daemon() as daemon:
        if how == "removed":
            shutil.rmtree(place.root)
        else:
            place.root.rename(place.base / "old")
        if how != "exchanged":
            daemon.wait("daemon.degraded", reason="root-missing")
        fresh.rename(place.root)
        daemon.wait("snapshot.recorded", trigger="change")
        finish(place, daemon)
        assert "work.failed" not in daemon.events()
    assert len(place.snapshots()) == 3


def test_root_becomes_a_file(place: Watched) -> None:
    """A root that is no directory for a while stops nobody: what is wrong is said, and what comes after is recorded."""
    with place.daemon() as daemon:
        place.root.rename(place.base / "old")
        place.root.write_text("no directory\n")
        daemon.wait("daemon.degraded", reason="restoring")
        place.root.unlink()
        (place.base / "old" / "a.yaml").write_text("version: 2\n")
        (place.base / "old").rename(place.root)
        daemon.wait("snapshot.recorded", trigger="change")
        finish(place, daemon)
        assert not [said for said in daemon.said if "thread worker" in str(said.get("reason"))]
    assert len(place.snapshots()) == 3


@pytest.mark.skipif(apart.why_not() is not None, reason=str(apart.why_not()))
def test_mount_over_the_root(place: Watched) -> None:
    """A bind mount over the root, and its end, make another root each; both are seen at once."""
    other = place.base / "other"
    shutil.copytree(place.root, other)
    (other / "a.yaml").write_text("version: 2\n")

    def body() -> None:
        with place.daemon() as daemon:
            apart.sh("mount", "--bind", other, place.root)
            daemon.wait("snapshot.recorded", trigger="change")
            (place.root / "mounted.yaml").write_text("m: 1\n")
            said = daemon.wait("snapshot.recorded", trigger="change")
            assert said["paths"] == ["mounted.yaml"]
            apart.sh("umount", place.root)
            daemon.wait("snapshot.recorded", trigger="change")
            finish(place, daemon)
            assert daemon.events().count("watch.started") >= 3

    apart.apart(body)
    assert len(place.snapshots()) == 5


def test_many_files_at_once(place: Watched) -> None:
    """Ten thousand files written as fast as they can be are all recorded."""
    with place.daemon() as daemon:
        for number in range(10_000):
            folder = place.root / f"d{number % 100}"
            if number < 100:
                folder.mkdir()
            (folder / f"{number}.txt").write_text(f"{number}\n")
        names = 0
        while names < 10_002:
            daemon.wait("snapshot.recorded", trigger="change")
            names = len(place.git("ls-tree", "-r", "--name-only", "main").split())
    place.git("fsck", "--strict")
