"""Facts on plugin_meta.yaml: the list, its entries, their manifests, credentials and tools; and on oauth_schema.json."""

from __future__ import annotations

import json

import yaml
from edits import both, by, cut, folder, gone, put, sub
from plugins import (
    FERRIES,
)
from plugins import (
    FERRIES_PATH as FERRIES_DOC,
)
from plugins import (
    META_PATH as META,
)
from plugins import (
    OAUTH_PATH as OAUTH,
)

from loader import (
    MAYBE_MEANT,
    MEANT,
    NO_ID,
    UPWARD,
    UTF8,
    Fact,
    dies,
    drops,
    loads,
    loses,
    milder,
    one,
    skips,
    stricter,
    swap,
    warned,
)

SECOND = "- plugin_id: 502\n"
TOKEN = (
    """      payload: '{"key": "Authorization", "service_token": "harbour-master", "location": "Header"}'\n"""
)
FERRY_TOOL = "    - tool_id: 502001\n      deprecated: false\n      method: get\n      sub_url: /ferries\n"
FERRY_AUTH = "      type: service_http\n      key: Authorization\n      sub_type: token/api_key\n" + TOKEN


def as_json(text: bytes) -> bytes:
    """Return the list in JSON, which is one line."""
    return json.dumps(yaml.safe_load(text)).encode()


def payload(text: str) -> str:
    """Return the line that holds the credentials of the ferries."""
    return f"      payload: {text}\n"


def after_second(text: str) -> str:
    """Return the start of the second entry with lines added."""
    return SECOND + text


def ferry_tools(text: str) -> str:
    """Return another value for the tools of the ferries."""
    return f"  tools:{text}\n"


LIST = [
    one("no plugin list", gone(META), dies("file-missing")),
    one("a folder in its place", folder(META), dies("file-missing")),
    one("an empty file", put(META, ""), loses("meta-empty")),
    one("a blank line", put(META, "\n"), loses("meta-empty")),
    one("only a comment", put(META, "# the plugins come later\n"), loses("meta-empty")),
    one("an empty list", put(META, "[]\n"), loses("meta-empty")),
    one("null", put(META, "~\n"), loses("meta-empty")),
    one("a first document that is empty", by(META, lambda text: b"---\n---\n" + text), loses("meta-empty")),
    one("a mapping", put(META, "plugins: []\n"), dies("meta-type")),
    one("an empty mapping", put(META, "{}\n"), dies("meta-type")),
    one("a word", put(META, "tides\n"), dies("meta-type")),
    one("a number", put(META, "501\n"), dies("meta-type")),
    one("an entry that is null", by(META, lambda text: b"-\n" + text), dies("null-entry")),
    one("a last entry that is null", by(META, lambda text: text + b"-\n"), dies("null-entry")),
    one("an entry that is a word", by(META, lambda text: text + b"- barges\n"), dies("meta-type")),
    one("an entry that is a list", by(META, lambda text: text + b"- [barges]\n"), dies("meta-type")),
    one("an entry that is an empty mapping", by(META, lambda text: text + b"- {}\n"), skips("plugin-version plugin-id plugin-type document-missing manifest-missing no-tools")),
    one("an entry that is only deprecated", by(META, lambda text: text + b"- {deprecated: true}\n"), loads()),
    one("the list in JSON", by(META, as_json), loads()),
    one("a plugin twice in JSON", by(META, lambda text: as_json(text).replace(b'"plugin_id": 502,', b'"plugin_id": 501,')), skips("duplicate-plugin-id")),
    one("a tool twice in JSON", by(META, lambda text: as_json(text).replace(b'"tool_id": 501002,', b'"tool_id": 501001,')), drops("duplicate-tool-id")),
    one("a key twice in JSON", by(META, lambda text: as_json(text).replace(b'"plugin_id": 502,', b'"plugin_id": 502, "plugin_id": 502,')), dies("duplicate-key")),
    one("cut off inside an entry", cut(META, "  openapi_doc_file: ferries", ""), skips("plugin-type document-missing manifest-missing no-tools")),
    one("cut off inside a manifest", cut(META, "      sub_type: token/api_key\n", ""), skips("manifest auth no-tools")),
    one("cut off inside a text", cut(META, 'ion": "Header"', ""), dies("yaml-syntax")),
    one("glued to what was appended", by(META, lambda text: text.rstrip(b"\n") + b"- plugin_id: 505\n  version: v1\n"), dies("yaml-syntax")),
]  # fmt: skip

