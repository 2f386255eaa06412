"""plugin_meta.yaml: what the service decodes, and which entries it takes.

Source: Coze Studio, backend/domain/plugin/conf/load_plugin.go and crossdomain/plugin/model/plugin_manifest.go.
"""

from __future__ import annotations

from collections.abc import Iterator

from configvault.core.frozen import field, frozen, mutable
from configvault.coze import auth, semver
from configvault.coze.decode import (
    BOOLEAN,
    INTEGER,
    STRING,
    ListOf,
    MapOf,
    Struct,
    boolean,
    integer,
    string,
)
from configvault.coze.decode import violations as decoding_violations
from configvault.validators.syntax import marked, repeated, trailing
from configvault.validators.text import decode
from configvault.validators.violations import MOST_OF_ONE_FILE, Violation, first, quote, quote_value, violation
from configvault.validators.yamlnodes import Mapping, Node, Sequence, describe, is_null
from configvault.validators.yamlread import At, read

_PARAMS = MapOf(ListOf(Struct({"name": STRING, "value": STRING})))
_MANIFEST = Struct(
    {
        **dict.fromkeys(("schema_version", "name_for_model", "name_for_human", "logo_url"), STRING),
        **dict.fromkeys(("description_for_model", "description_for_human"), STRING),
        "auth": auth.SHAPE,
        "api": Struct({"type": STRING}),
        "common_params": _PARAMS,
    }
)
_TOOL = Struct({"tool_id": INTEGER, "deprecated": BOOLEAN, "method": STRING, "sub_url": STRING})
ENTRY = Struct(
    {
        "plugin_id": INTEGER,
        "deprecated": BOOLEAN,
        "version": STRING,
        "openapi_doc_file": STRING,
        "plugin_type": INTEGER,
        "manifest": _MANIFEST,
        "tools": ListOf(_TOOL),
    },
    frozenset(["product_id"]),
)
_REQUIRED_TEXTS = ("name_for_model", "name_for_human", "description_for_model", "description_for_human")
_API_TYPES = ("openapi", "coze-studio-custom")
_PLACES = ("body", "header", "path", "query")
_RESTORE = "restore the file: configvault rollback latest"


@frozen
class Tool:
    """One tool as the service decodes it, and where its parts stand."""

    id: int
    id_at: At
    method: str
    url: str
    at: At


@frozen
class Plugin:
    """One entry that is a mapping. `document` is None where it could not be decoded; only live tools count."""

    id: int
    id_at: At
    name: str
    at: At
    deprecated: bool
    document: str | None
    document_at: At
    tools: tuple[Tool, ...]

    @property
    def label(self) -> str:
        """Return how messages call it."""
        return f"plugin {self.id}" + (f" ({self.name})" if self.name else "")


@mutable
class Meta:
    """What plugin_meta.yaml says; `plugins` is None where it cannot be read."""

    violations: list[Violation] = field(default_factory=list)
    plugins: tuple[Plugin, ...] | None = None

    @property
    def live(self) -> int | None:
        """Return how many plugins are not deprecated and have a tool, None where that is unknown."""
        if self.plugins is None:
            return None
        return sum(1 for plugin in self.plugins if not plugin.deprecated and plugin.tools)


def validate(data: bytes) -> Meta:
    """Return what `data` says as plugin_meta.yaml."""
    text = decode(data)
    if text.text is None or text.violations:
        return Meta(text.violations)
    reading = read(text.text)
    meta = Meta([*marked(text), *reading.violations, *trailing(reading)])
    if reading.broken:
        return meta
    root = reading.root
    if root is None or is_null(root):
        meta.violations.append(_empty(data, root))
    elif type(root) is not Sequence:
        message = f"plugin_meta.yaml must be a list of plugins, not {describe(root)}"
        meta.violations.append(violation("meta-type", root, message, "begin each plugin with `- `"))
    else:
        _entries(root, meta)
    return meta


def _empty(data: bytes, root: Node | None) -> Violation:
    what = "the first document of the file is empty" if data.strip() else "the file is empty"
    return violation("meta-empty", root, f"{what}: the service would start without any plugin", _RESTORE)


