"""The address of the pages, with the token that they ask for."""

from __future__ import annotations

import hashlib
import hmac
from urllib.parse import quote

from configvault.core.errors import ConfigvaultError
from configvault.core.frozen import frozen
from configvault.usecases.site import Site

OFF = "off"


@frozen
class Page:
    """Where the pages are: a URL with the token in it, or the path of a Unix socket, which asks for none."""

    url: str
    token: str | None
    socket: str | None = None


def token(site: Site) -> str | None:
    """Return what the pages ask for; None on a Unix socket, whose mode says who may connect.

    Without a token of the configuration it is made from a key that only the vault's owner can read, so that it
    is the same after each start.

    Raises:
        ConfigvaultError: the vault has lost that key.
    """
    http = site.settings.http
    if http.listen.startswith("unix:"):
        return None
    if http.token is not None:
        return http.token
    key = site.vault.redaction_key()
    if not key:
        raise ConfigvaultError(
            f"the vault {site.vault.path} has no redaction-key, from which the token of the page is derived",
            "set http.token, then: systemctl reload configvault",
        )
    return hmac.new(key, b"configvault page token", hashlib.sha256).hexdigest()[:40]


def page(site: Site) -> Page:
    """Return the address of the pages.

    Raises:
        ConfigvaultError: no pages are served, or the token cannot be made.
    """
    listen = site.settings.http.listen
    if listen == OFF:
        raise ConfigvaultError("http.listen is off, so no page is served", "set http.listen: 127.0.0.1:9460")
    asked = token(site)
    if asked is None:
        return Page("http://localhost/", None, listen.removeprefix("unix:"))
    return Page(f"http://{listen}/?token={quote(asked, safe='')}", asked)
