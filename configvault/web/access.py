"""Who may read the pages: whoever has the token that `configvault page` prints.

Everybody who has an account on the host reaches a loopback address, also those who may not read the root. So the pages ask for
a token: in `Authorization: Bearer`, once in the address (`?token=`), or in the cookie that the address leads to. A Unix
socket has an owner and a mode, and asks for none.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qsl, quote, urlencode

from configvault.web.answer import Answer

PARAMETER = "token"
OPEN = ("/health", "/ready", "/metrics")
_MOST_FIELDS = 20


class Access:
    """Decides by one token; None lets everybody in."""

    def __init__(self, token: str | None) -> None:
        self._token = token.encode() if token is not None else None
        digest = self._digest(b"name")[:12]
        # Cookies know no port: each daemon on a host has one of its own name.
        self._name = f"configvault-{digest}"
        self._cookie = self._digest(b"cookie")

    def _digest(self, purpose: bytes) -> str:
        return hmac.new(self._token or b"", b"configvault page " + purpose, hashlib.sha256).hexdigest()

    def allows(self, environ: Mapping[str, Any], path: str) -> bool:
        """Return whether a request may have what is at `path`."""
        if self._token is None or path in OPEN:
            return True
        scheme, _, bearer = environ.get("HTTP_AUTHORIZATION", "").partition(" ")
        if scheme.lower() == "bearer" and self._is_token(bearer.strip()):
            return True
        return self._has_cookie(environ.get("HTTP_COOKIE", "")) or self.is_in_address(environ)

    def is_in_address(self, environ: Mapping[str, Any]) -> bool:
        """Return whether the address of a request holds the token."""
        return self._token is not None and any(self._is_token(one) for one in _tokens(environ))

    def granting(self, environ: Mapping[str, Any], path: str, answer: Answer) -> Answer:
        """Return what goes back to a request with the token in its address: a cookie, so that it need not stay there.

        A browser is led to the address without the token, which then is in no history and no bookmark.
        """
        cookie = ("Set-Cookie", f"{self._name}={self._cookie}; Path=/; HttpOnly; SameSite=Lax")
        if "text/html" in environ.get("HTTP_ACCEPT", ""):
            return Answer(
                303, "text/plain; charset=utf-8", b"", (("Location", _without(environ, path)), cookie)
            )
        return Answer(answer.status, answer.content_type, answer.body, (*answer.headers, cookie))

    def _is_token(self, text: str) -> bool:
        # WSGI hands headers over as Latin-1; a text of other characters is no token and must not raise.
        return hmac.compare_digest(text.encode("utf-8", "replace"), self._token or b"")

    def _has_cookie(self, header: str) -> bool:
        pairs = (part.strip().partition("=") for part in header.split(";"))
        return any(
            name == self._name and hmac.compare_digest(value.encode("utf-8", "replace"), self._cookie.encode())
            for name, _, value in pairs
        )


def refusal(path: str) -> Answer:
    """Return the answer to whoever has no token; it is the same whether the page exists or not."""
    message, hint = "this page asks for a token", "configvault page"
    ask = {"WWW-Authenticate": 'Bearer realm="configvault"'}
    if path.startswith("/api/"):
        error = {"code": 1, "kind": "unauthorized", "message": message, "hint": hint}
        answer = Answer.json({"error": error}, 401)
        return Answer(answer.status, answer.content_type, answer.body, tuple(ask.items()))
    return Answer.text(
        401, f"{message}.\nRun `{hint}` on this host and open the address that it prints.\n", **ask
    )


def _fields(environ: Mapping[str, Any]) -> list[tuple[str, str]]:
    try:
        return parse_qsl(
            environ.get("QUERY_STRING", ""),
            keep_blank_values=True,
            max_num_fields=_MOST_FIELDS,
            errors="replace",
        )
    except ValueError:
        return []


def _tokens(environ: Mapping[str, Any]) -> list[str]:
    return [value for name, value in _fields(environ) if name == PARAMETER]


def _without(environ: Mapping[str, Any], path: str) -> str:
    """Return the address of a request without its token; it never leads to another host."""
    rest = urlencode([pair for pair in _fields(environ) if pair[0] != PARAMETER])
    # WSGI's paths are Latin-1 of the bytes. Two leading slashes would name a host.
    place = "/" + quote(path.encode("latin-1", "replace").lstrip(b"/"), safe="/.:@")
    return f"{place}?{rest}" if rest else place
