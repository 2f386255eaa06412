"""Text of others made harmless for one line: of a terminal, a log, a git trailer, a chat message.

Places with signs of their own (HTML, Slack, Feishu) escape those besides, where they are written.
"""

from __future__ import annotations

_REPLACEMENT = "\ufffd"


def one_line(text: str) -> str:
    """Return `text` with everything that is no printable character replaced: nothing moves a cursor or begins a line."""
    if text.isprintable():
        return text
    return "".join(char if char.isprintable() else _REPLACEMENT for char in text)


def one_part(text: str) -> str:
    """Return `text` for a part of `NAME (uid N, how, where)`: without the signs that end a part or the whole."""
    return "".join("?" if char in "()," else char for char in one_line(text))
