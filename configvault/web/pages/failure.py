"""What a page says instead of itself: what went wrong, and the way on."""

from __future__ import annotations

from configvault.core import language
from configvault.core.errors import ConfigvaultError
from configvault.web.markup import Data, Markup, el
from configvault.web.pages import layout
from configvault.web.view import SiteView

_TITLES = {404: "Not found", 400: "Not understood", 503: "Busy"}


def page(source: SiteView, status: int, error: ConfigvaultError) -> Markup:
    """Return the page of an error."""
    is_command = error.hint is not None and error.hint.startswith("configvault")
    hint = layout.command(source, error.hint) if error.hint and is_command else None
    message = el("p", Data(language.sentence(error.message)), class_="lead")
    way = el("p", el("a", "Go to the history", href="/"))
    return layout.page(source, _TITLES.get(status) or "This page failed", message, hint, way)
