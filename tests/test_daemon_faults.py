"""What the world does to a daemon: full disks, no descriptors, no watches, killed git, stale locks. It catches up."""

from __future__ import annotations

import os
import resource
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from harness import apart
from harness.daemon import Daemon, Watched

needs_mounts = pytest.mark.skipif(apart.why_not() is not None, reason=str(apart.why_not()))


@pytest.fixture
def place(tmp_path: Path) -> Watched:
    """A root, a vault to be, a configuration."""
    return Watched(tmp_path)


def change(place: Watched, text: str = "version: 2\n") -> None:
    """Change the root."""
    (place.root / "a.yaml").write_text(text)


@needs_mounts
def test_full_disk(place: Watched) -> None:
    """With the vault's disk full it says so once and goes on; with room again it records by itself."""

    def body() -> None:
        apart.mount_small(place.vault, "4m")
        with place.daemon() as daemon:
            ballast = apart.fill(place.vault)
            change(place, "text: " + os.urandom(200_000).hex() + "\n")
            said = daemon.wait("record.failed")
            assert "No space left" in said["message"]
            daemon.wait("daemon.degraded", reason="recording")
            ballast.unlink()
            daemon.wait("snapshot.recorded", trigger="change")
            daemon.wait("daemon.recovered", reason="recording")
            place.assert_whole()

    apart.apart(body)


@needs_mounts
def test_vault_becomes_read_only(place: Watched) -> None:
    """A vault that may not be written is said so; the change is recorded when it may be again."""

    def body() -> None:
        apart.mount_small(place.vault, "8m")
        with place.daemon() as daemon:
            forbid_writing(place)
            change(place)
            assert "Read-only" in daemon.wait("record.failed")["message"]
            apart.sh("umount", place.vault)
            daemon.wait("snapshot.recorded", trigger="change")
            place.assert_whole()
            daemon.stop()
            forbid_writing(place)
            refused = Daemon(place.config)
            assert refused.exited() == 1
            assert "Read-only" in "".join(refused.raw)

    apart.apart(body)


def forbid_writing(place: Watched) -> None:
    """Put a read-only view of the vault over it."""
    apart.sh("mount", "--bind", place.vault, place.vault)
    apart.sh("mount", "-o", "remount,bind,ro", place.vault)


@needs_mounts
@pytest.mark.parametrize("by_kubelet", [False, True])
def test_a_root_that_is_mounted_read_only(place: Watched, by_kubelet: bool) -> None:
    """Where nothing can be restored the daemon is not ready, but for a ConfigMap, which is changed through the API alone."""

    def body() -> None:
        if by_kubelet:
            (place.root / "..2026_01_01").mkdir()
            (place.root / "..2026_01_01/c.yaml").write_text("c: 1\n")
            (place.root / "..data").symlink_to("..2026_01_01")
            (place.root / "c.yaml").symlink_to("..data/c.yaml")
        apart.sh("mount", "--bind", place.root, place.root)
        apart.sh("mount", "-o", "remount,bind,ro", place.root)
        with place.daemon() as daemon:
            degraded = [line["reason"] for line in daemon.said if line["event"] == "daemon.degraded"]
            assert degraded == ([] if by_kubelet else ["restoring"])
        checks = place.process("doctor", "--json").json["checks"]
        [root] = [one for one in checks if one["name"] == "root" and one["health"] != "ok"]
        assert (root["health"], "kubectl" in root["remedy"]) == (
            ("warning", True) if by_kubelet else ("problem", False)
        )

    apart.apart(body)


def test_no_descriptors_left(place: Watched) -> None:
    """Without a descriptor to open anything it says so, and catches up when there are some."""
    with place.daemon() as daemon:
        pid = daemon.process.pid
        limit = resource.prlimit(pid, resource.RLIMIT_NOFILE)
        resource.prlimit(pid, resource.RLIMIT_NOFILE, (3, limit[1]))
        change(place)
        assert "Too many open files" in daemon.wait("record.failed")["message"]
        resource.prlimit(pid, resource.RLIMIT_NOFILE, limit)
        daemon.wait("snapshot.recorded", trigger="change")
    place.assert_whole()


