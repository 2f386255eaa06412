"""A rollback that waits for its confirmation: kept, cancelled, too late, unhealthy, forgotten."""

from __future__ import annotations

import os
import signal
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import service
from harness import commands
from service import answer
from sites import Place, look, recorded

from configvault.core.model import HealthReport, Patience
from configvault.core.outcome import Outcome, RecoveryOutcome, RollbackEnd, RollbackOutcome
from configvault.core.settings import Keep
from configvault.usecases import confirm, upkeep
from configvault.vault import statefiles


@pytest.fixture
def place(tmp_path: Path) -> Place:
    """Return a place with two snapshots."""
    return recorded(tmp_path / "place", {"a.yaml": "a: 1"}, {"a.yaml": "a: 2"})


def wait_for_confirmation(place: Place, *argv: str) -> Any:
    """Roll back and return at once, the confirmation still to come."""
    with place.as_if_watched():
        return place.ok("rollback", "previous", "--confirm=5m", *argv)


def let_time_pass(place: Place) -> None:
    """Move the deadline to a minute ago, as a host that was down finds it."""
    with place.parts() as site:
        waits = statefiles.pending(site.vault.state)
        assert waits is not None
        statefiles.PENDING.write(site.vault.state, replace(waits, until=site.now() - timedelta(minutes=1)))


def text(place: Place) -> str:
    """Return what the file holds."""
    return (place.root / "a.yaml").read_text()


def test_confirm(place: Place) -> None:
    """Confirmed, it stays; `status` shows it as long as it waits, and there is nothing to confirm twice."""
    document = wait_for_confirmation(place)
    assert document["pending_until"] is not None
    waits = place.ok("status")["pending"]
    assert (waits["target"], waits["recorded"]) == (document["target"]["id"], document["recorded"]["id"])
    assert 0 < waits["seconds_left"] <= 300
    assert f"configvault -c {place.config} confirm" in place.run("status").out
    confirmed = place.ok("confirm")
    assert (confirmed["outcome"], confirmed["pending_until"]) == ("rolled_back", None)
    assert confirmed["recorded"]["id"] == document["recorded"]["id"]
    assert text(place) == "a: 1"
    assert place.ok("status")["pending"] is None
    again = place.run("confirm", "--json")
    assert (again.code, again.error["message"]) == (1, "no rollback is pending")


def test_second_is_refused(place: Place) -> None:
    """While one waits no other begins; the error says which, until when, who asked, and what to do."""
    document = wait_for_confirmation(place)
    done = place.run("rollback", "latest", "--json")
    assert (done.code, done.error["kind"]) == (5, "busy")
    assert document["target"]["id"] in done.error["message"]
    assert "requested by" in done.error["message"]
    ours = f"configvault -c {place.config}"
    assert done.error["hint"] == f"{ours} confirm, or {ours} cancel"
    assert place.run("rollback", "latest", "-n").code == 0
    assert place.ok("snapshot")["outcome"] == "unchanged"


def test_cancel(place: Place) -> None:
    """Cancelled, what was there is there again at once; edits made since are in the vault."""
    before = look(place.root)
    wait_for_confirmation(place)
    place.write({"a.yaml": "a: by hand"})
    document = place.ok("cancel")
    assert document["outcome"] == "undone"
    assert look(place.root) == before
    assert place.run("show", f"{document['foreign']}:a.yaml").out == "a: by hand"
    listed = place.ok("list")["snapshots"]
    assert [one["trigger"] for one in listed][:3] == ["undo", "pre-rollback", "rollback"]
    assert [one["rolled_back"] for one in listed] == [False, True, True, False, False]
    assert place.ok("status")["live"]["matches"] == listed[0]["id"]


def test_invalid_edits_are_kept_too(place: Place) -> None:
    """Edits since that are invalid become a rejected state before anything is put back."""
    wait_for_confirmation(place)
    place.write({"a.yaml": "a: ["})
    document = place.ok("cancel")
    assert document["foreign"].startswith("rejected_")
    assert text(place) == "a: 2"


@pytest.mark.parametrize("command", [("snapshot",), ("annotate", "latest", "-m", "x"), ("reload",)])
def test_overdue_is_undone_first(place: Place, command: tuple[str, ...]) -> None:
    """Whatever writes next undoes an overdue one first, and the dead who asked do not matter."""
    wait_for_confirmation(place)
    place.write({"a.yaml": "a: by hand"})
    let_time_pass(place)
    assert place.ok("list")
    assert text(place) == "a: by hand"
    place.ok(*command)
    assert text(place) == "a: 2"
    assert place.ok("status")["pending"] is None


def test_too_late(place: Place) -> None:
    """A confirmation after the deadline does not keep it: exit 8, and what was there is back."""
    wait_for_confirmation(place)
    let_time_pass(place)
    done = place.run("confirm", "--json")
    assert (done.code, done.json["outcome"]) == (8, "undone")
    assert text(place) == "a: 2"


