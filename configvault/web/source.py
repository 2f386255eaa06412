"""What the pages are made from: whatever has these methods can be shown."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

from configvault.core.model import Change, RejectedState, Snapshot
from configvault.core.timeline import Compared, Timeline, Wanted


class Source(Protocol):
    """One site, looked at from the threads of the server; methods raise `ConfigvaultError` and nothing else."""

    def status(self) -> dict[str, Any]:
        """Return the document of `configvault status --json`."""
        ...

    def alive(self) -> str | None:
        """Return None where the worker answers, else what is wrong with it."""
        ...

    def unready(self) -> Sequence[str]:
        """Return why changes would not be recorded now; empty where they would."""
        ...

    def metrics(self, accept: str) -> tuple[str, bytes]:
        """Return content type and body for a scraper that accepts `accept`."""
        ...

    def hide(self, text: str) -> str:
        """Return a text without secrets."""
        ...

    def timeline(self, wanted: Wanted) -> Timeline:
        """Return a page of the history."""
        ...

    def snapshot(self, reference: str) -> tuple[Snapshot, tuple[Change, ...]]:
        """Return a snapshot and what it changed."""
        ...

    def titles(self, tree: str) -> dict[str, str]:
        """Return the names that people know the plugins of a state by, by their documents."""
        ...

    def rejected(self, reference: str) -> tuple[RejectedState, tuple[Change, ...]]:
        """Return a refused state and how it differs from the snapshot before it."""
        ...

    def difference(self, old: str, new: str) -> Compared:
        """Compare two references; `live` is what is in the root now."""
        ...

    def complain(self, message: str) -> None:
        """Hear of a fault in the pages themselves; the message names no content."""
        ...
