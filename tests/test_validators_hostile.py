"""No content crashes the validator: bytes, trees and mutations of good files, and what was made to hurt."""

from __future__ import annotations

import socket
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from plugins import FERRIES_PATH, GOOD, META, META_PATH, OAUTH_PATH, TIDES, TIDES_PATH
from states import Content, rules, validate

MIB = 1024 * 1024
TEXTS = {META_PATH: META, TIDES_PATH: TIDES}

scalars = st.one_of(
    st.none(), st.booleans(), st.integers(-(2**65), 2**65), st.floats(), st.text(max_size=12),
    st.sampled_from(["object", "array", "string", "$ref", "#/", "#/components/schemas/Tides", "2024-01-01", "v1", "(a+)+$", "query"]),
)  # fmt: skip
keys = st.sampled_from(
    [
        "openapi",
        "info",
        "title",
        "description",
        "version",
        "servers",
        "url",
        "variables",
        "paths",
        "get",
        "post",
        "parameters",
        "name",
        "in",
        "schema",
        "type",
        "items",
        "properties",
        "required",
        "allOf",
        "oneOf",
        "not",
        "enum",
        "default",
        "example",
        "pattern",
        "format",
        "minimum",
        "multipleOf",
        "additionalProperties",
        "discriminator",
        "propertyName",
        "mapping",
        "responses",
        "200",
        "content",
        "application/json",
        "components",
        "schemas",
        "examples",
        "headers",
        "links",
        "callbacks",
        "securitySchemes",
        "flows",
        "$ref",
        "x-a",
        "/a",
        "plugin_id",
        "manifest",
        "auth",
        "payload",
        "tools",
        "tool_id",
        "common_params",
    ]
)
trees = st.recursive(
    scalars,
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(keys, inner, max_size=5)),
    max_leaves=25,
)


def calm(files: dict[str, Content]) -> None:
    """Validate the files; the validator itself must not fail."""
    verdict = validate(files)
    assert "validator-failed" not in rules(verdict), verdict.findings


@settings(max_examples=100)
@given(st.binary(max_size=300), st.sampled_from([META_PATH, TIDES_PATH, OAUTH_PATH, "a.toml"]))
def test_any_bytes(data: bytes, path: str) -> None:
    """Any bytes in any of the files end in a verdict."""
    calm({**GOOD, path: data})


@settings(max_examples=100)
@given(trees, st.sampled_from([META_PATH, TIDES_PATH]))
def test_any_tree(tree: Any, path: str) -> None:
    """Any YAML tree of the words that mean something ends in a verdict."""
    calm({**GOOD, path: yaml.safe_dump(tree, allow_unicode=True)})


@settings(max_examples=120)
@given(st.data())
def test_any_subtree(data: st.DataObject) -> None:
    """Any part of a good file replaced by any tree ends in a verdict."""
    path = data.draw(st.sampled_from(sorted(TEXTS)))
    root = yaml.safe_load(TEXTS[path])
    here = root
    for _ in range(data.draw(st.integers(0, 8))):
        choices = list(here) if isinstance(here, dict) else list(range(len(here)))
        if not choices:
            break
        name = data.draw(st.sampled_from(choices))
        if not isinstance(here[name], dict | list):
            here[name] = data.draw(trees)
            break
        here = here[name]
    else:
        if isinstance(here, dict):
            here[data.draw(keys)] = data.draw(trees)
    calm({**GOOD, path: yaml.safe_dump(root)})


@settings(max_examples=120)
@given(
    st.sampled_from(sorted(TEXTS)),
    st.integers(0, 4000),
    st.integers(0, 40),
    st.text("{}[]:,'\"#&*!|>%@`- \t\n\x00\u2028<=~ax1", max_size=6),
)
def test_any_edit(path: str, start: int, length: int, new: str) -> None:
    """Any slip of the hand in a good file ends in a verdict."""
    text = TEXTS[path]
    calm({**GOOD, path: text[:start] + new + text[start + length :]})


