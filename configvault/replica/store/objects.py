"""The interface of every kind of store: list, read, add new objects, and remove (only `prune` does).

Names are relative to one prefix and use `/`. Every request ends within the time limit of its address.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol

from configvault.core.errors import ConfigvaultError
from configvault.core.frozen import frozen
from configvault.core.replicas import Trouble, Why


class StoreError(ConfigvaultError):
    """A request to a store failed; `trouble` says why."""

    kind = "replica"

    def __init__(self, name: str, trouble: Trouble) -> None:
        """Build the message from the store's `name` and the `trouble`."""
        super().__init__(f"replica {name}: {trouble.words}", trouble.hint)
        self.trouble = trouble


class AbsentError(StoreError):
    """There is no object with this name."""


class ExistsError(StoreError):
    """There is already an object with this name; it was not changed."""


class DeniedError(StoreError):
    """The credentials do not permit the request."""


@frozen
class Found:
    """One listed object. `e_tag` changes with its content and is often its MD5; None if the store gives none."""

    name: str
    size: int
    e_tag: str | None = None


class Objects(Protocol):
    """The objects below one prefix of one store; every method raises StoreError."""

    def listed(self, below: str, after: str = "") -> Iterator[Found]:
        """Yield the objects in the folder `below` whose names sort after `after`, sorted by name."""
        ...

    def folders(self) -> list[str]:
        """Return the sorted names of the top-level folders."""
        ...

    def read(self, name: str, most: int) -> bytes:
        """Return the bytes of one object; raises StoreError if there are more than `most`."""
        ...

    def fetch(self, name: str, path: str, most: int) -> None:
        """Write the first `most` bytes of one object to the new file `path`; raises OSError if it cannot be written."""
        ...

    def create(self, name: str, data: bytes) -> str | None:
        """Add an object, entirely or not at all; return its `e_tag`.

        Raises:
            ExistsError: the name is taken. A server that ignores conditional puts overwrites the object instead.
        """
        ...

    def send(self, name: str, path: str) -> None:
        """Add the bytes of the file `path`, entirely or not at all. The name must hold their hash, so it means only them."""
        ...

    def remove(self, name: str) -> None:
        """Remove one object."""
        ...


def too_large(store: str, name: str, most: int) -> StoreError:
    """Return the error for an object that is larger than `most` bytes."""
    return StoreError(store, Trouble(Why.DAMAGED, f"{name} is larger than the {most} bytes that it may have"))
