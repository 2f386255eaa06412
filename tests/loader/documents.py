"""Facts on the OpenAPI documents: what kin-openapi decodes and validates, and what the loader asks beyond it."""

from __future__ import annotations

import json

import yaml
from edits import both, cut, put, sub
from plugins import BERTHS, FERRIES
from plugins import BERTHS_PATH as BERTHS_DOC
from plugins import FERRIES_PATH as FERRIES_DOC
from plugins import META_PATH as META
from plugins import PILOTS_PATH as PILOTS_DOC
from plugins import TIDES_PATH as TIDES_DOC

from loader import COLON, OPENAPI_30, Fact, dies, loads, one, skips, stricter, swap, warned

DAYS = "            type: integer\n            default: 3\n            maximum: 14\n"
PORT = "        - name: port\n          in: path\n          required: true\n          schema:\n            type: string\n"
HIGH = "        high:\n          type: array\n          items:\n            type: string\n"
ANSWER = FERRIES[FERRIES.index("      responses:\n") :]
BODY = BERTHS[BERTHS.index("        content:\n") : BERTHS.index("      responses:\n")]
OBJECT = "{application/json: {schema: {type: object}}}"
GOOD_200 = f'"200": {{description: x, content: {OBJECT}}}'


def days(schema: str) -> str:
    """Return the lines of another schema for the parameter `days`."""
    return "".join(f"            {line}\n" for line in schema.split("\n"))


def prop(schema: str) -> str:
    """Return another property of the tides, in braces."""
    return f"        high: {{{schema}}}\n"


def parameters(text: str) -> str:
    """Return the start of the ferries' operation with these parameters, in brackets."""
    return f"    get:\n      parameters: [{text}]\n"


def answers(text: str) -> str:
    """Return other responses of the ferries, in braces."""
    return f"      responses: {{{text}}}\n"


def body(text: str) -> str:
    """Return another body of the request for a berth, in braces."""
    return f"      requestBody: {{{text}}}\n"


def component(text: str) -> str:
    """Return the start of the components of the tides with one more."""
    return f"components:\n  {text}\n"


def below_root(text: str) -> str:
    """Return the start of a document with one line more."""
    return f"openapi: 3.0.1\n{text}\n"


def url(text: str) -> str:
    """Return the server of the ferries."""
    return f"  - url: {text}\n"


def servers(text: str) -> str:
    """Return another value for the servers of the ferries."""
    return f"servers:{text}\n"


