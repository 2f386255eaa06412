"""The refs of one repository, read and written without a git process.

A write takes git's own lock file and is on disk when the call returns. Source: gitrepository-layout(5) and git's
refs/files-backend: a loose ref wins over `packed-refs`, and a process that moves a ref holds `REF.lock`.
"""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Collection, Iterator

from configvault.core.errors import BusyError, IntegrityError
from configvault.core.pattern import pattern
from configvault.disk import durable
from configvault.vault.packedrefs import Packed

_OBJECT_ID = pattern("[0-9a-f]{40}")
# The file of a loose ref is read up to this many bytes.
_LONGEST = 4096
MAIN = "refs/heads/main"
TAGS = "refs/tags/"
REJECTED = "refs/configvault/rejected/"
# The hint for damaged refs; the command rebuilds them from the commits.
REBUILD = "configvault doctor --rebuild-refs"
# Up to this many names are looked up one by one; for more, all refs in their range are listed.
_FEW = 64


class Refs:
    """The refs of the repository at `path`."""

    def __init__(self, path: str) -> None:
        """Read nothing yet."""
        self._path = path

    def read(self, name: str) -> str | None:
        """Return the id that the ref `name` points at, None if there is no such ref.

        Costs a file, or a binary search in `packed-refs`.

        Raises:
            IntegrityError: the file does not hold an object id. Treating that as no ref would begin a new history.
        """
        path = os.path.join(self._path, name)
        try:
            with open(path, encoding="ascii", errors="replace") as file:
                said = file.read(_LONGEST).strip()
        except (FileNotFoundError, IsADirectoryError, NotADirectoryError):
            with self._packed() as packed:
                return packed.find(name)
        if not _OBJECT_ID.fullmatch(said):
            raise IntegrityError(f"the ref {path} is damaged: it holds {said[:60]!r}", REBUILD)
        return said

    def below(self, prefix: str) -> dict[str, str]:
        """Return the refs whose names begin with `prefix` (which ends in `/`), by name.

        Costs a line of `packed-refs` for each ref returned, and a file for each loose one.
        """
        # Loose refs first: git writes a ref to packed-refs before it removes the loose one, so none is missed.
        loose = {name: self.read(name) for name in self._loose(prefix)}
        with self._packed() as packed:
            found = dict(packed.below(prefix))
        found.update({name: id_ for name, id_ in loose.items() if id_ is not None})
        return dict(sorted(found.items()))

    def names(self, prefix: str) -> set[str]:
        """Return the names of the refs below `prefix` (which ends in `/`), without the prefix.

        Costs listing them; no loose ref is opened.
        """
        found = {name.removeprefix(prefix) for name in self._loose(prefix)}
        with self._packed() as packed:
            found.update(name.removeprefix(prefix) for name, _ in packed.below(prefix))
        return found

    def starting(self, beginning: str) -> dict[str, str]:
        """Return the refs whose names begin with `beginning`, by name. Costs those, and listing the loose ones."""
        folder = beginning.rpartition("/")[0] + "/"
        loose = {name: self.read(name) for name in self._loose(folder) if name.startswith(beginning)}
        with self._packed() as packed:
            found = dict(packed.below(beginning))
        found.update({name: id_ for name, id_ in loose.items() if id_ is not None})
        return found

    def following(self, prefix: str, name: str) -> tuple[str, str] | None:
        """Return name and id of the first ref below `prefix` that sorts after `name`. Costs listing the loose ones."""
        loose = sorted(one for one in self._loose(prefix) if one > prefix + name)
        with self._packed() as packed:
            found = packed.following(prefix + name)
        if found is not None and not found[0].startswith(prefix):
            found = None
        if loose and (found is None or loose[0] <= found[0]):
            return next(self._said(loose[0]), found)
        return found

    def newest(self, prefix: str, before: str | None = None) -> Iterator[tuple[str, str]]:
        """Yield name and id of the refs below `prefix` in descending order of names.

        Costs the refs that are consumed, and listing the loose ones.

        Args:
            prefix: ends in `/`.
            before: yield only names that sort before this one, given without the prefix.
        """
        last = None if before is None else prefix + before
        loose = sorted(self._loose(prefix))
        loose = [name for name in loose if last is None or name < last]
        with self._packed() as packed:
            for name, id_ in packed.backward(prefix, last):
                while loose and loose[-1] > name:
                    yield from self._said(loose.pop())
                if loose and loose[-1] == name:
                    yield from self._said(loose.pop())
                else:
                    yield name, id_
        while loose:
            yield from self._said(loose.pop())

    def _said(self, name: str) -> Iterator[tuple[str, str]]:
        if id_ := self.read(name):
            yield name, id_

    def count(self, prefix: str, pattern: str) -> int:
        """Return how many refs below `prefix` have a name that fully matches the regular expression `pattern`.

        Costs matching the lines of `packed-refs`, and the name of each loose ref.
        """
        expression = re.compile(pattern)
        loose = {name for name in self._loose(prefix) if expression.fullmatch(name.removeprefix(prefix))}
        with self._packed() as packed:
            lines = _matching(packed.text(prefix), os.fsencode(prefix), pattern.encode())
            return lines + sum(packed.find(name) is None for name in loose)

    def present(self, prefix: str, names: Collection[str]) -> set[str]:
        """Return those of `names` for which the ref `prefix` + name exists.

        Costs a lookup for each name; for many names, a line of `packed-refs` for each ref between the first and the last.
        """
        if len(names) > _FEW:
            listed = {name.removeprefix(prefix) for name in self._loose(prefix)}
            found = listed.intersection(names)
        else:
            found = {name for name in names if os.path.lexists(os.path.join(self._path, prefix + name))}
        missing = [name for name in names if name not in found]
        if missing:
            with self._packed() as packed:
                if len(missing) > _FEW:
                    between = packed.between(prefix + min(missing), prefix + max(missing))
                    found.update({name.removeprefix(prefix) for name, _ in between}.intersection(missing))
                else:
                    found.update(name for name in missing if packed.find(prefix + name) is not None)
        return found

    def fingerprint(self) -> str:
        """Return a SHA-256 over names and ids of all refs; packing refs does not change it.

        Costs hashing `packed-refs`, and a file for each loose ref.
        """
        loose = {name: id_ for name in self._loose("refs/") if (id_ := self.read(name))}
        import hashlib

        digest = hashlib.sha256()
        with self._packed() as packed:
            packed.feed(digest.update, loose)
        return digest.hexdigest()

    def damaged(self) -> Iterator[str]:
        """Yield the paths of loose refs that do not hold an object id. Costs a file for each loose ref."""
        for name in list(self._loose("refs/")):
            try:
                self.read(name)
            except IntegrityError:
                yield os.path.join(self._path, name)

    def loose(self) -> int:
        """Return how many refs are not packed; each costs a file whenever all refs are read."""
        return sum(1 for _ in self._loose("refs/"))

    def _loose(self, prefix: str) -> Iterator[str]:
        """Yield the full names of the loose refs below `prefix`."""
        top = os.path.join(self._path, prefix)
        for folder, _, names in os.walk(top):
            inside = os.path.join(prefix, folder.removeprefix(top).lstrip("/"))
            for name in names:
                if not name.endswith(".lock") and not name.startswith("."):
                    yield os.path.join(inside, name)

    @contextlib.contextmanager
    def _packed(self) -> Iterator[Packed]:
        try:
            fd = os.open(os.path.join(self._path, "packed-refs"), os.O_RDONLY | os.O_CLOEXEC)
        except FileNotFoundError:
            yield Packed(b"")
            return
        try:
            try:
                packed = Packed.opened(fd)
            except ValueError as error:
                path = os.path.join(self._path, "packed-refs")
                raise IntegrityError(f"{path} is damaged: {error}", REBUILD) from error
            yield packed
        finally:
            os.close(fd)

    def write(self, name: str, id_: str, old: str | None = None) -> None:
        """Point the ref `name` at `id_`. Costs a file and two syncs.

        Args:
            name: the full name.
            id_: the new object id.
            old: the id that the ref must have now; None to write it whatever it is.

        Raises:
            BusyError: another git process holds the ref, or has moved it.
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
        """Sync the existing ref `name`: its writer may have been killed before the sync. Costs two syncs."""
        folder = os.path.dirname(os.path.join(self._path, name))
        # A packed ref may have no folder: git removes folders without loose refs.
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
        """Yield the paths of all lock files under `refs/` and beside `HEAD`; `repair.unlock` finds out which are stale."""
        for name in ("HEAD.lock", "packed-refs.lock", "packed-refs.new", "config.lock", "shallow.lock"):
            if os.path.exists(os.path.join(self._path, name)):
                yield os.path.join(self._path, name)
        for folder, _, names in os.walk(os.path.join(self._path, "refs")):
            yield from (os.path.join(folder, name) for name in names if name.endswith(".lock"))


def _matching(text: bytes, prefix: bytes, pattern: bytes) -> int:
    """Return how many lines of `packed-refs` name a ref below `prefix` whose name fully matches `pattern`."""
    line = rb"[0-9a-f]{40} %s(?:%s)\n" % (re.escape(prefix), pattern)
    first = re.match(line, text)
    if first is None:
        return len(re.findall(line, text))
    # A shortcut: snapshot ids have a fixed form. If every line has a digit wherever the first one has a digit, and else
    # the same character, all lines match, and their number follows from the length.
    width = first.end()
    lines, rest = divmod(len(text), width)
    if not rest and all(_is_alike(text[at::width], text[at]) for at in range(40, width)):
        return lines
    return len(re.findall(line, text))


def _is_alike(column: bytes, first: int) -> bool:
    """Return whether a column of characters has digits only, if `first` is a digit; else only `first`."""
    return column.isdigit() if bytes([first]).isdigit() else column.count(first) == len(column)