DOC = TIDES.split("paths:")[0]
HOSTILE = {
    "brackets": "[" * (10 * MIB),
    "braces": "{a: " * (2 * MIB),
    "dashes": "- " * (5 * MIB),
    "questions": "? " * (5 * MIB),
    "empty lists": "[" + "[]," * (3 * MIB) + "]",
    "keys": "".join(f"k{n}: 1\n" for n in range(700_000)),
    "one key often": "a: 1\n" * (2 * MIB),
    "anchors": "".join(f"- &a{n} x\n" for n in range(700_000)),
    "a long line": "a: " + "x" * (10 * MIB),
    "a long key": "x" * (10 * MIB) + ": 1",
    "colons": ":" * (10 * MIB),
    "quotes": "'" * (10 * MIB),
    "comment": "#" * (10 * MIB),
    "empty lines": "\n" * (10 * MIB),
    "controls": "\x01" * (10 * MIB),
    "document with many keys": DOC + "paths:\n" + "".join(f"  /p{n}: {{get: {{}}}}\n" for n in range(30_000)),
    "document with many unknown keys": TIDES + "".join(f"k{n}: 1\n" for n in range(60_000)),
    "aliases of aliases": "a0: &a0 [x]\n" + "".join(f"a{n}: &a{n} [*a{n - 1}, *a{n - 1}]\n" for n in range(1, 60)),
    "merges": "a0: &a0 {x: 1}\n" + "".join(f"a{n}: &a{n}\n  <<: [*a{n - 1}, *a{n - 1}]\n" for n in range(1, 60)),
    "schemas of schemas": TIDES + "".join(f"    S{n}: {{allOf: [{{$ref: '#/components/schemas/S{n + 1}'}}, {{$ref: '#/components/schemas/S{n + 1}'}}], default: 1}}\n" for n in range(90)) + "    S90: {type: string}\n",
    "a pattern that never ends": TIDES + f"    S: {{type: string, pattern: '(a*)*(a*)*(a|a)*$', default: {'a' * 5000}b}}\n",
    "a pattern that is large": TIDES + f"    S: {{type: string, pattern: '{'(a{1,900}){1,1}' * 100}', default: b}}\n",
    "a pattern of brackets": TIDES + f"    S: {{type: string, pattern: '{'(' * 9000}'}}\n",
}  # fmt: skip


@pytest.mark.parametrize("name", HOSTILE)
@pytest.mark.parametrize("path", [META_PATH, FERRIES_PATH])
def test_made_to_hurt(name: str, path: str) -> None:
    """What was made to overflow, multiply or never end ends in a verdict."""
    calm({**GOOD, path: HOSTILE[name]})


@pytest.mark.parametrize("path", [OAUTH_PATH, "a.toml"])
@pytest.mark.parametrize("name", ["brackets", "braces", "keys", "quotes", "a long line", "colons"])
def test_made_to_hurt_others(name: str, path: str) -> None:
    """The same for JSON and TOML."""
    calm({**GOOD, path: HOSTILE[name][: 4 * MIB]})


@pytest.mark.parametrize("target", ["http://127.0.0.1:9/x.yaml#/a", "file:///etc/hostname", "../common/oauth_schema.json", "//host/x"])  # fmt: skip
@pytest.mark.parametrize("where", ["paths", "x-note", "example"])
def test_nothing_is_opened(target: str, where: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A reference out of the document is never followed, in whatever place it stands."""
    touched: list[str] = []
    monkeypatch.setattr(socket, "getaddrinfo", lambda *args, **_: touched.append(str(args)))
    monkeypatch.setattr("urllib.request.urlopen", lambda *args, **_: touched.append(str(args)))
    text = {
        "paths": TIDES.replace("#/components/schemas/Tides", target),
        "x-note": TIDES + f"x-note: {{$ref: '{target}'}}\n",
        "example": TIDES.replace("example: 0.5", f"example: {{$ref: '{target}'}}").replace(
            "type: number", "{}"[:0] + "type: object"
        ),
    }[where]
    verdict = validate({**GOOD, TIDES_PATH: text})
    assert touched == []
    assert verdict.accepted == (where != "paths")
