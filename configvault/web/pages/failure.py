"""What a page says instead of itself: what went wrong, and the way on."""

from __future__ import annotations

from configvault.core.errors import ConfigvaultError
from configvault.web.markup import Markup, el
from configvault.web.pages import layout

_TITLES = {404: "Not here", 400: "Not understood", 503: "Busy"}


def page(status: int, error: ConfigvaultError) -> Markup:
    """Return the page of an error."""
    hint = layout.command(error.hint) if error.hint and error.hint.startswith("configvault") else None
    way = el("p", el("a", "To the history", href="/"))
    return layout.page(_TITLES.get(status, "It failed"), el("p", error.message, class_="lead"), hint, way)
