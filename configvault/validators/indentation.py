"""Which line is indented wrongly, where libyaml only says where it could not go on."""

from __future__ import annotations

import re
from collections import Counter
from typing import NamedTuple

_KEY = re.compile(r"( *)((?:- +)*)(?:[^\s\"'#:\[\]{}][^\"':\[\]{}]*|\"[^\"]*\"|'[^']*'):(?: |$)")
_LINE = re.compile(r"( *)(?=[^ #\r\n])")
_BARE_DASH = re.compile(r" *-[^\s-]")
# Further up nobody looks for the cause.
_MOST_LINES = 5_000
# So many lines of a file may begin as no other does, by mistake.
_RARE = 2
# So many times as often a key stands elsewhere, for where it stands to be a mistake.
_ELSEWHERE = 3
ALIGN = "check the indentation: align this line with its siblings, using spaces"
COLON = "is a colon missing, or the space after `:` or `-`, or is the indentation off?"


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
        return _at(lines, _odd(lines, [line, _previous(lines, line)]) or line)
    return None


def _beside(lines: list[str], line: int) -> Slip:
    """Return the slip of a key that stands deeper than what is before it allows, or of the line before it."""
    before = _previous(lines, line)
    odd = _odd(lines, [line, before])
    if odd is not None:
        return _at(lines, odd)
    usual = _usual(lines)
    if before is not None and usual[_kind(lines[before - 1])] < usual[_kind(lines[line - 1])]:
        return _at(lines, before)
    return _at(lines, line)


def _above(lines: list[str], line: int) -> Slip:
    """Return the slip of a line that fits nowhere, or of a rare one above that ended what it belongs to."""
    own, usual = _indent(lines[line - 1]), _usual(lines)
    above = before = _previous(lines, line)
    while above is not None and _indent(lines[above - 1]) >= own:
        above = _previous(lines, above)
    odd = _odd(lines, [line, before, above])
    if odd is not None:
        return _at(lines, odd)
    if above is not None and usual[_kind(lines[above - 1])] <= min(_RARE, usual[_kind(lines[line - 1])]):
        return _at(lines, above)
    return _at(lines, line)


def _odd(lines: list[str], numbers: list[int | None]) -> int | None:
    """Return the first line whose key stands where it hardly ever does in this file, None where all are as usual."""
    keys = {key for number in numbers if number is not None and (key := _key(lines[number - 1]))}
    places: dict[str, Counter[tuple[int, bool]]] = {key: Counter() for key in keys}
    for line in lines:
        key = _key(line)
        if key in places:
            places[key][_kind(line)] += 1
    for number in numbers:
        key = _key(lines[number - 1]) if number is not None else None
        if number is not None and key:
            own, most = places[key][_kind(lines[number - 1])], max(places[key].values())
            if own <= _RARE and own * _ELSEWHERE <= most:
                return number
    return None


def _key(line: str) -> str | None:
    """Return the key that a line begins with, behind the dashes of a list."""
    found = _KEY.match(line)
    return found[0][found.end(2) :] if found else None


def _at(lines: list[str], line: int) -> Slip:
    text = lines[line - 1]
    is_key = _KEY.match(text) or text.rstrip().endswith(":")
    return Slip(line, _indent(text) + 1, ALIGN if is_key and not _BARE_DASH.match(text) else COLON)


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
