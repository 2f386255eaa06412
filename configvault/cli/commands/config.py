"""Look at configvault's own configuration."""

from __future__ import annotations

import argparse

from configvault.cli.context import Context


def declare(parser: argparse.ArgumentParser) -> None:
    """Add what can be done with it."""
    from configvault.cli.parser import global_flags

    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    for name, text in (
        ("validate", "say everything that is wrong with it"),
        ("show", "print what is in force"),
    ):
        actions.add_parser(name, help=text, parents=[global_flags()])


def run(context: Context, args: argparse.Namespace) -> int:
    """Read it, which says what is wrong; then print it without secrets."""
    from configvault import config

    settings = context.settings()
    if args.action == "show":
        if context.json:
            context.emit(config.as_document(settings))
        else:
            print(config.dump(settings), end="")
    elif context.json:
        context.emit({"valid": True, "path": context.config_path})
    else:
        context.output.line(f"{context.config_path} is valid")
    return 0
