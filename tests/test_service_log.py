"""The service's own log: what of it is counted, how files end, and what is printed of it."""

from __future__ import annotations

import bz2
import gzip
import json
import lzma
import os
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from plugins import GOOD
from service import answer, serving
from sites import Place
from test_metrics import metrics

from configvault.service.log import lines
from configvault.service.log.analysis import OTHERS, Analysis, Durations, Loaded
from configvault.service.log.recent import Recent
from configvault.service.log.requests import FIELDS, LONGEST_ERROR, LONGEST_NAME, Parser, moment

NOON = datetime(2026, 11, 30, 12, tzinfo=UTC)


def line(plugin: str = "tides", status: int = 200, ms: float = 10, at: datetime = NOON, **more: Any) -> str:
    """Return a line as logrus writes it."""
    said = {
        "component": "plugin",
        "plugin_name": plugin,
        "operation_id": "get",
        "method": "GET",
        "url": "http://x",
    }
    said |= {"duration_ms": ms, "status_code": status, "level": "info", "msg": "call", "time": at.isoformat()}  # type: ignore[dict-item]
    return json.dumps(said | more) + "\n"


def counted(text: str, **more: Any) -> tuple[Analysis, Parser]:
    """Count the requests in a text."""
    analysis, parser = Analysis(**more), Parser()
    analysis.add(parser.requests(text.splitlines()))
    return analysis, parser


def test_what_a_line_is_worth() -> None:
    """Requests are told from other components' lines, and from what is no JSON object on a line of its own."""
    text = (
        line()
        + line(component="agent")
        + "panic: runtime error\n\n"
        + '{"component": "plugin", "plugin_name": "tides"\n'
        + "[1]\n"
        + "server-1  | "
        + line(status=502, error="upstream")
        + json.dumps({"component": "plugin", "msg": "started"})
        + "\n"
    )
    analysis, parser = counted(text)
    assert (parser.skipped, parser.others) == (3, 2)
    counts = analysis.plugins()["tides"]
    assert (counts.requests, counts.errors, counts.rate) == (2, 1, 0.5)
    assert [(one.operation, one.error) for one in analysis.last_errors] == [("get", "upstream")]


def test_other_names_of_fields() -> None:
    """Fields are mapped, also into objects, and numbers may be texts."""
    parser = Parser({"plugin_name": "ctx.tool", "status_code": "code", "duration_ms": "took", "time": "ts"})
    said = {"ctx": {"tool": "tides"}, "code": "404", "took": "7.5", "ts": NOON.timestamp() * 1000}
    (found,) = parser.requests([json.dumps(said)])
    assert found == (NOON.timestamp(), "tides", "", True, 7.5, None, 404)


@pytest.mark.parametrize(
    ("stamp", "seconds"),
    [
        ("2026-11-30T12:00:00Z", NOON.timestamp()),
        ("2026-11-30T20:00:00+08:00", NOON.timestamp()),
        ("2026-11-30T12:00:00.250+00:00", NOON.timestamp() + 0.25),
        (1796040000, 1796040000.0),
        ("1796040000.5", 1796040000.5),
        (1796040000123456, 1796040000.123456),
        ("yesterday", None),
        ("9999-12-31T23:59:59-14:00", None),
        ("0001-01-01T00:00:00+14:00", None),
        (True, None),
        (-1, None),
        ([], None),
    ],
)
def test_times_of_logs(stamp: object, seconds: float | None) -> None:
    """Times as services write them are read, and what is none is not guessed."""
    assert moment(stamp) == seconds


@given(st.lists(st.one_of(st.text(), st.just(line()), st.builds(json.dumps, st.recursive(st.none() | st.floats() | st.text(), lambda x: st.lists(x) | st.dictionaries(st.sampled_from(["plugin_name", "duration_ms", "time", "status_code", "component", "error"]), x))))))  # fmt: skip
def test_no_line_stops_the_count(texts: list[str]) -> None:
    """Whatever stands on a line, it is a request, another component's, skipped or empty."""
    analysis, parser = counted("\n".join(texts))
    assert sum(one.requests for one in analysis.plugins().values()) + parser.skipped + parser.others <= sum(
        len(text.splitlines()) or 1 for text in texts
    )


