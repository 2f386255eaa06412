"""`manifest.auth`: types, sub_types and the JSON text in `payload`. No value of a payload is ever told.

Source: Coze Studio, crossdomain/plugin/model/plugin_manifest.go, `validateAuthInfo`.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from configvault.coze.decode import STRING, Struct, string
from configvault.validators import jsonread
from configvault.validators.violations import Violation, quote_value, violation
from configvault.validators.yamlnodes import Mapping, Node, is_null

_TOKEN = ("key", "service_token", "location")
_OAUTH = (
    "client_id",
    "client_secret",
    "client_url",
    "scope",
    "authorization_url",
    "authorization_content_type",
)
_SUB_TYPES = {"token/api_key": _TOKEN, "authorization_code": _OAUTH}
_TYPES = ("none", "service_http", "oauth")
# Fields that have no name of their own in YAML: yaml.v3 lower-cases the Go name. A map there replaces the payload.
_INSTEAD = {"token/api_key": "authofapitoken", "authorization_code": "authofoauthauthorizationcode"}
_SECRETS = {"token/api_key": ("service_token",), "authorization_code": ("client_id", "client_secret")}


def _struct(names: tuple[str, ...]) -> Struct:
    return Struct(dict.fromkeys((name.replace("_", "") for name in names), STRING))


SHAPE = Struct(
    {
        **dict.fromkeys(("type", "sub_type", "payload"), STRING),
        "authofapitoken": _struct(_TOKEN),
        "authofoauthauthorizationcode": _struct(_OAUTH),
        "authofoauthclientcredentials": _struct(("client_id", "client_secret", "token_url")),
    },
    frozenset(["key"]),
)


def type_of(manifest: Mapping) -> str | None:
    """Return `auth.type` as the service decodes it, None where there is none to be had."""
    auth = manifest.get("auth")
    return string(auth.get("type")) if type(auth) is Mapping else None


def check(manifest: Mapping, label: str) -> Iterator[Violation]:
    """Yield what keeps the service from taking the auth of a plugin."""
    auth = manifest.get("auth")
    if is_null(auth):
        message = f"{label}: manifest.auth is missing; the service panics"
        yield violation("auth-missing", manifest.key("auth"), message, "auth: {type: none}")
    if type(auth) is not Mapping:
        return
    kind, sub_type = string(auth.get("type")), string(auth.get("sub_type"))
    if kind is None or kind == "none":
        return
    if kind not in _TYPES:
        what = f"auth.type {quote_value(kind)} is unknown" if kind else "auth.type is missing"
        yield violation(
            "auth",
            auth.get("type") or auth,
            f"{label}: {what}; the plugin is dropped",
            f"one of {', '.join(_TYPES)}",
        )
        return
    if sub_type is not None and sub_type not in _SUB_TYPES:
        what = f"auth.sub_type {quote_value(sub_type)} is unknown" if sub_type else "auth.sub_type is missing"
        place = auth.get("sub_type") or auth
        yield violation(
            "auth", place, f"{label}: {what}; the plugin is dropped", f"one of {', '.join(_SUB_TYPES)}"
        )
    if sub_type is not None:
        yield from _payload(auth, sub_type, label)


def _payload(auth: Mapping, sub_type: str, label: str) -> Iterator[Violation]:
    node = auth.get("payload")
    text = string(node)
    replaced = not is_null(auth.get(_INSTEAD.get(sub_type, "")))
    if text is None or (not text and (replaced or sub_type not in _SUB_TYPES)):
        return
    place = node or auth
    try:
        payload = jsonread.parse(text, [])
    except (ValueError, RecursionError) as error:
        what = "missing or empty" if not text.strip() else f"not valid JSON{_where(error)}"
        hint = (
            "quote the whole text in '…' and its names and values in \"…\"; look at the end of what was pasted"
        )
        yield violation("auth-payload", place, f"{label}: auth.payload is {what}; the plugin is dropped", hint)
        return
    if replaced or sub_type not in _SUB_TYPES:
        return
    yield from _fields(payload, place, sub_type, label)


def _fields(payload: Any, place: Node, sub_type: str, label: str) -> Iterator[Violation]:
    names = _SUB_TYPES[sub_type]
    if payload is not None and not isinstance(payload, dict):
        message = f"{label}: auth.payload is {_json_kind(payload)}, not an object; the plugin is dropped"
        yield violation("auth-payload", place, message, f"an object with {', '.join(names)}")
        return
    values = {name.lower(): value for name, value in (payload or {}).items()}
    for name in names:
        value = values.get(name)
        if value is not None and not isinstance(value, str):
            message = (
                f"{label}: {name} in auth.payload is {_json_kind(value)}, not a text; the plugin is dropped"
            )
            yield violation("auth-payload", place, message, "put it in double quotes")
    empty = [name for name in _SECRETS[sub_type] if values.get(name) in (None, "")]
    if empty:
        message = f"{label}: {' and '.join(empty)} in auth.payload not filled in"
        yield violation("empty-token", place, message, "fill in what the plugin's provider gave you")


def _json_kind(value: object) -> str:
    kinds = {list: "a list", dict: "an object", str: "a text", bool: "true or false", float: "a number"}
    return kinds.get(type(value), "null")


def _where(error: Exception) -> str:
    return f" at its character {error.pos + 1}" if isinstance(error, json.JSONDecodeError) else ""
