"""Which events to request from watchdog, and where to look after each of them."""

from __future__ import annotations

from collections.abc import Callable

from watchdog.events import (
    DirAttribEvent,
    DirCreatedEvent,
    DirDeletedEvent,
    DirMovedEvent,
    FileAttribEvent,
    FileClosedEvent,
    FileCreatedEvent,
    FileDeletedEvent,
    FileModifiedEvent,
    FileMovedEvent,
    FileSystemEvent,
    FileSystemEventHandler,
)

from configvault.core.settle import NOTHING, Dirty

# Always pass a filter: the default one reports when a folder is opened, so watchdog's own walks would wake it for ever.
# FileModifiedEvent and the two attribute events belong together: without one of them no change of a mode is reported.
IN_THE_ROOT: list[type[FileSystemEvent]] = [
    FileCreatedEvent,
    FileModifiedEvent,
    FileClosedEvent,
    FileAttribEvent,
    FileMovedEvent,
    FileDeletedEvent,
    DirCreatedEvent,
    DirAttribEvent,
    DirMovedEvent,
    DirDeletedEvent,
]
# In the folder that holds the root only changes of names matter. If the root is a link, the link is a file there.
AROUND_THE_ROOT: list[type[FileSystemEvent]] = [
    FileCreatedEvent,
    FileMovedEvent,
    FileDeletedEvent,
    DirCreatedEvent,
    DirMovedEvent,
    DirDeletedEvent,
]


class Handler(FileSystemEventHandler):
    """Passes every event to one function, without watchdog's own dispatch by event type."""

    def __init__(self, hear: Callable[[FileSystemEvent], None]) -> None:
        """Take the function that gets the events."""
        self._hear = hear

    def dispatch(self, event: FileSystemEvent) -> None:
        """Pass on `event`."""
        self._hear(event)


def places(event: FileSystemEvent, root: str, is_ignored: Callable[[str], bool]) -> Dirty:
    """Return where in `root` to look after `event`: nowhere if it concerns ignored names only."""
    found = NOTHING
    for name in (event.src_path, event.dest_path):
        path = _inside(name, root)
        if path is None or (path and is_ignored(path)):
            continue
        folder = path.rpartition("/")[0]
        if not event.is_directory:
            found |= Dirty([folder])
        elif isinstance(event, DirAttribEvent):
            found |= Dirty([path])
        else:
            # No events are sent for what is inside a folder that was moved here: look at all of it.
            found |= Dirty([folder], [path])
    return found


def _inside(name: str | bytes, root: str) -> str | None:
    """Return the path `name` relative to `root`, `""` for the root itself, None if it is outside."""
    if isinstance(name, bytes) or not name:
        return None
    if name == root:
        return ""
    return name.removeprefix(root + "/") if name.startswith(root + "/") else None
