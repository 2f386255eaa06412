"""Match paths against patterns: `*` and `?` match within one part of a path, `**` matches any number of folders."""

from __future__ import annotations

import functools
import re
from collections.abc import Iterable


def matches(path: str, patterns: Iterable[str]) -> bool:
    """Return whether one of `patterns` matches `path` or a folder above it.

    A pattern without a slash matches the last part of a path, in any folder.
    """
    parts = path.split("/")
    around = ["/".join(parts[:end]) for end in range(1, len(parts) + 1)]
    return any(_compiled(pattern).fullmatch(one) for pattern in patterns for one in around)


@functools.lru_cache(maxsize=256)
def _compiled(pattern: str) -> re.Pattern[str]:
    whole = pattern.strip("/") if "/" in pattern else f"**/{pattern}"
    return re.compile("".join(_parts(whole.split("/"))), re.DOTALL)


def _parts(parts: list[str]) -> Iterable[str]:
    for number, part in enumerate(parts):
        last = number == len(parts) - 1
        if part == "**":
            yield ".+" if last else "(?:[^/]+/)*"
        else:
            yield _part(part) + ("" if last else "/")


def _part(text: str) -> str:
    """Return one part of a pattern as a regular expression; unlike in `fnmatch`, no wildcard matches a slash."""
    return "".join({"*": "[^/]*", "?": "[^/]"}.get(char) or re.escape(char) for char in text)
