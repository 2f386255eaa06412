"""Regular expressions as Go reads them: whether one compiles, and whether it is found in a text.

Go's engine and google-re2 have the same authors and the same syntax. Never Python's `re`: its syntax is another one, and
a hostile pattern could keep it busy for ever.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Any

from configvault.validators.violations import quote_reference

# RE2 parses the whole pattern before it looks at its memory limit: 1 MB of `a{1000}` took 8 s and 1.5 GB.
LONGEST = 10_000
# The size of the compiled pattern times the bytes of the text: about a tenth of a second at worst.
MOST_STEPS = 50_000_000
_TOO_LARGE = "pattern too large"
# What is no syntax: an escaped character, a quoted text, a class of characters.
_LITERAL = re.compile(r"\\Q.*?(?:\\E|\Z)|\\[^CQ]|\[\^?\]?(?:\[:\^?\w+:\]|\\.|[^\]\\])*\]", re.DOTALL)
# What google-re2 takes and Go does not: any byte, and letters of other scripts in the name of a group.
_NOT_IN_GO = re.compile(r"\\C|\(\?P?<\w*[^\x00-\x7f>]")


@lru_cache(maxsize=256)
def problem(pattern: str) -> str | None:
    """Return why Go refuses `pattern`, None where it does not."""
    if len(pattern) > LONGEST:
        return f"it is longer than {LONGEST} characters"
    _, error = _compile(pattern)
    # Go counts in instructions for whole characters, not for bytes, and takes a pattern ten times as large.
    if error and not error.startswith(_TOO_LARGE):
        what, _, where = error.partition(": ")
        return f"{what} {quote_reference(where)}" if where and where != pattern else what
    unknown = _NOT_IN_GO.search(_LITERAL.sub(".", pattern))
    return f"unknown syntax {quote_reference(unknown[0])}" if unknown else None


def matches(pattern: str, text: str) -> bool:
    """Return whether a valid `pattern` is found in `text`; True where finding out would take too long."""
    compiled, _ = _compile(pattern)
    encoded = text.encode(errors="surrogatepass")
    if compiled is None or compiled.programsize * len(encoded) > MOST_STEPS:
        return True
    return compiled.search(encoded) is not None


def _compile(pattern: str) -> tuple[Any, str | None]:
    """Return the compiled pattern, or None and why there is none."""
    import re2

    options = re2.Options()
    options.log_errors = False  # or it writes the pattern to standard error
    options.never_capture = True  # only whether there is a match is asked
    try:
        return re2.compile(pattern.encode(errors="surrogatepass"), options), None
    except re2.error as error:
        return None, error.args[0].decode(errors="surrogatepass")
    finally:
        re2.purge()  # it would keep 128 patterns of up to 8 MB each
