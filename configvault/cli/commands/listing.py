"""List snapshots."""

from __future__ import annotations

import argparse
from itertools import chain
from typing import TYPE_CHECKING

from configvault.cli.context import Context, inside
from configvault.core.errors import UnknownReferenceError, UsageError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from configvault.usecases.history import Listed
    from configvault.usecases.site import Site

COLUMNS = ("id", "taken", "trigger", "who", "labels", "what changed")


def declare(parser: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    parser.add_argument("--since", metavar="TIME", help="not older than this: 2023-12-01, yesterday, 2h ago")
    parser.add_argument("--until", metavar="TIME", help="not newer than this")
    parser.add_argument("--path", metavar="PATH", help="only snapshots that changed this file or folder")
    parser.add_argument("--limit", metavar="N", type=count, help="at most N snapshots")
    parser.add_argument(
        "--good",
        action="store_true",
        help="only snapshots that the service loaded and that passed the health checks",
    )
    parser.add_argument("--all", action="store_true", help="also rejected states")


def count(text: str) -> int:
    """Read a positive number."""
    if not text.isdigit() or not int(text):
        raise UsageError(f"--limit {text!r} is not a number of 1 or more", "configvault list --limit 20")
    return int(text)


def run(context: Context, args: argparse.Namespace) -> int:
    """Print the list."""
    from configvault.usecases.history import Filter, each

    site = context.site()
    path = inside(site.settings.root, args.path) if args.path else None
    found = each(site, Filter(args.since, args.until, path, args.limit, args.good, args.all))
    first = next(found, None)
    if first is None and path is not None and not any(each(site, Filter(path=path, limit=1, all=True))):
        raise _unknown(site, path)
    show(context, chain([] if first is None else [first], found))
    return 0


def _unknown(site: Site, path: str) -> UnknownReferenceError:
    """Return the error that nothing was ever recorded of `path`, with the nearest path that is."""
    import shlex
    from difflib import get_close_matches

    latest = site.vault.latest()
    known = [name for name, _ in site.vault.tree(latest.tree).walk()] if latest else []
    near = get_close_matches(path, known, n=1)
    hint = f"configvault list --path {shlex.quote(near[0])}" if near else "configvault list"
    return UnknownReferenceError(f"no snapshot ever changed {path!r}", hint)


def show(context: Context, found: Iterable[Listed]) -> None:
    """Print snapshots as a table or as JSON."""
    if context.json:
        from configvault.core.model import Snapshot
        from configvault.core.rendering import documents

        context.emit(
            {
                "snapshots": [
                    documents.snapshot(one) if isinstance(one, Snapshot) else documents.rejected(one)
                    for one in found
                ]
            }
        )
        return
    # The id says when, too.
    columns = tuple(one for one in COLUMNS if one != "taken" or not context.output.is_narrow)
    if not context.output.long_table(columns, _rows(found, columns), context.environ):
        context.output.line("no snapshots")


def _rows(found: Iterable[Listed], columns: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
    from configvault.cli import words
    from configvault.core.model import Snapshot

    for one in found:
        said, why = "rejected", None
        if isinstance(one, Snapshot):
            said = words.flags(one)
            # What was said with -m: at once, or added where the daemon had recorded first.
            why = one.reason or (one.annotations[-1] if one.annotations else None)
        what = f'{one.subject} ("{why}")' if why else one.subject
        taken = (words.when(one.taken_at),) if "taken" in columns else ()
        yield one.id, *taken, one.trigger, words.people(one.actor), said, what
