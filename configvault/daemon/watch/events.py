"""What to ask of watchdog, and where to look after each event."""

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

# Never without a filter: the default one hears the opening of folders, and watchdog's own walks would keep it awake
# for ever. FileModifiedEvent and the two for attributes must stand together, or no change of a mode is heard.
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
# In the folder around the root only names matter; of a root that is a link, the link is a file there.
AROUND_THE_ROOT: list[type[FileSystemEvent]] = [
    FileCreatedEvent,
    FileMovedEvent,
    FileDeletedEvent,
    DirCreatedEvent,
    DirMovedEvent,
    DirDeletedEvent,
]


class Handler(FileSystemEventHandler):
    """Passes each event to one function; watchdog swallows nothing on the way."""

    def __init__(self, hear: Callable[[FileSystemEvent], None]) -> None:
        """Keep the function."""
        self._hear = hear

    def dispatch(self, event: FileSystemEvent) -> None:
        """Pass on `event`."""
        self._hear(event)


def places(event: FileSystemEvent, root: str, is_ignored: Callable[[str], bool]) -> Dirty:
    """Return where in `root` to look after `event`; nowhere if it is about ignored names only."""
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
            # Of a folder that came by a rename nothing below was ever told.
            found |= Dirty([folder], [path])
    return found


def _inside(name: str | bytes, root: str) -> str | None:
    if isinstance(name, bytes) or not name:
        return None
    if name == root:
        return ""
    return name.removeprefix(root + "/") if name.startswith(root + "/") else None
