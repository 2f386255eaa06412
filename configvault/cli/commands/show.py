"""Show a snapshot, or a file in it."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from configvault.cli.context import Context, inside

if TYPE_CHECKING:
    from configvault.core.model import Change
    from configvault.usecases.history import Listed


def declare(parser: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    parser.add_argument("reference", metavar="REF[:path]", help="a snapshot, or a file in it")
    parser.add_argument("--stat", action="store_true", help="also count the changed lines of each file")


def run(context: Context, args: argparse.Namespace) -> int:
    """Print it; a file's bytes are printed as they are."""
    from configvault.usecases import history, references

    site = context.site()
    reference, path = split(args.reference)
    found = references.resolve_any(site, reference)
    if path is not None:
        sys.stdout.flush()
        sys.stdout.buffer.write(history.content(site, found, inside(site.settings.root, path)))
        return 0
    changed = history.changes_of(site, found)
    if context.json:
        context.emit(_document(found, changed))
        return 0
    context.output.lines(_facts(found, context.hint), asked=True)
    if found.plugins:
        from configvault.core.plugins import named
        from configvault.usecases.titles import titles

        known = titles(site, found.tree)
        names = ", ".join(named(name, known.get(name)) for name in found.plugins)
        context.output.lines([f"plugins   {names}"], asked=True)
    if args.stat:
        from configvault.cli.commands import diff

        read = site.vault.objects.read
        hide = diff.hider(site.vault.redaction_key, redact=True)
        context.output.lines(diff.stat(diff.file_diffs(changed, read, read, hide)), asked=True)
    else:
        from configvault.cli import words

        context.output.lines(words.changes(changed), asked=True)
    return 0


def split(text: str) -> tuple[str, str | None]:
    """Return the reference and the path in `REF:path`; the colon of `pin:NAME` is no such one."""
    start = text.index(":") + 1 if text.startswith("pin:") else 0
    head, colon, path = text[start:].partition(":")
    return text[:start] + head, path if colon else None


def _document(found: Listed, changed: tuple[Change, ...]) -> dict[str, object]:
    from configvault.core.model import Snapshot
    from configvault.core.rendering import documents

    if isinstance(found, Snapshot):
        return documents.snapshot(found, changed)
    return documents.rejected(found) | {"changes": [documents.change(one) for one in changed]}


def _facts(found: Listed, hint: Callable[[str], str]) -> Iterator[str]:
    from configvault.cli import words
    from configvault.cli.output import printable
    from configvault.core.model import Snapshot

    yield f"{found.id}  {printable(found.subject)}"
    yield f"taken     {words.when(found.taken_at)} by {printable(found.actor)}, trigger {found.trigger}"
    yield f"commit    {found.commit}"
    if not isinstance(found, Snapshot):
        yield from words.findings(found.findings, hint)
        return
    if said := words.flags(found):
        yield f"labels    {said}"
    if found.reason:
        yield f"reason    {printable(found.reason)}"
    if found.target:
        yield f"target    {found.target}"
    for text in found.annotations:
        yield f"note      {printable(text)}"
