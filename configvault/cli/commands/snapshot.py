"""Record live now."""

from __future__ import annotations

import argparse

from configvault.cli.context import Context
from configvault.core.outcome import Recording, RecordOutcome


def declare(parser: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    parser.add_argument("-m", "--message", metavar="TEXT", help="the reason")
    parser.add_argument(
        "--pin", metavar="NAME", help="also give the snapshot a name; a pinned snapshot is never pruned"
    )
    parser.add_argument(
        "--force",
        action="store_true",
        help="record even if most files were removed; never records an invalid state",
    )


def run(context: Context, args: argparse.Namespace) -> int:
    """Record and print what came of it."""
    from configvault.usecases.record import record

    outcome = record(context.site(keep=True), "manual", reason=args.message, pin=args.pin, force=args.force)
    return finish(context, outcome)


def finish(context: Context, outcome: RecordOutcome) -> int:
    """Print what came of recording, and return the exit code."""
    from configvault.cli import words
    from configvault.core.errors import RejectedError
    from configvault.core.rendering import documents

    if context.json:
        context.emit(documents.recorded(outcome))
    else:
        context.say_findings(outcome.findings, outcome.standing)
        context.output.lines(words.recorded(outcome, context.hint))
    return RejectedError.code if outcome.outcome is Recording.REJECTED else 0
