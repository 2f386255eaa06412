"""Where others write by another way, events are not believed: it is polled, and said; what cannot be watched is counted."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from harness.daemon import Daemon, Watched
from sites import NOBODY, needs_other_user

from configvault.daemon.watch import UnwatchableError, Watcher, limits, mounts

LINE = "36 25 0:32 / {place} rw,relatime shared:1 - {kind} source rw\n"
SHARED = [
    "nfs", "nfs4", "cifs", "smb3", "9p", "vboxsf", "virtiofs", "fuse", "fuse.sshfs", "fuse.glusterfs", "fuse.vmhgfs-fuse", "ceph",
    "fuse.grpcfuse", "fakeowner",
]  # fmt: skip
OWN = ["ext4", "xfs", "btrfs", "zfs", "tmpfs", "overlay", "fuseblk", "f2fs", "fuse.fuse-overlayfs"]


def table(*rows: tuple[str, str]) -> str:
    """Return a mountinfo with a root file system and these."""
    return "".join(LINE.format(place=place, kind=kind) for place, kind in (("/", "ext4"), *rows))


@pytest.mark.parametrize("kind", SHARED)
def test_types_that_others_write_to(kind: str) -> None:
    """Each is known as the file system of the root, around it, and below it."""
    for place in ("/srv/root", "/srv"):
        assert mounts.shared_in(table((place, kind)), "/srv/root") == [("/srv/root", kind)]
    assert mounts.shared_in(table(("/srv/root/sub", kind)), "/srv/root") == [("/srv/root/sub", kind)]
    assert mounts.shared_in(table(("/", kind)), "/srv/root") == [("/srv/root", kind)]


@pytest.mark.parametrize("kind", OWN)
def test_types_of_this_host(kind: str) -> None:
    """On a disk of this host events are believed."""
    assert mounts.shared_in(table(("/srv", kind), ("/srv/root/sub", kind)), "/srv/root") == []


@pytest.mark.parametrize(
    ("rows", "found"),
    [
        ([("/srv/root2", "nfs"), ("/srv/roo", "nfs"), ("/other", "nfs")], []),
        ([("/srv", "nfs"), ("/srv/root", "ext4")], []),
        ([("/srv/root", "ext4"), ("/srv", "nfs")], []),
        ([("/srv/root", "nfs"), ("/srv/root", "ext4")], []),
        ([("/srv/root", "ext4"), ("/srv/root", "nfs")], [("/srv/root", "nfs")]),
        ([("/srv/root/a\\040b", "cifs")], [("/srv/root/a b", "cifs")]),
        ([("/srv/root/x", "nfs"), ("/srv/root/x", "tmpfs")], []),
    ],
)
def test_which_mount_counts(rows: list[tuple[str, str]], found: list[tuple[str, str]]) -> None:
    """The mount that is seen at a place counts: the nearest around it, the last of several, whatever its name holds."""
    assert mounts.shared_in(table(*rows), "/srv/root") == found


@pytest.mark.parametrize(
    "text", ["", "\n", "x", "1 2 3", LINE.format(place="/", kind=""), " - nfs", "1 2 3 4 / - nfs"]
)
def test_a_table_that_is_none(text: str) -> None:
    """Lines of another form are passed over."""
    assert mounts.shared_in(text, "/srv/root") == []


@pytest.fixture
def place(tmp_path: Path) -> Watched:
    """Return a place whose daemon polls soon."""
    return Watched(tmp_path)


@pytest.fixture
def behind(place: Watched, tmp_path: Path) -> Iterator[Path]:
    """Mount the root by FUSE; return the folder behind it, in which others write."""
    folder = tmp_path / "behind"
    shutil.move(place.root, folder)
    place.root.mkdir()
    if shutil.which("bindfs") is None or not os.access("/dev/fuse", os.W_OK):
        pytest.skip("bindfs is not installed, or there is no /dev/fuse")
    # Without its cache: what is behind is what is seen.
    options = "attr_timeout=0,entry_timeout=0,negative_timeout=0,direct_io"
    if subprocess.run(
        ["bindfs", "-o", options, folder, place.root], capture_output=True, check=False
    ).returncode:
        pytest.skip("FUSE cannot be mounted here")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "-l", place.root], check=True)


def test_changes_behind_fuse_are_found(place: Watched, behind: Path) -> None:
    """What somebody changes behind the mount is recorded by polling, status says so, and no proof of events is claimed."""
    with place.daemon() as daemon:
        daemon.rewind()
        said = daemon.wait("daemon.degraded", reason="polling")
        assert "of type fuse" in said["message"]
        (behind / "a.yaml").write_text("behind: 1\n")
        daemon.wait("snapshot.recorded", trigger="change")
        status = place.ok("status")
        assert status["daemon"]["last_proof"] is None
        assert any("polling" in reason for reason in status["degraded"])


def test_a_mount_that_comes_later(place: Watched, tmp_path: Path) -> None:
    """A file system that others write to, mounted below the root while the daemon runs, makes it poll."""
    if shutil.which("bindfs") is None or not os.access("/dev/fuse", os.W_OK):
        pytest.skip("bindfs is not installed, or there is no /dev/fuse")
    sub, folder = place.root / "sub", tmp_path / "other"
    sub.mkdir()
    folder.mkdir()
    (folder / "b.yaml").write_text("b: 1\n")
    with place.daemon() as daemon:
        if subprocess.run(["bindfs", folder, sub], capture_output=True, check=False).returncode:
            pytest.skip("FUSE cannot be mounted here")
        try:
            said = daemon.wait("daemon.degraded", reason="polling")
            assert str(sub) in said["message"]
        finally:
            subprocess.run(["umount", "-l", sub], check=True)
        daemon.wait("daemon.recovered", reason="polling")


@needs_other_user
def test_an_unreadable_folder_that_becomes_readable() -> None:
    """It is named with the right that is missing, not with a sysctl; once it can be read, events are listened to again."""
    with tempfile.TemporaryDirectory() as base:
        becomes_readable(Path(base))


def becomes_readable(tmp_path: Path) -> None:
    """Let a daemon of another user begin with a folder that is root's, and give the folder to it."""
    place = Watched(tmp_path)
    shut = place.root / "shut"
    shut.mkdir()
    for path in [tmp_path, place.root, *tmp_path.rglob("*")]:
        os.chown(path, 65534, 65534)
    tmp_path.chmod(0o755)
    os.chown(shut, 0, 0)
    shut.chmod(0o700)
    daemon = Daemon(place.config, through=NOBODY)
    try:
        said = daemon.wait("daemon.degraded", reason="polling")
        assert str(shut) in said["message"]
        assert "chmod o+rx" in said["hint"]
        assert "max_user_watches" not in said["hint"]
        os.chown(shut, 65534, 65534)
        daemon.wait("daemon.recovered", reason="polling")
    finally:
        daemon.stop()


def test_paths_that_are_too_long(tmp_path: Path) -> None:
    """Folders whose path the kernel takes no more are counted as unwatched, and said to be too long."""
    fd, depth = os.open(tmp_path, os.O_RDONLY), 0
    while depth < 20:
        os.mkdir("x" * 250, dir_fd=fd)
        deeper = os.open("x" * 250, os.O_RDONLY, dir_fd=fd)
        os.close(fd)
        fd, depth = deeper, depth + 1
    os.close(fd)
    count = limits.folder_count(str(tmp_path))
    assert count.error is not None
    watcher = Watcher(str(tmp_path), lambda path: False, lambda dirty: None, lambda alarm, words: None)
    with pytest.raises(UnwatchableError) as caught:
        watcher.attach()
    assert "longer than 4095 bytes" in caught.value.message
    assert not watcher.is_attached
