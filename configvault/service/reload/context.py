"""What a reload is for, what one attempt came to, and what a reloader is."""

from __future__ import annotations

from typing import NamedTuple, Protocol

from configvault.core.frozen import frozen
from configvault.core.model import ReloadReport
from configvault.core.plugins import Plugin


@frozen
class ReloadContext:
    """The state the service is asked to load: a snapshot's id, commit and tree (None: not recorded), and why.

    `plugins` is what `{plugins}` in `reload.expect` stands for.
    """

    snapshot: str | None
    commit: str | None
    tree: str | None
    trigger: str
    plugins: tuple[Plugin, ...] = ()


class Attempt(NamedTuple):
    """One try: the HTTP status if there was one, and why it failed; None is success."""

    error: str | None
    status: int | None = None


class Reloader(Protocol):
    """Makes the service load what is live; never raises, a failure is a report."""

    def reload(self, context: ReloadContext) -> ReloadReport:
        """Tell the service, and return what came of it."""
        ...