ENTRY = [
    *swap(
        META, "plugin_id: 502",
        dies("meta-type", "plugin_id: '502'", 'plugin_id: "502"', "plugin_id: ferries", "plugin_id: 1:30", "plugin_id: 98765432109876543210",
             "plugin_id: true", "plugin_id: [502]", "plugin_id: {}", "plugin_id: 5_0.2.0", "plugin_id: .inf", "plugin_id: 9223372036854775808",
             "plugin_id: 2026-05-01", "plugin_id: !!str 502", "plugin_id: 0o8", "plugin_id: ''"),
        skips("plugin-id", "plugin_id: 0", "plugin_id: -502", "plugin_id: ~", "plugin_id:", "plugin_id: 0.9", "plugin_id: 0x0"),
        skips("duplicate-plugin-id", "plugin_id: 501", "plugin_id: 0x1F5", "plugin_id: 501.0", "plugin_id: 501001", "plugin_id: 501002"),
        loads("plugin_id: 505", "plugin_id: 502.9", "plugin_id: 0x1f6", "plugin_id: 0766", "plugin_id: 0o766", "plugin_id: 0b111", "plugin_id: 5_02",
              "plugin_id: +502", "plugin_id: 9223372036854775807", "plugin_id: 5.02e2", "plugin_id: !!int 502", "plugin_id: 502 # ferries",
              "plugin_id: 502001", "plugin_id: 504001", "plugin_id: 089"),
    ),
    *swap(META, SECOND + "  product_id: 900502\n", skips("plugin-id", "- product_id: 900502\n")),
    *swap(
        META, "product_id: 900502",
        loads("product_id: '12345678901234567890123'", "product_id: later", "product_id: []", "product_id: 0"),
        warned("product-id", "# product_id: 900502"),
    ),
    *swap(
        META, "version: v0.3.1",
        skips("plugin-version", "version: 0.3.1", "version: 0.3", "version: V0.3.1", "version: v00.3.1", "version: v0.3.1.4", "version: v", "version: v0.03.1",
              "version: latest", "version: ''", "version: ~", "version:", "version: 3", "version: true", "version: ' v0.3.1'", "version: v0.3.1-", "version: v0.3.x",
              "version: v0.3.1+", "version: v0.3.1-01", "version: v0.3-rc"),
        dies("meta-type", "version: [v0.3.1]", "version: {v: 0.3.1}"),
        loads("version: v0", "version: v0.3", "version: v10.20.30", "version: v0.3.1-rc.1", "version: v0.3.1+build.5", "version: v0.3.1-0a", "version: 'v0.3.1'",
              "version: !!str v0.3.1", "version:\tv0.3.1", "version: v0.3.1\t", "version: |-\n    v0.3.1", "version: >-\n    v0.3.1"),
        dies("yaml-alias", "version: *latest"),
        dies("yaml-syntax", "version: @v0.3.1", "version: %v0.3.1", "version: v0.3.1: a", "version: 'v0.3.1", "version: [v0.3.1", "version : : v"),
    ),
    *swap(META, "  version: v0.3.1\n", skips("plugin-version", "")),
    *swap(
        META, "  deprecated: false\n  version: v0.3.1",
        loads("  version: v0.3.1", "  deprecated:\n  version: v0.3.1", "  deprecated: no\n  version: v0.3.1", "  deprecated: off\n  version: v0.3.1",
              "  deprecated: n\n  version: v0.3.1", "  deprecated: FALSE\n  version: v0.3.1", "  deprecated: !!bool false\n  version: v0.3.1"),
        dies("meta-type", "  deprecated: 'false'\n  version: v0.3.1", "  deprecated: 0\n  version: v0.3.1", "  deprecated: fales\n  version: v0.3.1",
             "  deprecated: ''\n  version: v0.3.1", "  deprecated: []\n  version: v0.3.1", "  deprecated: {}\n  version: v0.3.1"),
        dies("yaml-tag", "  deprecated: !!bool no\n  version: v0.3.1"),
    ),
    *swap(
        META, "  openapi_doc_file: ferries.yaml\n  plugin_type: 1\n",
        skips("plugin-type", "  openapi_doc_file: ferries.yaml\n", "  openapi_doc_file: ferries.yaml\n  plugin_type: 2\n", "  openapi_doc_file: ferries.yaml\n  plugin_type: 0\n",
              "  openapi_doc_file: ferries.yaml\n  plugin_type: -1\n", "  openapi_doc_file: ferries.yaml\n  plugin_type: 4\n", "  openapi_doc_file: ferries.yaml\n  plugin_type:\n"),
        dies("meta-type", "  openapi_doc_file: ferries.yaml\n  plugin_type: PLUGIN\n", "  openapi_doc_file: ferries.yaml\n  plugin_type: '1'\n",
             "  openapi_doc_file: ferries.yaml\n  plugin_type: [1]\n"),
        loads("  openapi_doc_file: ferries.yaml\n  plugin_type: 0x1\n", "  openapi_doc_file: ferries.yaml\n  plugin_type: 1.0\n"),
    ),
    *swap(
        META, "openapi_doc_file: ferries.yaml",
        skips("document-missing", "openapi_doc_file: barges.yaml", "openapi_doc_file: Ferries.yaml", "openapi_doc_file: 'ferries.yaml '", "openapi_doc_file: ferries.yml",
              "openapi_doc_file: ''", "openapi_doc_file:", "openapi_doc_file: .", "openapi_doc_file: more", "openapi_doc_file: ferries.yaml/x", "# ferries.yaml"),
        skips("document-outside", "openapi_doc_file: ../../ferries.yaml"),
        skips("tool-not-in-document", "openapi_doc_file: tides.yaml"),
        dies("meta-type", "openapi_doc_file: [ferries.yaml]", "openapi_doc_file: {a: ferries.yaml}"),
        loads("openapi_doc_file: ./ferries.yaml", "openapi_doc_file: /ferries.yaml", "openapi_doc_file: .//ferries.yaml", 'openapi_doc_file: "ferries.yaml"'),
        stricter(UPWARD, "document-outside", "openapi_doc_file: more/../ferries.yaml", "openapi_doc_file: ../pluginproduct/ferries.yaml"),
    ),
    one("the document in a sub-folder", both(sub(META, "doc_file: ferries", "doc_file: ./south/ferries"), gone(FERRIES_DOC), put("pluginproduct/south/ferries.yaml", FERRIES)), loads()),
    one("the document beside the folder", both(sub(META, "doc_file: ferries", "doc_file: ../ferries"), gone(FERRIES_DOC), put("ferries.yaml", FERRIES)), stricter(UPWARD, "document-outside")),
    one("no document", gone(FERRIES_DOC), skips("document-missing", at=META)),
    one("a folder for a document", folder(FERRIES_DOC), skips("document-missing", at=META)),
    one("two plugins in one document", sub(META, "doc_file: ferries", "doc_file: tides", "sub_url: /ferries", "sub_url: /alarms", "504001", "504002"), skips("tool-not-in-document")),
    one("a deprecated plugin without a document", both(sub(META, "deprecated: false\n  version: v0", "deprecated: true\n  version: v0"), gone(FERRIES_DOC)), milder(MEANT, "deprecated-without-document", at=META)),
    one("a deprecated plugin without a version", sub(META, "deprecated: false\n  version: v0.3.1\n", "deprecated: yes\n"), milder(MEANT)),
    one("a deprecated plugin with a wrong type", sub(META, "deprecated: false\n  version: v0.3.1\n", "deprecated: yes\n  version: []\n"), dies("meta-type")),
    one("a deprecated plugin with the id of another", sub(META, "plugin_id: 502", "plugin_id: 501", "deprecated: false\n  version: v0", "deprecated: true\n  version: v0"), milder(MEANT)),
    one("a deprecated plugin with a null manifest", both(cut(META, "    auth:\n      type: service_http", "  tools:\n    - tool_id: 502001"), sub(META, "deprecated: false\n  version: v0", "deprecated: true\n  version: v0")), milder(MEANT)),
    one("a skipped plugin's tools are free for another", sub(META, "version: v0.3.1", "version: 0", "504001", "502001"), skips("plugin-version duplicate-tool-id")),
    *swap(
        META, SECOND,
        dies("duplicate-key", "  plugin_id: 502\n", "  deprecated: false\n", "  pier: 1\n  pier: 2\n", "  'version': v1\n", "  \"version\": v1\n"),
        warned("unknown-key repeated-key", "  pier: {a: 1, a: 2}\n"),
        warned("unknown-key", "  1: x\n", "  true: x\n", "  2026-05-01: x\n", "  ? pier\n  : north\n", "  pier: north\n", "  Version: v1\n", "  plugin-id: 502\n", "  pier: [1, {a: b}]\n"),
        dies("meta-type", "  ? [a]\n  : b\n", "  {a: b}: c\n", "  ? [version]\n"),
        dies("yaml-syntax", "  pier: a: b\n", "  pier north\n", "  \tpier: north\n", "\tpier: north\n", "  pier: \"north\n", "  - pier\n", " pier: north\n"),
        dies("conflict-marker", "<<<<<<< ours\n  pier: 1\n=======\n  pier: 2\n>>>>>>> theirs\n"),
        dies("yaml-alias", "  <<: *north\n", "  <<: north\n", "  <<:\n"),
        form=after_second,
    ),
]  # fmt: skip

