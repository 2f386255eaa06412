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
    """Add the arguments."""
    parser.add_argument(
        "--rebuild-refs",
        action="store_true",
        help="rebuild lost refs of the vault from its commits, then check",
    )


def run(context: Context, args: argparse.Namespace) -> int:
    """Examine and print; 1 where something is a problem, 0 also where there are warnings."""
    from configvault.usecases.doctor import Health, examine

    if args.rebuild_refs:
        _rebuild(context)
    found = examine(context.site(damaged=True), context.config_path)
    ok = not any(one.health is Health.PROBLEM for one in found)
    if context.json:
        context.emit({"ok": ok, "checks": document(context, found)})
    else:
        show(context, found)
    return 0 if ok else Exit.FAILED


def _rebuild(context: Context) -> None:
    """Make the refs again, and say so beside what was asked for."""
    from configvault import app
    from configvault.cli import words

    done = app.rebuild_refs(context.settings(), context.environ, context.command, context.wait_s)
    if not context.json:
        latest = f", the latest is {done.latest}" if done.latest else ""
        context.output.line(
            f"rebuilt the refs of {words.counted(done.snapshots, 'snapshot')} "
            f"and {words.counted(done.rejected, 'rejected state')}{latest}"
        )


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
