"""Paths and operations: path variables, operation ids, what the service wants of each operation."""

from __future__ import annotations

from collections.abc import Iterator

from configvault.coze.openapi.document import place
from configvault.coze.openapi.kinds import METHODS
from configvault.coze.openapi.references import References
from configvault.coze.openapi.values import items, mapping, members, text
from configvault.validators.violations import Violation, quote, quote_reference, quote_value, violation
from configvault.validators.yamlnodes import Mapping, Node, is_null

_DROPPED = "; the plugin is dropped"


def path_items(refs: References, root: Mapping) -> Iterator[tuple[str, Node, Mapping]]:
    """Yield path, its key and the item it leads to."""
    for path, key, value in members(root.get("paths")):
        item = refs.follow(value, "path") if only_reference(value) else mapping(value)
        if item is not None:
            yield path, key, item


def only_reference(node: Node) -> bool:
    """Return whether a path item is a `$ref` and nothing that the library would read besides."""
    if type(node) is not Mapping or not text(node.get("$ref")):
        return False
    beside = ("summary", "description", "servers", "parameters", *METHODS)
    return all(is_null(node.get(key)) for key in beside)


def operations_of(item: Mapping) -> Iterator[tuple[str, Mapping]]:
    """Yield method and operation of a path item."""
    for method in METHODS:
        operation = item.get(method)
        if type(operation) is Mapping:
            yield method.upper(), operation


def paths(refs: References, root: Mapping, _: str) -> Iterator[Violation]:
    """Check all paths of a document."""
    seen: dict[str, str] = {}
    for path, key, value in sorted(members(root.get("paths")), key=lambda member: member[0].encode()):
        if not path.startswith("/"):
            yield violation(
                "path",
                key,
                f"path {quote_reference(path)} does not begin with /{_DROPPED}",
                f"write /{path[:60]}",
            )
            continue
        pattern, variables = template(path)
        if pattern in seen:
            message = f"path {quote_reference(path)} cannot be distinguished from {quote_reference(seen[pattern])}{_DROPPED}"
            yield violation("path", key, message, "keep one of them")
        seen[path] = path
        item = refs.follow(value, "path") if only_reference(value) else mapping(value)
        if item is not None:
            yield from _path_variables(refs, path, item, variables)
    yield from _unique_ids(refs, root)


def template(path: str) -> tuple[str, set[str]]:
    """Return a path with its variables emptied, and their names, as the library reads templates."""
    if "{" not in path:
        return path, set()
    pattern, variables, name, previous = "", set(), None, ""
    for index, char in enumerate(path):
        if name is not None:
            if char != "}":
                name += char
                continue
            variables.add(name)
            name = None
            if index and previous == "*":
                pattern += previous
        elif char == "{":
            name = ""
        pattern += char
        previous = char
    return pattern, variables


def _path_variables(refs: References, path: str, item: Mapping, variables: set[str]) -> Iterator[Violation]:
    common = _in_path(refs, item)
    for method, operation in operations_of(item):
        declared = _in_path(refs, operation) + common
        wrong = sorted(variables.symmetric_difference(declared))
        # The library compares the numbers first: as many others by another name pass.
        if len(declared) != len(variables) and wrong:
            message = f"{method} {path[:80]}: path parameters are not those of the path: {quote_reference(', '.join(wrong))}{_DROPPED}"
            hint = "declare each {variable} of the path once, in: path, required: true, and no other"
            yield violation("path", place(operation, "parameters"), message, hint)


def _in_path(refs: References, node: Mapping) -> list[str]:
    found = (refs.follow(item, "parameter") for item in items(node.get("parameters")))
    return [text(one.get("name")) for one in found if one is not None and text(one.get("in")) == "path"]


def _unique_ids(refs: References, root: Mapping) -> Iterator[Violation]:
    seen: dict[str, str] = {}
    for path, _, item in path_items(refs, root):
        for method, operation in operations_of(item):
            name, here = text(operation.get("operationId")), f"{method} {path[:80]}"
            first = seen.setdefault(name, here) if name else here
            if first != here:
                message = f"{here}: operationId {quote(name)} is already used by {first}{_DROPPED}"
                yield violation("operation", place(operation, "operationId"), message, "give it a unique one")


