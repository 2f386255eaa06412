"""What a name leads to, whatever it is called."""

from __future__ import annotations

import os

Identity = tuple[int, int]
"""Device and inode."""


def identity(seen: os.stat_result) -> Identity:
    """Return what `seen` is of."""
    return seen.st_dev, seen.st_ino
