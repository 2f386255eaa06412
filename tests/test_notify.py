"""Telling others: every outcome has its row, targets are told in their format, and a bad one harms nobody."""

from __future__ import annotations

import json
import re
import threading
import typing
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from outcomes import NAMED, NOON, RECORDED, REJECTED, REJECTED_STATE, ROLLED, SNAPSHOT
from service import Service, answer, hang, serving

from configvault.core import language
from configvault.core.outcome import (
    CommandOutcome,
    DeployEnd,
    Outcome,
    ProbationOutcome,
    Recording,
    RollbackEnd,
)
from configvault.core.rendering import events
from configvault.core.rendering.called import CALLED, ENDS, called
from configvault.core.secrets.redactor import Redactor
from configvault.core.settings import EVENTS, NOTIFY_FORMATS, NotifySettings
from configvault.observers import formats, lines, metrics, notify
from configvault.observers.notify import About, Notifier


def about(hide: Callable[[str], str] = str) -> About:
    """Return where outcomes come from."""
    return About("/app/conf", "web-1", lambda: NOON, hide, {"PATH": "/usr/bin:/bin"})


class Heard:
    """What a notifier said of its own work; `wait` returns once it has said so much."""

    def __init__(self) -> None:
        self.said: list[tuple[str, str]] = []
        self._more = threading.Condition()

    def __call__(self, event: str, result: str) -> None:
        """Take a result."""
        with self._more:
            self.said.append((event, result))
            self._more.notify_all()

    def wait(self, count: int) -> list[tuple[str, str]]:
        """Return the first `count` results."""
        with self._more:
            assert self._more.wait_for(lambda: len(self.said) >= count, 30)
            return self.said[:count]


def webhook(service: Service, **more: object) -> NotifySettings:
    """Return a webhook to `service` that is told of everything."""
    return NotifySettings(url=service.url, on=EVENTS, **more)  # type: ignore[arg-type]


def test_every_outcome_has_its_row() -> None:
    """A new type of outcome cannot be forgotten: log, metrics and notifications are made from its row."""
    assert set(typing.get_args(Outcome)) == set(events.ROWS)


def test_every_outcome_is_called_something() -> None:
    """An outcome without a part is found: its names and level, its notification, its line in the log, its counter."""
    there = [set(rows) for rows in (CALLED, events.ROWS, lines.ROWS, metrics.ROWS)]
    assert there == [set(typing.get_args(Outcome))] * 4
    assert {of: set(rows) for of, rows in ENDS.items()} == {
        one: set(one) for one in (Recording, RollbackEnd, DeployEnd)
    }
    assert {type(outcome) for outcome, _ in NAMED} >= set(CALLED) - {
        CommandOutcome,
        ProbationOutcome,
    }
    assert {
        row.name for rows in ENDS.values() for row in rows.values() if row.level in ("warning", "error")
    } <= set(EVENTS)


@pytest.mark.parametrize("outcome", [outcome for outcome, _ in NAMED], ids=lambda one: type(one).__name__)
def test_log_and_notification_have_one_level(outcome: Outcome) -> None:
    """How bad something is does not depend on who says it."""
    written = lines.line(outcome)
    assert (written.level, written.event) == (events.event(outcome).level, called(outcome).log)
    assert re.fullmatch(r"[a-z]+\.[a-z_]+", written.event)


@pytest.mark.parametrize(("outcome", "name"), NAMED)
def test_what_outcomes_are_called(outcome: Outcome, name: str) -> None:
    """Each way a use case can end has its event, with a document that JSON can say."""
    event = events.event(outcome)
    assert event.name == name
    assert event.title
    assert json.loads(json.dumps(event.document)) == event.document


def test_formats_are_those_of_the_settings() -> None:
    """What the configuration takes as a format is what there is."""
    assert set(formats.FORMATS) == set(NOTIFY_FORMATS)


def test_webhook_gets_the_outcome() -> None:
    """A webhook gets the JSON of the contract by POST, with its own headers."""
    heard = Heard()
    with serving(answer(204)) as service:
        notifier = Notifier([webhook(service, headers={"X-Token": "t0"})], about(), heard)
        notifier(REJECTED)
        assert heard.wait(1) == [("rejected", "sent")]
        notifier.close()
    head, _, body = service.asked[0].partition("\r\n\r\n")
    notification = json.loads(body)
    assert head.startswith("POST /reload ")
    assert service.headers()["x-token"] == "t0"
    assert service.headers()["content-type"] == "application/json"
    assert (notification["event"], notification["level"], notification["host"], notification["root"]) == (
        "rejected", "error", "web-1", "/app/conf",
    )  # fmt: skip
    assert notification["at"] == "2023-12-01T12:00:00+00:00"
    assert notification["outcome"]["rejected"] == REJECTED_STATE.id
    assert notification["outcome"]["findings"][0]["line"] == 3
    assert notifier.troubles == ()


