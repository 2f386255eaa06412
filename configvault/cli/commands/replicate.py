"""Push to the replicas now."""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from configvault.cli.context import Context
from configvault.core.exits import Exit

if TYPE_CHECKING:
    from configvault.core.replicas import ReplicaStatus


def declare(parser: argparse.ArgumentParser) -> None:
    """Add no arguments."""


def run(context: Context, args: argparse.Namespace) -> int:  # noqa: ARG001 - every command takes them
    """Push, and print how each replica stands."""
    from configvault.core.rendering import documents
    from configvault.usecases.replicate import replicate

    found = replicate(context.site())
    if context.json:
        context.emit({"replicas": [documents.replica(one) for one in found]})
    elif not found:
        context.output.line("no replicas are configured")
    else:
        context.output.lines(_words(found))
    return Exit.DEGRADED if any(one.trouble for one in found) else 0


def _words(found: Sequence[ReplicaStatus]) -> Iterator[str]:
    from configvault.cli import words
    from configvault.cli.output import printable
    from configvault.core.times import format_duration

    for one in found:
        if one.trouble is None:
            yield f"{printable(one.url)}: has everything"
            continue
        late = words.counted(one.behind, "snapshot")
        yield f"error {printable(one.url)}: {printable(one.trouble.words)}"
        yield (
            f"    it is {late} and {format_duration(one.lag_s)} behind"
            if one.behind
            else "    it has every snapshot"
        )
        if one.trouble.hint:
            yield f"    hint: {printable(one.trouble.hint)}"
