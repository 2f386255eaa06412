"""What a crash left is set right by whoever takes the lock next, and said."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import service
from harness import commands, tracer
from harness.tracer import Call, Kill
from service import answer
from sites import Place, look, recorded

from configvault.core.outcome import Outcome, RecoveryOutcome, RollbackEnd
from configvault.disk import lock
from configvault.usecases import again, scan
from configvault.usecases.record import record
from configvault.vault import statefiles
from configvault.vault.opening import create_vault

needs_tracer = pytest.mark.skipif(not tracer.supported, reason="the tracer knows x86_64 Linux only")


@pytest.fixture
def place(tmp_path: Path) -> Place:
    """Return a place with two snapshots."""
    return recorded(tmp_path / "place", {"a.yaml": "a: 1", "b": "1"}, {"a.yaml": "a: 2", "b": "2", "c": "2"})


def killed(place: Place, when: Callable[[Call], bool], *argv: str) -> None:
    """Kill a rollback at the first call that `when` picks."""
    command = [sys.executable, "-P", "-m", "configvault", "--config", str(place.config)]

    def decide(call: Call) -> Kill | None:
        return Kill() if call.number and when(call) else None

    ran = tracer.run(
        [*command, "rollback", "previous", *argv], under=[place.base], cwd=place.base, decide=decide
    )
    assert ran.status == -9, ran.output


def at_second_switch() -> Callable[[Call], bool]:
    """Pick the second exchange: one file is new, the others old."""
    seen: list[Call] = []

    def when(call: Call) -> bool:
        if call.name == "renameat2":
            seen.append(call)
        return len(seen) == 2

    return when


def heard_by(place: Place) -> list[Outcome]:
    """Run a recovering command and return what the observers heard of."""
    heard: list[Outcome] = []
    with place.parts() as site:
        site.observers.append(heard.append)
        record(site, "manual")
    return heard


@needs_tracer
def test_finished_and_logged(place: Place) -> None:
    """Reading commands only report a restore that was interrupted; the next that writes finishes it and tells of it."""
    killed(place, at_second_switch())
    torn = look(place.root)
    status = place.ok("status")
    assert "a restore was interrupted" in status["degraded"][0]
    assert place.run("status", "--check").code == 6
    examined = place.run("doctor", "--json")
    [left] = [one for one in examined.json["checks"] if "interrupted" in one["message"]]
    assert (examined.code, left["health"]) == (1, "problem")
    assert look(place.root) == torn
    recoveries = [one for one in heard_by(place) if isinstance(one, RecoveryOutcome)]
    assert "finished an interrupted operation: Roll back to" in recoveries[-1].words
    assert recoveries[-1].rollback is not None
    assert recoveries[-1].rollback.outcome is RollbackEnd.ROLLED_BACK
    assert sorted(os.listdir(place.root)) == ["a.yaml", "b"]
    status = place.ok("status")
    assert (status["degraded"], status["live"]["matches"]) == ([], status["latest"])


@needs_tracer
def test_edit_between_crash_and_recovery(place: Place) -> None:
    """What somebody writes into a torn root before the recovery is in the vault afterwards."""
    killed(place, at_second_switch())
    place.write({"b": "by hand", "new": "by hand, too"})
    recoveries = [one.words for one in heard_by(place) if isinstance(one, RecoveryOutcome)]
    kept = recoveries[-1].rpartition(" ")[2]
    assert place.run("show", f"{kept}:b").out == "by hand"
    assert place.run("show", f"{kept}:new").out == "by hand, too"
    assert sorted(os.listdir(place.root)) == ["a.yaml", "b"]


@needs_tracer
@pytest.mark.parametrize("argv", [(), ("--confirm=5m",)])
def test_recovery_heeds_the_service(place: Place, argv: tuple[str, ...]) -> None:
    """A restore that is finished after a crash is undone as well where the service does not take it."""
    with service.serving(answer(500), answer()) as host:
        undo = "" if argv else "rollback: {on_reload_failure: undo}\n"
        place.configure(undo, reload=f"kind: http, url: {host.url}, attempts: 1")
        killed(place, at_second_switch(), *argv)
        recoveries = [one for one in heard_by(place) if isinstance(one, RecoveryOutcome)]
    assert recoveries[-1].rollback is not None
    assert recoveries[-1].rollback.outcome is RollbackEnd.UNDONE
    assert (place.root / "a.yaml").read_text() == "a: 2"
    status = place.ok("status")
    assert (status["pending"], status["degraded"], status["live"]["matches"]) == (None, [], status["latest"])


@needs_tracer
def test_confirmation_outlives_a_crash(place: Place) -> None:
    """Killed in the middle of the restore, the rollback waits for its confirmation once it is finished."""
    killed(place, at_second_switch(), "--confirm=5m")
    assert place.ok("status")["pending"]["recorded"] is None
    place.ok("snapshot")
    waits = place.ok("status")["pending"]
    assert waits["recorded"] == place.ok("list")["snapshots"][0]["id"]
    assert place.ok("cancel")["outcome"] == "undone"
    assert (place.root / "a.yaml").read_text() == "a: 2"


@needs_tracer
def test_killed_before_the_journal(place: Place) -> None:
    """Killed before the first change to the root nothing has happened, and nothing waits."""
    before = look(place.root)
    killed(
        place,
        lambda call: call.name.startswith("rename") and call.paths[-1].endswith("journal.json"),
        "--confirm=5m",
    )
    assert place.ok("snapshot")["outcome"] == "unchanged"
    assert look(place.root) == before
    assert place.ok("status")["pending"] is None


def test_stale_locks(place: Place) -> None:
    """Locks that a killed git left are removed, and said; one that a living process has open is not touched."""
    for name in ("HEAD.lock", "packed-refs.new", "refs/heads/main.lock"):
        (place.vault / name).touch()
    with (place.vault / "refs/heads/main.lock").open() as held:
        place.write({"a.yaml": "a: 3"})
        done = place.run("snapshot", "--json")
        assert (done.code, done.error["kind"]) == (5, "busy")
        assert "refs/heads/main.lock" in done.error["message"]
        assert not (place.vault / "HEAD.lock").exists()
        assert not (place.vault / "packed-refs.new").exists()
        assert held.read() == ""
    recoveries = [one.words for one in heard_by(place) if isinstance(one, RecoveryOutcome)]
    assert [word for word in recoveries if "removed the lock file" in word]
    assert place.ok("snapshot")["outcome"] == "unchanged"
    place.fsck()


@pytest.mark.parametrize("head", [b"", b"\0" * 21, None])
def test_damaged_head_is_made_again(place: Place, head: bytes | None) -> None:
    """A HEAD that a power cut or a disk ruined stops no command that writes; one that reads names what helps."""
    path = place.vault / "HEAD"
    path.unlink() if head is None else path.write_bytes(head)
    done = place.run("list")
    assert (done.code, done.said("hint")) == (
        9,
        [f"hint: configvault -c {place.config} snapshot, which recreates HEAD"],
    )
    assert place.run("rollback", "latest").code == 0
    assert path.read_bytes() == b"ref: refs/heads/main\n"
    place.fsck()
    place.git("symbolic-ref", "HEAD", "refs/heads/another")
    place.ok("snapshot", "--pin", "mine")
    assert path.read_bytes() == b"ref: refs/heads/another\n"


def test_lost_tag_is_made_again(place: Place) -> None:
    """A snapshot whose tag a crash left out gets it from what its commit says."""
    newest = place.ok("list")["snapshots"][0]
    place.git("tag", "-d", newest["id"])
    assert place.ok("snapshot")["outcome"] == "unchanged"
    assert place.git("rev-parse", newest["id"]).strip() == newest["commit"]


def test_litter_of_the_killed_is_removed(place: Place) -> None:
    """Half-written files of dead processes go with the first command after a holder that did not end well.

    One that is dead and that its parent has not asked about, as in a container whose first process never does, is dead.
    """
    zombie = subprocess.Popen(["true"])
    os.waitid(os.P_PID, zombie.pid, os.WEXITED | os.WNOWAIT)
    litter = [
        place.vault / "configvault/journal.json.4194305.tmp",
        place.vault / "objects/00/tmp_obj_4194305_00aa",
        place.vault / "objects/pack/.tmp-4194305-pack-00aa.pack",
        place.vault / f"objects/pack/.tmp-{zombie.pid}-pack-00aa.idx",
    ]
    litter[1].parent.mkdir(exist_ok=True)
    living = place.vault / f"configvault/journal.json.{os.getpid()}.tmp"
    for path in [*litter, living]:
        path.write_text("half")
    place.ok("snapshot")
    assert all(path.exists() for path in litter)
    _killed_with_the_lock(place)
    place.ok("snapshot")
    assert [path.exists() for path in [*litter, living]] == [False] * 4 + [True]
    zombie.wait()


def _killed_with_the_lock(place: Place) -> None:
    path = str(place.vault / "configvault" / statefiles.LOCK)
    code = f"import os; from configvault.disk import lock\nwith lock.hold({path!r}, 'killed'): os.kill(os.getpid(), 9)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == -9


def test_lock_says_how_its_holder_ended(tmp_path: Path) -> None:
    """Who takes the lock learns whether the one before let go of it well."""
    path = str(tmp_path / "lock")
    with lock.hold(path, "first") as ended_well:
        assert ended_well
    with contextlib.suppress(OSError), lock.hold(path, "second") as ended_well:
        assert ended_well
        raise OSError("the disk is full")
    with lock.hold(path, "third") as ended_well:
        assert not ended_well
    with lock.hold(path, "fourth") as ended_well:
        assert ended_well


def test_damaged_journal(place: Place) -> None:
    """A journal that cannot be read is an error that names it, not a reason to guess."""
    (place.vault / "configvault/journal.json").write_text("{")
    done = place.run("snapshot", "--json")
    assert (done.code, "journal.json" in done.error["message"]) == (9, True)
    assert "journal.json" in str(place.ok("status")["degraded"])


@pytest.mark.parametrize(
    "left",
    [
        {},
        {"configvault/format.77.tmp": ""},
        {"configvault/format": "configvault creating\n", "HEAD": "", "config": "", "config.lock": ""},
        {"configvault/format": "configvault creating\n", "HEAD.lock": "", "configvault/lock": "{}"},
    ],
)
def test_torn_first_vault(tmp_path: Path, left: dict[str, str]) -> None:
    """What is left of a vault whose making was cut off is made whole."""
    place = Place(tmp_path / "place")
    for name, content in left.items():
        (place.vault / name).parent.mkdir(parents=True, exist_ok=True)
        (place.vault / name).write_text(content)
    assert place.init({"a": "1"})
    place.fsck()


def test_two_make_the_vault(tmp_path: Path) -> None:
    """Of two first commands at once one makes the vault and the other finds it."""
    place = Place(tmp_path / "place")
    place.write({"a": "1"})
    started = [commands.start(["--config", str(place.config), "init"]) for _ in range(3)]
    assert [one.wait().status for one in started] == [0, 0, 0]
    place.fsck()
    key = (place.vault / "configvault/redaction-key").read_bytes()
    create_vault(str(place.vault), dict(os.environ))
    assert (place.vault / "configvault/redaction-key").read_bytes() == key


def test_dropped_rejected_state_stays_dropped(place: Place) -> None:
    """A refused state that was dropped is gone from loose and from packed refs."""
    ids = []
    for text in ("a: [", "a: {"):
        place.write({"a.yaml": text})
        ids.append(json.loads(place.run("snapshot", "--json").raw)["rejected"])
    place.git("pack-refs", "--all")
    for id_ in ids:
        place.ok("rejected", "drop", id_)
    assert place.ok("rejected", "list")["rejected"] == []
    place.fsck()


def test_what_was_left_comes_back(place: Place) -> None:
    """A file that holds again what a rollback took away is reported, another one is not."""
    place.ok("rollback", "previous")
    place.write({"a.yaml": "a: 2", "b": "3"})
    with place.parts() as site, site.vault.stage() as stage:
        found = again.rolled_back_content(site, scan.live(site, stage))
    assert [(one.rule, one.path, one.severity.value) for one in found] == [
        ("rolled-back-content", "a.yaml", "warning")
    ]
    assert "which was rolled back by backup_" in found[0].message