NASTY = st.sampled_from(
    [
        "\ud800",
        "\udcff",
        "\x1b[31m",
        "a\nb",
        "转换",
        "x" * 100_000,
        -1,
        1e999,
        float("nan"),
        10**30,
        True,
        [],
        {"a": [1]},
    ]
)


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.fixed_dictionaries({"plugin_name": NASTY}, optional=dict.fromkeys(FIELDS[2:], NASTY)), min_size=1
    )
)
def test_whatever_a_log_says_can_be_printed(said: list[dict[str, object]]) -> None:
    """Half characters, escape codes, huge and impossible values get into no output that cannot hold them."""
    parser = Parser()
    found = list(parser.requests([json.dumps(one) for one in said]))
    scraped = metrics()
    scraped.requested([(plugin, operation, failed, ms) for _, plugin, operation, failed, ms, _, _ in found])
    scraped.render("text/plain")[1].decode()
    for _, plugin, operation, _, _, error, _ in found:
        text = f"{plugin}{operation}{error}".encode().decode()
        assert len(text) <= 2 * LONGEST_NAME + LONGEST_ERROR


@given(st.lists(st.integers(0, 100_000), min_size=1))
def test_quantiles_are_exact_where_there_are_few(values: list[int]) -> None:
    """Few different durations are kept as they are, so the quantile is one of them: the nearest rank."""
    durations = Durations(100_001)
    for value in values:
        durations.add(value)
    assert durations.quantile(0.5) == sorted(values)[(len(values) + 1) // 2 - 1]
    assert durations.quantile(1) == max(values)


def test_many_different_durations_take_bounded_memory() -> None:
    """A million different values are kept as a few hundred, and the quantile is within some percent."""
    durations = Durations(512)
    for value in range(200_000):
        durations.add(value + 0.5)
    assert durations.quantile(0.95) == pytest.approx(190_000, rel=0.05)
    assert len(durations._counts) <= 512


def test_no_more_plugins_than_can_be_read() -> None:
    """A log that names a new plugin on each line is counted under `(others)` past a hundred."""
    analysis, _ = counted("".join(line(f"p{number}", 500, 9000) for number in range(300)))
    plugins = analysis.plugins()
    assert len(plugins) == 101
    assert plugins[OTHERS].errors == 200
    assert len(analysis.slowest()) == 5


def test_the_slowest_and_the_last() -> None:
    """Five of each are kept: the last errors in the order of the log, the slowest first."""
    analysis, _ = counted("".join(line(ms=6000 + n, status=500 + n) for n in range(9)))
    assert [one.ms for one in analysis.slowest("tides")] == [6008, 6007, 6006, 6005, 6004]
    assert [one.status for one in analysis.last_errors_of("tides")] == [504, 505, 506, 507, 508]
    assert analysis.plugins()["tides"].slow == 9


def test_by_snapshot() -> None:
    """Each request counts for the snapshot that was loaded when it came, and a plugin that got worse is named."""
    loaded = [Loaded("backup_1", NOON.timestamp() - 100), Loaded("backup_2", NOON.timestamp())]
    text = "".join(
        line(at=NOON + timedelta(seconds=second), status=500 if second >= 0 and second % 3 == 0 else 200)
        for second in range(-200, 90)
    )
    analysis, _ = counted(text, loaded=loaded)
    assert [(id_, plugins["tides"].requests) for id_, _, plugins in analysis.snapshots()] == [
        ("backup_2", 90),
        ("backup_1", 100),
        ("(before)", 100),
    ]
    assert analysis.worse() == [("tides", "backup_2", 30 / 90, 0.0)]


# --- files


PACKERS = {"": bytes, ".gz": gzip.compress, ".bz2": bz2.compress, ".xz": lzma.compress}


@pytest.mark.parametrize("ending", PACKERS)
def test_files_that_are_compressed_or_cut_short(tmp_path: Path, ending: str) -> None:
    """A compressed file is read by what it is, not by its name, and one that is cut off as far as it goes."""
    whole = PACKERS[ending]("".join(line(ms=n) for n in range(50_000)).encode())
    path = tmp_path / "log"
    for data, least in ((whole, 50_000), (whole[: len(whole) * 9 // 10], 100)):
        path.write_bytes(data)
        with lines.opened(str(path)) as file:
            analysis, parser = Analysis(), Parser()
            for batch, _ in lines.batches(file):
                analysis.add(parser.requests(batch))
        assert analysis.plugins()["tides"].requests >= least
        assert parser.skipped <= 1


def test_a_line_without_end_is_not_kept(tmp_path: Path) -> None:
    """A line of many megabytes is counted as one that was too long, and the lines around it count."""
    path = tmp_path / "log"
    path.write_bytes(line().encode() + b"x" * 5_000_000 + b"\n" + line().encode() + b"y" * 3_000_000)
    with lines.opened(str(path)) as file:
        found = list(lines.batches(file))
    assert sum(dropped for _, dropped in found) == 2
    assert sum("tides" in text for batch, _ in found for text in batch) == 2


def test_what_was_rotated_is_found(tmp_path: Path) -> None:
    """Rotated files come before the log itself, the oldest first; others are left alone."""
    for age, name in enumerate(
        ["log", "log.1", "log-20261129.gz", "log.2.gz", "log.bak", "log.1.tmp", "catalog.1"]
    ):
        (tmp_path / name).touch()
        subprocess.run(["touch", "-d", f"2026-11-{20 - age}", tmp_path / name], check=True)
    found = [Path(path).name for path in lines.rotated(str(tmp_path / "log"))]
    assert found == ["log.2.gz", "log-20261129.gz", "log.1", "log"]


# --- the command


def test_the_report(tmp_path: Path) -> None:
    """The command counts by plugin and by snapshot, hides secrets, and its JSON has the same."""
    with serving(answer(200)) as service:
        place = Place(tmp_path, profile="coze", reload=f"url: '{service.url}'")
        first = place.init(GOOD)
        place.ok("reload")
        second = place.snapshot({"pluginproduct/icons/note.txt": "x"})
        place.ok("reload")
    loaded = datetime.now(UTC)
    text = "".join(line(at=loaded - timedelta(hours=1, seconds=n)) for n in range(30))
    text += "".join(line(at=loaded + timedelta(seconds=n), status=500 if n % 2 else 200) for n in range(30))
    text += line("ferries", 401, 7000, error="api_key=sk-abcdefghij1234567890abcdefghij was refused")
    (tmp_path / "log").write_text(text)
    done = place.run("report", "--service-log", str(tmp_path / "log"))
    assert done.code == 0, done
    assert "tides (Tide tables)" in done.out
    assert f"warning: since {second} tides (Tide tables) fails 50% instead of 0%" in done.out
    assert "sk-abcdefghij1234567890" not in done.out
    found = place.ok("report", "--service-log", str(tmp_path / "log"), "--slow", "6s")
    assert found["totals"] == {"requests": 61, "errors": 16, "error_rate": 16 / 61, "slow": 1}
    tides = found["plugins"][0]
    assert (tides["name"], tides["title"], tides["requests"], tides["errors"]) == (
        "tides",
        "Tide tables",
        60,
        15,
    )
    assert (tides["p50_ms"], tides["p95_ms"], len(tides["last_errors"])) == (10, 10, 5)
    assert [one["id"] for one in found["snapshots"]] == [second, None]
    assert first not in json.dumps(found)
    (tmp_path / "log.gz").write_bytes(gzip.compress(text.encode())[:-9])
    done = place.run("report", "--service-log", str(tmp_path / "log.gz"))
    assert (done.code, "log.gz is truncated or damaged" in done.err) == (0, True), done
    assert found["damaged"] == []
    assert place.run("report", "--service-log").code == 2
    assert place.run("report", "--service-log", "nowhere").code == 1


def test_a_file_that_nobody_here_unpacks_is_no_empty_log(tmp_path: Path) -> None:
    """What zstd or lz4 packed is refused with the command that reads it, and a rotated one breaks no health check."""
    place = Place(tmp_path)
    place.init({"a": "1"})
    for tool, magic in (("zstd", b"\x28\xb5\x2f\xfd"), ("lz4", b"\x04\x22\x4d\x18")):
        path = tmp_path / f"log.1 {tool}"
        path.write_bytes(magic + bytes(100))
        done = place.run("report", "--service-log", str(path))
        assert (done.code, done.out) == (1, "")
        assert f"is packed by {tool}, which is not supported" in done.err
        pipe = f"hint: {tool} -dc '{path}' | configvault -c {place.config} report --service-log -"
        assert pipe in done.err, done.err
        (tmp_path / "log.1").write_bytes(path.read_bytes())
        (tmp_path / "log").write_text(line(at=datetime.now(UTC)))
        recent = Recent(str(tmp_path / "log"), Parser(), 300)
        recent.update(datetime.now(UTC).timestamp())
        assert recent.counts(0)["tides"] == (1, 0)


def test_slow_belongs_to_the_log(tmp_path: Path) -> None:
    """The report on the vault has nothing that is slow: the flag is refused, not ignored."""
    place = Place(tmp_path)
    place.init({"a": "1"})
    done = place.run("report", "--slow", "2s")
    assert (done.code, "--slow needs --service-log" in done.err) == (2, True)


def test_a_log_on_standard_input_needs_nothing(tmp_path: Path) -> None:
    """Without configuration and vault, a log that is piped in is counted."""
    done = subprocess.run(
        [sys.executable, "-m", "configvault", "report", "--service-log", "-", "--json"],
        input=line() + "noise\n",
        capture_output=True,
        text=True,
        check=False,
        env={"CONFIGVAULT_CONFIG": str(tmp_path / "none.yaml"), "PATH": "/usr/bin:/bin"},
    )
    assert done.returncode == 0, done
    found = json.loads(done.stdout)
    assert (found["totals"]["requests"], found["skipped"], found["snapshots"]) == (1, 1, [])


@pytest.mark.parametrize("ending", PACKERS)
def test_a_pipe_is_read_whatever_it_holds(tmp_path: Path, ending: str) -> None:
    """Standard input may be compressed, and so may a pipe that has a name, as the shell's `<(...)` makes them."""
    packed = PACKERS[ending](line().encode() * 3)
    for name in ("-", "/dev/stdin"):
        done = subprocess.run(
            [sys.executable, "-m", "configvault", "report", "--service-log", name, "--json"],
            input=packed,
            capture_output=True,
            check=False,
            env={"CONFIGVAULT_CONFIG": str(tmp_path / "none.yaml"), "PATH": "/usr/bin:/bin"},
        )
        assert done.returncode == 0, done
        assert json.loads(done.stdout)["totals"]["requests"] == 3


def test_a_closed_standard_input_is_said(tmp_path: Path) -> None:
    """Where nothing can be piped in, that is an error with its reason."""
    done = subprocess.run(
        [sys.executable, "-m", "configvault", "report", "--service-log", "-"],
        capture_output=True,
        text=True,
        check=False,
        env={"CONFIGVAULT_CONFIG": str(tmp_path / "none.yaml"), "PATH": "/usr/bin:/bin"},
        preexec_fn=lambda: os.close(0),  # as `<&-` in a shell
    )
    assert (done.returncode, "standard input is closed" in done.stderr) == (1, True), done
