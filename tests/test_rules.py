"""Each rule of the profile coze is broken once, and says so once, where it was broken."""

from __future__ import annotations

from pathlib import Path

import pytest
from plugins import (
    FERRIES_PATH,
    GOOD,
    META,
    META_PATH,
    OAUTH_PATH,
    TIDES,
    TIDES_PATH,
    swap,
    with_meta,
    with_tides,
)
from states import Link, only, validate

from configvault.core.model import Severity
from configvault.validators import RULES

ROOT = Path(__file__).parent.parent
PORT = "          schema:\n            type: string\n"
DAYS = "            type: integer\n            default: 3\n            maximum: 14\n"
PAYLOAD = """'{"key": "Authorization", "service_token": "harbour-master", "location": "Header"}'"""


def without(*paths: str) -> dict[str, str]:
    """Return the good directory without these files."""
    return {path: text for path, text in GOOD.items() if path not in paths}


def days(schema: str) -> dict[str, str]:
    """Return the good directory with another schema for the parameter `days`."""
    return with_tides(DAYS, "".join(f"            {line}\n" for line in schema.split("\n")))


def components(text: str) -> dict[str, str]:
    """Return the good directory with one component more."""
    return with_tides("components:\n", f"components:\n  {text}\n")


BROKEN: list[tuple[str, str, dict[str, str]]] = [
    # rule, the file it is told of, the directory
    ("file-missing", META_PATH, without(META_PATH, TIDES_PATH, FERRIES_PATH)),
    ("file-missing", OAUTH_PATH, without(OAUTH_PATH)),
    ("file-missing", OAUTH_PATH, {**without(OAUTH_PATH), OAUTH_PATH + "/": ""}),
    ("link", FERRIES_PATH, {**GOOD, FERRIES_PATH: Link("/etc/hostname")}),
    ("encoding", META_PATH, {**GOOD, META_PATH: META.encode("utf-16")}),  # type: ignore[dict-item]
    ("encoding", META_PATH, {**GOOD, META_PATH: "\ufeff\ufeff" + META}),
    ("byte-order-mark", META_PATH, {**GOOD, META_PATH: "\ufeff" + META}),
    ("trailing-document", META_PATH, {**GOOD, META_PATH: META + "---\nmore: 1\n"}),
    ("yaml-syntax", META_PATH, {**GOOD, META_PATH: META + "---\n@\n"}),
    ("yaml-syntax", META_PATH, {**GOOD, META_PATH: "%YAML 1.2\n---\n" + META}),
    ("yaml-alias", META_PATH, with_meta("version: v1.2.0", "<<: null")),
    ("meta-empty", META_PATH, {**GOOD, META_PATH: "# nothing yet\n"}),
    ("meta-type", META_PATH, {**GOOD, META_PATH: "plugins: []\n"}),
    ("meta-type", META_PATH, with_meta("plugin_id: 501", "plugin_id: '501'")),
    ("meta-type", META_PATH, with_meta("deprecated: false", "deprecated: 0")),
    ("meta-type", META_PATH, with_meta("version: v1.2.0", "version: [v1.2.0]")),
    ("meta-type", META_PATH, with_meta("      body: []\n", "      body: {name: a}\n")),
    ("duplicate-key", META_PATH, with_meta("  version: v1.2.0\n", "  version: v1.2.0\n  version: v1.2.0\n")),
    ("null-entry", META_PATH, {**GOOD, META_PATH: "-\n" + META}),
    ("null-entry", META_PATH, with_meta("  tools:\n", "  tools:\n    -\n")),
    ("manifest-missing", META_PATH, {**GOOD, META_PATH: META[: META.index("  manifest")] + META[META.index("  tools") :]}),
    ("auth-missing", META_PATH, with_meta("    auth:\n      type: none\n", "    auth:\n")),
    ("plugin-version", META_PATH, with_meta("v1.2.0", "v01.2.0")),
    ("plugin-id", META_PATH, with_meta("plugin_id: 501\n", "plugin_id: -1\n")),
    ("plugin-type", META_PATH, with_meta("plugin_type: 1", "plugin_type: 2")),
    ("duplicate-plugin-id", META_PATH, with_meta("plugin_id: 502", "plugin_id: 501")),
    ("duplicate-plugin-id", META_PATH, with_meta("plugin_id: 502", "plugin_id: 501001")),
    ("duplicate-tool-id", META_PATH, with_meta("tool_id: 502001", "tool_id: 501001")),
    ("tool-id", META_PATH, with_meta("tool_id: 501001", "tool_id: 0")),
    ("manifest", META_PATH, with_meta("schema_version: v1", "schema_version: v2")),
    ("manifest", META_PATH, with_meta("name_for_human: Tide tables", "name_for_human: ''")),
    ("manifest", META_PATH, with_meta("      type: openapi", "      type: grpc")),
    ("auth", META_PATH, with_meta("type: none", "type: basic")),
    ("auth", META_PATH, with_meta("sub_type: token/api_key", "sub_type: client_credentials")),
    ("auth-payload", META_PATH, with_meta(PAYLOAD, "''")),
    ("auth-payload", META_PATH, with_meta(PAYLOAD, "'[]'")),
    ("auth-payload", META_PATH, with_meta('"harbour-master"', "5")),
    ("auth-payload", META_PATH, with_meta('"service_token": "harbour-master"', '"Service_Token": {}')),
    ("empty-token", META_PATH, with_meta("harbour-master", "")),
    ("common-params", META_PATH, with_meta("common_params: {}", "common_params: {cookie: []}")),
    ("no-tools", META_PATH, {**GOOD, META_PATH: META[: META.rindex("  tools:")]}),
    ("tools-deprecated", META_PATH, with_meta("502001\n      deprecated: false", "502001\n      deprecated: true")),
    ("tool-not-in-document", META_PATH, with_meta("method: post", "method: put")),
    ("tool-not-in-document", META_PATH, with_meta("sub_url: /ferries", "sub_url: /ferries/")),
    ("document-missing", META_PATH, without(FERRIES_PATH)),
    ("document-missing", META_PATH, {**without(FERRIES_PATH), FERRIES_PATH + "/": ""}),
    ("document-missing", META_PATH, {**with_meta("  openapi_doc_file: ferries.yaml\n", ""), "pluginproduct/ferries.yaml": GOOD[FERRIES_PATH]}),
    ("document-outside", META_PATH, {**with_meta("doc_file: ferries.yaml", "doc_file: ../ferries.yaml"), "ferries.yaml": GOOD[FERRIES_PATH]}),
    ("product-id", META_PATH, with_meta("  product_id: 900501\n", "")),
    ("unknown-key", META_PATH, with_meta("  version: v1.2.0\n", "  version: v1.2.0\n  verison: v2\n")),
    ("deprecated-without-document", META_PATH, {**without(FERRIES_PATH), META_PATH: META[::-1].replace("deprecated: false\n  version: v0"[::-1], "deprecated: true\n  version: v0"[::-1])[::-1]}),
    ("unreferenced-file", "pluginproduct/old.yaml", {**GOOD, "pluginproduct/old.yaml": GOOD[FERRIES_PATH]}),
    ("unreferenced-broken", "pluginproduct/old.yaml", {**GOOD, "pluginproduct/old.yaml": swap(TIDES, "openapi: 3.0.1", "openapi: 3.0")}),
    ("json-syntax", OAUTH_PATH, {**GOOD, OAUTH_PATH: "[] // all\n"}),
    ("repeated-key", OAUTH_PATH, {**GOOD, OAUTH_PATH: '{"a": 1, "a": 2}'}),
    ("document-empty", TIDES_PATH, {**GOOD, TIDES_PATH: "# to do\n"}),
    ("document-type", TIDES_PATH, {**GOOD, TIDES_PATH: "- a\n"}),
    ("document-type", TIDES_PATH, with_tides("title: Tides", "title: 360")),
    ("document-type", TIDES_PATH, with_tides("required: true", "required: yes")),
    ("document-type", TIDES_PATH, with_tides("  - url: https://tides.example.org/api", "  -")),
    ("document-type", TIDES_PATH, with_tides("openapi: 3.0.1\n", "openapi: 3.0.1\nx-level: .inf\n")),
    ("document-type", TIDES_PATH, with_tides("openapi: 3.0.1\n", "openapi: 3.0.1\nx-level: {~: 1}\n")),
    ("duplicate-key", TIDES_PATH, with_tides("openapi: 3.0.1\n", "openapi: 3.0.1\nopenapi: 3.0.1\n")),
    ("document", TIDES_PATH, with_tides("  description: When the water is high\n", "")),
    ("document-key", TIDES_PATH, with_tides("      operationId: tides\n", "      operationId: tides\n      sumary: x\n")),
    ("openapi-version", TIDES_PATH, with_tides("openapi: 3.0.1", "openapi: 3.1.0")),
    ("openapi-version", TIDES_PATH, with_tides("openapi: 3.0.1", "swagger: '2.0'")),
    ("reference", TIDES_PATH, with_tides("#/components/schemas/Tides", "#/components/schemas/Gone")),
    ("reference", TIDES_PATH, with_tides("#/components/schemas/Tides", "file:///etc/hostname")),
    ("reference", TIDES_PATH, with_tides("#/components/schemas/Tides", "#/")),
    ("reference", TIDES_PATH, with_tides("#/components/schemas/Tides", "#/info")),
    ("reference", TIDES_PATH, components("responses: {A: {$ref: '#/components/responses/A'}}")),
    ("reference", TIDES_PATH, components("links: {A: {$ref: '#/components/links/A'}}")),
    ("reference-sibling", TIDES_PATH, with_tides("                $ref: '#", "                description: x\n                $ref: '#")),
    ("component-name", TIDES_PATH, components("headers: {'a b': {schema: {type: string}}}")),
    ("server", TIDES_PATH, with_tides("  - url: https://tides.example.org/api", "  - url: /api")),
    ("server", TIDES_PATH, with_tides("servers:\n", "servers:\n  - url: https://two.example.org\n")),
    ("server", TIDES_PATH, with_tides("org/api", "org/{v}")),
    ("http-server", TIDES_PATH, with_tides("https://tides", "http://tides")),
    ("path", TIDES_PATH, with_tides("  /alarms:", "  alarms:")),
    ("path", TIDES_PATH, with_tides("        - name: port\n          in: path\n          required: true\n" + PORT, "")),
    ("operation", TIDES_PATH, with_tides("      operationId: alarm\n", "")),
    ("operation", TIDES_PATH, with_tides("operationId: alarm", "operationId: tides")),
    ("operation", TIDES_PATH, with_tides("summary: Wake me at high water", "summary: ''")),
    ("parameter", TIDES_PATH, with_tides("in: query", "in: body")),
    ("parameter", TIDES_PATH, with_tides("          required: true\n", "")),
    ("parameter", TIDES_PATH, with_tides("in: query", "in: query\n          style: matrix")),
    ("parameter", TIDES_PATH, days("type: object")),
    ("parameter", TIDES_PATH, days("description: x")),
    ("parameter", TIDES_PATH, with_tides("        - name: days\n", "        - {name: days, in: query, schema: {type: string}}\n        - name: days\n")),
    ("request-body", TIDES_PATH, with_tides("          application/json:\n            schema:\n              type: object\n", "          text/csv:\n            schema:\n              type: object\n")),
    ("request-body", TIDES_PATH, with_tides("              type: object\n              required", "              type: string\n              required")),
    ("response", TIDES_PATH, with_tides("          description: The tides\n", "")),
    ("response", TIDES_PATH, with_tides("        default:\n", '        "404":\n')),
    ("response", TIDES_PATH, with_tides("              schema:\n                type: object\n", "              schema:\n                type: string\n")),
    ("schema", TIDES_PATH, days("type: strng")),
    ("schema", TIDES_PATH, days("type: array")),
    ("pattern", TIDES_PATH, with_tides("^[a-z]+$", "^(?!x)[a-z]+$")),
    ("default", TIDES_PATH, with_tides("default: 3", "default: 30")),
    ("default", TIDES_PATH, with_tides("default: 3", "default: three")),
    ("default", TIDES_PATH, days("type: string\nformat: date\ndefault: 2024-01-01")),
    ("default", TIDES_PATH, days("type: string\nenum: [a, b]\ndefault: c")),
    ("default", TIDES_PATH, with_tides("  schemas:\n", "  schemas:\n    A: {allOf: [{$ref: '#/components/schemas/A'}], default: 1}\n")),
    ("example", TIDES_PATH, with_tides("example: 0.5", "example: half")),
    ("security-scheme", TIDES_PATH, components("securitySchemes: {a: {type: apiKey, in: body, name: k}}")),
    ("security-scheme", TIDES_PATH, components("securitySchemes: {a: {type: oauth2, flows: {implicit: {authorizationUrl: u}}}}")),
    ("openapi-spec", TIDES_PATH, days("type: string\nxml: {colour: red}")),
]  # fmt: skip

