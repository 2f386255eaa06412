"""Who gives a command, by the best evidence there is, and how it is known; and what this machine is called.

Never a guess that looks like knowledge.
"""

from __future__ import annotations

import os
import pwd
from collections.abc import Mapping
from functools import lru_cache

_MOST_PARENTS = 12
_UNSET = 0xFFFFFFFF  # Source: credentials(7) and the kernel's audit: no login belongs to this process


def caller(environ: Mapping[str, str]) -> str:
    """Return who runs this process: `NAME (uid N, how it is known, where from)`.

    The login uid survives sudo and su; where there is none, `SUDO_UID` is what sudo says, and else the uid itself.
    """
    uid, login = os.getuid(), login_uid("self")
    asked = environ.get("SUDO_UID", "")
    where = [part for part in (_terminal(), _ssh_origin(environ)) if part]
    if login is not None:
        how = ["login"] if login == uid else ["login", f"as {name(uid)}"]
        return described(login, *how, *where)
    if asked.isdigit() and uid == 0:
        return described(int(asked), "sudo", *where)
    return described(uid, "process", *where)


def login_uid(pid: str) -> int | None:
    """Return the uid somebody logged in with, for the process `pid`. Source: proc(5), /proc/pid/loginuid."""
    try:
        with open(f"/proc/{pid}/loginuid", encoding="ascii") as file:
            uid = int(file.read())
    except (OSError, ValueError):
        return None
    return None if uid == _UNSET else uid


def _terminal() -> str | None:
    """Return the terminal this process has, such as pts/3."""
    for fd in (0, 1, 2):
        try:
            return os.ttyname(fd).removeprefix("/dev/")
        except OSError:
            continue
    return None


def _ssh_origin(environ: Mapping[str, str]) -> str | None:
    """Return where an ssh session comes from. sudo forgets SSH_CONNECTION; those who started it may still have it."""
    said = environ.get("SSH_CONNECTION") or _inherited(b"SSH_CONNECTION=")
    if not said or not said.split():
        return None
    from ipaddress import ip_address

    address = said.split()[0]
    try:
        return f"ssh from {ip_address(address)}"
    except ValueError:
        return None


def _inherited(prefix: bytes) -> str | None:
    pid = os.getppid()
    for _ in range(_MOST_PARENTS):
        if pid <= 1:
            return None
        try:
            with open(f"/proc/{pid}/environ", "rb") as file:
                found = [one for one in file.read().split(b"\0") if one.startswith(prefix)]
            with open(f"/proc/{pid}/stat", "rb") as file:
                # Source: proc(5): the name, in brackets, may hold anything; the state and the parent follow it.
                pid = int(file.read().rpartition(b")")[2].split()[1])
        except (OSError, ValueError, IndexError):
            return None
        if found:
            return found[0].removeprefix(prefix).decode("ascii", "replace")
    return None


def described(uid: int, *how: str) -> str:
    """Return a user by name and number, and how it is known that it was them."""
    return f"{name(uid)} (uid {uid}, {', '.join(how)})"


def name(uid: int) -> str:
    """Return a user's name, their number where they have none."""
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)


@lru_cache(1)
def machine() -> str:
    """Return the host name with what tells this machine from others of that name, where it has a machine id."""
    import hmac

    from configvault.core.replicas import as_host

    name = as_host(os.uname().nodename)
    try:
        with open("/etc/machine-id", "rb") as file:
            id_ = file.read().strip()
    except OSError:
        return name
    if len(id_) != 32:
        # Source: machine-id(5): empty or "uninitialized" where an image has not booted yet.
        return name
    # Source: machine-id(5): the id itself is confidential, so only what it makes of a text of ours is shown.
    return f"{name}-{hmac.digest(id_, b'configvault', 'sha256').hex()[:8]}"