def test_no_watches_left(place: Watched) -> None:
    """Without inotify watches it names the setting and finds changes by polling."""
    (place.root / "sub").mkdir()
    script = 'echo 1 > /proc/sys/user/max_inotify_watches && exec "$@"'
    daemon = Daemon(place.config, through=["unshare", "-Ur", "sh", "-c", script, "sh"])
    try:
        said = daemon.wait("daemon.degraded", reason="polling")
        assert "fs.inotify.max_user_watches" in said["hint"]
        daemon.wait("daemon.ready")
        change(place)
        daemon.wait("snapshot.recorded", trigger="change")
        place.assert_whole()
    except AssertionError:
        if "Operation not permitted" in "".join(daemon.raw):
            pytest.skip("no user namespaces")
        raise
    finally:
        daemon.stop()


def test_watches_run_out_later(place: Watched) -> None:
    """A new folder that cannot be watched makes it poll; watches to spare make it listen again."""
    place.configure(quiet="200ms", more_watch=", rescan: 1s")
    script = 'echo 5 > /proc/sys/user/max_inotify_watches && exec "$@"'
    daemon = Daemon(place.config, through=["unshare", "-Ur", "sh", "-c", script, "sh"])
    try:
        daemon.wait("daemon.ready")
        for name in "abcdef":
            (place.root / name).mkdir()
        daemon.wait("daemon.degraded", reason="polling")
        (place.root / "f" / "deep.yaml").write_text("d: 1\n")
        while "f/deep.yaml" not in place.content():
            daemon.wait("snapshot.recorded", trigger="change")
        for name in "abcde":
            (place.root / name).rmdir()
        daemon.wait("daemon.recovered", reason="polling")
        (place.root / "f" / "deep.yaml").write_text("d: 2\n")
        daemon.wait("snapshot.recorded", trigger="change")
    except AssertionError:
        if "Operation not permitted" in "".join(daemon.raw):
            pytest.skip("no user namespaces")
        raise
    finally:
        daemon.stop()


def test_stale_lock_file_of_git(place: Watched) -> None:
    """A lock file that a killed git left is removed and reported, and does not stop recording."""
    with place.daemon() as daemon:
        (place.vault / "refs" / "heads" / "main.lock").write_text("")
        change(place)
        assert "main.lock" in daemon.wait("recovery.done")["message"]
        daemon.wait("snapshot.recorded", trigger="change")
    place.assert_whole()


def test_held_lock_file_of_git(place: Watched) -> None:
    """A lock file that somebody holds stays; the change is recorded when they are done."""
    lock = place.vault / "refs" / "heads" / "main.lock"
    with place.daemon() as daemon:
        with lock.open("w"):
            change(place)
            assert "main.lock" in daemon.wait("record.postponed")["message"]
            assert lock.exists()
            assert len(place.snapshots()) == 1
        daemon.wait("snapshot.recorded", trigger="change")
    assert not lock.exists()
    place.assert_whole()


def test_git_is_killed_in_the_middle(place: Watched) -> None:
    """When git dies while it packs a large change, nothing is half recorded and the next try works."""
    programs = place.base / "bin"
    programs.mkdir()
    real = shutil.which("git")
    # The first index-pack reads a little and dies.
    (programs / "git").write_text(
        f'#!/bin/sh\ncase "$*" in *index-pack*) if mkdir {programs}/once 2> /dev/null; then head -c 100 > /dev/null;'
        f' kill -9 $$; fi;; esac\nexec {real} "$@"\n'
    )
    (programs / "git").chmod(0o755)
    with place.daemon({"PATH": f"{programs}:{os.environ['PATH']}"}) as daemon:
        for number in range(400):
            (place.root / f"{number}.txt").write_text(f"{number}\n")
        daemon.wait("record.failed")
        while len(place.content()) < 401:
            daemon.wait("snapshot.recorded", trigger="change")
    place.assert_whole()


def test_stopped_and_continued(place: Watched) -> None:
    """What changes while it is stopped is recorded once it is continued."""
    with place.daemon() as daemon:
        daemon.process.send_signal(signal.SIGSTOP)
        os.waitid(os.P_PID, daemon.process.pid, os.WSTOPPED | os.WNOWAIT)
        change(place)
        (place.root / "new.yaml").write_text("n: 1\n")
        daemon.process.send_signal(signal.SIGCONT)
        daemon.wait("snapshot.recorded", trigger="change")
    place.assert_whole()