TAKEN: list[tuple[str, dict[str, str]]] = [
    ("words are texts", with_tides("summary: Wake me at high water", "summary: yes")),
    ("a date is a text", with_tides("version: v1", "version: 2024-01-01")),
    ("a code without quotes", with_tides('"200":', "200:")),
    ("siblings inside a schema", with_tides("          items:\n            type: string\n", "          items:\n            $ref: '#/components/schemas/Tides'\n            foo: 1\n")),
    ("a date as example", days("type: string\nformat: date\nexample: 2024-01-01")),
    ("nullable", days("type: string\nnullable: true\nexample: null")),
    ("an empty path item", with_tides("paths:\n", "paths:\n  /later:\n")),
    ("octal and hexadecimal ids", with_meta("plugin_id: 501", "plugin_id: 0x1F5")),
    ("yes is true for the list", with_meta("501001\n      deprecated: false", "501001\n      deprecated: no")),
    ("a later tool's id", with_meta("plugin_id: 501\n", "plugin_id: 502001\n")),
    ("a method in capitals", with_meta("method: get", "method: GET")),
    ("a document below", {**with_meta("ferries.yaml", "./more/ferries.yaml"), "pluginproduct/more/ferries.yaml": GOOD[FERRIES_PATH]}),
    ("JSON in a YAML file, a key twice", {**GOOD, OAUTH_PATH: "5"}),
    ("operation servers and callbacks are not looked at", with_tides("      operationId: tides\n", "      operationId: tides\n      servers: [{foo: 1}]\n      callbacks: {a: {b: {post: {}}}}\n")),
]  # fmt: skip


