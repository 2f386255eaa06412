"""The plugins in a state's plugin_meta.yaml: their ids, and their names for models and for people."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import cache, partial
from pathlib import PurePosixPath
from typing import Any

from configvault.core.frozen import frozen
from configvault.core.model import Entry, Folder, Kind
from configvault.core.secrets import chosen

META = "pluginproduct/plugin_meta.yaml"
DEEPEST = 50
LONGEST_NAME = 80
LONGEST_NUMBER = 64
MOST_MERGED = 100_000
# A bound, as libyaml compares each %TAG directive with all before it.
MOST_TAGS = 100
# A file that the validators accept has at most half as many values.
MOST_EVENTS = 250_000

Read = Callable[[str], bytes]
Row = Mapping[str, Any]


@frozen
class Plugin:
    """One plugin: `name` is name_for_model, `title` is name_for_human, `document` the file's name without suffix."""

    id: int
    name: str
    title: str
    document: str
    type: str
    active: bool


def plugins(state: Folder, read: Read) -> tuple[Plugin, ...]:
    """Return the plugins of `state`, in the order of the file."""
    return tuple(_plugin(id_, row) for id_, row in plugin_rows(state, read).items())


def active(state: Folder, read: Read) -> tuple[Plugin, ...]:
    """Return the plugins that should be active in the service: all that are not deprecated."""
    return tuple(one for one in plugins(state, read) if one.active)


def title_of(row: Row) -> str:
    """Return a plugin's name for people, fit to print; empty if it has none."""
    manifest = row.get("manifest")
    return _text(manifest.get("name_for_human")) if isinstance(manifest, Mapping) else ""


def titles(state: Folder, read: Read) -> dict[str, str]:
    """Return the plugins' names for people, by the names of their documents, without those that say nothing new."""
    found = {}
    for one in plugins(state, read):
        if one.document and (title := distinct(one.document, one.title)):
            found[one.document] = title
    return found


def distinct(name: str, title: str) -> str:
    """Return `title`, or empty if it equals `name` apart from case and punctuation, or may be a secret."""
    if _letters(title) in ("", _letters(name)) or chosen.may_be_secret(title):
        return ""
    return title


def named(name: str, title: str | None) -> str:
    """Return how messages call a plugin: its document's name, with the name for people if there is one."""
    return f"{name} ({title})" if title else name


def _letters(text: str) -> str:
    return "".join(char for char in text.lower() if char.isalnum())


# The names of plugin_type, as in the service's own metric.
_TYPES = {1: "openapi"}


def _plugin(id_: int, row: Row) -> Plugin:
    manifest = row.get("manifest")
    name = _text(manifest.get("name_for_model")) if isinstance(manifest, Mapping) else ""
    kind = row.get("plugin_type")
    return Plugin(
        id_,
        name,
        title_of(row),
        PurePosixPath(_text(row.get("openapi_doc_file"))).stem,
        _TYPES.get(kind, _text(kind)[:20]) if isinstance(kind, int) else "unknown",
        not row.get("deprecated"),
    )


def _text(value: object) -> str:
    if value is None:
        return ""
    return "".join(char if char.isprintable() else "?" for char in str(value)[:LONGEST_NAME])


def plugin_rows(state: Folder, read: Read) -> dict[int, Row]:
    """Return the rows of plugin_meta.yaml by plugin_id; empty if the file is missing or cannot be parsed."""
    entry = state.find(META)
    if not isinstance(entry, Entry) or entry.kind is not Kind.FILE:
        return {}
    return rows_of(read(entry.blob))


def rows_of(body: bytes) -> dict[int, Row]:
    """Return the rows of the plugin_meta.yaml `body` by plugin_id; empty if it cannot be parsed within the bounds here."""
    import yaml

    if body.count(b"%TAG") > MOST_TAGS:
        return {}
    try:
        # Refused states are read, too, and the YAML library may crash on very deep nesting: check the events first.
        if _depth(yaml.parse(body, Loader=_loader())) > DEEPEST:
            return {}
        # Only the first document counts, as in Coze.
        found = next(yaml.load_all(body, Loader=_loader()), None)
    except (yaml.YAMLError, ValueError, RecursionError):
        return {}
    dicts = [row for row in found if isinstance(row, dict)] if isinstance(found, list) else []
    return {row["plugin_id"]: row for row in dicts if isinstance(row.get("plugin_id"), int)}


@cache
def _loader() -> Any:
    """Return a loader whose result cannot be far larger than the file: merges are bounded, long numbers stay text."""
    import yaml

    class Bounded(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):  # type: ignore[misc]
        merged = 0

        def flatten_mapping(self, node: Any) -> None:
            for key, value in node.value:
                if key.tag == "tag:yaml.org,2002:merge":
                    sources = value.value if isinstance(value, yaml.SequenceNode) else [value]
                    for source in filter(lambda one: isinstance(one, yaml.MappingNode), sources):
                        self.flatten_mapping(source)
                        self.merged += len(source.value)
                        if self.merged > MOST_MERGED:
                            raise yaml.YAMLError(f"merges more than {MOST_MERGED} keys")
            super().flatten_mapping(node)

    for kind in ("int", "float", "timestamp"):
        tag = f"tag:yaml.org,2002:{kind}"
        usual = Bounded.yaml_constructors[tag]
        Bounded.add_constructor(tag, partial(_short, usual))
    return Bounded


def _short(usual: Callable[[Any, Any], object], loader: Any, node: Any) -> object:
    return usual(loader, node) if len(str(node.value)) <= LONGEST_NUMBER else str(node.value)


def _depth(events: Iterable[object]) -> int:
    """Return how deep the parser's events are nested; also more than `DEEPEST` if there are too many of them."""
    depth = deepest = 0
    for number, event in enumerate(events):
        if number > MOST_EVENTS:
            return DEEPEST + 1
        name = type(event).__name__
        depth += name.endswith("StartEvent") - name.endswith("EndEvent")
        deepest = max(deepest, depth)
        if deepest > DEEPEST:
            break
    return deepest
