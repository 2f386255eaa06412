"""What must be said of a document as a whole: version, info, servers, tags, names of components."""

from __future__ import annotations

import re
from collections.abc import Iterator

from configvault.coze.openapi import gourl
from configvault.coze.openapi.references import References
from configvault.coze.openapi.values import items, mapping, members, text
from configvault.validators.violations import Violation, quote, quote_reference, quote_value, violation
from configvault.validators.yamlnodes import Mapping, Node, is_null

_DROPPED = "; the plugin is dropped"
_VERSION = re.compile(r"3\.0\.[0-9]+(?:-.+)?")
_IDENTIFIER = re.compile(r"[a-zA-Z0-9._-]+")
_COMPONENTS = [
    "schemas",
    "parameters",
    "requestBodies",
    "responses",
    "headers",
    "securitySchemes",
    "examples",
    "links",
    "callbacks",
]
_LONGEST_URL = 512


def place(node: Mapping, key: str) -> Node:
    """Return the value of `key`, or the place where it should be."""
    value = node.get(key)
    return node.key(key) if value is None or is_null(value) else value


def root(_: References, node: Mapping, __: str) -> Iterator[Violation]:
    """Check the top of a document."""
    version = text(node.get("openapi"))
    if not version:
        what = "a Swagger 2.0 document has no" if "swagger" in node.entries else "the document has no"
        at = node.key("swagger") if "swagger" in node.entries else place(node, "openapi")
        yield violation("openapi-version", at, f"{what} openapi version{_DROPPED}", "openapi: 3.0.1")
    elif not _VERSION.fullmatch(version):
        message = f"openapi {quote_value(version)} is not 3.0.x, the version that the service supports"
        yield violation("openapi-version", place(node, "openapi"), message, "openapi: 3.0.1")
    for key in ("info", "paths"):
        if mapping(node.get(key)) is None:
            yield violation("document", place(node, key), f"{key} is missing{_DROPPED}", f"restore {key}")
    yield from _servers(node)


def _servers(node: Mapping) -> Iterator[Violation]:
    servers = items(node.get("servers"))
    if len(servers) != 1:
        found = "no server" if not servers else f"{len(servers)} servers"
        message = f"servers: the service needs exactly one, there is {found}{_DROPPED}"
        yield violation("server", servers[1] if servers else place(node, "servers"), message, "keep one")
    elif type(servers[0]) is Mapping:
        yield from _url(servers[0])


def _url(server: Mapping) -> Iterator[Violation]:
    url, at = text(server.get("url")), place(server, "url")
    seen = gourl.host(url) if url else None
    if url and not seen:
        message = f"server url {quote_reference(url)} has no host that can be read{_DROPPED}"
        yield violation("server", at, message, "https://host/path")
    elif url and len(url.encode()) > _LONGEST_URL:
        yield violation("server", at, f"server url is longer than {_LONGEST_URL} bytes{_DROPPED}", "shorten it")
    elif url.lower().startswith("http:"):
        message = f"server url {quote_reference(url)}: tokens go over the network in plain text"
        yield violation("http-server", at, message, "use https:// if the server has it")


def info(_: References, node: Mapping, __: str) -> Iterator[Violation]:
    """Check the title page."""
    for key in ("title", "version", "description"):
        if not text(node.get(key)):
            yield violation(
                "document", place(node, key), f"info.{key} is missing or empty{_DROPPED}", f"give it a {key}"
            )


def license_(_: References, node: Mapping, __: str) -> Iterator[Violation]:
    """Check a licence."""
    if not text(node.get("name")):
        yield violation("document", place(node, "name"), f"info.license has no name{_DROPPED}", None)


_VARIABLE = re.compile(r"\{([^{}]*)\}")


def docs(_: References, node: Mapping, where: str) -> Iterator[Violation]:
    """Check a pointer to other documentation."""
    url = text(node.get("url"))
    if not url or gourl.host(url) is None:
        what = f"url {quote_reference(url)} cannot be read" if url else "url is missing"
        yield violation("document", place(node, "url"), f"{where}: {what}{_DROPPED}", None)


def server(_: References, node: Mapping, where: str) -> Iterator[Violation]:
    """Check a server's URL template against its variables."""
    url, variables = text(node.get("url")), dict(mapping_names(node.get("variables")))
    at = place(node, "url")
    if not url:
        yield violation("server", at, f"{where}: url is missing or empty{_DROPPED}", "url: https://host/path")
    elif url.count("{") != url.count("}"):
        yield violation("server", at, f"{where}: url has a {{ without }}{_DROPPED}", None)
    elif url.count("{") != len(variables) or not set(variables) <= set(_VARIABLE.findall(url)):
        message = f"{where}: the variables of the url are not those declared, each once{_DROPPED}"
        yield violation("server", at, message, "name each {variable} of the url under variables, and no other")


def mapping_names(node: Node | None) -> Iterator[tuple[str, Node]]:
    """Yield names and values of a mapping."""
    for name, _, value in members(node):
        yield name, value


def variable(_: References, node: Mapping, where: str) -> Iterator[Violation]:
    """Check a server variable."""
    if not text(node.get("default")):
        yield violation(
            "server", place(node, "default"), f"{where}: default is missing or empty{_DROPPED}", None
        )


def components(_: References, node: Mapping, where: str) -> Iterator[Violation]:
    """Check the names of components."""
    for key in _COMPONENTS:
        for name, at, __ in members(node.get(key)):
            if not _IDENTIFIER.fullmatch(name):
                message = f"{where}.{key}: {quote(name)} is no name{_DROPPED}"
                yield violation("component-name", at, message, "letters, digits, . _ -")
