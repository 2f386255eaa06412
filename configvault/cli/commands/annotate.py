"""Add a reason to a snapshot."""

from __future__ import annotations

import argparse

from configvault.cli.context import Context


def declare(parser: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    parser.add_argument("reference", metavar="REF", help="the snapshot")
    parser.add_argument("-m", "--message", metavar="TEXT", required=True, help="the reason")


def run(context: Context, args: argparse.Namespace) -> int:
    """Do it and print the snapshot."""
    from configvault.usecases import labels

    context.say_snapshot(labels.annotate(context.site(), args.reference, args.message), "annotated")
    return 0