def test_rollback_after_an_overdue_one(place: Place) -> None:
    """An overdue one does not stand in the way of the next: it is undone, then the next is carried out."""
    wait_for_confirmation(place)
    let_time_pass(place)
    assert place.ok("rollback", "previous")["outcome"] == "rolled_back"
    assert text(place) == "a: 1"


def test_command_waits_without_a_daemon(place: Place) -> None:
    """Without a daemon the command waits itself, undoes it at the deadline, and exits 8."""
    done = place.run("rollback", "previous", "--confirm", "1s")
    assert (done.code, text(place)) == (8, "a: 2")
    assert "confirm before" in done.out
    assert done.out.rstrip().splitlines()[-1].startswith("  ")
    assert place.ok("status")["live"]["matches"]


@pytest.mark.parametrize(("answer_", "code", "left"), [("confirm", 0, "a: 1"), ("cancel", 8, "a: 2")])
def test_answered_while_the_command_waits(place: Place, answer_: str, code: int, left: str) -> None:
    """The command that waits learns from the disk how it was answered from elsewhere."""
    waits = commands.start(["--config", str(place.config), "rollback", "previous", "--confirm=2m", "--json"])
    while place.run(answer_).code:
        pass  # until it has come to wait
    assert waits.wait().status == code
    assert text(place) == left


def test_killed_while_it_waits(place: Place) -> None:
    """Killed, the command that waits loses nothing: the rollback still waits, and can be confirmed."""
    waits = commands.start(["--config", str(place.config), "rollback", "previous", "--confirm=2m"])
    while not place.ok("status")["pending"]:
        pass
    waits.kill()
    place.run("snapshot")
    assert place.ok("confirm")["outcome"] == "rolled_back"
    assert text(place) == "a: 1"


def test_interrupted_while_it_waits(place: Place) -> None:
    """Interrupted, the command that waits says that the rollback waits on, and how to answer it."""
    waits = commands.start(["--config", str(place.config), "rollback", "previous", "--confirm=2m"])
    while not place.ok("status")["pending"]:
        pass
    place.ok("snapshot")  # the lock is free again: it has come to wait
    os.kill(waits.pid, signal.SIGINT)
    ended = waits.wait()
    assert (ended.status, "still pending" in ended.err) == (130, True), ended
    assert place.ok("cancel")["outcome"] == "undone"


HTTP = "kind: http, url: {url}, timeout: 2s, attempts: 1"
HEALTH = (
    "health: [{{name: well, url: '{url}', within: 100ms, expect: {{contains: well}}, required: {required}}}]\n"
)


def test_unhealthy_while_it_waits(place: Place) -> None:
    """A required check that fails during the wait undoes it at once; the observers hear of it."""
    with service.serving(answer(), answer(body="well"), answer(body="ill")) as host:
        place.configure(HEALTH.format(url=host.url, required="true"), reload=HTTP.format(url=host.url))
        wait_for_confirmation(place)
        with place.parts() as site:
            heard: list[Outcome] = []
            site.observers.append(heard.append)
            outcome = confirm.check(site)
    assert outcome is not None
    assert outcome.outcome is RollbackEnd.UNDONE
    assert heard == [outcome]
    assert text(place) == "a: 2"
    assert "health check" in place.ok("list")["snapshots"][0]["subject"]


def test_a_check_does_not_put_off_the_deadline(place: Place) -> None:
    """However long a service may take to be well, it is asked for no longer than the rollback waits."""
    with service.serving(answer(), answer(body="well")) as host:
        place.configure(
            HEALTH.format(url=host.url, required="true").replace("100ms", "1h"),
            reload=HTTP.format(url=host.url),
        )
        wait_for_confirmation(place)
        with place.parts() as site:
            asked: list[float] = []
            check_health = site.check_health

            def noting(*, patience: Patience) -> tuple[HealthReport, ...]:
                asked.append(patience.most_s)
                return check_health(patience=patience)

            site.check_health = noting  # type: ignore[assignment]
            due = confirm.due(site)
            assert due is not None
            left_s = (due - site.now()).total_seconds()
            assert confirm.check(site) is None
    assert 0 < asked[0] <= left_s


def test_wanted_check_does_not_decide(place: Place) -> None:
    """A check that is only wanted may fail during the wait."""
    with service.serving(answer(body="ill")) as host:
        place.configure(HEALTH.format(url=host.url, required="false"), reload=HTTP.format(url=host.url))
        wait_for_confirmation(place)
        with place.parts() as site:
            assert confirm.check(site) is None
    assert text(place) == "a: 1"


