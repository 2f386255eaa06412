"""The service's log while it is written: followed through rotation, and asked whether a change was a bad one."""

from __future__ import annotations

import gzip
import os
import random
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from test_service_log import NOON, line

from configvault.core.settings import LogCheck
from configvault.service.log import recent as recent_of
from configvault.service.log.follow import Tail
from configvault.service.log.recent import MOST_PARTS, Count, Recent
from configvault.service.log.requests import Parser
from configvault.service.log.verdict import Watch, verdict


def read(tail: Tail) -> list[str]:
    """Return the lines that came since."""
    return [one for lines in tail.lines() for one in lines]


def append(path: Path, text: str) -> None:
    """Write at the end of a file."""
    with path.open("a") as file:
        file.write(text)


def test_only_whole_lines_that_come_later(tmp_path: Path) -> None:
    """What stood there before is left alone, and a line that is only half there waits for its end."""
    path = tmp_path / "log"
    append(path, "old\n")
    tail = Tail(str(path))
    assert read(tail) == []
    append(path, "one\ntw")
    assert read(tail) == ["one"]
    append(path, "o\nthree\n")
    assert read(tail) == ["two", "three"]


def test_what_is_no_file_is_not_waited_for(tmp_path: Path) -> None:
    """A named pipe in the place of the log keeps nobody waiting for a writer: it is trouble, until a log is there."""
    path = tmp_path / "log"
    os.mkfifo(path)
    tail = Tail(str(path))
    assert (tail.trouble, read(tail)) == (f"{path}: not a regular file", [])
    path.unlink()
    append(path, "one\n")
    assert (read(tail), tail.trouble) == (["one"], None)


def test_a_log_that_is_rotated(tmp_path: Path) -> None:
    """What was written to the old file before and after it was renamed comes first, then all of the new one."""
    path = tmp_path / "log"
    append(path, "")
    tail = Tail(str(path))
    append(path, "before\n")
    path.rename(tmp_path / "log.1")
    assert read(tail) == ["before"]
    append(tmp_path / "log.1", "still\nhalf")
    append(path, "new\n")
    assert read(tail) == ["still", "half", "new"]


def test_a_log_that_is_cut_off_in_place(tmp_path: Path) -> None:
    """A file that is shorter than what was read is read from its beginning."""
    path = tmp_path / "log"
    append(path, "a long line of before\n")
    tail = Tail(str(path))
    os.truncate(path, 0)
    append(path, "new\n")
    assert read(tail) == ["new"]


def test_a_log_that_comes_and_goes(tmp_path: Path) -> None:
    """Without a file nothing is read and the trouble says so; what comes then is read from the start."""
    path = tmp_path / "log"
    tail = Tail(str(path))
    assert read(tail) == []
    assert tail.trouble == f"{path}: No such file or directory"
    append(path, "one\n")
    assert (read(tail), tail.trouble) == (["one"], None)
    path.unlink()
    assert read(tail) == []
    append(path, "two\n")
    assert read(tail) == ["two"]


def test_the_end_of_a_large_log(tmp_path: Path) -> None:
    """Of a long log only its end is read, and of the file before it where the log is young."""
    old, path = tmp_path / "log.1", tmp_path / "log"
    old.write_text("".join(line(at=NOON - timedelta(seconds=120 - n)) for n in range(60)))
    path.write_text("".join(line(at=NOON - timedelta(seconds=60 - n), status=500) for n in range(60)))
    recent = Recent(str(path), Parser(), 90)
    recent.update(NOON.timestamp())
    assert recent.counts(NOON.timestamp() - 90) == {"tides": (90, 60)}
    path.write_text("".join(line(at=NOON - timedelta(seconds=20_000 - n)) for n in range(20_000)))
    recent = Recent(str(path), Parser(), 100)
    recent.update(NOON.timestamp())
    append(path, line(at=NOON)[:30])
    recent.update(NOON.timestamp())
    append(path, line(at=NOON)[30:])
    recent.update(NOON.timestamp())
    assert recent.counts(NOON.timestamp() - 100) == {"tides": (101, 0)}
    recent.update(NOON.timestamp() + 50)
    assert recent.counts(0) == {"tides": (52, 0)}


def test_a_half_line_that_is_no_text(tmp_path: Path) -> None:
    """What of a half line is no UTF-8 does not shift the place where reading goes on."""
    path = tmp_path / "log"
    append(path, line(at=NOON))
    with path.open("ab") as file:
        file.write(b"\xff" * 600)
    recent = Recent(str(path), Parser(), 90)
    recent.update(NOON.timestamp())
    append(path, "\n" + line(at=NOON))
    recent.update(NOON.timestamp())
    assert (recent.trouble, recent.counts(0)) == (None, {"tides": (2, 0)})


def test_times_of_a_log_cost_no_memory(tmp_path: Path) -> None:
    """Requests of the future count as made now, those of long ago not at all, and a long window has few parts."""
    path = tmp_path / "log"
    append(path, "".join(line(at=NOON + timedelta(days=n)) for n in range(200)))
    append(path, "".join(line(at=NOON - timedelta(days=30 + n)) for n in range(200)))
    recent = Recent(str(path), Parser(), 90)
    recent.update(NOON.timestamp())
    assert recent.counts(NOON.timestamp()) == {"tides": (200, 0)}
    assert recent.counts(0) == recent.counts(NOON.timestamp())
    day = Recent(str(path), Parser(), 2 * 86400)
    assert 2 * 86400 / day.part_s <= MOST_PARTS


