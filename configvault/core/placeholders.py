"""`{name}` in a request: a value that an earlier answer gave stands there."""

from __future__ import annotations

import re

NAME = r"\{([A-Za-z_][A-Za-z0-9_]*)\}"


def names(value: object) -> set[str]:
    """Return the names for which a `{name}` stands in a text, or in any text of a structure."""
    if isinstance(value, str):
        return set(re.findall(NAME, value))
    if isinstance(value, dict):
        return names([*value, *value.values()])
    return {name for one in value for name in names(one)} if isinstance(value, list) else set()
