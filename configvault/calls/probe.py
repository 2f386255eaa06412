"""See whether something could be called, without calling it."""

from __future__ import annotations

import socket
from collections.abc import Sequence
from shutil import which
from urllib.parse import urlsplit

from configvault.core.model import Probe

_CONNECT_S = 3.0


def program(argv: Sequence[str]) -> Probe:
    """Return whether there is such a program."""
    if which(argv[0]) is None:
        return Probe(False, f"{argv[0]} cannot be run", "install it, or use its full path")
    return Probe(True, f"{argv[0]} can be run")


def reachable(url: str) -> Probe:
    """Return whether the host of `url` accepts a connection; nothing is sent."""
    parts = urlsplit(url)
    host, port = parts.hostname or "", parts.port or (443 if parts.scheme == "https" else 80)
    try:
        socket.create_connection((host, port), _CONNECT_S).close()
    except OSError as error:
        why = error.strerror or str(error)
        return Probe(False, f"{host}:{port} cannot be reached: {why}", "start it, or correct the url")
    return Probe(True, f"{host}:{port} answers")
