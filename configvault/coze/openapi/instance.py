"""Whether a default or an example matches its schema, as the service's library validates it.

Source: kin-openapi 0.118.0, schema.go, `visitJSON` and what it calls.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator

from configvault.coze.openapi import patterns
from configvault.coze.openapi.decode import strings
from configvault.coze.openapi.references import References
from configvault.coze.openapi.values import (
    Json,
    canonical,
    items,
    members,
    number,
    text,
    to_json,
    true,
)
from configvault.validators.violations import Violation, quote, quote_reference, violation
from configvault.validators.yamlnodes import Mapping, Node, is_null

_DROPPED = "; the plugin is dropped"
_DEEPEST = 150
_DAY = r"-(?:0[0-9]|10|11|12)-(?:[0-2][0-9]|30|31)"
_FORMATS = {
    "byte": re.compile(r"[a-zA-Z0-9+/\-_]*=*", re.ASCII),
    "date": re.compile(rf"[0-9]{{4}}{_DAY}", re.ASCII),
    "date-time": re.compile(
        rf"[0-9]{{4}}{_DAY}T[0-9]{{2}}:[0-9]{{2}}:[0-9]{{2}}(?:\.[0-9]+)?(?:Z|[+-][0-9]{{2}}:[0-9]{{2}})?",
        re.ASCII,
    ),
}
_INTEGERS = {"int32": (-(2.0**31), 2.0**31 - 1), "int64": (-(2.0**63), 2.0**63)}


class _EndlessError(Exception):
    """The comparison does not end, or not soon."""


def mismatch(refs: References, schema: Mapping, node: Node, rule: str, where: str) -> Iterator[Violation]:
    """Yield why the value at `node` does not match `schema`, if it does not."""
    try:
        problem = _problem(refs, schema, node, rule)
    except (_EndlessError, RecursionError):
        problem = "cannot be compared with a schema that refers to itself like this"
    if problem:
        message = f"{where}: {rule} {problem}{_DROPPED}"
        yield violation(rule, node, message, f"make the {rule} match its schema, or remove it")


def _problem(refs: References, schema: Mapping, node: Node, rule: str) -> str | None:
    value = to_json(node)
    of_schema = rule == "example" and schema.get("example") is node
    if of_schema and text(schema.get("format")) == "date" and isinstance(value, str):
        # The library knows what YAML makes of a bare date, but only in this one place.
        value = value.removesuffix("T00:00:00Z")
    return _Match(refs).visit(schema, value, 0)


class _Match:
    """One comparison."""

    def __init__(self, refs: References) -> None:
        self._refs = refs

    def _step(self, depth: int, steps: int = 1) -> None:
        self._refs.steps_left -= steps
        if self._refs.steps_left < 0 or depth > _DEEPEST:
            raise _EndlessError

    def _schema(self, node: Node | None) -> Mapping | None:
        return self._refs.follow(node, "schema")

    def visit(self, schema: Mapping | None, value: Json, depth: int) -> str | None:
        """Return what is wrong with `value`, None where nothing is."""
        self._step(depth)
        if schema is None:
            return None
        if value is None:
            return None if true(schema.get("nullable")) else "is null, which the schema does not allow"
        if self._empty(schema, depth):
            return None
        problem = self._combined(schema, value, depth)
        if problem:
            return problem
        if isinstance(value, bool):
            return _typed(schema, "boolean", "is true or false")
        if isinstance(value, float):
            return _number(schema, value)
        if isinstance(value, str):
            self._step(depth, (len(value) + len(text(schema.get("pattern")))) // 256)
            return _string(schema, value)
        return (
            self._list(schema, value, depth) if isinstance(value, list) else self._object(schema, value, depth)
        )

    def _empty(self, schema: Mapping, depth: int) -> bool:
        """Return whether a schema says nothing at all."""
        self._step(depth)
        if any(text(schema.get(key)) for key in ("type", "format", "pattern")):
            return False
        flags = [
            "uniqueItems",
            "exclusiveMinimum",
            "exclusiveMaximum",
            "nullable",
            "readOnly",
            "writeOnly",
            "allowEmptyValue",
        ]
        if any(true(schema.get(key)) for key in flags):
            return False
        limits = ["minimum", "maximum", "multipleOf", "maxLength", "maxItems", "maxProperties"]
        if any(not is_null(schema.get(key)) for key in limits):
            return False
        if any(number(schema.get(key)) for key in ("minLength", "minItems", "minProperties")):
            return False
        if items(schema.get("enum")) or items(schema.get("required")):
            return False
        bounds = schema.get("additionalProperties")
        if not is_null(bounds) and type(bounds) is not Mapping and not true(bounds):
            return False
        below: list[Node | None] = [schema.get("not"), schema.get("items"), bounds]
        below += [value for _, _, value in members(schema.get("properties"))]
        self._step(depth, len(below) // 16)
        for key in ("oneOf", "anyOf", "allOf"):
            below += items(schema.get(key))
        inner = (self._schema(node) for node in below if type(node) is Mapping)
        return all(one is None or self._empty(one, depth + 1) for one in inner)

    def _combined(self, schema: Mapping, value: Json, depth: int) -> str | None:
        allowed = items(schema.get("enum"))
        if allowed:
            # A value of the enum ends the whole comparison of combinations in the library.
            self._step(depth, len(allowed) // 4)
            wanted = canonical(value)
            if any(canonical(to_json(item)) == wanted for item in allowed):
                return None
            return "is not one of the enum"
        banned = schema.get("not")
        if type(banned) is Mapping and self.visit(self._schema(banned), value, depth + 1) is None:
            return "matches what `not` forbids"
        return (
            self._one_of(schema, value, depth)
            or self._any_of(schema, value, depth)
            or self._all_of(schema, value, depth)
        )

    def _one_of(self, schema: Mapping, value: Json, depth: int) -> str | None:
        choices = items(schema.get("oneOf"))
        if not choices:
            return None
        self._step(depth, len(choices) // 16)
        wanted, problem = _discriminated(schema, value)
        if problem:
            return problem
        fitting = 0
        for choice in choices:
            target = choice.get("$ref") if type(choice) is Mapping else None
            if wanted and wanted != text(target):
                continue
            fitting += self.visit(self._schema(choice), value, depth + 1) is None
        return None if fitting == 1 else f"matches {fitting} schemas of oneOf instead of one"

    def _any_of(self, schema: Mapping, value: Json, depth: int) -> str | None:
        choices = items(schema.get("anyOf"))
        if not choices or any(self.visit(self._schema(c), value, depth + 1) is None for c in choices):
            return None
        return "matches no schema of anyOf"

    def _all_of(self, schema: Mapping, value: Json, depth: int) -> str | None:
        for choice in items(schema.get("allOf")):
            problem = self.visit(self._schema(choice), value, depth + 1)
            if problem:
                return problem
        return None

    def _list(self, schema: Mapping, value: list[Json], depth: int) -> str | None:
        problem = _typed(schema, "array", "is a list") or _sized(schema, len(value), "Items", "items")
        if problem:
            return problem
        self._step(depth, len(value) // 16)
        if true(schema.get("uniqueItems")) and len({canonical(item) for item in value}) != len(value):
            return "has an item twice"
        inner = self._schema(schema.get("items"))
        for index, item in enumerate(value if inner is not None else ()):
            problem = self.visit(inner, item, depth + 1)
            if problem:
                return f"item {index} {problem}"
        return None

    def _object(self, schema: Mapping, value: dict[str, Json], depth: int) -> str | None:
        problem = _typed(schema, "object", "is a mapping") or _sized(schema, len(value), "Properties", "keys")
        if problem:
            return problem
        self._step(depth, len(value) // 16)
        properties = schema.get("properties")
        for name in sorted(value):
            known = properties.get(name) if type(properties) is Mapping else None
            problem = self._member(schema, known, name, value[name], depth)
            if problem:
                return problem
        missing = next((name for name, _ in strings(schema.get("required")) if name not in value), None)
        return f"lacks {quote(missing)}" if missing is not None else None

    def _member(self, schema: Mapping, known: Node | None, name: str, value: Json, depth: int) -> str | None:
        bounds = schema.get("additionalProperties")
        if known is None and not is_null(bounds) and type(bounds) is not Mapping and not true(bounds):
            return f"has {quote(name)}, which the schema does not allow"
        inner = known if known is not None else bounds
        problem = self.visit(self._schema(inner), value, depth + 1) if type(inner) is Mapping else None
        return f"{quote(name)} {problem}" if problem else None


def _typed(schema: Mapping, kind: str, said: str) -> str | None:
    due = text(schema.get("type"))
    return None if due in ("", kind) else f"{said}, not {'an' if due[0] in 'aio' else 'a'} {due}"


def _discriminated(schema: Mapping, value: Json) -> tuple[str, str | None]:
    """Return which reference the discriminator asks for ('' for any), and what is wrong with it."""
    discriminator = schema.get("discriminator")
    if type(discriminator) is not Mapping or not isinstance(value, dict):
        return "", None
    name = text(discriminator.get("propertyName"))
    if name not in value:
        return "", f"lacks the discriminator {quote(name)}"
    chosen = value[name]
    if not isinstance(chosen, str):
        return "", f"discriminator {quote(name)} is no text"
    mapping = {key: text(target) for key, _, target in members(discriminator.get("mapping"))}
    if mapping and chosen not in mapping:
        return "", f"discriminator {quote(name)} has a value that is not in its mapping"
    return mapping.get(chosen, ""), None


def _sized(schema: Mapping, size: int, suffix: str, what: str) -> str | None:
    least, most = number(schema.get(f"min{suffix}")), number(schema.get(f"max{suffix}"))
    if least and size < least:
        return f"has fewer than {least:g} {what}"
    return f"has more than {most:g} {what}" if most is not None and size > most else None


def _number(schema: Mapping, value: float) -> str | None:
    kind = text(schema.get("type"))
    if kind == "integer":
        if not value.is_integer():
            return "is not a whole number"
        low, high = _INTEGERS.get(text(schema.get("format")), (value, value))
        if not low <= value <= high:
            return f"does not fit {text(schema.get('format'))}"
    elif kind not in ("", "number"):
        return _typed(schema, "number", "is a number")
    return _bounded(schema, value)


def _bounded(schema: Mapping, value: float) -> str | None:
    least, most = number(schema.get("minimum")), number(schema.get("maximum"))
    for key, limit in (("exclusiveMinimum", least), ("exclusiveMaximum", most)):
        if true(schema.get(key)) and limit is None:
            return f"cannot be compared: {key} without a limit makes the service panic"
    if least is not None and (value < least or (value == least and true(schema.get("exclusiveMinimum")))):
        return f"is below the minimum of {least:g}"
    if most is not None and (value > most or (value == most and true(schema.get("exclusiveMaximum")))):
        return f"is above the maximum of {most:g}"
    step = number(schema.get("multipleOf"))
    if step is None:
        return None
    parts = value / step if step else math.inf
    return None if math.isfinite(parts) and parts.is_integer() else f"is not a multiple of {step:g}"


def _string(schema: Mapping, value: str) -> str | None:
    problem = _typed(schema, "string", "is a text") or _sized(schema, len(value), "Length", "characters")
    if problem:
        return problem
    pattern = text(schema.get("pattern"))
    if pattern:
        if patterns.problem(pattern):
            return "cannot be compared with its pattern"
        if not patterns.matches(pattern, value):
            return f"does not match the pattern {quote_reference(pattern)}"
    form = text(schema.get("format"))
    known = _FORMATS.get(form)
    return None if known is None or known.fullmatch(value) else f"is no {form}"
