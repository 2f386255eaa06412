"""Put what was saved out of earlier answers into later requests: each place gets it in the form that belongs there.

A value is what a service answered, so nothing may follow from what stands in it: a quote ends no text of a JSON body, an
ampersand begins no field of a form, an apostrophe ends no text of a JMESPath.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any
from urllib.parse import quote, quote_plus
from xml.sax.saxutils import escape

from configvault.calls import answers
from configvault.core import placeholders
from configvault.core.frozen import as_dict
from configvault.core.placeholders import NAME
from configvault.core.plugins import Plugin
from configvault.core.settings import Body

Plugins = Callable[[], Sequence[Plugin]]
Saved = Mapping[str, Any]

PLUGINS = "{plugins}"
# A text of JSON with its quotes, or a name outside of one.
_IN_JSON = re.compile(rf'"(?:[^"\\]|\\.)*"|{NAME}', re.DOTALL)
# JMESPath's raw string, literal and quoted identifier, or a name outside of these.
_IN_JMESPATH = re.compile(rf"'(?:[^'\\]|\\.)*'|`(?:[^`\\]|\\.)*`|\"(?:[^\"\\]|\\.)*\"|{NAME}", re.DOTALL)


def fill(text: str, saved: Saved, form: Callable[[str], str] = str) -> str:
    """Return `text` with what was saved, each value put through `form`; other braces may be somebody's own and stay."""
    return re.sub(NAME, lambda found: form(_text(saved[found[1]])) if found[1] in saved else found[0], text)


def url(text: str, saved: Saved) -> str:
    """Return a URL with what was saved as parts of it."""
    return fill(text, saved, lambda value: quote(value, safe=""))


def body(value: Body, saved: Saved, content_type: str = "") -> tuple[bytes | None, str | None]:
    """Return the bytes of a body with what was saved, and what they are; `content_type` is what the header says.

    A value that is nothing but `{name}` becomes the thing itself, not its text.

    Raises:
        ValueError: what was saved is a number that JSON cannot say.
    """
    if isinstance(value, str) and not re.fullmatch(NAME, value):
        value = _text_body(value, saved, content_type.partition(";")[0].strip().lower())
    else:
        value = _structure(value, saved)
    if value is None:
        return None, None
    if isinstance(value, str):
        kind = "application/json" if _is_json(value) else "text/plain; charset=utf-8"
        return value.encode("utf-8", "surrogatepass"), kind
    return json.dumps(value, ensure_ascii=False, allow_nan=False).encode(
        "utf-8", "surrogatepass"
    ), "application/json"


def _text_body(text: str, saved: Saved, media_type: str) -> str:
    if media_type == "application/x-www-form-urlencoded":
        return fill(text, saved, quote_plus)
    if media_type.endswith(("/xml", "+xml")):
        return fill(text, saved, lambda value: escape(value, {'"': "&quot;", "'": "&apos;"}))
    filled = _json(text, saved)
    is_json = media_type == "application/json" or media_type.endswith("+json") or _is_json(filled)
    return filled if is_json else fill(text, saved)


def _structure(value: Body, saved: Saved) -> Any:
    if isinstance(value, str):
        whole = re.fullmatch(NAME, value)
        return saved[whole[1]] if whole and whole[1] in saved else fill(value, saved)
    if isinstance(value, dict):
        return {fill(name, saved): _structure(one, saved) for name, one in value.items()}
    return [_structure(one, saved) for one in value] if isinstance(value, list) else value


def _json(text: str, saved: Saved) -> str:
    """Return a text of JSON with values where names stand, and with their text inside of texts."""

    def put(found: re.Match[str]) -> str:
        if found[1] is None:
            return fill(found[0], saved, lambda value: json.dumps(value)[1:-1])
        return json.dumps(saved[found[1]]) if found[1] in saved else found[0]

    return _IN_JSON.sub(put, text)


def _jmespath(text: str, saved: Saved) -> str:
    """Return a JMESPath with values where names stand, and with their text inside of what is quoted."""

    def put(found: re.Match[str]) -> str:
        if found[1] is not None:
            return _literal(saved[found[1]]) if found[1] in saved else found[0]
        if not placeholders.names(found[0]) & set(saved):
            return found[0]
        if found[0].startswith("'"):
            # A raw string has no way to say every text; a literal has.
            return _literal(fill(found[0][1:-1].replace("\\'", "'"), saved))
        filled = _json(found[0][1:-1].replace("\\`", "`"), saved) if found[0].startswith("`") else None
        if filled is not None:
            return "`" + filled.replace("`", "\\u0060") + "`"
        return fill(found[0], saved, lambda value: json.dumps(value)[1:-1])

    return _IN_JMESPATH.sub(put, text)


def filler(saved: Saved, plugins: Plugins) -> answers.Fill:
    """Return what puts values into `expect`."""

    def put(text: str, *, jmespath: bool = False) -> str:
        if not jmespath:
            return fill(text, saved)
        text = _jmespath(text, saved)
        return text.replace(PLUGINS, _literal([as_dict(one) for one in plugins()])) if PLUGINS in text else text

    return put


def _literal(value: Any) -> str:
    # A backtick would end the literal; JSON has another way to say it.
    return "`" + json.dumps(value).replace("`", "\\u0060") + "`"


def _is_json(text: str) -> bool:
    try:
        return isinstance(json.loads(text), dict | list)
    except (ValueError, RecursionError):
        return False


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