def test_only_what_was_asked_for() -> None:
    """A target hears of the events it names and of no others."""
    heard = Heard()
    with serving(answer()) as service:
        target = NotifySettings(url=service.url, on=("rolled_back",))
        notifier = Notifier([target], about(), heard)
        for outcome in (RECORDED, REJECTED, ROLLED):
            notifier(outcome)
        assert heard.wait(1) == [("rolled_back", "sent")]
        notifier.close()
    assert len(service.asked) == 1


def test_a_failing_webhook_is_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """A webhook that is down for a moment is told in the end."""
    monkeypatch.setattr(notify, "FIRST_PAUSE_S", 0.0)
    heard = Heard()
    with serving(answer(503), answer(429), answer(200)) as service:
        notifier = Notifier([webhook(service)], about(), heard)
        notifier(ROLLED)
        assert heard.wait(1) == [("rolled_back", "sent")]
        notifier.close()
    assert len(service.asked) == 3


def test_a_refusing_webhook_is_not_tried_again() -> None:
    """A webhook that says no is asked once, and its refusal is visible without the URL's secret path."""
    heard = Heard()
    with serving(answer(404)) as service:
        notifier = Notifier([webhook(service)], about(), heard)
        notifier(ROLLED)
        assert heard.wait(1) == [("rolled_back", "failed")]
        notifier.close()
    assert len(service.asked) == 1
    (trouble,) = notifier.troubles
    assert "answered 404" in trouble
    assert "/reload" not in trouble


@pytest.mark.parametrize(
    ("format_", "key"), [("feishu", "code"), ("dingtalk", "errcode"), ("wecom", "errcode")]
)
def test_a_refusal_with_status_200_is_seen(format_: str, key: str) -> None:
    """Chat services that refuse with a code in a 200 answer have not been told."""
    heard = Heard()
    with serving(answer(200, json.dumps({key: 19001})), answer(200, json.dumps({key: 0}))) as service:
        notifier = Notifier([webhook(service, format=format_)], about(), heard)
        notifier(ROLLED)
        notifier(RECORDED)
        assert heard.wait(2) == [("rolled_back", "failed"), ("recorded", "sent")]
        notifier.close()
    assert notifier.troubles == ()


def test_chats_get_a_card() -> None:
    """Feishu's head has the colour of the level; DingTalk and WeCom a bold head. Who, which rule, where and the command are in each."""
    told = {"event": "rejected", "level": "error", "title": "rejected", "host": "web-1", "root": "/r",
            "command": "configvault rejected show", "outcome": events.event(REJECTED).document}  # fmt: skip
    feishu = json.loads(formats.body("feishu", told))
    assert feishu["msg_type"] == "interactive"
    assert feishu["card"]["header"]["template"] == "red"
    assert {one["text"]["tag"] for one in feishu["card"]["elements"]} == {"plain_text"}
    dingtalk = json.loads(formats.body("dingtalk", told))["markdown"]
    assert dingtalk["title"].endswith("rejected on web-1: /r")
    for body in (feishu, dingtalk, json.loads(formats.body("wecom", told))):
        sent = json.dumps(body)
        for part in ("ann (uid 7, login)", "yaml-syntax", "a.yaml:3", "What to do: configvault rejected show"):
            assert part in sent


def test_a_long_card_keeps_what_to_do() -> None:
    """Where a chat takes no more, findings give way, and not the command; no character is cut in two."""
    finding = events.event(REJECTED).document["findings"][0] | {"message": "潮" * 900}
    told = {"event": "rejected", "level": "error", "title": "t", "host": "h", "root": "/r", "command": "configvault rejected show",
            "outcome": {"findings": [finding] * 5}}  # fmt: skip
    for long in (told, told | {"title": "潮" * 9000}):
        content = json.loads(formats.body("wecom", long))["markdown"]["content"]
        assert len(content.encode()) <= 4096
        assert content.endswith("What to do: configvault rejected show")


