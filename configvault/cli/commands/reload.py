"""Have the service load what is live."""

from __future__ import annotations

import argparse

from configvault.cli.context import Context
from configvault.core.exits import Exit


def declare(parser: argparse.ArgumentParser) -> None:
    """Add no arguments."""


def run(context: Context, args: argparse.Namespace) -> int:  # noqa: ARG001 - every command takes them
    """Reload, check the health, print both."""
    from configvault.cli import words
    from configvault.core.model import healthy
    from configvault.core.rendering import documents
    from configvault.usecases.reload import reload

    outcome = reload(context.site())
    if context.json:
        context.emit(documents.reloaded(outcome))
    else:
        context.output.lines(words.reloaded(outcome.reload, outcome.health))
    return 0 if outcome.reload.ok and healthy(outcome.health) else Exit.UNHEALTHY
