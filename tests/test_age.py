"""The vaults that benchmarks and counts take for old ones are what the program itself would have made."""

from __future__ import annotations

import contextlib
import os
import pty
import subprocess
import sys
import termios
from pathlib import Path

import pytest
from sites import Place

from benchmarks import age, soak
from configvault.core.model import Trigger
from configvault.vault.repository import Note, draft

SNAPSHOTS = 300


@pytest.fixture(scope="module")
def old(tmp_path_factory: pytest.TempPathFactory) -> Place:
    """Return a place with a vault of so many snapshots."""
    place = Place(tmp_path_factory.mktemp("old") / "place")
    age.fill(place.config, dict(os.environ), SNAPSHOTS)
    return place


def test_an_old_vault_is_whole(old: Place) -> None:
    """Everything in it is proven by `verify`, live is its newest snapshot, and all that years bring is there."""
    found = old.ok("verify")
    assert (found["snapshots"], found["rejected"]) == (SNAPSHOTS, (SNAPSHOTS - 1) // age.A_REFUSAL)
    assert old.ok("status")["live"] == {"matches": old.ok("list")["snapshots"][0]["id"], "changes": []}
    listed = old.ok("list")["snapshots"]
    counts = [sum(bool(one[key]) for one in listed) for key in ("good", "rolled_back", "pins")]
    assert counts == [(SNAPSHOTS - 1) // age.A_GOOD, 2, (SNAPSHOTS - 1) // age.A_PIN]


def test_commits_are_those_the_program_writes(old: Place) -> None:
    """Byte for byte, a commit that was imported is the one that the program makes of the same note."""
    with old.parts() as site:
        for one in site.vault.log(limit=SNAPSHOTS - 1):
            note = Note(one.taken_at, Trigger(one.trigger), one.actor, one.host, one.subject, target=one.target)
            body = draft(one.tree, one.parent, note, one.id, "").body
            assert site.vault.objects.read(one.commit) == body


def test_an_old_vault_goes_on(old: Place) -> None:
    """What the program does next with it works as ever: record, roll back, refuse, keep in shape."""
    before = old.ok("list", "--limit", "3")["snapshots"]
    recorded = old.snapshot({age.path_of(0): "name: new\n"})
    assert old.ok("rollback", "previous")["target"]["id"] == before[0]["id"]
    assert old.run("run", "--once").code == 0
    assert [one["id"] for one in old.ok("list", "--limit", "3")["snapshots"]][1:] == [recorded, before[0]["id"]]
    old.fsck()


def on_a_terminal(place: Place, *argv: str, **environ: str) -> tuple[int, list[str]]:
    """Return the exit code and the lines of a command whose output is a terminal of 20 lines."""
    ours, theirs = pty.openpty()
    termios.tcsetwinsize(theirs, (20, 200))
    command = [sys.executable, "-m", "configvault", "-c", str(place.config), *argv]
    with subprocess.Popen(
        command, stdout=theirs, stdin=subprocess.DEVNULL, env=dict(os.environ) | environ
    ) as child:
        os.close(theirs)
        said = b""
        # A terminal whose other end is closed gives an error where a pipe would end.
        with contextlib.suppress(OSError):
            while piece := os.read(ours, 65536):
                said += piece
        os.close(ours)
    return child.returncode, said.decode().splitlines()


def test_a_long_list_goes_through_the_pager(old: Place) -> None:
    """On a terminal what fills more than a screen is paged, as far as it is looked at; what fits is printed."""
    every = old.run("list").out.splitlines()
    code, lines = on_a_terminal(old, "list", PAGER="head -n 5")
    assert [code, *(line.split()[0] for line in lines)] == [0, *(line.split()[0] for line in every[:5])]
    assert len(on_a_terminal(old, "list", PAGER="cat")[1]) == len(every)
    assert len(on_a_terminal(old, "list", PAGER="/no/such/pager")[1]) == len(every)
    assert len(on_a_terminal(old, "list", PAGER="false", CONFIGVAULT_PAGER="cat")[1]) == len(every)
    assert len(on_a_terminal(old, "list", PAGER="false", CONFIGVAULT_PAGER="head -n 3")[1]) == 3
    short = on_a_terminal(old, "list", "--limit", "5", PAGER="false")[1]
    assert sum(line.startswith("backup_") for line in short) == 5


def test_a_long_difference_goes_through_the_pager(old: Place) -> None:
    """What `diff` prints is paged as lists are, with its colours; off a terminal nothing is."""
    first, last = (one["id"] for one in (old.ok("list")["snapshots"][at] for at in (-1, 0)))
    whole = old.run("diff", first, last).out.splitlines()
    assert len(whole) > 100
    code, lines = on_a_terminal(old, "diff", first, last, CONFIGVAULT_PAGER="head -n 7")
    assert (code, len(lines)) == (0, 7)
    every = on_a_terminal(old, "diff", first, last, CONFIGVAULT_PAGER="sed s/^/:/", TERM="xterm")[1]
    assert len(every) == len(whole)
    assert any("\x1b[32m+" in line for line in every)


def test_a_short_soak_does_not_grow(tmp_path: Path) -> None:
    """After some hundred changes the daemon has no descriptor and no thread more, and hardly more memory."""
    first, *_, last = soak.soak(tmp_path / "place", 240, 60)
    assert (last.descriptors, last.threads) == (first.descriptors, first.threads)
    # A change that kept its state, a document or a list of names would show: some 10 KiB each.
    assert last.resident_kib < first.resident_kib + 6_000, (first, last)
