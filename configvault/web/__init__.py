"""The read-only pages, health and metrics over HTTP. Nothing here changes anything; the pages are for whoever has the token.

`serve(listen, source, token=...)` starts it; what it shows comes from a `SiteView`.
"""

from __future__ import annotations

from configvault.web.server import Server, serve
from configvault.web.view import SiteView

__all__ = ["Server", "SiteView", "serve"]
