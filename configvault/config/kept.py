"""Settings as they were once read, so that a short command loads neither the YAML reader nor the binder.

They are as good as the text they came from: taken only where the file holds the same text, by its hash. What a `${…}` reference
or a rule of another package could change is not kept, and no secret is written down a second time.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from typing import Any

import configvault
from configvault.core import settings as settings_of
from configvault.core.frozen import fields
from configvault.core.settings import Settings

try:
    # `hashlib` gives the same, and loads OpenSSL, which takes as long as all of this.
    from _blake2 import blake2b
except ImportError:
    from hashlib import blake2b

# A vault that cannot be named without reading YAML is not looked for.
_VAULT = "vault:"


def vault(text: str) -> str | None:
    """Return the vault that a configuration names on a plain line of its own, None where it cannot be told so simply."""
    for line in text.splitlines():
        if line.startswith(_VAULT):
            path = line.removeprefix(_VAULT).strip().strip("'\"")
            return path if path.startswith("/") and not set(path) & set("#'\"$\\") else None
    return None


def encode(text: str, settings: Settings) -> bytes | None:
    """Return what keeps `settings`, which `text` says; None where they must be read anew each time."""
    if "${" in text or settings.validate.rules or settings.validate.rules_by_path:
        return None
    try:
        return json.dumps([_maker(text), _plain(settings)]).encode()
    except ValueError:
        return None


def decode(text: str, body: bytes) -> Settings | None:
    """Return the settings that `body` keeps, None where they are of another text or of another version."""
    try:
        maker, plain = json.loads(body)
        made = _value(plain) if maker == _maker(text) else None
    except (ValueError, TypeError, AttributeError):
        return None
    return made if isinstance(made, Settings) else None


def _maker(text: str) -> list[str]:
    """Return what decides what is read: the text and this version, also where somebody is working on it."""
    digest = blake2b(text.encode("utf-8", "surrogatepass"), digest_size=32).hexdigest()
    return [digest, configvault.__version__, str(os.stat(settings_of.__file__).st_mtime_ns)]


def _plain(value: Any) -> Any:
    """Return a value as JSON can say it: a value of ours or a sequence is a list with its kind in front.

    Raises:
        ValueError: it holds a secret.
    """
    from configvault.config import mask

    described = fields(type(value))
    if described is not None:
        held = {name: getattr(value, name) for name in described}
        for name, one in described.items():
            allowed = one.metadata.get("allowed", settings_of.Allowed())
            is_shown = not allowed.secret and (
                mask.shown(held[name], allowed) == held[name]
                if isinstance(held[name], str)
                else allowed.form != "argv" or mask.words(held[name]) == list(held[name])
            )
            if held[name] and not is_shown:
                raise ValueError(f"{name} may hold a secret")
        return ["value", type(value).__name__, {name: _plain(one) for name, one in held.items()}]
    if isinstance(value, tuple | list):
        return ["tuple" if isinstance(value, tuple) else "list", *(_plain(one) for one in value)]
    if isinstance(value, Mapping):
        return ["mapping", {name: _plain(one) for name, one in value.items()}]
    return value


def _value(plain: Any) -> Any:
    if not isinstance(plain, list):
        return plain
    kind, *rest = plain
    if kind == "value":
        name, held = rest
        made = getattr(settings_of, name)
        if set(held) != set(fields(made) or ()):
            raise ValueError(f"{name} has other fields now")
        return made(**{field: _value(one) for field, one in held.items()})
    if kind == "mapping":
        return {name: _value(one) for name, one in rest[0].items()}
    return (tuple if kind == "tuple" else list)(_value(one) for one in rest)
