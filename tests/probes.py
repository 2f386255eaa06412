"""How each probe of loader-probes.tsv changes the four-plugin directory it was made from."""

from __future__ import annotations

import codecs
from collections.abc import Mapping

from edits import Edit, both, by, cut, folder, gone, put, sub

META = "pluginproduct/plugin_meta.yaml"
LIBRARY = "pluginproduct/library_search.yaml"
WOLFRAM = "pluginproduct/wolfram_alpha.yaml"
BOCHA = "pluginproduct/bocha_search.yaml"
OAUTH = "common/oauth_schema.json"


def m(*pairs: str) -> Edit:
    """Edit plugin_meta.yaml."""
    return sub(META, *pairs)


def d(*pairs: str) -> Edit:
    """Edit library_search.yaml."""
    return sub(LIBRARY, *pairs)


TOOLS = """  tools:
    - tool_id: 20001
      deprecated: false
      method: get
      sub_url: /document/coze
"""
NEXT = "- plugin_id: 3"
MANIFEST = "  manifest:"
PARAMS = "    common_params:"
SECOND_AUTH = "      sub_type: token/api_key\n"
PAYLOAD = """      payload: '{"key": "Authorization", "service_token": "", "location": "Header"}'\n"""
KEYWORD = """          schema:
            description: 用以检索的关键词
            type: string
"""
RESPONSES = "      responses:"
SUMMARY = "      summary:"
TAIL = "servers:"


def payload(text: str) -> Edit:
    """Make the payload of plugin 3 this."""
    return m(PAYLOAD, f"      payload: {text}\n")


def keyword(lines: str) -> Edit:
    """Make the schema of the parameter `keyword` these lines."""
    body = "".join(f"            {line}\n" for line in lines.split("\n"))
    return d(KEYWORD, "          schema:\n" + body)


def server(url: str) -> Edit:
    """Make the only server's URL this."""
    return d("https://www.douchai.cn", url)


def responses(text: str) -> Edit:
    """Replace all responses of the document."""
    return both(cut(LIBRARY, RESPONSES, SUMMARY), d(SUMMARY, f"      responses:{text}\n{SUMMARY}"))


def deep(opening: str, closing: str, count: int) -> str:
    """Return nested brackets."""
    return opening * count + closing * count


GOOD_200 = '{"200": {description: x, content: {application/json: {schema: {type: object}}}}'
BOMB = "x-a: &a [1,1,1,1,1,1,1,1,1]\n" + "".join(
    f"x-{y}: &{y} [{','.join(['*' + x] * 9)}]\n" for x, y in zip("abcdefgh", "bcdefghi", strict=True)
)
SMALL_BODY = "      requestBody:\n        content:\n          application/json:\n            schema:\n              type: object\n"

