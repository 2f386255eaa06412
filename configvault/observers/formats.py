"""What a webhook is sent, one function for each `format`, and what its answer must not say.

Chat services take one text each in a wrapping of their own, and some answer 200 to what they refused.
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
    return "\n".join(map(one_line, lines))[:_LONGEST_TEXT]


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


def _unmarked(notification: Body) -> str:
    """Return the text without what Feishu, DingTalk and WeCom read as a mention or a link: `<at user_id="all">`, `<@all>`, `@all`."""
    return text(notification).translate(_FULL_WIDTH)


def _feishu(notification: Body) -> Body:
    return {"msg_type": "text", "content": {"text": _unmarked(notification)}}


def _msgtype(notification: Body) -> Body:
    return {"msgtype": "text", "text": {"content": _unmarked(notification)}}


FORMATS: Mapping[str, Callable[[Body], Body]] = {
    "json": _json,
    "slack": _slack,
    "feishu": _feishu,
    "dingtalk": _msgtype,
    "wecom": _msgtype,
}
_CODES = {"feishu": "code", "dingtalk": "errcode", "wecom": "errcode"}