def test_slack_text_is_escaped() -> None:
    """Slack's three special characters cannot make links or mentions out of a finding."""
    notification = {"event": "rejected", "level": "error", "title": "<!channel>", "host": "h", "root": "/r",
            "outcome": events.event(REJECTED).document}  # fmt: skip
    body = json.loads(formats.body("slack", notification))
    assert body["text"] == "[configvault] rejected on h: /r"
    assert body["attachments"][0]["text"].splitlines() == [
        "&lt;!channel&gt;", "By: ann (uid 7, login)", "a.yaml:3: no &lt;closing&gt; &amp; bracket [yaml-syntax]",
    ]  # fmt: skip


def test_command_gets_it_on_stdin_and_in_its_environment(tmp_path: Path) -> None:
    """A command reads the JSON from its input and the main words from its environment."""
    script = tmp_path / "tell"
    script.write_text(
        f'#!/bin/sh\ncat > {tmp_path}/in\necho "$CONFIGVAULT_EVENT $CONFIGVAULT_LEVEL $CONFIGVAULT_ROOT" > {tmp_path}/env\n'
    )
    script.chmod(0o755)
    heard = Heard()
    notifier = Notifier([NotifySettings(command=(str(script),), on=("rejected",))], about(), heard)
    notifier(REJECTED)
    assert heard.wait(1) == [("rejected", "sent")]
    notifier.close()
    assert json.loads((tmp_path / "in").read_text())["outcome"]["rejected"] == REJECTED_STATE.id
    assert (tmp_path / "env").read_text() == "rejected error /app/conf\n"


def test_a_failing_command_is_visible() -> None:
    """A command that exits otherwise than 0 is a trouble, until it works again."""
    heard = Heard()
    notifier = Notifier([NotifySettings(command=("false",), on=EVENTS)], about(), heard)
    notifier(REJECTED)
    assert heard.wait(1) == [("rejected", "failed")]
    assert notifier.troubles == ("notify[0] was not notified of 'rejected': 'false' exited with code 1",)
    notifier.close()


def test_a_hanging_target_holds_up_nobody() -> None:
    """While one webhook hangs, telling returns, the other is told, and what overflows is counted."""
    heard = Heard()
    with serving(hang) as hanging, serving(answer()) as service:
        slow = NotifySettings(url=hanging.url, on=("recorded",), timeout=60)
        notifier = Notifier([slow, NotifySettings(url=service.url, on=("rejected",))], about(), heard)
        for _ in range(notify.LONGEST_QUEUE + 5):
            notifier(RECORDED)
        notifier(REJECTED)
        with heard._more:
            assert heard._more.wait_for(lambda: ("rejected", "sent") in heard.said, 30)
        notifier.close(patience_s=0)
    assert ("recorded", "dropped") in heard.said
    assert "dropped" in notifier.troubles[0] or "not notified" in notifier.troubles[0]


def test_close_sends_what_waits() -> None:
    """Closing tells what is still on the queue first."""
    with serving(answer()) as service:
        notifier = Notifier([webhook(service)], about())
        for _ in range(5):
            notifier(RECORDED)
        notifier.close(30)
    assert len(service.asked) == 5


def test_secrets_are_hidden() -> None:
    """A secret in somebody's words does not leave with the notification."""
    secret = "token=abcDEF1234567890"
    outcome = replace(
        RECORDED, snapshot=replace(SNAPSHOT, reason=f"because {secret}", subject=f"Update {secret}")
    )
    heard = Heard()
    with serving(answer()) as service:
        notifier = Notifier([webhook(service)], about(Redactor(b"k").text), heard)
        notifier(outcome)
        heard.wait(1)
        notifier.close()
    assert "abcDEF1234567890" not in service.asked[0]
    assert "Update token=<secret#" in json.loads(service.asked[0].partition("\r\n\r\n")[2])["title"]


def test_a_chat_reads_it_in_its_language(tmp_path: Path) -> None:
    """What, who, why and the command that helps are said in the language that is configured; JSON is not."""
    told = {"event": "rejected", "level": "error", "title": "rejected, kept as rejected_1: no title of ours", "host": "h", "root": "/r",
            "command": "configvault rejected show", "outcome": events.event(REJECTED).document}  # fmt: skip
    with language.spoken("zh_CN"):
        lines = json.loads(formats.body("wecom", told))["markdown"]["content"].splitlines()
        assert json.loads(formats.body("json", told)) == told
    assert lines[0] == "**configvault: h: /r 被拒绝**"
    assert lines[1] == "被拒绝，保存为 rejected_1：no title of ours"  # noqa: RUF001 - Chinese
    assert lines[2] == "操作者: ann (uid 7, login)"
    assert lines[-1] == "怎么办: configvault rejected show"