def test_nothing_beside_a_log_is_waited_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A pipe, a link to nowhere and a file that unpacks to too much in the place of a rotated log are left alone."""
    path = tmp_path / "log"
    append(path, line(at=NOON))
    os.mkfifo(tmp_path / "log.2")
    (tmp_path / "log.3").symlink_to("nowhere")
    with gzip.open(tmp_path / "log.1.gz", "wb", 9) as file:
        file.write(bytes(3 << 20) + line(at=NOON).encode())
    monkeypatch.setattr(recent_of, "MOST_UNPACKED_BYTES", 2 << 20)
    recent = Recent(str(path), Parser(), 90)
    recent.update(NOON.timestamp())
    assert recent.counts(0) == {"tides": (1, 0)}
    (tmp_path / "folder").mkdir()
    assert Watch(str(tmp_path / "folder"), {}, 60, lambda: None, lambda: NOON).ask(BELOW) == (
        f"the service's log cannot be read: {tmp_path / 'folder'}: Is a directory",
        None,
    )


# --- verdicts

T = 1_000_000.0


def asked(check: LogCheck, after: Count, before: Count = (0, 0), loaded: float | None = T - 60) -> str | None:
    """Return what a check says a minute after a reload, of one plugin."""

    def counts(since: float, until: float | None) -> dict[str, Count]:
        return {"tides": before if until is not None else after}

    return verdict(check, counts, loaded, T)[0]


BELOW = LogCheck(errors_below=0.05, over=300, at_least=20)


@pytest.mark.parametrize(
    ("after", "loaded", "bad"),
    [
        ((19, 19), T - 60, False),  # too few to tell
        ((20, 20), T - 60, True),
        ((20, 2), T - 60, False),  # 10 %, but chance does that
        ((20, 2), T - 600, True),  # the time is over: the share decides
        ((20, 2), None, True),
        ((1000, 49), T - 600, False),
        ((1000, 50), T - 600, True),  # not below
        ((1000, 100), T - 60, True),
    ],
)
def test_errors_below(after: Count, loaded: float | None, bad: bool) -> None:
    """A bound is broken by a share that is not below it, while requests come in only beyond chance."""
    assert (asked(BELOW, after, loaded=loaded) is not None) is bad


@pytest.mark.parametrize(
    ("before", "after", "bad"),
    [
        ((1000, 300), (200, 70), False),  # it failed before as well
        ((1000, 20), (200, 62), True),  # 31 % instead of 2 %
        ((1000, 0), (100, 1), False),  # one error is none too many
        ((1000, 0), (100, 40), True),
        ((10, 0), (100, 100), False),  # nothing to compare with
    ],
)
def test_errors_not_above_before(before: Count, after: Count, bad: bool) -> None:
    """A plugin is compared with itself before the reload."""
    check = LogCheck(errors_not_above_before=2.0, at_least=20)
    assert (asked(check, after, before) is not None) is bad
    assert asked(check, after, before, loaded=T - 600) is None


def test_what_is_said() -> None:
    """The plugin, its counts and the bound are named; too few requests are said to be that."""
    assert asked(BELOW, (40, 20), loaded=None) == (
        "tides: 20 of 40 requests failed (50%), wanted below 5%; "
        "all plugins together: 20 of 40 requests failed (50%), wanted below 5%"
    )
    few = {"tides": (3, 0)}
    told = "in 300s, at least 20 are needed to decide"
    assert verdict(BELOW, lambda *_: {}, None, T) == (None, f"no request {told}")
    assert verdict(BELOW, lambda *_: few, None, T) == (None, f"only 3 requests {told}")


def test_what_cannot_be_compared_is_said() -> None:
    """Without a reload in the time of the check, or without requests before it, nothing is decided, and that is said."""
    check = LogCheck(errors_not_above_before=2.0, at_least=20)

    def counts(since: float, until: float | None) -> dict[str, Count]:
        return {"tides": (3, 0) if until is not None else (100, 50)}

    wrong, note = verdict(check, counts, T - 600, T)
    assert (wrong, "loaded nothing within 300s" in (note or "")) == (None, True)
    wrong, note = verdict(check, counts, T - 60, T)
    assert (wrong, note) == (
        None,
        "before the reload, only 3 requests in 300s, at least 20 are needed to decide",
    )


def test_a_log_that_was_deleted_is_no_good_sign(tmp_path: Path) -> None:
    """While a log that was followed has no name any more, the check fails; it goes on where a new one is written."""
    path = tmp_path / "log"
    append(path, "".join(line(at=NOON - timedelta(seconds=n)) for n in range(60, 0, -1)))
    watch = Watch(str(path), {}, 600, lambda: None, lambda: NOON)
    assert watch.ask(BELOW) == (None, None)
    path.unlink()
    assert watch.ask(BELOW) == (f"the service's log cannot be read: {path}: it was deleted", None)
    append(path, "".join(line(at=NOON - timedelta(seconds=n), status=500) for n in range(60, 0, -1)))
    assert "of 120 requests failed" in (watch.ask(BELOW)[0] or "")


def test_chance_is_no_verdict() -> None:
    """Looked at after every request of 400 runs, noise of 2 % never counts as 5 %; 31 % is seen within 100 requests."""
    noise = random.Random(7)
    for _ in range(400):
        errors = 0
        for count in range(1, 300):
            errors += noise.random() < 0.02
            assert asked(BELOW, (count, errors)) is None
        errors, count = 0, 0
        while asked(BELOW, (count, errors)) is None:
            count += 1
            errors += noise.random() < 0.31
            assert count < 150


def test_a_log_that_cannot_be_read_is_no_good_sign(tmp_path: Path) -> None:
    """Without its log a check fails, and says why."""
    now = datetime.now(UTC)
    watch = Watch(str(tmp_path / "none"), {}, 600, lambda: None, lambda: now)
    error, _ = watch.ask(BELOW)
    assert error == f"the service's log cannot be read: {tmp_path / 'none'}: No such file or directory"
