"""The daemon: watch, validate, record, run what is scheduled; in the foreground."""

from __future__ import annotations

import argparse

from configvault.cli.context import Context


def declare(parser: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    what = parser.add_mutually_exclusive_group()
    what.add_argument(
        "--reconfigure",
        action="store_true",
        help="make the running daemon read its configuration again, and wait until it has done so",
    )
    what.add_argument(
        "--once", action="store_true", help="scan once, record what has changed, and exit: 0 done, 3 rejected"
    )


def run(context: Context, args: argparse.Namespace) -> int:
    """Run until a signal says stop."""
    from configvault import daemon

    if args.reconfigure:
        return daemon.reconfigure(context.config_path, context.environ)
    return daemon.run(context.config_path, context.environ, once=args.once)
