"""Compare an answer with what it must be like, and say what is missing without showing the answer."""

from __future__ import annotations

import re
from typing import Any

from configvault.calls.http import Answer
from configvault.core.settings import Expectation


def shortcoming(answer: Answer, expect: Expectation) -> str | None:
    """Return in what way `answer` is not as expected, or None where it is."""
    got = _media_type(answer.content_type)
    what = f"{answer.peer} answered {answer.status} with {got or 'no content type'}"
    if answer.status not in expect.status:
        wanted = " or ".join(str(status) for status in expect.status)
        return f"{answer.peer} answered {answer.status}, wanted {wanted}"
    if expect.content_type is not None and not got.startswith(expect.content_type.lower()):
        return f"{what}, wanted {expect.content_type}"
    if expect.contains is not None and expect.contains not in _text(answer):
        return f"{what}, which does not contain the text wanted by expect.contains{_cut(answer)}"
    if expect.json is not None:
        return _json_shortcoming(answer, expect.json, what)
    return None


def _json_shortcoming(answer: Answer, expression: str, what: str) -> str | None:
    """Return what `expression` finds wrong. Zero and empty count as false, as in most languages."""
    import json

    import jmespath
    from jmespath.exceptions import JMESPathError

    if answer.cut:
        return f"{what}, which is too large to be read as JSON{_cut(answer)}"
    try:
        document = json.loads(answer.body)
    except (ValueError, RecursionError):
        return f"{what}, which is not JSON, wanted application/json"
    try:
        found = jmespath.search(expression, document)
    except (JMESPathError, TypeError, RecursionError):
        return f"{what}, of which expect.json cannot be worked out: {expression!r}"
    return None if found else f"{what}, of which expect.json is {_named(found)}: {expression!r}"


def _named(value: Any) -> str:
    return {"NoneType": "null", "bool": "false", "list": "an empty list", "dict": "an empty object"}.get(
        type(value).__name__, "zero or empty"
    )


def _media_type(content_type: str) -> str:
    """Return the media type in small letters; what is none must not get into a message."""
    media_type = content_type.partition(";")[0].strip().lower()
    return media_type if re.fullmatch(r"[\w.+-]{1,60}/[\w.+-]{1,60}", media_type) else ""


def _text(answer: Answer) -> str:
    charset = re.search(r"(?i)charset=\"?([\w.:-]{1,40})", answer.content_type)
    try:
        return answer.body.decode(charset[1] if charset else "utf-8", "replace")
    except LookupError:
        return answer.body.decode("utf-8", "replace")


def _cut(answer: Answer) -> str:
    return " (of a larger answer the first MiB was read)" if answer.cut else ""
