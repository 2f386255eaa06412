"""Say in one line what a change means: plugins by name and what became of them, then the other files.

`Update wolfram_alpha: version v1.0.0 → v1.1.0`, `Add sky_eye_check, worth_buying; update 4 files`. Never a
value other than a version and the name that people know a plugin by: what stands in these files may be secret.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import PurePosixPath
from typing import Any

from configvault.core.model import Change, ChangeKind, Entry, Folder, Kind
from configvault.core.plugins import META, distinct, named, plugin_rows, title_of
from configvault.core.rendering.sentence import Detail, Fact, sentence
from configvault.core.secrets import chosen

MOST_PLUGINS = 100
_ROW = re.compile(rb"^(?=- )", re.MULTILINE)
_DOCUMENT_NAME = re.compile(rb"openapi_doc_file[\"']?:[ \t]*[\"']?([\w.-]{1,200})")
_FOLDER = META.rpartition("/")[0] + "/"
_VERBS = {
    ChangeKind.ADDED: "add",
    ChangeKind.MODIFIED: "update",
    ChangeKind.REMOVED: "remove",
    ChangeKind.METADATA: "change mode or owner of",
}

Read = Callable[[str], bytes]
Plugin = Mapping[str, Any]


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
    facts += [Fact(_VERBS[change.kind], "file", _printable(path)) for path, change in files.items()]
    return sentence(facts)


def plugins_touched(
    changes: Iterable[Change], read: Read, before: Folder | None, after: Folder
) -> tuple[str, ...]:
    """Return the names of the plugins that `changes` touch, by their rows and by their documents, in order.

    A name is the document's without its ending, as in the subject. Where plugin_meta.yaml cannot be read, as in many a
    refused state, the text of its rows tells.
    """
    paths = {change.path for change in changes}
    names = {PurePosixPath(path).stem for path in paths if _is_document(path)}
    if META in paths and (new := plugin_rows(after, read)):
        old = plugin_rows(before, read) if before is not None else {}
        rows = [(old.get(id_), new.get(id_)) for id_ in {**old, **new}]
        names |= {_name(one or other or {}) for one, other in rows if one != other}
    elif META in paths and before is not None:
        names |= _names_in_text(_rows(before, read) ^ _rows(after, read))
    return tuple(sorted(_printable(name).replace(", ", ",") for name in names - {""}))[:MOST_PLUGINS]


def _rows(state: Folder, read: Read) -> set[bytes]:
    """Return the rows of plugin_meta.yaml as text: what begins with a dash at the start of a line."""
    entry = state.find(META)
    if not isinstance(entry, Entry) or entry.kind is not Kind.FILE:
        return set()
    return set(_ROW.split(read(entry.blob)))


def _names_in_text(rows: Iterable[bytes]) -> set[str]:
    found = (name.decode("utf-8", "replace") for row in rows for name in _DOCUMENT_NAME.findall(row))
    return {PurePosixPath(name).stem for name in found}


def _is_document(path: str) -> bool:
    return path.startswith(_FOLDER) and path != META and path.endswith((".yaml", ".yml"))


def _name(plugin: Plugin) -> str:
    return PurePosixPath(str(plugin.get("openapi_doc_file", ""))).stem


def _touches_plugins(files: Mapping[str, Change]) -> bool:
    return any(path.startswith(_FOLDER) for path in files)


def _plugin_facts(files: dict[str, Change], read: Read, before: Folder, after: Folder) -> Iterator[Fact]:
    """Yield what became of each plugin, and take the files that are said with it out of `files`."""
    old, new = plugin_rows(before, read), plugin_rows(after, read)
    said = False
    for id_ in [*new, *(id_ for id_ in old if id_ not in new)]:
        plugin = new.get(id_) or old[id_]
        document = f"{_FOLDER}{plugin.get('openapi_doc_file')}"
        changed = files.pop(document, None) is not None
        name = _printable(PurePosixPath(document).stem)
        name = named(name, distinct(name, title_of(plugin)))
        fact = _fact(old.get(id_), new.get(id_), name, changed)
        said = said or (fact is not None and old.get(id_) != new.get(id_))
        if fact is not None:
            yield fact
    if said:
        files.pop(META, None)


def _fact(old: Plugin | None, new: Plugin | None, name: str, document_changed: bool) -> Fact | None:
    if old is None or new is None:
        return Fact("add" if old is None else "remove", "plugin", name)
    details = [*_details(old, new), *([Detail("document", "document")] if document_changed else [])]
    if bool(old.get("deprecated")) != bool(new.get("deprecated")):
        return Fact("disable" if new.get("deprecated") else "enable", "plugin", name, tuple(details))
    return None if not details and old == new else Fact("update", "plugin", name, tuple(details))


def _details(old: Plugin, new: Plugin) -> Iterator[Detail]:
    versions = old.get("version"), new.get("version")
    if versions[0] != versions[1]:
        yield Detail("version", f"version {_value(versions[0])} → {_value(versions[1])}")
    yield from _tool_details(_tools(old), _tools(new))
    if old.get("manifest") != new.get("manifest"):
        yield Detail("manifest", "manifest")
    rest = {"version", "tools", "manifest", "deprecated"}
    keys = [key for key in {**old, **new} if key not in rest and old.get(key) != new.get(key)]
    yield from (Detail("key", name) for name in sorted({_value(key) for key in keys}))


def _tool_details(old: Mapping[str, Plugin], new: Mapping[str, Plugin]) -> Iterator[Detail]:
    """Yield which tools came, went and changed: one by its address, several by their number."""
    both = [id_ for id_ in old if id_ in new and old[id_] != new[id_]]
    turned = [id_ for id_ in both if bool(old[id_].get("deprecated")) != bool(new[id_].get("deprecated"))]
    for ids, rows, what in (
        ([id_ for id_ in new if id_ not in old], new, "added"),
        ([id_ for id_ in old if id_ not in new], old, "removed"),
        ([id_ for id_ in turned if new[id_].get("deprecated")], new, "disabled"),
        ([id_ for id_ in turned if not new[id_].get("deprecated")], new, "enabled"),
        ([id_ for id_ in both if id_ not in turned], new, "changed"),
    ):
        if len(ids) == 1:
            tool = rows[ids[0]]
            address = f"{_value(tool.get('method', ''))} {_address(tool.get('sub_url', ''))}"
            yield Detail("tool", f"tool {address.strip() or _printable(ids[0])} {what}")
        elif ids:
            yield Detail("tool", f"{len(ids)} tools {what}")


def _tools(plugin: Plugin) -> dict[str, Plugin]:
    rows = plugin.get("tools")
    tools = [row for row in rows if isinstance(row, dict)] if isinstance(rows, list) else []
    return {str(tool.get("tool_id")): tool for tool in tools}


def _value(text: object) -> str:
    """Return a value or a key as it may be shown: what looks like a secret has slipped there."""
    return "(hidden)" if chosen.may_be_secret(str(text)) else _printable(text)


def _address(url: object) -> str:
    from configvault.core.secrets.redactor import Redactor

    return _printable(Redactor(b"").text(str(url)[:400]))


def _printable(text: object) -> str:
    return "".join(char if char.isprintable() else "?" for char in str(text))[:80]
