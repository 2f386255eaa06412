"""From bytes to text: encoding, byte order marks, conflict markers. What every text file is asked first."""

from __future__ import annotations

import codecs
import re

from configvault.core.frozen import field, mutable
from configvault.validators.violations import Violation

_UTF16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
# One of them is enough: who took out the others by hand may have forgotten it.
_MARKER = re.compile(r"^(?:<{7}|>{7})(?=[ \r\n]|\Z)", re.MULTILINE)
_SAVE = "save the file as UTF-8 without a byte order mark"


@mutable
class Text:
    """A file's text without its byte order mark (None: there is none to be had), and what is wrong with it."""

    text: str | None
    marked: bool = False
    violations: list[Violation] = field(default_factory=list)


def decode(data: bytes) -> Text:
    """Return `data` as text."""
    if data.startswith(_UTF16):
        return Text(None, violations=[Violation("encoding", 1, 1, "the file is UTF-16, not UTF-8", _SAVE)])
    marked = data.startswith(codecs.BOM_UTF8)
    body = data[3:] if marked else data
    try:
        text = body.decode()
    except UnicodeDecodeError as error:
        start = body.rfind(b"\n", 0, error.start) + 1
        line = body.count(b"\n", 0, error.start) + 1
        column = len(body[start : error.start].decode("utf-8", "replace")) + 1
        message = f"byte 0x{body[error.start]:02x} is not UTF-8"
        return Text(None, marked, [Violation("encoding", line, column, message, _SAVE)])
    if text.startswith("\ufeff"):
        # libyaml would drop this one too; the service's reader does not.
        return Text(None, marked, [Violation("encoding", 1, 1, "a second byte order mark (BOM)", _SAVE)])
    return Text(text, marked, _conflict(text))


def _conflict(text: str) -> list[Violation]:
    """Return the first place where somebody left a merge unfinished."""
    begin = _MARKER.search(text) if "<<<<<<<" in text or ">>>>>>>" in text else None
    if begin is None:
        return []
    line = text.count("\n", 0, begin.start()) + 1
    return [
        Violation(
            "conflict-marker",
            line,
            1,
            "a merge conflict was left in the file",
            "keep one side and remove the <<<<<<<, ======= and >>>>>>> lines",
        )
    ]
