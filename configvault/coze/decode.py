"""What yaml.v3 takes when it decodes into the service's Go types, and the wrong types and keys it dies of.

Source: gopkg.in/yaml.v3 3.0.1, decode.go; the structs `pluginProductMeta` and `PluginManifest` of Coze Studio.
"""

from __future__ import annotations

import difflib
import math
from collections.abc import Callable, Iterable, Iterator
from collections.abc import Mapping as Dict

from configvault.core.frozen import field, frozen
from configvault.coze.openapi.values import is_binary
from configvault.validators.syntax import duplicates
from configvault.validators.violations import Violation, quote_value, violation
from configvault.validators.yamlnodes import Mapping, Node, Scalar, Sequence, describe, is_null

TRUE = frozenset(["y", "Y", "yes", "Yes", "YES", "on", "On", "ON"])
FALSE = frozenset(["n", "N", "no", "No", "NO", "off", "Off", "OFF"])
LARGEST = (1 << 63) - 1


@frozen
class Struct:
    """A mapping into a Go struct: what each key holds; `ignored` keys are never read but known."""

    keys: Dict[str, Shape]
    ignored: frozenset[str] = frozenset()


@frozen
class ListOf:
    """A list of one shape."""

    item: Shape


@frozen
class MapOf:
    """A mapping of any strings to one shape."""

    value: Shape


@frozen
class Leaf:
    """A scalar; `takes` says whether one is acceptable, `name` what is due, `advice` how to write it."""

    name: str
    takes: Callable[[Scalar], bool] = field(compare=False)
    advice: str = ""


Shape = Struct | ListOf | MapOf | Leaf


def integer(node: Node | None) -> int | None:
    """Return the int64 that the service reads (0 for none at all), None where it can read none."""
    value = node.value if type(node) is Scalar else None
    if value is None:
        return 0 if is_null(node) else None
    if type(value) is float:
        if math.isnan(value) or value > LARGEST:
            return None
        return -LARGEST - 1 if value < -LARGEST else int(value)
    return value if type(value) is int and value <= LARGEST else None


def boolean(node: Node | None) -> bool | None:
    """Return the bool that the service reads (False for none at all), None where it can read none."""
    if is_null(node):
        return False
    value = node.value if type(node) is Scalar else None
    if isinstance(value, str):
        return True if value in TRUE else False if value in FALSE else None
    return value if type(value) is bool else None


def string(node: Node | None) -> str | None:
    """Return the string that the service reads ('' for none at all), None where it can read none."""
    if is_null(node):
        return ""
    return node.text if type(node) is Scalar and is_binary(node) else None


INTEGER = Leaf("a whole number", lambda node: integer(node) is not None, "write it without quotes")
BOOLEAN = Leaf("true or false", lambda node: boolean(node) is not None, "write true or false without quotes")
STRING = Leaf("a text", is_binary, "write it on one line, in quotes if need be")


def violations(node: Node, shape: Shape, what: str) -> Iterator[Violation]:
    """Yield every place below `node` where the service could not decode, or would not read, what is there."""
    if is_null(node):
        return
    if isinstance(shape, Leaf):
        if not isinstance(node, Scalar) or not shape.takes(node):
            yield violation(
                "meta-type", node, f"{what} must be {shape.name}, not {describe(node)}", shape.advice
            )
    elif isinstance(shape, ListOf):
        if type(node) is not Sequence:
            yield violation(
                "meta-type", node, f"{what} must be a list, not {describe(node)}", "begin it with `- `"
            )
            return
        for item in node.items:
            yield from violations(item, shape.item, f"an item of {what}")
    elif type(node) is not Mapping:
        yield violation(
            "meta-type", node, f"{what} must be a mapping, not {describe(node)}", "write `key: value` lines"
        )
    else:
        yield from _mapping(node, shape, what)


def _mapping(node: Mapping, shape: Struct | MapOf, what: str) -> Iterator[Violation]:
    yield from duplicates(
        node, "duplicate-key", "the service refuses to start with a key twice; keep one of them"
    )
    for key, _ in node.pairs:
        if type(key) is not Scalar:
            yield violation(
                "meta-type", key, f"a key of {what} must be a text, not {describe(key)}", STRING.advice
            )
    for name, (key, value) in node.entries.items():
        if isinstance(shape, MapOf):
            yield from violations(value, shape.value, f"{what}.{name}")
        elif name in shape.keys:
            yield from violations(value, shape.keys[name], name)
        elif name not in shape.ignored:
            known = [*shape.keys, *shape.ignored]
            yield violation(
                "unknown-key",
                key,
                f"unknown key {quote_value(name)} in {what}, ignored by the service",
                nearest(name, known),
            )


def nearest(name: str, known: Iterable[str]) -> str | None:
    """Return advice that names the known key most like `name`."""
    found = difflib.get_close_matches(name[:80], list(known), 1)
    return f"did you mean {found[0]!r}?" if found else None
