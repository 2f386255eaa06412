"""Thin out snapshots."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from configvault.cli.context import Context
from configvault.core.errors import UsageError
from configvault.core.exits import Exit

if TYPE_CHECKING:
    from configvault.core.settings import KeepSnapshots
    from configvault.usecases.prune import Cut, Pruned

_COUNTS = (
    ("last", "the newest N snapshots"),
    ("hourly", "the newest snapshot of each of the last N hours that have one"),
    ("daily", "the newest snapshot of each of the last N days that have one"),
    ("weekly", "the newest snapshot of each of the last N weeks that have one"),
    ("monthly", "the newest snapshot of each of the last N months that have one"),
    ("yearly", "the newest snapshot of each of the last N years that have one"),
)


def declare(parser: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    parser.add_argument(
        "-n", "--dry-run", action="store_true", help="only print what would be removed and why the rest is kept"
    )
    for name, text in _COUNTS:
        parser.add_argument(f"--keep-{name}", metavar="N", help=f"keep {text}")
    parser.add_argument(
        "--keep-within",
        metavar="TIME",
        help="keep snapshots taken within this time of the newest one, for example 30d",
    )
    parser.add_argument(
        "--keep-good", metavar="N", help="keep only the newest N good snapshots (default: all good ones)"
    )


def run(context: Context, args: argparse.Namespace) -> int:
    """Prune, and print what goes, what stays, and why."""
    from configvault.usecases.prune import prune

    site = context.site()
    done = prune(site, _policy(args, site.settings.retention.snapshots), dry_run=args.dry_run)
    if context.json:
        context.emit(_document(done))
    else:
        _print(context, done)
    return Exit.DEGRADED if done.cut and done.cut.refused else 0


def _policy(args: argparse.Namespace, configured: KeepSnapshots) -> KeepSnapshots:
    """Return the rules on the command line, or those of the configuration where there is none."""
    from configvault.core import times
    from configvault.core.settings import KeepSnapshots

    given: dict[str, Any] = {
        name: _count(f"--keep-{name}", text)
        for name in ("last", "hourly", "daily", "weekly", "monthly", "yearly", "good")
        if (text := getattr(args, f"keep_{name}")) is not None
    }
    if args.keep_within is not None:
        try:
            given["within"] = times.parse_duration(args.keep_within)
        except ValueError as error:
            raise UsageError(f"--keep-within: {error}", "configvault prune -n --keep-within 30d") from None
    if not given:
        return configured
    return KeepSnapshots(**{f"keep_{name}": value for name, value in given.items()})


def _count(flag: str, text: str) -> int:
    if not (text.isascii() and text.isdigit() and int(text)):
        raise UsageError(f"{flag} {text!r} is not a number of 1 or more", f"configvault prune -n {flag} 10")
    return int(text)


def _document(done: Pruned) -> dict[str, Any]:
    word = "planned" if done.dry_run else "pruned" if done.removed or done.cut else "unchanged"
    return {
        "outcome": word,
        "kept": [
            {"id": one.snapshot.id, "reasons": list(one.reasons)} for one in done.decisions if one.reasons
        ],
        "removed": [one.id for one in done.removed],
        "history": {
            "commits": done.cut.commits,
            "freed_bytes": done.cut.freed_bytes,
            "refused": done.cut.refused,
        }
        if done.cut
        else None,
    }


def _print(context: Context, done: Pruned) -> None:
    from configvault.cli import words

    rows = [
        (
            one.snapshot.id,
            words.when(one.snapshot.taken_at),
            "keep" if one.reasons else "remove",
            ", ".join(one.reasons),
        )
        for one in done.decisions
    ]
    if not context.quiet:
        context.output.table(("id", "taken", "", "because"), rows)
    would = "would keep" if done.dry_run else "kept"
    kept = len(done.decisions) - len(done.removed)
    context.output.line(f"{would} {words.counted(kept, 'snapshot')}, removed {len(done.removed)}" if not done.dry_run
                        else f"{would} {words.counted(kept, 'snapshot')} and remove {len(done.removed)}")  # fmt: skip
    context.output.lines(_cut(done.cut, done.dry_run) if done.cut else ())


def _cut(cut: Cut, dry_run: bool) -> Iterator[str]:
    from configvault.cli import words
    from configvault.cli.output import printable
    from configvault.core import units

    commits = words.counted(cut.commits, "commit")
    if cut.refused:
        yield f"warning {commits} of old history cannot be cut off: {printable(cut.refused)}"
    elif dry_run:
        yield f"would cut off {commits} of old history"
    elif not cut.commits:
        yield f"finished cutting off old history, {units.size_text(cut.freed_bytes)} are free again"
    else:
        yield f"cut off {commits} of old history, {units.size_text(cut.freed_bytes)} are free again"
