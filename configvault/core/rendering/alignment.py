"""Which lines of two texts are the same: at a cost that grows with their length, whatever they hold.

Lines that stand once on each side are what the texts are aligned at (patience diff); between two of these the common begin and end
are taken, and what is left is compared line with line only where that is little. What remains counts as replaced.
"""

from __future__ import annotations

import difflib
from bisect import bisect_left
from collections import Counter
from collections.abc import Iterator, Sequence

# Comparing line with line costs up to the product of both sides, and so much in all.
MOST_COMPARED = 200_000

# `[a, b)` of the old lines became `[c, d)` of the new ones.
Edit = tuple[int, int, int, int]
_Range = tuple[int, int, int, int]


def edits(old: Sequence[str], new: Sequence[str]) -> list[Edit]:
    """Return what differs, in order, with at least one equal line between two edits."""
    left = MOST_COMPARED
    done: list[Edit] = []
    pending: list[_Range] = [(0, len(old), 0, len(new))]
    while pending:
        a, b, c, d = _trimmed(old, new, *pending.pop())
        if a == b or c == d:
            _add(done, (a, b, c, d))
            continue
        parts = _parted(old, new, (a, b, c, d))
        if len(parts) > 1:
            pending += reversed(parts)
        elif (b - a) * (d - c) <= left:
            left -= (b - a) * (d - c)
            for one in _compared(old, new, (a, b, c, d)):
                _add(done, one)
        else:
            _add(done, (a, b, c, d))
    return done


def _add(done: list[Edit], one: Edit) -> None:
    a, b, c, d = one
    if a == b and c == d:
        return
    if done and done[-1][1] == a and done[-1][3] == c:
        done[-1] = (done[-1][0], b, done[-1][2], d)
    else:
        done.append(one)


def _trimmed(old: Sequence[str], new: Sequence[str], a: int, b: int, c: int, d: int) -> _Range:
    while a < b and c < d and old[a] == new[c]:
        a, c = a + 1, c + 1
    while a < b and c < d and old[b - 1] == new[d - 1]:
        b, d = b - 1, d - 1
    return a, b, c, d


def _parted(old: Sequence[str], new: Sequence[str], whole: _Range) -> list[_Range]:
    """Return what lies before, between and behind the lines that are the same and stand once on each side."""
    a, b, c, d = whole
    olds, news = Counter(old[a:b]), Counter(new[c:d])
    place = {new[i]: i for i in range(c, d) if news[new[i]] == 1}
    pairs = [(i, place[old[i]]) for i in range(a, b) if olds[old[i]] == 1 and old[i] in place]
    parts: list[_Range] = []
    for i, j in _rising(pairs):
        parts.append((a, i, c, j))
        a, c = i + 1, j + 1
    return [*parts, (a, b, c, d)]


def _rising(pairs: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """Return the longest run of `pairs` in which both numbers rise."""
    tops: list[int] = []
    ends: list[int] = []
    before: list[int] = []
    for number, (_, j) in enumerate(pairs):
        at = bisect_left(tops, j)
        before.append(ends[at - 1] if at else -1)
        tops[at : at + 1] = [j]
        ends[at : at + 1] = [number]
    found: list[tuple[int, int]] = []
    here = ends[-1] if ends else -1
    while here >= 0:
        found.append(pairs[here])
        here = before[here]
    return found[::-1]


def _compared(old: Sequence[str], new: Sequence[str], whole: _Range) -> Iterator[Edit]:
    a, b, c, d = whole
    matcher = difflib.SequenceMatcher(None, old[a:b], new[c:d], autojunk=False)
    for kind, i, j, k, m in matcher.get_opcodes():
        if kind != "equal":
            yield a + i, a + j, c + k, c + m


def hunks(found: Sequence[Edit], context: int) -> Iterator[list[Edit]]:
    """Yield groups of edits that are so near to each other that the `context` lines around them touch."""
    group: list[Edit] = []
    for one in found:
        if group and one[0] - group[-1][1] > 2 * context:
            yield group
            group = []
        group.append(one)
    if group:
        yield group