WHOLE = [
    *(one(f"a document {text!r}", put(FERRIES_DOC, text), skips("document-empty")) for text in ("", "\n", "# to do\n")),
    *(one(f"a document {text!r}", put(FERRIES_DOC, text), skips("document-type")) for text in ("[]\n", "- a\n", "ferries\n", "5\n", "true\n", "2026-05-01\n")),
    *(one(f"a document {text!r}", put(FERRIES_DOC, text), skips("openapi-version document document server tool-not-in-document")) for text in ("{}\n", "x-pier: 1\n")),
    one("a document that is null", put(FERRIES_DOC, "~\n"), skips("document-empty")),
    one("a document in JSON", put(FERRIES_DOC, json.dumps(yaml.safe_load(FERRIES))), loads()),
    one("a document in JSON, indented", put(FERRIES_DOC, json.dumps(yaml.safe_load(FERRIES), indent=2)), loads()),
    one("a document in JSON, a key twice", put(FERRIES_DOC, json.dumps(yaml.safe_load(FERRIES)).replace('"info": ', '"openapi": "3.0.1", "info": ')), warned("repeated-key")),
    one("a document in JSON, cut off", put(FERRIES_DOC, json.dumps(yaml.safe_load(FERRIES))[:-2]), skips("yaml-syntax")),
    one("a document cut off after its operations' names", cut(FERRIES_DOC, "      responses:", ""), skips("response")),
    one("a document cut off in its answer", cut(FERRIES_DOC, "          content:", ""), skips("response")),
    one("a document cut off before its paths", cut(FERRIES_DOC, "paths:", ""), skips("document tool-not-in-document")),
    *swap(
        FERRIES_DOC, "openapi: 3.0.1\n",
        skips("openapi-version", "", "swagger: '2.0'\n", "openapi: ''\n", "openapi:\n"),
        skips("openapi-version document-key", "OpenAPI: 3.0.1\n"),
        skips("document-type", "openapi: 3.0\n", "openapi: 3\n", "openapi: [3.0.1]\n", "openapi: {v: 3.0.1}\n", "openapi: true\n"),
        stricter(OPENAPI_30, "openapi-version", "openapi: '3.0'\n", "openapi: 3.1.0\n", "openapi: '2.0'\n", "openapi: 4.0.0\n", "openapi: newest\n", "openapi: v3.0.1\n"),
        loads("openapi: 3.0.0\n", "openapi: 3.0.2\n", "openapi: 3.0.3\n", "openapi: '3.0.1'\n", "openapi: 3.0.1 # the version\n"),
        skips("duplicate-key", "openapi: 3.0.1\nopenapi: 3.0.1\n", "openapi: 3.0.1\n'openapi': 3.0.0\n"),
    ),
    *swap(
        FERRIES_DOC, "openapi: 3.0.1\n",
        skips("document-key", "pier: 1", "Paths: {}", "webhooks: {}", "server: {}", "jsonSchemaDialect: x"),
        loads("x-pier: 1", "x-pier: [1, {a: b}]", "x-pier:", "x-pier: {y: n}", "x-pier: 2026-05-01", "x-pier: =", "security: []", "tags: []", "externalDocs: {url: 'https://a'}", "components:", "components: {}"),
        skips("document-type", "x-pier: .inf", "x-pier: .nan", "x-pier: {~: 1}", "x-pier: {[a]: 1}", "tags: {}", "tags: [{name: [a]}]", "components: []", "security: {}", "externalDocs: a"),
        dies("document-type", "tags: [~]"),
        stricter(COLON, "yaml-syntax", "x-pier: {a:}", "x-pier: {a:, b: 1}"),
        skips("duplicate-key", "x-pier: {a: 1, a: 2}", "x-pier: 1\nx-pier: 2"),
        skips("yaml-syntax", "x-pier: a: b", "\tx-pier: 1", "x-pier: [", "x-pier: 'a", "x-pier: \"\\q\"", "x-pier: @a"),
        skips("yaml-alias", "x-pier: *a", "x-pier: &a [*a]", "<<: *a", "<<:", "<<: [a]"),
        skips("conflict-marker", "<<<<<<< ours\nx-a: 1\n=======\nx-a: 2\n>>>>>>> theirs"),
        skips("document-key", "externalDocs: {url: 'https://a', pier: 1}"),
        form=below_root,
    ),
    *swap(
        FERRIES_DOC, "info:\n  title: Ferries\n  description: Where they go\n  version: v1\n",
        skips("document", "", "info:\n", "info: {title: a, version: v1}\n", "info: {title: a, description: b}\n", "info: {description: b, version: v1}\n", "info: {title: '', description: b, version: v1}\n",
              "info: {title: a, description: '', version: v1}\n", "info: {title: a, description: b, version: }\n"),
        skips("document document document", "info: {}\n"),
        skips("document-type", "info: []\n", "info: Ferries\n", "info: {title: 360, description: b, version: v1}\n", "info: {title: a, description: b, version: 1.0}\n", "info: {title: true, description: b, version: v1}\n",
              "info: {title: a, description: [b], version: v1}\n"),
        skips("document-key", "info: {title: a, description: b, version: v1, author: c}\n"),
        loads("info: {title: yes, description: no, version: on}\n", "info: {title: 2026-05-01, description: 12:30, version: 2026-05-01}\n", "info: {title: 1e400, description: b, version: 1.0.0}\n",
              "info: {title: '360', description: b, version: '1.0'}\n", "info: {title: a, description: b, version: v1, x-author: c, contact: {name: d}, license: {name: e}}\n"),
        skips("document", "info: {title: a, description: b, version: v1, license: {}}\n"),
        skips("document-key", "info: {title: a, description: b, version: v1, contact: {phone: d}}\n"),
    ),
    *swap(FERRIES_DOC, "paths:\n  /ferries:", skips("document tool-not-in-document", "x-paths:\n  /ferries:"), skips("tool-not-in-document", "paths: {}\nx-paths:\n  /ferries:", at=META), skips("document-type", "paths: []\nx-paths:\n  /ferries:")),
]  # fmt: skip

SERVERS = [
    *swap(
        FERRIES_DOC, "servers:\n  - url: https://ferries.example.org\n",
        skips("server", "", " []", "\n  - url: https://a\n  - url: https://b", " [{url: ''}]", " [{}]"),
        dies("document-type", " [~]", " [{url: 'https://a/{v}', variables: {v: ~}}]"),
        skips("document-type", " {url: 'https://a'}", " https://a", " [https://a]", " [{url: 5}]", " [{url: [a]}]"),
        skips("document-key", " [{url: 'https://a', name: b}]"),
        loads(" [{url: 'https://a', description: b}]", " [{url: 'https://a', x-name: b}]", " [{url: 'https://a/{v}', variables: {v: {default: b}}}]",
              " [{url: 'https://a/{v}', variables: {v: {default: b, enum: [b, c], description: d}}}]"),
        skips("server", " [{url: 'https://a/{v}'}]", " [{url: 'https://a/{v}', variables: {w: {default: b}}}]", " [{url: 'https://a', variables: {w: {default: b}}}]",
              " [{url: 'https://a/{v}/{v}', variables: {v: {default: b}}}]", " [{url: 'https://a/{v}', variables: {v: {}}}]", " [{url: 'https://{v}/', variables: {v: {default: b}}}]",
              " [{url: 'https://a:{v}/', variables: {v: {default: b}}}]"),
        skips("document-type", " [{url: 'https://a/{v}', variables: []}]", " [{url: 'https://a/{v}', variables: {v: {default: 1}}}]"),
        form=servers,
    ),
    *swap(
        FERRIES_DOC, "  - url: https://ferries.example.org\n",
        skips("server", "/api", "ferries.example.org", "./api", "'https://'", "'https:///api'", "localhost:8080", "'https://a b'", "'https://a:port'", "'https://[::1'", "'https://%zz'", "'https://h/" + "a" * 503 + "'", "'://a'", "'mailto:a@b'", "'https://a/}'", "'https://a/{'"),
        warned("http-server", "http://ferries.example.org", "'http://:80'"),
        loads("//ferries.example.org", "https://ferries.example.org:8443/v1", "ftp://ferries.example.org", "https://user:word@ferries.example.org", "https://[::1]/", "https://10.0.0.1", "'https://h/" + "a" * 502 + "'",
              "HTTPS://FERRIES.EXAMPLE.ORG", "'https://a?b=c#d'", "https://渡船.example.org"),
        form=url,
    ),
]  # fmt: skip

