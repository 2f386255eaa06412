"""Compare states, with secrets hidden."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING

from configvault.cli.context import Context, inside
from configvault.cli.output import printable
from configvault.core.exits import Exit

if TYPE_CHECKING:
    from configvault.core.model import Change
    from configvault.core.rendering.textdiff import FileDiff

_STYLES = {"+": "good", "-": "error", "@": "dim"}

Read = Callable[[str], bytes]
Hide = Callable[[str, str], tuple[str, str]]


def declare(parser: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    parser.add_argument(
        "references", nargs="*", metavar="REF", help="default: compare the latest snapshot with live"
    )
    parser.add_argument("--stat", action="store_true", help="count the lines that changed in each file")
    parser.add_argument("--name-only", action="store_true", help="print only the names of the files")
    parser.add_argument("--exit-code", action="store_true", help="exit 1 if there are differences")
    parser.add_argument("--no-redact", action="store_true", help="show secrets")
    parser.usage = "%(prog)s [A] [B] [flags] [-- PATH...]"


def run(context: Context, args: argparse.Namespace) -> int:
    """Print the difference."""
    from configvault.core.errors import UsageError
    from configvault.usecases import history

    references = args.references
    if len(references) > 2:
        raise UsageError(
            f"{len(references)} references are given, at most two can be compared",
            "put paths behind --: configvault diff previous -- PATH",
        )
    old, new = (*references, None, None)[:2]
    site = context.site()
    paths = [inside(site.settings.root, path) for path in args.behind]
    with site.vault.stage() as stage:
        found = history.difference(site, old, new, paths, stage)
        hide = hider(site.vault.redaction_key, redact=not args.no_redact)
        show(
            context,
            args,
            file_diffs(found.changes, found.read_old, found.read_new, hide),
            (found.old, found.new),
        )
    return Exit.DIFFERS if found.changes and args.exit_code else 0


def hider(key: Callable[[], bytes], *, redact: bool) -> Hide:
    """Return what hides the secrets of a text before and after; with one `key` the same one has the same mark."""
    if not redact:
        return lambda old, new: (old, new)
    from configvault.core.secrets.redactor import Redactor

    return Redactor(key()).both


def file_diffs(changed: Iterable[Change], old: Read, new: Read, hide: Hide) -> Iterator[FileDiff]:
    """Yield the difference of each path."""
    from configvault.core.rendering.textdiff import file_diff

    return (file_diff(change, old, new, hide) for change in changed)


def show(
    context: Context, args: argparse.Namespace, diffs: Iterable[FileDiff], between: tuple[str, str]
) -> None:
    """Print differences in the form that the flags ask for."""
    if context.json:
        context.emit(_document(diffs, between))
        return
    output = context.output
    if args.name_only or args.stat:
        output.lines(stat(diffs) if args.stat else (printable(one.change.path) for one in diffs), asked=True)
        return
    print_diffs(context, diffs)


def print_diffs(context: Context, diffs: Iterable[FileDiff]) -> None:
    """Print whole differences."""
    context.output.long_lines(_styled(diffs), context.environ)


def _styled(diffs: Iterable[FileDiff]) -> Iterator[tuple[str, str | None]]:
    for one in diffs:
        yield from ((line, "head") for line in one.header)
        yield from ((line, _STYLES.get(line[:1])) for line in one.lines)


def stat(diffs: Iterable[FileDiff]) -> Iterator[str]:
    """Yield a line for each file with the lines that came and went."""
    from configvault.cli import words

    for one in diffs:
        count = "not text" if one.binary else f"+{one.added} -{one.removed}"
        yield f"  {words.SIGNS[one.change.kind]} {printable(one.change.path)}  {count}"


def _document(diffs: Iterable[FileDiff], between: tuple[str, str]) -> dict[str, object]:
    from configvault.core.rendering import documents

    rows = [
        documents.change(one.change)
        | {"added": one.added, "removed": one.removed, "diff": "\n".join((*one.header, *one.lines))}
        for one in diffs
    ]
    return {"old": between[0], "new": between[1], "changes": rows}
