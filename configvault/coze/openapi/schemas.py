"""Schemas: types, items, patterns, defaults and examples."""

from __future__ import annotations

from collections.abc import Iterator

from configvault.coze.openapi import instance, patterns
from configvault.coze.openapi.document import place
from configvault.coze.openapi.references import References
from configvault.coze.openapi.values import text, true
from configvault.validators.violations import Violation, quote_reference, quote_value, violation
from configvault.validators.yamlnodes import Mapping, is_null

_DROPPED = "; the plugin is dropped"
TYPES = ("string", "number", "integer", "boolean", "array", "object")


def schema(refs: References, node: Mapping, where: str) -> Iterator[Violation]:
    """Check one schema; what lies below it is visited by itself."""
    kind = text(node.get("type"))
    if true(node.get("readOnly")) and true(node.get("writeOnly")):
        yield violation(
            "schema",
            node.key("writeOnly"),
            f"{where}: readOnly and writeOnly exclude each other{_DROPPED}",
            None,
        )
    if kind and kind not in TYPES:
        yield violation(
            "schema",
            place(node, "type"),
            f"{where}: type {quote_value(kind)} is unknown{_DROPPED}",
            f"one of {', '.join(TYPES)}",
        )
        return
    if kind == "array" and is_null(node.get("items")):
        yield violation(
            "schema", place(node, "items"), f"{where}: an array needs items{_DROPPED}", "items: {type: string}"
        )
        return
    pattern = text(node.get("pattern"))
    problem = patterns.problem(pattern) if kind == "string" and pattern else None
    if problem:
        message = f"{where}: pattern {quote_reference(pattern)} is not a regular expression of Go (RE2): {problem}{_DROPPED}"
        yield violation(
            "pattern", place(node, "pattern"), message, "RE2 has no lookaround and no backreferences"
        )
        return
    for key, rule in (("default", "default"), ("example", "example")):
        value = node.get(key)
        if value is not None and not is_null(value):
            yield from instance.mismatch(refs, node, value, rule, where)
