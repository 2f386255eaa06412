"""The daemon as a process: it starts, sees, records, follows its schedule, tells systemd, and ends."""

from __future__ import annotations

import contextlib
import json
import os
import random
import shutil
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from hashlib import sha1
from pathlib import Path

import pytest
from harness.daemon import DEADLINE_S, Daemon, Watched

from configvault.usecases import daemonstate
from configvault.vault.repository import Vault
from configvault.vault.statefiles import SCHEDULE, Schedule


@pytest.fixture
def place(tmp_path: Path) -> Watched:
    """A root, a vault to be, a configuration."""
    return Watched(tmp_path)


def test_start_change_stop(place: Watched) -> None:
    """It records what it finds at the start and each change after that, and ends when told."""
    with place.daemon() as daemon:
        assert place.triggers() == ["startup"]
        (place.root / "a.yaml").write_text("version: 2\n")
        said = daemon.wait("snapshot.recorded", trigger="change")
        assert said["paths"] == ["a.yaml"]
    assert place.triggers() == ["startup", "change"]
    place.assert_whole()


def test_changes_while_it_was_down(place: Watched) -> None:
    """A change made while no daemon ran is recorded at the start; without one nothing is."""
    with place.daemon():
        pass
    with place.daemon():
        pass
    assert place.triggers() == ["startup"]
    (place.root / "a.yaml").write_text("version: 2\n")
    with place.daemon() as daemon:
        assert daemon.events().count("snapshot.recorded") == 1
    assert place.triggers() == ["startup", "startup"]


def test_invalid_state_is_reported_once(place: Watched) -> None:
    """An invalid state is kept as rejected, with file, line and column in the log, once for its content."""
    with place.daemon() as daemon:
        (place.root / "b.yaml").write_text("b: [1\n")
        said = daemon.wait("change.rejected", trigger="change")
        assert said["findings"][0].startswith("b.yaml:1:4: error:")
        (place.root / "b.yaml").touch()
        (place.root / "b.yaml").write_text("b: [1]\n")
        daemon.wait("snapshot.recorded", trigger="change")
        assert daemon.events().count("change.rejected") == 1
    assert len(place.rejected()) == 1
    assert len(place.snapshots()) == 2


def test_waits_for_a_root(place: Watched) -> None:
    """Without a root it is not ready and says what it waits for; it is ready when the root has come."""
    shutil.rmtree(place.root.parent)
    daemon = Daemon(place.config)
    try:
        daemon.wait("daemon.degraded", reason="root-missing")
        assert "daemon.ready" not in daemon.events()
        place.root.mkdir(parents=True)
        (place.root / "a.yaml").write_text("version: 1\n")
        daemon.wait("daemon.recovered", reason="root-missing")
        daemon.wait("snapshot.recorded", trigger="startup")
        daemon.wait("daemon.ready")
    finally:
        assert daemon.stop() == 0


def test_stop_while_waiting_for_a_root(place: Watched) -> None:
    """Waiting for a root does not keep it from ending."""
    shutil.rmtree(place.root.parent)
    daemon = Daemon(place.config)
    daemon.wait("daemon.degraded", reason="root-missing")
    assert daemon.stop() == 0
    assert daemon.events()[-1] == "daemon.stopped"


def test_second_daemon(place: Watched) -> None:
    """A second daemon on the same vault exits 5 and names the first, which goes on."""
    with place.daemon() as first:
        second = Daemon(place.config)
        assert second.exited() == 5
        assert f"process {first.process.pid}" in "".join(second.raw)
        (place.root / "a.yaml").write_text("version: 2\n")
        first.wait("snapshot.recorded", trigger="change")


def test_bad_configuration(place: Watched) -> None:
    """A configuration that cannot be used ends it with 78 and the faults."""
    place.configure("wacth: {}")
    daemon = Daemon(place.config)
    assert daemon.exited() == 78
    assert "wacth" in "".join(daemon.raw)
    assert not place.vault.exists()


def test_hangup_reads_the_configuration(place: Watched) -> None:
    """SIGHUP takes a new configuration; one that cannot be used is refused, and the old one goes on."""
    with place.daemon() as daemon:
        place.configure("wacth: {}")
        daemon.process.send_signal(signal.SIGHUP)
        said = daemon.wait("configure.failed")
        assert "wacth" in said["message"]
        place.configure("validate: {profile: coze}")
        text = place.config.read_text().replace(
            "validate: {profile: generic, rules: {mass-removal: off}}\n", ""
        )
        place.config.write_text(text)
        daemon.process.send_signal(signal.SIGHUP)
        daemon.wait("daemon.configured")
        (place.root / "a.yaml").write_text("version: 2\n")
        daemon.wait("change.rejected")