PATHS = [
    *swap(
        TIDES_DOC, "  /alarms:\n",
        skips("path", "  alarms:\n", "  x-alarms:\n"),
        skips("path", "  /alarms/{id}:\n", "  /{a}/{b}:\n"),
    ),
    *swap(TIDES_DOC, "paths:\n", loads("paths:\n  /later:\n", "paths:\n  /later: {}\n", "paths:\n  /later: {summary: a, description: b}\n"), skips("document-key", "paths:\n  /later: {got: {}}\n"),
          skips("path", "paths:\n  '': {}\n", "paths:\n  later: {}\n", "paths:\n  x-later: {}\n"), skips("document-type", "paths:\n  /later: []\n", "paths:\n  /later: {get: []}\n"), skips("duplicate-key", "paths:\n  /alarms: {}\n"),
          loads("paths:\n  /tides/{haven}: {get: {operationId: x, summary: y, parameters: [{name: haven, in: path, required: true, schema: {type: string}}], responses: {" + GOOD_200 + "}}}\n")),
    *swap(
        TIDES_DOC, PORT,
        skips("path", ""),
        loads("        - {name: haven, in: path, required: true, schema: {type: string}}\n"),
        skips("parameter", "        - {name: port, in: path, schema: {type: string}}\n", "        - {name: port, in: path, required: false, schema: {type: string}}\n",
              "        - {name: port, in: path, required: true, schema: {type: array, items: {type: string}}}\n", "        - {name: port, in: path, required: true, schema: {type: object}}\n"),
        skips("document-type", "        - {name: port, in: path, required: yes, schema: {type: string}}\n", "        - {name: port, in: path, required: 'true', schema: {type: string}}\n"),
        loads("        - {name: port, in: path, required: true, schema: {type: integer}}\n", "        - {name: port, in: path, required: true, style: label, schema: {type: string}}\n"),
    ),
    *swap(PILOTS_DOC, "  /pilots/{ship}:\n    parameters:\n", skips("path", "  /pilots/{ship}:\n    x-parameters:\n"), loads("  /pilots/{ship}:\n    summary: One\n    parameters:\n", "  /pilots/{ship}:\n    servers: [{url: /}]\n    parameters:\n")),
    *(one(f"{verb} as a method", both(sub(FERRIES_DOC, "    get:", f"    {verb}:"), sub(META, "method: get\n      sub_url: /ferries", f"method: {verb}\n      sub_url: /ferries")), loads())
      for verb in ("put", "post", "delete", "options", "head", "patch", "trace")),
    *swap(FERRIES_DOC, "    get:\n", skips("document-key tool-not-in-document", "    GET:\n", "    query:\n"), skips("tool-not-in-document", "    post:\n", at=META), loads("    x-level: 1\n    get:\n", "    $ref:\n    get:\n")),
]  # fmt: skip

OPERATIONS = [
    *swap(
        FERRIES_DOC, "      operationId: ferries\n      summary: All ferries\n",
        skips("operation", "      summary: a\n", "      operationId: a\n", "      operationId: ''\n      summary: a\n", "      operationId: a\n      summary: ''\n", "      operationId:\n      summary: a\n", "      operationId: a\n      summary: # a\n"),
        skips("document-type", "      operationId: 5\n      summary: a\n", "      operationId: a\n      summary: 1.5\n", "      operationId: a\n      summary: false\n", "      operationId: a\n      summary: [a]\n",
              "      operationId: a\n      summary: b\n      deprecated: yes\n", "      operationId: a\n      summary: b\n      deprecated: 1\n", "      operationId: a\n      summary: b\n      tags: ships\n", "      operationId: a\n      summary: b\n      tags: [1]\n"),
        skips("document-key", "      operationId: a\n      summary: b\n      sumary: c\n", "      operationID: a\n      operationId: a\n      summary: b\n", "      operationId: a\n      summary: b\n      body: {}\n"),
        skips("duplicate-key", "      operationId: a\n      summary: b\n      summary: c\n"),
        loads("      operationId: yes\n      summary: no\n", "      operationId: a b\n      summary: ' '\n", "      operationId: a\n      summary: b\n      deprecated: true\n", "      operationId: a\n      summary: b\n      tags: [c]\n      description: d\n",
              "      operationId: a\n      summary: b\n      x-level: 1\n", "      operationId: 2026-05-01\n      summary: 12:30\n", "      operationId: a\n      summary: b\n      parameters: []\n", "      operationId: a\n      summary: b\n      security: []\n",
              "      operationId: a\n      summary: b\n      servers: [{pier: 1}]\n", "      operationId: a\n      summary: b\n      callbacks: {c: {d: {post: {}}}}\n", "      operationId: a\n      summary: b\n      externalDocs: {url: 'https://c'}\n"),
    ),
    *swap(TIDES_DOC, "operationId: alarm", skips("operation", "operationId: tides"), loads("operationId: Tides")),
    *swap(FERRIES_DOC, "paths:\n", skips("operation", "paths:\n  /idle: {get: {summary: x, responses: {" + GOOD_200 + "}}}\n", "paths:\n  /idle: {get: {operationId: x, responses: {" + GOOD_200 + "}}}\n"),
          skips("response", "paths:\n  /idle: {get: {operationId: x, summary: y, responses: {\"204\": {description: x}}}}\n"), loads("paths:\n  /idle: {get: {operationId: x, summary: y, responses: {" + GOOD_200 + "}}}\n")),
]  # fmt: skip

