"""Health checks: asked until they pass or their time is over, against a real service and real programs."""

from __future__ import annotations

import json
import os
import sys
import threading
import time
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs
from xml.etree import ElementTree

import jmespath
import pytest

from configvault.core.model import HealthReport, Patience, healthy
from configvault.core.plugins import Plugin
from configvault.core.settings import Expectation, HealthCheck, HealthStep
from configvault.service import filling
from configvault.service import steps as steps_of
from configvault.service.health import Surroundings, run_checks
from tests.service import answer, hang, serving

TIDES = Plugin(501, "tides", "Tide `tables`", "tides", "openapi", True)
AROUND = Surroundings({"PATH": os.environ["PATH"]}, lambda: (TIDES,))
ACTIVE = "plugins[?name=='document_converter'].status | [0] == 'active'"


def check(*checks: HealthCheck, stop: threading.Event | None = None) -> tuple[HealthReport, ...]:
    """Run checks with hardly a pause."""
    return run_checks(checks, stop or threading.Event(), AROUND, pause_s=0.001)


def test_no_checks_are_no_reports() -> None:
    """Without checks nothing is asked, and the service counts as well."""
    assert check() == ()
    assert healthy(check())


def test_a_service_that_comes_up_late_passes() -> None:
    """A check is asked again until the answer fits, with GET and its headers."""
    late = '{"plugins": [{"name": "document_converter", "status": "%s"}]}'
    with serving(answer(503), answer(200, late % "loading"), answer(200, late % "active")) as service:
        question = HealthCheck("plugin", url=service.url, headers={"A": "b"}, expect=Expectation(json=ACTIVE))
        assert check(question) == (HealthReport("plugin", True, True, None),)
        assert len(service.asked) == 3
        assert service.asked[0].startswith("GET /reload ")
        assert service.headers()["a"] == "b"


def test_who_cannot_wait_does_not() -> None:
    """However long a check may take to pass: with `once` it is asked once, and `most_s` ends the questions."""
    with serving(answer(503)) as service:
        question = HealthCheck("page", url=service.url, within=3600.0)
        for patience in (Patience(once=True), Patience(most_s=2.0)):
            (report,) = run_checks([question], threading.Event(), AROUND, pause_s=0.02, patience=patience)
            assert (report.ok, report.error) == (
                False,
                f"127.0.0.1:{service.port} answered 503, wanted 200 or 204",
            )
            assert (len(service.asked) == 1) is patience.once
            service.asked.clear()


def test_a_check_that_never_passes_fails_with_its_last_reason() -> None:
    """When `within` is over the report says what was wrong, without the answer's body."""
    with serving(answer(200, "can4ry", "text/html")) as service:
        question = HealthCheck(
            "page", url=service.url, expect=Expectation(json="a"), within=2.0, required=False
        )
        (report,) = check(question)
        assert len(service.asked) > 1
    assert (report.ok, report.required) == (False, False)
    assert report.error == (
        f"127.0.0.1:{service.port} answered 200 with text/html, which is not JSON, wanted application/json"
    )
    assert healthy((report,))


def test_a_last_question_cut_short_does_not_hide_the_answer_before() -> None:
    """When `within` ends in the middle of a question, the report tells what the service answered last."""
    with serving(answer(500), hang) as service:
        (report,) = check(HealthCheck("up", url=service.url, within=2.0))
    assert report.error == f"127.0.0.1:{service.port} answered 500, wanted 200 or 204"


def test_one_question_has_its_own_time_out() -> None:
    """A hanging answer does not use up `within`: it is asked again, and passes."""
    with serving(hang, answer(200)) as service:
        (report,) = check(HealthCheck("up", url=service.url, timeout=0.1))
    assert report.ok


def test_checks_run_at_the_same_time() -> None:
    """Two checks that each need the other to be asked first both pass, and report in their own order."""
    meeting = threading.Barrier(2, timeout=10)

    def meet(connection: object, over: object) -> None:
        meeting.wait()
        connection.sendall(answer(200))  # type: ignore[attr-defined]

    with serving(meet) as one, serving(meet) as two:
        reports = check(HealthCheck("one", url=one.url), HealthCheck("two", url=two.url))
    assert [(report.name, report.ok) for report in reports] == [("one", True), ("two", True)]


def test_more_checks_than_threads_are_all_run() -> None:
    """Twenty checks give twenty reports."""
    with serving(answer(200)) as service:
        reports = check(*(HealthCheck(str(index), url=service.url) for index in range(20)))
    assert [report.name for report in reports if report.ok] == [str(index) for index in range(20)]


