"""The address of one host's history in a store, from the replica's URL and settings."""

from __future__ import annotations

import hashlib
from urllib.parse import unquote, urlsplit

from configvault.core.frozen import frozen
from configvault.core.settings import ReplicaSettings

FOLDER = "file+bundle"


@frozen
class StoreAddress:
    """Where the history of one host is stored.

    Attributes:
        scheme: the URL's scheme; `FOLDER` for a folder.
        bucket: the bucket or container, empty for a folder.
        prefix: the path below it, without slashes at the ends; for a folder its absolute path without the first slash.
        host: the name of the host, which is the folder below the prefix.
        timeout_s: how many seconds one request may take.
        endpoint: the URL of the server, None for the provider's own.
        region: the region of the bucket.
        credentials: the path of the credentials file.
        encrypt_to: age recipients.
        identity: the path of the file with the secret key.
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
        """Return a short hash of the address, for the names of local files about this replica."""
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
