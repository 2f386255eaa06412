"""Regular expressions that are compiled when first used: most commands need few of the many that their modules name."""

from __future__ import annotations

import re
from typing import Any, AnyStr


class _Pattern:
    """Stands for a compiled pattern; what was asked of it once is kept, so that it costs nothing after that."""

    def __init__(self, text: str | bytes, flags: int) -> None:
        self._made = text, flags

    def __getattr__(self, name: str) -> Any:
        text, flags = self._made
        found = getattr(re.compile(text, flags), name)
        setattr(self, name, found)
        return found


def pattern(text: AnyStr, flags: int = 0) -> re.Pattern[AnyStr]:
    """Return what has the methods of `re.compile(text, flags)`."""
    return _Pattern(text, flags)  # type: ignore[return-value]