PARAMETERS = [
    *swap(
        FERRIES_DOC, "    get:\n",
        loads("", "{name: a, in: query, style: deepObject, schema: {type: string}}", "{name: a, in: query, schema: {type: string}}", "{name: a, in: header, schema: {type: string}}", "{name: a, in: cookie, schema: {type: string}}", "{name: a, in: query, schema: {type: array, items: {type: string}}}",
              "{name: a, in: query, schema: {type: string}}, {name: a, in: header, schema: {type: string}}", "{name: a, in: query, style: form, explode: true, schema: {type: string}}", "{name: a, in: query, allowEmptyValue: true, schema: {type: string}}",
              "{name: a, in: query, description: b, deprecated: true, required: true, schema: {type: string}}", "{name: a, in: query, x-b: 1, schema: {type: string}}", "{name: a, in: query, schema: {type: string}, example: b}",
              "{name: a, in: query, schema: {type: string}, examples: {b: {value: c}}}", "{name: a, in: query, style: spaceDelimited, explode: false, schema: {type: array, items: {type: string}}}", "{name: a, in: header, style: simple, schema: {type: string}}"),
        skips("parameter", "{in: query, schema: {type: string}}", "{name: '', in: query, schema: {type: string}}", "{name: a, schema: {type: string}}", "{name: a, in: body, schema: {type: string}}", "{name: a, in: formData, schema: {type: string}}",
              "{name: a, in: Query, schema: {type: string}}", "{name: a, in: query}", "{name: a, in: query, schema: {}}", "{name: a, in: query, schema: {description: b}}", "{name: a, in: query, schema: {type: object}}",
              "{name: a, in: query, schema: {type: string}, content: " + OBJECT + "}", "{name: a, in: query, content: " + OBJECT + "}", "{name: a, in: query, style: matrix, schema: {type: string}}", "{name: a, in: header, style: form, schema: {type: string}}",
              "{name: a, in: query, schema: {type: string}}, {name: a, in: query, schema: {type: integer}}"),
        skips("parameter parameter parameter", "{}"),
        skips("path", "{name: a, in: path, required: true, schema: {type: string}}"),
        skips("schema", "{name: a, in: query, schema: {type: text}}", "{name: a, in: query, schema: {type: array}}", "{name: a, in: query, schema: {type: String}}"),
        skips("document-type", "{name: 5, in: query, schema: {type: string}}", "{name: a, in: query, schema: string}", "{name: a, in: query, schema: {type: [string]}}", "{name: a, in: query, required: yes, schema: {type: string}}", "a", "[]", "~",
              "{name: a, in: query, explode: 1, schema: {type: string}}"),
        skips("document-key", "{name: a, in: query, type: string, schema: {type: string}}", "{name: a, in: query, default: 1, schema: {type: string}}"),
        skips("reference", "{$ref: '#/components/parameters/A'}", "{$ref: 'tides.yaml#/a'}", "{$ref: 'https://a/b'}", "{$ref: '#'}", "{$ref: '#/info'}"),
        skips("example", "{name: a, in: query, schema: {type: string}, example: b, examples: {c: {value: d}}}", "{name: a, in: query, schema: {type: integer}, example: b}", "{name: a, in: query, schema: {type: integer}, examples: {b: {value: c}}}"),
        form=parameters,
    ),
    *swap(TIDES_DOC, "        - name: days\n", skips("parameter", "        - {name: days, in: query, schema: {type: string}}\n        - name: days\n", "        - name: \n"), skips("parameter parameter parameter document-key", "        - nam: a\n        - name: days\n")),
    *swap(PILOTS_DOC, "#/components/parameters/Limit", skips("reference", "#/components/parameters/limit", "#/components/schemas/Pilot", "/components/parameters/Limit", "#components/parameters/Limit", "Limit"), dies("reference", "#//components", "#/"), skips("parameter parameter parameter document-key", "#/components/parameters")),
    *swap(PILOTS_DOC, "        - $ref: '#/components/parameters/Limit'\n", skips("reference-sibling", "        - $ref: '#/components/parameters/Limit'\n          description: x\n", "        - $ref: '#/components/parameters/Limit'\n          name: x\n"),
          skips("reference-sibling", "        - $ref: '#/components/parameters/Limit'\n          x-a: 1\n"), loads("        - $ref: '#/components/parameters/Limit'\n        - {name: more, in: query, schema: {type: string}}\n"),
          skips("parameter", "        - $ref: '#/components/parameters/Limit'\n        - $ref: '#/components/parameters/Limit'\n")),
]  # fmt: skip

