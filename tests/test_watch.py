"""Every way a directory can change is noticed, in the right place; nothing is lost silently."""

from __future__ import annotations

import os
import queue
import select
import shutil
import subprocess
import sys
import textwrap
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from harness import apart

from configvault.core.settle import NOTHING, Dirty
from configvault.daemon.watch import (
    Alarm,
    UnwatchableError,
    Watcher,
    limits,
    mounts,
    probe,
)

DEADLINE_S = 20


class Ears:
    """Everything a watcher has said, to be waited for."""

    def __init__(self) -> None:
        self.said: queue.Queue[Dirty | Alarm] = queue.Queue()

    def until(self, wanted: Callable[[Dirty], bool]) -> Dirty:
        """Return where to look, all in one, as soon as that is as wanted."""
        found = NOTHING
        while not wanted(found):
            heard = self.said.get(timeout=DEADLINE_S)
            if isinstance(heard, Dirty):
                found |= heard
        return found

    def alarm(self) -> Alarm:
        """Return the next alarm."""
        while True:
            heard = self.said.get(timeout=DEADLINE_S)
            if isinstance(heard, Alarm):
                return heard


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A root with two levels of folders."""
    path = tmp_path / "around" / "root"
    (path / "sub" / "deep").mkdir(parents=True)
    (path / "a.yaml").write_text("a: 1\n")
    (path / "sub" / "b.yaml").write_text("b: 1\n")
    return path


@pytest.fixture
def ears() -> Ears:
    """What a watcher has said."""
    return Ears()


@pytest.fixture
def watcher(root: Path, ears: Ears) -> Iterator[Watcher]:
    """A watcher of the root, attached."""
    found = Watcher(
        str(root),
        lambda path: path.endswith(".swp"),
        ears.said.put,
        lambda alarm, words: ears.said.put(alarm),
    )
    found.attach()
    yield found
    found.detach()


def proves(watcher: Watcher) -> bool:
    """Return whether the watcher sees a probe."""
    seen = watcher.send_probe()
    assert seen is not None
    return seen.wait(DEADLINE_S)


@pytest.mark.parametrize(
    ("change", "place"),
    [
        (lambda root: (root / "sub" / "b.yaml").write_text("b: 2\n"), "sub"),
        (lambda root: (root / "new.yaml").write_text("n: 1\n"), ""),
        (lambda root: (root / "sub" / "b.yaml").unlink(), "sub"),
        (lambda root: (root / "sub" / "b.yaml").chmod(0o600), "sub"),
        (lambda root: (root / "sub" / "deep").chmod(0o700), "sub/deep"),
        (lambda root: (root / "a.yaml").rename(root / "sub" / "a.yaml"), "sub"),
        (lambda root: (root / "sub" / "link").symlink_to("b.yaml"), "sub"),
        (lambda root: os.truncate(root / "sub" / "b.yaml", 0), "sub"),
    ],
    ids=["write", "create", "delete", "chmod", "chmod-folder", "move", "link", "truncate"],
)
def test_changes_are_heard(
    root: Path, watcher: Watcher, ears: Ears, change: Callable[[Path], object], place: str
) -> None:
    """Each kind of change says which folder to list."""
    change(root)
    ears.until(lambda found: place in found.folders)


@pytest.mark.skipif(os.geteuid() != 0, reason="chown needs root")
def test_chown_is_heard(root: Path, watcher: Watcher, ears: Ears) -> None:
    """A change of owner is a change."""
    os.chown(root / "a.yaml", 1, 1)
    ears.until(lambda found: "" in found.folders)


def test_folder_that_came_by_rename_is_wholly_new(
    root: Path, watcher: Watcher, ears: Ears, tmp_path: Path
) -> None:
    """Of a folder moved in, everything below is looked at, and what happens in it later is heard."""
    shutil.copytree(root / "sub", tmp_path / "other")
    shutil.rmtree(root / "sub")
    (tmp_path / "other").rename(root / "sub")
    ears.until(lambda found: found.touches("sub/deep") and "sub" in found.trees)
    (root / "sub" / "deep" / "c.yaml").write_text("c: 1\n")
    ears.until(lambda found: "sub/deep" in found.folders)


def test_files_in_folders_made_at_once(root: Path, watcher: Watcher, ears: Ears) -> None:
    """A file made at once in a folder made at once is not missed."""
    for number in range(30):
        path = root / f"d{number}" / "e"
        path.mkdir(parents=True)
        (path / "f.yaml").write_text("f: 1\n")
    ears.until(lambda found: all(found.touches(f"d{number}/e") for number in range(30)))


def test_ignored_names_do_not_wake(root: Path, watcher: Watcher, ears: Ears) -> None:
    """Editor litter alone is no reason to look."""
    (root / "a.yaml.swp").write_text("x")
    (root / "a.yaml.swp").unlink()
    (root / "sub" / "b.yaml").write_text("b: 2\n")
    assert ears.until(bool).folders == {"sub"}


def test_a_link_as_root_is_followed(root: Path, tmp_path: Path, ears: Ears) -> None:
    """A root that is a link is watched where it leads, and re-pointing it is a replaced root."""
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "link").symlink_to(root)
    watcher = Watcher(str(tmp_path / "link"), lambda path: False, ears.said.put, lambda a, w: ears.said.put(a))
    watcher.attach()
    try:
        (root / "sub" / "b.yaml").write_text("b: 2\n")
        ears.until(lambda found: "sub" in found.folders)
        (tmp_path / "next").symlink_to("elsewhere")
        (tmp_path / "next").rename(tmp_path / "link")
        assert ears.alarm() is Alarm.REPLACED
        assert not watcher.is_current
    finally:
        watcher.detach()


@pytest.mark.parametrize("how", ["removed", "moved", "exchanged"])
def test_replaced_root_is_an_alarm(root: Path, watcher: Watcher, ears: Ears, how: str) -> None:
    """A root that was removed, moved away or swapped for another is told at once; attaching anew sees the new one."""
    if how == "removed":
        shutil.rmtree(root)
    else:
        root.rename(root.with_name("old"))
    if how == "exchanged":
        root.mkdir()
    assert ears.alarm() is Alarm.REPLACED
    root.mkdir(exist_ok=True)
    watcher.attach()
    assert watcher.is_current
    assert proves(watcher)
    (root / "new.yaml").write_text("n: 1\n")
    ears.until(lambda found: "" in found.folders)


def test_missing_root_cannot_be_watched(root: Path, watcher: Watcher) -> None:
    """To attach to nothing is an error, and may be tried again."""
    shutil.rmtree(root)
    with pytest.raises(UnwatchableError, match="No such file"):
        watcher.attach()
    assert not watcher.is_attached
    root.mkdir()
    watcher.attach()
    assert watcher.is_attached


def test_probe_leaves_nothing(root: Path, watcher: Watcher, ears: Ears) -> None:
    """The proof of watching is seen by the watcher, makes nobody look, and changes nothing in the root."""
    before = root.stat()
    assert proves(watcher)
    after = root.stat()
    assert (before.st_mtime_ns, before.st_ctime_ns) == (after.st_mtime_ns, after.st_ctime_ns)
    assert sorted(path.name for path in root.iterdir()) == ["a.yaml", "sub"]
    (root / "sub" / "b.yaml").write_text("b: 2\n")
    assert ears.until(bool).folders == {"sub"}


def test_probe_comes_last(root: Path, watcher: Watcher, ears: Ears) -> None:
    """When a probe has been seen, everything that happened before it has been told."""
    for number in range(200):
        (root / "sub" / "deep" / f"{number}.yaml").write_text("n: 1\n")
    (root / "a.yaml").write_text("a: 2\n")
    assert proves(watcher)
    places = NOTHING
    while not ears.said.empty():
        places |= ears.said.get_nowait()  # type: ignore[operator]
    assert places.folders == {"", "sub/deep"}


def test_probe_is_missed_where_nothing_is_watched(root: Path, watcher: Watcher) -> None:
    """A probe in a root that took the watched one's place is not seen: the proof is about the root as it is now."""
    kept = root.with_name("old")
    root.rename(kept)
    root.mkdir()
    opened = probe.open_unnamed(str(root))
    assert opened is not None
    os.close(opened[0])
    assert not watcher.is_current


