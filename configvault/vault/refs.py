"""Refs of one repository: read without a process, moved under git's own lock, on disk before it is said.

Source: gitrepository-layout(5) and git's refs/files-backend: a loose ref wins over `packed-refs`; whoever moves
a ref holds `REF.lock`.
"""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Collection, Iterator

from configvault.core.errors import BusyError, IntegrityError
from configvault.disk import durable

_OBJECT_ID = re.compile("[0-9a-f]{40}")
_LONGEST = 4096


class Refs:
    """The refs of the repository at `path`."""

    def __init__(self, path: str) -> None:
        """Read nothing yet."""
        self._path = path

    def read(self, name: str) -> str | None:
        """Return the id that the ref `name` points at, None if there is no such ref.

        Raises:
            IntegrityError: the ref's file holds anything else; to take it for no ref would begin history anew.
        """
        path = os.path.join(self._path, name)
        try:
            with open(path, encoding="ascii", errors="replace") as file:
                said = file.read(_LONGEST).strip()
        except (FileNotFoundError, IsADirectoryError, NotADirectoryError):
            return dict(self._packed(name)).get(name)
        if not _OBJECT_ID.fullmatch(said):
            raise IntegrityError(f"the ref {path} is damaged: it holds {said[:60]!r}", "configvault verify")
        return said

    def below(self, prefix: str) -> dict[str, str]:
        """Return the refs whose names begin with `prefix` (which ends in `/`), by name."""
        found = dict(self._packed(prefix))
        top = os.path.join(self._path, prefix)
        for folder, _, names in os.walk(top):
            for name in names:
                if name.endswith(".lock") or name.startswith("."):
                    continue
                ref = os.path.relpath(os.path.join(folder, name), self._path)
                if id_ := self.read(ref):
                    found[ref] = id_
        return dict(sorted(found.items()))

    def names(self, prefix: str) -> set[str]:
        """Return the names of the refs below `prefix` (which ends in `/`), without it; reads no loose ref."""
        found = {name.removeprefix(prefix) for name, _ in self._packed(prefix)}
        top = os.path.join(self._path, prefix)
        for folder, _, names in os.walk(top):
            inside = folder.removeprefix(top)
            inside = f"{inside.strip('/')}/" if inside else ""
            found.update(inside + name for name in names if not name.endswith(".lock"))
        return found

    def present(self, prefix: str, names: Collection[str]) -> set[str]:
        """Return which of the refs `prefix` + a name there are; costs a look for each, however many others there are."""
        loose = {name for name in names if os.path.lexists(os.path.join(self._path, prefix + name))}
        missing = [name for name in names if name not in loose]
        packed = self._packed_text() if missing else b""
        return loose | {name for name in missing if b" " + os.fsencode(prefix + name) + b"\n" in packed}

    def _packed_text(self) -> bytes:
        try:
            with open(os.path.join(self._path, "packed-refs"), "rb") as file:
                return file.read()
        except FileNotFoundError:
            return b""

    def _packed(self, prefix: str) -> Iterator[tuple[str, str]]:
        text = self._packed_text()
        if b" " + os.fsencode(prefix) not in text:
            return
        for line in text.decode("utf-8").split("\n"):
            if line[41:].startswith(prefix):
                yield line[41:], line[:40]

    def write(self, name: str, id_: str, old: str | None = None) -> None:
        """Point the ref `name` at `id_`, provided that it points at `old` (None: is not there, or anything).

        Raises:
            BusyError: another git holds the ref, or moved it meanwhile.
        """
        path = os.path.join(self._path, name)
        self._make_folders(os.path.dirname(path))
        lock = path + ".lock"
        try:
            fd = os.open(lock, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o644)
        except FileExistsError:
            raise BusyError(f"another git process holds {name} ({lock})", "try again") from None
        try:
            with durable.naming(path), open(fd, "wb") as file:
                if old is not None and self.read(name) != old:
                    raise BusyError(f"{name} was moved by another git process", "try again")
                file.write(id_.encode() + b"\n")
                file.flush()
                os.fsync(fd)
            os.rename(lock, path)
        except BaseException:
            with contextlib.suppress(OSError):
                os.unlink(lock)
            raise
        durable.sync_folder(os.path.dirname(path))

    def settle(self, name: str) -> None:
        """Put on disk that the ref `name` is there: whoever wrote it may have been killed before that."""
        folder = os.path.dirname(os.path.join(self._path, name))
        # Git removes folders that hold no loose ref any more.
        while not os.path.isdir(folder):
            folder = os.path.dirname(folder)
        durable.sync_folder(folder)
        durable.sync_folder(self._path)

    def _make_folders(self, folder: str) -> None:
        if not os.path.isdir(folder):
            self._make_folders(os.path.dirname(folder))
            with contextlib.suppress(FileExistsError):
                os.mkdir(folder, 0o700)
            durable.sync_folder(os.path.dirname(folder))

    def stale_locks(self) -> Iterator[str]:
        """Yield the lock files a killed process left under `refs/` and beside `HEAD`."""
        for name in ("HEAD.lock", "packed-refs.lock", "packed-refs.new", "config.lock", "shallow.lock"):
            if os.path.exists(os.path.join(self._path, name)):
                yield os.path.join(self._path, name)
        for folder, _, names in os.walk(os.path.join(self._path, "refs")):
            yield from (os.path.join(folder, name) for name in names if name.endswith(".lock"))