MANIFEST = [
    one("no manifest", cut(META, "  manifest:", "  tools:"), dies("manifest-missing")),
    one("a null manifest", both(cut(META, "  manifest:", "  tools:"), sub(META, "  tools:", "  manifest:\n  tools:")), dies("manifest-missing")),
    one("an empty manifest", both(cut(META, "  manifest:", "  tools:"), sub(META, "  tools:", "  manifest: {}\n  tools:")), skips("auth-missing" + " manifest" * 6)),
    one("a manifest that is a list", both(cut(META, "  manifest:", "  tools:"), sub(META, "  tools:", "  manifest: []\n  tools:")), dies("meta-type")),
    one("a manifest that is a text", both(cut(META, "  manifest:", "  tools:"), sub(META, "  tools:", "  manifest: tides\n  tools:")), dies("meta-type")),
    *swap(
        META, "    schema_version: v1\n",
        skips("manifest", "", "    schema_version: v2\n", "    schema_version: 1\n", "    schema_version: V1\n", "    schema_version:\n", "    schema_version: 'v1 '\n"),
        dies("meta-type", "    schema_version: [v1]\n"),
        loads("    schema_version: 'v1'\n", "    schema_version: v1 # the only one\n"),
    ),
    *swap(
        META, "    name_for_model: tides\n",
        skips("manifest", "", "    name_for_model:\n", "    name_for_model: ''\n", "    name_for_model: # tides\n", "    name_for_model: ~\n"),
        dies("meta-type", "    name_for_model: {}\n", "    name_for_model: [tides]\n"),
        dies("yaml-syntax", "    name_for_model: a: b\n", "    name_for_model: tides\n     a: b\n", "   name_for_model: tides\n", "    name_for_model: `tides`\n"),
        dies("duplicate-key", "    name_for_model: tides\n    name_for_model: tides\n"),
        loads("    name_for_model: 5\n", "    name_for_model: ferries\n", "    name_for_model: yes\n", "    name_for_model: 2026-05-01\n", "    name_for_model: ' '\n",
              "    name_for_model: 潮汐\n", "    name_for_model: !local tides\n", "    name_for_model: tides tables\n", "    name_for_model: |\n      tides\n"),
    ),
    *swap(
        META, "    name_for_human: Tide tables\n",
        skips("manifest", "", "    name_for_human: \"\"\n"),
        loads("    name_for_human: null and void\n", "    name_for_human: 1.5\n", "    name_for_human: ~tide\n"),
        dies("meta-type", "    name_for_human: [a]\n"),
    ),
    *swap(META, "    description_for_model: Says when the water is high\n", skips("manifest", "", "    description_for_model:\n"), dies("meta-type", "    description_for_model: {a: b}\n")),
    *swap(META, "    description_for_human: Says when the water is high\n", skips("manifest", "", "    description_for_human: null\n"), dies("yaml-syntax", "    description_for_human: Says: when\n")),
    *swap(META, "    logo_url: icons/tides.png\n", loads("", "    logo_url:\n", "    logo_url: 5\n"), dies("meta-type", "    logo_url: []\n")),
    *swap(
        META, "    api:\n      type: openapi\n",
        skips("manifest", "", "    api:\n", "    api: {}\n", "    api: {type: grpc}\n", "    api: {type: OpenAPI}\n", "    api: {type: coze-studio-mcp}\n"),
        dies("meta-type", "    api: openapi\n", "    api: [openapi]\n", "    api: {type: [openapi]}\n"),
        loads("    api: {type: coze-studio-custom}\n"),
        warned("unknown-key", "    api: {type: openapi, url: x}\n"),
    ),
]  # fmt: skip