def test_reconfigure_waits(place: Watched) -> None:
    """`run --reconfigure` ends when the daemon has the new configuration, and fails with 78 where it is no good."""
    with place.daemon() as daemon:
        place.configure("notify: []")
        place.command("run", "--reconfigure")
        assert "daemon.configured" in daemon.events()
        place.configure("wacth: {}")
        assert place.fails("run", "--reconfigure") == 78
        place.configure()
        place.config.write_text(place.config.read_text().replace(str(place.root), "/elsewhere"))
        assert place.fails("run", "--reconfigure") == 78
        place.configure()
    assert place.fails("run", "--reconfigure") == 1


def test_hangup_cannot_move_the_root(place: Watched) -> None:
    """Another root or vault needs a restart, and that is said."""
    with place.daemon() as daemon:
        place.config.write_text(place.config.read_text().replace(str(place.root), "/elsewhere"))
        daemon.process.send_signal(signal.SIGHUP)
        assert "restart" in daemon.wait("configure.failed")["hint"]


def test_hangup_takes_new_ignored_names(place: Watched) -> None:
    """Names that are ignored from now on leave the next snapshot."""
    (place.root / "a.log").write_text("x\n")
    with place.daemon() as daemon:
        text = place.config.read_text().replace("watch: {", 'watch: {ignore: ["*.log"], ')
        place.config.write_text(text)
        daemon.process.send_signal(signal.SIGHUP)
        said = daemon.wait("snapshot.recorded", trigger="change")
        assert said["paths"] == ["a.log"]


def test_once(place: Watched) -> None:
    """`run --once` records what differs and ends: 0, or 3 where it is refused."""
    assert Daemon(place.config, None, "--once").exited() == 0
    assert place.triggers() == ["schedule"]
    (place.root / "b.yaml").write_text("b: [1\n")
    assert Daemon(place.config, None, "--once").exited() == 3
    assert len(place.rejected()) == 1
    assert len(place.snapshots()) == 1


# --- the schedule


def test_scheduled_backup(place: Watched) -> None:
    """The schedule compares everything again and again, and makes no snapshot where nothing differs."""
    place.configure('schedule: {backup: "every 1s", verify: "every 2s"}')
    with place.daemon() as daemon:
        daemon.wait("root.compared", trigger="schedule")
        daemon.wait("root.compared", trigger="schedule")
        daemon.wait("vault.verified")
    assert place.triggers() == ["startup"]
    assert set(daemonstate.schedule(Vault(str(place.vault), {})).last) == {"backup", "verify"}


def test_scheduled_drill(place: Watched) -> None:
    """A drill on schedule says of each replica whether the host could be recovered from it, until a later one can."""
    place.configure(f'schedule: {{drill: "every 1s"}}\nreplicas: [{{url: {place.base}/r.git}}]')
    with place.daemon() as daemon:
        said = daemon.wait("replicas.drill_failed")
        assert "r.git" in said["message"]
        subprocess.run(["git", "init", "-q", "--bare", f"{place.base}/r.git"], check=True)
        place.command("replicate")
        daemon.wait("replicas.drilled")
        # It is said before it is written down.
        vault, until = Vault(str(place.vault), {}), time.monotonic() + 60
        while not (kept := daemonstate.schedule(vault)).drilled and time.monotonic() < until:
            time.sleep(0.05)
    assert (kept.drilled, kept.drill_failure) == (True, None)


def test_missed_schedule_is_caught_up_once(place: Watched) -> None:
    """What was due while it was down is done once: the backup before it is ready, the check of the vault after."""
    place.configure('schedule: {backup: "every 1h", verify: "every 1h"}')
    with place.daemon() as daemon:
        assert scheduled(daemon) == 0
    vault = Vault(str(place.vault), {})
    long_ago = datetime.now(UTC) - timedelta(days=30)
    SCHEDULE.write(vault.state, Schedule({"backup": long_ago, "verify": long_ago}))
    with place.daemon() as daemon:
        assert scheduled(daemon) == 1
        daemon.wait("vault.verified")
    with place.daemon() as daemon:
        assert scheduled(daemon) == 0


def scheduled(daemon: Daemon) -> int:
    """Return how often everything was compared because the schedule said so."""
    return sum(line["event"] == "root.compared" and line["trigger"] == "schedule" for line in daemon.said)