FIELDS: Mapping[str, Edit] = {
    "baseline": both(),
    "meta missing": gone(META),
    "meta empty": put(META, ""),
    "meta only comments": put(META, "# nothing\n"),
    "meta []": put(META, "[]\n"),
    "meta mapping": put(META, "plugins: []\n"),
    "meta scalar": put(META, "hello\n"),
    "meta null entry": by(META, lambda text: b"-\n" + text),
    "meta string entry": by(META, lambda text: b"- foo\n" + text),
    "meta dup key in entry": m("  deprecated: false\n", "  deprecated: false\n  deprecated: false\n"),
    "meta dup key in common_params": m("      body: [ ]\n", "      body: [ ]\n      body: [ ]\n"),
    "meta dup unknown key": m("  deprecated: false\n", "  foo: 1\n  foo: 2\n  deprecated: false\n"),
    "meta unknown key": m("  deprecated: false\n", "  foo: 1\n  deprecated: false\n"),
    "no product_id": m("  product_id: 7376228190244618278\n", ""),
    "product_id huge/str": m("7376228190244618278", "'99999999999999999999999'"),
    "no plugin_id": m("- plugin_id: 2\n  product_id", "- product_id"),
    "plugin_id 0": m("plugin_id: 2", "plugin_id: 0"),
    "plugin_id neg": m("plugin_id: 2", "plugin_id: -2"),
    "plugin_id quoted": m("plugin_id: 2", "plugin_id: '2'"),
    "plugin_id float 2.0": m("plugin_id: 2", "plugin_id: 2.0"),
    "plugin_id 2.7": m("plugin_id: 2", "plugin_id: 2.7"),
    "plugin_id overflow": m("plugin_id: 2", "plugin_id: 99999999999999999999"),
    "plugin_id null": m("plugin_id: 2", "plugin_id: null"),
    "plugin_id octal 010": m("plugin_id: 2", "plugin_id: 010"),
    "plugin_id 0x10": m("plugin_id: 2", "plugin_id: 0x10"),
    "plugin_id 1_000": m("plugin_id: 2", "plugin_id: 1_000"),
    "plugin_id 1:30 sexagesimal": m("plugin_id: 2", "plugin_id: 1:30"),
    "plugin_id dup": m("plugin_id: 3", "plugin_id: 2"),
    "plugin_id == earlier tool_id": m("plugin_id: 3", "plugin_id: 20001"),
    "tool_id dup": m("tool_id: 30001", "tool_id: 20001"),
    "tool_id missing": m("    - tool_id: 20001\n      deprecated: false\n", "    - deprecated: false\n"),
    "tool_id 0": m("tool_id: 20001", "tool_id: 0"),
    "tool_id neg": m("tool_id: 20001", "tool_id: -5"),
    "tool_id quoted": m("tool_id: 20001", "tool_id: '20001'"),
    "tool null": m("  tools:\n", "  tools:\n    -\n"),
    "tools missing": m(TOOLS, ""),
    "tools null": m(TOOLS, "  tools:\n"),
    "tools []": m(TOOLS, "  tools: []\n"),
    "tools mapping": m(TOOLS, "  tools: {tool_id: 20001}\n"),
    "all tools deprecated": m("20001\n      deprecated: false", "20001\n      deprecated: true"),
    "plugin deprecated + doc missing": both(m("deprecated: false", "deprecated: true"), gone(LIBRARY)),
    "plugin deprecated missing key": m("  deprecated: false\n", ""),
    "deprecated yes": m("20001\n      deprecated: false", "20001\n      deprecated: no"),
    "deprecated 'false'": m("deprecated: false", "deprecated: 'false'"),
    "deprecated 0": m("deprecated: false", "deprecated: 0"),
    "version no v": m("version: v1.0.0", "version: 1.0.0"),
    "version v1": m("version: v1.0.0", "version: v1"),
    "version v1.0": m("version: v1.0.0", "version: v1.0"),
    "version v1.0.0-beta+x": m("version: v1.0.0", "version: v1.0.0-beta+x"),
    "version v01.0.0": m("version: v1.0.0", "version: v01.0.0"),
    "version 1.0 float": m("version: v1.0.0", "version: 1.0"),
    "version missing": m("  version: v1.0.0\n", ""),
    "version list": m("version: v1.0.0", "version: [v1.0.0]"),
    "plugin_type missing": m("  plugin_type: 1\n", ""),
    "plugin_type 2": m("plugin_type: 1", "plugin_type: 2"),
    "plugin_type PLUGIN": m("plugin_type: 1", "plugin_type: PLUGIN"),
    "doc file missing key": m("  openapi_doc_file: library_search.yaml\n", ""),
    "doc file absent": m("library_search.yaml", "nope.yaml"),
    "doc file ../ escape": m("library_search.yaml", "../../out.yaml"),
    "doc file ./x": m("library_search.yaml", "./library_search.yaml"),
    "doc file /abs": m("library_search.yaml", "/library_search.yaml"),
    "doc file is dir": folder(LIBRARY),
    "doc file case": m("library_search.yaml", "Library_search.yaml"),
    "doc file trailing space quoted": m("library_search.yaml", '"library_search.yaml "'),
    "two plugins share one doc": m("bocha_search.yaml", "library_search.yaml"),
    "manifest missing": cut(META, MANIFEST, "  tools:"),
    "manifest null": both(cut(META, MANIFEST, "  tools:"), m("  tools:", "  manifest:\n  tools:")),
    "manifest list": both(cut(META, MANIFEST, "  tools:"), m("  tools:", "  manifest: []\n  tools:")),
    "schema_version v2": m("schema_version: v1", "schema_version: v2"),
    "schema_version missing": m("    schema_version: v1\n", ""),
    "name_for_model missing": m("    name_for_model: wenkusousuo\n", ""),
    "name_for_human empty": m("name_for_human: 文库搜索", "name_for_human: ''"),
    "desc_for_model missing": cut(META, "    description_for_model", "    description_for_human"),
    "desc_for_human null": both(cut(META, "    description_for_human", "    auth"), m("    auth", "    description_for_human:\n    auth")),
    "name numeric": m("name_for_model: wenkusousuo", "name_for_model: 5"),
    "name dup": m("bochasousuo", "wenkusousuo"),
    "auth missing": m("    auth:\n      type: none\n", ""),
    "auth null": m("    auth:\n      type: none\n", "    auth:\n"),
    "auth {}": m("    auth:\n      type: none\n", "    auth: {}\n"),
    "auth type bad": m("type: none", "type: basic"),
    "auth None capital": m("type: none", "type: None"),
    "auth type null word": m("type: none", "type: null"),
    "auth sub_type missing": m(SECOND_AUTH, ""),
    "auth sub_type client_credentials": m("sub_type: token/api_key", "sub_type: client_credentials"),
    "auth payload missing": m(PAYLOAD, ""),
    "auth payload empty": payload("''"),
    "auth payload bad json": payload("'{key: 1'"),
    "auth payload json array": payload("'[]'"),
    "auth payload json null": payload("'null'"),
    "auth payload token int": payload("""'{"key": "a", "service_token": 5, "location": "Header"}'"""),
    "auth payload missing location": payload("""'{"key": "a", "service_token": ""}'"""),
    "auth payload bad location": payload("""'{"key": "a", "service_token": "", "location": "Moon"}'"""),
    "auth payload yaml map": payload("{key: a}"),
    "auth payload trailing comma": payload("""'{"key": "a",}'"""),
    "auth payload single quotes": payload('''"{'key': 'a'}"'''),
    "oauth payload http url": m("https://accounts.feishu.cn", "http://accounts.feishu.cn"),
    "api missing": m("    api:\n      type: openapi\n", ""),
    "api type mcp": m("type: openapi", "type: coze-studio-mcp"),
    "api type custom": m("type: openapi", "type: coze-studio-custom"),
    "logo_url missing": m("    logo_url: official_plugin_icon/plugin_library_search.png\n", ""),
    "common_params missing": cut(META, PARAMS, "  tools:"),
    "common_params bad loc (auth none)": m("      body: [ ]\n", "      cookie: [ ]\n"),
    "common_params bad loc (auth svc)": m(
        "          value: Coze/1.0\n      path: [ ]\n      query: [ ]\n  tools:\n    - tool_id: 30001",
        "          value: Coze/1.0\n      cookie: [ ]\n      query: [ ]\n  tools:\n    - tool_id: 30001",
    ),
    "common_params header map": m("      body: [ ]\n", "      body: {name: a}\n"),
    "common_params value int": m("value: Coze/1.0", "value: 5"),
    "common_params value null": m("value: Coze/1.0", "value:"),
    "common_params null item": m("      body: [ ]\n", "      body: [ null ]\n"),
    "tool method missing": m("      method: get\n", ""),
    "tool method GET upper": m("method: get", "method: GET"),
    "tool method wrong": m("method: get", "method: post"),
    "tool sub_url missing": m("      sub_url: /document/coze\n", ""),
    "tool sub_url trailing /": m("sub_url: /document/coze", "sub_url: /document/coze/"),
    "tool sub_url no slash": m("sub_url: /document/coze", "sub_url: document/coze"),
    "one of two tools bad": m("sub_url: /v2/query", "sub_url: /v2/queryx"),
    "same path two tools": m("sub_url: /v2/query", "sub_url: /v1/conversation.jsp"),
    "oauth missing": gone(OAUTH),
    "oauth empty": put(OAUTH, ""),
    "oauth bad json": put(OAUTH, "{"),
    "oauth {}": put(OAUTH, "{}"),
    "oauth scalar 5": put(OAUTH, "5"),
    "oauth BOM": by(OAUTH, lambda text: codecs.BOM_UTF8 + text),
    "oauth comments": put(OAUTH, "{} // ok\n"),
    "oauth NaN": put(OAUTH, "[NaN]"),
    "oauth gbk bytes": put(OAUTH, '["中"]'.encode("gbk")),
    "oauth dup keys": put(OAUTH, '{"a": 1, "a": 2}'),
    "oauth trailing": by(OAUTH, lambda text: text + b"x"),
    "oauth two docs": put(OAUTH, "{} {}"),
    "oauth CRLF": by(OAUTH, lambda text: text.replace(b"\n", b"\r\n")),
    "oauth dir": folder(OAUTH),
    "oauth NUL pad": by(OAUTH, lambda text: text + b"\0" * 9),
    "doc empty": put(LIBRARY, ""),
    "doc only comment": put(LIBRARY, "# nothing\n"),
    "doc list": put(LIBRARY, "- a\n"),
    "doc as JSON": put(
        LIBRARY,
        '{"openapi":"3.0.1","info":{"title":"a","description":"b","version":"v1"},"servers":[{"url":"https://h"}],'
        '"paths":{"/document/coze":{"get":{"operationId":"a","summary":"b","responses":{"200":{"description":"",'
        '"content":{"application/json":{"schema":{"type":"object"}}}}}}}}}',
    ),
    "openapi 2.0 unq": d("openapi: 3.0.1", "openapi: 2.0"),
    "openapi '2.0'": d("openapi: 3.0.1", "openapi: '2.0'"),
    "openapi 3.1.0": d("openapi: 3.0.1", "openapi: 3.1.0"),
    "openapi 3.0 float": d("openapi: 3.0.1", "openapi: 3.0"),
    "openapi '3.0'": d("openapi: 3.0.1", "openapi: '3.0'"),
    "openapi missing": d("openapi: 3.0.1\n", ""),
    "swagger 2.0 doc": d("openapi: 3.0.1\n", "swagger: '2.0'\n"),
    "info missing": cut(LIBRARY, "info:", "openapi:"),
    "info.title missing": d("  title: 文库搜索\n", ""),
    "info.description missing": cut(LIBRARY, "  description:", "  title:"),
    "info.version missing": d("  version: v1\n", ""),
    "info.version 1.0 float": d("version: v1", "version: 1.0"),
    "info.version v1": both(),
    "paths missing": cut(LIBRARY, "paths:", TAIL),
    "paths {}": both(cut(LIBRARY, "paths:", TAIL), d(TAIL, "paths: {}\nservers:")),
    "servers missing": d("servers:\n  - url: https://www.douchai.cn", ""),
    "servers []": d("servers:\n  - url: https://www.douchai.cn", "servers: []"),
    "servers two": server("https://www.douchai.cn\n  - url: https://b"),
    "server url relative": server("/api"),
    "server url no scheme": server("api.example.com"),
    "server url http": server("http://www.douchai.cn"),
    "server url ftp": server("ftp://www.douchai.cn"),
    "server url 513": server("https://h/" + "a" * 503),
    "server url var": server("https://h/{v}"),
    "unknown root key": d("openapi: 3.0.1\n", "openapi: 3.0.1\nfoo: 1\n"),
    "x- root key": d("openapi: 3.0.1\n", "openapi: 3.0.1\nx-foo: 1\n"),
    "operationId missing": d("      operationId: document_search\n", ""),
    "summary missing": d("      summary: 根据关键词检索豆柴文档\n", ""),
    "summary empty": d("summary: 根据关键词检索豆柴文档", "summary: ''"),
    "responses missing": cut(LIBRARY, RESPONSES, SUMMARY),
    "responses 201 only": responses(" " + GOOD_200.replace("200", "201") + "}"),
    "responses 200+400": responses(" " + GOOD_200 + ', "400": {description: x}}'),
    "responses 200+default": responses(" " + GOOD_200 + ", default: {description: x}}"),
    "responses int 200": responses(" " + GOOD_200.replace('"200"', "200") + "}"),
    "response desc missing": responses(" " + GOOD_200.replace("description: x, ", "") + "}"),
    "response no content": responses(' {"200": {description: x}}'),
    "response text/plain": responses(" " + GOOD_200.replace("application/json", "text/plain") + "}"),
    "response array": responses(" " + GOOD_200.replace("type: object", "type: array, items: {type: string}") + "}"),
    "response $ref ok": both(
        responses(" {\"200\": {$ref: '#/components/responses/R'}}"),
        d(TAIL, "components: {responses: {R: {description: x, content: {application/json: {schema: {type: object}}}}}}\nservers:"),
    ),
    "response $ref dangling": responses(" {\"200\": {$ref: '#/components/responses/R'}}"),
    "$ref http": keyword("$ref: 'http://127.0.0.1:9/x.yaml#/a'"),
    "$ref file": keyword("$ref: 'bocha_search.yaml#/info'"),
    "param no schema": d(KEYWORD, ""),
    "param no name": d("          name: keyword\n", ""),
    "param in body": d("in: query", "in: body"),
    "param in missing": d("          in: query\n", ""),
    "param type object": keyword("type: object"),
    "param type missing": keyword("description: x"),
    "param dup": d("name: number", "name: keyword"),
    "param array no items": keyword("type: array"),
    "param path undeclared": both(d("  /document/coze:", "  /d/{id}:"), m("sub_url: /document/coze", "sub_url: /d/{id}")),
    "param path not required": both(
        d("  /document/coze:", "  /d/{id}:", "      parameters:\n", "      parameters:\n        - {name: id, in: path, schema: {type: string}}\n"),
        m("sub_url: /document/coze", "sub_url: /d/{id}"),
    ),
    "schema type strng": keyword("type: strng"),
    "schema extra field": keyword("type: string\nfoo: 1"),
    "schema default mismatched": keyword("type: integer\ndefault: a"),
    "schema example mismatched": keyword("type: integer\nexample: a"),
    "schema bad pattern": keyword("type: string\npattern: '(?=a)'"),
    "schema nullable": keyword("type: string\nnullable: true"),
    "schema type list 3.1": keyword("type: [string, 'null']"),
    "schema const 3.1": keyword("type: string\nconst: a"),
    "requestBody multipart": d("          application/json:", "          multipart/form-data:"),
    "requestBody 2 types": d(SMALL_BODY, SMALL_BODY + "          application/yaml:\n            schema: {type: object}\n"),
    "requestBody array": d(SMALL_BODY, SMALL_BODY.replace("type: object", "{type: array, items: {type: string}}").replace("schema:\n              ", "schema: ")),
    "requestBody no content": d(SMALL_BODY, "      requestBody: {description: x}\n"),
    "dup operationId in doc": sub(WOLFRAM, "operationId: calculate", "operationId: query"),
    "path no slash": both(d("  /document/coze:", "  foo:"), m("sub_url: /document/coze", "sub_url: foo")),
    "unused op invalid (wolfram)": sub(WOLFRAM, "paths:\n", "paths:\n  /u: {get: {summary: x, responses: {\"200\": {description: x}}}}\n"),
    "null path item": d("paths:\n", "paths:\n  /u:\n"),
}  # fmt: skip