AUTH = [
    *swap(
        META, "    auth:\n      type: none\n",
        dies("auth-missing", "", "    auth:\n", "    auth: ~\n"),
        dies("meta-type", "    auth: none\n", "    auth: [none]\n", "    auth: {type: [none]}\n", "    auth: {type: none, payload: {}}\n", "    auth: {type: none, sub_type: []}\n"),
        skips("auth", "    auth: {}\n", "    auth: {type: basic}\n", "    auth: {type: None}\n", "    auth: {type: NONE}\n", "    auth: {type: ''}\n", "    auth: {type: null}\n",
              "    auth: {type: no}\n", "    auth: {type: service_http}\n", "    auth: {type: oauth}\n", "    auth: {type: saas_installed}\n"),
        loads("    auth: {type: none}\n", "    auth: {type: none, sub_type: other}\n", "    auth: {type: none, payload: '{'}\n", "    auth: {type: none, payload: ''}\n"),
        warned("unknown-key", "    auth: {type: none, kind: x}\n"),
    ),
    *swap(
        META, "      sub_type: token/api_key\n",
        skips("auth", "", "      sub_type:\n", "      sub_type: client_credentials\n", "      sub_type: token\n", "      sub_type: Token/API_Key\n", "      sub_type: 1\n"),
        dies("meta-type", "      sub_type: [token/api_key]\n"),
        warned("empty-token", "      sub_type: authorization_code\n"),
    ),
    *swap(META, "type: service_http", loads("type: oauth"), skips("auth", "type: service", "type: service_https"), dies("duplicate-key", "type: none\n      type: none")),
    *swap(META, "      key: Authorization\n", loads("", "      key:\n", "      key: [1]\n")),
    *swap(
        META, TOKEN,
        skips("auth-payload", "", "''", "'{'", "'{key: 1}'", "'[]'", "'[{}]'", "'5'", "'true'", "'\"a\"'", "harbour-master", """'{"key": "a",}'""", """"{'key': 'a'}\"""",
              """'{"service_token": 5}'""", """'{"service_token": true}'""", """'{"service_token": ["a"]}'""", """'{"key": {}}'""", """'{"location": 1}'""",
              """'{"key": "a"} x'""", """'{"key": "a"}{}'""", """'{“key”: “a”}'""", """'{"key": "a" "service_token": "b"}'""", """'{"key": NaN}'""", """'// no\n\n        {}'"""),
        warned("empty-token", """'{"key": "a", "service_token": "", "location": "Header"}'""", "'{}'", "'null'", """'{"key": "a"}'"""),
        dies("meta-type", "{key: a}", "{}", "[]", "[a]"),
        loads("""'{"service_token": "a"}'""", """'{"key": "a", "service_token": "a", "location": "Moon"}'""", """'{"service_token": "a", "more": [1]}'""",
              """'{"SERVICE_TOKEN": "a"}'""", """' {"service_token": "a"} '""", """>-\n        {"service_token":\n        "a"}""", """|\n        {"service_token": "a"}""",
              """"{\\"service_token\\": \\"a\\"}\"""", """'{"service_token": null, "service_token": "a"}'"""),
        dies("yaml-syntax", """{"key": "a" "b"}""", """'{"key": 'a'}'""", '''"{"key": "a"}"'''),
        form=payload,
    ),
    *swap(META, '"client_id": "harbour"', skips("auth-payload", '"client_id": 5', '"client_id": harbour', '"client_id": []'), warned("empty-token", '"client_id": ""', '"id": "harbour"')),
    *swap(META, '"client_secret": "spring tide"', warned("empty-token", '"client_secret": ""', '"client_secret": null'), skips("auth-payload", '"client_secret": {}')),
    *swap(META, '"https://pilots.example.org/token"', loads('"http://pilots.example.org/token"', '""', '"no url"'), skips("auth-payload", "5")),
    *swap(META, '"scope": "order", ', loads("", '"scope": "", '), skips("auth-payload", '"scope": ["order"], ')),
    *swap(META, "sub_type: authorization_code", warned("empty-token", "sub_type: token/api_key"), skips("auth", "sub_type: code")),
]  # fmt: skip