def test_damage_is_found(place: Watched) -> None:
    """A damaged vault is found by the check, and the daemon counts as degraded."""
    place.configure('schedule: {verify: "every 1s"}')
    with place.daemon() as daemon:
        daemon.wait("vault.verified")
        blob = place.git("rev-parse", "main:a.yaml").strip()
        path = place.vault / "objects" / blob[:2] / blob[2:]
        path.chmod(0o600)
        path.write_bytes(b"rubbish")
        daemon.wait("vault.damaged")
        daemon.wait("daemon.degraded", reason="vault-damaged")


# --- what it says of itself


def test_state_for_status(place: Watched) -> None:
    """What it says of itself is read back while it runs, and counts for nothing when it does not."""
    vault = Vault(str(place.vault), {})
    with place.daemon() as daemon:
        state = daemonstate.running(vault)
        assert state is not None
        assert state.pid == daemon.process.pid
        assert state.watching == "events"
        assert state.degraded == {}
        assert state.last_look is not None
    assert daemonstate.running(vault) is None


class Manager:
    """Hears what is said to systemd."""

    def __init__(self, path: Path) -> None:
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(str(path))
        self.socket.settimeout(DEADLINE_S)
        self.environ = {"NOTIFY_SOCKET": str(path)}
        self.said: list[str] = []

    def until(self, wanted: str) -> str:
        """Return the next message that has `wanted` in it."""
        while True:
            self.said.append(self.socket.recv(65536).decode())
            if wanted in self.said[-1]:
                return self.said[-1]


@pytest.fixture
def manager(tmp_path: Path) -> Iterator[Manager]:
    """Somebody to notify."""
    manager = Manager(tmp_path / "notify")
    yield manager
    manager.socket.close()


def test_words_for_systemd(place: Watched, manager: Manager) -> None:
    """READY comes after the first snapshot, STATUS names it, a reload is begun and ended, the end is announced."""
    with place.daemon(manager.environ) as daemon:
        assert place.snapshots()
        said = manager.until("READY=1")
        assert f"protects {place.root}" in said
        (place.root / "a.yaml").write_text("version: 2\n")
        recorded = daemon.wait("snapshot.recorded", trigger="change")
        manager.until(f"last snapshot {recorded['id']}")
        daemon.process.send_signal(signal.SIGHUP)
        manager.until("RELOADING=1")
        manager.until("READY=1")
    manager.until("STOPPING=1")


def test_watchdog_is_fed_while_it_sees(place: Watched, manager: Manager) -> None:
    """The watchdog is fed, changes are proved to be seen, and nothing of the proof stays in the root."""
    with place.daemon(manager.environ | {"WATCHDOG_USEC": "600000"}):
        before = place.root.stat().st_mtime_ns
        for _ in range(5):
            manager.until("WATCHDOG=1")
        state = daemonstate.running(Vault(str(place.vault), {}))
        assert state is not None
        assert state.last_proof is not None
    assert place.root.stat().st_mtime_ns == before
    assert [path.name for path in place.root.iterdir()] == ["a.yaml"]


def test_watchdog_is_not_fed_while_it_hangs(place: Watched, manager: Manager) -> None:
    """A stopped daemon says nothing, and goes on when it is continued: what changed meanwhile is recorded."""
    with place.daemon(manager.environ | {"WATCHDOG_USEC": "300000"}) as daemon:
        manager.until("WATCHDOG=1")
        daemon.process.send_signal(signal.SIGSTOP)
        os.waitid(os.P_PID, daemon.process.pid, os.WSTOPPED | os.WNOWAIT)
        manager.socket.settimeout(1.0)
        # What was said before the stop may still be in the socket.
        with contextlib.suppress(TimeoutError):
            while manager.socket.recv(65536):
                pass
        with pytest.raises(TimeoutError):
            manager.socket.recv(65536)
        (place.root / "a.yaml").write_text("version: 2\n")
        daemon.process.send_signal(signal.SIGCONT)
        daemon.wait("snapshot.recorded", trigger="change")
        manager.socket.settimeout(DEADLINE_S)
        manager.until("WATCHDOG=1")


# --- a long run of everything