def test_command_that_waits_asks_the_service(place: Place) -> None:
    """The waiting command asks the service by itself and does not wait for the deadline where it is ill."""
    with service.serving(answer(), answer(body="well"), answer(body="ill")) as host:
        place.configure(HEALTH.format(url=host.url, required="true"), reload=HTTP.format(url=host.url))
        done = place.run("rollback", "previous", "--confirm=10m", "--json")
    assert (done.code, done.json["outcome"]) == (8, "undone")
    assert text(place) == "a: 2"


def test_not_taken(place: Place) -> None:
    """Where the service does not even take it there is nothing to wait for: undone at once, whatever else is set."""
    with service.serving(answer(500), answer()) as host:
        place.configure("rollback: {on_reload_failure: keep}\n", reload=HTTP.format(url=host.url))
        done = place.run("rollback", "previous", "--confirm=10m", "--json")
    assert (done.code, done.json["outcome"], done.json["pending_until"]) == (8, "undone", None)
    assert text(place) == "a: 2"
    assert place.ok("status")["pending"] is None


def test_as_the_daemon_does(place: Place) -> None:
    """The daemon asks when it is due, lets it expire, and its observers hear of it."""
    with place.parts() as site:
        assert confirm.due(site) is None
    wait_for_confirmation(place)
    with place.parts() as site:
        due = confirm.due(site)
        assert due is not None
        assert due > site.now()
        assert confirm.expire(site) is None
    assert text(place) == "a: 1"
    let_time_pass(place)
    with place.parts() as site:
        heard: list[Outcome] = []
        site.observers.append(heard.append)
        outcome = confirm.expire(site)
    assert isinstance(outcome, RollbackOutcome)
    assert outcome.outcome is RollbackEnd.UNDONE
    [recovery] = [one for one in heard if isinstance(one, RecoveryOutcome)]
    assert recovery.rollback is not None
    assert (recovery.rollback.outcome, "not confirmed in time" in recovery.words) == (RollbackEnd.UNDONE, True)
    assert text(place) == "a: 2"


def test_way_back_to_invalid_work(place: Place) -> None:
    """What was live before may have been invalid; cancelling brings it back byte for byte."""
    place.write({"a.yaml": "a: ["})
    before = look(place.root)
    with place.as_if_watched():
        place.ok("rollback", "latest", "--confirm")
    place.ok("cancel")
    assert look(place.root) == before


def test_way_back_that_is_gone(place: Place) -> None:
    """Where the state to go back to was dropped meanwhile nobody is kept from writing for ever."""
    place.write({"a.yaml": "a: ["})
    with place.as_if_watched():
        safety = place.ok("rollback", "latest", "--confirm")["safety"]
    place.git("update-ref", "-d", f"refs/configvault/rejected/{safety}")
    let_time_pass(place)
    assert place.ok("snapshot")["outcome"] == "unchanged"
    assert place.ok("status")["pending"] is None


def test_nothing_to_go_back_to(place: Place) -> None:
    """With the root missing there is no way back to wait for, which is said before anything is done."""
    (place.root / "a.yaml").unlink()
    place.root.rmdir()
    done = place.run("rollback", "latest", "--confirm", "--json")
    assert (done.code, "the root is missing" in done.error["message"]) == (1, True)
    assert not place.root.exists()


@pytest.mark.parametrize(
    ("argv", "said"),
    [
        (("previous", "--confirm=soon"), "not a duration"),
        (("previous", "--confirm=0"), "too short"),
        (("previous", "--confirm=9d"), "too long"),
    ],
)
def test_durations(place: Place, argv: tuple[str, ...], said: str) -> None:
    """A time that makes no sense is refused before anything is done."""
    done = place.run("rollback", *argv, "--json")
    assert (done.code, said in done.error["message"]) == (2, True)
    assert text(place) == "a: 2"


def test_reference_after_the_flag(place: Place) -> None:
    """`--confirm REF` means the reference, with the usual time."""
    with place.as_if_watched():
        assert place.ok("rollback", "--confirm", "previous")["outcome"] == "rolled_back"
    assert 200 < place.ok("status")["pending"]["seconds_left"] <= 300


def test_the_way_back_cannot_be_dropped(place: Place) -> None:
    """The refused state that a waiting rollback would go back to stays, by command and by retention."""
    (place.root / "a.yaml").write_text("a: [1\n")
    safety = wait_for_confirmation(place)["safety"]
    done = place.run("rejected", "drop", safety)
    assert (done.code, len(done.said("error")), len(done.said("hint"))) == (5, 1, 1)
    with place.parts() as site:
        keep = replace(site.settings.retention, rejected=Keep(keep_last=0, keep_within=None))
        upkeep.keep_up(replace(site, settings=replace(site.settings, retention=keep)))
        assert [state.id for state in site.vault.rejected()] == [safety]
    place.ok("cancel")
    assert text(place) == "a: [1\n"
