"""Object stores as replicas: push the vault to a store as git bundles, check what it holds, fetch it.

A push only lists objects and adds new ones; it never overwrites or deletes. Nothing from a store is trusted until its
hash matches: each bundle's is in a manifest, and each manifest names the hash of the one before it.
"""

from __future__ import annotations

from configvault.replica.store.address import StoreAddress, resolve
from configvault.replica.store.store import Store, hosts

__all__ = ["Store", "StoreAddress", "hosts", "resolve"]