class Blobs:
    """The states of a root: path, executable bit and blob id of every file; what did not change is not read again."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.known: dict[tuple[int, int, int], str] = {}

    def state(self) -> frozenset[tuple[str, bool, str]]:
        """Return the state of the root now."""
        found = set()
        for folder, _, names in os.walk(self.root):
            for name in names:
                path = os.path.join(folder, name)
                seen = os.stat(path)
                key = (seen.st_ino, seen.st_size, seen.st_mtime_ns)
                if key not in self.known:
                    body = Path(path).read_bytes()
                    self.known[key] = sha1(b"blob %d\0" % len(body) + body).hexdigest()
                found.add((os.path.relpath(path, self.root), bool(seen.st_mode & 0o100), self.known[key]))
        return frozenset(found)


class Editor:
    """Makes seeded random edits, each of them at once, and remembers every state there was."""

    def __init__(self, root: Path, seed: int) -> None:
        self.root = root
        self.random = random.Random(seed)
        self.idle = threading.Event()
        self.blobs = Blobs(root)
        self.states = {self.blobs.state()}
        self.number = 0

    def edit(self) -> None:
        """Do one thing: create, modify, rename, delete or chmod a file, or move a folder."""
        self.number += 1
        files = [path for path in self.root.rglob("*") if path.is_file()]
        folders = [self.root, *(path for path in self.root.rglob("*") if path.is_dir())]
        what = self.random.choice(
            ["create", "create", "modify", "modify", "in place", "rename", "delete", "chmod", "move"]
        )
        target = self.random.choice(folders) / f"f{self.number}.txt"
        if len(files) > 40:
            what = "delete"
        if what == "create" or len(files) < 5:
            target.parent.mkdir(exist_ok=True)
            self.replace(target)
        elif what == "modify":
            self.replace(self.random.choice(files))
        elif what == "in place":
            # While it is written it is open, and so does not count yet.
            self.random.choice(files).write_text(self.body())
        elif what == "rename":
            self.random.choice(files).rename(target)
        elif what == "delete":
            self.random.choice(files).unlink()
        elif what == "chmod":
            self.random.choice(files).chmod(self.random.choice([0o644, 0o755, 0o600, 0o700]))
        elif len(folders) > 1:
            self.random.choice(folders[1:]).rename(self.root / f"d{self.number}")
        else:
            (self.root / f"d{self.number}").mkdir()
        self.states.add(self.blobs.state())

    def body(self) -> str:
        """Return a text that shows when it is torn."""
        line = f"{self.number} {self.random.random()}\n"
        return line * self.random.randrange(1, 1000)

    def replace(self, path: Path) -> None:
        """Write a file the careful way."""
        aside = self.root.parent / "aside"
        aside.write_text(self.body())
        aside.rename(path)

    def pause(self) -> None:
        """Take as long as somebody may take between two edits."""
        self.idle.wait(self.random.choice([0, 0, 0, 0.005, 0.02, 0.1]) if self.number % 40 else 0.4)


def test_a_thousand_random_edits(place: Watched) -> None:
    """Whatever happens at whatever speed: in the end live is recorded, each snapshot existed, no file is torn."""
    place.configure(quiet="100ms", max_wait="60s")
    editor = Editor(place.root, seed=20231201)
    with place.daemon() as daemon:
        for _ in range(1000):
            editor.edit()
            editor.pause()
        (place.root / "last.txt").write_text("the end\n")
        editor.states.add(editor.blobs.state())
        while "last.txt" not in daemon.wait("snapshot.recorded", trigger="change")["paths"][:10]:
            pass
    commits = place.snapshots()
    assert len(commits) > 10
    for commit in commits:
        rows = place.git("ls-tree", "-r", "-z", commit).split("\0")
        state = frozenset(
            (path, mode == "100755", blob)
            for mode, _, blob, path in (row.replace("\t", " ", 1).split(" ", 3) for row in rows if row)
            if path != ".configvault-metadata.json"
        )
        assert state in editor.states, f"{commit} never existed"
    place.assert_whole()


def test_kill_at_any_time(place: Watched) -> None:
    """Killed again and again in whatever it is at, it goes on after each start, and the vault is intact."""
    editor = Editor(place.root, seed=1)
    for number in range(8):
        daemon = Daemon(place.config)
        for _ in range(5 * number):
            editor.edit()
            editor.pause()
        daemon.process.kill()
        daemon.process.wait()
    with place.daemon():
        pass
    place.assert_whole()
    assert json.loads((place.vault / "configvault" / "schedule.json").read_text())["format"] == 1
    assert subprocess.run(
        ["git", "-C", str(place.vault), "for-each-ref", "refs/tags"], capture_output=True, check=True
    ).stdout.count(b"\n") == len(place.snapshots())
