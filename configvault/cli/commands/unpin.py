"""Take a name away."""

from __future__ import annotations

import argparse

from configvault.cli.context import Context


def declare(parser: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    parser.add_argument("name", metavar="PIN", help="the name to remove")


def run(context: Context, args: argparse.Namespace) -> int:
    """Do it and print the snapshot."""
    from configvault.usecases import labels

    context.say_snapshot(labels.unpin(context.site(), args.name), f"no longer pinned as {args.name}")
    return 0
