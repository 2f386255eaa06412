"""Object stores: push the vault to them as git bundles, check and fetch what they hold.

A push only adds objects under new names and lists; nothing is overwritten, and nothing deleted. Nothing that a store
answers is believed before its hash is the one that a manifest names, and the manifests form a chain.
"""

from __future__ import annotations

from configvault.replica.store.address import StoreAddress, resolve
from configvault.replica.store.store import Store, hosts

__all__ = ["Store", "StoreAddress", "hosts", "resolve"]
