"""What follows a change by itself: a reload, a snapshot put back, and where that ends."""

from __future__ import annotations

import json
import os
import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from harness.daemon import Watched
from service import Service, answer, serving

from configvault.usecases import daemonstate
from configvault.vault.repository import Vault
from configvault.vault.statefiles import SCHEDULE, Restore, Schedule

BROKEN = "a: [1\n"


@pytest.fixture
def place(tmp_path: Path) -> Watched:
    """A root whose invalid states are replaced after a moment."""
    place = Watched(tmp_path)
    place.configure("changes: {on_invalid: restore, grace: 500ms}")
    return place


def break_it(place: Watched, text: str = BROKEN) -> None:
    """Make the root invalid."""
    (place.root / "a.yaml").write_text(text)


def test_invalid_state_is_replaced(place: Watched) -> None:
    """An invalid state that stands is kept, and the latest snapshot put back over it."""
    with place.daemon() as daemon:
        break_it(place)
        rejected = daemon.wait("change.rejected")
        restored = daemon.wait("restore.done", cause="invalid")
        assert restored["kept"] == rejected["id"]
        assert (place.root / "a.yaml").read_text() == "version: 1\n"
        (place.root / "b.yaml").write_text("b: 1\n")
        daemon.wait("snapshot.recorded", trigger="change")
    assert place.triggers() == ["startup", "restore", "change"]
    assert place.git("show", f"refs/configvault/rejected/{rejected['id']}:a.yaml") == BROKEN
    place.assert_whole()


def test_who_repairs_in_time_is_left_alone(place: Watched) -> None:
    """An invalid state that is repaired within the grace time is not replaced; a new fault begins a new one."""
    place.configure("changes: {on_invalid: restore, grace: 60s}")
    with place.daemon() as daemon:
        break_it(place)
        daemon.wait("change.rejected")
        break_it(place, "version: 2\n")
        daemon.wait("snapshot.recorded", trigger="change")
        assert "restore.done" not in daemon.events()


def test_same_bytes_are_not_fought_over(place: Watched) -> None:
    """When the very bytes that were replaced come back they are reported, and stay; a valid state ends that."""
    with place.daemon() as daemon:
        break_it(place)
        daemon.wait("restore.done")
        break_it(place)
        daemon.wait("change.rejected", repeated=True)
        assert "has come back" in daemon.wait("daemon.degraded", reason="restores-held")["message"]
        assert (place.root / "a.yaml").read_text() == BROKEN
        break_it(place, "version: 2\n")
        daemon.wait("snapshot.recorded", trigger="change")
        daemon.wait("daemon.recovered", reason="restores-held")
        assert daemon.events().count("restore.done") == 1
    place.assert_whole()


def test_five_restores_an_hour(place: Watched) -> None:
    """After five automatic restores within an hour it holds, says so, and does not forget that over a restart."""
    with place.daemon():
        pass
    vault = Vault(str(place.vault), {})
    now = datetime.now(UTC)
    old = Restore(now - timedelta(hours=2), "0" * 40)
    recent = [Restore(now - timedelta(minutes=number), f"{number}" * 40) for number in range(1, 5)]
    kept = daemonstate.schedule(vault)
    SCHEDULE.write(vault.state, Schedule(kept.last, kept.verified, (old, *recent)))
    with place.daemon() as daemon:
        break_it(place)
        daemon.wait("restore.done")
        break_it(place, "b: [2\n")
        assert "5 automatic restores" in daemon.wait("daemon.degraded", reason="restores-held")["message"]
        assert (place.root / "a.yaml").read_text() == "b: [2\n"


def test_report_is_the_default(place: Watched) -> None:
    """Unless told otherwise an invalid state is only reported."""
    place.configure()
    with place.daemon() as daemon:
        break_it(place)
        daemon.wait("change.rejected")
        (place.root / "b.yaml").write_text("b: 1\n")
        daemon.wait("change.rejected")
        assert "restore.done" not in daemon.events()
    assert (place.root / "a.yaml").read_text() == BROKEN


def reloads(place: Watched, service: Service, changes: str) -> None:
    """Have the service told of changes."""
    place.configure(
        f"changes: {changes}",
        f"reload: {{kind: http, url: '{service.url}', attempts: 1, timeout: 5s}}",
    )


def test_service_is_reloaded_after_changes(place: Watched) -> None:
    """With `changes.reload` the service is told of each recorded change, and what it took is good."""
    with serving(answer()) as service:
        reloads(place, service, "{reload: true}")
        with place.daemon() as daemon:
            daemon.rewind()
            daemon.wait("reload.done")
            (place.root / "a.yaml").write_text("version: 2\n")
            said = daemon.wait("snapshot.recorded", trigger="change")
            assert daemon.wait("reload.done")["id"] == said["id"]
            (place.root / "a.yaml").touch()
            daemon.wait("root.compared", trigger="change")
        assert len(service.asked) == 2


def test_what_the_service_does_not_take_is_replaced(place: Watched) -> None:
    """With `on_reload_failure: restore` the last good snapshot is put back and loaded."""
    with serving(answer(), answer(500), answer()) as service:
        reloads(place, service, "{reload: true, on_reload_failure: restore}")
        with place.daemon() as daemon:
            daemon.rewind()
            daemon.wait("reload.done")
            good = place.snapshots()[-1]
            (place.root / "a.yaml").write_text("version: 2\n")
            daemon.wait("reload.failed")
            said = daemon.wait("restore.done", cause="reload_failed")
            assert said["status"] == 200
            assert (place.root / "a.yaml").read_text() == "version: 1\n"
            daemon.wait("daemon.recovered", reason="reload")
        assert len(service.asked) == 3
    assert place.triggers() == ["startup", "change", "restore"]
    assert place.content(good) == place.live()