BYTES: Mapping[str, Edit] = {
    "bom meta": by(META, lambda text: codecs.BOM_UTF8 + text),
    "bom doc": by(LIBRARY, lambda text: codecs.BOM_UTF8 + text),
    "bom midfile meta": m(NEXT, "\ufeff" + NEXT),
    "bom twice": by(META, lambda text: codecs.BOM_UTF8 * 2 + text),
    "utf16 meta": by(META, lambda text: text.decode().encode("utf-16")),
    "utf16 doc": by(LIBRARY, lambda text: text.decode().encode("utf-16")),
    "utf16 no bom": by(META, lambda text: text.decode().encode("utf-16-le")),
    "gbk meta": by(META, lambda text: text.decode().encode("gbk")),
    "gbk doc": by(LIBRARY, lambda text: text.decode().encode("gbk")),
    "latin1 in comment": by(META, lambda text: b"# caf\xe9\n" + text),
    "lone surrogate bytes": by(META, lambda text: text.replace(b"wenkusousuo", b"a\xed\xa0\x80b", 1)),
    "crlf meta": by(META, lambda text: text.replace(b"\n", b"\r\n")),
    "crlf doc": by(LIBRARY, lambda text: text.replace(b"\n", b"\r\n")),
    "cr only": by(META, lambda text: text.replace(b"\n", b"\r")),
    "tab indent meta": m("  product_id", "\tproduct_id"),
    "tab after colon": m("version: v1.0.0", "version:\tv1.0.0"),
    "tab trailing": m("version: v1.0.0", "version: v1.0.0\t"),
    "tab in blank line": m("  product_id", "\t\n  product_id"),
    "tab indent doc": d("  title", "\ttitle"),
    "nul end": by(META, lambda text: text + b"\0"),
    "nul page doc": by(LIBRARY, lambda text: text[:1000] + b"\0" * (len(text) - 1000)),
    "all nul doc": by(LIBRARY, lambda text: b"\0" * len(text)),
    "ctrl-z 1a end": by(META, lambda text: text + b"\x1a"),
    "esc char": m("wenkusousuo", "a\x1bb"),
    "del 7f": m("wenkusousuo", "a\x7fb"),
    "c1 85 nel": m("wenkusousuo", "a\x85b"),
    "emoji astral": m("wenkusousuo", "a😀b"),
    "u2028": m("wenkusousuo", "a\u2028b"),
    "ufffe": m("wenkusousuo", "a\ufffeb"),
    "conflict meta": m("  deprecated: false\n", "<<<<<<< HEAD\n  deprecated: false\n=======\n  deprecated: true\n>>>>>>> b\n"),
    "conflict doc": d("openapi: 3.0.1\n", "<<<<<<< HEAD\nopenapi: 3.0.1\n=======\nopenapi: 3.0.0\n>>>>>>> b\n"),
    "conflict in block scalar indented": m("wenkusousuo", "|\n      <<<<<<< HEAD\n      a\n      >>>>>>> b"),
    "conflict in dquoted": m("wenkusousuo", '"<<<<<<< HEAD\n      =======\n      >>>>>>> b"'),
    "alias bomb doc root": by(LIBRARY, lambda text: BOMB.replace("x-", "").encode() + text),
    "alias bomb x-ext doc": by(LIBRARY, lambda text: text + b"\n" + BOMB.encode()),
    "alias bomb meta": by(META, lambda text: b"- " + BOMB.replace("\n", "\n  ").rstrip().encode() + b"\n" + text),
    "alias small doc": by(LIBRARY, lambda text: text + b"\nx-a: &a [1, 2]\nx-b: [*a, *a]\n"),
    "merge key meta": m("- plugin_id: 2\n", "- &p\n  plugin_id: 2\n", "- plugin_id: 3\n", "- <<: *p\n  plugin_id: 3\n"),
    "recursive alias doc": by(LIBRARY, lambda text: text + b"\nx-a: &a [*a]\n"),
    "recursive alias meta": m("  deprecated: false\n", "  deprecated: false\n  foo: &a [*a]\n"),
    "undefined alias": m("version: v1.0.0", "version: *nope"),
    "deep 900 doc": by(LIBRARY, lambda text: text + b"\nx-a: " + deep("[", "]", 900).encode() + b"\n"),
    "deep 1500 doc": by(LIBRARY, lambda text: text + b"\nx-a: " + deep("[", "]", 1500).encode() + b"\n"),
    "deep 9000 doc": by(LIBRARY, lambda text: text + b"\nx-a: " + deep("[", "]", 9000).encode() + b"\n"),
    "deep 100k doc": by(LIBRARY, lambda text: text + b"\nx-a: " + deep("[", "]", 100_000).encode() + b"\n"),
    "deep 100k unclosed meta": put(META, "[" * 100_000),
    "deep 100k {a: meta": put(META, "{a: " * 100_000),
    "deep block 3000": put(META, "- " * 3000 + "a\n"),
    "two docs meta": by(META, lambda text: text + b"\n---\na: 1\n"),
    "two docs doc": by(LIBRARY, lambda text: text + b"\n---\na: 1\n"),
    "leading --- ": by(META, lambda text: b"---\n" + text),
    "%YAML 1.2": by(META, lambda text: b"%YAML 1.2\n---\n" + text),
    "%YAML 1.1": by(META, lambda text: b"%YAML 1.1\n---\n" + text),
    "trailing ...": by(META, lambda text: text + b"\n...\n"),
    "garbage 2nd doc": by(META, lambda text: text + b"\n---\n@x\n"),
    "empty first doc": by(META, lambda text: b"---\n---\n" + text),
    "dup key doc": d("openapi: 3.0.1\n", "openapi: 3.0.1\nopenapi: 3.0.1\n"),
    "dup path doc": d("paths:\n", "paths:\n  /document/coze: {}\n"),
    "python tag": m("version: v1.0.0", "version: !!python/object/apply:os.system [echo]"),
    "custom tag": m("name_for_model: wenkusousuo", "name_for_model: !foo wenkusousuo"),
    "unquoted colon": m("description_for_human: ", "description_for_human: a: "),
    "hash truncation": m("name_for_human: 文库搜索", "name_for_human: # 文库搜索"),
    "glued append": by(META, lambda text: text.rstrip(b"\n") + b"- plugin_id: 99\n  version: v1\n"),
    "date value": by(LIBRARY, lambda text: text + b"\nx-a: 2024-01-01\n"),
    "date in info.version": d("version: v1", "version: 2024-01-01"),
    "yes summary": d("summary: 根据关键词检索豆柴文档", "summary: yes"),
    "title: on": d("title: 文库搜索", "title: on"),
    "title: 123": d("title: 文库搜索", "title: 123"),
    "key = y": by(LIBRARY, lambda text: text + b"\nx-a: {y: 1}\n"),
    "= value": by(LIBRARY, lambda text: text + b"\nx-a: =\n"),
    "nbsp indent": m("  product_id", "\u00a0 product_id"),
    "fullwidth colon": m("  deprecated: false", "  deprecated\uff1a false"),
    "smart quotes payload": payload("'{“key”: “a”}'"),
    "10MB comment": by(META, lambda text: text + b"\n#" + b"x" * 10_000_000),
    "long scalar 10MB": m("wenkusousuo", "x" * 10_000_000),
}  # fmt: skip

PROBES: Mapping[str, Edit] = {**FIELDS, **BYTES}
