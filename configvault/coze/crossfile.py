"""What no file shows alone: ids that are taken, tools without an operation."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from configvault.coze.meta import Plugin
from configvault.validators.violations import MOST_OF_ONE_RULE, Violation, quote_reference, violation

_MOST_COMPARED = 500

Operations = frozenset[tuple[str, str]]


def ids(plugins: tuple[Plugin, ...]) -> Iterator[Violation]:
    """Yield every id that an entry before has already, in the order in which the service loads them."""
    plugin_ids: dict[int, int] = {}
    tool_ids: dict[int, int] = {}
    for plugin in plugins:
        if plugin.deprecated:
            continue
        yield from _plugin_id(plugin, plugin_ids, tool_ids)
        for tool in plugin.tools:
            if tool.id == 0:
                continue
            if tool.id in tool_ids:
                first = tool_ids[tool.id]
                message = (
                    f"{plugin.label}: tool_id {tool.id} is already used in line {first}; the tool is dropped"
                )
                yield violation("duplicate-tool-id", tool.id_at, message, "give it an id of its own")
            else:
                tool_ids[tool.id] = tool.id_at.line


def _plugin_id(plugin: Plugin, plugin_ids: dict[int, int], tool_ids: dict[int, int]) -> Iterator[Violation]:
    if plugin.id <= 0:
        return
    hint = "give it an id of its own"
    if plugin.id in tool_ids:
        message = f"plugin_id {plugin.id} is the tool_id of line {tool_ids[plugin.id]}; the plugin is dropped"
        yield violation("duplicate-plugin-id", plugin.id_at, message, hint)
    if plugin.id in plugin_ids:
        message = (
            f"plugin_id {plugin.id} is already used in line {plugin_ids[plugin.id]}; the plugin is dropped"
        )
        yield violation("duplicate-plugin-id", plugin.id_at, message, hint)
    else:
        plugin_ids[plugin.id] = plugin.id_at.line


def tools(plugins: tuple[Plugin, ...], operations: Mapping[str, Operations | None]) -> Iterator[Violation]:
    """Yield every live tool that its document does not have.

    Args:
        plugins: the entries.
        operations: those of each `openapi_doc_file`; None where it cannot be read, which is told elsewhere.
    """
    reported = 0
    for plugin in plugins:
        there = operations.get(plugin.document or "")
        if plugin.deprecated or there is None:
            continue
        for tool in plugin.tools:
            if (tool.method.upper(), tool.url) not in there:
                named = f"{tool.method.upper() or 'no method'} {quote_reference(tool.url)}"
                message = f"{plugin.label}: tool {tool.id}: {named} is not in {quote_reference(plugin.document)}; the tool is dropped"
                reported += 1
                hint = _like(tool.method.upper(), tool.url, there) if reported <= MOST_OF_ONE_RULE else None
                yield violation("tool-not-in-document", tool.at, message, hint)


def _like(method: str, url: str, there: Operations) -> str | None:
    """Return advice that names what the document has instead."""
    import difflib

    # To find the nearest takes the square of a length for each: of more than these the first are as good.
    there = frozenset(sorted(there)[:_MOST_COMPARED])
    methods = sorted(m for m, path in there if path == url)
    if methods:
        return f"the document has {', '.join(methods)} there"
    close = difflib.get_close_matches(url[:200], sorted(path[:200] for _, path in there), 1)
    found = close[0] if close else min((path for m, path in there if m == method), default=None)
    return f"did you mean {quote_reference(found)}?" if found else "the document has no operation at all"