def coze(refs: References, root: Mapping, where: str) -> Iterator[Violation]:
    """Check every operation for what Coze wants beyond OpenAPI, whether a tool names it or not."""
    for path, _, item in path_items(refs, root):
        for method, operation in operations_of(item):
            where = f"{method} {path[:80]}"
            for key in ("operationId", "summary"):
                if not text(operation.get(key)):
                    yield violation(
                        "operation",
                        place(operation, key),
                        f"{where}: {key} is missing or empty{_DROPPED}",
                        f"give it a {key}",
                    )
            yield from _body(refs, operation, where)
            yield from _parameters(refs, operation, where)
            yield from _responses(refs, operation, where)


_BODY_TYPES = (
    "application/json", "application/problem+json", "application/x-www-form-urlencoded", "application/x-yaml",
    "application/yaml",
)  # fmt: skip


def _body(refs: References, operation: Mapping, where: str) -> Iterator[Violation]:
    body = refs.follow(operation.get("requestBody"), "body")
    content = mapping(body.get("content")) if body is not None else None
    if body is None or content is None:  # none is told by the rule for request bodies
        return
    if len(content.entries) != 1:
        message = f"{where}: requestBody must have exactly one media type{_DROPPED}"
        yield violation("request-body", place(body, "content"), message, "keep application/json")
        return
    name, (key, value) = next(iter(content.entries.items()))
    if name not in _BODY_TYPES:
        message = f"{where}: requestBody: media type {quote_value(name)} is not supported{_DROPPED}"
        yield violation("request-body", key, message, f"one of {', '.join(_BODY_TYPES)}")
    else:
        yield from _object_schema(refs, value, key, f"{where}: requestBody", "request-body")


def _object_schema(refs: References, media: Node, key: Node, where: str, rule: str) -> Iterator[Violation]:
    holder = mapping(media)
    schema = refs.follow(holder.get("schema"), "schema") if holder is not None else None
    if schema is None:
        yield violation(rule, key, f"{where} has no schema{_DROPPED}", "schema: {type: object}")
    elif text(schema.get("type")) != "object":
        message = f"{where}: its schema must be of type object{_DROPPED}"
        yield violation(rule, place(schema, "type"), message, "type: object")


def _parameters(refs: References, operation: Mapping, where: str) -> Iterator[Violation]:
    for node in items(operation.get("parameters")):
        parameter = refs.follow(node, "parameter")
        if parameter is None:
            continue
        name = f"{where}: parameter {quote(text(parameter.get('name')))}"
        schema = refs.follow(parameter.get("schema"), "schema")
        kind = text(schema.get("type")) if schema is not None else ""
        if schema is None and parameter.get("content") is not None:
            yield violation(
                "parameter",
                place(parameter, "content"),
                f"{name} has no schema{_DROPPED}",
                "schema: {type: string}",
            )
        elif schema is not None and not kind:
            yield violation(
                "parameter", place(schema, "type"), f"{name}: its type is missing{_DROPPED}", "type: string"
            )
        elif kind == "object" or (kind == "array" and text(parameter.get("in")) == "path"):
            assert schema is not None
            yield violation(
                "parameter", place(schema, "type"), f"{name} cannot be of type {kind}{_DROPPED}", "type: string"
            )


def _responses(refs: References, operation: Mapping, where: str) -> Iterator[Violation]:
    responses = mapping(operation.get("responses"))
    if responses is None or not responses.entries:  # told by the rule for responses
        return
    extra = [(name, key) for name, (key, _) in responses.entries.items() if name not in ("200", "default")]
    for name, key in extra:
        message = f"{where}: response {quote_value(name)}: only 200 and default are supported{_DROPPED}"
        yield violation("response", key, message, "describe it under default")
    if "200" not in responses.entries:
        if not extra:
            yield violation(
                "response", place(operation, "responses"), f"{where}: response 200 is missing{_DROPPED}", None
            )
        return
    response = refs.follow(responses.get("200"), "response")
    if response is not None:
        yield from _json_only(refs, response, responses.key("200"), f"{where}: response 200")


def _json_only(refs: References, response: Mapping, at: Node, where: str) -> Iterator[Violation]:
    content = mapping(response.get("content"))
    found = list(content.entries) if content is not None else []
    media = content.get("application/json") if content is not None else None
    if found != ["application/json"] or media is None or is_null(media):
        message = f"{where} must have application/json and no other media type{_DROPPED}"
        key = content.key(next((name for name in found if name != "application/json"), "")) if content else at
        yield violation("response", key, message, "content: {application/json: {schema: {type: object}}}")
        return
    assert content is not None
    yield from _object_schema(refs, media, content.key("application/json"), where, "response")
