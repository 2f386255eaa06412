"""What openapi-spec-validator says of a document that the service itself would take.

It never sees the document but a copy made of JSON values: keys are strings, nulls are absent, references are those
already found to lead inside the document. It must not open anything, and it could not.
"""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterable, Iterator
from typing import Any

from configvault.coze.openapi.decode import reference_of
from configvault.coze.openapi.references import References
from configvault.coze.openapi.values import Json, scalar
from configvault.validators.faults import Fault, fault, quote_reference
from configvault.validators.yamlnodes import Mapping, Node, Scalar, Sequence, is_null

# What was validated by the service's own rules, and what nobody reads: references in there are none.
_DATA = frozenset(["example", "examples", "enum", "default", "pattern"])
# It costs some 30 us a value; beyond this many only the rules of the service are asked.
MOST_VALUES = 40_000
_MOST_TOLD = 5


def check(root: Mapping, references: References) -> Iterator[Fault]:
    """Yield what OpenAPI 3.0 forbids and the service's library lets pass."""
    del references  # they were found to be good, or this would not be asked
    copy = _Copy()
    document = copy.of(root, named=False)
    if copy.left < 0 or not isinstance(document, dict):
        message = f"more than {MOST_VALUES} values: only the service's own rules were applied"
        yield fault("openapi-spec", root, message, "split the document")
        return
    for told, (path, message) in enumerate(_complaints(document)):
        if told == _MOST_TOLD:
            break
        node = _locate(root, path)
        where = ".".join(str(part) for part in path)[-80:]
        text = f"{where}: not strictly OpenAPI 3.0: {quote_reference(message)[1:-1]}"
        yield fault("openapi-spec", node, text, "the service takes it; other tools may not")


def _complaints(document: dict[str, Json]) -> Iterator[tuple[list[Any], str]]:
    with _offline():
        from openapi_spec_validator import OpenAPIV30SpecValidator

    try:
        for error in OpenAPIV30SpecValidator(document).iter_errors():
            yield list(error.absolute_path), _first_line(error.message)
    except RecursionError:
        yield [], "nested too deep, or it refers to itself"
    except Exception as error:  # it raises types of its own and of its libraries
        yield [], f"{type(error).__name__} in openapi-spec-validator"


@contextlib.contextmanager
def _offline() -> Iterator[None]:
    """Import without `requests`, which is there to fetch what is never asked for, and is a twelfth of an idle daemon."""
    absent = "requests" not in sys.modules
    if absent:
        sys.modules["requests"] = None  # type: ignore[assignment]
    try:
        yield
    finally:
        if absent:
            del sys.modules["requests"]


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
