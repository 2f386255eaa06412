"""Make a directory, a tar file or a git commit live, if the rules accept it."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from typing import TYPE_CHECKING

from configvault.cli.commands.rollback import confirm_s, declare_change, interruptible, waited_for
from configvault.cli.context import Context, inside
from configvault.core.errors import UsageError
from configvault.core.exits import Exit
from configvault.core.outcome import DeployEnd, DeployOutcome

if TYPE_CHECKING:
    from configvault.core.candidates import Candidate
    from configvault.usecases.deploy import Stage
    from configvault.usecases.transition import Aim

EXIT_CODES = {
    DeployEnd.DEPLOYED: Exit.DONE,
    DeployEnd.UNCHANGED: Exit.DONE,
    DeployEnd.PLANNED: Exit.DONE,
    DeployEnd.REJECTED: Exit.REJECTED,
    DeployEnd.RELOAD_FAILED: Exit.UNHEALTHY,
    DeployEnd.UNDONE: Exit.UNDONE,
}


def declare(parser: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    parser.add_argument(
        "source",
        nargs="?",
        metavar="SOURCE",
        help="a directory, a tar file, - (tar on standard input) or GIT-URL[#REF[:FOLDER]]",
    )
    declare_change(parser, "deploy")
    parser.add_argument(
        "--force",
        action="store_true",
        help="also if most files are removed or owners cannot be set; never deploys an invalid state",
    )
    parser.add_argument(
        "--keep-extra", action="store_true", help="do not remove files that the source does not have"
    )
    parser.add_argument("--preserve", action="store_true", help="also take owners and modes from the source")


def run(context: Context, args: argparse.Namespace) -> int:
    """Deploy and print what came of it; without a daemon also wait for the confirmation."""
    from dataclasses import replace

    from configvault.usecases import candidates, deploy

    within_s = confirm_s(args, "source")
    if args.source is None:
        raise UsageError(
            "no source is given", "configvault deploy DIRECTORY, or: tar c . | configvault deploy -"
        )
    site = context.site()
    request = deploy.Request(
        tuple(inside(site.settings.root, path) for path in args.path),
        args.expect,
        not args.no_reload,
        args.force,
        args.message,
        within_s,
        args.keep_extra,
        args.preserve,
    )

    def offer(stage: Stage) -> Candidate:
        return candidates.read(site, args.source, stage, candidates.standard_input())

    if args.dry_run:
        with site.vault.stage() as stage:
            outcome, aim = deploy.dry_run(site, request, offer, stage)
            show(context, outcome)
            if not context.json:
                _show_diff(context, site.vault.redaction_key, aim, stage)
        return EXIT_CODES[outcome.outcome]

    def act() -> int:
        outcome = deploy.deploy(site, request, offer)
        if outcome.change is not None and outcome.change.pending_until is not None:
            ended = waited_for(context, site, outcome.change, lambda: show(context, outcome))
            outcome = replace(outcome, outcome=DeployEnd.of(ended.outcome), change=ended)
        show(context, outcome)
        return EXIT_CODES[outcome.outcome]

    return interruptible(context, site, act)


def show(context: Context, outcome: DeployOutcome) -> None:
    """Print what came of a deployment."""
    from configvault.cli import words
    from configvault.core.rendering import documents

    if context.json:
        context.emit(documents.deployed(outcome))
        return
    context.say_findings(outcome.findings, outcome.standing)
    context.output.lines(words.deployed(outcome, context.hint))
    if outcome.deployed is not None:
        context.output.lines(words.first_changes(outcome.changes, f"show {outcome.deployed.id}", context.hint))
    else:
        context.output.lines(words.changes(outcome.changes))


def _show_diff(context: Context, key: Callable[[], bytes], aim: Aim, stage: Stage) -> None:
    from dataclasses import replace

    from configvault.cli.commands import diff

    read = replace(aim.live, stage=stage).read
    hide = diff.hider(key, redact=True)
    diff.print_diffs(context, diff.file_diffs(aim.changes, read, read, hide))
