"""Restore a snapshot and have the service load it."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING

from configvault.cli.context import Context, inside
from configvault.core.errors import UsageError
from configvault.core.exits import Exit
from configvault.core.outcome import DeployOutcome, RollbackEnd, RollbackOutcome

if TYPE_CHECKING:
    from configvault.usecases.site import Site

EXIT_CODES = {
    RollbackEnd.ROLLED_BACK: Exit.DONE,
    RollbackEnd.UNCHANGED: Exit.DONE,
    RollbackEnd.PLANNED: Exit.DONE,
    RollbackEnd.RELOAD_FAILED: Exit.UNHEALTHY,
    RollbackEnd.UNDONE: Exit.UNDONE,
}
DEFAULT_CONFIRM = "5m"
LONGEST_CONFIRM_S = 7 * 86400.0
_CANDIDATES = 10


def declare(parser: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    parser.add_argument(
        "reference", nargs="?", metavar="REF", help="the snapshot to restore; without REF: list the newest ones"
    )
    parser.add_argument(
        "--at",
        metavar="TIME",
        help="the snapshot that was the latest at this time: '2023-12-01 14:00', '2h ago'",
    )
    declare_change(parser, "restore")
    parser.add_argument(
        "--force",
        action="store_true",
        help="restore also if the current rules reject the snapshot or if owners cannot be set",
    )


def declare_change(parser: argparse.ArgumentParser, verb: str) -> None:
    """Add the arguments of whatever changes the root; `verb` says what it does with files."""
    parser.add_argument("-n", "--dry-run", action="store_true", help="only print what would be done")
    parser.add_argument(
        "--path", action="append", metavar="P", default=[], help=f"{verb} only this file or folder"
    )
    parser.add_argument("--expect", metavar="ID", help="abort if ID is no longer the latest snapshot")
    parser.add_argument(
        "--confirm",
        metavar="TIME",
        nargs="?",
        const=DEFAULT_CONFIRM,
        help=f"undo it unless it is confirmed within TIME with `configvault confirm` (default {DEFAULT_CONFIRM})",
    )
    parser.add_argument("--no-reload", action="store_true", help="do not reload the service")
    parser.add_argument(
        "--allow-setid", action="store_true", help="restore the set-user-id and set-group-id bits of files"
    )
    parser.add_argument("-m", "--message", metavar="TEXT", help="the reason")


def run(context: Context, args: argparse.Namespace) -> int:
    """Restore and print what came of it; without a daemon also wait for the confirmation."""
    from configvault.usecases import rollback

    within_s = confirm_s(args)
    if args.reference is None and args.at is None:
        return _candidates(context)
    if args.reference is not None and args.at is not None:
        raise UsageError("a reference and --at cannot be combined", "use one of them")
    site = context.site()
    request = rollback.Request(
        args.reference,
        args.at,
        tuple(inside(site.settings.root, path) for path in args.path),
        args.expect,
        not args.no_reload,
        args.force,
        args.message,
        within_s,
        args.allow_setid,
    )

    def act() -> int:
        outcome = (rollback.dry_run if args.dry_run else rollback.rollback)(site, request)
        if outcome.pending_until is not None:
            outcome = waited_for(context, site, outcome, lambda: show(context, outcome))
        show(context, outcome)
        return EXIT_CODES[outcome.outcome]

    return interruptible(context, site, act)


def interruptible(context: Context, site: Site, act: Callable[[], int]) -> int:
    """Return what `act` returns; where it is interrupted while a confirmation is pending, say so."""
    from configvault.usecases import confirm

    try:
        return act()
    except KeyboardInterrupt:
        if confirm.due(site) is None:
            raise
        context.say_error(
            "interrupted; the change is still pending", "configvault confirm, or configvault cancel"
        )
        return Exit.INTERRUPTED


def confirm_s(args: argparse.Namespace, positional: str = "reference") -> float | None:
    """Return how long the change waits for its confirmation, None if it does not."""
    from configvault.core import units

    if args.confirm is None:
        return None
    try:
        seconds = units.duration(args.confirm)
    except ValueError:
        if getattr(args, positional) is not None:
            raise UsageError(
                f"--confirm {args.confirm!r} is not a duration; allowed: {units.DURATIONS}", "--confirm=5m"
            ) from None
        # `rollback --confirm REF`: argparse took the reference for the time.
        setattr(args, positional, args.confirm)
        seconds = units.duration(DEFAULT_CONFIRM)
    if not 1 <= seconds <= LONGEST_CONFIRM_S:
        raise UsageError(f"--confirm {args.confirm} is too short or too long", "from 1s to 7d")
    return seconds


def waited_for(
    context: Context, site: Site, outcome: RollbackOutcome, shown: Callable[[], None]
) -> RollbackOutcome:
    """Leave the waiting to the daemon, or wait here where none runs, after `shown` has printed how it stands."""
    from configvault.usecases import confirm, status

    if status.daemon(site.vault).running:
        return outcome
    if not context.json:
        shown()
        undo = context.hint("configvault cancel")
        context.output.line(
            f"waiting for the confirmation, because no daemon is running; to undo it now: {undo}"
        )
        sys.stdout.flush()
    return confirm.wait(site, outcome)


def show(context: Context, outcome: RollbackOutcome) -> None:
    """Print what came of a rollback."""
    from configvault.cli import words
    from configvault.core.rendering import documents

    if context.json:
        context.emit(documents.rolled_back(outcome))
        return
    context.say_findings(outcome.findings, outcome.standing)
    context.output.lines(words.rolled_back(outcome, context.hint))
    if outcome.recorded is not None:
        context.output.lines(words.first_changes(outcome.changes, f"show {outcome.recorded.id}", context.hint))
    else:
        context.output.lines(words.changes(outcome.changes, outcome.lines))


def show_ended(context: Context, ended: RollbackOutcome | DeployOutcome) -> RollbackOutcome:
    """Print what came of what was pending, a rollback or a deployment, and return what came of its change."""
    from configvault.cli import words

    if isinstance(ended, RollbackOutcome):
        show(context, ended)
        return ended
    assert ended.change is not None
    if context.json:
        show(context, ended.change)
    else:
        context.output.lines(words.deployed(ended, context.hint))
        context.output.lines(words.changes(ended.changes))
    return ended.change


def _candidates(context: Context) -> int:
    """List the newest snapshots: without a reference nothing is restored."""
    from configvault.cli.commands import listing
    from configvault.usecases import history

    found = history.listing(context.site(), history.Filter(limit=_CANDIDATES))
    listing.show(context, found)
    raise UsageError("no reference is given", f"configvault rollback {found[0].id if found else 'REF'}")
