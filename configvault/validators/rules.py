"""Every rule by name: how bad it is, where it applies, what it protects from. The one list of them.

Cheap to import on purpose: the configuration's reader wants the names.
"""

from __future__ import annotations

from typing import NamedTuple

from configvault.core.model import Severity


class Rule(NamedTuple):
    """One rule; `validate.rules` may change its severity."""

    name: str
    severity: Severity
    profiles: tuple[str, ...]
    protects_from: str


_E, _W = Severity.ERROR, Severity.WARNING
_BOTH = ("coze", "generic")
_COZE = ("coze",)

_ALL = (
    Rule("mass-removal", _E, _BOTH, "a wiped or half-copied directory: more than half of the files, or all plugins, are gone"),
    Rule("validator-failed", _E, _BOTH, "a state that could not be validated completely"),
    Rule("file-too-large", _E, _BOTH, "a file that was put there by mistake (validate.max_file_size)"),
    Rule("too-many-files", _E, _BOTH, "a directory that is watched by mistake (validate.max_files)"),
    Rule("unfinished", _E, _BOTH, "a file, or a directory, that is too costly to validate completely"),
    Rule("unreadable", _W, _BOTH, "a file that only root may read, which a service of another user does not load"),
    Rule("too-many-values", _E, _BOTH, "a file that would exhaust memory"),
    Rule("too-costly", _W, _BOTH, "a file that takes too long or too much memory to be validated completely"),
    Rule("nested-too-deep", _E, _BOTH, "a file that overflows its reader's stack"),
    Rule("encoding", _E, _BOTH, "a file saved as GBK, Latin-1 or UTF-16: the service refuses to start or misreads it"),
    Rule("conflict-marker", _E, _BOTH, "an unfinished merge"),
    Rule("yaml-syntax", _E, _BOTH, "YAML that cannot be read: the service refuses to start or drops the plugin"),
    Rule("yaml-alias", _E, _BOTH, "aliases that are undefined, contain themselves, or expand without end"),
    Rule("yaml-tag", _E, _BOTH, "a tag that contradicts its value"),
    Rule("json-syntax", _E, _BOTH, "JSON that cannot be read: the service refuses to start"),
    Rule("toml-syntax", _E, _BOTH, "TOML that cannot be read"),
    Rule("repeated-key", _W, _BOTH, "a key written twice: one of them is lost"),
    Rule("byte-order-mark", _W, _COZE, "a byte order mark at the start of a YAML file, which other programs may not accept"),
    Rule("trailing-document", _W, _COZE, "text after the first YAML document, which the service never reads"),
    Rule("file-missing", _E, _COZE, "a required file missing or a directory in its place: the service refuses to start"),
    Rule("link", _E, _COZE, "a symlink that is dangling, loops or points outside the directory, and so is in no snapshot"),
    Rule("meta-empty", _E, _COZE, "an empty plugin list: the service starts without a single plugin and logs nothing"),
    Rule("meta-type", _E, _COZE, "a value of the wrong type in plugin_meta.yaml: the service refuses to start"),
    Rule("duplicate-key", _E, _COZE, "a duplicate key in a file that the service decodes: it refuses to start or drops the plugin"),
    Rule("null-entry", _E, _COZE, "an empty list item in plugin_meta.yaml: the service panics"),
    Rule("manifest-missing", _E, _COZE, "an entry without manifest: the service panics"),
    Rule("auth-missing", _E, _COZE, "a manifest without auth: the service panics"),
    Rule("plugin-version", _E, _COZE, "an invalid version (not like v1.2.3): the plugin is dropped"),
    Rule("plugin-id", _E, _COZE, "a plugin without a positive id: it is dropped"),
    Rule("plugin-type", _E, _COZE, "a plugin_type other than 1: the plugin is dropped"),
    Rule("duplicate-plugin-id", _E, _COZE, "an id that a plugin or an earlier tool already uses: the plugin is dropped"),
    Rule("duplicate-tool-id", _E, _COZE, "a tool_id that is already used: the tool is dropped"),
    Rule("tool-id", _E, _COZE, "a tool without an id, which nothing can refer to"),
    Rule("manifest", _E, _COZE, "a manifest that lacks a name, a description or its version: the plugin is dropped"),
    Rule("auth", _E, _COZE, "an auth type or sub_type the service does not know: the plugin is dropped"),
    Rule("auth-payload", _E, _COZE, "an auth payload that is not a JSON object of texts: the plugin is dropped"),
    Rule("common-params", _E, _COZE, "a place of common_params that does not exist: the plugin is dropped"),
    Rule("no-tools", _E, _COZE, "a plugin without tools, which disappears silently"),
    Rule("tool-not-in-document", _E, _COZE, "a tool whose method and sub_url no document has: it is dropped"),
    Rule("document-missing", _E, _COZE, "an openapi_doc_file that is not there: the plugin is dropped"),
    Rule("document-outside", _E, _COZE, "an openapi_doc_file outside the directory, which no snapshot contains"),
    Rule("document-empty", _E, _COZE, "an empty document: the plugin is dropped"),
    Rule("document-type", _E, _COZE, "a value of the wrong type in a document: the plugin is dropped"),
    Rule("document", _E, _COZE, "a document without info, paths, title, version or description: the plugin is dropped"),
    Rule("document-key", _E, _COZE, "a misspelt key in a document: the plugin is dropped"),
    Rule("openapi-version", _E, _COZE, "a document that is not OpenAPI 3.0.x"),
    Rule("reference", _E, _COZE, "a $ref that points nowhere or outside the document: the plugin is dropped"),
    Rule("reference-sibling", _E, _COZE, "keys next to a $ref where none are allowed: the plugin is dropped"),
    Rule("component-name", _E, _COZE, "a component with an invalid name: the plugin is dropped"),
    Rule("server", _E, _COZE, "not exactly one server, or one without a host: the plugin is dropped"),
    Rule("path", _E, _COZE, "a path without /, or whose variables are not declared: the plugin is dropped"),
    Rule("operation", _E, _COZE, "an operation without operationId or summary, or with another's: the plugin is dropped"),
    Rule("parameter", _E, _COZE, "a parameter the service cannot use: the plugin is dropped"),
    Rule("request-body", _E, _COZE, "a request body the service cannot use: the plugin is dropped"),
    Rule("response", _E, _COZE, "a response the service cannot use: the plugin is dropped"),
    Rule("schema", _E, _COZE, "a schema of an unknown type, or an array without items: the plugin is dropped"),
    Rule("pattern", _E, _COZE, "a pattern that Go cannot compile: the plugin is dropped"),
    Rule("default", _E, _COZE, "a default that does not match its schema: the plugin is dropped"),
    Rule("example", _E, _COZE, "an example that does not match its schema: the plugin is dropped"),
    Rule("security-scheme", _E, _COZE, "a security scheme that is incomplete: the plugin is dropped"),
    Rule("openapi-spec", _W, _COZE, "a document that the service accepts and other OpenAPI tools reject"),
    Rule("http-server", _W, _COZE, "tokens sent over the network in plain text"),
    Rule("product-id", _W, _COZE, "an entry without product_id, which the documentation calls required"),
    Rule("unknown-key", _W, _COZE, "a misspelt key, which the service ignores"),
    Rule("tools-deprecated", _W, _COZE, "a plugin whose tools are all deprecated: it disappears silently"),
    Rule("deprecated-without-document", _W, _COZE, "a deprecated entry that could not be restored: its document is gone"),
    Rule("unreferenced-file", _W, _COZE, "a document that no entry refers to: a plugin forgotten or left behind"),
    Rule("unreferenced-broken", _W, _COZE, "a broken document that no entry refers to yet"),
    Rule("empty-token", _W, _COZE, "a plugin whose credentials are not filled in: its tools will be refused by their server"),
    Rule("fewer-plugins", _W, _COZE, "a plugin lost by accident: fewer than in the latest snapshot"),
)  # fmt: skip

RULES: dict[str, Rule] = {rule.name: rule for rule in _ALL}
