"""What openapi-spec-validator says of a document that the service itself would take.

The library is an extra. It takes exponential time on a chain of `allOf`, and it keeps every document that it has seen: so
it works in a process of its own (`specchild.py`), which is bounded in time and memory. Loading the library takes a quarter
of a second, so the process is kept for the next validation, for a minute and for so many documents.

It never sees the document but a copy made of JSON values: keys are strings, nulls are absent, references are those
already found to lead inside the document. It must not open anything, and it could not.
"""

from __future__ import annotations

import json
import signal
import sys
from collections.abc import Iterable, Iterator
from types import TracebackType
from typing import Any

from configvault.calls.helper import Helper, HelperError, Shelf
from configvault.core.frozen import frozen
from configvault.coze.openapi import specchild
from configvault.coze.openapi.decode import reference_of
from configvault.coze.openapi.values import Json, scalar
from configvault.validators.violations import Violation, quote_reference, violation
from configvault.validators.yamlnodes import Mapping, Node, Scalar, Sequence, is_null

RULE = "openapi-spec"
# What was validated by the service's own rules, and what nobody reads: references in there are none.
_DATA = frozenset(["example", "examples", "enum", "default", "pattern"])
# It costs some 200 us a value; beyond this many only the rules of the service are asked.
MOST_VALUES = 40_000
_LOAD_S = 60.0
# So many documents may reach a bound; then the others of this state are not given to it.
MOST_GIVEN_UP = 3
# Beyond these a process is not kept for the next validation: it holds all that it was asked about.
MOST_ASKED = 200
MOST_ASKED_BYTES = 4 * 1024 * 1024
# Whoever edits once in longer than this can pay for its start.
IDLE_S = 60.0


@frozen
class Bounds:
    """How far the library may go on one document; the wall clock only counts where the processor is busy elsewhere."""

    cpu_s: int = 10
    wall_s: float = 60.0
    memory_bytes: int = 512 * 1024 * 1024


KEPT = Shelf(IDLE_S)


class Strict:
    """Asks openapi-spec-validator about the documents of one state, from the first one on until it is left."""

    def __init__(self, bounds: Bounds = Bounds(), *, wanted: bool = True) -> None:  # noqa: B008 - it is frozen
        """Start nothing yet; without `wanted` nothing is asked."""
        self._bounds = bounds
        self._wanted = wanted
        self._helper: Helper | None = None
        self._given_up = 0
        # So many documents were not given to it; for them an answer is still open.
        self.skipped = 0

    def __enter__(self) -> Strict:
        """Begin."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Keep the process for the next validation, or end it: in the middle of a document, and once it holds much."""
        helper = self._helper
        if (
            error is None
            and helper is not None
            and helper.asked <= MOST_ASKED
            and helper.asked_bytes <= MOST_ASKED_BYTES
        ):
            self._helper = None
            KEPT.give_back(self._bounds, helper)
        self._end()

    def check(self, root: Mapping) -> Iterator[Violation]:
        """Yield what OpenAPI 3.0 forbids and the service's library lets pass."""
        if not self._wanted:
            return
        copy = _Copy()
        document = copy.of(root, named=False)
        if copy.left < 0 or not isinstance(document, dict):
            yield _too_costly(root, f"it has more than {MOST_VALUES} values")
        elif self._given_up >= MOST_GIVEN_UP:
            self.skipped += 1
            yield _too_costly(root, f"{MOST_GIVEN_UP} documents before it were too costly")
        else:
            yield from self._violations(root, document)

    def _violations(self, root: Mapping, document: dict[str, Json]) -> Iterator[Violation]:
        try:
            found = self._ask(json.dumps(document).encode())
        except RecursionError:
            found = [([], "nested too deep")]
        except OSError as error:
            found = [([], f"openapi-spec-validator cannot be started: {error.strerror}")]
        except HelperError as error:
            self._given_up += 1
            limit = self._limit(error)
            if limit is not None:
                yield _too_costly(root, limit)
                return
            found = [([], f"openapi-spec-validator ended with code {error.code}")]
        for path, message in found:
            node = _locate(root, path)
            where = ".".join(str(part) for part in path)[-80:]
            text = f"{where}: not strictly OpenAPI 3.0: {quote_reference(message)[1:-1]}"
            yield violation(RULE, node, text, "the service accepts it; other tools may not")

    def _ask(self, line: bytes) -> list[tuple[list[Any], str]]:
        """Return where something is found, and what."""
        helper, self._helper = self._helper or KEPT.take(self._bounds), None
        is_new = helper is None
        helper = helper or self._start()
        try:
            answer = helper.ask(line, self._bounds.wall_s)
        except HelperError as error:
            if not is_new and error.code not in (None, -signal.SIGXCPU):
                # The library keeps every document it has seen: this one alone may be no trouble. Or somebody ended it while idle.
                return self._ask(line)
            raise
        self._helper = helper
        found: list[tuple[list[Any], str]] = json.loads(answer)
        return found

    def _limit(self, error: HelperError) -> str | None:
        """Return the bound that was reached, None where it ended for another reason."""
        if error.code is None:
            return f"it takes more than {self._bounds.wall_s:g} s"
        if error.code == -signal.SIGXCPU:
            return f"it takes more than {self._bounds.cpu_s} s of processor time"
        if error.code == specchild.OUT_OF_MEMORY:
            return f"it takes more than {self._bounds.memory_bytes >> 20} MiB of memory"
        return None

    def _start(self) -> Helper:
        # Isolated: nothing but the path to the libraries comes from here, not even a working directory.
        helper = Helper([sys.executable, "-I", "-S", "-B", specchild.__file__])
        given = {"path": sys.path, "cpu_s": self._bounds.cpu_s, "memory_bytes": self._bounds.memory_bytes}
        helper.ask(json.dumps(given).encode(), _LOAD_S)
        return helper

    def _end(self) -> None:
        if self._helper is not None:
            self._helper.end()
        self._helper = None