PARAMS = [
    *swap(
        META, "    common_params: {}\n",
        loads("", "    common_params:\n", "    common_params: {body: [], header: [], path: [], query: []}\n", "    common_params: {header: }\n", "    common_params: {header: [{name: a, value: 1}]}\n",
              "    common_params: {header: [{name: a, value: }]}\n", "    common_params: {header: [{}]}\n", "    common_params: {header: [~]}\n"),
        skips("common-params", "    common_params: {cookie: []}\n", "    common_params: {Header: []}\n", "    common_params: {headers: [{name: a, value: b}]}\n", "    common_params: {'': []}\n"),
        dies("meta-type", "    common_params: []\n", "    common_params: none\n", "    common_params: {header: {a: b}}\n", "    common_params: {header: a}\n", "    common_params: {header: [a]}\n",
             "    common_params: {header: [[a]]}\n", "    common_params: {header: [{name: [a]}]}\n", "    common_params: {header: [{value: {a: b}}]}\n"),
        dies("duplicate-key", "    common_params: {header: [], header: []}\n", "    common_params: {header: [{name: a, name: b}]}\n"),
    ),
    *swap(META, "      body: []\n", loads("      cookie: []\n"), dies("meta-type", "      body: {name: a}\n", "      cookie: {}\n"), dies("duplicate-key", "      body: []\n      body: []\n")),
    *swap(META, "          value: Harbour/1.0\n", loads("", "          value: 1.0\n", "          value: ''\n"), dies("meta-type", "          value: [1]\n")),
]  # fmt: skip

