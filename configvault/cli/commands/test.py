"""Run the health checks now, and say how each ended."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING

from configvault.cli.context import Context
from configvault.core.exits import Exit

if TYPE_CHECKING:
    from configvault.core.model import HealthReport


STANDARD_OUTPUT = "-"


def declare(parser: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    parser.add_argument(
        "--only",
        metavar="NAME",
        action="append",
        default=[],
        help="run only the check with this name; may be repeated",
    )
    parser.add_argument(
        "--junit",
        metavar="FILE",
        help="also write the results as JUnit XML, for CI; - for standard output, in place of the table",
    )


def run(context: Context, args: argparse.Namespace) -> int:
    """Ask, print, and fail where a required check does."""
    from configvault import app
    from configvault.core.errors import NoVaultError, UsageError
    from configvault.core.model import healthy

    if context.json and args.junit == STANDARD_OUTPUT:
        raise UsageError("--json and --junit - both write to standard output", "--junit FILE")
    settings = context.settings()
    known = [check.name for check in settings.health]
    for name in args.only:
        if name not in known:
            there = f"there are: {', '.join(known)}" if known else "health in the configuration is empty"
            raise UsageError(f"there is no health check {name!r}", there)
    progress = None if context.json else context.output.progress("checking")
    try:
        reports = context.site(settings).check_health(only=args.only, progress=progress)
    except NoVaultError:
        # A service can be tested before the first snapshot, and from a host that keeps none.
        reports = app.check_health(settings, context.environ, only=args.only, progress=progress)
    if args.junit == STANDARD_OUTPUT:
        print(junit(reports), end="")
    elif context.json:
        context.emit({"passed": healthy(reports), "health": [asdict(one) for one in reports]})
    else:
        _show(context, reports)
    if args.junit not in (None, STANDARD_OUTPUT):
        # Last: where the file cannot be written, what was found out is printed all the same.
        with open(args.junit, "w", encoding="utf-8") as file:
            file.write(junit(reports))
    return 0 if healthy(reports) else Exit.UNHEALTHY


def _show(context: Context, reports: Sequence[HealthReport]) -> None:
    if not reports:
        context.output.line("no health checks are configured: see health in config.example.yaml")
        return
    rows = []
    for one in reports:
        passed = "undecided" if one.note else "passed"
        result = passed if one.ok else "FAILED" if one.required else "failed (not required)"
        rows.append((one.name, result, f"{one.elapsed_seconds or 0:.1f}s", one.error or one.note or ""))
    context.output.table(("check", "result", "time", "reason"), rows)


def junit(reports: Sequence[HealthReport]) -> str:
    """Return the results as JUnit XML.

    A check that could not decide, and one that fails and is not required, are skipped ones, with the reason.
    """
    from configvault.core.rendering.junit import FAILURE, SKIPPED, Case, document

    cases = []
    for one in reports:
        said = one.error or one.note
        ended = None if not said else FAILURE if one.required and not one.ok else SKIPPED
        cases.append(Case(one.name, ended, said or "", seconds=one.elapsed_seconds or 0))
    return document("health", cases)
