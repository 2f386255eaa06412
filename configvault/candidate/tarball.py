"""Read a tar file or stream (plain, gzip, bzip2, xz) as a state, without writing any of it under its own names."""

from __future__ import annotations

import os
import shlex
import tarfile
from collections.abc import Iterator
from typing import IO, Protocol, Self

from configvault.candidate.tree import HostileError, Limits, Tree
from configvault.core.candidates import STANDARD_INPUT
from configvault.core.errors import ConfigvaultError
from configvault.core.gitformat import hasher
from configvault.core.model import Entry, Folder, Kind

CHUNK = 1 << 20
_SET_ID = 0o6000
# -1, as 32 bits, is "leave it" in chown(2).
_LARGEST_ID = (1 << 32) - 2
# What a header may take besides the files: pax headers are held in memory.
_MOST_AT_ONCE = 64 << 20
# A number that is none or too large, and a header of a header of a header, each of which tarfile reads within the last.
_IN_HEADERS = (ValueError, OverflowError, RecursionError)
_MAGIC = {b"\x1f\x8b": "gzip", b"BZ": "bz2", b"\xfd7": "lzma"}


class Sink(Protocol):
    """Where the bytes go that are read (the vault's stage)."""

    def append(self, pieces: Iterator[bytes]) -> tuple[int, int]:
        """Take bytes; return where they are."""
        ...

    def keep(self, blob: str, where: tuple[int, int]) -> None:
        """Keep what was appended last."""
        ...


def read(file: IO[bytes], where: str, sink: Sink, limits: Limits) -> tuple[Folder, tuple[tuple[str, str], ...]]:
    """Return what a tar archive holds, and path and reason of what no state can hold.

    Args:
        file: the archive; it is read from where it stands to its end, once.
        where: what to call it in errors.
        sink: where the bytes of its files go.
        limits: how much is taken.

    Raises:
        HostileError: it holds something that is never deployed.
        ConfigvaultError: it is no archive, or torn.
    """
    import lzma
    import zlib

    tree = Tree(where, limits)
    try:
        unpacked = _Bounded(_unpacked(file), where, limits)
        with tarfile.open(fileobj=unpacked, mode="r|", errorlevel=2, tarinfo=_Member) as archive:  # type: ignore[call-overload]
            for member in archive:
                _add(tree, archive, member, sink)
        unpacked.drain()
    except (*_IN_HEADERS, tarfile.TarError, EOFError, OSError, lzma.LZMAError, zlib.error) as error:
        # What these quote stands in a header, which may hold anything.
        said = "a header is damaged" if isinstance(error, _IN_HEADERS) else str(error) or type(error).__name__
        raise ConfigvaultError(
            f"{where} is not a tar archive, or is incomplete: {said}",
            "tar c -C DIRECTORY . | configvault deploy -"
            if where == STANDARD_INPUT
            else f"tar tf {shlex.quote(where)}",
        ) from error
    return tree.folder(os.geteuid(), os.getegid()), tuple(tree.left_out.items())


class _Member(tarfile.TarInfo):
    """A header that is there and whole, or the end of the archive, and not only of its bytes: tarfile takes both for the end."""

    @classmethod
    def fromtarfile(cls, archive: tarfile.TarFile) -> Self:
        """Read the next header."""
        try:
            return super().fromtarfile(archive)
        except tarfile.EOFHeaderError:  # type: ignore[attr-defined]
            raise
        except tarfile.HeaderError as error:
            raise tarfile.ReadError(f"it breaks off before its end: {error}") from error


def _add(tree: Tree, archive: tarfile.TarFile, member: tarfile.TarInfo, sink: Sink) -> None:
    name = member.name
    parts = tree.parts(name)
    if member.issparse() or any(key.startswith("GNU.sparse") for key in member.pax_headers):
        raise tree.hostile(name, "is a sparse file")
    if not (member.isreg() or member.isdir() or member.issym() or member.islnk()):
        raise tree.hostile(name, "is a device, a fifo or another special file")
    if member.mode & _SET_ID:
        raise tree.hostile(name, "has a set-user-id or set-group-id bit")
    if not (0 <= member.uid <= _LARGEST_ID and 0 <= member.gid <= _LARGEST_ID):
        raise tree.hostile(name, f"has the impossible owner {member.uid}:{member.gid}")
    if parts is None:
        return
    if member.isdir():
        tree.add_folder(name, parts, member.mode & 0o7777)
    elif member.issym():
        text = os.fsencode(member.linkname)
        tree.add_link(name, parts, member.linkname, _keep(sink, iter((text,)), len(text), Kind.LINK, member))
    elif member.islnk():
        first = tree.parts(member.linkname)
        entry = tree.find(first) if first is not None else None
        if entry is None or entry.kind is not Kind.FILE:
            raise tree.hostile(
                name, f"is a hard link to {member.linkname[:80]!r}, which is not an earlier file in the archive"
            )
        tree.add(name, parts, entry)
    else:
        tree.check_size(name, member.size)
        body = archive.extractfile(member)
        assert body is not None
        tree.add(name, parts, _keep(sink, _pieces(body), member.size, Kind.FILE, member))


def _pieces(body: IO[bytes]) -> Iterator[bytes]:
    while piece := body.read(CHUNK):
        yield piece


def _keep(sink: Sink, pieces: Iterator[bytes], size: int, kind: Kind, member: tarfile.TarInfo) -> Entry:
    said = hasher("blob", size)

    def hashed() -> Iterator[bytes]:
        for piece in pieces:
            said.update(piece)
            yield piece

    where = sink.append(hashed())
    if where[1] != size:
        raise EOFError(f"{member.name!r} ends early")
    blob = said.hexdigest()
    sink.keep(blob, where)
    mode = 0o777 if kind is Kind.LINK else member.mode & 0o777
    return Entry(kind, mode, member.uid, member.gid, blob, size)


class _Readable(Protocol):
    """All that tarfile needs of a stream."""

    def read(self, size: int = -1, /) -> bytes:
        """Read so many bytes."""
        ...


def _unpacked(file: IO[bytes]) -> _Readable:
    """Return the archive without its compression, told by its first bytes."""
    import io

    buffered = io.BufferedReader(file) if not isinstance(file, io.BufferedReader) else file  # type: ignore[type-var]
    start = buffered.peek(2)[:2]
    kind = _MAGIC.get(start)
    if kind == "gzip":
        import gzip

        return gzip.GzipFile(fileobj=buffered)
    if kind == "bz2":
        import bz2

        return bz2.BZ2File(buffered)
    if kind == "lzma":
        import lzma

        return lzma.LZMAFile(buffered)
    return buffered


class _Bounded:
    """A stream that ends in an error past the bound: a few kilobytes may unpack to anything."""

    def __init__(self, file: _Readable, where: str, limits: Limits) -> None:
        self._file = file
        self._where = where
        # Each entry has a header, and is filled up to whole blocks.
        self._left = limits.bytes + 4096 * limits.files
        self._most = self._left

    def read(self, size: int = -1) -> bytes:
        """Read so many bytes."""
        if size < 0 or size > max(_MOST_AT_ONCE, CHUNK) or size > self._left:
            raise HostileError(
                f"{self._where} unpacks to more than {self._most} bytes, or has a header of more than "
                f"{_MOST_AT_ONCE}: it is not deployed",
                "deploy fewer files at once",
            )
        data = self._file.read(size)
        self._left -= len(data)
        return data

    def drain(self) -> None:
        """Read what comes after the archive's end, so that whoever writes it is not ended by a broken pipe."""
        while self._left > 0 and self._file.read(min(CHUNK, self._left)):
            self._left -= CHUNK
