"""What a webhook is sent, one function for each `format`, and what its answer must not say.

Chat services take the same lines, each in a form of its own: Feishu a card with a coloured head, DingTalk and WeCom a text with a
bold head (their cards have to link to a page that the reader can open, and ours is on a loopback address). Some answer 200 to what they refused.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

from configvault.core import language
from configvault.core.escapes import one_line
from configvault.core.rendering import events

Body = Mapping[str, Any]

_COLOURS = {"info": "#2e7d32", "warning": "#b26a00", "error": "#c62828"}
_LONGEST_TEXT = 3000
MOST_FINDINGS = 5
FIRST = "[configvault] {event} on {place}"
# They have no escape of their own; these signs look the same and mean nothing.
_FULL_WIDTH = str.maketrans({"<": "\uff1c", ">": "\uff1e", "@": "\uff20"})
_NO_MARKDOWN = str.maketrans({"*": "\uff0a", "`": "\uff40", "[": "\uff3b", "]": "\uff3d", "#": "\uff03"})
# Source: WeCom's robot takes 4096 bytes of Markdown.
_MOST_BYTES = 4000
_CARD_HEADS = {"info": "green", "warning": "orange", "error": "red"}


def body(format_: str, notification: Body) -> bytes:
    """Return the body of the request that tells `notification` (event, level, title, at, host, root, outcome)."""
    return json.dumps(FORMATS[format_](notification), ensure_ascii=True).encode()


def refusal(format_: str, answer: bytes) -> str | None:
    """Return why the answer, for all its status 200, is a refusal; None if it is not."""
    key = _CODES.get(format_)
    if key is None:
        return None
    try:
        code = json.loads(answer).get(key, 0)
    except (ValueError, AttributeError, RecursionError):
        return "did not answer with a JSON object"
    return None if code == 0 else f"answered {key} {code!r}"[:80]


def text(notification: Body) -> str:
    """Return the lines that people read, in the language that is spoken: what, where, who, why, and the command that helps."""
    return "\n".join(_lines(notification))[:_LONGEST_TEXT]


def _lines(notification: Body) -> list[str]:
    outcome = notification["outcome"]
    place = f"{notification['host']}: {notification['root']}"
    first = (
        language.text(FIRST).replace("{event}", language.text(notification["event"])).replace("{place}", place)
    )
    lines = [first, _title(str(notification["title"]))]
    if who := _actor(outcome):
        lines.append(f"{language.text('By')}: {who}")
    lines += [_finding(one) for one in _findings(outcome)[:MOST_FINDINGS]]
    if command := notification.get("command"):
        lines.append(f"{language.text('What to do')}: {command}")
    return [one_line(line) for line in lines]


def _findings(outcome: Body) -> list[Body]:
    return [one for one in outcome.get("findings") or () if one["severity"] == "error"]


def _finding(one: Body) -> str:
    place = one["path"] if one["line"] is None else f"{one['path']}:{one['line']}"
    hint = f" ({language.sentence(one['hint'])})" if one.get("hint") else ""
    return f"{place}: {language.sentence(one['message'])} [{one['rule']}]{hint}"


def _title(title: str) -> str:
    phrase = next((one for one in events.PHRASES if title.startswith(f"{one} ")), "")
    return language.text(phrase) + title.removeprefix(phrase) if phrase else language.sentence(title)


def _actor(outcome: Body) -> str | None:
    """Return who did it, as far as that is known."""
    parts = (outcome, *(outcome.get(name) for name in ("recorded", "snapshot", "deployed")))
    return next((one["actor"] for one in parts if isinstance(one, Mapping) and one.get("actor")), None)


def _json(notification: Body) -> Body:
    return notification


def _slack(notification: Body) -> Body:
    """Source: Slack's "Formatting text for app surfaces": these three characters, and no others, are escaped."""
    shown = text(notification).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    first, _, rest = shown.partition("\n")
    return {
        "text": first,
        "attachments": [{"color": _COLOURS[notification["level"]], "text": rest, "fallback": rest}],
    }


def _unmarked(notification: Body) -> list[str]:
    """Return the lines without what Feishu, DingTalk and WeCom read as a mention or a link: `<at user_id="all">`, `<@all>`, `@all`.

    Where they are too long the findings give way: what happened and what to do stay.
    """
    lines = [line.translate(_FULL_WIDTH) for line in _lines(notification)]
    ends = 2
    while len(lines) > 2 * ends and sum(len(line.encode()) for line in lines) > _MOST_BYTES:
        del lines[-ends]
    most = _MOST_BYTES // len(lines)
    return [
        line if len(line.encode()) <= most else line.encode()[:most].decode(errors="ignore") for line in lines
    ]


def _feishu(notification: Body) -> Body:
    """Source: Feishu's "Custom bot usage guide", message cards; `plain_text` is never markup there."""
    first, *rest = _unmarked(notification)
    card = {
        "header": {"template": _CARD_HEADS[notification["level"]], "title": _plain(first)},
        "elements": [{"tag": "div", "text": _plain(line)} for line in rest],
    }
    return {"msg_type": "interactive", "card": card}


def _plain(line: str) -> Body:
    return {"tag": "plain_text", "content": line}


def _markdown(notification: Body) -> list[str]:
    first, *rest = _unmarked(notification)
    first = first.replace("[configvault] ", "configvault: ", 1).translate(_NO_MARKDOWN)
    rest = [line.translate(_NO_MARKDOWN) for line in rest]
    return [f"**{first}**", *rest]


def _dingtalk(notification: Body) -> Body:
    """Source: DingTalk's custom robots; a title for the list of chats, and a blank line where one line is to end."""
    lines = _markdown(notification)
    return {"msgtype": "markdown", "markdown": {"title": lines[0].strip("*"), "text": "\n\n".join(lines)}}


def _wecom(notification: Body) -> Body:
    return {"msgtype": "markdown", "markdown": {"content": "\n".join(_markdown(notification))}}


FORMATS: Mapping[str, Callable[[Body], Body]] = {
    "json": _json,
    "slack": _slack,
    "feishu": _feishu,
    "dingtalk": _dingtalk,
    "wecom": _wecom,
}
_CODES = {"feishu": "code", "dingtalk": "errcode", "wecom": "errcode"}
