"""When a burst of events is looked at, and what of the root is looked at then."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from configvault.core import settle
from configvault.core.settle import Burst, Dirty


def test_quiet_ends_a_burst() -> None:
    """A burst is due when nothing has happened for the quiet time after its last event."""
    burst = settle.noticed(settle.noticed(None, 10.0), 10.5)
    assert settle.due_s(burst, 1.0, 30.0) == 11.5


def test_constant_writing_cannot_starve() -> None:
    """However long events go on, a burst is due the longest wait after its first."""
    burst = settle.noticed(None, 0.0)
    for tenth in range(400):
        burst = settle.noticed(burst, tenth / 10)
    assert settle.due_s(burst, 1.0, 30.0) == 30.0
    assert settle.has_waited(burst, 30.0, 30.0)
    assert not settle.has_waited(burst, 29.9, 30.0)


@given(st.lists(st.floats(0, 100), min_size=1), st.floats(0.1, 5), st.floats(5, 30))
def test_due_never_after_either_limit(events: list[float], quiet_s: float, max_wait_s: float) -> None:
    """A burst is never due later than the quiet time after the last event, nor than the longest wait after the first."""
    burst: Burst | None = None
    for at_s in sorted(events):
        burst = settle.noticed(burst, at_s)
    assert burst is not None
    due = settle.due_s(burst, quiet_s, max_wait_s)
    assert due == min(max(events) + quiet_s, min(events) + max_wait_s)


@pytest.mark.parametrize(
    ("dirty", "path", "touched"),
    [
        (Dirty(["a/b"]), "", True),
        (Dirty(["a/b"]), "a", True),
        (Dirty(["a/b"]), "a/b", True),
        (Dirty(["a/b"]), "a/b/c", False),
        (Dirty(["a/b"]), "a/bc", False),
        (Dirty(trees=["a/b"]), "a", True),
        (Dirty(trees=["a/b"]), "a/b/c/d", True),
        (Dirty(trees=["a/b"]), "a/bc", False),
        (settle.EVERYTHING, "x/y", True),
        (Dirty([""]), "x", False),
    ],
)
def test_touches(dirty: Dirty, path: str, touched: bool) -> None:
    """A dirty folder is listed with all that lead to it; of a dirty tree everything below is, too."""
    assert dirty.touches(path) is touched


def test_too_many_places_are_everything() -> None:
    """Past a bound the whole root is looked at instead of a list of places."""
    many = Dirty(str(number) for number in range(settle.MOST_PLACES + 1))
    assert many == settle.EVERYTHING
    assert (Dirty(["a"]) | settle.EVERYTHING) == settle.EVERYTHING
    assert not settle.NOTHING