def test_queue_overflows(place: Watched) -> None:
    """More events than the kernel keeps lead to a look at everything, a warning, and no missed change."""
    with place.daemon() as daemon:
        daemon.process.send_signal(signal.SIGSTOP)
        os.waitid(os.P_PID, daemon.process.pid, os.WSTOPPED | os.WNOWAIT)
        (place.root / "b.yaml").write_text("b: 1\n")
        for _ in range(9000):
            os.utime(place.root / "a.yaml")
            os.utime(place.root / "b.yaml")
        (place.root / "sub").mkdir()
        (place.root / "sub" / "late.yaml").write_text("late: 1\n")
        daemon.process.send_signal(signal.SIGCONT)
        assert "fs.inotify.max_queued_events" in daemon.wait("watch.overflowed")["message"]
        while "sub/late.yaml" not in place.content():
            daemon.wait("snapshot.recorded", trigger="change")
        (place.root / "sub" / "late.yaml").write_text("late: 2\n")
        daemon.wait("snapshot.recorded", trigger="change")
    place.assert_whole()


def test_huge_file(place: Watched) -> None:
    """A file of 2 GiB is refused, kept or not, without taking that much memory; then all goes on."""
    with place.daemon() as daemon:
        with (place.root / "huge.yaml").open("wb") as file:
            file.truncate((2 << 30) + 1)
        daemon.wait("change.rejected", trigger="change")
        peak_kb = next(
            int(line.split()[1])
            for line in Path(f"/proc/{daemon.process.pid}/status").read_text().splitlines()
            if line.startswith("VmHWM")
        )
        assert peak_kb < 200_000
        (place.root / "huge.yaml").unlink()
        change(place)
        daemon.wait("snapshot.recorded", trigger="change")
    assert set(place.content()) == {"a.yaml"}


def test_unreadable_file_is_said(place: Watched) -> None:
    """What cannot be read is named, and does not end the daemon."""
    if os.geteuid() != 0:
        (place.root / "secret.yaml").write_text("s: 1\n")
        (place.root / "secret.yaml").chmod(0)
    else:
        pytest.skip("root reads everything")
    daemon = Daemon(place.config)
    assert "secret.yaml" in daemon.wait("record.failed")["message"]
    assert daemon.stop() == 0


def test_ends_in_time_while_the_service_does_not_answer(place: Watched) -> None:
    """A stop in the middle of a reload that hangs ends it at once, and nothing is torn."""
    (place.base / "hang.py").write_text("import signal; print('hangs', flush=True); signal.pause()")
    place.configure(
        "changes: {reload: true}",
        f"reload: {{kind: command, command: [{sys.executable}, {place.base}/hang.py], timeout: 300s}}",
    )
    daemon = Daemon(place.config)
    daemon.wait("snapshot.recorded", trigger="startup")
    assert daemon.stop() == 0
    assert daemon.events()[-1] == "daemon.stopped"
    place.assert_whole()


def test_lock_held_by_a_command(place: Watched) -> None:
    """While a command holds the vault's lock nothing is recorded and nothing failed; then it is."""
    with place.daemon() as daemon:
        with subprocess.Popen(
            ["flock", str(place.vault / "configvault" / "lock"), "sh", "-c", "echo held; read line"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        ) as holder:
            assert holder.stdout is not None
            assert holder.stdout.readline() == b"held\n"
            change(place)
        daemon.wait("snapshot.recorded", trigger="change")
        assert "record.failed" not in daemon.events()


def test_a_thread_that_dies_is_said(place: Watched) -> None:
    """A thread that ends by a fault makes the daemon degraded, without what the fault's text quotes; the others go on."""
    (place.base / "sitecustomize.py").write_text(
        "import threading\n"
        "run = threading.Thread.run\n"
        "threading.Thread.run = lambda self: int('s3cret') if self.name == 'web' else run(self)\n"
    )
    place.configure("http: {listen: '127.0.0.1:0'}")
    with place.daemon({"PYTHONPATH": str(place.base)}) as daemon:
        daemon.rewind()
        said = daemon.wait("daemon.degraded", reason="thread web")
        assert said["message"].startswith(
            "the thread web has died: unexpected ValueError at sitecustomize.py:3"
        )
        assert "the thread web has died" in place.command("status")
        change(place)
        daemon.wait("snapshot.recorded", trigger="change")
        assert "s3cret" not in "".join(daemon.raw)
