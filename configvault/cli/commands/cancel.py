"""Undo a rollback that waits for its confirmation."""

from __future__ import annotations

import argparse

from configvault.cli.commands import rollback
from configvault.cli.context import Context
from configvault.core.exits import Exit


def declare(parser: argparse.ArgumentParser) -> None:
    """Add no arguments."""


def run(context: Context, args: argparse.Namespace) -> int:  # noqa: ARG001 - every command takes them
    """Undo at once and print what came of it. As it was asked for, this is a success, if the service takes it."""
    from configvault.core.model import healthy
    from configvault.usecases import confirm

    outcome = rollback.show_ended(context, confirm.cancel(context.site()))
    taken = outcome.reload is None or (outcome.reload.ok and healthy(outcome.health))
    return 0 if taken else Exit.UNHEALTHY