TOOLS = [
    *swap(
        META, "tool_id: 502001",
        dies("meta-type", "tool_id: '502001'", "tool_id: first", "tool_id: [1]", "tool_id: 98765432109876543210", "tool_id: false", "tool_id: {}", "tool_id: 5:02"),
        stricter(NO_ID, "tool-id", "tool_id: 0", "tool_id:", "tool_id: ~", "name: ferries"),
        loads("tool_id: -1", "tool_id: 502001.5", "tool_id: 0x7A8F1", "tool_id: 502", "tool_id: 501", "tool_id: 9223372036854775807"),
        skips("duplicate-tool-id", "tool_id: 501001", "tool_id: 501002", "tool_id: 501001.0"),
        skips("duplicate-plugin-id", "tool_id: 504"),
    ),
    *swap(META, "tool_id: 501002", drops("duplicate-tool-id", "tool_id: 501001"), loads("tool_id: 501003")),
    *swap(META, "tool_id: 503002", drops("duplicate-tool-id", "tool_id: 502001", "tool_id: 0x7a8f1", "tool_id: 503001")),
    *swap(
        META, "  tools:\n" + FERRY_TOOL,
        loses("no-tools", "", " []", " ~"),
        dies("null-entry", " [~]", "\n    -\n" + FERRY_TOOL.rstrip("\n"), "\n" + FERRY_TOOL + "    - ~"),
        dies("meta-type", " {tool_id: 502001}", " ferries", " [ferries]", " [[]]", " 5"),
        stricter(NO_ID, "tool-id", " [{method: get, sub_url: /ferries}]"),
        loads(" [{tool_id: 502001, method: get, sub_url: /ferries}]"),
        form=ferry_tools,
    ),
    *swap(META, "  tools:\n" + FERRY_TOOL, loses("no-tools", "")),
    *swap(
        META, "502001\n      deprecated: false",
        milder(MAYBE_MEANT, "tools-deprecated", "502001\n      deprecated: true", "502001\n      deprecated: yes", "502001\n      deprecated: on", "502001\n      deprecated: y"),
        loads("502001", "502001\n      deprecated:", "502001\n      deprecated: off", "502001\n      deprecated: N", "502001\n      deprecated: False", "502001\n      deprecated: Off",
              "502001\n      deprecated: 'no'"),
        dies("meta-type", "502001\n      deprecated: 'false'", "502001\n      deprecated: 1", "502001\n      deprecated: []", "502001\n      deprecated: oFF"),
    ),
    *swap(META, "501002\n      deprecated: false", milder(MEANT, "", "501002\n      deprecated: true")),
    one("two plugins that hold only deprecated tools", sub(META, "502001\n      deprecated: false", "502001\n      deprecated: true", "504001\n      deprecated: false", "504001\n      deprecated: true"), milder(MAYBE_MEANT, "tools-deprecated tools-deprecated")),
    *swap(
        META, "method: get\n      sub_url: /ferries",
        loads("method: GET\n      sub_url: /ferries", "method: gEt\n      sub_url: /ferries", "method: 'get'\n      sub_url: \"/ferries\""),
        skips("tool-not-in-document", "method: post\n      sub_url: /ferries", "method: ' get'\n      sub_url: /ferries", "sub_url: /ferries", "method:\n      sub_url: /ferries",
              "method: get", "method: get\n      sub_url: ferries", "method: get\n      sub_url: /ferries/", "method: get\n      sub_url: /Ferries", "method: get\n      sub_url: //ferries",
              "method: get\n      sub_url: /ferries?a=b", "method: get\n      sub_url: '/ferries '", "method: get\n      sub_url: https://ferries.example.org/ferries",
              "method: 1\n      sub_url: /ferries"),
        dies("meta-type tool-not-in-document", "method: [get]\n      sub_url: /ferries", "method: get\n      sub_url: {a: /ferries}"),
        dies("duplicate-key", "method: get\n      method: get\n      sub_url: /ferries"),
        warned("unknown-key", "method: get\n      verb: get\n      sub_url: /ferries"),
    ),
    *swap(
        META, "sub_url: /tides/{port}",
        drops("tool-not-in-document", "sub_url: /tides/{harbour}", "sub_url: /tides/brest", "sub_url: /tides"),
        loads("sub_url: '/tides/{port}'"),
    ),
    *swap(META, "method: post\n      sub_url: /alarms", drops("tool-not-in-document", "method: put\n      sub_url: /alarms"), loads("method: get\n      sub_url: /tides/{port}")),
]  # fmt: skip

