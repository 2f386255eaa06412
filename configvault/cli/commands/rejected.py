"""Look at refused states."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from configvault.cli.context import Context

if TYPE_CHECKING:
    from configvault.core.model import RejectedState
    from configvault.usecases.site import Site


def declare(parser: argparse.ArgumentParser) -> None:
    """Add what can be done with them."""
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    actions.add_parser("list", help="list rejected states, newest first", parents=[_globals()])
    for name, text in (
        ("show", "show why a state was rejected"),
        ("diff", "compare a rejected state with the snapshot before it"),
        ("drop", "remove a rejected state"),
    ):
        action = actions.add_parser(name, help=text, parents=[_globals()])
        action.add_argument(
            "reference",
            metavar="REJECTED",
            nargs=None if name == "drop" else "?",
            help="its id or a unique prefix of it" + ("" if name == "drop" else "; default: the newest"),
        )
        if name == "diff":
            action.add_argument("--stat", action="store_true", help="count the lines that changed")
            action.add_argument("--name-only", action="store_true", help="print only the names of the files")
            action.add_argument("--no-redact", action="store_true", help="show secrets")


def _globals() -> argparse.ArgumentParser:
    from configvault.cli import parser

    return parser.global_flags()


def run(context: Context, args: argparse.Namespace) -> int:
    """Do what `action` says."""
    site = context.site()
    if args.action == "list":
        _list(context, site.vault.rejected())
        return 0
    if args.action == "drop":
        from configvault.usecases.labels import drop_rejected

        _say(context, drop_rejected(site, args.reference), "dropped")
        return 0
    found = _find(site, args.reference)
    return _diff(context, args, site, found) if args.action == "diff" else _show(context, found)


def _find(site: Site, reference: str | None) -> RejectedState:
    """Return the rejected state that is named, or the newest one."""
    from configvault.core.errors import UnknownReferenceError
    from configvault.core.model import RejectedState
    from configvault.usecases import references

    if reference is None:
        newest = site.vault.rejected(1)
        if not newest:
            raise UnknownReferenceError("there are no rejected states", "configvault list")
        return newest[0]
    found = references.resolve_any(site, reference)
    if not isinstance(found, RejectedState):
        raise UnknownReferenceError(f"{reference!r} is not a rejected state", "configvault rejected list")
    return found


def _list(context: Context, found: list[RejectedState]) -> None:
    from configvault.cli import words
    from configvault.core.rendering import documents

    if context.json:
        context.emit({"rejected": [documents.rejected(one) for one in found]})
    elif not found:
        context.output.line("no rejected states")
    else:
        rows = [(one.id, words.when(one.taken_at), one.trigger, one.subject) for one in found]
        context.output.table(("id", "taken", "trigger", "why"), rows)


def _show(context: Context, found: RejectedState) -> int:
    from configvault.cli import words
    from configvault.core.rendering import documents

    if context.json:
        context.emit(documents.rejected(found))
    else:
        context.output.line(f"{found.id}, {words.when(found.taken_at)}, by {found.actor}", asked=True)
        context.output.lines(words.findings(found.findings, context.hint), asked=True)
    return 0


def _say(context: Context, found: RejectedState, word: str) -> None:
    from configvault.core.rendering import documents

    if context.json:
        context.emit(documents.rejected(found))
    else:
        context.output.line(f"{word} {found.id}")


def _diff(context: Context, args: argparse.Namespace, site: Site, found: RejectedState) -> int:
    from configvault.cli.commands import diff
    from configvault.usecases import history

    read = site.vault.objects.read
    hide = diff.hider(site.vault.redaction_key, redact=not args.no_redact)
    diffs = diff.file_diffs(history.changes_of(site, found), read, read, hide)
    diff.show(context, args, diffs, ("latest snapshot then", found.id))
    return 0
