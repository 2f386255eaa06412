"""One OpenAPI document: what is wrong with it, and which operations it has for tools to name."""

from __future__ import annotations

from configvault.core.frozen import field, mutable
from configvault.coze.openapi import validate as openapi
from configvault.coze.openapi.spec import Strict
from configvault.validators.jsonread import is_json
from configvault.validators.syntax import marked, repeated, trailing
from configvault.validators.text import decode
from configvault.validators.violations import Violation, first, violation
from configvault.validators.yamlnodes import Mapping, describe, is_null
from configvault.validators.yamlread import read


@mutable
class Document:
    """What a pass over one document found; `operations` is None where it cannot be read."""

    violations: list[Violation] = field(default_factory=list)
    operations: frozenset[tuple[str, str]] | None = None
    is_openapi: bool = False


def validate(strict: Strict, data: bytes) -> Document:
    """Return what is to be said of `data` as an OpenAPI document; `strict` compares it with the official schema."""
    text = decode(data)
    if text.text is None or text.violations:
        return Document(text.violations)
    reading = read(text.text)
    document = Document([*marked(text), *reading.violations, *trailing(reading)])
    root = reading.root
    if reading.broken:
        return document
    if root is None or is_null(root):
        message = "the document is empty; the plugin is dropped"
        document.violations.append(violation("document-empty", root, message, "restore the file"))
    elif type(root) is not Mapping:
        message = f"an OpenAPI document must be a mapping, not {describe(root)}; the plugin is dropped"
        document.violations.append(violation("document-type", root, message, "restore the file"))
    else:
        _openapi(root, text.text, document, strict)
    return document


def _openapi(root: Mapping, text: str, document: Document, strict: Strict) -> None:
    document.is_openapi = "openapi" in root.entries or "paths" in root.entries
    twice = first(repeated(root))
    # The service tries JSON first, and its JSON reader takes the last of two; its YAML reader refuses both.
    if twice and not is_json(text):
        document.violations += [one._replace(rule="duplicate-key") for one in twice]
        return
    violations, document.operations = openapi.validate(root, strict)
    document.violations += [*twice, *violations]
