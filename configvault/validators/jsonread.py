"""Whether a text is JSON as the service's strict reader takes it, and which keys it repeats."""

from __future__ import annotations

import json
import re
from typing import Any, NoReturn

from configvault.validators.faults import Fault, quote_value
from configvault.validators.text import Text
from configvault.validators.yamlread import DEEPEST

_STRING_OR_CONSTANT = re.compile(r'"(?:[^"\\]|\\.)*"|-?Infinity|NaN')
_HINT = "mend it, or restore the file: JSON has no comments, no comma before a closing bracket, one value"


class _RefusedError(ValueError):
    """A constant that Python's reader would take and no other."""


def check(text: Text) -> list[Fault]:
    """Return what is wrong with `text` as a JSON file; repeated keys are told once each."""
    if text.text is None:
        return text.faults
    if text.marked:
        message = "the file begins with a byte order mark (BOM), which JSON forbids"
        return [Fault("json-syntax", 1, 1, message, "save the file as UTF-8 without BOM")]
    if text.faults:
        return text.faults
    repeated: list[str] = []
    try:
        parse(text.text, repeated)
    except json.JSONDecodeError as error:
        message = f"no valid JSON: {_problem(error, text.text)}"
        return [Fault("json-syntax", error.lineno, error.colno, message, _HINT)]
    except _RefusedError as error:
        return [_constant(text.text, str(error))]
    except RecursionError:
        return [
            Fault("nested-too-deep", None, None, f"nested deeper than {DEEPEST} levels", "restore the file")
        ]
    hint = "keep one of them"
    return [Fault("repeated-key", *_where(text.text, k), f"key {quote_value(k)} twice", hint) for k in repeated]


def parse(text: str, repeated: list[str]) -> Any:
    """Return what `text` says as JSON, and add the keys that an object has twice to `repeated`.

    Raises:
        ValueError, RecursionError: it is no JSON; numbers are never converted, so none can be too long.
    """

    def pairs(found: list[tuple[str, Any]]) -> dict[str, Any]:
        made = dict(found)
        if len(made) != len(found):
            names = [name for name, _ in found]
            repeated.extend(sorted({name for name in names if names.count(name) > 1} - set(repeated)))
        return made

    return json.loads(
        text, object_pairs_hook=pairs, parse_int=_number, parse_float=_number, parse_constant=_refuse
    )


def is_json(text: str) -> bool:
    """Return whether `text` is JSON."""
    if not text.lstrip(" \t\r\n").startswith("{"):
        return False
    try:
        parse(text, [])
    except (ValueError, RecursionError):
        return False
    return True


def _number(text: str) -> float:
    return float(text) if len(text) < 400 else 0.0


def _refuse(constant: str) -> NoReturn:
    raise _RefusedError(constant)


def _constant(text: str, constant: str) -> Fault:
    match = next((m for m in _STRING_OR_CONSTANT.finditer(text) if m[0] == constant), None)
    at = match.start() if match else 0
    line, start = text.count("\n", 0, at) + 1, text.rfind("\n", 0, at) + 1
    return Fault("json-syntax", line, at - start + 1, f"no valid JSON: {constant} is no JSON value", _HINT)


def _problem(error: json.JSONDecodeError, text: str) -> str:
    if not text.strip(" \t\r\n"):
        return "the file is empty"
    return error.msg[:1].lower() + error.msg[1:]


def _where(text: str, key: str) -> tuple[int | None, int | None]:
    """Return where `key` stands for the second time, as far as that can be told without a scanner of our own."""
    written = re.escape(json.dumps(key, ensure_ascii=False))
    places = re.finditer(rf"{written}\s*:", text)
    next(places, None)
    match = next(places, None)
    if match is None:
        return None, None
    return text.count("\n", 0, match.start()) + 1, match.start() - text.rfind("\n", 0, match.start())