BODIES = [
    *swap(
        BERTHS_DOC, "      requestBody:\n" + BODY,
        loads("content: " + OBJECT, "required: true, content: " + OBJECT, "description: a, content: " + OBJECT, *(f"content: {{{kind}: {{schema: {{type: object}}}}}}" for kind in ("application/problem+json", "application/x-yaml", "application/yaml")),
              "x-a: 1, content: " + OBJECT, "content: {application/json: {schema: {type: object}, example: {a: 1}}}", "content: {application/json: {schema: {type: object}, encoding: {a: {style: pier}}}}"),
        skips("request-body", "", "content: {}", "description: a", "content: ", *(f"content: {{{kind}: {{schema: {{type: object}}}}}}" for kind in ("multipart/form-data", "text/plain", "Application/JSON", "'application/json; charset=utf-8'", "'*/*'", "application/xml", "text/yaml")),
              "content: {application/json: {schema: {type: object}}, application/yaml: {schema: {type: object}}}", "content: {application/json: {schema: {type: array, items: {type: string}}}}", "content: {application/json: {schema: {type: string}}}",
              "content: {application/json: {schema: {}}}", "content: {application/json: {}}", "content: {application/json: {schema: {properties: {a: {type: string}}}}}", "content: {application/json: }", "content: {application/json: {schema: {allOf: [{type: object}]}}}"),
        skips("document-type", "content: []", "content: application/json", "required: yes, content: " + OBJECT, "content: {application/json: {schema: object}}", "content: {application/json: []}"),
        skips("document-key", "contents: {}, content: " + OBJECT, "content: {application/json: {schema: {type: object}, type: a}}"),
        skips("reference", "$ref: '#/components/requestBodies/A'", "$ref: 'a.yaml'"),
        skips("request-body schema", "content: {application/json: {schema: {type: objekt}}}"),
        skips("schema", "content: {application/json: {schema: {type: object, properties: {a: {type: array}}}}}"),
        skips("example", "content: {application/json: {schema: {type: object}, example: a}}", "content: {application/json: {schema: {type: object, required: [a]}, example: {}}}"),
        form=body,
    ),
    *swap(BERTHS_DOC, "      requestBody:\n" + BODY, loads("")),
    *swap(PILOTS_DOC, "#/components/requestBodies/Order", skips("reference", "#/components/requestBodies/order", "#/components/responses/Pilots", "../pilots.yaml#/a")),
]  # fmt: skip

ANSWERS = [
    *swap(
        FERRIES_DOC, ANSWER,
        loads(GOOD_200, GOOD_200.replace('"200"', "200"), GOOD_200.replace('"200"', "'200'"), GOOD_200 + ", default: {description: x}", GOOD_200 + ", default: {description: ''}", GOOD_200.replace("x,", "'',"), GOOD_200.replace("description", "headers: {A: {schema: {type: string}}}, description"),
              GOOD_200.replace("type: object", "type: object, properties: {a: {type: string}}"), GOOD_200.replace("type: object", "type: object, nullable: true"), GOOD_200 + ", default: {description: x, content: {text/plain: {schema: {type: string}}}}"),
        skips("response", "", GOOD_200.replace("200", "201"), GOOD_200.replace("200", "2XX"), "default: {description: x}", GOOD_200 + ', "404": {description: x}', GOOD_200 + ", default: {description: x}, \"404\": {description: x}", GOOD_200.replace("description: x, ", ""),
              '"200": {description: x}', '"200": {description: x, content: {}}', GOOD_200.replace("application/json", "text/plain"), GOOD_200.replace("application/json", "'application/json; charset=utf-8'"), GOOD_200.replace("type: object", "type: string"),
              GOOD_200.replace("type: object", "type: array, items: {type: string}"), GOOD_200.replace("type: object", ""), '"200": {description: x, content: {application/json: {}}}', '"200": {description: x, content: {application/json: {schema: {type: object}}, text/plain: {}}}',
              GOOD_200 + ", default: {}", GOOD_200 + ", x-a: {description: x}", '"200": {description: x, content: {application/json: }}', GOOD_200.replace("200", "0x200"), GOOD_200.replace("description: x", "description: ")),
        skips("document-type", '"200":', '"200": []', '"200": done', GOOD_200.replace("x,", "5,"), GOOD_200 + ", default: ", GOOD_200.replace("description", "headers: [], description"), GOOD_200 + ", x-a: 1"),
        skips("document-key", GOOD_200.replace("description", "desc: a, description"), GOOD_200.replace("description", "schema: {}, description")),
        skips("duplicate-key", GOOD_200 + ", " + GOOD_200),
        skips("reference", "\"200\": {$ref: '#/components/responses/A'}", "\"200\": {$ref: '#/components/schemas/A'}", GOOD_200 + ", default: {$ref: '#/components/responses/A'}"),
        skips("schema", GOOD_200.replace("type: object", "type: object, properties: {a: {type: map}}"), GOOD_200 + ", default: {description: x, content: {text/plain: {schema: {type: text}}}}"),
        form=answers,
    ),
    *swap(FERRIES_DOC, ANSWER, skips("response", "", "      responses:\n", "      responses: {}\n"), skips("document-type", "      responses: []\n", "      responses: none\n")),
    *swap(TIDES_DOC, "          description: The tides\n", skips("response", "", "          description:\n"), loads("          description: ''\n", "          description: '200'\n"), skips("document-type", "          description: 200\n"), skips("document-key", "          summary: a\n          description: b\n"), skips("yaml-syntax", "          description: a: b\n", "           description: a\n")),
    *swap(TIDES_DOC, "                $ref: '#/components/schemas/Tides'\n", skips("reference-sibling", "                $ref: '#/components/schemas/Tides'\n                description: a\n"), skips("response", "                oneOf: [{$ref: '#/components/schemas/Tides'}]\n")),
    *swap(PILOTS_DOC, "          $ref: '#/components/responses/Pilots'\n", skips("reference-sibling", "          $ref: '#/components/responses/Pilots'\n          description: a\n")),
    *swap(PILOTS_DOC, "                allOf:\n                  - $ref: '#/components/schemas/Pilot'\n                type: object\n", skips("response", "                allOf:\n                  - $ref: '#/components/schemas/Pilot'\n"),
          loads("                type: object\n", "                anyOf:\n                  - $ref: '#/components/schemas/Pilot'\n                type: object\n", "                $ref: '#/components/schemas/Pilot'\n")),
    *swap(PILOTS_DOC, "            X-Pilot:\n              schema:\n                type: string\n", loads("            X-Pilot: {description: a, schema: {type: integer}}\n", "            X-Pilot: {schema: {type: string}, x: 1}\n"), skips("response", "            X-Pilot: {type: string}\n", "            X-Pilot: {}\n"),
          skips("document-type", "            X-Pilot:\n", "            X-Pilot: string\n"), skips("schema", "            X-Pilot: {schema: {type: strin}}\n"), skips("reference", "            X-Pilot: {$ref: '#/components/headers/A'}\n")),
]  # fmt: skip

