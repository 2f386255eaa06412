"""Say how things stand."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from configvault.cli.context import Context

if TYPE_CHECKING:
    from configvault.usecases.status import Status

DEGRADED = 6
_MOST_CHANGES = 20


def declare(parser: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    parser.add_argument(
        "--check", action="store_true", help="exit 1 where live is not the latest snapshot, 6 when degraded"
    )


def run(context: Context, args: argparse.Namespace) -> int:
    """Look and print."""
    from configvault.usecases.status import status

    found = status(context.site())
    if context.json:
        context.emit(_document(found))
    else:
        context.output.lines(_words(found), asked=True)
    if not args.check:
        return 0
    if found.degraded:
        return DEGRADED
    return 0 if found.matches else 1


def _document(found: Status) -> dict[str, Any]:
    from configvault.core import documents

    return {
        "live": {"matches": found.matches, "changes": [documents.change(one) for one in found.changes]},
        "latest": found.latest.id if found.latest else None,
        "loaded": found.loaded,
        "good": found.good,
        "daemon": {
            "running": found.daemon.running,
            "pid": found.daemon.pid,
            "since": found.daemon.since,
            "last_proof": found.daemon.last_proof.isoformat() if found.daemon.last_proof else None,
        },
        "pending": found.pending,
        "replicas": list(found.replicas),
        "degraded": list(found.degraded),
        "rejected": found.rejected,
        "left_out": [{"path": path, "reason": reason} for path, reason in found.left_out],
    }


def _words(found: Status) -> Iterator[str]:
    from configvault.cli import words
    from configvault.cli.output import printable

    if found.latest is None:
        yield "latest  none yet: configvault snapshot"
    else:
        yield f"latest  {found.latest.id}  {printable(found.latest.subject)}  ({found.latest.actor})"
    if found.matches:
        yield "live    is the latest snapshot"
    elif found.rejected:
        yield f"live    error: was rejected: configvault rejected show {found.rejected}"
    elif found.changes:
        yield f"live    differs from it in {words.counted(len(found.changes), 'place')}, not recorded"
    yield from words.changes(found.changes[:_MOST_CHANGES])
    if len(found.changes) > _MOST_CHANGES:
        yield f"  and {len(found.changes) - _MOST_CHANGES} more: configvault diff --name-only"
    yield f"loaded  {found.loaded or 'unknown: nothing was reloaded yet'}"
    yield f"good    {found.good or 'none yet'}"
    if found.daemon.running:
        yield f"daemon  runs as process {found.daemon.pid} since {found.daemon.since}"
    else:
        yield "daemon  does not run: changes are not recorded by themselves"
    if found.pending is not None:
        yield (
            f"pending warning: the rollback to {found.pending['target']} is undone in "
            f"{found.pending['seconds_left']:.0f}s ({found.pending['until']}), unless: configvault confirm"
        )
    for path, reason in found.left_out:
        yield f"warning {printable(path)} is left out: {reason}"
    for reason in found.degraded:
        yield f"warning {printable(reason)}"