def test_a_command_passes_by_its_exit_code(tmp_path: Path) -> None:
    """A command is run again until it exits 0; one that never does fails with what it said."""
    script = "import sys; f = open(sys.argv[1], 'a+'); f.write('.'); sys.exit(f.tell() < 3)"
    good = HealthCheck("agent", command=(sys.executable, "-c", script, str(tmp_path / "count")))
    bad = HealthCheck("tests", command=("sh", "-c", "echo 2 of 5 failed; exit 1"), within=1.0)
    passed, failed = check(good, bad)
    assert passed == HealthReport("agent", True, True, None)
    assert failed == HealthReport("tests", False, True, "'sh' exited with code 1: 2 of 5 failed")
    assert not healthy((passed, failed))


def test_stopping_ends_the_checks() -> None:
    """A stop request ends checks that hang or wait, as failures."""
    stop = threading.Event()
    with serving(hang) as slow, serving(answer(500)) as bad:
        threading.Timer(0.1, stop.set).start()
        reports = check(
            HealthCheck("slow", url=slow.url, within=3600, timeout=3600),
            HealthCheck("bad", url=bad.url, within=3600),
            stop=stop,
        )
    assert [report.ok for report in reports] == [False, False]


SECRET = "can4ry"


def ask_once(*asked: HealthStep) -> str | None:
    """Send steps once; return what was wrong."""
    return steps_of.run(asked, AROUND.plugins, 30, time.monotonic() + 30, threading.Event())


def test_later_steps_are_made_of_what_earlier_answers_said() -> None:
    """What a step saves stands in the url, headers and body of later ones, as the thing itself where it stands alone."""
    steps = (
        HealthStep("{}/agents", "POST", body={"name": "x"}, save={"agent": "id", "token": "t"}),
        HealthStep(
            "{}/chat/{agent}",
            "POST",
            {"X-Token": "{token}"},
            {"id": "{agent}", "text": "to {agent}, {unknown}"},
        ),
        HealthStep("{}/agents/{agent}", "DELETE", expect=Expectation(json="id == `{agent}`"), always=True),
    )
    with serving(
        answer(200, '{"id": 7, "t": "a b/c"}'), answer(200, "{}"), answer(200, '{"id": 7}')
    ) as service:
        at = tuple(replace(one, url=one.url.replace("{}", f"http://127.0.0.1:{service.port}")) for one in steps)
        (report,) = check(HealthCheck("agent", steps=at))
        assert report.ok, report
        heads = [asked.split(" HTTP")[0] for asked in service.asked]
        assert heads == ["POST /agents", "POST /chat/7", "DELETE /agents/7"]
        assert service.headers(1)["x-token"] == "a b/c"
        assert service.headers(1)["content-type"] == "application/json"
        assert json.loads(service.asked[1].partition("\r\n\r\n")[2]) == {"id": 7, "text": "to 7, {unknown}"}


HOSTILE = [
    'say "hi"\n',
    "a\\",
    "it's `x`",
    "]]>&<",
    "a&b=c",
    "{other}",
    "转换",
    7,
    1.5,
    None,
    [1, '"'],
    {"a": "'"},
]


@pytest.mark.parametrize("value", HOSTILE)
def test_what_was_saved_means_nothing_where_it_is_put(value: object) -> None:
    """In JSON, a form, XML and a JMESPath a saved value is what it is, whatever quotes and marks stand in it."""
    saved = {"v": value}
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)

    def sent(body: Any, content_type: str = "") -> str:
        raw, _ = filling.body(body, saved, content_type)
        assert raw is not None
        return raw.decode()

    assert json.loads(sent('{"text": "is {v}.", "thing": {v}, "own": "{w}"}')) == {
        "text": f"is {text}.",
        "thing": value,
        "own": "{w}",
    }
    assert json.loads(sent({"text": "is {v}.", "thing": "{v}"})) == {"text": f"is {text}.", "thing": value}
    assert parse_qs(sent("a={v}&b=2", "application/x-www-form-urlencoded"))["a"] == [text]
    assert (ElementTree.fromstring(sent("<a b='{v}'>{v}</a>", "text/xml")).text or "").strip() == text.strip()
    put = filling.filler(saved, tuple)
    for expression, wanted in (
        ("'is {v}.'", f"is {text}."),
        ("`{v}`", value),
        ('`"{v}"`', text),
        ("{v}", value),
        ("'{w}'", "{w}"),
    ):
        assert jmespath.search(put(expression, jmespath=True), {}) == wanted


