"""Which lines of a broken file changed since the latest snapshot: the cause is among them, as that one could be read."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from configvault.core.model import Entry, Folder, Kind
from configvault.core.rendering import alignment
from configvault.validators.violations import Violation

SYNTAX = frozenset({"yaml-syntax", "json-syntax", "toml-syntax"})
LARGEST_BYTES = 1024 * 1024
_MOST_NAMED = 5


def preferring(
    violations: Iterable[Violation],
    path: str,
    entry: Entry,
    before: Folder | None,
    read: Callable[[str], bytes],
) -> tuple[Violation, ...]:
    """Return `violations`; those of a file that cannot be read name the lines that changed, and point at one of them."""
    found = tuple(violations)
    if before is None or not any(one.rule in SYNTAX and one.line for one in found):
        return found
    old = before.find(path)
    if not isinstance(old, Entry) or old.kind is not Kind.FILE or max(old.size, entry.size) > LARGEST_BYTES:
        return found
    try:
        texts = [read(blob).decode("utf-8", "replace").split("\n") for blob in (old.blob, entry.blob)]
    except Exception:  # the state promises the bytes of its own tree only
        return found
    ranges = [(c + 1, max(c + 1, d)) for _, _, c, d in alignment.edits(texts[0], texts[1])]
    return tuple(_pointed(one, ranges) for one in found) if ranges else found


def _pointed(one: Violation, ranges: list[tuple[int, int]]) -> Violation:
    if one.rule not in SYNTAX or one.line is None:
        return one
    named = ", ".join(_named(ranges[:_MOST_NAMED])) + (", …" if len(ranges) > _MOST_NAMED else "")
    lines = "line" if len(ranges) == 1 and ranges[0][0] == ranges[0][1] else "lines"
    message = f"{one.message} (changed since the latest snapshot: {lines} {named})"
    if any(first <= one.line <= last for first, last in ranges):
        return one._replace(message=message)
    # What breaks a file stands before where it can be read no further.
    earlier = [last for _, last in ranges if last < one.line]
    line = max(earlier) if earlier else ranges[0][0]
    return one._replace(line=line, column=1, message=f"{message}; parsing stopped at line {one.line}")


def _named(ranges: Iterable[tuple[int, int]]) -> Iterator[str]:
    for first, last in ranges:
        yield str(first) if first == last else f"{first}-{last}"