@pytest.mark.parametrize(("rule", "path", "files"), BROKEN, ids=lambda v: v if isinstance(v, str) else "")
def test_rule(rule: str, path: str, files: dict[str, str]) -> None:
    """One thing broken is one finding, of that rule and of that file."""
    verdict = validate(files)
    found = [
        finding for finding in verdict.findings if finding.rule != "unreferenced-file" or rule == finding.rule
    ]
    assert [(finding.rule, finding.path) for finding in found] == [(rule, path)], verdict.findings
    assert found[0].severity is RULES[rule].severity
    assert found[0].line is not None or rule in (
        "file-missing",
        "link",
        "unreferenced-file",
        "document-empty",
        "meta-empty",
    )


@pytest.mark.parametrize(("what", "files"), TAKEN, ids=lambda v: v if isinstance(v, str) else "")
def test_taken(what: str, files: dict[str, str]) -> None:
    """What looks odd and the service takes is accepted."""
    assert validate(files).errors == (), what


def test_every_rule_is_broken_somewhere() -> None:
    """No rule is without a test; those of every profile have theirs beside the validator's."""
    elsewhere = Path(__file__).with_name("test_validators.py").read_text()
    assert {rule for rule in RULES if f'"{rule}"' not in elsewhere} <= {rule for rule, _, _ in BROKEN}


def test_rules_are_documented() -> None:
    """The table in docs/rules.md says of every rule what RULES says, in the same order."""
    lines = (ROOT / "docs" / "rules.md").read_text().splitlines()
    told = [line for line in lines if line.startswith("| `")]
    assert told == [
        f"| `{r.name}` | {r.severity} | {', '.join(r.profiles)} | {r.protects_from} |" for r in RULES.values()
    ]


def test_a_document_in_json_may_repeat_a_key() -> None:
    """The service reads JSON first, and its JSON reader takes the last of two: a warning."""
    text = (
        '{"openapi":"3.0.1","openapi":"3.0.1","info":{"title":"a","description":"b","version":"v1"},'
        '"servers":[{"url":"https://h"}],"paths":{"/ferries":{"get":{"operationId":"a","summary":"b","responses":'
        '{"200":{"description":"","content":{"application/json":{"schema":{"type":"object"}}}}}}}}}'
    )
    found = only(validate({**GOOD, FERRIES_PATH: text}), "repeated-key")
    assert found.severity is Severity.WARNING
