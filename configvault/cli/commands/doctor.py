"""Try everything that could stop it working."""

from __future__ import annotations

import argparse
from collections.abc import Iterable
from typing import TYPE_CHECKING

from configvault.cli.context import Context
from configvault.core.exits import Exit

if TYPE_CHECKING:
    from configvault.usecases.doctor import Checked

_SIGNS = {"ok": "ok     ", "warning": "warning", "problem": "error  "}


def declare(parser: argparse.ArgumentParser) -> None:
    """Add no arguments."""


def run(context: Context, args: argparse.Namespace) -> int:  # noqa: ARG001 - every command takes them
    """Examine and print; 1 where something is a problem, 0 also where there are warnings."""
    from configvault.usecases.doctor import Health, examine

    found = examine(context.site(), context.config_path)
    ok = not any(one.health is Health.PROBLEM for one in found)
    if context.json:
        context.emit({"ok": ok, "checks": document(context, found)})
    else:
        show(context, found)
    return 0 if ok else Exit.FAILED


def document(context: Context, found: Iterable[Checked]) -> list[dict[str, object]]:
    """Return what was found as JSON values."""
    return [
        {
            "name": one.name,
            "health": one.health.value,
            "message": one.message,
            "remedy": context.hint(one.remedy) if one.remedy else None,
        }
        for one in found
    ]


def show(context: Context, found: Iterable[Checked]) -> None:
    """Print what was found, a line each, and what helps below it."""
    from configvault.cli.output import printable

    for one in found:
        style = {"problem": "error", "warning": "warning"}.get(one.health.value)
        context.output.line(f"{_SIGNS[one.health]} {one.name:9} {printable(one.message)}", style)
        if one.remedy:
            context.output.line(f"        hint: {printable(context.hint(one.remedy))}")