def _too_costly(root: Mapping, limit: str) -> Violation:
    message = f"not compared with the OpenAPI schema: {limit}"
    return violation("too-costly", root, message, f"split the document, or set {RULE}: off in validate.rules")


class _Copy:
    """Makes the copy, and counts."""

    def __init__(self) -> None:
        self.left = MOST_VALUES

    def of(self, node: Node, named: bool) -> Json:
        """Return the copy of `node`; `named`: its keys are names that somebody chose, not keys of OpenAPI."""
        self.left -= 1
        if self.left < 0:
            return None
        if type(node) is Scalar:
            value = scalar(node)
            return int(value) if type(value) is float and value.is_integer() else value
        if type(node) is Sequence:
            return [self.of(item, False) for item in node.items]
        assert type(node) is Mapping
        target = reference_of(node)
        if target is not None and not named and target.text.startswith("#"):
            return {"$ref": target.text}
        return {
            name: self.variables(value)
            if name == "variables" and not named
            else self.of(value, not named and name in _MAPS)
            for name, (_, value) in node.entries.items()
            if not is_null(value) and (named or not (name in _DATA or name.startswith("x-") or name == "$ref"))
        }

    def variables(self, node: Node) -> Json:
        """Return the copy of a server's variables, whose `default` is required and no data of theirs."""
        if type(node) is not Mapping:
            return self.of(node, False)
        return {name: self.of(value, True) for name, (_, value) in node.entries.items() if not is_null(value)}


_MAPS = frozenset(
    [
        "schemas",
        "parameters",
        "headers",
        "requestBodies",
        "responses",
        "securitySchemes",
        "links",
        "callbacks",
        "paths",
        "properties",
        "content",
        "mapping",
        "scopes",
        "encoding",
    ]
)


def _locate(root: Mapping, path: Iterable[Any]) -> Node:
    """Return the node that a path of keys and indexes leads to, or the last one on the way."""
    here: Node = root
    for part in path:
        found: Node | None = None
        if type(here) is Mapping:
            found = here.get(str(part))
        elif type(here) is Sequence and isinstance(part, int) and part < len(here.items):
            found = here.items[part]
        if found is None:
            return here
        here = found
    return here
