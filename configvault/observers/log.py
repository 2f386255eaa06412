"""The log: one line for each outcome, as JSON off a terminal, with a priority that the journal understands.

The only module that knows structlog. Nothing here is global: each `Log` has its own stream and processors. Values that
are paths may hold any bytes; the line is JSON, in which what does not print is escaped, so it stays one line.
"""

from __future__ import annotations

import contextlib
import json
import os
import sys
import threading
import time
from collections.abc import Callable, Mapping
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING, Any, TextIO

from configvault.core.outcome import Outcome
from configvault.core.settings import LogSettings
from configvault.observers.lines import Line, line

if TYPE_CHECKING:
    from structlog.typing import EventDict, FilteringBoundLogger

# Of a line that is repeated word for word one is written in this time; the next one says how many were not.
REPEAT_S = 600.0
_FORGET_S = 6 * REPEAT_S
_LEVELS = {"debug": 10, "info": 20, "warning": 30, "error": 40}
# Source: sd-daemon(3): a prefix `<N>` on a line is its syslog priority.
_PRIORITY = {"debug": 7, "info": 6, "warning": 4, "error": 3}


class Log:
    """Hears every outcome and writes its line. Any thread may call it."""

    def __init__(
        self,
        settings: LogSettings,
        stream: TextIO,
        environ: Mapping[str, str],
        now: Callable[[], datetime],
        clock_s: Callable[[], float] = time.monotonic,
    ) -> None:
        """Write to `stream`, each line with the time `now`; the environment tells whether that is the journal."""
        self._lock = threading.Lock()
        self._clock_s = clock_s
        self._repeats: dict[tuple[object, ...], tuple[float, int]] = {}
        self._logger = _logger(settings, stream, _is_journal(stream, environ), now)

    def __call__(self, outcome: Outcome) -> None:
        """Write the line of `outcome`."""
        self.write(line(outcome))

    def write(self, said: Line) -> None:
        """Write one line, unless it only repeats a failure told a moment ago."""
        values = dict(said.values)
        with self._lock:
            if said.level in ("warning", "error"):
                skipped = self._skipped(said)
                if skipped is None:
                    return
                if skipped:
                    values["repeats_not_shown"] = skipped
            # A log that cannot be written must not stop the work: the disk may be full of it.
            with contextlib.suppress(OSError):
                getattr(self._logger, said.level)(said.event, **values)

    def _skipped(self, said: Line) -> int | None:
        """Return how many like it were left out before; None to leave this one out, too."""
        now_s = self._clock_s()
        key = (
            said.event,
            *(str(said.values.get(k)) for k in ("message", "findings", "error", "id", "reason", "repeated")),
        )
        logged_s, count = self._repeats.get(key, (-REPEAT_S, 0))
        if now_s - logged_s < REPEAT_S:
            self._repeats[key] = (logged_s, count + 1)
            return None
        self._repeats = {k: v for k, v in self._repeats.items() if now_s - v[0] < _FORGET_S}
        self._repeats[key] = (now_s, 0)
        return count


def _logger(
    settings: LogSettings, stream: TextIO, journal: bool, now: Callable[[], datetime]
) -> FilteringBoundLogger:
    structlog = _import_structlog()
    as_text = settings.format == "text" or (settings.format == "auto" and stream.isatty())
    logger: FilteringBoundLogger = structlog.wrap_logger(
        structlog.WriteLogger(stream),
        processors=[
            structlog.processors.add_log_level,
            partial(_in_order, now),
            _as_text if as_text else structlog.processors.JSONRenderer(serializer=_json),
            *([_with_priority] if journal else []),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(_LEVELS[settings.level]),
    )
    return logger


def _import_structlog() -> Any:
    """Import structlog without rich, which it would load for tracebacks that nobody here prints (6 MB, 70 ms)."""
    if "structlog" not in sys.modules and "rich" not in sys.modules:
        sys.modules["rich"] = None  # type: ignore[assignment]
        try:
            import structlog
        finally:
            del sys.modules["rich"]
        return structlog
    import structlog

    return structlog


def _in_order(now: Callable[[], datetime], _logger: object, _method: str, event: EventDict) -> EventDict:
    """Put first what every line has."""
    first = {"timestamp": now().isoformat(timespec="milliseconds")}
    return {**first, "level": event.pop("level"), "event": event.pop("event"), **event}


def _json(event: Mapping[str, Any], **_options: object) -> str:
    # In the languages of people, but for half characters of names that are no UTF-8: those stay escapes.
    text = json.dumps(event, default=str, ensure_ascii=False)
    return (
        text if text.isprintable() else "".join(char if char.isprintable() else _escaped(char) for char in text)
    )


def _escaped(char: str) -> str:
    """Return a character as JSON escapes it: nothing in the log may steer a terminal, or be no UTF-8."""
    return json.dumps(char)[1:-1]


def _as_text(_logger: object, _method: str, event: EventDict) -> str:
    head = f"{event.pop('timestamp')} {event.pop('level'):7} {event.pop('event')}"
    return " ".join([head, *(f"{name}={json.dumps(value, default=str)}" for name, value in event.items())])


def _with_priority(_logger: object, method: str, text: str) -> str:
    return f"<{_PRIORITY.get(method, 6)}>{text}"


def _is_journal(stream: TextIO, environ: Mapping[str, str]) -> bool:
    """Return whether `stream` leads to the journal. Source: systemd.exec(5), JOURNAL_STREAM."""
    try:
        seen = os.fstat(stream.fileno())
    except (OSError, ValueError, AttributeError):
        return False
    return environ.get("JOURNAL_STREAM") == f"{seen.st_dev}:{seen.st_ino}"