def test_unwatched_folders_are_counted(root: Path, watcher: Watcher) -> None:
    """The number of watches is compared with the number of folders."""
    assert watcher.missing() == (0, None)
    assert limits.folder_count(str(root)).folders == 3
    assert limits.watch_count() >= 4


def in_user_namespace(setting: str, value: int, body: str) -> str:
    """Run Python with a limit of inotify set for it alone, and return what it prints."""
    source = textwrap.dedent(body)
    command = f"echo {value} > /proc/sys/user/{setting} && exec {sys.executable} -c '{source}'"
    done = subprocess.run(["unshare", "-Ur", "sh", "-c", command], capture_output=True, text=True, check=False)
    if "Operation not permitted" in done.stderr or "Permission denied" in done.stderr:
        pytest.skip(f"no user namespace: {done.stderr.strip()}")
    assert done.returncode == 0, done.stderr
    return done.stdout


LIMITED = """
import sys
from configvault.daemon.watch import Watcher, UnwatchableError
watcher = Watcher("{root}", lambda path: False, lambda dirty: None, lambda alarm, words: None)
try:
    watcher.attach()
except UnwatchableError as error:
    print(error.message, "|", error.hint, "|", watcher.is_attached)
"""


def test_no_watches_left(root: Path) -> None:
    """A folder too many for max_user_watches is an error that names the setting; watchdog alone would say nothing."""
    said = in_user_namespace("max_inotify_watches", 2, LIMITED.format(root=root))
    assert "fs.inotify.max_user_watches" in said
    assert "cannot be watched" in said
    assert said.strip().endswith("False")


