"""What fails is tried ever more seldom, and each distinct reason is given once."""

from __future__ import annotations

import threading
from datetime import timedelta
from pathlib import Path

from sites import Place

from configvault.core.backoff import BackOff, attempts, pause
from configvault.core.outcome import FailureOutcome, Outcome
from configvault.daemon.inbox import Inbox
from configvault.daemon.jobs import Job
from configvault.daemon.standing import Standing
from configvault.daemon.worker import Worker


def test_pauses_double_up_to_five_minutes() -> None:
    """Each pause is between half and all of one that doubles, and never more than five minutes."""
    backoff = BackOff(1.0)
    for most_s in [*(2.0**n for n in range(9)), *[300.0] * 1000]:
        assert most_s / 2 <= backoff.failed() <= most_s
    backoff.worked()
    assert backoff.failed() <= 1.0


def test_pauses_differ() -> None:
    """What failed together does not come back together."""
    assert len({pause(5, 1.0) for _ in range(10)}) > 1


def test_a_reason_is_news_once() -> None:
    """A reason is news until it works again, whatever other reasons come between."""
    backoff = BackOff(1.0)
    assert [backoff.is_news(reason) for reason in "abab"] == [True, True, False, False]
    backoff.worked()
    assert backoff.is_news("a")


def test_reasons_that_always_differ_are_forgotten() -> None:
    """No more than the last reasons are remembered."""
    backoff = BackOff(1.0)
    assert all(backoff.is_news(str(number)) for number in range(1000))
    assert not backoff.is_news("999")
    assert backoff.is_news("0")


def test_attempts_wait_between_but_not_after() -> None:
    """There is a pause between two attempts, none after the last."""
    waited: list[float] = []
    assert list(attempts(3, 1.0, lambda seconds: bool(waited.append(seconds)))) == [1, 2, 3]
    assert len(waited) == 2


def test_attempts_end_with_the_stop() -> None:
    """Where the wait is cut off there is no further attempt."""
    stop = threading.Event()
    stop.set()
    assert list(attempts(3, 3600.0, stop.wait)) == [1]


def test_a_daemon_does_not_spin_over_what_fails(tmp_path: Path) -> None:
    """An undo that is due and fails is not tried again at once, and is logged once."""
    place = Place(tmp_path / "place")
    place.init({"a": "1\n"})
    place.snapshot({"a": "2\n"})
    with place.as_if_watched():
        place.ok("rollback", "previous", "--confirm=5m")
    with place.parts() as site:
        heard: list[Outcome] = []
        site.observers.append(heard.append)
        inbox: Inbox[Job] = Inbox()
        standing = Standing(site.vault, 1, site.now, heard.append)
        worker = Worker(site, inbox, standing, threading.Event())
        later = site.now() + timedelta(hours=1)
        site.now = lambda: later
        worker._confirmation.look()
        (place.vault / "refs" / "heads" / "main").write_text("damaged\n")
        for _ in range(50):
            worker._do_what_is_due()
    failures = [one for one in heard if isinstance(one, FailureOutcome) and one.doing == "confirmation"]
    assert len(failures) == 1
    assert worker._backoffs["confirmation"].failures == 1
