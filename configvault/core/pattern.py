"""Regular expressions that are compiled when first used: most commands need few of the many that their modules name."""

from __future__ import annotations

import functools
import re
from typing import Any, AnyStr

# Of a pattern's text: what is escaped, a set of characters, the start and the end of a group, anything else.
_PARTS = r"(?s)\\.|\[\^?\]?(?:\\.|[^\]\\])*\]|\(|\)(?:(?:[*+?]|\{[0-9,]+\})\+)?|."


class _Pattern:
    """Stands for a compiled pattern; what was asked of it once is kept, so that it costs nothing after that."""

    def __init__(self, text: str | bytes, flags: int) -> None:
        self._made = text, flags

    def __getattr__(self, name: str) -> Any:
        text, flags = self._made
        found = getattr(_compiled(text, flags), name)
        setattr(self, name, found)
        return found


def pattern(text: AnyStr, flags: int = 0) -> re.Pattern[AnyStr]:
    """Return what has the methods of `re.compile(text, flags)`."""
    return _Pattern(text, flags)  # type: ignore[return-value]


def _compiled(text: str | bytes, flags: int) -> re.Pattern[Any]:
    if _possessive_groups_work():
        return re.compile(text, flags)
    if isinstance(text, bytes):
        return re.compile(atomic(text.decode("latin-1")).encode("latin-1"), flags)
    return re.compile(atomic(text), flags)


@functools.cache
def _possessive_groups_work() -> bool:
    """Return whether a possessive group takes back a round that failed half-way; not so in Debian 12's Python 3.11.2."""
    found = re.match("(?:ab?c)++", "aca")
    return found is not None and found[0] == "ac"


def atomic(text: str) -> str:
    """Return a pattern with each possessive group, `(?:...)*+`, written as an atomic one, `(?>(?:...)*)`."""
    parts: list[str] = []
    starts: list[int] = []
    for found in re.finditer(_PARTS, text):
        part = found[0]
        if part == "(":
            starts.append(len(parts))
        elif part.startswith(")"):
            start = starts.pop()
            if part != ")":
                parts[start] = f"(?>{parts[start]}"
                part = f"{part[:-1]})"
        parts.append(part)
    return "".join(parts)
