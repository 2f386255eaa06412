"""The JSON Schema of the configuration file, made from the same fields as the values: editors complete and underline by it.

It takes what `Binder` takes and refuses what has the wrong shape: an unknown key, a list in place of a section, a word that
is no choice, a number out of bounds. A value with `${…}` in it may become anything, so it is taken wherever one value is.
What only the whole file decides (a check without a question, two keys that contradict each other) is not in it.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import MISSING, Field, fields, is_dataclass
from types import UnionType
from typing import Any, get_args, get_origin, get_type_hints

from configvault.config import convert, forms
from configvault.core import units
from configvault.core.frozen import replace
from configvault.core.settings import Allowed, Settings

Schema = dict[str, Any]
DIALECT = "http://json-schema.org/draft-07/schema#"

_REFERENCE: Schema = {"type": "string", "pattern": r"\$\{"}
_NULL: Schema = {"type": "null"}
# A scalar is taken as its text, whatever YAML makes of it.
_SCALARS = ["string", "number", "boolean"]
# Of the forms only how a text begins is said here; the rest is a fault with its own words.
_BEGINNINGS = {
    "path": r"^/",
    "url": r"^[Hh][Tt][Tt][Pp][Ss]?://",
    "source-url": r"^(https|ssh|file)://|^[^\s/:-][^\s/:]*:[^:]",
    "git-url": r"^(ssh|https?|file|git)://|^/|^[^\s/:-][^\s/:]*:[^:]",
    "replica-url": r"^(ssh|https?|file|git|s3|gs|az|file\+bundle)://|^/|^[^\s/:-][^\s/:]*:[^:]",
    "recipient": r"^\s*(age1|ssh-)",
    "public-key": r"^\s*(ssh|ecdsa|sk)-",
}


def document(choices: Mapping[str, Collection[str]]) -> Schema:
    """Return the schema; `choices` has those that `core/settings.py` cannot know, by dotted key, as for `Binder`."""
    return {
        "$schema": DIALECT,
        "title": "configvault",
        "description": "The configuration of configvault: `configvault config example` lists every option.",
        **_section(Settings, "", choices),
    }


def _section(cls: type, key: str, choices: Mapping[str, Collection[str]]) -> Schema:
    known: dict[str, Field[Any]] = {one.name: one for one in fields(cls)}
    hints = get_type_hints(cls)
    properties: dict[str, Schema] = {}
    for name, one in known.items():
        allowed = _allowed(one)
        if allowed.beside:
            continue
        place = f"{key}.{name}" if key else name
        if place in choices:
            allowed = replace(allowed, choices=tuple(choices[place]))
        made = _value(hints[name], allowed, place, choices)
        beside = next((other for other in known.values() if _allowed(other).beside == name), None)
        if beside is not None:
            # A list of plain mappings and of sections, in place of one mapping.
            item = _section(get_args(hints[beside.name])[0], place, choices)
            made = {"anyOf": [*_ways(made), {"type": "array", "items": {"anyOf": [made, item]}}]}
        if not isinstance(one.default, type(MISSING)) and isinstance(
            one.default, str | int | float | bool | None
        ):
            made = {**made, "default": one.default}
        properties[name] = made
    required = [
        name for name, one in known.items() if one.default is MISSING and one.default_factory is MISSING
    ]
    summary = (cls.__doc__ or "").strip().split("\n", 1)[0]
    made = {"description": summary, "type": "object", "properties": properties, "additionalProperties": False}
    return made | ({"required": required} if required else {})


def _short(cls: type, choices: Mapping[str, Collection[str]], key: str) -> list[Schema]:
    """Return the bare list that may stand for a section whose first field takes one, if it may."""
    first = fields(cls)[0]
    if not _allowed(first).single:
        return []
    return [_list(get_args(get_type_hints(cls)[first.name])[0], _allowed(first), key, choices)]


def _value(hint: Any, allowed: Allowed, key: str, choices: Mapping[str, Collection[str]]) -> Schema:
    if allowed.form == "body":
        return {}
    optional = isinstance(hint, UnionType)
    if optional:
        hint = next(one for one in get_args(hint) if one is not type(None))
    if is_dataclass(hint):
        assert isinstance(hint, type)
        section = _section(hint, key, choices)
        required = "required" in section
        # An empty section is all defaults.
        return _any([section, *_short(hint, choices, key), *([] if required and not optional else [_NULL])])
    if get_origin(hint) is tuple:
        return _any([*_ways(_list(get_args(hint)[0], allowed, key, choices)), _NULL])
    if get_origin(hint) is not None:
        return _any([_mapping(allowed), _NULL])
    return _any([*_ways(_scalar(hint, allowed)), *([_NULL] if optional else [])])


def _list(item: Any, allowed: Allowed, key: str, choices: Mapping[str, Collection[str]]) -> Schema:
    one = _section(item, f"{key}[]", choices) if is_dataclass(item) else _scalar(item, allowed)  # type: ignore[arg-type]
    if is_dataclass(item):
        assert isinstance(item, type)
        one = _any([one, *_short(item, choices, key)])
    many: Schema = {"type": "array", "items": one}
    return _any([many, *_ways(one)]) if allowed.single and allowed.form != "argv" else many


def _mapping(allowed: Allowed) -> Schema:
    made: Schema = {"type": "object", "additionalProperties": _scalar(str, allowed)}
    if allowed.form == "log-field":
        made["propertyNames"] = {"enum": list(forms.LOG_FIELDS)}
    return made


def _scalar(hint: Any, allowed: Allowed) -> Schema:
    if hint is bool:
        return _any([{"type": "boolean"}, _word(convert.BOOLEANS), _REFERENCE])
    if hint in (int, float):
        return _number(hint, allowed)
    if allowed.choices:
        ways: list[Schema] = [{"enum": list(allowed.choices)}, _word(allowed.choices), _REFERENCE]
        return _any([*ways, *([{"const": False}] if "off" in allowed.choices else [])])
    beginning = _BEGINNINGS.get(allowed.form)
    if beginning is not None:
        return _any([{"type": "string", "pattern": beginning}, _REFERENCE])
    return {"type": _SCALARS}


def _number(hint: Any, allowed: Allowed) -> Schema:
    bounds: Schema = {"minimum": allowed.least}
    if allowed.above is not None:
        bounds = {"exclusiveMinimum": allowed.above}
    if allowed.most is not None:
        bounds["maximum"] = allowed.most
    if hint is float and allowed.form in ("percent", "factor"):
        sign = "%" if allowed.form == "percent" else "x?"
        text: Schema = {"type": "string", "pattern": rf"^\s*[0-9]{{1,4}}(\.[0-9]{{1,6}})? ?{sign}\s*$"}
        plain = [] if allowed.form == "percent" else [{"type": "number", **bounds}]
        return _any([*plain, text, _REFERENCE])
    if hint is int and allowed.form != "size":
        return _any(
            [{"type": "integer", **bounds}, {"type": "string", "pattern": "^[0-9][0-9_]*$"}, _REFERENCE]
        )
    suffixes = "|".join(_either_case(unit) for unit in (units.BYTES if hint is int else units.SECONDS) if unit)
    text = {"type": "string", "pattern": rf"^\s*[0-9]{{1,15}}(\.[0-9]{{1,9}})? ?({suffixes})?\s*$"}
    return _any([{"type": "number", **bounds}, text, _REFERENCE])


def _word(words: Collection[str]) -> Schema:
    """Return what takes one of some words, in either case."""
    return {"type": "string", "pattern": f"^({'|'.join(map(_either_case, words))})$"}


def _either_case(word: str) -> str:
    """Return a pattern of a word in either case; JSON Schema's patterns have no flag for that."""
    return "".join(f"[{c.upper()}{c.lower()}]" if c.isalpha() else re.escape(c) for c in word)


def _any(ways: list[Schema]) -> Schema:
    return ways[0] if len(ways) == 1 else {"anyOf": ways}


def _ways(made: Schema) -> list[Schema]:
    """Return the alternatives of a schema, so that they do not nest."""
    return list(made["anyOf"]) if set(made) == {"anyOf"} else [made]


def _allowed(one: Field[Any]) -> Allowed:
    found: Allowed = one.metadata.get("allowed", Allowed())
    return found
