"""Lines of the service's log, from files that may be compressed, cut short or damaged, in bounded memory."""

from __future__ import annotations

import contextlib
import os
import re
import shlex
import stat
import zlib
from collections.abc import Callable, Iterator
from io import BufferedReader
from typing import IO

from configvault.core.errors import ConfigvaultError

CHUNK_BYTES = 1024 * 1024
# A longer line is no line of a log: it is counted as skipped, and never held in memory.
LONGEST_LINE_BYTES = 1024 * 1024

_MAGIC = {b"\x1f\x8b": "gzip", b"BZh": "bz2", b"\xfd7zXZ\x00": "lzma"}
# The standard library of the oldest Python that this runs on unpacks neither.
_FOREIGN = {b"\x28\xb5\x2f\xfd": "zstd", b"\x04\x22\x4d\x18": "lz4"}
# What logrotate leaves beside a file: .1, .2.gz, -20231201, -20231201-1701380000.xz
_ROTATED = r"[.-](?:[0-9]{1,4}|[0-9]{8}(?:-[0-9]+)?)(?:\.(?:gz|bz2|xz))?"


def opened(path: str) -> IO[bytes]:
    """Open the file or pipe at `path` to be read, unpacked where it is compressed.

    Raises:
        ConfigvaultError: something packed it that is not read here.
    """
    file = open(path, "rb")  # noqa: SIM115 - handed to the caller
    try:
        kind = _packed(file, path)
    except ConfigvaultError:
        file.close()
        raise
    if kind is None:
        return file
    if not file.seekable():
        return unpacked(file)
    import importlib

    # Given the file itself, they would leave it open when they are closed.
    file.close()
    found: IO[bytes] = importlib.import_module(kind).open(path)
    return found


def unpacked(file: BufferedReader) -> IO[bytes]:
    """Return `file`, or what it holds where that is compressed; for standard input and pipes."""
    import importlib

    kind = _packed(file, "-")
    return file if kind is None else importlib.import_module(kind).open(file)


def _packed(file: BufferedReader, path: str) -> str | None:
    """Return the module that unpacks `file`, by how it begins; nothing is read of it, for a pipe cannot be read again."""
    start = file.peek(6)
    tool = next((tool for magic, tool in _FOREIGN.items() if start.startswith(magic)), None)
    if tool is not None:
        raise ConfigvaultError(
            f"{path} is packed by {tool}, which is not supported",
            f"{tool} -dc {shlex.quote(path)} | configvault report --service-log -",
        )
    return next((kind for magic, kind in _MAGIC.items() if start.startswith(magic)), None)


def batches(file: IO[bytes], damaged: Callable[[], None] = lambda: None) -> Iterator[tuple[list[str], int]]:
    """Yield the lines of `file` some at a time, and how many were too long to be kept; the end may be missing.

    `damaged` is called where what is compressed ends before its end.
    Whole chunks are decoded and split at once: line by line, Python would take longer for that than for the JSON.
    """
    rest = b""
    dropping = False
    while chunk := _read(file, damaged):
        head, newline, tail = chunk.rpartition(b"\n")
        if not newline:
            rest, dropping = (
                (b"", True) if len(rest) + len(tail) > LONGEST_LINE_BYTES else (rest + tail, dropping)
            )
            continue
        lines = (rest + head).decode("utf-8", "replace").split("\n")
        if dropping:
            lines = lines[1:]
        yield lines, int(dropping)
        rest, dropping = tail, False
    if rest or dropping:
        yield [] if dropping else [rest.decode("utf-8", "replace")], int(dropping)


def _read(file: IO[bytes], damaged: Callable[[], None]) -> bytes:
    """Return the next bytes; a compressed file that is cut off or damaged ends there."""
    try:
        # Of a pipe, what is there: a follower of `docker logs` need not wait for a whole chunk.
        return file.read1(CHUNK_BYTES) if hasattr(file, "read1") else file.read(CHUNK_BYTES)
    except (EOFError, zlib.error):
        pass
    except OSError as error:
        # gzip raises BadGzipFile, lzma LZMAError and bz2 a plain OSError without a number.
        if error.errno is not None:
            raise
    except Exception as error:
        if type(error).__name__ != "LZMAError":
            raise
    damaged()
    return b""


def rotated(path: str) -> list[str]:
    """Return `path` and the files that were rotated out of it, the oldest first; empty where there are none."""
    folder, name = os.path.split(path)
    beside: list[tuple[float, str]] = []
    # A log that cannot be listed may be readable all the same.
    with contextlib.suppress(OSError):
        for other in os.listdir(folder or "."):
            if other.startswith(name) and re.fullmatch(_ROTATED, other[len(name) :]):
                # It may be gone by now; a pipe of that name would wait for a writer.
                with contextlib.suppress(OSError):
                    found = os.stat(os.path.join(folder, other))
                    if stat.S_ISREG(found.st_mode):
                        beside.append((found.st_mtime, os.path.join(folder, other)))
    files = [one for _, one in sorted(beside)]
    return [*files, path] if os.path.exists(path) else files
