"""Tell an open page that there is something new, by server-sent events; and remember the language that was chosen."""

from __future__ import annotations

from configvault.core import language
from configvault.core.errors import UnknownReferenceError
from configvault.web.answer import Answer, Query
from configvault.web.view import SiteView

# The browser asks again after so long: no connection is held, and none of the few threads.
_RETRY_MS = 5000
_A_YEAR_S = 31_536_000


def events(source: SiteView, _rest: str, _query: Query) -> Answer:
    """Return one event with what changes whenever the history does."""
    body = f"retry: {_RETRY_MS}\ndata: {source.fingerprint()}\n\n"
    return Answer(200, "text/event-stream; charset=utf-8", body.encode())


def choose(_source: SiteView, rest: str, _query: Query) -> Answer:
    """Keep a language, and go back to the history."""
    if rest not in language.LANGUAGES:
        raise UnknownReferenceError(
            f"{rest!r} is not a language; there are {', '.join(language.LANGUAGES)}", "/"
        )
    cookie = f"language={rest}; Path=/; Max-Age={_A_YEAR_S}; SameSite=Strict; HttpOnly"
    return Answer(303, "text/plain; charset=utf-8", b"", (("Location", "/"), ("Set-Cookie", cookie)))
