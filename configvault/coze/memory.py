"""What the passes over Coze's files found, as JSON."""

from __future__ import annotations

from typing import Any

from configvault.coze.documents import Document
from configvault.coze.meta import Meta, Plugin, Tool
from configvault.validators.memory import VIOLATIONS, Codec, violations
from configvault.validators.yamlread import At


def _document(found: Document) -> list[Any]:
    operations = None if found.operations is None else sorted(found.operations)
    return [VIOLATIONS.encode(found.violations), operations, found.is_openapi]


def _to_document(row: list[Any]) -> Document:
    found, operations, is_openapi = row
    there = None if operations is None else frozenset((method, path) for method, path in operations)
    return Document(violations(found), there, is_openapi)


def _meta(found: Meta) -> list[Any]:
    return [
        VIOLATIONS.encode(found.violations),
        None if found.plugins is None else [_plugin(one) for one in found.plugins],
    ]


def _plugin(one: Plugin) -> list[Any]:
    tools = [[tool.id, tool.id_at, tool.method, tool.url, tool.at] for tool in one.tools]
    return [one.id, one.id_at, one.name, one.at, one.deprecated, one.document, one.document_at, tools]


def _to_meta(row: list[Any]) -> Meta:
    found, plugins = row
    return Meta(violations(found), None if plugins is None else tuple(map(_to_plugin, plugins)))


def _to_plugin(row: list[Any]) -> Plugin:
    number, id_at, name, at, deprecated, document, document_at, tools = row
    made = tuple(Tool(id_, At(*id_at), method, url, At(*at)) for id_, id_at, method, url, at in tools)
    return Plugin(number, At(*id_at), name, At(*at), deprecated, document, At(*document_at), made)


CODECS = {"document": Codec(_document, _to_document), "meta": Codec(_meta, _to_meta)}
