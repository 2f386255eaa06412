"""A replica's URL taken apart: what git is given, what may be printed, and who logs in."""

from __future__ import annotations

import hashlib
import re
from urllib.parse import unquote, urlsplit, urlunsplit

from configvault.core.frozen import field, frozen
from configvault.core.replicas import HOST, Layout
from configvault.core.settings import ReplicaSettings

DEFAULT_USER = "configvault"


@frozen
class Address:
    """Where one host's history lies. `url` holds no password, and of user names only those of ssh.

    `key` names the state file of this replica: the same URL and host give the same one.
    """

    url: str
    layout: Layout
    timeout_s: float
    ssh_key: str | None = None
    known_hosts: str | None = None
    user: str | None = field(default=None, repr=False)
    password: str | None = field(default=None, repr=False)

    @property
    def key(self) -> str:
        """Return a name for files about this replica."""
        return hashlib.sha256(f"{self.url}\0{self.layout.below}".encode()).hexdigest()[:16]

    @property
    def shown(self) -> str:
        """Return the URL as it may be printed, with the host's place in a shared repository."""
        plain = re.sub(r"[?#].*", "", self.url) if "://" in self.url else self.url
        return f"{plain} ({self.layout.below.rstrip('/')})" if self.layout.below else plain

    @property
    def is_local(self) -> bool:
        """Return whether the replica is a folder of this machine."""
        return self.url.startswith(("/", "file:"))

    @property
    def web_origin(self) -> str | None:
        """Return scheme and host of an http replica, to which alone the password is told."""
        parts = urlsplit(self.url)
        return f"{parts.scheme}://{parts.netloc}" if parts.scheme in ("http", "https") else None


def resolve(replica: ReplicaSettings, host: str) -> Address:
    """Return the address of `host` at `replica`."""
    url = replica.url.replace(HOST, host)
    user, password = replica.user, replica.token
    parts = urlsplit(url) if "://" in url else None
    if parts is not None and parts.scheme in ("http", "https") and parts.username is not None:
        user = user or unquote(parts.username)
        password = password or (unquote(parts.password) if parts.password else None)
        if password is None:
            # Forges take a token in place of the user, too.
            user, password = None, user
        url = urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2]))
    elif parts is not None and parts.password is not None:
        # ssh takes no password from a URL, and nobody should see it.
        url = urlunsplit(parts._replace(netloc=f"{parts.username}@{parts.netloc.rpartition('@')[2]}"))
    return Address(
        url,
        Layout.of(host if replica.shared else None),
        replica.timeout,
        replica.key,
        replica.known_hosts,
        (user or DEFAULT_USER) if password else None,
        password,
    )
