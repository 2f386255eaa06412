"""The URL of a store taken apart."""

from __future__ import annotations

import hashlib
from urllib.parse import unquote, urlsplit

from configvault.core.frozen import frozen
from configvault.core.settings import ReplicaSettings

FOLDER = "file+bundle"


@frozen
class StoreAddress:
    """Where the history of `host` lies: below `prefix` in a bucket (or container), or in a folder.

    `encrypt_to` are age recipients, `identity` the file with what decrypts.
    """

    scheme: str
    bucket: str
    prefix: str
    host: str
    timeout_s: float
    endpoint: str | None = None
    region: str | None = None
    credentials: str | None = None
    encrypt_to: tuple[str, ...] = ()
    identity: str | None = None

    @property
    def url(self) -> str:
        """Return the URL without the host."""
        return f"{self.scheme}://{self.bucket}{f'/{self.prefix}' if self.prefix else ''}"

    @property
    def shown(self) -> str:
        """Return the URL with the host's place in it, as it may be printed."""
        return f"{self.url}/{self.host}"

    @property
    def key(self) -> str:
        """Return a name for files about this replica."""
        return hashlib.sha256(f"{self.endpoint or ''}\0{self.shown}".encode()).hexdigest()[:16]


def resolve(replica: ReplicaSettings, host: str) -> StoreAddress:
    """Return the address of `host` at `replica`."""
    parts = urlsplit(replica.url)
    folder = parts.scheme == FOLDER
    return StoreAddress(
        parts.scheme,
        "" if folder else parts.netloc,
        unquote(parts.path).strip("/"),
        host,
        replica.timeout,
        replica.endpoint,
        replica.region,
        replica.credentials,
        replica.encrypt_to,
        replica.identity,
    )
