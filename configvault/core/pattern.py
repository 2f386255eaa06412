"""Regular expressions that are compiled on first use, as most commands need only few of those in their modules."""

from __future__ import annotations

import functools
import re
from typing import Any, AnyStr

# The parts of a pattern: an escape, a set of characters, the start or the end of a group, any other character.
_PARTS = r"(?s)\\.|\[\^?\]?(?:\\.|[^\]\\])*\]|\(|\)(?:(?:[*+?]|\{[0-9,]+\})\+)?|."


class _Pattern:
    """Stands for a compiled pattern. Each method is looked up once and then kept, so later calls cost nothing more."""

    def __init__(self, text: str | bytes, flags: int) -> None:
        self._made = text, flags

    def __getattr__(self, name: str) -> Any:
        text, flags = self._made
        found = getattr(_compiled(text, flags), name)
        setattr(self, name, found)
        return found


def pattern(text: AnyStr, flags: int = 0) -> re.Pattern[AnyStr]:
    """Return an object with the methods of `re.compile(text, flags)`."""
    return _Pattern(text, flags)  # type: ignore[return-value]


def _compiled(text: str | bytes, flags: int) -> re.Pattern[Any]:
    if _possessive_groups_work():
        return re.compile(text, flags)
    if isinstance(text, bytes):
        return re.compile(atomic(text.decode("latin-1")).encode("latin-1"), flags)
    return re.compile(atomic(text), flags)


@functools.cache
def _possessive_groups_work() -> bool:
    """Return whether possessive groups work. Python 3.11.2 of Debian 12 does not undo a round that failed half-way."""
    found = re.match("(?:ab?c)++", "aca")
    return found is not None and found[0] == "ac"


def atomic(text: str) -> str:
    """Return the pattern with each possessive group, `(?:...)*+`, replaced by an atomic one, `(?>(?:...)*)`."""
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