def test_failed_reload_is_reported(place: Watched) -> None:
    """Without that the restored files stay, and the daemon counts as degraded until a reload works."""
    with serving(answer(), answer(500), answer()) as service:
        reloads(place, service, "{reload: true}")
        with place.daemon() as daemon:
            daemon.rewind()
            daemon.wait("reload.done")
            (place.root / "a.yaml").write_text("version: 2\n")
            daemon.wait("reload.failed")
            daemon.wait("daemon.degraded", reason="reload")
            (place.root / "a.yaml").write_text("version: 3\n")
            daemon.wait("daemon.recovered", reason="reload")
    assert place.triggers() == ["startup", "change", "change"]


def test_nothing_good_to_put_back(place: Watched) -> None:
    """Where no snapshot was ever good the failure is said, and nothing is replaced."""
    with serving(answer(500)) as service:
        reloads(place, service, "{reload: true, on_reload_failure: restore}")
        with place.daemon() as daemon:
            daemon.rewind()
            daemon.wait("daemon.degraded", reason="reload-restores-held")
            assert "restore.done" not in daemon.events()


def test_old_rejected_states_are_dropped(place: Watched) -> None:
    """Of refused states those stay that `retention.rejected` keeps, and what a rollback left as its safety copy."""
    place.configure(
        'schedule: {backup: "every 1s"}', "retention: {rejected: {keep_last: 2, keep_within: null}}"
    )
    with place.daemon() as daemon:
        break_it(place, "safe: [1\n")
        safety = daemon.wait("change.rejected")["id"]
        place.command("rollback", "latest", "--no-reload")
        for number in range(4):
            break_it(place, f"a: [{number}\n")
            daemon.wait("change.rejected")
        while len(place.rejected()) > 3:
            daemon.wait("vault.kept_up")
    assert len(place.rejected()) == 3
    assert safety in place.rejected()


def test_unconfirmed_rollback_is_undone(place: Watched) -> None:
    """A rollback that nobody confirms is undone by the daemon when its time is over."""
    place.configure()
    with place.daemon() as daemon:
        first = place.command("list", "--json")
        (place.root / "a.yaml").write_text("version: 2\n")
        daemon.wait("snapshot.recorded", trigger="change")
        place.command("rollback", json.loads(first)["snapshots"][0]["id"], "--confirm=2s")
        assert (place.root / "a.yaml").read_text() == "version: 1\n"
        daemon.wait("recovery.done")
        assert (place.root / "a.yaml").read_text() == "version: 2\n"
        (place.root / "b.yaml").write_text("b: 1\n")
        daemon.wait("snapshot.recorded", trigger="change")
    place.assert_whole()


def test_an_undo_that_the_service_did_not_take_is_said(place: Watched) -> None:
    """Where the service does not load what an unconfirmed rollback is undone to, the log says so, and `status` does."""
    first_only = place.base / "once"
    first_only.write_text("")
    place.configure(f"reload: {{kind: command, command: [rm, '{first_only}'], attempts: 1}}")
    with place.daemon() as daemon:
        (place.root / "a.yaml").write_text("version: 2\n")
        daemon.wait("snapshot.recorded", trigger="change")
        place.command("rollback", "previous", "--confirm=1s")
        said = daemon.wait("recovery.done")
        assert "undid the rollback" in said["message"]
        assert "No such file" in said["undo_error"]
        assert "the service failed to load backup_" in place.command("status")


def test_replicas_receive_the_vault(place: Watched) -> None:
    """Each snapshot goes to the replicas; one that cannot be reached is a reason to be degraded, and no more."""
    replica = place.base / "replica.git"
    subprocess.run(["git", "init", "-q", "--bare", str(replica)], check=True)
    place.configure(f"replicas: [{{url: {replica}}}, {{url: {place.base}/nowhere.git}}]")
    with place.daemon() as daemon:
        (place.root / "a.yaml").write_text("version: 2\n")
        daemon.wait("snapshot.recorded", trigger="change")
        daemon.rewind()
        said = daemon.wait("daemon.degraded")
        assert "nowhere.git" in said["reason"]
        while head(replica) != place.snapshots()[-1]:
            os.utime(place.root / "a.yaml")
            daemon.wait("root.compared", trigger="change")


def head(repository: Path) -> str:
    """Return the tip of main in a repository, `""` where there is none."""
    command = ["git", "-C", str(repository), "rev-parse", "--quiet", "--verify", "main"]
    return subprocess.run(command, capture_output=True, text=True, check=False).stdout.strip()


def test_a_waiting_rollback_has_the_first_word(place: Watched) -> None:
    """While somebody is to confirm a rollback nothing is put back automatically; afterwards it is."""
    place.configure("changes: {on_invalid: restore, grace: 0s}")
    with place.daemon() as daemon:
        (place.root / "a.yaml").write_text("version: 2\n")
        daemon.wait("snapshot.recorded", trigger="change")
        place.command("rollback", "previous", "--confirm=1h")
        break_it(place)
        daemon.wait("change.rejected")
        # Without the rule it would be put back long before this command ends.
        assert place.command("rejected", "list")
        assert "restore.done" not in daemon.events()
        place.command("confirm")
        daemon.wait("restore.done", cause="invalid")
