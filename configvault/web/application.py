"""From a request to an answer: who may ask, which page, and what an error looks like."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from importlib.resources import files
from typing import Any
from urllib.parse import parse_qs

from configvault.core import language
from configvault.core.errors import (
    BusyError,
    ConfigvaultError,
    InternalError,
    UnknownReferenceError,
    UsageError,
)
from configvault.core.frozen import frozen
from configvault.web import access, api, guard
from configvault.web.answer import Answer, Query, html
from configvault.web.pages import difference, failure, live, rejected, search, service, snapshot, timeline
from configvault.web.pages import files as files_
from configvault.web.view import SiteView

StartResponse = Callable[[str, list[tuple[str, str]]], Any]
Page = Callable[[SiteView, str, Query], Answer]

_REASONS = {
    200: "OK",
    303: "See Other",
    400: "Bad Request",
    401: "Unauthorized",
    404: "Not Found",
    405: "Method Not Allowed",
    421: "Misdirected Request",
    500: "Internal Server Error",
    503: "Service Unavailable",
}
_STATUS = {UnknownReferenceError: 404, UsageError: 400, BusyError: 503}
_CHOSEN = re.compile(r"(?:^|;\s*)language=(\w{2,8})")
_MOST_FIELDS = 20
_LONGEST_VALUE = 500


@frozen
class Route:
    """A path, or (`below`) the beginning of one whose rest is handed to the page."""

    path: str
    page: Page
    below: bool = False


ROUTES = (
    Route("/", timeline.page),
    Route("/snapshots/", snapshot.page, below=True),
    Route("/rejected/", rejected.page, below=True),
    Route("/diff/", difference.page, below=True),
    Route("/files/", files_.page, below=True),
    Route("/raw/", files_.raw, below=True),
    Route("/search", search.page),
    Route("/service", service.page),
    Route("/events", live.events),
    Route("/language/", live.choose, below=True),
    Route("/health", api.health),
    Route("/ready", api.ready),
    Route("/metrics", api.metrics),
    Route("/api/status", api.status),
    Route("/api/snapshots", api.snapshots),
    Route("/api/snapshots/", api.snapshot, below=True),
    Route("/api/rejected", api.rejected),
    Route("/api/report", api.report),
    Route("/api/", api.index),
)


class Application:
    """The WSGI application of one source, for a server on `host` (None: a unix socket), for those who have `token`."""

    def __init__(self, source: SiteView, host: str | None, token: str | None) -> None:
        self._source = source
        self._host = host
        self._access = access.Access(token)
        self._static = {
            f"/{name}": Answer(200, type_, (files("configvault.web") / name).read_bytes())
            for name, type_ in (
                ("style.css", "text/css; charset=utf-8"),
                ("page.js", "text/javascript; charset=utf-8"),
                ("icon.svg", "image/svg+xml"),
            )
        }

    def __call__(self, environ: dict[str, Any], start: StartResponse) -> Iterable[bytes]:
        """Answer one request."""
        with language.spoken(_language(environ, self._source)):
            answer = self._answer(environ)
        headers = [
            ("Content-Type", answer.content_type),
            ("Content-Length", str(len(answer.body))),
            *guard.HEADERS,
            *answer.headers,
        ]
        start(f"{answer.status} {_REASONS[answer.status]}", headers)
        return [b"" if environ["REQUEST_METHOD"] == "HEAD" else answer.body]

    def _answer(self, environ: dict[str, Any]) -> Answer:
        # WSGI hands over bytes as the characters of Latin-1.
        path = (environ.get("PATH_INFO", "") or "/").encode("latin-1").decode("utf-8", "surrogateescape")
        if not guard.is_ours(environ.get("HTTP_HOST"), self._host):
            return Answer.text(421, "this server answers only to localhost and loopback addresses\n")
        if environ["REQUEST_METHOD"] not in ("GET", "HEAD"):
            return Answer.text(
                405, "only GET is allowed: use the command line to change something\n", Allow="GET, HEAD"
            )
        if not self._access.allows(environ, path):
            return access.refusal(path)
        answer = self._asked(path, environ)
        if self._access.is_in_address(environ):
            return self._access.granting(environ, path, answer)
        return answer

    def _asked(self, path: str, environ: dict[str, Any]) -> Answer:
        if path in self._static:
            return self._static[path]
        try:
            return self._page(path, _query(environ))
        except ConfigvaultError as error:
            status = next((code for kind, code in _STATUS.items() if isinstance(error, kind)), 500)
            return self._failed(path, status, error)
        except Exception as error:  # the boundary: a fault in one page is no fault of the others
            self._source.complain(f"the page {path.split('/')[1]!r} failed: {InternalError(error).message}")
            return self._failed(path, 500, ConfigvaultError("this page failed; see the log for the error"))

    def _page(self, path: str, query: Query) -> Answer:
        for route in ROUTES:
            if path == route.path and not route.below:
                return route.page(self._source, "", query)
            if route.below and path.startswith(route.path) and len(path) > len(route.path):
                return route.page(self._source, path.removeprefix(route.path), query)
        raise UnknownReferenceError("there is no such page", "/")

    def _failed(self, path: str, status: int, error: ConfigvaultError) -> Answer:
        if path.startswith("/api/"):
            hint = self._source.in_place(error.hint) if error.hint else None
            said = {"code": error.code, "kind": error.kind, "message": error.message, "hint": hint}
            return Answer.json({"error": said}, status)
        if path in access.OPEN:
            return Answer.text(status, f"{error.message}\n")
        return html(failure.page(self._source, status, error), status)


class MetricsOnly(Application):
    """What a second address serves, also beyond loopback: no page, and nothing of the history."""

    def __init__(self, source: SiteView) -> None:
        super().__init__(source, None, None)

    def _answer(self, environ: dict[str, Any]) -> Answer:
        if environ.get("PATH_INFO") not in access.OPEN:
            return Answer.text(404, "only /health, /ready and /metrics are available here\n")
        # Pods and scrapers ask by whatever name or address leads here.
        return super()._answer(environ | {"HTTP_HOST": "localhost"})


def _query(environ: dict[str, Any]) -> Query:
    try:
        fields = parse_qs(environ.get("QUERY_STRING", ""), max_num_fields=_MOST_FIELDS, errors="replace")
    except ValueError as error:
        raise UsageError("the query string has too many parts", "/") from error
    query = {name: values[-1].strip()[:_LONGEST_VALUE] for name, values in fields.items()}
    query["accept"] = environ.get("HTTP_ACCEPT", "")
    return query


def _language(environ: dict[str, Any], source: SiteView) -> str:
    """Return what the reader chose (a cookie), else what the browser prefers, else what the configuration says."""
    chosen = _CHOSEN.search(environ.get("HTTP_COOKIE", ""))
    if chosen is not None and chosen[1] in language.LANGUAGES:
        return chosen[1]
    return language.wanted(environ.get("HTTP_ACCEPT_LANGUAGE", "")) or source.language
