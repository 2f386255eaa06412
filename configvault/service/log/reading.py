"""Read whole logs, and say what became of them."""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from functools import partial
from io import BufferedReader
from typing import IO

from configvault.core.frozen import frozen
from configvault.service.log.analysis import Analysis
from configvault.service.log.lines import batches, opened, unpacked
from configvault.service.log.requests import Parser

STANDARD_INPUT = "-"


@frozen
class Read:
    """How many lines were no requests: no JSON or too long (`skipped`), or of other components (`others`).

    `damaged` names the compressed files that could be read only up to a damaged or missing part.
    """

    skipped: int
    others: int
    damaged: tuple[str, ...] = ()


def analyse(
    paths: Sequence[str],
    analysis: Analysis,
    fields: Mapping[str, str],
    progress: Callable[[int, int], None] | None = None,
) -> Read:
    """Count the requests in the logs at `paths`, `-` for standard input; raises OSError.

    `progress` is told after each part how many MiB of how many are read; of what is compressed, as it is on the disk.
    """
    parser = Parser(fields)
    too_long = 0
    damaged: list[str] = []
    sizes: list[int] = [os.path.getsize(path) if path != STANDARD_INPUT else 0 for path in paths]
    done, whole = 0, sum(sizes)
    for path, size in zip(paths, sizes, strict=True):
        with closing(_standard_input() if path == STANDARD_INPUT else opened(path)) as file:
            for lines, dropped in batches(file, partial(damaged.append, path)):
                too_long += dropped
                analysis.add(parser.requests(lines))
                if progress is not None and whole:
                    progress(_mib(done + min(_position(file), size)), _mib(whole))
        done += size
    if progress is not None and whole:
        progress(_mib(whole), _mib(whole))
    return Read(parser.skipped + too_long, parser.others, tuple(damaged))


def _standard_input() -> IO[bytes]:
    """Return standard input, unpacked where it is compressed."""
    try:
        # Where it was closed by whoever started this, something stands in its place that cannot be read.
        os.read(sys.stdin.fileno(), 0)
    except OSError as error:
        raise OSError(errno.EBADF, "standard input is closed", STANDARD_INPUT) from error
    assert isinstance(sys.stdin.buffer, BufferedReader)
    return unpacked(sys.stdin.buffer)


def _position(file: IO[bytes]) -> int:
    """Return how far a file was read on the disk."""
    raw = getattr(getattr(file, "fileobj", None), "raw", None) or getattr(file, "_fp", None) or file
    try:
        return int(raw.tell())
    except (OSError, ValueError, AttributeError):
        return 0


def _mib(size: int) -> int:
    return max(1, size >> 20)
