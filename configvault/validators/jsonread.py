"""Whether a text is JSON as the service's strict reader takes it, and which keys it repeats."""

from __future__ import annotations

import json
import re
from collections import Counter
from typing import Any, NoReturn

from configvault.core.pattern import pattern
from configvault.validators.text import Text
from configvault.validators.violations import MOST_OF_ONE_FILE, Violation, quote_value
from configvault.validators.yamlread import DEEPEST

_STRING_OR_CONSTANT = re.compile(r'"(?:[^"\\]|\\.)*"|-?Infinity|NaN')
_KEY = pattern(r'("(?:[^"\\\\]|\\\\.)*+")(?=\s*+:)')
_HINT = "fix it, or restore the file: JSON has no comments, no comma before a closing bracket, one value"


class _RefusedError(ValueError):
    """A constant that Python's reader would take and no other."""


def check(text: Text) -> list[Violation]:
    """Return what is wrong with `text` as a JSON file; repeated keys are told once each."""
    if text.text is None:
        return text.violations
    if text.marked:
        message = "the file begins with a byte order mark (BOM), which JSON forbids"
        return [Violation("json-syntax", 1, 1, message, "save the file as UTF-8 without BOM")]
    if text.violations:
        return text.violations
    repeated: list[str] = []
    try:
        parse(text.text, repeated)
    except json.JSONDecodeError as error:
        message = f"not valid JSON: {_problem(error, text.text)}"
        return [Violation("json-syntax", error.lineno, error.colno, message, _HINT)]
    except _RefusedError as error:
        return [_constant(text.text, str(error))]
    except RecursionError:
        return [
            Violation("nested-too-deep", None, None, f"nested deeper than {DEEPEST} levels", "restore the file")
        ]
    places = _second_places(text.text, set(repeated[:MOST_OF_ONE_FILE]))
    return [_repeated(key, places.get(key)) for key in repeated[:MOST_OF_ONE_FILE]]


def _repeated(key: str, place: tuple[int, int] | None) -> Violation:
    line, column = place or (None, None)
    return Violation("repeated-key", line, column, f"key {quote_value(key)} twice", "keep one of them")


def parse(text: str, repeated: list[str]) -> Any:
    """Return what `text` says as JSON, and add the keys that an object has twice to `repeated`.

    Raises:
        ValueError, RecursionError: it is no JSON; numbers are never converted, so none can be too long.
    """
    known = set(repeated)

    def pairs(found: list[tuple[str, Any]]) -> dict[str, Any]:
        made = dict(found)
        if len(made) != len(found):
            counts = Counter(name for name, _ in found)
            twice = sorted(name for name, count in counts.items() if count > 1 and name not in known)
            known.update(twice)
            repeated.extend(twice)
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


def _constant(text: str, constant: str) -> Violation:
    match = next((m for m in _STRING_OR_CONSTANT.finditer(text) if m[0] == constant), None)
    at = match.start() if match else 0
    line, start = text.count("\n", 0, at) + 1, text.rfind("\n", 0, at) + 1
    return Violation(
        "json-syntax", line, at - start + 1, f"not valid JSON: {constant} is not a JSON value", _HINT
    )


def _problem(error: json.JSONDecodeError, text: str) -> str:
    if not text.strip(" \t\r\n"):
        return "the file is empty"
    return error.msg[:1].lower() + error.msg[1:]


def _second_places(text: str, keys: set[str]) -> dict[str, tuple[int, int]]:
    """Return line and column where each of `keys` stands for the second time, as far as one pass over the text tells."""
    once: set[str] = set()
    found: dict[str, tuple[int, int]] = {}
    line, start = 1, 0
    for match in _KEY.finditer(text) if keys else ():
        key = _decoded(match[1])
        if key not in keys or key in found:
            continue
        if key not in once:
            once.add(key)
            continue
        line += text.count("\n", start, match.start())
        start = match.start()
        found[key] = (line, start - text.rfind("\n", 0, start))
    return found


def _decoded(written: str) -> str:
    return str(json.loads(written)) if "\\" in written else written[1:-1]
