"""What was found in blobs, as rows of JSON: for the next process, which then need not look at them again."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple

from configvault.core.model import Finding, Severity
from configvault.validators.run import Known, Reported
from configvault.validators.violations import Violation

_MANY = 2000
# What hangs on how much time or memory there was is found anew by each process.
PASSING = frozenset({"validator-failed", "too-costly", "unfinished"})


class Codec(NamedTuple):
    """How the results of one role are written and read."""

    encode: Callable[[Any], Any]
    decode: Callable[[Any], Any]


def violations(rows: Iterable[Iterable[Any]]) -> list[Violation]:
    """Return the faults that these rows are."""
    return [Violation(*row) for row in rows]


# A pass that says no more than what is wrong.
VIOLATIONS = Codec(lambda found: [list(one) for one in found], violations)


def rows(clean: Iterable[str], known: Known, reported: Reported, codecs: Mapping[str, Codec]) -> dict[str, Any]:
    """Return what a validator knows as JSON.

    Of very many blobs those in which nothing was found are left out: most lie in folders that are known to be clean.
    """
    many = len(known) > _MANY
    known = {key: found for key, found in known.items() if not (many and found == []) and not _passes(found)}
    return {
        "clean": sorted(clean),
        "known": [
            [role, blob, codecs.get(role, VIOLATIONS).encode(found)] for (role, blob), found in known.items()
        ],
        "told": [
            [path, blob, VIOLATIONS.encode(found), [_row(one) for one in findings]]
            for (path, blob, found), findings in reported.items()
        ],
    }


def recall(document: Mapping[str, Any], codecs: Mapping[str, Codec]) -> tuple[set[str], Known, Reported]:
    """Return what `rows` wrote; nothing where it was damaged, or another version wrote it."""
    try:
        known: Known = {
            (role, blob): codecs.get(role, VIOLATIONS).decode(found) for role, blob, found in document["known"]
        }
        reported: Reported = {
            (path, blob, tuple(violations(found))): tuple(map(_finding, findings))
            for path, blob, found, findings in document["told"]
        }
        return set(document["clean"]), known, reported
    except (KeyError, TypeError, ValueError, AttributeError):
        return set(), {}, {}


def _passes(found: Any) -> bool:
    return any(one.rule in PASSING for one in getattr(found, "violations", found))


def _row(one: Finding) -> list[Any]:
    return [one.rule, one.severity, one.path, one.line, one.column, one.message, one.excerpt, one.hint]


def _finding(row: list[Any]) -> Finding:
    rule, severity, *more = row
    return Finding(rule, Severity(severity), *more)
