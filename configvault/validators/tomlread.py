"""Whether a text is TOML."""

from __future__ import annotations

import re
import tomllib

from configvault.validators.violations import Violation, printable
from configvault.validators.yamlread import DEEPEST, place

# tomllib is written in Python and slower than its input is long where keys have many dots.
LARGEST_CHARS = 1024 * 1024
_MOST_DOTS = re.compile(r"(?<![\w\"'-])(?:[\w\"'-]+[ \t]*\.[ \t]*){200}", re.ASCII)
_WHERE = re.compile(r" \(at (?:line (\d+), column (\d+)|end of document)\)$")


def check(text: str) -> list[Violation]:
    """Return what is wrong with `text`."""
    if len(text) > LARGEST_CHARS or _MOST_DOTS.search(text):
        message = "too large or too deep a TOML file to be read safely"
        return [Violation("too-many-values", None, None, message, "split the file")]
    try:
        tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        return [_syntax(str(error), text)]
    except RecursionError:
        return [
            Violation("nested-too-deep", None, None, f"nested deeper than {DEEPEST} levels", "restore the file")
        ]
    except ValueError:
        # int() takes no more than 4300 digits, and dates have their own bounds.
        return [Violation("toml-syntax", None, None, "not valid TOML: a number or date out of range", None)]
    return []


def _syntax(said: str, text: str) -> Violation:
    match = _WHERE.search(said)
    problem = said[: match.start()] if match else said
    # What tomllib quotes comes from the file: a key, a character, never more.
    problem = re.sub(r"'[^']{20,}'", "(a long key)", printable(problem[:1].lower() + problem[1:]))
    if match and match[1]:
        line, column = int(match[1]), int(match[2])
    else:
        line, column = place(text, len(text))
    return Violation(
        "toml-syntax", line, column, f"invalid TOML: {problem}", "fix the line, or restore the file"
    )
