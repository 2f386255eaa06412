"""A site's pages on a real port: the real browser of the vault behind the real server."""

from __future__ import annotations

import contextlib
import http.client
import os
import socket
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from sites import Place

from configvault import app, web
from configvault.core import hints
from configvault.core.figures import Figures
from configvault.core.timeline import ServiceShown
from configvault.daemon import serviceview
from configvault.observers.metrics import Metrics
from configvault.usecases.browse import Browser


class Shown(Browser):
    """What the daemon would hand to the pages, with its own words in the test's hands."""

    def __init__(self, place: Place) -> None:
        settings = app.load_settings(str(place.config), os.environ)
        super().__init__(lambda: app.open_site(settings, dict(os.environ)))
        self._shown_place = place
        self.wrong: str | None = None
        self.reasons: list[str] = []
        self.complaints: list[str] = []
        self._metrics = Metrics(
            "1.0", lambda: Figures(files=1, rejected_since=datetime(2023, 12, 1, tzinfo=UTC))
        )

    def status(self) -> dict[str, Any]:
        """Return what the command line says."""
        return dict(self._shown_place.ok("status"))

    def in_place(self, text: str) -> str:
        """Name the configuration in commands, as the daemon does."""
        return hints.in_place(text, str(self._shown_place.config))

    def alive(self) -> str | None:
        """Return what the test says."""
        return self.wrong

    def unready(self) -> list[str]:
        """Return what the test says."""
        return self.reasons

    def metrics(self, accept: str) -> tuple[str, bytes]:
        """Return real metrics."""
        return self._metrics.render(accept)

    def service(self) -> ServiceShown:
        """Return what the daemon would show."""
        with self.looking() as site:
            return serviceview.shown(site)

    def complain(self, message: str) -> None:
        """Keep it."""
        self.complaints.append(message)


@dataclass
class Got:
    """An answer."""

    status: int
    headers: dict[str, str]
    body: str = field(repr=False)


@dataclass
class Pages:
    """A running server and what it shows."""

    source: Shown
    address: str

    def get(self, path: str, method: str = "GET", host: str | None = None, **headers: str) -> Got:
        """Ask for `path`."""
        connection = _connect(self.address)
        with contextlib.closing(connection):
            sent = {"Host": host or "localhost", **headers}
            connection.request(method, path, headers={k.replace("_", "-"): v for k, v in sent.items()})
            answer = connection.getresponse()
            body = answer.read().decode("utf-8", "surrogateescape")
            return Got(answer.status, {k.lower(): v for k, v in answer.getheaders()}, body)


class _Unix(http.client.HTTPConnection):
    def __init__(self, path: str) -> None:
        super().__init__("localhost", timeout=30)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(30)
        self.sock.connect(self._path)


def _connect(address: str) -> http.client.HTTPConnection:
    if address.startswith("/"):
        return _Unix(address)
    return http.client.HTTPConnection(address, timeout=30)


@contextlib.contextmanager
def showing(place: Place, listen: str = "127.0.0.1:0", token: str | None = None) -> Iterator[Pages]:
    """Serve the pages of `place`, to whoever has `token`."""
    source = Shown(place)
    server = web.serve(listen, source, token=token)
    try:
        yield Pages(source, server.address)
    finally:
        server.close()
