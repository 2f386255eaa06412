"""What the pages are made from: whatever has these methods can be shown."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

from configvault.core.model import Change, RejectedState, Snapshot
from configvault.core.timeline import (
    Beside,
    Compared,
    Day,
    FileShown,
    Listing,
    Matches,
    ServiceShown,
    Timeline,
    Wanted,
)


class SiteView(Protocol):
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

    def in_place(self, text: str) -> str:
        """Return a text whose commands name the configuration that they need."""
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

    def difference(self, old: str, new: str, context: int = 3) -> Compared:
        """Compare two references; `live` is what is in the root now. `context` lines are around each change."""
        ...

    @property
    def language(self) -> str:
        """Return the language for those whose browser asks for none of ours."""
        ...

    @property
    def place(self) -> tuple[str, str]:
        """Return the name of the host and the path of the root."""
        ...

    def beside(self, id_: str) -> Beside:
        """Return which ids are before and after one."""
        ...

    def days(self, count: int) -> tuple[Day, ...]:
        """Return how much happened on each of the last days."""
        ...

    def report(self, since: str | None) -> dict[str, Any]:
        """Return the document of `configvault report --json`."""
        ...

    def folder_or_file(self, reference: str, path: str, *, blame: bool = False) -> Listing | FileShown:
        """Return what a state has at `path`, secrets hidden."""
        ...

    def search(self, reference: str, text: str) -> Matches:
        """Return the lines of a state that have `text`, secrets hidden."""
        ...

    def fingerprint(self) -> str:
        """Return what changes whenever the history does."""
        ...

    def service(self) -> ServiceShown:
        """Return what is known of the service: its plugins, what it loaded, and how it did since."""
        ...

    def complain(self, message: str) -> None:
        """Hear of a fault in the pages themselves; the message names no content."""
        ...
