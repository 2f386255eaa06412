"""Keep a rollback that waits for its confirmation."""

from __future__ import annotations

import argparse

from configvault.cli.commands import rollback
from configvault.cli.context import Context


def declare(parser: argparse.ArgumentParser) -> None:
    """Add no arguments."""


def run(context: Context, args: argparse.Namespace) -> int:  # noqa: ARG001 - every command takes them
    """Confirm, and print what is kept; where the time was over, what came of undoing it."""
    from configvault.usecases import confirm

    return rollback.EXIT_CODES[rollback.show_ended(context, confirm.confirm(context.site())).outcome]