def test_what_json_cannot_say_is_not_sent() -> None:
    """A number that is too large for JSON, and NaN in an answer, are faults without the value in them."""
    with serving(answer(200, '{"n": 1e999}'), answer(200, '{"n": NaN}')) as service:
        steps = (HealthStep(service.url, save={"n": "n"}), HealthStep(service.url, "POST", body={"n": "{n}"}))
        assert ask_once(*steps) == "step 2 of 2: a saved value cannot be used in the url or the body"
        assert "which is not JSON" in (ask_once(*steps) or "")


def test_lists_as_long_as_an_answer_are_compared(tmp_path: Path) -> None:
    """Two lists of a whole answer each are compared value by value once, not each with each."""
    numbers = json.dumps({"a": list(range(60_000)), "b": [float(n) for n in range(60_000)]})
    with serving(answer(200, numbers)) as service:
        assert ask_once(HealthStep(service.url, expect=Expectation(json="contains_all(a, b)"))) is None
        wanted = Expectation(json="contains_all(a, `[1, true]`)")
        assert "expect.json is false" in (ask_once(HealthStep(service.url, expect=wanted)) or "")


def test_cleaning_up_happens_after_a_failure_too() -> None:
    """A step that is always sent is sent after a failed one, others are not, and the failure names its step."""
    with serving(answer(200, '{"id": 7}'), answer(500, SECRET), answer(200)) as service:
        at = f"http://127.0.0.1:{service.port}/agents"
        steps = (
            HealthStep(at, "POST", body=SECRET, save={"agent": "id"}),
            HealthStep(at, "POST"),
            HealthStep(f"{at}/never"),
            HealthStep(f"{at}/{{agent}}", "DELETE", always=True),
        )
        error = ask_once(*steps)
        assert [asked.split(" HTTP")[0] for asked in service.asked] == [
            "POST /agents",
            "POST /agents",
            "DELETE /agents/7",
        ]
    assert error == f"step 2 of 4: 127.0.0.1:{service.port} answered 500, wanted 200 or 204"


def test_cleaning_up_needs_what_was_saved() -> None:
    """What was to be cleaned up and was never made is not asked for: not by address, nor by header or body."""
    for needs in (
        HealthStep("{}/{agent}", "DELETE", always=True),
        HealthStep("{}/x", "DELETE", headers={"X-Agent": "{agent}"}, always=True),
        HealthStep("{}/x", "POST", body={"ids": ["{agent}"], "why": "{other}"}, always=True),
    ):
        with serving(answer(500)) as service:
            at = f"http://127.0.0.1:{service.port}"
            error = ask_once(
                HealthStep(at, "POST", save={"agent": "id"}), replace(needs, url=needs.url.replace("{}", at))
            )
            assert (len(service.asked), error is not None) == (1, True)


def test_nothing_that_was_saved_or_sent_is_in_a_message() -> None:
    """A saved value that an answer lacks, or that fits in no header, is named by its name alone."""
    with serving(answer(200, json.dumps({"t": f"{SECRET}\n"}))) as service:
        for save, error in (
            ({"other": "missing"}, "and contains nothing to save as other: 'missing'"),
            ({"token": "t"}, "a saved value cannot be used in the header X"),
        ):
            steps = (HealthStep(service.url, save=save), HealthStep(service.url, headers={"X": "{token}"}))
            said = ask_once(*steps)
            assert said is not None
            assert (error in said, SECRET in said) == (True, False)
    with serving(answer(200, json.dumps({"t": "can4ry"}))) as service:
        said = ask_once(HealthStep(service.url, save={"name": "t"}), HealthStep("http://{name}.invalid/"))
        assert said == "step 2 of 2: {name}.invalid:80 is a name that does not resolve"


def test_what_is_expected_may_name_the_snapshot(tmp_path: Path) -> None:
    """`{plugins}` is the list of plugins that should be active, and a failure does not repeat it."""
    expect = Expectation(json="contains_all(plugins[].name, {plugins}[].name)")
    with serving(answer(200, '{"plugins": [{"name": "tides"}, {"name": "x"}]}')) as service:
        assert check(HealthCheck("active", url=service.url, expect=expect))[0].ok
    with serving(answer(200, '{"plugins": []}')) as service:
        error = ask_once(HealthStep(service.url, expect=expect))
    assert error is not None
    assert error.endswith("for which expect.json is false: 'contains_all(plugins[].name, {plugins}[].name)'")


def test_a_check_says_how_long_it_took() -> None:
    """Each report holds its time, and the progress goes from one to all."""
    seen: list[tuple[int, int]] = []
    with serving(answer(200)) as service:
        checks = [HealthCheck(name, url=service.url) for name in "ab"]
        reports = run_checks(checks, threading.Event(), AROUND, progress=lambda *at: seen.append(at))
    assert all(report.elapsed_seconds is not None for report in reports)
    assert seen == [(1, 2), (2, 2)]
