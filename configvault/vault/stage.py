"""Where captured bytes wait until they are recorded or dropped: in memory, and on disk where they are many.

The file has no name, so nothing is left of it after a crash. What the validators read is what gets recorded.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import IO, Self

from configvault.disk import durable
from configvault.vault.batch import CHUNK
from configvault.vault.objects import NewObject

IN_MEMORY = 8 << 20


class Stage:
    """Blobs by id, each kept once."""

    def __init__(self, folder: str | None) -> None:
        """Spill into the directory `folder` (None: the system's temporary one)."""
        self._folder = folder
        self._spool: IO[bytes] | None = None
        self._where: dict[str, tuple[int, int]] = {}
        self._end = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        if self._spool is not None:
            self._spool.close()

    @property
    def _file(self) -> IO[bytes]:
        """Return the file, which is made for the first bytes: most looks find none that are new."""
        if self._spool is None:
            import tempfile

            self._spool = tempfile.SpooledTemporaryFile(max_size=IN_MEMORY, dir=self._folder)  # noqa: SIM115 - closed on exit
        return self._spool

    def __contains__(self, blob: str) -> bool:
        return blob in self._where

    def append(self, pieces: Iterable[bytes]) -> tuple[int, int]:
        """Write `pieces` at the end and return where they are; `keep` or `forget` decides on them."""
        self._file.seek(self._end)
        size = 0
        for piece in pieces:
            with durable.naming(self._folder or "the temporary folder"):
                self._file.write(piece)
            size += len(piece)
        return self._end, size

    def keep(self, blob: str, where: tuple[int, int]) -> None:
        """Make what was appended last readable as `blob`."""
        if blob not in self._where:
            self._where[blob] = where
            self._end = sum(where)

    def size(self, blob: str) -> int:
        """Return the number of bytes of `blob`."""
        return self._where[blob][1]

    def chunks(self, blob: str) -> Iterator[bytes]:
        """Yield the bytes of `blob` in pieces."""
        at, left = self._where[blob]
        while left:
            self._file.seek(at)
            piece = self._file.read(min(left, CHUNK))
            yield piece
            at, left = at + len(piece), left - len(piece)

    def read(self, blob: str) -> bytes:
        """Return the bytes of `blob`."""
        return b"".join(self.chunks(blob))

    def object(self, blob: str) -> NewObject:
        """Return `blob` as an object to write."""
        return NewObject("blob", blob, self.size(blob), lambda: self.chunks(blob))