def _entries(root: Sequence, meta: Meta) -> None:
    if not root.items:
        meta.violations.append(
            violation(
                "meta-empty", root, "the list is empty: the service would start without any plugin", _RESTORE
            )
        )
    found = first(decoding_violations(root, ListOf(ENTRY), "plugin_meta.yaml"))
    plugins = []
    for item in root.items:
        if type(item) is Mapping:
            plugins.append(_plugin(item))
            if len(found) < MOST_OF_ONE_FILE:
                found += _entry(item, plugins[-1])
        elif is_null(item) and len(found) < MOST_OF_ONE_FILE:
            found.append(
                violation(
                    "null-entry", item, "an empty entry in the list: the service panics", "remove the `-`"
                )
            )
    decoded = {id(item) for item in _decoded(root)}
    meta.violations += [*found, *first(repeated(root, frozenset(decoded)))]
    meta.plugins = tuple(plugins)


def _decoded(root: Sequence) -> Iterator[Node]:
    """Yield the mappings whose repeated keys were told already, as those that keep the service from starting."""
    for entry in root.items:
        if type(entry) is Mapping:
            yield entry
            yield from _below(entry.get("manifest"), _MANIFEST)
            yield from _below(entry.get("tools"), ListOf(_TOOL))


def _below(node: Node | None, shape: object) -> Iterator[Node]:
    if type(node) is Sequence and isinstance(shape, ListOf):
        for item in node.items:
            yield from _below(item, shape.item)
    elif type(node) is Mapping and isinstance(shape, Struct | MapOf):
        yield node
        for name, (_, value) in node.entries.items():
            yield from _below(value, shape.keys.get(name) if isinstance(shape, Struct) else shape.value)


def at(node: Node) -> At:
    """Return where `node` stands, without keeping the tree alive."""
    return At(node.line, node.column)


def _value_at(entry: Mapping, key: str) -> At:
    return at(entry.get(key) or entry)


def _plugin(entry: Mapping) -> Plugin:
    manifest = entry.get("manifest")
    name = string(manifest.get("name_for_model")) if type(manifest) is Mapping else ""
    return Plugin(
        integer(entry.get("plugin_id")) or 0,
        _value_at(entry, "plugin_id"),
        quote(name)[1:-1] if name else "",
        at(entry),
        bool(boolean(entry.get("deprecated"))),
        string(entry.get("openapi_doc_file")),
        _value_at(entry, "openapi_doc_file"),
        tuple(_live_tools(entry.get("tools"))),
    )


def _live_tools(tools: Node | None) -> Iterator[Tool]:
    for tool in tools.items if type(tools) is Sequence else ():
        if type(tool) is Mapping and not boolean(tool.get("deprecated")):
            method, url = string(tool.get("method")) or "", string(tool.get("sub_url")) or ""
            where = _value_at(tool, "sub_url" if tool.get("sub_url") else "method")
            yield Tool(integer(tool.get("tool_id")) or 0, _value_at(tool, "tool_id"), method, url, where)


def _entry(entry: Mapping, plugin: Plugin) -> Iterator[Violation]:
    """Yield what keeps a decodable entry from being loaded; of a deprecated one nothing is looked at."""
    yield from _null_tools(entry, plugin)
    if plugin.deprecated:
        return
    yield from _identity(entry, plugin)
    yield from _manifest(entry, plugin)
    yield from _tools(entry, plugin)


def _identity(entry: Mapping, plugin: Plugin) -> Iterator[Violation]:
    version = string(entry.get("version"))
    if version is not None and not semver.is_valid(version):
        what = f"version {quote_value(version)} is not a valid version" if version else "version is missing"
        yield violation(
            "plugin-version",
            _value_at(entry, "version"),
            f"{plugin.label}: {what}; the plugin is dropped",
            "write it as v1.2.3",
        )
    number = integer(entry.get("plugin_id"))
    if number is not None and number <= 0:
        what = f"plugin_id {number} is not above 0" if entry.get("plugin_id") else "plugin_id is missing"
        yield violation(
            "plugin-id",
            plugin.id_at,
            f"{what}; the plugin is dropped",
            "give it an id that is in use nowhere else",
        )
    kind = integer(entry.get("plugin_type"))
    if kind is not None and kind != 1:
        what = f"plugin_type {kind} is not 1" if entry.get("plugin_type") else "plugin_type is missing"
        yield violation(
            "plugin-type",
            _value_at(entry, "plugin_type"),
            f"{plugin.label}: {what}; the plugin is dropped",
            "plugin_type: 1",
        )
    if is_null(entry.get("product_id")):
        yield violation("product-id", plugin.at, f"{plugin.label}: product_id is missing", None)


