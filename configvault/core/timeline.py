"""What somebody wants to see of the history, and what of it is shown: pages of it, folders and files of a snapshot."""

from __future__ import annotations

from datetime import date, datetime

from configvault.core.frozen import frozen
from configvault.core.model import RejectedState, Snapshot
from configvault.core.rendering.textdiff import FileDiff

Listed = Snapshot | RejectedState
ONLY = ("", "snapshots", "rejected")


@frozen
class Wanted:
    """Which part of the history: a plugin, a part of an actor's name, times as people write them, a page from 1.

    `only` is one of `ONLY`; `path` a file or folder that was changed, `text` words in the subject, the reason, the actor, the
    plugins or a changed path. Empty strings ask for everything.
    """

    plugin: str = ""
    actor: str = ""
    since: str = ""
    until: str = ""
    path: str = ""
    text: str = ""
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


@frozen
class Beside:
    """The ids before and after one in the history, None at its ends."""

    newer: str | None
    older: str | None


@frozen
class Day:
    """How many snapshots and rejected states a day has."""

    day: date
    snapshots: int
    rejected: int


@frozen
class Row:
    """What is in a folder: a file or link with its size in bytes, or a folder with how many files are below it."""

    name: str
    mode: int
    is_folder: bool
    size: int


@frozen
class Listing:
    """A folder of a state (`path` empty: the root), and the id of that state."""

    id: str
    path: str
    rows: tuple[Row, ...]


@frozen
class Origin:
    """Which snapshot a line is from: its id, who made it and when. None of it where it is older than was looked at."""

    id: str
    actor: str
    at: datetime


@frozen
class FileShown:
    """A file of a state, secrets hidden. `reason` says why `lines` are not shown; `origins` has one for each line, or is empty."""

    id: str
    path: str
    mode: int
    size: int
    lines: tuple[str, ...] = ()
    reason: str | None = None
    origins: tuple[Origin | None, ...] = ()


@frozen
class Match:
    """A line that has what was looked for, secrets hidden."""

    path: str
    number: int
    line: str


@frozen
class Matches:
    """Lines of one state that have a text; `reason` says why not all of it was looked through, None where it was."""

    id: str
    found: tuple[Match, ...]
    reason: str | None = None


@frozen
class PluginShown:
    """A plugin that the service should have, and its requests while the latest snapshot was loaded, where its log is known."""

    name: str
    title: str
    active: bool
    requests: int | None = None
    error_rate: float | None = None
    p95_ms: float | None = None


@frozen
class LoadedShown:
    """One time that the service was to load a state; with the requests since then, where its log is known."""

    id: str
    at: datetime
    ok: bool
    actor: str
    elapsed_seconds: float
    requests: int | None = None
    error_rate: float | None = None


@frozen
class ServiceShown:
    """The service as far as it is known: its plugins, what it loaded and when, and why its log says nothing."""

    plugins: tuple[PluginShown, ...]
    loaded: tuple[LoadedShown, ...]
    log: str | None = None
    log_reason: str | None = None
