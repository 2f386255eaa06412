"""Say in one line what a change means: plugins by name and what became of them, then the other files.

`Update wolfram_alpha: version v1.0.0 → v1.1.0`, `Add sky_eye_check, worth_buying; update 4 files`. Never a
value other than a version: what stands in these files may be secret.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import PurePosixPath
from typing import Any

from configvault.core.model import Change, ChangeKind, Entry, Folder, Kind

META = "pluginproduct/plugin_meta.yaml"
MOST_PLUGINS = 100
MOST_NAMED = 3
LONGEST = 120
_FOLDER = META.rpartition("/")[0] + "/"
_VERBS = {
    ChangeKind.ADDED: "add",
    ChangeKind.MODIFIED: "update",
    ChangeKind.REMOVED: "remove",
    ChangeKind.METADATA: "change mode or owner of",
}

Read = Callable[[str], bytes]
Plugin = Mapping[str, Any]
Fact = tuple[str, str, str]
"""A verb, what it happened to, and the details that may follow a colon."""


def describe(changes: Iterable[Change], read: Read, before: Folder | None, after: Folder) -> str:
    """Return the subject of the commit that records `changes`.

    Args:
        changes: what differs from `before` to `after`, two states that the validators accepted.
        read: gives the bytes of a blob of either state.
        before: the state before, None for the first snapshot.
        after: the state that is recorded.
    """
    if before is None:
        count = sum(1 for _ in after.files())
        return f"Record the first state: {count} file{'' if count == 1 else 's'}"
    files = {change.path: change for change in changes}
    facts = list(_plugin_facts(files, read, before, after)) if _touches_plugins(files) else []
    facts += [(_VERBS[change.kind], _printable(path), "") for path, change in files.items()]
    return _sentence(facts)


def plugins_touched(
    changes: Iterable[Change], read: Read, before: Folder | None, after: Folder
) -> tuple[str, ...]:
    """Return the names of the plugins that `changes` touch, by their rows and by their documents, in order.

    A name is the document's without its ending, as in the subject. Where plugin_meta.yaml cannot be read, as in many a
    refused state, the documents alone tell.
    """
    paths = {change.path for change in changes}
    names = {PurePosixPath(path).stem for path in paths if _is_document(path)}
    if META in paths and (new := _plugins(after, read)):
        old = _plugins(before, read) if before is not None else {}
        rows = [(old.get(id_), new.get(id_)) for id_ in {**old, **new}]
        names |= {_name(one or other or {}) for one, other in rows if one != other}
    return tuple(sorted(_printable(name).replace(", ", ",") for name in names - {""}))[:MOST_PLUGINS]


def _is_document(path: str) -> bool:
    return path.startswith(_FOLDER) and path != META and path.endswith((".yaml", ".yml"))


def _name(plugin: Plugin) -> str:
    return PurePosixPath(str(plugin.get("openapi_doc_file", ""))).stem


def _touches_plugins(files: Mapping[str, Change]) -> bool:
    return any(path.startswith(_FOLDER) for path in files)


def _plugin_facts(files: dict[str, Change], read: Read, before: Folder, after: Folder) -> Iterator[Fact]:
    """Yield what became of each plugin, and take the files that are said with it out of `files`."""
    old, new = _plugins(before, read), _plugins(after, read)
    said = False
    for id_ in [*new, *(id_ for id_ in old if id_ not in new)]:
        plugin = new.get(id_) or old[id_]
        document = f"{META.rpartition('/')[0]}/{plugin.get('openapi_doc_file')}"
        changed = files.pop(document, None) is not None
        fact = _fact(old.get(id_), new.get(id_), changed)
        said = said or (fact is not None and old.get(id_) != new.get(id_))
        if fact is not None:
            yield fact[0], _printable(PurePosixPath(document).stem), fact[1]
    if said:
        files.pop(META, None)


def _fact(old: Plugin | None, new: Plugin | None, document_changed: bool) -> tuple[str, str] | None:
    if old is None or new is None:
        return ("add", "") if old is None else ("remove", "")
    if bool(old.get("deprecated")) != bool(new.get("deprecated")):
        return ("disable" if new.get("deprecated") else "enable"), ""
    details = list(_details(old, new))
    if document_changed:
        details.append("document")
    if not details and old == new:
        return None
    return "update", ", ".join(details)


def _details(old: Plugin, new: Plugin) -> Iterator[str]:
    versions = old.get("version"), new.get("version")
    if versions[0] != versions[1]:
        yield f"version {_printable(versions[0])} → {_printable(versions[1])}"
    tools = _tools(old), _tools(new)
    for count, what in ((len(tools[1] - tools[0]), "added"), (len(tools[0] - tools[1]), "removed")):
        if count:
            yield f"{count} tool{'' if count == 1 else 's'} {what}"
    if old.get("manifest") != new.get("manifest"):
        yield "manifest"
    rest = {"version", "tools", "manifest", "deprecated"}
    keys = [key for key in {**old, **new} if key not in rest and old.get(key) != new.get(key)]
    if keys:
        yield ", ".join(sorted(_printable(key) for key in keys))


def _tools(plugin: Plugin) -> set[tuple[object, object, object]]:
    rows = plugin.get("tools")
    tools = [row for row in rows if isinstance(row, dict)] if isinstance(rows, list) else []
    return {(str(t.get("tool_id")), str(t.get("method")), str(t.get("sub_url"))) for t in tools}


def _plugins(state: Folder, read: Read) -> dict[int, Plugin]:
    entry = state.find(META)
    if not isinstance(entry, Entry) or entry.kind is not Kind.FILE:
        return {}
    import yaml

    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    try:
        # Text after the first document is no part of it, for Coze neither.
        rows = next(yaml.load_all(read(entry.blob), Loader=loader), None)
    except (yaml.YAMLError, ValueError, RecursionError):
        return {}
    rows = [row for row in rows if isinstance(row, dict)] if isinstance(rows, list) else []
    return {row["plugin_id"]: row for row in rows if isinstance(row.get("plugin_id"), int)}


def _sentence(facts: list[Fact]) -> str:
    """Join facts of one verb, name a few of them or count them, and keep to one line."""
    by_verb: dict[str, list[tuple[str, str]]] = {}
    for verb, what, details in facts:
        by_verb.setdefault(verb, []).append((what, details))
    parts = []
    for verb, things in by_verb.items():
        names = [what for what, _ in things]
        shared = {details for _, details in things}
        named = ", ".join(names) if len(names) <= MOST_NAMED else f"{names[0]} and {len(names) - 1} others"
        details = f": {shared.pop()}" if len(shared) == 1 and shared != {""} else ""
        parts.append(f"{verb} {named}{details}")
    sentence = "; ".join(parts) or "change nothing that git can show"
    sentence = sentence[0].upper() + sentence[1:]
    return sentence if len(sentence) <= LONGEST else sentence[: LONGEST - 1] + "…"


def _printable(text: object) -> str:
    return "".join(char if char.isprintable() else "?" for char in str(text))[:80]
