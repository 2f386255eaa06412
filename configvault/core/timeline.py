"""What somebody wants to see of the history, and a page of it."""

from __future__ import annotations

from configvault.core.frozen import frozen
from configvault.core.model import RejectedState, Snapshot
from configvault.core.rendering.textdiff import FileDiff

Listed = Snapshot | RejectedState
ONLY = ("", "snapshots", "rejected")


@frozen
class Wanted:
    """Which part of the history: a plugin, a part of an actor's name, times as people write them, a page from 1.

    `only` is one of `ONLY`; empty strings ask for everything.
    """

    plugin: str = ""
    actor: str = ""
    since: str = ""
    until: str = ""
    only: str = ""
    page: int = 1
    per_page: int = 50


@frozen
class Timeline:
    """A page of what was asked for, newest first; `total` counts the entries of all pages.

    `plugins` and `actors` name what can be asked for.
    """

    entries: tuple[Listed, ...]
    total: int
    page: int
    pages: int
    plugins: tuple[str, ...] = ()
    actors: tuple[str, ...] = ()


@frozen
class Compared:
    """Two states by their names and how their files differ, secrets hidden; `more` files are not in it."""

    old: str
    new: str
    files: tuple[FileDiff, ...]
    more: int = 0
