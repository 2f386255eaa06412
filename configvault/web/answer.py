"""What goes back to whoever asked."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Self

from configvault.core.frozen import frozen
from configvault.web.markup import Markup

Query = Mapping[str, str]
"""What stood behind the `?`, each name with its last value, and the `Accept` header as `accept`."""


@frozen
class Answer:
    """A status, a body and its type, and further headers."""

    status: int
    content_type: str
    body: bytes
    headers: tuple[tuple[str, str], ...] = ()

    @classmethod
    def text(cls, status: int, text: str, **headers: str) -> Self:
        """Return plain text."""
        body = text.encode("utf-8", "backslashreplace")
        return cls(status, "text/plain; charset=utf-8", body, tuple(headers.items()))

    @classmethod
    def json(cls, document: Any, status: int = 200) -> Self:
        """Return a document as the command line prints it."""
        return cls(status, "application/json", (json.dumps(document, indent=2) + "\n").encode())


def html(page: Markup, status: int = 200) -> Answer:
    """Return a whole page."""
    return Answer(status, "text/html; charset=utf-8", page.encode("utf-8", "backslashreplace"))
