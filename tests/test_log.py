"""The log: a line for every outcome, valid JSON, one line whatever a name holds, repeats held back."""

from __future__ import annotations

import contextlib
import io
import json
import os
import re
import subprocess
import sys
import typing
from datetime import UTC, datetime
from pathlib import Path

from configvault.core.model import (
    Change,
    ChangeKind,
    Finding,
    RejectedState,
    ReloadReport,
    Severity,
    Snapshot,
)
from configvault.core.outcome import (
    DegradedOutcome,
    FailureOutcome,
    Outcome,
    Recording,
    RecordOutcome,
    ReloadOutcome,
    VerifyOutcome,
)
from configvault.core.settings import LogSettings
from configvault.observers.lines import ROWS, line
from configvault.observers.log import REPEAT_S, Log

NOW = datetime(2023, 12, 1, 14, 30, 22, tzinfo=UTC)
SNAPSHOT = Snapshot(
    "backup_20231201_143022", "c" * 40, "d" * 40, None, NOW, "change", "root", "h", "Add a.yaml"
)
RECORDED = RecordOutcome(
    Recording.RECORDED, "change", SNAPSHOT, None, (Change("a\nb.yaml", ChangeKind.ADDED),), ()
)
REJECTED = RecordOutcome(
    Recording.REJECTED,
    "change",
    SNAPSHOT,
    RejectedState("rejected_20231201_143023", "e" * 40, "f" * 40, NOW, "change", "root", "Refuse: x", ()),
    (),
    (Finding("syntax", Severity.ERROR, "a.yaml", 3, 7, "not closed"),),
)
FAILED = FailureOutcome("record", "failed", "no space left", "make room")


class Clock:
    """A clock that goes forward when told."""

    def __init__(self) -> None:
        self.now_s = 0.0

    def __call__(self) -> float:
        """Return the time."""
        return self.now_s


def written(*outcomes: Outcome, settings: LogSettings | None = None, clock: Clock | None = None) -> list[str]:
    """Return the lines of a log that heard `outcomes`."""
    stream = io.StringIO()
    log = Log(settings or LogSettings(), stream, {}, lambda: NOW, clock or Clock())
    for outcome in outcomes:
        log(outcome)
    return stream.getvalue().splitlines()


def test_every_outcome_has_its_line() -> None:
    """No kind of outcome is without a row."""
    assert set(ROWS) == set(typing.get_args(Outcome))


def test_events_are_fixed_words() -> None:
    """Events are `noun.past_participle`, with no values in them."""
    for outcome in (RECORDED, REJECTED, FAILED, VerifyOutcome(False, "bad", 1.0)):
        assert re.fullmatch(r"[a-z]+\.[a-z_]+", line(outcome).event)


def test_a_line_is_json() -> None:
    """Off a terminal each outcome is one JSON object on one line, the event and level first."""
    [text] = written(RECORDED)
    said = json.loads(text)
    assert list(said)[:3] == ["timestamp", "level", "event"]
    assert said["event"] == "snapshot.recorded"
    assert said["id"] == "backup_20231201_143022"
    assert said["paths"] == ["a\nb.yaml"]
    assert datetime.fromisoformat(said["timestamp"]).tzinfo


def test_text_stays_on_its_line() -> None:
    """As text, too, a name with a line end in it cannot begin a line of its own."""
    [text] = written(RECORDED, settings=LogSettings(format="text"))
    assert "info    snapshot.recorded" in text
    assert r"a\nb.yaml" in text


def test_findings_name_their_place() -> None:
    """A rejected change says file, line, column and rule of what is wrong."""
    said = json.loads(written(REJECTED)[0])
    assert said["event"] == "change.rejected"
    assert said["findings"] == ["a.yaml:3:7: error: not closed [syntax]"]


def test_level_holds_back() -> None:
    """Nothing below the configured level is written."""
    assert written(RECORDED, FAILED, settings=LogSettings(level="error")) == written(FAILED) != []


def test_reload_that_failed_is_an_error() -> None:
    """A reload that failed, or after which a required check failed, is never said to be done."""
    report = ReloadReport("http", False, 3, 500, "the server answered 500", 1.5)
    said = json.loads(written(ReloadOutcome(SNAPSHOT.id, report, ()))[0])
    assert (said["event"], said["level"], said["attempts"]) == ("reload.failed", "error", 3)


def test_repeats_are_held_back_and_counted() -> None:
    """The same failure again and again is one line in ten minutes; the next says how many there were."""
    clock = Clock()
    stream = io.StringIO()
    log = Log(LogSettings(), stream, {}, lambda: NOW, clock)
    for _ in range(50):
        log(FAILED)
    log(FailureOutcome("record", "failed", "another", None))
    log(DegradedOutcome("recording", "cannot record"))
    clock.now_s = REPEAT_S + 1
    log(FAILED)
    said = [json.loads(text) for text in stream.getvalue().splitlines()]
    assert [one["message"] for one in said] == ["no space left", "another", "cannot record", "no space left"]
    assert said[-1]["repeats_not_shown"] == 49


def test_journal_gets_priorities(tmp_path: Path) -> None:
    """Where the stream is the journal each line begins with its priority; elsewhere none does."""
    with (tmp_path / "journal").open("w+") as stream:
        seen = os.fstat(stream.fileno())
        log = Log(LogSettings(), stream, {"JOURNAL_STREAM": f"{seen.st_dev}:{seen.st_ino}"}, lambda: NOW)
        log(RECORDED)
        log(FAILED)
        stream.seek(0)
        assert [text[:4] for text in stream.read().splitlines()] == ["<6>{", "<3>{"]


def test_full_disk_does_not_stop_the_work() -> None:
    """A log that cannot be written raises nothing."""
    stream = os.fdopen(os.open("/dev/full", os.O_WRONLY), "w", buffering=1)
    Log(LogSettings(), stream, {}, lambda: NOW)(FAILED)
    with contextlib.suppress(OSError):  # closing tries once more to write what is in the buffer
        stream.close()


def test_rich_is_not_loaded() -> None:
    """The log does not pull in what only draws tracebacks, and leaves it importable."""
    source = (
        "import io, sys; from configvault.observers.log import Log; from configvault.core.settings import LogSettings\n"
        "Log(LogSettings(), io.StringIO(), {}, None); print('rich' in sys.modules); import rich, structlog"
    )
    done = subprocess.run([sys.executable, "-c", source], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
