"""The captured tree as the service would see it on its disk: links followed, but only inside the tree."""

from __future__ import annotations

import os
from collections.abc import Callable

from configvault.core.frozen import frozen
from configvault.core.leftout import IGNORED
from configvault.core.model import Entry, Folder, Kind

MOST_LINKS = 40  # as Linux: a path that needs more is a loop


@frozen
class Found:
    """Where a path leads: `real` is the path without links, `entry` what lies there."""

    real: str
    entry: Entry | Folder


@frozen
class Lost:
    """Why a path leads nowhere inside the tree: `missing`, `ignored` (it is there, but left out), `outside` or `loop`."""

    reason: str


class Files:
    """Paths of one captured tree, resolved without a disk."""

    def __init__(self, tree: Folder, read: Callable[[str], bytes]) -> None:
        self.tree = tree
        self._read = read

    def read(self, entry: Entry) -> bytes:
        """Return the bytes of a file or the text of a link."""
        return self._read(entry.blob)

    def resolve(self, path: str) -> Found | Lost:
        """Return where `path` (relative to the root, may hold `.` and `..`) leads."""
        left = [part for part in reversed(path.split("/")) if part]
        done: list[tuple[str, Folder]] = []
        here: Entry | Folder = self.tree
        name, links = "", 0
        while left:
            part = left.pop()
            if isinstance(here, Entry):
                return Lost("missing")
            if part == ".":
                continue
            if part == "..":
                if not done:
                    return Lost("outside")
                name, here = done.pop()
                continue
            entry = here.entries.get(part)
            if entry is None:
                return Lost(IGNORED if here.left_out.get(part) == IGNORED else "missing")
            if isinstance(entry, Entry) and entry.kind is Kind.LINK:
                links += 1
                target = os.fsdecode(self.read(entry))
                if links > MOST_LINKS or not target:
                    return Lost("loop")
                if target.startswith("/"):
                    return Lost("outside")
                left += [step for step in reversed(target.split("/")) if step]
                continue
            done.append((name, here))
            name, here = part, entry
        real = "/".join([step for step, _ in done[1:]] + [name]) if done else ""
        return Found(real, here)