SCHEMAS = [
    *swap(
        TIDES_DOC, DAYS,
        loads("type: integer", "type: number", "type: boolean", "type: string", "type: array\nitems: {type: string}", "type: integer\nformat: int64", "type: string\nformat: pier", "type: string\nnullable: true", "type: string\nx-a: 1", "type: integer\ndefault: 3",
              "type: number\ndefault: 3", "type: number\ndefault: 0x10", "type: string\ndefault: a", "type: string\ndefault: yes", "type: string\ndefault: ''", "type: boolean\ndefault: true", "type: string\nenum: [a, b]\ndefault: a", "type: string\npattern: ^a$\nexample: a",
              "type: string\nnullable: true\ndefault:", "type: string\nnullable: true\nexample: null", "type: integer\nminimum: 0\nmaximum: 10\nexample: 10", "type: integer\nmultipleOf: 5\nexample: 10", "type: string\nminLength: 2\nexample: ab", "type: string\nmaxLength: 2\nexample: 潮汐",
              "type: string\nformat: date\nexample: '2026-05-01'", "type: string\ndefault: 12:30", "type: string\nformat: email\nexample: nobody", "type: string\nreadOnly: true", "type: string\ndescription: a\ntitle: b\ndeprecated: true", "type: string\nexternalDocs: {url: 'https://a'}",
              "type: string\nxml: {name: a}", "type: string\npattern: '\\d{2,3}'", "type: string\npattern: '(?i)a'", "type: string\npattern: '[[:alpha:]]+'", "type: string\npattern: '\\pL'", "type: string\npattern: ''", "type: integer\nexample: 1e3", "type: integer\ndefault: 3.0",
              "type: array\nitems: {type: integer}\ndefault: [1, 2]", "type: array\nitems: {type: integer}\nminItems: 1\nexample: [1]", "type: array\nuniqueItems: true\nitems: {type: integer}\nexample: [1, 2]", "type: string\noneOf: [{minLength: 1}]\nexample: a", "type: string\nnot: {type: integer}\nexample: a",
              "type: string\nwriteOnly: true"),
        skips("parameter", "type: object", "{}", "description: a", "nullable: true", "type: ''", "type:", "type: object\nproperties: {a: {type: string}}"),
        skips("schema", "type: strng", "type: Integer", "type: int", "type: null_", "type: file", "type: array", "type: array\nitems:", "type: array\nitems: {type: text}", "type: array\nitems: {type: array}", "type: string\nreadOnly: true\nwriteOnly: true", "type: any", "type: string\nallOf: [{type: text}]"),
        skips("document-type", "type: [string, 'null']", "type: 5", "type: integer\nmaximum: ten", "type: integer\nminimum: '1'", "type: string\nmaxLength: -1", "type: string\nminLength: 1.5", "type: string\nenum: a", "type: string\nrequired: true", "type: string\nnullable: yes", "type: array\nitems: []",
              "type: array\nitems: string", "type: string\npattern: 5", "type: string\nallOf: {type: string}", "type: string\nproperties: []", "type: integer\nexclusiveMaximum: 5", "type: string\ntitle: 1", "type: string\ndefault: .inf"),
        skips("document-key", "type: string\nconst: a", "type: string\nexamples: [a]", "type: string\nfoo: 1", "type: string\nMinLength: 1", "type: string\nif: {}", "type: string\noptional: true"),
        skips("pattern", "type: string\npattern: '(?!a)b'", "type: string\npattern: '(?=a)'", "type: string\npattern: '(?<=a)b'", "type: string\npattern: '('", "type: string\npattern: '['", "type: string\npattern: '*a'", "type: string\npattern: 'a{2,1}'", "type: string\npattern: '\\1'", "type: string\npattern: 'a**'",
              "type: string\npattern: '\\u0041'", "type: string\npattern: 'a{1001}'", "type: string\npattern: '[b-a]'", "type: string\npattern: '(?P<n'", "type: string\npattern: '\\Z'", "type: string\npattern: '\\pX'", "type: string\npattern: 'a++'", "type: string\npattern: '\\'"),
        skips("default", "type: integer\ndefault: a", "type: integer\ndefault: '3'", "type: integer\ndefault: 3.5", "type: integer\nmaximum: 2\ndefault: 3", "type: string\ndefault: 3", "type: string\nenum: [a, b]\ndefault: c", "type: boolean\ndefault: yes", "type: boolean\ndefault: 'true'", "type: string\nminLength: 2\ndefault: a",
              "type: string\npattern: ^b\ndefault: a", "type: array\nitems: {type: integer}\ndefault: [a]", "type: array\nitems: {type: integer}\ndefault: 1", "type: string\nformat: date\ndefault: 2026-05-01", "type: integer\nminimum: 1\nexclusiveMinimum: true\ndefault: 1", "type: integer\nmultipleOf: 2\ndefault: 3", "type: string\ndefault: true",
              "type: number\ndefault: 1:30"),
        skips("example", "type: integer\nexample: a", "type: integer\nexample: '1'", "type: string\nexample: 1", "type: string\nmaxLength: 1\nexample: ab", "type: string\nenum: [a]\nexample: b", "type: boolean\nexample: 0", "type: array\nitems: {type: string}\nexample: a", "type: array\nitems: {type: string}\nexample: [1]", "type: string\nexample: {a: b}",
              "type: string\nformat: date\nexample: 2026-13-1", "type: integer\nminimum: 5\nexample: 4"),
        form=days,
    ),
    *swap(
        TIDES_DOC, HIGH,
        loads("", "type: object", "type: object, additionalProperties: true", "type: object, additionalProperties: {type: string}", "type: object, properties: {a: {}}", "type: object, properties: {}", "$ref: '#/components/schemas/Tides'", "$ref: '#/components/schemas/Tides', pier: 1", "description: a",
              "oneOf: [{type: string}, {type: integer}]", "allOf: [{$ref: '#/components/schemas/Tides'}]", "anyOf: []", "type: object, required: [a, b]", "type: object, minProperties: 1, maxProperties: 2", "type: object, discriminator: {propertyName: a}", "type: object, discriminator: {propertyName: a, pier: 1}",
              "type: string, enum: []", "type: string, enum: [a, a]", "type: string, format: 'date-time'", "not: {$ref: '#/components/schemas/Tides'}", "type: object, example: {a: [1]}", "type: object, default: {}", "type: object, properties: {a: {$ref: '#/components/schemas/Tides'}}"),
        skips("schema", "type: obj", "type: array", "type: object, properties: {a: {type: obj}}", "type: object, additionalProperties: {type: obj}", "oneOf: [{type: obj}]", "not: {type: obj}", "anyOf: [{type: array}]", "allOf: [{type: object, properties: {a: {type: list}}}]"),
        skips("reference", "$ref: '#/components/schemas/Gone'", "$ref: '#/components/schema/Tides'", "$ref: 'tides.yaml'", "$ref: './tides.yaml#/components/schemas/Tides'", "$ref: 'file:///etc/hostname'", "type: array, items: {$ref: '#/components/schemas/Gone'}", "allOf: [{$ref: '#/components/schemas/Gone'}]"),
        skips("document-type", "type: object, properties: {a: ~}", "type: object, properties: {a: string}", "type: object, required: a", "type: object, required: [1]", "type: object, additionalProperties: 'true'", "oneOf: [~]", "oneOf: [a]", "type: object, minProperties: -1"),
        skips("document-key", "type: object, property: {}", "typ: string", "type: object, additionalproperties: false", "type: object, patternProperties: {}"),
        skips("default", "type: object, default: []", "type: object, default: a", "type: object, required: [a], default: {}", "type: object, additionalProperties: false, default: {a: 1}", "type: object, properties: {a: {type: integer}}, default: {a: b}", "oneOf: [{type: string}, {minLength: 1}], default: a"),
        skips("example", "type: object, example: a", "type: object, required: [a], example: {b: 1}", "type: object, properties: {a: {type: integer}}, example: {a: b}", "type: object, maxProperties: 1, example: {a: 1, b: 2}", "allOf: [{type: string}], example: 1", "anyOf: [{type: string}], example: 1", "not: {type: string}, example: a"),
        form=prop,
    ),
    *swap(PILOTS_DOC, "          default: second\n", skips("default", "          default: third\n", "          default: First\n", "          default: 2\n", "          default: ' second'\n"), loads("", "          default: first\n", "          default: 'second'\n")),
    *swap(PILOTS_DOC, '                example: "2026-05-01T06:00:00Z"\n', skips("example", "                example: 2026-05-01 06:00\n", "                example: tomorrow\n", "                example: 20260501\n"), loads("                example: 2026-05-01T06:00:00Z\n", "                example: 2026-05-01\n")),
    *swap(BERTHS_DOC, "                  exclusiveMinimum: true\n                  minimum: 0\n", skips("example", "                  exclusiveMinimum: true\n                  minimum: 0\n                  example: 0\n"), loads("                  minimum: 0\n                  example: 0\n"), skips("document-type", "                  exclusiveMinimum: 0\n")),
]  # fmt: skip

