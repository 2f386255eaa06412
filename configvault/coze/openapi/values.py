"""What nodes are worth as JSON, as the service converts YAML: every key a string, every number a double."""

from __future__ import annotations

import base64
import binascii
import json
import math
from collections.abc import Iterator
from typing import TypeAlias

from configvault.validators.violations import Violation, quote_value, violation
from configvault.validators.yamlnodes import Mapping, Node, Scalar, Sequence
from configvault.validators.yamlresolve import timestamp

Json: TypeAlias = "bool | float | str | list[Json] | dict[str, Json] | None"

_LARGEST_KEY = (1 << 63) - 1


def scalar(node: Scalar) -> bool | float | str | None:
    """Return the JSON value of one scalar."""
    value = node.value
    if type(value) is int:
        return float(value)
    if node.tag == "!!timestamp":
        return timestamp(node.text) or node.text
    return value


def to_json(node: Node) -> Json:
    """Return the JSON value of `node` and all below."""
    if type(node) is Scalar:
        return scalar(node)
    if type(node) is Sequence:
        return [to_json(item) for item in node.items]
    assert type(node) is Mapping
    return {name: to_json(value) for name, (_, value) in node.entries.items()}


def canonical(value: Json) -> str:
    """Return a text that equal JSON values share, and no others: 1 is not true."""
    return json.dumps(value, sort_keys=True)


def text(node: Node | None) -> str:
    """Return a string's text; '' where there is none."""
    value = scalar(node) if type(node) is Scalar else None
    return value if isinstance(value, str) else ""


def number(node: Node | None) -> float | None:
    """Return a number, None where there is none."""
    value = scalar(node) if type(node) is Scalar else None
    return value if type(value) is float else None


def true(node: Node | None) -> bool:
    """Return whether there is a true."""
    return type(node) is Scalar and node.value is True


def mapping(node: Node | None) -> Mapping | None:
    """Return `node` if it is a mapping."""
    return node if type(node) is Mapping else None


def items(node: Node | None) -> list[Node]:
    """Return the items of a list, none of anything else."""
    return node.items if type(node) is Sequence else []


def members(node: Node | None) -> Iterator[tuple[str, Node, Node]]:
    """Yield name, key and value of the members of a mapping, none of anything else."""
    if type(node) is Mapping:
        for name, (key, value) in node.entries.items():
            yield name, key, value


def unwritable(root: Node) -> Iterator[Violation]:
    """Yield what JSON cannot say at all, anywhere in the document."""
    stack, done = [root], set()
    while stack:
        node = stack.pop()
        if type(node) is Scalar:
            if (type(node.value) is float and not math.isfinite(node.value)) or not is_binary(node):
                yield violation(
                    "document-type",
                    node,
                    f"{quote_value(node.text)} is not a JSON value; the plugin is dropped",
                )
            continue
        if id(node) in done:
            continue
        done.add(id(node))
        if type(node) is Sequence:
            stack += node.items
        elif type(node) is Mapping:
            for key, value in node.pairs:
                if not _is_key(key):
                    yield violation(
                        "document-type", key, "this key is not text; the plugin is dropped", "quote it"
                    )
                stack += (key, value)


def _is_key(key: Node) -> bool:
    """Return whether the service can make a string of `key`."""
    if type(key) is not Scalar or key.value is None or key.tag == "!!timestamp":
        return False
    return type(key.value) is not int or key.value <= _LARGEST_KEY


def is_binary(node: Scalar) -> bool:
    """Return whether a scalar, if it is tagged as binary, is base64."""
    if node.tag != "!!binary":
        return True
    try:
        # As Go does, over line ends but over no spaces.
        base64.b64decode(node.text.replace("\n", "").replace("\r", ""), validate=True)
    except (binascii.Error, ValueError):
        return False
    return True
