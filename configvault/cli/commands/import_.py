"""Make the first history of what an older backup script left."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from configvault.cli.context import Context

if TYPE_CHECKING:
    from configvault.usecases.importing import Imported


def declare(parser: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    from configvault.cli.commands import init

    parser.add_argument(
        "places",
        nargs="+",
        metavar="DIR",
        help="a folder that contains backup_YYYYMMDD_HHMMSS folders, or one of them",
    )
    init.declare(parser)


def run(context: Context, args: argparse.Namespace) -> int:
    """Write a configuration if there is none, record the backups, and then what is live."""
    from configvault.cli import words
    from configvault.cli.commands import init
    from configvault.core.rendering import documents
    from configvault.usecases import importing

    backups = importing.find(args.places, None)
    init.configure(context, args)
    site = context.site(create=True)
    backups = importing.find(args.places, site.now().tzinfo)
    rows = []
    for one in importing.import_backups(site, backups):
        rows.append({"path": one.backup.path, **documents.recorded(one.outcome)})
        if not context.json:
            context.output.line(_line(one))
    if context.json:
        context.emit({"imported": rows})
        return 0
    taken = sum(row["outcome"] == "recorded" for row in rows)
    rejected = sum(row["outcome"] == "rejected" for row in rows)
    context.output.line(
        f"imported {words.counted(taken, 'snapshot')} and {words.counted(rejected, 'rejected state')} "
        f"of {words.counted(len(rows), 'folder')}"
    )
    context.output.line(context.hint("next: configvault init"))
    return 0


def _line(one: Imported) -> str:
    """Return what came of one folder."""
    from configvault.cli.output import printable
    from configvault.core.outcome import Recording

    outcome, path = one.outcome, printable(one.backup.path)
    if outcome.outcome is Recording.REJECTED:
        assert outcome.rejected is not None
        return f"{path}: rejected as {outcome.rejected.id}: {printable(outcome.rejected.subject)}"
    assert outcome.snapshot is not None
    if outcome.outcome is Recording.UNCHANGED:
        return f"{path}: as {outcome.snapshot.id}"
    return f"{path}: recorded as {outcome.snapshot.id}: {printable(outcome.snapshot.subject)}"
