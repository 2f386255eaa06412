"""Who may ask, and what every answer says to the browser about itself.

A page on loopback is within reach of every web site its operator visits: by a name that is made to resolve to
127.0.0.1 (DNS rebinding). So a request must name a host that cannot be somebody else's.
"""

from __future__ import annotations

import re
from ipaddress import ip_address

HEADERS = (
    (
        "Content-Security-Policy",
        "default-src 'none'; style-src 'self'; img-src 'self'; script-src 'self'; connect-src 'self'; form-action 'self'; "
        "base-uri 'none'; frame-ancestors 'none'",
    ),
    ("X-Content-Type-Options", "nosniff"),
    ("X-Frame-Options", "DENY"),
    ("Referrer-Policy", "no-referrer"),
    ("Cross-Origin-Resource-Policy", "same-origin"),
    ("Cross-Origin-Opener-Policy", "same-origin"),
    ("Cache-Control", "no-store"),
)

_HOST = re.compile(r"(\[[0-9A-Fa-f:.]{2,45}\]|[A-Za-z0-9._-]{1,253})(?::[0-9]{1,5})?")


def is_ours(said: str | None, configured: str | None) -> bool:
    """Return whether a `Host` header names this server.

    Args:
        said: the header; None where there is none.
        configured: the host that is listened on; None on a unix socket, which no browser reaches.
    """
    match = _HOST.fullmatch(said or "")
    if match is None:
        return False
    host = match[1].lower()
    # The port may differ: `ssh -L` brings the page to another one. It is the name that cannot be trusted.
    return configured is None or host in ("localhost", configured.lower()) or _loopback(host.strip("[]"))


def _loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False
