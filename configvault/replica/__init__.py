"""Git remotes: push the vault to them, list and fetch what they hold.

A push is fast-forward only and all or nothing; nothing is ever forced or deleted there. Nothing here writes to a
vault: what is fetched goes into the repository that the caller names. No error holds a token or a URL's user part.
"""

from __future__ import annotations

from configvault.replica.address import Address, resolve
from configvault.replica.hosts import find
from configvault.replica.remote import Remote, RemoteError

__all__ = ["Address", "Remote", "RemoteError", "find", "resolve"]
