"""Which names in the root are ignored, reserved, or impossible in a git tree."""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Callable, Iterable
from functools import lru_cache

from configvault.core.leftout import IGNORED
from configvault.core.names import LONGEST, is_too_long, why_reserved

# Six characters by chance; a word, or a word and a number, is a name that somebody gave: `.env.sample`, `.env.stage1`.
_RANDOM = "(?!(?:[A-Z]?[a-z]+|[A-Z]+)?[0-9]*$)[A-Za-z0-9]{6}"
# Patterns that stand for what a program leaves behind: a file of exactly that program's shape, never a folder.
_LITTER = {
    "*.swp": r".+\.swp", "*.swo": r".+\.swo", "*.swx": r".+\.swp?x",
    "*~": r".+~", "4913": "4913", "#*#": "#.+#", ".#*": r"\.#.+", "*___jb_tmp___": ".+___jb_tmp___", "*___jb_old___": ".+___jb_old___",
    ".goutputstream-*": r"\.goutputstream-[A-Z0-9]{6}", ".nfs*": r"\.nfs[0-9a-f]{24}", ".DS_Store": r"\.DS_Store",
    "sed??????": f"sed{_RANDOM}", ".[!.]*.??????": rf"\.[^.].*\.{_RANDOM}", ".~lock.*#": r"\.~lock\..+#",
    "~$*": r"~\$.+\.(?i:docx?|docm|dotx?|xlsx?|xlsm|xltx?|pptx?|pptm|potx?|vsdx?)",
}  # fmt: skip


class Names:
    """Decides for each name whether it is captured; patterns with a `/` match the whole path."""

    def __init__(self, ignore: Iterable[str]) -> None:
        """Compile the configured patterns (as in fnmatch(3))."""
        patterns = tuple(ignore)
        self._name = _compile(p for p in patterns if "/" not in p and p not in _LITTER)
        shapes = "|".join(dict.fromkeys(_LITTER[p] for p in patterns if p in _LITTER))
        self._litter = re.compile(f"(?:{shapes})\\Z" if shapes else r"(?!)", re.DOTALL)
        # Asked of every name in every look.
        self._ignored = re.compile(f"{self._name.pattern}|{self._litter.pattern}", re.DOTALL)
        self._path = _compile(p.strip("/") for p in patterns if "/" in p)
        self._has_paths = any("/" in p for p in patterns)
        # The same names occur in every look: of so many files each is judged once in a process's life, at some 100 bytes.
        self._reason = lru_cache(1 << 15)(self._reason_of_name)

    def reason_to_leave_out(self, name: str, prefix: str, *, is_folder: bool = False) -> str | None:
        """Return why `name` in the folder `prefix` (`""` or ending in `/`) is not captured, None if it is."""
        reason = self.reasons_in(prefix)(name)
        return None if is_folder and reason == IGNORED and self.is_litter(name, prefix) else reason

    def is_litter(self, name: str, prefix: str) -> bool:
        """Return whether a name is ignored as what a program leaves behind, and so not where it is a folder's."""
        by_hand = self._name.match(name) or (self._has_paths and self._path.match(prefix + name))
        return not by_hand and self._litter.match(name) is not None

    def reasons_in(self, prefix: str) -> Callable[[str], str | None]:
        """Return what answers that for each name in the folder `prefix`."""
        if not self._has_paths:
            return self._reason
        return lambda name: IGNORED if self._path.match(prefix + name) else self._reason(name)

    def _reason_of_name(self, name: str) -> str | None:
        if self._ignored.match(name):
            return IGNORED
        if is_too_long(name):
            # A vault may hold it all the same, as a git tree can: without it a restore could never end.
            return f"a name has at most {LONGEST} bytes"
        return why_reserved(name)


def _compile(patterns: Iterable[str]) -> re.Pattern[str]:
    alternatives = "|".join(fnmatch.translate(pattern) for pattern in patterns)
    return re.compile(alternatives or r"(?!)")