COMPONENTS = [
    *swap(
        TIDES_DOC, "components:\n",
        loads("x-a: 1", "parameters: {}", "headers: {A: {schema: {type: string}}}", "examples: {A: {value: 1}}", "links: {A: {operationId: tides}}", "callbacks: {A: {'{$request.body#/a}': {post: {responses: {" + GOOD_200 + "}}}}}", "securitySchemes: {A: {type: apiKey, in: header, name: b}}",
              "securitySchemes: {A: {type: http, scheme: basic}}", "securitySchemes: {A: {type: openIdConnect, openIdConnectUrl: 'https://a'}}", "securitySchemes: {A: {type: oauth2, flows: {clientCredentials: {tokenUrl: 'https://a', scopes: {}}}}}", "responses: {A: {description: b}}", "requestBodies: {A: {content: " + OBJECT + "}}",
              "parameters: {A: {name: b, in: query, schema: {type: object}}}", "headers: {A.b-c_1: {schema: {type: string}}}"),
        skips("component-name", "headers: {'a b': {schema: {type: string}}}", "headers: {'': {schema: {type: string}}}", "parameters: {'a/b': {name: b, in: query, schema: {type: string}}}", "responses: {'ä': {description: b}}", "examples: {'a b': {value: 1}}", "securitySchemes: {'a:b': {type: http, scheme: basic}}"),
        skips("document-key", "schema: {}", "securityScheme: {}", "pathItems: {}", "securitySchemes: {A: {type: http, scheme: basic, user: b}}", "examples: {A: {value: 1, note: b}}", "links: {A: {operationId: tides, to: b}}"),
        skips("document-type", "headers: []", "parameters: {A: ~}", "responses: {A: []}", "securitySchemes: {A: http}", "headers: {A: }"),
        dies("reference", "responses: {A: {$ref: '#/components/responses/A'}}"),
        skips("reference", "links: {A: {$ref: '#/components/links/A'}}", "parameters: {A: {$ref: '#/components/parameters/B'}}", "examples: {A: {$ref: 'https://a/b'}}"),
        skips("security-scheme", "securitySchemes: {A: {}}", "securitySchemes: {A: {type: token}}", "securitySchemes: {A: {type: http}}", "securitySchemes: {A: {type: apiKey, in: body, name: k}}", "securitySchemes: {A: {type: apiKey, in: header}}", "securitySchemes: {A: {type: oauth2}}",
              "securitySchemes: {A: {type: oauth2, flows: {implicit: {scopes: {}}}}}", "securitySchemes: {A: {type: openIdConnect}}", "securitySchemes: {A: {type: http, scheme: basic, bearerFormat: JWT}}", "securitySchemes: {A: {type: http, scheme: secret}}"),
        skips("response", "responses: {A: {}}"),
        skips("request-body", "requestBodies: {A: {}}"),
        skips("parameter", "parameters: {A: {name: b, in: there, schema: {type: string}}}", "parameters: {A: {name: b, in: query}}"),
        form=component,
    ),
    *swap(TIDES_DOC, "    Tides:\n", skips("reference", "    Tide:\n", "    tides:\n"), skips("reference", "    'The tides':\n"), skips("duplicate-key", "    Tides: {type: object}\n    Tides:\n"), loads("    'Tides':\n", "    Tides2: {}\n    Tides:\n"),
          dies("default", "    A: {allOf: [{$ref: '#/components/schemas/A'}], default: 1}\n    Tides:\n"), loads("    A: {type: object, properties: {a: {$ref: '#/components/schemas/A'}}}\n    Tides:\n")),
    *swap(PILOTS_DOC, "      scheme: bearer\n", skips("security-scheme", "", "      scheme: token\n"), loads("      scheme: bearer\n      bearerFormat: JWT\n", "      scheme: digest\n", "      scheme: basic\n")),
    *swap(PILOTS_DOC, "  - name: ships\n", loads("  - name: ships\n  - name: ships\n", "  - {}\n", "  - name: ships\n    x-a: 1\n", "  []\n"), dies("document-type", "  - ~\n"), skips("document-type", "  - ships\n", "  - name: [ships]\n"), skips("document-key", "  - name: ships\n    title: a\n")),
]  # fmt: skip

FACTS: list[Fact] = [
    *WHOLE,
    *SERVERS,
    *PATHS,
    *OPERATIONS,
    *PARAMETERS,
    *BODIES,
    *ANSWERS,
    *SCHEMAS,
    *COMPONENTS,
]
