"""Retry what fails, with growing pauses, and report each distinct reason once.

A library such as tenacity wraps a function and sleeps. Here most retries become due at a time, while other work goes on.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

LONGEST_S = 300.0
# A bound, as reasons that name a process or a time differ each time.
_MOST_REASONS = 20


def pause(failures: int, first_s: float, longest_s: float = LONGEST_S) -> float:
    """Return how many seconds to wait after `failures` failures in a row: doubled each time, up to `longest_s`.

    The pause is random between half and all of that, so that clients that failed together do not retry together.
    """
    import random

    return min(first_s * 2.0 ** min(failures - 1, 30), longest_s) * random.uniform(0.5, 1)  # noqa: S311 - no secret


def attempts(
    most: int, first_s: float, wait: Callable[[float], bool], longest_s: float = LONGEST_S
) -> Iterator[int]:
    """Yield the numbers of up to `most` attempts, from 1, with pauses between them; leave the loop after success.

    `wait` gets the seconds to wait and returns whether to stop, like `Event.wait`.
    """
    for number in range(1, most + 1):
        yield number
        if number < most and wait(pause(number, first_s, longest_s)):
            return


class BackOff:
    """The state of one thing that is retried."""

    def __init__(self, first_s: float, longest_s: float = LONGEST_S) -> None:
        """Start without failures; pauses grow from `first_s` to `longest_s` seconds."""
        self._first_s = first_s
        self._longest_s = longest_s
        self._reasons: dict[str, None] = {}
        self.failures = 0

    def failed(self) -> float:
        """Count a failure and return how many seconds to wait before the next attempt."""
        self.failures += 1
        return pause(self.failures, self._first_s, self._longest_s)

    def is_news(self, reason: str) -> bool:
        """Return whether this reason is new since the last success, and remember it."""
        known = reason in self._reasons
        self._reasons.pop(reason, None)
        self._reasons[reason] = None
        if len(self._reasons) > _MOST_REASONS:
            del self._reasons[next(iter(self._reasons))]
        return not known

    def worked(self) -> None:
        """Forget all failures."""
        self._reasons.clear()
        self.failures = 0
