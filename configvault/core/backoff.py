"""Trying again: ever more seldom while it fails, and one word about each distinct reason.

A library such as tenacity wraps a function and sleeps; most of what fails here is due at a time instead, beside other work.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

LONGEST_S = 300.0
# Reasons that differ each time (they name a process, a time) would otherwise be remembered without end.
_MOST_REASONS = 20


def pause(failures: int, first_s: float, longest_s: float = LONGEST_S) -> float:
    """Return how long to wait after so many failures in a row: twice as long each time, up to `longest_s`.

    It is shortened by chance, to between half and all of it: what failed together does not come back together.
    """
    import random

    return min(first_s * 2.0 ** min(failures - 1, 30), longest_s) * random.uniform(0.5, 1)  # noqa: S311 - no secret


def attempts(
    most: int, first_s: float, wait: Callable[[float], bool], longest_s: float = LONGEST_S
) -> Iterator[int]:
    """Yield the numbers of up to `most` attempts, from 1, with pauses between them; leave the loop after success.

    `wait` waits so many seconds, as `Event.wait` does; where it returns True there is no further attempt.
    """
    for number in range(1, most + 1):
        yield number
        if number < most and wait(pause(number, first_s, longest_s)):
            return


class BackOff:
    """One thing that is tried again and again."""

    def __init__(self, first_s: float, longest_s: float = LONGEST_S) -> None:
        """Have not failed yet."""
        self._first_s = first_s
        self._longest_s = longest_s
        self._reasons: dict[str, None] = {}
        self.failures = 0

    def failed(self) -> float:
        """Count a failure and return how long to wait before the next attempt."""
        self.failures += 1
        return pause(self.failures, self._first_s, self._longest_s)

    def is_news(self, reason: str) -> bool:
        """Return whether this reason was not given since it last worked, and take note of it."""
        known = reason in self._reasons
        self._reasons.pop(reason, None)
        self._reasons[reason] = None
        if len(self._reasons) > _MOST_REASONS:
            del self._reasons[next(iter(self._reasons))]
        return not known

    def worked(self) -> None:
        """Begin anew."""
        self._reasons.clear()
        self.failures = 0
