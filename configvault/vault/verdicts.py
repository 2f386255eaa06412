"""What one set of rules found, kept between processes so that it is not found again.

Only a cache, and by content: by the id of a git tree or blob, so that it is true of whatever holds that tree or blob.
Three lines: whose rules they are; whole states by their trees, for who asks about one of those again; the rest, which
only who validates has to read. What the rest holds is for the validator to say.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from configvault.core.frozen import field, frozen
from configvault.core.model import Finding, Severity
from configvault.disk import durable

# The states that somebody may go back to are among the newest.
MOST_TREES = 50
# Past so many bytes a line is left out: to read it would take longer than what it saves.
_MOST_BYTES = 8 << 20


@frozen
class Kept:
    """What was found: the findings on whole states by their trees, oldest first, and the validator's own rows."""

    trees: Mapping[str, tuple[Finding, ...]] = field(default_factory=dict)
    rest: Mapping[str, Any] = field(default_factory=dict)


def trees(path: str, rules: str) -> dict[str, tuple[Finding, ...]]:
    """Return the findings on whole states that `save` wrote to the file `path` for these rules."""
    try:
        with open(path, "rb") as file:
            if file.readline().strip() != _name(rules):
                return {}
            return {tree: tuple(map(_finding, rows)) for tree, rows in json.loads(file.readline()).items()}
    except (OSError, ValueError, TypeError, AttributeError):
        return {}


def load(path: str, rules: str) -> Kept:
    """Return all that `save` wrote to the file `path` for these rules; nothing where it is of others, or damaged."""
    try:
        with open(path, "rb") as file:
            name, _, rest = file.read().split(b"\n")[:3]
            if name != _name(rules):
                return Kept()
            return Kept(trees(path, rules), dict(json.loads(rest)))
    except (OSError, ValueError, TypeError):
        return Kept()


def save(path: str, rules: str, kept: Kept) -> None:
    """Write `kept` to the file `path`. It is not synced: what a power cut leaves of it is no JSON."""
    newest = dict(list(kept.trees.items())[-MOST_TREES:])
    lines = [
        json.dumps({tree: [_row(one) for one in found] for tree, found in newest.items()}),
        json.dumps(kept.rest),
    ]
    fitting = [line if len(line) <= _MOST_BYTES else "{}" for line in lines]
    durable.write(path, b"\n".join([_name(rules), *(line.encode() for line in fitting), b""]), sync=False)


def _row(one: Finding) -> list[Any]:
    return [one.rule, one.severity, one.path, one.line, one.column, one.message, one.excerpt, one.hint]


def _finding(row: list[Any]) -> Finding:
    rule, severity, *more = row
    return Finding(rule, Severity(severity), *more)


def _name(rules: str) -> bytes:
    import hashlib

    return hashlib.sha256(rules.encode("utf-8", "surrogateescape")).hexdigest().encode()
