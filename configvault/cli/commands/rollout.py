"""Look at the releases of the service itself, and go back to one."""

from __future__ import annotations

import argparse

from configvault.cli.context import Context
from configvault.core.exits import Exit


def declare(parser: argparse.ArgumentParser) -> None:
    """Add what can be done."""
    from configvault.cli.parser import global_flags

    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    actions.add_parser("history", help="list the releases", parents=[global_flags()])
    actions.add_parser("previous", help="switch to the release before this one", parents=[global_flags()])
    revision = actions.add_parser(
        "revision", help="switch to a release by its number", parents=[global_flags()]
    )
    revision.add_argument("number", metavar="N", nargs="?", help="its number; without N: list the releases")


def run(context: Context, args: argparse.Namespace) -> int:
    """Do it, and print what the tool said and whether the service is well."""
    from configvault.cli import words
    from configvault.core.errors import ConfigvaultError, UsageError
    from configvault.core.model import healthy
    from configvault.core.rendering import documents
    from configvault.usecases import rollout

    number = _number(args)
    site = context.site()
    if args.action == "history" or (args.action == "revision" and number is None):
        listed = rollout.history(site)
        if context.json and args.action == "history":
            context.emit({"history": listed})
        else:
            context.output.lines(listed.splitlines(), asked=True)
        if args.action == "revision":
            raise UsageError("no revision is given", "configvault rollout revision N")
        return 0
    outcome = rollout.go_back(site, number)
    if context.json:
        context.emit(documents.rollout(outcome))
    else:
        context.output.lines(outcome.output.splitlines())
        end = "the service went back to" if outcome.error is None else "error: the service did not go back to"
        context.output.line(f"{end} {outcome.to}" + (f": {outcome.error}" if outcome.error else ""))
        context.output.lines(words.checks(outcome.health))
    if outcome.error is not None:
        return ConfigvaultError.code
    return 0 if healthy(outcome.health) else Exit.UNHEALTHY


def _number(args: argparse.Namespace) -> int | None:
    from configvault.core.errors import UsageError

    text = getattr(args, "number", None)
    if text is None:
        return None
    if not (text.isascii() and text.isdigit() and 0 < int(text) < 10**9):
        raise UsageError(f"{text!r} is not the number of a release", "configvault rollout history")
    return int(text)
