"""Make text from outside harmless for one line of a terminal, a log, a git trailer or a chat message.

Formats with special characters of their own (HTML, Slack, Feishu) are escaped in addition, where they are written.
"""

from __future__ import annotations

_REPLACEMENT = "\ufffd"


def one_line(text: str) -> str:
    """Return `text` with all non-printable characters replaced, so that none moves the cursor or begins a new line."""
    if text.isprintable():
        return text
    return "".join(char if char.isprintable() else _REPLACEMENT for char in text)


def one_part(text: str) -> str:
    """Return `text` as one part of `NAME (uid N, how, where)`: parentheses and commas, which end a part, become `?`."""
    return "".join("?" if char in "()," else char for char in one_line(text))
