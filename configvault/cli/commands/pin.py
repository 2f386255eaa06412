"""Give a snapshot a name."""

from __future__ import annotations

import argparse

from configvault.cli.context import Context


def declare(parser: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    parser.add_argument("reference", metavar="REF", help="the snapshot")
    parser.add_argument("name", metavar="NAME", help="its name; use pin:NAME to refer to it")


def run(context: Context, args: argparse.Namespace) -> int:
    """Do it and print the snapshot."""
    from configvault.usecases import labels

    context.say_snapshot(labels.pin(context.site(), args.reference, args.name), f"pinned as {args.name}")
    return 0
