"""Fetch the configured source and deploy what is new."""

from __future__ import annotations

import argparse

from configvault.cli.commands import deploy as deploy_command
from configvault.cli.context import Context
from configvault.core.exits import Exit


def declare(parser: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    parser.add_argument("-n", "--dry-run", action="store_true", help="only print what would be done")
    parser.add_argument(
        "--force",
        action="store_true",
        help="also deploy a commit that was rejected or rolled back, a rewritten branch, and over local changes",
    )


def run(context: Context, args: argparse.Namespace) -> int:
    """Pull, and print what came of it."""
    from configvault.core.rendering import documents
    from configvault.usecases import pull

    outcome = pull.pull(context.site(), force=args.force, dry_run=args.dry_run)
    if outcome.deployment is not None:
        deploy_command.show(context, outcome.deployment)
        return deploy_command.EXIT_CODES[outcome.deployment.outcome]
    if context.json:
        word = "held" if outcome.held else "unchanged"
        context.emit(
            documents.NOTHING_DEPLOYED
            | {
                "outcome": word,
                "commit": outcome.commit,
                "held": outcome.held,
                "message": outcome.message,
                "drift": outcome.drift,
            }
        )
    elif outcome.held is not None:
        context.output.line(f"held: {context.hint(outcome.message or '')}")
    else:
        context.output.line(f"nothing new: commit {outcome.commit[:12]} is deployed")
        if outcome.drift is not None:
            context.output.line(f"  the root was changed since ({outcome.drift})")
    return Exit.DEGRADED if outcome.held else 0
