"""The server under the pages: waitress, with limits, on loopback or on a unix socket.

waitress is pure Python without dependencies, kept by the Pylons project, and speaks nothing but HTTP/1.1, with strict
parsing. One thread waits in poll(2), two answer. It does not wake while nobody asks, but once a minute to close what
is idle.
"""

from __future__ import annotations

import contextlib
import logging
import os
import threading
from typing import Any

from waitress import wasyncore
from waitress.server import create_server

from configvault.core.errors import ConfigvaultError
from configvault.web.application import Application, MetricsOnly
from configvault.web.view import SiteView

LIMITS: dict[str, Any] = {
    "threads": 2,
    # Never reached: past `MOST_OPEN` the one that has waited longest goes, so that nobody silences the rest by waiting.
    "connection_limit": 1000,
    "backlog": 64,
    "channel_timeout": 30,
    "cleanup_interval": 15,
    "asyncore_loop_timeout": 60,
    "asyncore_use_poll": True,
    "max_request_header_size": 16 * 1024,
    "max_request_body_size": 1024,
    "inbuf_overflow": 64 * 1024,
    "outbuf_overflow": 1024 * 1024,
}


_PATIENCE_S = 5
MOST_OPEN = 50


class Server:
    """A server that answers until it is closed; `address` is `HOST:PORT` or the socket's path."""

    def __init__(
        self, listen: str, source: SiteView, *, token: str | None = None, metrics_only: bool = False
    ) -> None:
        """Start to listen; raises ConfigvaultError where that is not possible."""
        # What it has to say of requests is said by their answers.
        logging.getLogger("waitress").setLevel(logging.CRITICAL)
        self._map: dict[int, Any] = {}
        self._path = listen.removeprefix("unix:") if listen.startswith("unix:") else None
        host = None if self._path else listen.rpartition(":")[0]
        options = LIMITS | {"listen": listen.replace("localhost:", "127.0.0.1:")}
        if self._path is not None:
            options = LIMITS | {"unix_socket": self._path, "unix_socket_perms": "660"}
        application = MetricsOnly(source) if metrics_only else Application(source, host, token)
        key = "http.metrics" if metrics_only else "http.listen"
        try:
            self._server = _create(application, self._map, options)
        except OSError as error:
            raise ConfigvaultError(
                f"cannot listen on {listen}: {error.strerror}",
                f"free that address, or set {key} to another one",
            ) from error
        self.address = self._path or f"{host}:{self._server.effective_port}"
        self._thread = threading.Thread(target=self._server.run, name="web", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Stop to listen and end what is going on."""
        # First those who answer, then the one who polls: it ends when nothing is left to poll. Descriptors are closed
        # last, for whoever is still at work wakes the poller through one, and a closed number is soon another file's.
        self._server.task_dispatcher.shutdown(cancel_pending=True, timeout=_PATIENCE_S)
        polled: dict[int, Any] = {}
        self._server.trigger.pull_trigger(lambda: self._hand_over(polled))
        self._thread.join(_PATIENCE_S)
        if not self._thread.is_alive():
            # One that hangs in an answer may still want to wake the poller.
            kept = [self._server.trigger.fileno()] if self._server.task_dispatcher.threads else []
            wasyncore.close_all({fd: one for fd, one in polled.items() if fd not in kept}, ignore_all=True)
        if self._path is not None:
            with contextlib.suppress(OSError):
                os.unlink(self._path)

    def _hand_over(self, polled: dict[int, Any]) -> None:
        """Leave nothing to poll; called in the polling thread."""
        polled.update(self._map)
        self._map.clear()


def _create(application: Application, polled: dict[int, Any], options: dict[str, Any]) -> Any:
    """Return waitress's server; its types leave open which of several classes it is."""
    server: Any = create_server(application, map=polled, ident=None, **options)
    accept = server.handle_accept

    def accept_one() -> None:
        _make_room(server)
        accept()

    server.handle_accept = accept_one
    return server


def _make_room(server: Any) -> None:
    """Close what has been open longest without a whole request; called in the polling thread."""
    waiting = [one for one in list(server.active_channels.values()) if not one.requests]
    for one in sorted(waiting, key=lambda one: one.creation_time):
        if len(server.active_channels) < MOST_OPEN:
            return
        one.handle_close()


def serve(listen: str, source: SiteView, *, token: str | None = None, metrics_only: bool = False) -> Server:
    """Start the pages of `source` on `listen` (`HOST:PORT` or `unix:/PATH`), or health and metrics alone.

    Pages are for those who have `token`; None: for everybody who reaches them, as suits a Unix socket.

    Raises:
        ConfigvaultError: somebody else listens there, or it is not allowed.
    """
    return Server(listen, source, token=token, metrics_only=metrics_only)
