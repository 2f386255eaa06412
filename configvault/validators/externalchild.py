"""A program, run by `external.py`: one validator of another package, on one state, within bounds.

The first line says what to run and on what; the answer is what is `found`, or why it `failed`, or a blob to `read`, whose bytes are the
next line. Past the bounds it ends: by SIGXCPU, or with a code.
"""

from __future__ import annotations

import base64
import json
import os
import resource
import sys
import traceback
from importlib.metadata import EntryPoint
from itertools import islice
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from configvault.core.model import Finding, Folder, State

# More would tell nobody more, and an answer has a limit.
MOST_FOUND = 1000
MOST_BYTES = 500_000
LONGEST_TEXT = 500
OUT_OF_MEMORY = 3


def main() -> None:
    """Answer once, and end."""
    questions, answers = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    # What a validator prints is no answer (standard error goes nowhere), and it has nobody to ask.
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.dup2(2, 1)

    def answer(value: dict[str, Any]) -> None:
        answers.write(json.dumps(value).encode() + b"\n")
        answers.flush()

    def read(blob: str) -> bytes:
        answer({"read": str(blob)})
        return base64.b64decode(questions.readline())

    given = json.loads(questions.readline())
    sys.path[:] = given["path"]
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_AS, (given["memory_bytes"], given["memory_bytes"]))
    resource.setrlimit(resource.RLIMIT_CPU, (given["cpu_s"], given["cpu_s"] + 1))
    try:
        answer({"found": _found(given, read)})
    except MemoryError:
        # Not by an exception: what it would take to end in order may not be there.
        os._exit(OUT_OF_MEMORY)
    except BaseException as error:  # validators raise what they like, and some exit
        # Without the exception's text, which may quote a file.
        answer(
            {"failed": type(error).__name__, "where": "".join(traceback.format_tb(error.__traceback__))[-4000:]}
        )
    # Threads of the validator's must not keep it.
    os._exit(0)


def _found(given: dict[str, Any], read: Any) -> list[Any]:
    from configvault.core.model import Finding, State

    act = EntryPoint(*given["point"]).load()
    before = given["before"] and folder(given["before"])
    state: State = State(folder(given["tree"]), read, before, tuple(map(tuple, given["left_out"])))
    rows: list[Any] = []
    size = 0
    for one in islice(act(state), MOST_FOUND):
        if not isinstance(one, Finding):
            raise TypeError(type(one))
        rows.append(_row(one))
        size += len(json.dumps(rows[-1]))
        if size > MOST_BYTES:
            break
    return rows


def _row(one: Finding) -> list[Any]:
    texts = (one.message, one.excerpt, one.hint)
    return [
        _text(one.rule), str(one.severity), _text(one.path, 4096), _number(one.line), _number(one.column),
        *(text if text is None else _text(text) for text in texts),
    ]  # fmt: skip


def folder(row: list[Any]) -> Folder:
    """Return the folder that `external.py` wrote as JSON."""
    from configvault.core.model import Entry, Folder, Kind

    mode, uid, gid, rows, left_out = row
    entries = {
        name: Entry(Kind(one[0]), *one[1:]) if isinstance(one[0], str) else folder(one)
        for name, one in rows.items()
    }
    return Folder(mode, uid, gid, entries, left_out=left_out)


def _text(value: object, most: int = LONGEST_TEXT) -> str:
    return str(value)[:most]


def _number(value: object) -> int | None:
    return None if value is None else int(str(value))


if __name__ == "__main__":
    main()
