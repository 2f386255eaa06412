"""What a store can do, whoever keeps it: list, read, add what is not there yet, and for `prune` alone remove.

Names are relative to one prefix and use `/`. Every call ends within the time limit of its address.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol

from configvault.core.errors import ConfigvaultError
from configvault.core.frozen import frozen
from configvault.core.replicas import Trouble, Why


class StoreError(ConfigvaultError):
    """A store did not do what it was asked; `trouble` says why."""

    kind = "replica"

    def __init__(self, name: str, trouble: Trouble) -> None:
        """Name the store."""
        super().__init__(f"replica {name}: {trouble.words}", trouble.hint)
        self.trouble = trouble


class AbsentError(StoreError):
    """There is no object of this name."""


class ExistsError(StoreError):
    """There is one of this name already; it was not changed."""


class DeniedError(StoreError):
    """The credentials do not permit it."""


@frozen
class Found:
    """One listed object; `e_tag` stands for its bytes where the store says so (often their MD5)."""

    name: str
    size: int
    e_tag: str | None = None


class Objects(Protocol):
    """The objects below one prefix of one store; every method raises StoreError."""

    def listed(self, below: str, after: str = "") -> Iterator[Found]:
        """Yield what lies below the folder `below`, by name, behind the name `after`."""
        ...

    def folders(self) -> list[str]:
        """Return the folders at the top, in order."""
        ...

    def read(self, name: str, most: int) -> bytes:
        """Return the bytes of one object, at most `most`."""
        ...

    def fetch(self, name: str, path: str, most: int) -> None:
        """Write the first `most` bytes of one object into the new file `path`; raises OSError where it cannot be written."""
        ...

    def create(self, name: str, data: bytes) -> str | None:
        """Add an object, whole or not at all, where there is none of this name; return its `e_tag`.

        Raises:
            ExistsError: there is one; servers that do not know the condition overwrite it instead.
        """
        ...

    def send(self, name: str, path: str) -> None:
        """Add the bytes of the file `path`, whole or not at all, under a name that only they have."""
        ...

    def remove(self, name: str) -> None:
        """Remove one object."""
        ...


def too_large(store: str, name: str, most: int) -> StoreError:
    """Return what is said of an object that is larger than it may be."""
    return StoreError(store, Trouble(Why.DAMAGED, f"{name} is larger than the {most} bytes that it may have"))
