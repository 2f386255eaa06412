"""Try everything that could stop it working."""

from __future__ import annotations

import argparse

from configvault.cli.context import Context

_SIGNS = {"ok": "ok     ", "warning": "warning", "problem": "error  "}


def declare(parser: argparse.ArgumentParser) -> None:
    """Add no arguments."""


def run(context: Context, args: argparse.Namespace) -> int:  # noqa: ARG001 - every command takes them
    """Examine and print; 1 where something is a problem, 0 also where there are warnings."""
    from dataclasses import asdict

    from configvault.cli.output import printable
    from configvault.usecases.doctor import Health, examine

    found = examine(context.site(), context.config_path)
    problems = [one for one in found if one.health is Health.PROBLEM]
    if context.json:
        context.emit(
            {"ok": not problems, "checks": [asdict(one) | {"health": one.health.value} for one in found]}
        )
        return 1 if problems else 0
    for one in found:
        style = None if one.health is Health.OK else "error" if one.health is Health.PROBLEM else "warning"
        context.output.line(f"{_SIGNS[one.health]} {one.name:9} {printable(one.message)}", style)
        if one.remedy:
            context.output.line(f"        hint: {printable(one.remedy)}")
    return 1 if problems else 0
