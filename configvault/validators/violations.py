"""What a pass over one file has to say, before it is known under which path and with which severity."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import NamedTuple, Protocol

from configvault.core.secrets import chosen
from configvault.core.secrets.redactor import Redactor

LONGEST_QUOTE = 80
# A file with more faults is rubbish as a whole, and finding them all takes its time.
MOST_OF_ONE_FILE = 200
# So much of one rule in one file is told in full; who broke more has the pattern by then.
MOST_OF_ONE_RULE = 8

HIDDEN = "'<secret>'"

_REDACTOR = Redactor(b"")
_IN_QUOTES = re.compile(r"('[^']*')")
_WORD = re.compile(r"[^\s.,;:(){}]+")


class Place(Protocol):
    """Anything that knows where it stands in its file."""

    @property
    def line(self) -> int:
        """Return the line, from 1."""

    @property
    def column(self) -> int:
        """Return the column, from 1."""


class Violation(NamedTuple):
    """One thing wrong in one file; no text holds a secret."""

    rule: str
    line: int | None
    column: int | None
    message: str
    hint: str | None = None


def violation(rule: str, place: Place | None, message: str, hint: str | None = None) -> Violation:
    """Return the fault at `place`, or of the file as a whole."""
    if place is None:
        return Violation(rule, None, None, message, hint)
    return Violation(rule, place.line, place.column, message, hint)


def quote(value: object) -> str:
    """Return a name fit for a message: one line, cut, without secrets, nothing that moves a cursor."""
    return HIDDEN if chosen.is_no_name(str(value)[: LONGEST_QUOTE * 2]) else _quoted(value)


def quote_value(value: object) -> str:
    """Return a value fit for a message: hidden where it may be a secret that stands in the wrong place."""
    return HIDDEN if chosen.may_be_secret(str(value)[: LONGEST_QUOTE * 2]) else _quoted(value)


def quote_reference(value: object) -> str:
    """Return what leads somewhere (a path, a URL, a `$ref`) fit for a message; only secrets in it are hidden."""
    return _quoted(value)


def _quoted(value: object) -> str:
    text = value if isinstance(value, str) else str(value)
    cut = text[: LONGEST_QUOTE * 2]
    # Looked at before it is cut, or half a token would look like none.
    cut = _REDACTOR.line(printable(cut))
    return f"'{cut[:LONGEST_QUOTE]}…'" if len(cut) > LONGEST_QUOTE or len(text) > len(cut) * 2 else f"'{cut}'"


def clean(message: str) -> str:
    """Return a message without what may be a secret outside its quotes, as in the name of a part of a document."""
    parts = _IN_QUOTES.split(message)
    parts[::2] = [_WORD.sub(_shown_word, part) for part in parts[::2]]
    return "".join(parts)


def _shown_word(word: re.Match[str]) -> str:
    return "<secret>" if "/" not in word[0] and chosen.is_no_name(word[0]) else word[0]


def printable(text: str) -> str:
    """Return `text` with every character that a terminal might obey replaced, the length kept."""
    if text.isprintable():
        return text
    return "".join(char if char.isprintable() else "�" for char in text)


def first(violations: Iterable[Violation]) -> list[Violation]:
    """Return the first faults; the others are never looked for."""
    return list(islice(violations, MOST_OF_ONE_FILE))


def capped(violations: Iterable[Violation]) -> Iterator[Violation]:
    """Yield `violations`, of each rule only the first few and one that counts the rest."""
    seen: dict[str, int] = {}
    for one in violations:
        seen[one.rule] = seen.get(one.rule, 0) + 1
        if seen[one.rule] <= MOST_OF_ONE_RULE:
            yield one
    for rule, count in seen.items():
        if count > MOST_OF_ONE_RULE:
            yield Violation(rule, None, None, f"{count - MOST_OF_ONE_RULE} or more of these in this file")
