"""The JSON Schema of `plugin_meta.yaml`, made from the shapes that the service decodes into (`coze/meta.py`).

Unknown keys are refused in it, so that an editor underlines a misspelt one; for the check that is a warning.
"""

from __future__ import annotations

from typing import Any

from configvault.coze import meta
from configvault.coze.decode import BOOLEAN, FALSE, INTEGER, LARGEST, TRUE, Leaf, ListOf, Shape, Struct

Schema = dict[str, Any]
DIALECT = "http://json-schema.org/draft-07/schema#"

_LEAVES: dict[int, Schema] = {
    id(INTEGER): {"type": ["number", "null"], "maximum": LARGEST},
    id(BOOLEAN): {"anyOf": [{"type": ["boolean", "null"]}, {"enum": sorted(TRUE | FALSE)}]},
}
# Whatever YAML makes of a scalar, the service takes its text.
_TEXT: Schema = {"type": ["string", "number", "boolean", "null"]}


def document() -> Schema:
    """Return the schema."""
    entry = _of(meta.ENTRY)
    entry["type"] = "object"
    # Of a deprecated plugin nothing but the shape matters.
    entry["if"] = {"properties": {"deprecated": {"enum": [True, *sorted(TRUE)]}}, "required": ["deprecated"]}
    entry["then"] = {}
    entry["else"] = {
        "required": ["manifest"],
        "properties": {
            "manifest": {"type": "object", "required": ["auth"], "properties": {"auth": {"type": "object"}}},
            "tools": {"items": {"type": "object"}},
        },
    }
    return {
        "$schema": DIALECT,
        "title": "Coze Studio: plugin_meta.yaml",
        "description": "The plugins that the service loads, as configvault's profile coze checks them.",
        "type": "array",
        "minItems": 1,
        "items": entry,
    }


def _of(shape: Shape) -> Schema:
    if isinstance(shape, Leaf):
        return dict(_LEAVES.get(id(shape), _TEXT))
    if isinstance(shape, ListOf):
        return {"type": ["array", "null"], "items": _of(shape.item)}
    if isinstance(shape, Struct):
        known: Schema = {name: _of(one) for name, one in shape.keys.items()}
        properties = known | {name: {} for name in sorted(shape.ignored)}
        return {"type": ["object", "null"], "properties": properties, "additionalProperties": False}
    return {"type": ["object", "null"], "additionalProperties": _of(shape.value)}
