"""The reasons why something in the root is not captured, and which of them make a state incomplete."""

from __future__ import annotations

IGNORED = "ignored"
TOO_LARGE = "too large: "
TOO_MANY = "too many: "
UNCAPTURED = "could not be read: "


def is_bounded(reason: str) -> bool:
    """Return whether it exceeds a limit of the configuration; the validator reports that."""
    return reason.startswith((TOO_LARGE, TOO_MANY))


def is_missing(reason: str) -> bool:
    """Return whether it should have been captured, so that a state without it is incomplete."""
    return is_bounded(reason) or reason.startswith(UNCAPTURED)
