"""Prove that the vault is whole."""

from __future__ import annotations

import argparse

from configvault.cli.context import Context


def declare(parser: argparse.ArgumentParser) -> None:
    """Add no arguments."""


def run(context: Context, args: argparse.Namespace) -> int:  # noqa: ARG001 - every command takes them
    """Check every object, ref and tag; damage is an error that names it."""
    from configvault.cli import words
    from configvault.usecases.verify import verify

    verified = verify(context.site())
    if context.json:
        context.emit({"ok": True, "snapshots": verified.snapshots, "rejected": verified.rejected})
    else:
        context.output.line(
            f"the vault is whole: {words.counted(verified.snapshots, 'snapshot')}, "
            f"{words.counted(verified.rejected, 'rejected state')}"
        )
    return 0
