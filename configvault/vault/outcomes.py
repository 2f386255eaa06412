"""What commands did, for the daemon to log and count: a bounded list beside the repository, newest last.

One line of JSON for each outcome. Not synced: it is for whoever runs now, and the history has what must last.
"""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Iterator, Mapping
from typing import Any

from configvault.disk import durable

NAME = "outcomes"
MOST_BYTES = 256 * 1024
_LONGEST_LINE = 32 * 1024


def append(state: str, document: Mapping[str, Any]) -> None:
    """Add one, with an id of its own; the older half goes where they have become too many.

    Raises:
        OSError: it cannot be written.
    """
    path = os.path.join(state, NAME)
    body = (json.dumps({"id": os.urandom(8).hex(), **document}) + "\n").encode()
    if len(body) > _LONGEST_LINE:
        return
    with open(os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600), "r+b") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        file.write(body)
        file.flush()
        if file.tell() > MOST_BYTES:
            file.seek(0)
            lines = file.read().splitlines(keepends=True)
            durable.write(path, b"".join(lines[len(lines) // 2 :]), sync=False)


class Reader:
    """Reads what is new since the last time; begins with what comes after it was made."""

    def __init__(self, state: str) -> None:
        """Begin at the end of the list."""
        self._path = os.path.join(state, NAME)
        self._seen: tuple[int, int] | None = None
        self._last: str | None = None
        for _ in self.new():
            pass

    def new(self) -> Iterator[dict[str, Any]]:
        """Yield each that was added since; nothing is read where the file is as it was."""
        try:
            stamp = os.stat(self._path)
            if self._seen == (stamp.st_ino, stamp.st_size):
                return
            with open(self._path, "rb") as file:
                lines = file.read(2 * MOST_BYTES).splitlines()
        except OSError:
            return
        self._seen = (stamp.st_ino, stamp.st_size)
        found = [one for line in lines if (one := _parsed(line)) is not None]
        known = next((at for at, one in enumerate(found) if one["id"] == self._last), -1)
        if found:
            self._last = found[-1]["id"]
        yield from found[known + 1 :]


def _parsed(line: bytes) -> dict[str, Any] | None:
    """Return one of the list, None for a line that was cut off."""
    try:
        document = json.loads(line)
        return document if isinstance(document["id"], str) else None
    except (ValueError, TypeError, KeyError):
        return None
