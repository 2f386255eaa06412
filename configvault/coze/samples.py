"""Values to ask an operation with, made of what its document says: examples, defaults, enums, and else the type.

Bounded in depth and in number, since documents may refer to themselves.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote, urlencode

from configvault.core.frozen import frozen
from configvault.coze.openapi.values import items, members, scalar, text, true
from configvault.validators.yamlnodes import Mapping, Node, Scalar, Sequence

DEEPEST = 12
MOST_VALUES = 5000

_BY_FORMAT = {
    "date": "2024-01-01", "date-time": "2024-01-01T00:00:00Z", "email": "somebody@example.org", "ipv4": "192.0.2.1",
    "uri": "https://example.org/", "url": "https://example.org/", "uuid": "00000000-0000-4000-8000-000000000000",
    "byte": "dGV4dA==",
}  # fmt: skip
_MISSING: Any = object()


class SampleError(ValueError):
    """No request can be made of what the document says; says why."""


@frozen
class Sample:
    """What an operation is asked with: the path and query of its address, headers, and a body."""

    path: str
    headers: dict[str, str]
    body: bytes | None


class Maker:
    """Makes samples for the operations of one document."""

    def __init__(self, document: Mapping) -> None:
        """Resolve references in `document`."""
        self._document = document
        self._left = MOST_VALUES

    def sample(self, path: str, item: Mapping, operation: Mapping) -> Sample:
        """Return what to ask the operation of a path with.

        Raises:
            SampleError: its body is of a kind that cannot be made.
        """
        self._left = MOST_VALUES
        query: list[tuple[str, str]] = []
        headers: dict[str, str] = {}
        for parameter in self._parameters(item, operation):
            name, place = text(parameter.get("name")), text(parameter.get("in"))
            if not true(parameter.get("required")) and place != "path":
                continue
            value = self._value(parameter)
            if place == "path":
                path = path.replace(f"{{{name}}}", quote(_plain(value), safe=""))
            elif place == "query":
                many = value if isinstance(value, list) else [value]
                query += [(name, _plain(one)) for one in many]
            elif place == "header" and _plain(value).isascii() and _plain(value).isprintable():
                headers[name] = _plain(value)
        if query:
            path += "?" + urlencode(query)
        body = self._body(operation, headers)
        return Sample(path, headers, body)

    def _parameters(self, item: Mapping, operation: Mapping) -> Iterator[Mapping]:
        """Yield the parameters of an operation; its own win over those of its path."""
        found: dict[tuple[str, str], Mapping] = {}
        for node in [*items(item.get("parameters")), *items(operation.get("parameters"))]:
            parameter = self._resolved(node)
            if type(parameter) is Mapping:
                found[(text(parameter.get("name")), text(parameter.get("in")))] = parameter
        yield from found.values()

    def _value(self, holder: Mapping) -> Any:
        """Return the value of a parameter or of a media type: its example, or one of its schema."""
        example = self._example(holder)
        return self._of(holder.get("schema"), 0) if example is _MISSING else example

    def _example(self, holder: Mapping) -> Any:
        if holder.get("example") is not None:
            return self._json(holder.get("example"), 0)
        for _, _, one in members(holder.get("examples")):
            example = self._resolved(one)
            if type(example) is Mapping and example.get("value") is not None:
                return self._json(example.get("value"), 0)
        return _MISSING

    def _body(self, operation: Mapping, headers: dict[str, str]) -> bytes | None:
        request = self._resolved(operation.get("requestBody"))
        content = request.get("content") if type(request) is Mapping else None
        kinds = {name: node for name, _, node in members(content) if type(node) is Mapping}
        if not kinds:
            return None
        kind = next((name for name in kinds if "json" in name.lower()), next(iter(kinds)))
        value = self._value(kinds[kind])
        given = {name.lower() for name in headers}
        if "content-type" not in given:
            headers["Content-Type"] = kind if kind.isascii() and kind.isprintable() else "application/json"
        if "json" in kind.lower() or kind == "*/*":
            return json.dumps(value, ensure_ascii=False).encode()
        if kind.startswith("application/x-www-form-urlencoded"):
            pairs = value if isinstance(value, dict) else {}
            return urlencode({name: _plain(one) for name, one in pairs.items()}).encode()
        if isinstance(value, str):
            return value.encode()
        raise SampleError(f"a body of {kind[:60]!r} cannot be made")

    def _of(self, node: Node | None, depth: int) -> Any:
        """Return a value that a schema describes."""
        schema = self._resolved(node)
        if type(schema) is not Mapping or depth > DEEPEST:
            return None
        self._count()
        for key in ("example", "default"):
            if schema.get(key) is not None:
                return self._json(schema.get(key), 0)
        if enum := items(schema.get("enum")):
            return self._json(enum[0], 0)
        every = items(schema.get("allOf"))
        if every:
            return self._merged(schema, every, depth)
        for key in ("oneOf", "anyOf"):
            if choices := items(schema.get(key)):
                return self._of(choices[0], depth + 1)
        return self._by_type(schema, depth)

    def _merged(self, schema: Mapping, every: list[Node], depth: int) -> Any:
        parts = [self._of(one, depth + 1) for one in every]
        merged = [part for part in parts if isinstance(part, dict)]
        own = self._object(schema, depth) if schema.get("properties") is not None else {}
        if merged or own:
            return {key: value for part in [*merged, own] for key, value in part.items()}
        return parts[0]

    def _by_type(self, schema: Mapping, depth: int) -> Any:
        kind = text(schema.get("type")) or ("object" if schema.get("properties") is not None else "")
        if kind == "object":
            return self._object(schema, depth)
        if kind == "array":
            return [self._of(schema.get("items"), depth + 1)]
        if kind in ("integer", "number"):
            least = self._json(schema.get("minimum"), 0)
            return least if isinstance(least, int | float) else 1
        if kind == "boolean":
            return True
        least = self._json(schema.get("minLength"), 0)
        found = _BY_FORMAT.get(text(schema.get("format")), "text")
        return found.ljust(min(least, 1000), "x") if isinstance(least, int) else found

    def _object(self, schema: Mapping, depth: int) -> dict[str, Any]:
        """Return an object with what is required, and what has an example or a default."""
        required = {text(one) for one in items(schema.get("required"))}
        made = {}
        for name, _, node in members(schema.get("properties")):
            inner = self._resolved(node)
            if type(inner) is not Mapping or true(inner.get("readOnly")):
                continue
            known = any(inner.get(key) is not None for key in ("example", "default"))
            if name in required or known:
                made[name] = self._of(inner, depth + 1)
        return made

    def _resolved(self, node: Node | None) -> Node | None:
        """Follow references within the document."""
        for _ in range(DEEPEST):
            target = text(node.get("$ref")) if type(node) is Mapping else ""
            if not target.startswith("#/"):
                return node
            node = self._document
            for part in target[2:].split("/"):
                node = node.get(part.replace("~1", "/").replace("~0", "~")) if type(node) is Mapping else None
        return None

    def _json(self, node: Node | None, depth: int) -> Any:
        """Return a node as JSON has it, whole numbers as such."""
        self._count()
        if type(node) is Scalar:
            value = scalar(node)
            return int(value) if isinstance(value, float) and value.is_integer() else value
        if depth > DEEPEST:
            return None
        if type(node) is Sequence:
            return [self._json(one, depth + 1) for one in node.items]
        return (
            {name: self._json(one, depth + 1) for name, _, one in members(node)} if node is not None else None
        )

    def _count(self) -> None:
        self._left -= 1
        if self._left < 0:
            raise SampleError(f"its sample has more than {MOST_VALUES} values")


def _plain(value: Any) -> str:
    """Return a value as it stands in an address or a header."""
    if isinstance(value, str):
        return value
    return "1" if value is None else json.dumps(value, ensure_ascii=False)
