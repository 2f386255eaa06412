"""Regular expressions as Go takes them (RE2): whether one compiles, and whether it is found in a text.

Never Python's `re`: its syntax is another, and a hostile pattern could keep it busy for ever.
"""

from __future__ import annotations

from functools import lru_cache

from configvault.coze.openapi.re2 import run
from configvault.coze.openapi.re2.parse import PatternError, parse
from configvault.coze.openapi.re2.run import TooComplexError

__all__ = ["TooComplexError", "matches", "problem"]

LONGEST = 10_000


@lru_cache(maxsize=256)
def problem(pattern: str) -> str | None:
    """Return why Go refuses `pattern`, None where it does not."""
    if len(pattern) > LONGEST:
        return "too long"
    try:
        parse(pattern)
    except PatternError as error:
        return str(error)
    except RecursionError:
        return "nested too deep"
    return None


def matches(pattern: str, text: str) -> bool:
    """Return whether a valid `pattern` is found in `text`; True where finding out would take too long."""
    try:
        return run.search(_program(pattern), text)
    except (TooComplexError, RecursionError):
        return True


@lru_cache(maxsize=256)
def _program(pattern: str) -> run.Program:
    return run.compile_(parse(pattern))
