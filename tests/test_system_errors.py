"""What the system refuses is said by its reason: which place, what is wrong with it, and what helps."""

from __future__ import annotations

import errno
import fcntl
import os
import subprocess
import sys
from pathlib import Path

import pytest
from sites import Place, recorded

from configvault.core.errors import ConfigvaultError
from configvault.disk import lock, reasons

CLOSED = ["<&-", ">&-", "2>&-", "<&- >&-", ">&- 2>&-", "<&- >&- 2>&-"]
WORDS = [
    "snapshot",
    "list",
    "status",
    "check",
    "diff",
    "rollback previous",
    "snapshot --json",
    "--version",
    "list --no-such",
]


@pytest.fixture
def place(tmp_path: Path) -> Place:
    """Return a place with two snapshots."""
    return recorded(tmp_path / "place", {"a": "1\n"}, {"a": "2\n", "b": "2\n"})


def shell(place: Place, words: str, streams: str, before: str = "") -> subprocess.CompletedProcess[str]:
    """Run a command by a shell that closes standard streams."""
    line = f'{before} exec "{sys.executable}" -m configvault -c "{place.config}" {words} {streams}'
    return subprocess.run(
        ["sh", "-c", line], capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL
    )


@pytest.mark.parametrize("streams", CLOSED)
@pytest.mark.parametrize("words", WORDS)
def test_closed_standard_streams(place: Place, words: str, streams: str) -> None:
    """With any of the three closed a command does its work, ends as ever, and writes into no file of the vault."""
    (place.root / "c").write_text("3\n")
    done = shell(place, words, streams)
    assert done.returncode == (2 if "no-such" in words else 0), done
    assert "bug in configvault" not in done.stderr
    if words.startswith("snapshot"):
        assert len(place.ok("list")["snapshots"]) == 3
    assert place.run("verify").code == 0
    assert place.ok("status")["degraded"] == []


@pytest.mark.parametrize(
    "words", ["list", "status", "snapshot", "snapshot --json", "rollback previous", "--version"]
)
def test_a_standard_output_that_is_full(place: Place, words: str) -> None:
    """What was done is done; that its output is lost is an error that names the output, not a disk."""
    (place.root / "c").write_text("3\n")
    done = shell(place, words, ">/dev/full")
    assert done.returncode in (0, 1), done
    if words != "--version":
        assert done.returncode == 1
        assert "cannot write to standard output: no space left on device" in done.stderr
    assert "make room" not in done.stderr
    assert "Exception ignored" not in done.stderr
    if words.startswith("snapshot"):
        assert len(place.ok("list")["snapshots"]) == 3


def test_a_lock_held_by_hand(place: Place) -> None:
    """Who holds the lock by flock(1) is named by the process that the kernel knows, not by None."""
    path = place.vault / "configvault" / "lock"
    with subprocess.Popen(
        ["flock", path, "sh", "-c", "echo held; exec sleep 600"], stdout=subprocess.PIPE, text=True
    ) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == "held\n"
        done = place.run("snapshot", "--wait", "0")
        other.kill()
    assert done.code == 5
    assert f"locked by process {other.pid} (flock)" in done.err
    assert "None" not in done.err


def test_the_words_of_a_dead_holder(tmp_path: Path) -> None:
    """What a killed holder left in the file is not taken for the words of who holds it by hand now."""
    path = tmp_path / "lock"
    path.write_text('{"pid": 4194305, "command": "configvault snapshot", "since": "2020-01-01T00:00:00+00:00"}')
    with path.open() as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        who = lock.holder(str(path))
    assert who is not None
    assert who["pid"] == os.getpid()


@pytest.mark.parametrize("kilobytes", [60_000, 70_000])
def test_little_memory(place: Place, kilobytes: int) -> None:
    """Without enough memory a command says so, and how to give more; it names no fault of its own."""
    (place.root / "big.yaml").write_text("".join(f"k{number}: {number}\n" for number in range(300_000)))
    done = shell(place, "snapshot", "", f"ulimit -v {kilobytes};")
    if done.returncode in (0, 3):
        pytest.skip("this memory is enough here")
    assert "bug in configvault" not in done.stderr, done.stderr
    assert "memory" in done.stderr.lower()


ERRNOS = [
    errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EMFILE, errno.ENFILE, errno.ENAMETOOLONG, errno.ETXTBSY, errno.ELOOP,
    errno.ENOTDIR, errno.EISDIR, errno.EBUSY, errno.EIO, errno.ESTALE, errno.EFBIG, errno.ENOMEM, errno.EAGAIN, errno.ENOTSUP,
]  # fmt: skip


@pytest.mark.parametrize("code", ERRNOS, ids=lambda code: errno.errorcode[code])
def test_each_reason_has_its_hint(code: int) -> None:
    """No two errors of the system share a hint, and none but a missing right says sudo."""
    hints = {one: reasons.explain(OSError(one, os.strerror(one), "/srv/root/a")).hint for one in ERRNOS}
    mine = hints.pop(code)
    assert mine is not None
    assert "sudo" not in mine
    assert mine not in hints.values()
    assert "verbose" not in mine


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("/srv/root/.configvault-k2/new-1", "/srv/root"), ("/v/objects/ab/tmp_obj_12_ff", "/v/objects/ab"),
        ("/v/configvault/journal.json.12.34.tmp", "/v/configvault"), ("/srv/root/a.yaml", "/srv/root/a.yaml"),
        ("/proc/self/fd/7", None), (".configvault-k2/new", None), (b"/srv/root/b\xff", "/srv/root/b\udcff"), (None, None), (7, None),
    ],
)  # fmt: skip
def test_no_temporary_name_is_shown(name: object, shown: str | None) -> None:
    """An error names the place that the operator knows, not a name that is gone again."""
    error = OSError(errno.EROFS, "Read-only file system")
    error.filename = name
    said: ConfigvaultError = reasons.explain(error)
    assert said.message == (f"{shown}: Read-only file system" if shown else "read-only file system")


@pytest.mark.parametrize("what", ["a", "."])
def test_an_immutable_file(place: Place, what: str) -> None:
    """Where an attribute forbids to change a file or its folder, the hint takes it away; sudo would not."""
    path = place.root / what
    if os.geteuid() or subprocess.run(["chattr", "+i", path], capture_output=True, check=False).returncode:
        pytest.skip("no attributes can be set here")
    try:
        done = place.run("rollback", "previous")
    finally:
        subprocess.run(["chattr", "-i", path], check=True)
    assert done.code == 1, done
    assert "chattr -ia" in done.err
    assert "sudo" not in done.err
    assert ".configvault-" not in done.err


def test_a_name_that_is_too_long(place: Place) -> None:
    """A path that no file system takes is said to be too long."""
    done = place.run("export", "latest", "--output", str(place.base / ("x" * 300)))
    assert done.code == 1, done
    assert "shorten that name" in done.err
