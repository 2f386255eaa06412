"""How much validating one file, and all of a state, may cost: steps and seconds, with an error that names the limit.

A validator counts its steps where content decides how many there are. Reading itself (libyaml, JSON, RE2) is linear in the size of a
file, which `validate.max_file_size` limits; it is not counted.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

# An honest file of ten megabytes takes a few hundred thousand steps.
MOST_STEPS = 3_000_000
MOST_SECONDS = 20.0
# All files of one look together.
MOST_SECONDS_OF_A_STATE = 600.0
_CHECK_EVERY = 1024


class TooCostlyError(Exception):
    """A limit is passed; the text names it."""


class Budget:
    """What is left, of one file or of a state; a file's steps are the state's, too."""

    def __init__(self, what: str, steps: int | None, seconds: float, outer: Budget | None = None) -> None:
        self.steps = 0
        self._what = what
        self._most = steps
        self._next_check = _CHECK_EVERY
        self._seconds = seconds
        # A file's seconds are of the processor: a busy host makes no file too costly. Those of a state pass on the wall.
        self._clock = time.monotonic if outer is None and steps is None else time.thread_time
        self._of = "" if self._clock is time.monotonic else " of the processor"
        self._until = self._clock() + seconds
        self._outer = outer
        self._passed = False

    @property
    def is_passed(self) -> bool:
        """Return whether it was this limit that was passed, not that of the state around it."""
        return self._passed

    def spend(self, steps: int) -> None:
        """Count steps."""
        self.steps += steps
        if self._most is not None and self.steps > self._most:
            self._passed = True
            raise TooCostlyError(f"validating {self._what} takes more than {self._most} steps")
        if self.steps >= self._next_check:
            self._next_check = self.steps + _CHECK_EVERY
            self.check_time()

    def check_time(self) -> None:
        """Fail where the time is over."""
        if self._clock() > self._until:
            self._passed = True
            raise TooCostlyError(f"validating {self._what} takes more than {self._seconds:g} seconds{self._of}")
        if self._outer is not None:
            self._outer.check_time()


_CURRENT: ContextVar[Budget | None] = ContextVar("budget", default=None)


def spend(steps: int = 1) -> None:
    """Count steps against the file that is being validated, if there is one.

    Raises:
        TooCostlyError: there were more than a file, or a state, may take.
    """
    current = _CURRENT.get()
    if current is not None:
        current.spend(steps)


@contextmanager
def of_a_state(seconds: float = MOST_SECONDS_OF_A_STATE) -> Iterator[None]:
    """Limit what is done inside to what one state may cost."""
    token = _CURRENT.set(Budget("the directory", None, seconds))
    try:
        yield
    finally:
        _CURRENT.reset(token)


@contextmanager
def of_a_file() -> Iterator[Budget]:
    """Limit what is done inside to what one file may cost.

    Raises:
        TooCostlyError: the state that the file is of has nothing left.
    """
    outer = _CURRENT.get()
    if outer is not None:
        outer.check_time()
    own = Budget("this file", MOST_STEPS, MOST_SECONDS, outer)
    token = _CURRENT.set(own)
    try:
        yield own
    finally:
        _CURRENT.reset(token)
