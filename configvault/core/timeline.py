"""Requests for parts of the history, and what is shown: pages of it, folders and files of a snapshot, comparisons."""

from __future__ import annotations

from datetime import date, datetime

from configvault.core.frozen import frozen
from configvault.core.model import RejectedState, Snapshot
from configvault.core.rendering.textdiff import FileDiff

Listed = Snapshot | RejectedState
ONLY = ("", "snapshots", "rejected")


@frozen
class Wanted:
    """Which part of the history to show; an empty string does not restrict it.

    Attributes:
        plugin: a plugin that was changed.
        actor: a part of the actor's name.
        since: the earliest time, as people write it (see core/times.py).
        until: the latest time.
        path: a file or folder that was changed.
        text: words in the subject, the reason, the actor, the plugins or a changed path.
        only: one of `ONLY`.
        page: the number of the page, from 1.
        per_page: entries on a page.
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
    """One page of the history, newest first; `total` is the number of entries on all pages.

    `plugins` and `actors` are those that can be chosen.
    """

    entries: tuple[Listed, ...]
    total: int
    page: int
    pages: int
    plugins: tuple[str, ...] = ()
    actors: tuple[str, ...] = ()


@frozen
class Compared:
    """The differences between the files of two states, with secrets hidden; `more` is how many files are left out."""

    old: str
    new: str
    files: tuple[FileDiff, ...]
    more: int = 0


@frozen
class Beside:
    """The next newer and the next older id in the history, None at its ends."""

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
    """One entry of a folder; `size` is in bytes, or for a folder the number of files below it."""

    name: str
    mode: int
    is_folder: bool
    size: int


@frozen
class Listing:
    """The content of a folder of the state `id`; `path` is empty for the root."""

    id: str
    path: str
    rows: tuple[Row, ...]


@frozen
class Origin:
    """The snapshot that a line comes from: its id, who made it, and when."""

    id: str
    actor: str
    at: datetime


@frozen
class FileShown:
    """A file of a state, with secrets hidden; `reason` says why `lines` are not shown.

    `origins` is empty, or has one item for each line: None if the line is older than the history that was searched.
    """

    id: str
    path: str
    mode: int
    size: int
    lines: tuple[str, ...] = ()
    reason: str | None = None
    origins: tuple[Origin | None, ...] = ()


@frozen
class Match:
    """A line that contains the searched text, with secrets hidden; `number` counts from 1."""

    path: str
    number: int
    line: str


@frozen
class Matches:
    """The lines of one state that contain a text; `reason` says why not all of it was searched, None if it was."""

    id: str
    found: tuple[Match, ...]
    reason: str | None = None


@frozen
class PluginShown:
    """A plugin of the latest snapshot, with its requests since that was loaded, if the service's log is known."""

    name: str
    title: str
    active: bool
    requests: int | None = None
    error_rate: float | None = None
    p95_ms: float | None = None


@frozen
class LoadedShown:
    """One load of a state by the service, with the requests since then, if the service's log is known."""

    id: str
    at: datetime
    ok: bool
    actor: str
    elapsed_seconds: float
    requests: int | None = None
    error_rate: float | None = None


@frozen
class ServiceShown:
    """What is known of the service: its plugins, what it loaded and when; `log_reason` says why its log cannot be used."""

    plugins: tuple[PluginShown, ...]
    loaded: tuple[LoadedShown, ...]
    log: str | None = None
    log_reason: str | None = None
