"""A program, run by `spec.py`: openapi-spec-validator within bounds, one document a line.

The first line says where libraries are and what the bounds are; it is answered once the library is loaded. Each further
line is a document, and its answer is what is `found`. A document beyond the bounds ends it: by SIGXCPU, or with a code.
"""

from __future__ import annotations

import json
import resource
import sys
from itertools import islice
from typing import Any

MOST_FOUND = 5
OUT_OF_MEMORY = 3


def main() -> None:
    """Answer until there is nothing more to read."""
    given = json.loads(sys.stdin.readline())
    # What a library prints is no answer.
    sys.stdout = sys.stderr
    sys.path[:] = given["path"]
    resource.setrlimit(resource.RLIMIT_AS, (given["memory_bytes"], given["memory_bytes"]))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    # It is there to fetch what is never asked for, and takes its time to load.
    sys.modules["requests"] = None  # type: ignore[assignment]
    from openapi_spec_validator import OpenAPIV30SpecValidator

    _answer([])
    while True:
        _allow(given["cpu_s"])
        try:
            line = sys.stdin.readline()
            if not line:
                return
            errors = OpenAPIV30SpecValidator(json.loads(line)).iter_errors()
            found = [[list(one.absolute_path), _first_line(one.message)] for one in islice(errors, MOST_FOUND)]
            _answer(found)
        except MemoryError:
            sys.exit(OUT_OF_MEMORY)
        except RecursionError:
            _answer([[[], "nested too deep, or it refers to itself"]])
        except Exception as error:  # it raises types of its own and of its libraries
            _answer([[[], f"{type(error).__name__} in openapi-spec-validator"]])


def _allow(cpu_s: int) -> None:
    """Have the kernel end this process after that much more processor time, by SIGXCPU."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    soft = int(used.ru_utime + used.ru_stime) + 1 + cpu_s
    resource.setrlimit(resource.RLIMIT_CPU, (soft, resource.getrlimit(resource.RLIMIT_CPU)[1]))


def _answer(value: list[Any]) -> None:
    assert sys.__stdout__ is not None
    sys.__stdout__.write(json.dumps(value) + "\n")
    sys.__stdout__.flush()


def _first_line(message: str) -> str:
    """Return what is wrong without the offending object, which can be a whole schema."""
    line = message.splitlines()[0] if message else ""
    for words in (
        " is not valid under any",
        " does not match",
        " is not of type",
        " is a required",
        " were unexpected",
    ):
        at = line.find(words)
        if at > 120:
            return "…" + line[at:][:160]
    return line[:200]


if __name__ == "__main__":
    main()
