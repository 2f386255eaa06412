"""Why something that is in the root is in no state: the words, and which of them make the state one that is rejected."""

from __future__ import annotations

IGNORED = "ignored"
TOO_LARGE = "too large: "
TOO_MANY = "too many: "
UNCAPTURED = "could not be read: "


def is_bounded(reason: str) -> bool:
    """Return whether it was left out for a bound of the configuration, of which the validator speaks."""
    return reason.startswith((TOO_LARGE, TOO_MANY))


def is_missing(reason: str) -> bool:
    """Return whether it should have been captured: a state without it is not all that was there."""
    return is_bounded(reason) or reason.startswith(UNCAPTURED)