OAUTH_SCHEMA = [
    one("no oauth schema", gone(OAUTH), dies("file-missing")),
    one("a folder for the oauth schema", folder(OAUTH), dies("file-missing")),
    one("an oauth schema that is a later version", by(OAUTH, lambda text: text.replace(b"4", b"40")), loads()),
    *(one(f"oauth schema {text!r}", put(OAUTH, text), loads()) for text in ("{}", "[]", "5", "null", "true", '"a"', " [ ]\r\n", '{"a": {"b": [1.5e3, -0]}}', '{"a": "\\u00e9"}', '["潮汐"]')),
    *(
        one(f"oauth schema {text!r}", put(OAUTH, text), dies("json-syntax"))
        for text in ("", " \n", "[", "[]]", "[1,]", '{"a": 1,}', "{a: 1}", "{'a': 1}", "[] // none", "/* none */ []", "[NaN]", "[Infinity]", "[01]", "[.5]", "[1.]", "[+1]", "[0x1]", "nul", "True",
                     '{"a" 1}', '{"a": "b}', '["a\nb"]', '["\\x"]', "[] []", "[]\0", "\ufeff[]", "\0", "a: 1")
    ),
    one("an oauth schema in UTF-16", put(OAUTH, "[]".encode("utf-16")), dies("encoding")),
    one("an oauth schema with another encoding inside", put(OAUTH, b'["\xd6\xd0"]'), stricter(UTF8, "encoding")),
    one("a key twice in the oauth schema", put(OAUTH, '{"a": 1, "a": 2}'), warned("repeated-key")),
    one("an oauth schema cut off", by(OAUTH, lambda text: text[:-4]), dies("json-syntax")),
]  # fmt: skip

FACTS: list[Fact] = [*LIST, *ENTRY, *MANIFEST, *AUTH, *PARAMS, *TOOLS, *OAUTH_SCHEMA]
