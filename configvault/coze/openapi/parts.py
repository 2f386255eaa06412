"""Parameters, headers, bodies, responses, media types, examples, links: what each must have."""

from __future__ import annotations

from collections.abc import Iterator

from configvault.coze.openapi import instance
from configvault.coze.openapi.document import place
from configvault.coze.openapi.references import References
from configvault.coze.openapi.values import items, mapping, members, text, true
from configvault.validators.violations import Violation, quote, quote_value, violation
from configvault.validators.yamlnodes import Mapping, Node, Scalar, is_null

_DROPPED = "; the plugin is dropped"
_STYLES = {
    "path": ("simple", "label", "matrix"),
    "query": ("form", "spaceDelimited", "pipeDelimited", "deepObject"),
    "header": ("simple",),
    "cookie": ("form",),
}


def operation(refs: References, node: Mapping, where: str) -> Iterator[Violation]:
    """Check what an operation must have, and that no parameter comes twice."""
    responses = node.get("responses")
    if mapping(responses) is None or not mapping(responses).entries:  # type: ignore[union-attr]
        message = f"{where}: responses is missing or empty{_DROPPED}"
        yield violation("response", place(node, "responses"), message, "describe at least response 200")
    seen: set[tuple[str, str]] = set()
    for item in items(node.get("parameters")):
        parameter = refs.follow(item, "parameter")
        if parameter is None:
            continue
        name = (text(parameter.get("in")), text(parameter.get("name")))
        if name in seen:
            message = f"{where}: parameter {quote(name[1])} in {quote(name[0])} comes twice{_DROPPED}"
            yield violation("parameter", item, message, "keep one of them")
        seen.add(name)


def parameter(refs: References, node: Mapping, where: str) -> Iterator[Violation]:
    """Check one parameter."""
    name, inside = text(node.get("name")), text(node.get("in"))
    label = f"{where}: parameter {quote(name)}" if name else where
    if not name:
        yield violation("parameter", place(node, "name"), f"{where}: a parameter without name{_DROPPED}", None)
    if inside not in _STYLES:
        what = f"in {quote_value(inside)} is no place" if inside else "in is missing"
        yield violation(
            "parameter", place(node, "in"), f"{label}: {what}{_DROPPED}", f"one of {', '.join(_STYLES)}"
        )
    elif inside == "path" and not true(node.get("required")):
        yield violation(
            "parameter",
            place(node, "required"),
            f"{label}: in the path it must be required{_DROPPED}",
            "required: true",
        )
    yield from _style(node, inside, label)
    yield from _schema_or_content(node, label, "parameter")
    schema = refs.follow(node.get("schema"), "schema")
    if schema is not None:
        yield from _examples(refs, node, schema, label)


def _style(node: Mapping, inside: str, label: str) -> Iterator[Violation]:
    style = text(node.get("style"))
    if not style or inside not in _STYLES:
        return
    explode = node.get("explode")
    explodes = true(explode) or (is_null(explode) and inside in ("query", "cookie"))
    if style not in _STYLES[inside] or (style == "deepObject" and not explodes):
        message = f"{label}: style {quote_value(style)} does not go with in: {inside}{_DROPPED}"
        yield violation("parameter", place(node, "style"), message, f"one of {', '.join(_STYLES[inside])}")


def _schema_or_content(node: Mapping, label: str, rule: str) -> Iterator[Violation]:
    has = [key for key in ("schema", "content") if not is_null(node.get(key))]
    if len(has) != 1:
        message = f"{label} must have a schema{' or content, not both' if has else ''}{_DROPPED}"
        yield violation(rule, node.key("content") if has else node, message, "schema: {type: string}")


def header(_: References, node: Mapping, where: str) -> Iterator[Violation]:
    """Check one response header."""
    for key in ("name", "in"):
        if text(node.get(key)):
            yield violation(
                "response",
                place(node, key),
                f"{where}: a header has no {key} of its own{_DROPPED}",
                "remove it",
            )
    style = text(node.get("style"))
    if style not in ("", "simple"):
        yield violation(
            "response", place(node, "style"), f"{where}: a header's style is simple{_DROPPED}", None
        )
    yield from _schema_or_content(node, where, "response")


def body(_: References, node: Mapping, where: str) -> Iterator[Violation]:
    """Check one request body."""
    content = mapping(node.get("content"))
    if content is None:
        message = f"{where}: content of the request body is missing{_DROPPED}"
        yield violation(
            "request-body",
            place(node, "content"),
            message,
            "content: {application/json: {schema: {type: object}}}",
        )


def response(_: References, node: Mapping, where: str) -> Iterator[Violation]:
    """Check one response."""
    if is_null(node.get("description")):
        message = f"{where}: a description is missing{_DROPPED}"
        yield violation("response", node.key("description"), message, 'description: "" is enough')


def media(refs: References, node: Mapping, where: str) -> Iterator[Violation]:
    """Check the examples of a media type against its schema."""
    schema = refs.follow(node.get("schema"), "schema")
    if schema is not None:
        yield from _examples(refs, node, schema, where)


def _examples(refs: References, node: Mapping, schema: Mapping, where: str) -> Iterator[Violation]:
    one, many = node.get("example"), node.get("examples")
    if not is_null(one) and not is_null(many):
        message = f"{where}: example and examples exclude each other{_DROPPED}"
        yield violation("example", node.key("examples"), message, "keep one of them")
        return
    if one is not None and not is_null(one):
        yield from instance.mismatch(refs, schema, one, "example", where)
    for name, key, value in members(many):
        target = refs.follow(value, "example")
        if target is not None:
            # A missing value is a null to the library, and so matches only what is nullable.
            inner = target.get("value") or Scalar("", "!!null", None, key.line, key.column, False)
            yield from instance.mismatch(refs, schema, inner, "example", f"{where}.{name}")
            yield from example(refs, target, f"{where}.{name}")


def example(_: References, node: Mapping, where: str) -> Iterator[Violation]:
    """Check one named example."""
    has = [not is_null(node.get("value")), bool(text(node.get("externalValue")))]
    if sum(has) != 1:
        what = "value and externalValue exclude each other" if all(has) else "value is missing"
        yield violation("example", node, f"{where}: {what}{_DROPPED}", None)


def link(_: References, node: Mapping, where: str) -> Iterator[Violation]:
    """Check one link."""
    has = [bool(text(node.get(key))) for key in ("operationId", "operationRef")]
    if sum(has) != 1:
        message = f"{where}: a link has either operationId or operationRef{_DROPPED}"
        yield violation("response", node, message, None)


def at(node: Node | None, otherwise: Node) -> Node:
    """Return `node` if there is one."""
    return otherwise if node is None else node
