"""Who gives a command, by the best evidence there is, and how it is known; and what this machine is called.

Never a guess that looks like knowledge.
"""

from __future__ import annotations

import hashlib
import hmac
import os
import pwd
import socket
from collections.abc import Mapping

_UNSET = 0xFFFFFFFF  # Source: credentials(7) and the kernel's audit: no login belongs to this process


def caller(environ: Mapping[str, str]) -> str:
    """Return who runs this process: `NAME (uid N, how it is known)`.

    The login uid survives sudo and su; where there is none, `SUDO_UID` is what sudo says, and else the uid itself.
    """
    login = _login_uid()
    if login is not None:
        return _named(login, "login" if login == os.getuid() else f"login, as {_name(os.getuid())}")
    asked = environ.get("SUDO_UID", "")
    if asked.isdigit() and os.getuid() == 0:
        return _named(int(asked), "sudo")
    return _named(os.getuid(), "process")


def _login_uid() -> int | None:
    """Return the uid somebody logged in with. Source: proc(5), /proc/pid/loginuid."""
    try:
        with open("/proc/self/loginuid", encoding="ascii") as file:
            uid = int(file.read())
    except (OSError, ValueError):
        return None
    return None if uid == _UNSET else uid


def _named(uid: int, how: str) -> str:
    return f"{_name(uid)} (uid {uid}, {how})"


def _name(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)


def machine() -> str:
    """Return the host name with what tells this machine from others of that name, where it has a machine id."""
    from configvault.core.replicas import as_host

    name = as_host(socket.gethostname())
    try:
        with open("/etc/machine-id", "rb") as file:
            id_ = file.read().strip()
    except OSError:
        return name
    if len(id_) != 32:
        # Source: machine-id(5): empty or "uninitialized" where an image has not booted yet.
        return name
    # Source: machine-id(5): the id itself is confidential, so only what it makes of a text of ours is shown.
    return f"{name}-{hmac.new(id_, b'configvault', hashlib.sha256).hexdigest()[:8]}"