def test_no_instances_left(root: Path) -> None:
    """Without an inotify instance the error names that setting."""
    said = in_user_namespace("max_inotify_instances", 0, LIMITED.format(root=root))
    assert "fs.inotify.max_user_instances" in said


def test_overflow_is_an_alarm(root: Path, ears: Ears) -> None:
    """When the kernel's queue overflows because nobody reads it, that is told; attached anew, nothing is missed."""
    watcher = Watcher(str(root), lambda path: False, ears.said.put, lambda a, w: ears.said.put(a))
    watcher.attach()
    assert watcher._observer is not None
    try:
        # The reader waits for this lock before it reads again: the queue fills up meanwhile.
        with watcher._observer._inotify_fd._lock:
            (root / "a.yaml").write_text("a: 2\n")
            for _ in range(9000):
                os.utime(root / "a.yaml")
                os.utime(root / "sub" / "b.yaml")
        assert ears.alarm() is Alarm.OVERFLOWED
        watcher.attach()
        (root / "sub" / "deep" / "c.yaml").write_text("c: 1\n")
        ears.until(lambda found: "sub/deep" in found.folders)
    finally:
        watcher.detach()


@pytest.mark.skipif(apart.why_not() is not None, reason=str(apart.why_not()))
def test_mounts_are_heard(root: Path, tmp_path: Path) -> None:
    """A mount over the root makes the mount table poll as changed, and the path lead to another root."""

    def body() -> tuple[bool, bool]:
        watcher = Watcher(str(root), lambda path: False, lambda dirty: None, lambda a, w: None)
        watcher.attach()
        # The thread has mounts of its own, the process others.
        descriptor = os.open("/proc/thread-self/mountinfo", os.O_RDONLY)
        poller = select.poll()
        poller.register(descriptor, mounts.EVENTS)
        apart.sh("mount", "--bind", tmp_path, root)
        heard = bool(poller.poll(DEADLINE_S * 1000))
        current = watcher.is_current
        watcher.detach()
        os.close(descriptor)
        return heard, current

    assert apart.apart(body) == (True, False)