def _manifest(entry: Mapping, plugin: Plugin) -> Iterator[Violation]:
    manifest = entry.get("manifest")
    if is_null(manifest):
        yield violation(
            "manifest-missing",
            entry.key("manifest"),
            f"{plugin.label}: manifest is missing; the service panics",
            _RESTORE,
        )
    if type(manifest) is not Mapping:
        return
    version = string(manifest.get("schema_version"))
    if version is not None and version != "v1":
        what = f"schema_version {quote_value(version)} is not v1" if version else "schema_version is missing"
        yield violation(
            "manifest",
            _value_at(manifest, "schema_version"),
            f"{plugin.label}: {what}; the plugin is dropped",
            "schema_version: v1",
        )
    for key in _REQUIRED_TEXTS:
        if string(manifest.get(key)) == "":
            yield violation(
                "manifest",
                _value_at(manifest, key),
                f"{plugin.label}: {key} is empty; the plugin is dropped",
                f"give it a {key}",
            )
    yield from _api(manifest, plugin)
    yield from auth.check(manifest, plugin.label)
    yield from _common_params(manifest, plugin)


def _api(manifest: Mapping, plugin: Plugin) -> Iterator[Violation]:
    api = manifest.get("api")
    kind = string(api.get("type")) if type(api) is Mapping else "" if is_null(api) else None
    if kind is not None and kind not in _API_TYPES:
        place = _value_at(api, "type") if type(api) is Mapping else at(manifest.key("api"))
        what = f"api.type {quote_value(kind)} is unknown" if kind else "api.type is missing"
        yield violation(
            "manifest",
            place,
            f"{plugin.label}: {what}; the plugin is dropped",
            f"one of {', '.join(_API_TYPES)}",
        )


def _common_params(manifest: Mapping, plugin: Plugin) -> Iterator[Violation]:
    """Yield the places that do not exist; the service looks at them only where there is something to sign."""
    params, kind = manifest.get("common_params"), auth.type_of(manifest)
    if type(params) is not Mapping or kind in (None, "none"):
        return
    for name, (key, _) in params.entries.items():
        if name not in _PLACES:
            message = f"{plugin.label}: common_params has no place {quote(name)}; the plugin is dropped"
            yield violation("common-params", key, message, f"one of {', '.join(_PLACES)}")


def _null_tools(entry: Mapping, plugin: Plugin) -> Iterator[Violation]:
    tools = entry.get("tools")
    for tool in tools.items if type(tools) is Sequence and not plugin.deprecated else ():
        if is_null(tool):
            yield violation(
                "null-entry",
                tool,
                f"{plugin.label}: an empty item in tools: the service panics",
                "remove the `-`",
            )


def _tools(entry: Mapping, plugin: Plugin) -> Iterator[Violation]:
    tools = entry.get("tools")
    if is_null(tools) or (type(tools) is Sequence and not tools.items):
        message = f"{plugin.label} has no tools: it disappears, and nothing is logged"
        yield violation("no-tools", at(entry.key("tools")), message, "give it a tool, or say deprecated: true")
    elif type(tools) is Sequence:
        live = [tool for tool in tools.items if not (type(tool) is Mapping and boolean(tool.get("deprecated")))]
        if not live:
            message = f"{plugin.label}: all its tools are deprecated: it disappears, and nothing is logged"
            yield violation(
                "tools-deprecated", at(entry.key("tools")), message, "say deprecated: true for the whole entry"
            )
        for tool in live:
            if type(tool) is Mapping and integer(tool.get("tool_id")) == 0:
                yield violation(
                    "tool-id",
                    _value_at(tool, "tool_id"),
                    f"{plugin.label}: a tool without tool_id",
                    "give it an id of its own",
                )
