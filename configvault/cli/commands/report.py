"""Count what happened, by plugin, actor and day."""

from __future__ import annotations

import argparse
from collections.abc import Mapping

from configvault.cli.context import Context

_HEADS = ("changes", "refused", "rolled back", "undone", "restored", "not loaded")


def declare(parser: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    parser.add_argument(
        "--since",
        metavar="TIME",
        help="start at this time: 2023-12-01, '30 days ago' (default: the first snapshot)",
    )
    log = parser.add_argument_group("report on the service's own log instead of the vault")
    log.add_argument(
        "--service-log", metavar="FILE", nargs="?", const="", action="append",
        help="count requests, errors and slow requests by plugin and by snapshot; - for standard input; without FILE: "
        "service_log.path and its rotated files; may be repeated",
    )  # fmt: skip
    log.add_argument("--slow", metavar="TIME", help="requests that took longer are slow (default 5s)")


def run(context: Context, args: argparse.Namespace) -> int:
    """Count and print."""
    if args.service_log:
        from configvault.cli import servicelog

        return servicelog.show(context, args)
    if args.slow:
        from configvault.core.errors import UsageError

        raise UsageError("--slow needs --service-log", "add --service-log FILE")
    from configvault.core.plugins import named
    from configvault.usecases.report import document, ordered, report
    from configvault.usecases.titles import titles

    site = context.site()
    counted = report(site, args.since)
    known = titles(site) if counted.plugins else {}
    if context.json:
        context.emit(document(counted, known))
        return 0
    since = f"since {counted.since:%Y-%m-%d %H:%M}" if counted.since else "since the first snapshot"
    context.output.line(since)
    context.output.table(("", *_HEADS), [("in all", *_cells(counted.totals))])
    for title, rows in (("plugin", counted.plugins), ("actor", counted.actors), ("day", counted.days)):
        if rows:
            context.output.line()
            people = known if title == "plugin" else {}
            cells = [(named(name, people.get(name)), *_cells(counts)) for name, counts in ordered(title, rows)]
            context.output.table((title, *_HEADS), cells)
    if counted.slowest:
        context.output.line()
        slow = [(f"{one.elapsed_seconds:.3f}s", one.of, one.result, one.actor) for one in counted.slowest]
        context.output.table(("slowest loadings", "of", "result", "actor"), slow)
    if counted.releases:
        context.output.line()
        releases = [
            (f"{one.at:%Y-%m-%d %H:%M}", one.to, "success" if one.ok else "failure", one.actor)
            for one in counted.releases
        ]
        context.output.table(("releases of the service", "back to", "result", "actor"), releases)
    return 0


def _cells(counts: Mapping[str, int]) -> list[str]:
    return [str(count) if count else "-" for count in counts.values()]
