"""Build a state from the entries of an archive or a repository, one by one, refusing what no directory could be."""

from __future__ import annotations

import os

from configvault.core.errors import OfferError
from configvault.core.frozen import frozen
from configvault.core.model import Entry, Folder
from configvault.core.names import LONGEST, is_too_long, why_reserved

DEEPEST = 200
_MOST_SHOWN = 100
# Source: path_resolution(7): Linux follows so many links in one path.
_MOST_LINKS = 40
# Bytes. Source: symlink(2), limits.h: PATH_MAX counts the zero at the end.
_LONGEST_TARGET = 4095


class HostileError(OfferError):
    """What was offered holds something that is never deployed; nothing was changed."""


@frozen
class Limits:
    """How much is taken: files and folders in all, bytes in one file, and bytes of all files."""

    files: int
    file_bytes: int
    bytes: int = 1 << 30


class Tree:
    """A state being put together. `where` names the archive or repository in errors."""

    def __init__(self, where: str, limits: Limits) -> None:
        """Begin with nothing."""
        self.where = where
        self._limits = limits
        self._entries: dict[str, Entry | None] = {}
        self._modes: dict[str, int] = {}
        self._targets: dict[str, str] = {}
        self._bytes = 0
        self.left_out: dict[str, str] = {}
        """What no state holds, by path, with the reason; of a folder itself alone."""

    def parts(self, name: str) -> list[str] | None:
        """Return the parts of an entry's name, None where git or configvault reserves it and it is left out.

        Raises:
            HostileError: it is absolute, leads out, or no name that a file can have.
        """
        parts = [part for part in name.split("/") if part not in ("", ".")]
        if name.startswith("/") or ".." in parts or "\0" in name:
            raise self.hostile(name, "leads out of the directory")
        if len(parts) > DEEPEST:
            raise self.hostile(name, f"is more than {DEEPEST} folders deep")
        if any(is_too_long(part) for part in parts):
            raise self.hostile(name, f"no file can be called: a name has at most {LONGEST} bytes")
        for depth, part in enumerate(parts, 1):
            reason = why_reserved(part)
            if reason is not None:
                if len(self.left_out) < self._limits.files:
                    self.left_out["/".join(parts[:depth])] = reason
                return None
        return parts

    def hostile(self, name: str, why: str) -> HostileError:
        """Return the error that refuses the entry `name`."""
        shown = name if len(name) <= _MOST_SHOWN else f"{name[:_MOST_SHOWN]}…"
        return HostileError(
            f"{self.where} holds {shown!r}, which {why}: it is not deployed",
            "remove it from the candidate, then deploy again",
        )

    def check_size(self, name: str, size: int) -> None:
        """Refuse a file before its bytes are read, if it is too large, or all are.

        Raises:
            HostileError: it names the limit.
        """
        if size > self._limits.file_bytes:
            limit = self._limits.file_bytes
            raise self.hostile(name, f"has {size} bytes, more than validate.max_file_size = {limit}")
        self._bytes += size
        if self._bytes > self._limits.bytes:
            raise HostileError(
                f"{self.where} holds more than {self._limits.bytes} bytes in all: it is not deployed",
                "deploy fewer files at once: --path takes single files",
            )

    def add(self, name: str, parts: list[str], entry: Entry) -> None:
        """Add a file or a link.

        Raises:
            HostileError: something has that name already, or there are too many.
        """
        path = "/".join(parts)
        if not parts or path in self._entries:
            raise self.hostile(name, "it holds twice")
        self._entries[path] = entry
        self._count()

    def add_link(self, name: str, parts: list[str], target: str, entry: Entry) -> None:
        """Add a link; where it leads is asked when all others are known.

        Raises:
            HostileError: as `add`, and where no link can point there.
        """
        if not 0 < len(os.fsencode(target)) <= _LONGEST_TARGET or "\0" in target:
            raise self.hostile(name, f"is a link that no file system takes, to {target[:80]!r}")
        self.add(name, parts, entry)
        self._targets["/".join(parts)] = target

    def add_folder(self, name: str, parts: list[str], mode: int) -> None:
        """Add a folder; the top itself may be named, once.

        Raises:
            HostileError: as `add`.
        """
        path = "/".join(parts)
        if path in self._modes or self._entries.get(path) is not None:
            raise self.hostile(name, "it holds twice")
        self._modes[path] = mode
        self._entries.setdefault(path, None)
        self._count()

    def find(self, parts: list[str]) -> Entry | None:
        """Return the file that was added under that name, None if none was."""
        return self._entries.get("/".join(parts))

    def _check_link(self, path: str) -> None:
        """Refuse a link that leads out, by itself or by way of other links, as the kernel would follow it."""
        here: list[str] = []
        ahead = path.split("/")[::-1]
        followed = 0
        while ahead:
            part = ahead.pop()
            if part in ("", "."):
                continue
            if part == "..":
                if not here:
                    raise self._leads_out(path)
                here.pop()
                continue
            here.append(part)
            target = self._targets.get("/".join(here))
            if target is None:
                continue
            followed += 1
            if target.startswith("/"):
                raise self._leads_out(path)
            if followed > _MOST_LINKS:
                raise self.hostile(path, f"is a link over more than {_MOST_LINKS} links, or in a circle")
            here.pop()
            ahead += target.split("/")[::-1]

    def _leads_out(self, path: str) -> HostileError:
        return self.hostile(path, f"is a link that leads out of the directory, to {self._targets[path][:80]!r}")

    def _count(self) -> None:
        if len(self._entries) > self._limits.files:
            raise HostileError(
                f"{self.where} holds more than validate.max_files = {self._limits.files} entries: it is not deployed",
                "is it the right directory? raise validate.max_files if so",
            )

    def folder(self, uid: int, gid: int) -> Folder:
        """Return everything that was added as a state; folders that were not named have mode 0755.

        Raises:
            HostileError: a file lies where a folder is needed, or a link leads out.
        """
        for path in self._targets:
            self._check_link(path)
        top: dict[str, dict[str, Entry | Folder]] = {"": {}}
        for path, entry in self._entries.items():
            parts = path.split("/") if path else []
            for depth in range(1, len(parts) if entry is not None else len(parts) + 1):
                parent = "/".join(parts[:depth])
                if self._entries.get(parent) is not None:
                    raise self.hostile(path, f"is in {parent!r}, which is a file there")
                top.setdefault(parent, {})
            if entry is not None:
                folder = "/".join(parts[:-1])
                top.setdefault(folder, {})[parts[-1]] = entry
        for path in sorted(top, key=lambda one: one.count("/"), reverse=True):
            if path:
                parent, _, name = path.rpartition("/")
                mode = self._modes.get(path, 0o755)
                top[parent][name] = Folder(mode, uid, gid, top[path])
        return Folder(self._modes.get("", 0o755), uid, gid, top[""])
