"""Security schemes and their OAuth flows."""

from __future__ import annotations

from collections.abc import Iterator

from configvault.coze.openapi import gourl
from configvault.coze.openapi.document import place
from configvault.coze.openapi.references import References
from configvault.coze.openapi.values import text
from configvault.validators.violations import Violation, quote_value, violation
from configvault.validators.yamlnodes import Mapping, is_null

_DROPPED = "; the plugin is dropped"
_RULE = "security-scheme"
_HTTP = ("bearer", "basic", "negotiate", "digest")


def scheme(_: References, node: Mapping, where: str) -> Iterator[Violation]:
    """Check one security scheme."""
    kind, http = text(node.get("type")), text(node.get("scheme"))
    if kind not in ("apiKey", "http", "oauth2", "openIdConnect"):
        yield violation(
            _RULE,
            place(node, "type"),
            f"{where}: type {quote_value(kind)} is unknown{_DROPPED}",
            "apiKey, http, oauth2 or openIdConnect",
        )
        return
    if kind == "http" and http not in _HTTP:
        yield violation(
            _RULE,
            place(node, "scheme"),
            f"{where}: scheme {quote_value(http)} is unknown{_DROPPED}",
            f"one of {', '.join(_HTTP)}",
        )
    if kind == "openIdConnect" and not text(node.get("openIdConnectUrl")):
        yield violation(
            _RULE, place(node, "openIdConnectUrl"), f"{where}: openIdConnectUrl is missing{_DROPPED}", None
        )
    yield from _belongs(node, kind, http, where)


def _belongs(node: Mapping, kind: str, http: str, where: str) -> Iterator[Violation]:
    """Yield the keys that this type must have and has not, or has and must not."""
    if kind == "apiKey":
        if text(node.get("in")) not in ("query", "header", "cookie"):
            yield violation(
                _RULE, place(node, "in"), f"{where}: in must be query, header or cookie{_DROPPED}", None
            )
        if not text(node.get("name")):
            yield violation(_RULE, place(node, "name"), f"{where}: name is missing{_DROPPED}", None)
    wrong = {
        "in": kind != "apiKey",
        "name": kind != "apiKey",
        "bearerFormat": (kind, http) != ("http", "bearer"),
    }
    for key, unfit in wrong.items():
        if unfit and text(node.get(key)):
            yield violation(
                _RULE, place(node, key), f"{where}: {key} does not go with type {kind}{_DROPPED}", "remove it"
            )
    has_flows = not is_null(node.get("flows"))
    if has_flows != (kind == "oauth2"):
        what = "flows does not go with this type" if has_flows else "flows is missing"
        yield violation(_RULE, place(node, "flows"), f"{where}: {what}{_DROPPED}", None)


def flows(_: References, node: Mapping, where: str) -> Iterator[Violation]:
    """Check the OAuth flows of a scheme: which URLs each needs."""
    needs = {
        "implicit": {"authorizationUrl"},
        "password": {"tokenUrl"},
        "clientCredentials": {"tokenUrl"},
        "authorizationCode": {"authorizationUrl", "tokenUrl"},
    }
    for name, urls in needs.items():
        flow = node.get(name)
        if type(flow) is Mapping:
            yield from _flow(flow, urls, f"{where}.{name}")


def _flow(flow: Mapping, needed: set[str], where: str) -> Iterator[Violation]:
    for key in ("authorizationUrl", "tokenUrl", "refreshUrl"):
        url = text(flow.get(key))
        if key != "refreshUrl" and bool(url) != (key in needed):
            what = "does not belong here" if url else "is missing"
            yield violation(_RULE, place(flow, key), f"{where}: {key} {what}{_DROPPED}", None)
        elif url and gourl.host(url) is None:
            yield violation(_RULE, place(flow, key), f"{where}: {key} cannot be read{_DROPPED}", None)
    if is_null(flow.get("scopes")):
        yield violation(_RULE, flow.key("scopes"), f"{where}: scopes is missing{_DROPPED}", "scopes: {}")
