"""Placeholders in a request: `{name}` is replaced by a value from an earlier answer."""

from __future__ import annotations

import re

NAME = r"\{([A-Za-z_][A-Za-z0-9_]*)\}"


def names(value: object) -> set[str]:
    """Return the names of all placeholders in a text, or in any text inside lists and mappings."""
    if isinstance(value, str):
        return set(re.findall(NAME, value))
    if isinstance(value, dict):
        return names([*value, *value.values()])
    return {name for one in value for name in names(one)} if isinstance(value, list) else set()
