"""Look at configvault's own configuration."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from configvault.cli.context import Context

if TYPE_CHECKING:
    from configvault.core.settings import Settings


def declare(parser: argparse.ArgumentParser) -> None:
    """Add what can be done with it."""
    from configvault.cli.parser import global_flags

    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    for name, text in (
        ("validate", "report every mistake in it"),
        ("show", "print the effective configuration"),
        ("example", "print every option with its default and its meaning"),
    ):
        actions.add_parser(name, help=text, parents=[global_flags()])
    postman = actions.add_parser(
        "import-postman",
        help="convert a Postman collection to health checks and print them",
        parents=[global_flags()],
    )
    postman.add_argument(
        "file", metavar="FILE", help="a collection exported as Collection v2.1; - for standard input"
    )


def run(context: Context, args: argparse.Namespace) -> int:
    """Read it, which says what is wrong; then print it without secrets."""
    from configvault import config

    if args.action == "import-postman":
        return _import(context, args.file)
    if args.action == "example":
        text = config.example()
        context.emit({"text": text}) if context.json else print(text, end="")
        return 0
    settings = context.settings()
    if args.action == "show":
        if context.json:
            context.emit(config.as_document(settings))
        else:
            print(config.dump(settings), end="")
    else:
        _valid(context, settings)
    return 0


def _valid(context: Context, settings: Settings) -> None:
    from configvault import app

    warnings = [
        f"{rule} is configured but has no effect: its library is not installed; {command}"
        for rule, command in app.lacking(settings.validate).items()
    ]
    if context.json:
        context.emit({"valid": True, "path": context.config_path, "warnings": warnings})
        return
    for warning in warnings:
        context.say_warning(warning)
    context.output.line(f"{context.config_path} is valid")


def _import(context: Context, path: str) -> int:
    """Print the checks; what was not taken over goes to standard error."""
    import sys
    from pathlib import Path

    from configvault import config
    from configvault.core.errors import ConfigvaultError

    data = sys.stdin.buffer.read() if path == "-" else Path(path).read_bytes()
    try:
        found = config.import_postman(data.decode("utf-8-sig", "replace"))
    except ValueError as error:
        raise ConfigvaultError(
            f"{path} is not a Postman collection: {error}", "export it as Collection v2.1, then try again"
        ) from error
    if context.json:
        context.emit({"health": found.checks, "notes": found.notes})
        return 0
    for note in found.notes:
        context.say_warning(note)
    print(config.dump_checks(found.checks), end="")
    return 0
