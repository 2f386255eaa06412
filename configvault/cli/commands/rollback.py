"""Restore a snapshot and have the service load it."""

from __future__ import annotations

import argparse

from configvault.cli.context import Context
from configvault.core.errors import UsageError
from configvault.core.outcome import RollbackEnd, RollbackOutcome

EXIT_CODES = {
    RollbackEnd.ROLLED_BACK: 0,
    RollbackEnd.UNCHANGED: 0,
    RollbackEnd.PLANNED: 0,
    RollbackEnd.RELOAD_FAILED: 7,
    RollbackEnd.UNDONE: 8,
}
_CANDIDATES = 10


def declare(parser: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    parser.add_argument("reference", nargs="?", metavar="REF", help="what to restore; none: list the newest")
    parser.add_argument("-n", "--dry-run", action="store_true", help="only say what would be done")
    parser.add_argument(
        "--path", action="append", metavar="P", default=[], help="restore only this file or folder"
    )
    parser.add_argument("--at", metavar="TIME", help="what was the latest then: '2023-12-01 14:00', '2h ago'")
    parser.add_argument("--expect", metavar="ID", help="refuse if the latest snapshot is another one by now")
    parser.add_argument("--no-reload", action="store_true", help="do not tell the service")
    parser.add_argument("--force", action="store_true", help="restore what today's rules refuse, too")
    parser.add_argument("-m", "--message", metavar="TEXT", help="why, in your words")


def run(context: Context, args: argparse.Namespace) -> int:
    """Restore and print what came of it."""
    from configvault.usecases import rollback

    if args.reference is None and args.at is None:
        return _candidates(context)
    if args.reference is not None and args.at is not None:
        raise UsageError("a reference and --at are given, and may differ", "name one of them")
    request = rollback.Request(
        args.reference, args.at, tuple(args.path), args.expect, not args.no_reload, args.force, args.message
    )
    carry_out = rollback.dry_run if args.dry_run else rollback.rollback
    outcome = carry_out(context.site(), request)
    show(context, outcome)
    return EXIT_CODES[outcome.outcome]


def show(context: Context, outcome: RollbackOutcome) -> None:
    """Print what came of a rollback."""
    from configvault.cli import words
    from configvault.core import documents

    if context.json:
        context.emit(documents.rolled_back(outcome))
        return
    context.output.lines(words.rolled_back(outcome))
    context.output.lines(words.changes(outcome.changes))


def _candidates(context: Context) -> int:
    """List the newest snapshots: without a reference nothing is restored."""
    from configvault.cli.commands import listing
    from configvault.usecases import history

    found = history.listing(context.site(), history.Filter(limit=_CANDIDATES))
    listing.show(context, found)
    raise UsageError("no reference is given", f"configvault rollback {found[0].id if found else 'REF'}")
