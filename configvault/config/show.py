"""Print the effective settings without secrets: header values, passwords in URLs, telling words of commands."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import Field, fields, is_dataclass
from typing import Any

from configvault.config import mask
from configvault.core import units
from configvault.core.settings import Allowed, Settings

_ANYTHING = Allowed()


def dump(settings: Settings) -> str:
    """Return the settings as YAML, durations and sizes with units."""
    import yaml

    document = _section(settings, readable=True)
    return yaml.safe_dump(document, sort_keys=False, allow_unicode=True, width=112)


def as_document(settings: Settings) -> dict[str, Any]:
    """Return the settings as JSON values, durations in seconds and sizes in bytes."""
    return _section(settings, readable=False)


def _section(section: Any, *, readable: bool) -> dict[str, Any]:
    shown: dict[str, Any] = {}
    for field in fields(section):
        value = _value(getattr(section, field.name), field, readable)
        beside = field.metadata.get("allowed", _ANYTHING).beside
        if not beside:
            shown[field.name] = value
        elif value:
            # As it is written: one list under the other field's key.
            shown[beside] = [shown[beside], *value] if shown[beside] else value
    return shown


def _value(value: Any, field: Field[Any], readable: bool) -> Any:
    allowed: Allowed = field.metadata.get("allowed", _ANYTHING)
    if allowed.form == "body":
        return None if value is None else mask.MASK
    if is_dataclass(value):
        return _section(value, readable=readable)
    if isinstance(value, Mapping):
        return {name: mask.shown(text, allowed) for name, text in value.items()}
    if isinstance(value, tuple):
        if allowed.form == "argv":
            return mask.words(value)
        return [_value(item, field, readable) for item in value]
    if isinstance(value, str):
        return str(mask.shown(value, allowed))
    if readable and isinstance(value, float) and allowed.form in ("percent", "factor"):
        return f"{value * 100:g}%" if allowed.form == "percent" else f"{value:g}x"
    if readable and isinstance(value, float):
        return units.duration_text(value)
    if readable and allowed.form == "size":
        return units.size_text(value)
    return value
