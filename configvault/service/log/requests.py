"""Requests to plugins, out of lines of JSON; what is no such line is counted and left out.

The names of the fields are the guide's: `component`, `plugin_name`, `operation_id`, `status_code`, `duration_ms`, `error`
and `time` (or `timestamp`). A service that calls them otherwise has them mapped by `service_log.fields`.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import datetime
from typing import Any, NamedTuple

FIELDS = ("component", "plugin_name", "operation_id", "status_code", "duration_ms", "error", "time")
COMPONENT = "plugin"
ERROR_FROM = 400
LONGEST_NAME = 120
LONGEST_ERROR = 300
LONGEST_MS = 1e12
# A year within these can be printed in every zone; a time beyond them is a mistake of the log, and not known.
EARLIEST_YEAR, LATEST_YEAR = 1971, 9998


class Request(NamedTuple):
    """One request: when (seconds since 1970, None: not known), to what, and how it ended."""

    at: float | None
    plugin: str
    operation: str
    failed: bool
    ms: float | None
    error: str | None
    status: int | None


# The same as a bare tuple: a log has millions of them, and a named one costs as much as half of its JSON.
Bare = tuple[float | None, str, str, bool, float | None, str | None, int | None]


class Parser:
    """Takes requests out of lines; `skipped` counts the lines that are none, `others` those of other components."""

    def __init__(self, fields: Mapping[str, str] | None = None) -> None:
        """Read with `fields`: the guide's name of a field to the log's own."""
        self._names = {name: name for name in FIELDS} | dict(fields or {})
        self._nested = any("." in name for name in self._names.values())
        self._stamp: object = None
        self._at: float | None = None
        self.skipped = 0
        self.others = 0

    def requests(self, lines: Iterable[str]) -> Iterator[Bare]:
        """Yield the requests in `lines`."""
        scan: Callable[[str, int], tuple[Any, int]] = json.JSONDecoder().scan_once  # type: ignore[attr-defined]
        nested = self._nested
        component, plugin, operation, status, duration, error, time = (self._names[name] for name in FIELDS)
        for raw in lines:
            # `docker compose logs` and others put something in front of each line.
            start = raw.find("{")
            try:
                found, end = scan(raw, start)
            except (StopIteration, ValueError, RecursionError):
                self.skipped += bool(raw.strip())
                continue
            if type(found) is not dict or (end != len(raw) and raw[end:].strip()):
                self.skipped += 1
                continue
            get = _Nested(found).get if nested else found.get
            name = get(plugin)
            if type(name) is not str or not name or get(component) not in (COMPONENT, None):
                self.others += 1
                continue
            code = get(status)
            if type(code) is not int:
                code = _integer(code)
            took = get(duration)
            if type(took) is not int and type(took) is not float:
                took = _number(took)
            if took is not None and not 0 <= took < LONGEST_MS:
                took = None
            said = get(error)
            what = get(operation)
            stamp = get(time) or get("timestamp")
            # Many lines bear the same second, which is then read once.
            if stamp is not self._stamp and (type(stamp) is not str or stamp != self._stamp):
                self._stamp, self._at = stamp, moment(stamp)
            yield (
                self._at,
                name if len(name) <= LONGEST_NAME and name.isascii() else _text(name, LONGEST_NAME),
                _text(what, LONGEST_NAME) if type(what) is str else "",
                code >= ERROR_FROM if code is not None else bool(said),
                took,
                said if said is None else _text(said, LONGEST_ERROR),
                code,
            )


def _text(value: object, most: int) -> str:
    """Return the beginning of what a line says; half of a character, which no output can hold, is replaced."""
    if type(value) is not str:
        try:
            value = json.dumps(value)
        except (ValueError, RecursionError):
            value = "?"
    return value[:most] if value.isascii() else value[:most].encode("utf-8", "replace").decode()


def moment(stamp: object) -> float | None:
    """Return a time as logs write it, in seconds since 1970: RFC 3339 (no zone: the host's), or a number."""
    if isinstance(stamp, str):
        try:
            at = datetime.fromisoformat(stamp)
            return at.timestamp() if EARLIEST_YEAR <= at.year <= LATEST_YEAR else None
        except (ValueError, OverflowError, OSError):
            stamp = _number(stamp)
    if isinstance(stamp, int | float) and not isinstance(stamp, bool) and 0 < stamp < 1e16:
        # Seconds, milliseconds or microseconds: no service logged in 1970, or will in 5000.
        return stamp / (1e6 if stamp > 1e14 else 1e3 if stamp > 1e11 else 1.0)
    return None


class _Nested:
    """An object whose values are asked for by name, or by a path through objects: `context.plugin`."""

    def __init__(self, found: dict[str, Any]) -> None:
        self._found = found

    def get(self, name: str) -> Any:
        found: Any = self._found
        if name in found:
            return found[name]
        for part in name.split("."):
            if type(found) is not dict:
                return None
            found = found.get(part)
        return found


def _integer(value: object) -> int | None:
    number = _number(value)
    return None if number is None else int(number)


def _number(value: object) -> float | None:
    try:
        number = float(value) if isinstance(value, str | int | float) and not isinstance(value, bool) else None
    except (ValueError, OverflowError):
        return None
    return number if number is not None and abs(number) < 1e16 else None
