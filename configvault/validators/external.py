"""Validators from other packages: `[project.entry-points."configvault.validators"]`, `name = "package:function"`.

The function takes the `State` and yields `Finding`s. Each runs in a process of its own (`externalchild.py`), bounded in time and
memory, so that one that never ends, or takes all memory, costs a finding and not the daemon. It has the rights of this process and
an empty environment: whoever installs one trusts it with what it may do, not with how long it takes.
"""

from __future__ import annotations

import base64
import json
import logging
import signal
import sys
import time
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from configvault.calls.helper import Helper, HelperError
from configvault.core.frozen import frozen
from configvault.core.model import Entry, Finding, Folder, Severity, State
from configvault.disk.installed import names_group
from configvault.validators import externalchild
from configvault.validators.report import Report
from configvault.validators.violations import Violation

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

GROUP = "configvault.validators"
_LOG = logging.getLogger(__name__)
_HINT = "report it to its author, or uninstall its package; validate.rules can turn {} into a warning"


@frozen
class Bounds:
    """How far one of them may go in one state; `wall_s` counts also while it waits for something."""

    cpu_s: int = 60
    wall_s: float = 120.0
    memory_bytes: int = 1024 * 1024 * 1024


def found() -> list[EntryPoint]:
    """Return the validators that are installed, by name."""
    if not names_group(GROUP):
        return []
    from importlib.metadata import entry_points

    return sorted(entry_points(group=GROUP), key=lambda point: point.name)


def check(points: Iterable[EntryPoint], state: State, report: Report, bounds: Bounds = Bounds()) -> None:  # noqa: B008 - it is frozen
    """Ask each validator about `state`, and report what it finds, or why it found nothing."""
    rows: tuple[Any, Any] | None = None
    for point in points:
        rows = rows or (_rows(state.tree), state.before and _rows(state.before))
        given = {
            "path": sys.path,
            "cpu_s": bounds.cpu_s,
            "memory_bytes": bounds.memory_bytes,
            "point": [point.name, point.value, GROUP],
            "tree": rows[0],
            "before": rows[1],
            "left_out": state.left_out,
        }
        try:
            answer = _ask(given, state, time.monotonic() + bounds.wall_s)
        except OSError as error:
            answer = {"failed": type(error).__name__, "where": ""}
        except HelperError as error:
            limit = _limit(error, bounds)
            if limit is not None:
                message = f"too costly: the validator {point.name} takes more than {limit}; it did not finish"
                report.add("", [Violation("unfinished", None, None, message, _HINT.format("unfinished"))])
                continue
            answer = {"failed": f"exit code {error.code}", "where": ""}
        if "failed" in answer:
            _LOG.error(
                "validator.failed validator=%r error=%s\n%s", point.name, answer["failed"], answer["where"]
            )
            message = f"the validator {point.name} failed: {answer['failed']}"
            report.add(
                "", [Violation("validator-failed", None, None, message, _HINT.format("validator-failed"))]
            )
        else:
            report.take(map(_finding, answer["found"]))


def _ask(given: dict[str, Any], state: State, until_s: float) -> dict[str, Any]:
    """Return what came of one validator; what it wants to read of the state is given to it on the way."""
    # Isolated: no working directory and nothing of the environment decides what is loaded.
    helper = Helper([sys.executable, "-I", "-B", externalchild.__file__])
    try:
        answer = json.loads(helper.ask(json.dumps(given).encode(), until_s - time.monotonic()))
        while "read" in answer:
            data = base64.b64encode(state.read(answer["read"]))
            answer = json.loads(helper.ask(data, until_s - time.monotonic()))
        return dict(answer)
    finally:
        helper.end()


def _limit(error: HelperError, bounds: Bounds) -> str | None:
    """Return the bound that was reached, None where it ended for another reason."""
    if error.code is None:
        return f"{bounds.wall_s:g} s"
    if error.code == -signal.SIGXCPU:
        return f"{bounds.cpu_s} s of processor time"
    if error.code == externalchild.OUT_OF_MEMORY:
        return f"{bounds.memory_bytes >> 20} MiB of memory"
    return None


def _rows(folder: Folder) -> list[Any]:
    """Return a folder as JSON, as `externalchild.folder` reads it."""
    entries = {
        name: list(entry) if isinstance(entry, Entry) else _rows(entry)
        for name, entry in folder.entries.items()
    }
    return [folder.mode, folder.uid, folder.gid, entries, dict(folder.left_out)]


def _finding(row: list[Any]) -> Finding:
    rule, severity, *more = row
    return Finding(rule, Severity(severity), *more)
