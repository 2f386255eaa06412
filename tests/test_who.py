"""Who did it: by the best evidence there is, and how it is known is always said."""

from __future__ import annotations

import os
import pty
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from sites import Place, recorded

from configvault import app
from configvault.cli import words
from configvault.core.model import Change, ChangeKind, Entry, Kind, Trigger
from configvault.usecases import record
from configvault.who import caller, people
from configvault.who.changed import Writer, blame
from configvault.who.writers import UnseenError, Writers

ME = f"{people.name(os.getuid())} (uid {os.getuid()}"


def change(path: str, uid: int | None) -> Change:
    """Return a change to a file of `uid`, a removal where that is None."""
    new = None if uid is None else Entry(Kind.FILE, 0o644, uid, 0, "0" * 40, 1)
    return Change(path, ChangeKind.REMOVED if new is None else ChangeKind.MODIFIED, None, new)


# --- commands


def test_caller_says_how_it_is_known() -> None:
    """Without a log-in it is the process's own user; sudo is believed of root alone."""
    if people.login_uid("self") is not None:
        pytest.skip("somebody is logged in")
    assert caller({}).startswith(ME)
    asked = caller({"SUDO_UID": "65534"})
    assert ("uid 65534, sudo" in asked) == (os.getuid() == 0)


def test_caller_over_ssh() -> None:
    """The address of the ssh session is named, also where sudo has forgotten it; what is no address is not."""
    assert "ssh from 203.0.113.7" in caller({"SSH_CONNECTION": "203.0.113.7 50000 10.0.0.1 22"})
    assert "ssh" not in caller({"SSH_CONNECTION": "$(id) x"})
    code = "import os; from configvault.who import caller; print(caller({}))"
    argv = [
        "env",
        "SSH_CONNECTION=2001:db8::1 1 ::1 22",
        "sh",
        "-c",
        f'env -u SSH_CONNECTION "{sys.executable}" -c "{code}"; true',
    ]
    done = subprocess.run(argv, capture_output=True, text=True, check=True)
    assert "ssh from 2001:db8::1" in done.stdout


def test_caller_at_a_terminal() -> None:
    """The terminal is named."""
    ours, theirs = pty.openpty()
    try:
        code = "from configvault.who import caller; print(caller({}))"
        done = subprocess.run(
            [sys.executable, "-c", code], stdin=theirs, capture_output=True, text=True, check=True
        )
        assert f", {os.ttyname(theirs).removeprefix('/dev/')}" in done.stdout
    finally:
        os.close(ours)
        os.close(theirs)


# --- changes


def test_owners_are_said_to_be_owners() -> None:
    """Nobody was seen: the owner is named as that, several in order of what is theirs, nobody for what is gone."""
    assert blame([change("a", 65534)]) == f"{people.name(65534)} (uid 65534, owner of what changed)"
    both = blame([change("a", 1), change("b", 0), change("c", 0)])
    assert both.index("uid 0") < both.index("uid 1,")
    assert blame([change("a", None)]) == "unknown (nobody was seen to remove it)"


def test_writers_are_said_to_be_seen() -> None:
    """Who was seen is named with the log-in behind it and the command, secrets hidden; the rest by its owner."""
    seen = {"a": Writer(42, 0, 65534, "curl -H 'Authorization: Bearer abc.def.ghijkl' -o a")}
    said = blame([change("a", 0), change("b", 1)], seen.get)
    assert (
        "uid 65534, seen writing, login, as root, curl -H 'Authorization: Bearer <secret>' -o a, process 42"
        in said
    )
    assert "uid 1, owner of what changed" in said
    assert "abc.def" not in said
    gone = {"a": Writer(42, -1, None, None)}
    assert "owner of what changed" in blame([change("a", 0)], gone.get)


@pytest.fixture
def place(tmp_path: Path) -> Place:
    """Return a place with a folder in its root."""
    return recorded(tmp_path / "place", {"a": "1\n", "below/b": "1\n"})


@pytest.fixture
def writers(place: Place) -> Iterator[Writers]:
    """Return watched writers of its root."""
    try:
        found = Writers(str(place.root))
    except UnseenError as error:
        pytest.skip(f"fanotify: {error}")
    yield found
    found.close()


def wait_for(writers: Writers, path: str) -> Writer:
    """Return who wrote, as soon as it is known."""
    for _ in range(3000):
        found = writers.wrote(path)
        if found is not None:
            return found
        os.sched_yield()
        subprocess.run(["true"], check=True)  # the event is on its way: let others run
    raise AssertionError(f"nobody was seen writing {path}")


