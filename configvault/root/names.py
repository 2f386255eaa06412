"""Which names in the root are ignored, reserved, or impossible in a git tree."""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Callable, Iterable
from functools import lru_cache

from configvault.core.leftout import IGNORED
from configvault.core.model import RESERVED_PREFIX
from configvault.core.names import is_git_reserved


class Names:
    """Decides for each name whether it is captured; patterns with a `/` match the whole path."""

    def __init__(self, ignore: Iterable[str]) -> None:
        """Compile the configured patterns (as in fnmatch(3))."""
        patterns = tuple(ignore)
        self._name = _compile(p for p in patterns if "/" not in p)
        self._path = _compile(p.strip("/") for p in patterns if "/" in p)
        self._has_paths = any("/" in p for p in patterns)
        # Most names occur in many folders and in every look.
        self._reason = lru_cache(4096)(self._reason_of_name)

    def reason_to_leave_out(self, name: str, prefix: str) -> str | None:
        """Return why `name` in the folder `prefix` (`""` or ending in `/`) is not captured, None if it is."""
        return self.reasons_in(prefix)(name)

    def reasons_in(self, prefix: str) -> Callable[[str], str | None]:
        """Return what answers that for each name in the folder `prefix`."""
        if not self._has_paths:
            return self._reason
        return lambda name: IGNORED if self._path.match(prefix + name) else self._reason(name)

    def _reason_of_name(self, name: str) -> str | None:
        if self._name.match(name):
            return IGNORED
        if name.startswith(RESERVED_PREFIX):
            return f"names that begin with {RESERVED_PREFIX} are reserved"
        if is_git_reserved(name):
            return "git reserves this name"
        return None


def _compile(patterns: Iterable[str]) -> re.Pattern[str]:
    alternatives = "|".join(fnmatch.translate(pattern) for pattern in patterns)
    return re.compile(alternatives or r"(?!)")
