"""Read and write git objects of one repository; what is written is on disk when the call returns.

Up to `LOOSE_AT_MOST` objects are written as loose files, more as one pack. A loose object is written under git's own kind
of temporary name, synced and renamed; then its folder is synced. Nothing here moves a ref, so a crash leaves at worst
unreachable objects.
"""

from __future__ import annotations

import contextlib
import os
import zlib
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from typing import IO, NamedTuple, Self

from configvault.core.errors import IntegrityError
from configvault.core.gitformat import hasher
from configvault.disk import durable
from configvault.vault.batch import CHUNK, WINDOW, Ahead, Batch, damaged
from configvault.vault.git import Git

LOOSE_AT_MOST = 200
_PACK_TYPES = {"commit": 1, "tree": 2, "blob": 3}


class NewObject(NamedTuple):
    """An object to write. Each call of `chunks` gives its body again, `size` bytes in all."""

    type: str
    id: str
    size: int
    chunks: Callable[[], Iterable[bytes]]


class Objects:
    """The object database of the repository at `path`."""

    def __init__(self, path: str, git: Git) -> None:
        """Open nothing yet: loose objects are read directly, packed ones through a git process that is started on demand."""
        self._folder = os.path.join(path, "objects")
        self._git = git
        self._batches: dict[str, Batch] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def close(self) -> None:
        """End the git processes, if any were started."""
        for batch in self._batches.values():
            batch.end()
        self._batches.clear()

    # --- reading

    def read(self, id_: str) -> bytes:
        """Return the body of an object. Costs its file, or one request to a git process that keeps running.

        Raises:
            IntegrityError: it is missing or damaged, or its content does not match its id.
        """
        return b"".join(self.chunks(id_))

    def size(self, id_: str) -> int:
        """Return the size of an object's body in bytes; raises like `read`.

        Costs the beginning of its file, or one request to git.
        """
        try:
            with open(self._path(id_), "rb") as file:
                return self._header(id_, zlib.decompressobj(), file)[1]
        except FileNotFoundError:
            return self._asked("--batch-check", id_).header(id_)[1]

    def sizes_in(self, tree: str, most: int) -> dict[str, int]:
        """Return the sizes in bytes of all blobs in a tree and below it, by id; it stops after about `most` entries.

        Raises:
            IntegrityError: a blob or a tree is missing or damaged.
        """
        sizes: dict[str, int] = {}
        child = self._git.spawn("ls-tree", "-r", "-l", "-z", "--full-tree", tree)
        assert child.stdout is not None
        seen, rest = 0, b""
        try:
            # A bound: a few kilobytes of trees that contain the same trees many times can take days to list.
            while seen <= most and (piece := child.stdout.read(CHUNK)):
                *rows, rest = (rest + piece).split(b"\0")
                seen += len(rows)
                for row in rows:
                    _, _, id_, size = row.split(b"\t", 1)[0].decode().split()
                    if not size.isdigit():
                        raise damaged(id_)
                    sizes[id_] = int(size)
        finally:
            if seen > most:
                child.kill()
            child.communicate()
        if child.returncode and seen <= most:
            raise damaged(tree)
        return sizes

    def has(self, id_: str) -> bool:
        """Return whether the object exists: a loose file or an entry in a pack's index. The content is not checked."""
        if os.path.exists(self._path(id_)):
            return True
        try:
            self._asked("--batch-check", id_).header(id_)
        except IntegrityError:
            return False
        return True

    def chunks(self, id_: str) -> Iterator[bytes]:
        """Yield an object's body in pieces; raises like `read`, possibly only after the last piece."""
        try:
            file = open(self._path(id_), "rb")  # noqa: SIM115 - closed below, where it exists
        except FileNotFoundError:
            yield from self._packed(id_)
            return
        with file:
            yield from self._loose(id_, file)

    @contextlib.contextmanager
    def ahead(self, ids: Sequence[str]) -> Iterator[Callable[[str], Iterator[bytes]]]:
        """Give a function like `chunks` for reading the objects `ids` in this order; git reads ahead in the meantime."""
        if len(ids) < WINDOW:
            yield self.chunks
            return
        batch = Batch(self._git, "--batch")
        try:
            yield Ahead(batch, ids, self.chunks).chunks
        finally:
            batch.end()

    def _path(self, id_: str) -> str:
        return os.path.join(self._folder, id_[:2], id_[2:])

    def _header(self, id_: str, inflate: zlib._Decompress, file: IO[bytes]) -> tuple[str, int, bytes]:
        try:
            start = inflate.decompress(file.read(CHUNK))
            header, _, body = start.partition(b"\0")
            type_, _, size = header.decode().partition(" ")
            return type_, int(size), body
        except (zlib.error, ValueError):
            raise damaged(id_) from None

    def _loose(self, id_: str, file: IO[bytes]) -> Iterator[bytes]:
        inflate = zlib.decompressobj()
        type_, size, piece = self._header(id_, inflate, file)
        digest = hasher(type_, size)
        while True:
            digest.update(piece)
            yield piece
            raw = file.read(CHUNK)
            if not raw:
                break
            try:
                piece = inflate.decompress(raw)
            except zlib.error:
                raise damaged(id_) from None
        if not inflate.eof or digest.hexdigest() != id_:
            raise damaged(id_)

    def _packed(self, id_: str) -> Iterator[bytes]:
        batch = self._asked("--batch", id_)
        yield from batch.take(id_)

    def _asked(self, how: str, id_: str) -> Batch:
        batch = self._batches.get(how)
        if batch is None or batch.ended:
            batch = self._batches[how] = Batch(self._git, how)
        batch.ask([id_])
        return batch

    # --- writing

    def write(self, objects: Collection[NewObject]) -> None:
        """Write `objects` and sync them; every file has its content on disk before it gets its name.

        Costs a sync for each object and for each of their folders; many objects cost one process that writes one pack.
        """
        if len(objects) > LOOSE_AT_MOST:
            self._write_pack(objects)
        else:
            self._write_loose(objects)

    def _write_loose(self, objects: Iterable[NewObject]) -> None:
        touched: dict[str, bool] = {}
        for new in objects:
            folder = os.path.join(self._folder, new.id[:2])
            if os.path.exists(self._path(new.id)):
                # A crash may have come before the folder's sync, so the folder is synced all the same.
                touched[folder] = True
                continue
            with contextlib.suppress(FileExistsError):
                os.mkdir(folder, 0o700)
                touched[self._folder] = True
            self._write_one(folder, new)
            touched[folder] = True
        # The longest paths first: a folder's content is on disk before its own name is.
        for folder in sorted(touched, key=len, reverse=True):
            durable.sync_folder(folder)

    def _write_one(self, folder: str, new: NewObject) -> None:
        aside = os.path.join(folder, f"tmp_obj_{os.getpid()}_{new.id[2:12]}")
        try:
            fd = os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o444)
            with durable.naming(self._path(new.id)), open(fd, "wb", buffering=0) as file:
                deflate = zlib.compressobj(1)
                header = b"%s %d\0" % (new.type.encode(), new.size)
                start = deflate.compress(header)
                for piece in new.chunks():
                    _write_all(file, start + deflate.compress(piece))
                    start = b""
                _write_all(file, start + deflate.flush())
                os.fsync(fd)
            os.rename(aside, self._path(new.id))
        except BaseException:
            with contextlib.suppress(OSError):
                os.unlink(aside)
            raise

    def _write_pack(self, objects: Collection[NewObject]) -> None:
        """Write one pack through `git index-pack`, which checks, indexes, syncs and names it."""
        child = self._git.spawn("index-pack", "--stdin", "--fix-thin")
        assert child.stdin is not None
        import hashlib

        total = hashlib.sha1(usedforsecurity=False)
        try:
            with child.stdin as pipe:
                for piece in _pack(objects):
                    total.update(piece)
                    pipe.write(piece)
                pipe.write(total.digest())
        except BrokenPipeError:  # git has ended early; its status says so below
            pass
        except BaseException:
            child.kill()
            child.wait()
            raise
        assert child.stdout is not None
        with child.stdout:
            child.stdout.read()  # git prints the pack's name, and would die of SIGPIPE if the pipe were closed
        if child.wait():
            raise OSError(f"git index-pack failed with status {child.returncode}, is the disk full?")
        durable.sync_folder(os.path.join(self._folder, "pack"))


def _pack(objects: Collection[NewObject]) -> Iterator[bytes]:
    """Yield a pack of `objects` without its trailer. Source: gitformat-pack(5)."""
    yield b"PACK" + (2).to_bytes(4, "big") + len(objects).to_bytes(4, "big")
    for new in objects:
        size = new.size >> 4
        first = (_PACK_TYPES[new.type] << 4) | (new.size & 15)
        header = bytearray()
        while size:
            header.append(first | 0x80)
            first, size = size & 0x7F, size >> 7
        header.append(first)
        deflate = zlib.compressobj(1)
        yield bytes(header)
        for piece in new.chunks():
            yield deflate.compress(piece)
        yield deflate.flush()


def _write_all(file: IO[bytes], data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[file.write(view) :]


def from_bytes(type_: str, id_: str, body: bytes) -> NewObject:
    """Return an object to write with the given body."""
    return NewObject(type_, id_, len(body), lambda: (body,))


def unique(objects: Iterable[NewObject]) -> Mapping[str, NewObject]:
    """Return `objects` by id, each once, in order of first occurrence."""
    return {new.id: new for new in objects}
