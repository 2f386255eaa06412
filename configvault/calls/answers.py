"""Compare an answer with what it must be like, and say what is missing without showing the answer."""

from __future__ import annotations

import re
from functools import cache
from typing import Any, Protocol

from configvault.calls.http import Answer
from configvault.core.settings import Expectation


class Fill(Protocol):
    """Puts values in the place of the `{name}` in what is expected."""

    def __call__(self, text: str, *, jmespath: bool = False) -> str:
        """Return `text` with the values, quoted where it is a JMESPath."""
        ...


def as_it_is(text: str, *, jmespath: bool = False) -> str:  # noqa: ARG001 - the protocol's
    """Return `text`: nothing is to be put into it."""
    return text


def shortcoming(answer: Answer, expect: Expectation, fill: Fill = as_it_is) -> str | None:
    """Return in what way `answer` is not as expected, or None where it is; messages name what is expected unfilled."""
    got = _media_type(answer.content_type)
    what = f"{answer.peer} answered {answer.status} with {got or 'no content type'}"
    if answer.status not in expect.status:
        wanted = " or ".join(str(status) for status in expect.status)
        return f"{answer.peer} answered {answer.status}, wanted {wanted}"
    if expect.content_type is not None and not got.startswith(expect.content_type.lower()):
        return f"{what}, wanted {expect.content_type}"
    if expect.contains is not None and fill(expect.contains) not in text(answer):
        return f"{what}, which does not contain the text wanted by expect.contains{_cut(answer)}"
    if expect.json is not None:
        return _json_shortcoming(answer, expect.json, what, fill)
    return None


def is_page(answer: Answer) -> bool:
    """Return whether `answer` is a web page."""
    return _media_type(answer.content_type) in ("text/html", "application/xhtml+xml")


def _json_shortcoming(answer: Answer, expression: str, what: str, fill: Fill) -> str | None:
    """Return what `expression` finds wrong. Zero and empty count as false, as in most languages."""
    try:
        found = search(answer, fill(expression, jmespath=True))
    except NoJsonError as error:
        return f"{what}, {error}"
    except ValueError:
        return f"{what}, for which expect.json cannot be evaluated: {expression!r}"
    return None if found else f"{what}, for which expect.json is {_named(found)}: {expression!r}"


class NoJsonError(Exception):
    """The answer cannot be read as JSON; the text says why, to stand behind `which`."""


def search(answer: Answer, expression: str) -> Any:
    """Return what the JMESPath `expression` finds in an answer.

    Beside JMESPath's own functions there is `contains_all(LIST, LIST)`.

    Raises:
        NoJsonError: the answer is no JSON.
        ValueError: the expression cannot be worked out on it.
    """
    import json

    import jmespath
    from jmespath.exceptions import JMESPathError

    if answer.cut:
        raise NoJsonError(f"which is too large to be read as JSON{_cut(answer)}")
    try:
        document = json.loads(answer.body, parse_constant=_no_json)
    except (ValueError, RecursionError):
        raise NoJsonError("which is not JSON, wanted application/json") from None
    try:
        return jmespath.search(expression, document, _options())
    except (JMESPathError, TypeError, RecursionError) as error:
        raise ValueError(expression) from error


def _no_json(word: str) -> None:
    """Refuse NaN and Infinity, which Python would take for JSON."""
    raise ValueError(word)


@cache
def _options() -> Any:
    import jmespath
    from jmespath import functions

    class Functions(functions.Functions):
        """JMESPath's functions, and one for what it cannot ask by itself."""

        @functions.signature({"types": ["array"]}, {"types": ["array"]})
        def _func_contains_all(self, held: list[Any], wanted: list[Any]) -> bool:
            # Both may be as long as an answer: each is looked at once.
            there = set(map(_known_by, held))
            return all(_known_by(one) in there for one in wanted)

    return jmespath.Options(custom_functions=Functions())


def _known_by(value: Any) -> str:
    """Return a text that is the same for equal values."""
    import json

    is_whole = type(value) is float and value.is_integer()
    return json.dumps(int(value) if is_whole else value, sort_keys=True)


def _named(value: Any) -> str:
    return {"NoneType": "null", "bool": "false", "list": "an empty list", "dict": "an empty object"}.get(
        type(value).__name__, "zero or empty"
    )


def _media_type(content_type: str) -> str:
    """Return the media type in small letters; what is none must not get into a message."""
    media_type = content_type.partition(";")[0].strip().lower()
    return media_type if re.fullmatch(r"[\w.+-]{1,60}/[\w.+-]{1,60}", media_type) else ""


def text(answer: Answer) -> str:
    """Return the body as text, by the character set that the answer names."""
    charset = re.search(r"(?i)charset=\"?([\w.:-]{1,40})", answer.content_type)
    try:
        return answer.body.decode(charset[1] if charset else "utf-8", "replace")
    except LookupError:
        return answer.body.decode("utf-8", "replace")


def _cut(answer: Answer) -> str:
    return " (only the first MiB of the answer was read)" if answer.cut else ""
