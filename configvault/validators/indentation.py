"""Which line is indented wrongly, where libyaml only says where it could not go on."""

from __future__ import annotations

import re
from collections import Counter
from typing import NamedTuple

_KEY = re.compile(r"( *)((?:- +)*)(?:[^\s\"'#:\[\]{}][^\"':\[\]{}]*|\"[^\"]*\"|'[^']*'):(?: |$)")
_LINE = re.compile(r"( *)(?=[^ #\r\n])")
# Further up nobody looks for the cause.
_MOST_LINES = 5_000
# So many lines of a file may begin as no other does, by mistake.
_RARE = 2


class Slip(NamedTuple):
    """The line to look at, and what to do about it."""

    line: int
    column: int
    hint: str


def slip(text: str, line: int, column: int, problem: str) -> Slip | None:
    """Return the line that is likely indented wrongly, None where the problem is another one.

    Args:
        text: the whole file.
        line: where libyaml gave up.
        column: the column there.
        problem: what libyaml says.
    """
    lines = re.split("\r\n|[\r\n\x85\u2028\u2029]", text)
    if not 0 < line <= len(lines):
        return None
    if "mapping values are not allowed" in problem:
        key = _KEY.match(lines[line - 1])
        # A second colon in a line is another fault: its value needs quotes.
        if key is None or column > key.end():
            return None
        return _beside(lines, line)
    if "did not find expected key" in problem:
        return _above(lines, line)
    if "did not find expected '-' indicator" in problem:
        return _at(lines, line)
    return None


def _beside(lines: list[str], line: int) -> Slip:
    """Return the slip of a key that stands deeper than what is before it allows, or of the line before it."""
    before = _previous(lines, line)
    usual = _usual(lines)
    if before is not None and usual[_kind(lines[before - 1])] < usual[_kind(lines[line - 1])]:
        return _at(lines, before)
    return _at(lines, line)


def _above(lines: list[str], line: int) -> Slip:
    """Return the slip of a line that fits nowhere, or of a rare one above that ended what it belongs to."""
    own, usual = _indent(lines[line - 1]), _usual(lines)
    above = _previous(lines, line)
    while above is not None and _indent(lines[above - 1]) >= own:
        above = _previous(lines, above)
    if above is not None and usual[_kind(lines[above - 1])] <= min(_RARE, usual[_kind(lines[line - 1])]):
        return _at(lines, above)
    return _at(lines, line)


def _at(lines: list[str], line: int) -> Slip:
    column = _indent(lines[line - 1]) + 1
    return Slip(line, column, "check the indentation: align this line with its siblings, using spaces")


def _previous(lines: list[str], line: int) -> int | None:
    for number in range(line - 1, max(0, line - _MOST_LINES), -1):
        if _LINE.match(lines[number - 1]):
            return number
    return None


def _indent(line: str) -> int:
    return len(line) - len(line.lstrip(" "))


def _kind(line: str) -> tuple[int, bool]:
    """Return how a line begins: its indentation, and whether an item of a list begins there."""
    return _indent(line), line.lstrip(" ").startswith("- ")


def _usual(lines: list[str]) -> Counter[tuple[int, bool]]:
    """Return how many lines begin alike: as that of a slip begins, few do."""
    return Counter(_kind(line) for line in lines if _LINE.match(line))