def test_a_writing_process_is_seen(place: Place, writers: Writers) -> None:
    """The process that writes is known with its command line, in the root and below, also after a rename."""
    writers.follow(["", "below"])
    shell = subprocess.Popen(["sh", "-c", 'read go; echo 2 > a; echo 2 > below/b; echo 3 > t; mv t c; read end'],
                             cwd=place.root, stdin=subprocess.PIPE, text=True)  # fmt: skip
    try:
        assert shell.stdin is not None
        shell.stdin.write("go\n")
        shell.stdin.flush()
        for path in ("a", "below/b"):
            found = wait_for(writers, path)
            assert (found.pid, found.uid) == (shell.pid, os.getuid())
            assert (found.command or "").startswith("sh -c read go")
    finally:
        shell.communicate("end\n")


def test_who_wrote_another_file_is_not_blamed(place: Place, writers: Writers) -> None:
    """What takes a file's name by a rename is blamed on who wrote it, if that was seen, not on who wrote the old file."""
    writers.follow([""])
    shell = subprocess.Popen(["sh", "-c", "echo 2 > a; echo 3 > t; read end"],
                             cwd=place.root, stdin=subprocess.PIPE, text=True)  # fmt: skip
    try:
        wait_for(writers, "a")
        outside = place.base / "outside"
        outside.write_text("nobody saw this\n")
        outside.rename(place.root / "a")
        assert writers.wrote("a") is None
        wait_for(writers, "t")
        (place.root / "t").rename(place.root / "a")
        assert wait_for(writers, "a").pid == shell.pid
        (place.root / "a").unlink()
        assert writers.wrote("a") is None
    finally:
        shell.communicate("end\n")


def test_an_inode_that_is_used_again_is_another_file(place: Place, writers: Writers) -> None:
    """A file that got the inode of one that is gone was not written by who wrote that one."""
    writers.follow([""])
    subprocess.run(["sh", "-c", "echo 3 > t"], cwd=place.root, check=True)
    wait_for(writers, "t")
    inode = os.stat(place.root / "t").st_ino
    (place.root / "t").unlink()
    for number in range(100):
        again = place.base / f"again-{number}"
        again.write_text("nobody saw this\n")
        if again.stat().st_ino == inode:
            again.rename(place.root / "a")
            assert writers.wrote("a") is None
            return
    pytest.skip("this file system did not use the inode again")


def test_ourselves_are_not_seen(place: Place, writers: Writers) -> None:
    """What this program writes itself is nobody's change."""
    writers.follow([""])
    (place.root / "a").write_text("ours\n")
    subprocess.run(["sh", "-c", "echo x > other"], cwd=place.root, check=True)
    wait_for(writers, "other")
    assert writers.wrote("a") is None


def test_a_change_names_who_wrote_it(place: Place) -> None:
    """The snapshot of a change that nobody gave a command for names the process; a command's names who gave it."""
    with place.parts() as site:
        watching = app.watch_writers(site)
        if watching is None:
            pytest.skip("fanotify is not permitted")
        shell = subprocess.Popen(
            ["sh", "-c", "echo 2 > a; read end"], cwd=place.root, stdin=subprocess.PIPE, text=True
        )
        try:
            wait_for(watching, "a")
            outcome = record.record(site, Trigger.CHANGE)
            assert outcome.snapshot is not None
            assert f"seen writing, sh -c echo 2 > a; read end, process {shell.pid}" in outcome.snapshot.actor
        finally:
            shell.communicate("end\n")
            watching.close()
    place.snapshot({"a": "3\n"})
    assert "seen writing" not in place.ok("list")["snapshots"][0]["actor"]


def test_a_change_without_witness_names_the_owner(place: Place) -> None:
    """Where nobody watches, the owner of what changed is named, and said to be that."""
    place.write({"a": "2\n"})
    if os.getuid() == 0:
        os.chown(place.root / "a", 65534, 65534)
    with place.parts() as site:
        outcome = record.record(site, Trigger.CHANGE)
    assert outcome.snapshot is not None
    assert outcome.snapshot.actor.endswith("owner of what changed)")
    assert place.ok("show", "latest")["actor"] == outcome.snapshot.actor
    name = outcome.snapshot.actor.partition(" ")[0]
    [row] = place.run("list", "--limit", "1").out.splitlines()[1:]
    assert f"  change   {name}  " in row


def test_a_list_names_all_who_did_it() -> None:
    """The names alone, each once; what nobody is known to have done says that."""
    both = "ann (uid 1000, seen writing, sed -i s/(/x/ a, process 1), root (uid 0, owner of what changed)"
    assert words.people(both) == "ann, root"
    assert words.people("unknown (nobody was seen to remove it)") == "unknown"
