"""YAML as a tree of nodes that know where they stand; nothing is constructed from tags.

`line` and `column` count from 1, characters as libyaml counts them.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property
from typing import TypeAlias

from configvault.validators.violations import quote_value

# What a scalar comes to: a timestamp is kept as its text, its tag tells.
Value: TypeAlias = "str | int | float | bool | None"


class Scalar:
    """One value; `text` as written (quotes undone), `value` and `tag` as yaml.v3 resolves them."""

    __slots__ = ("column", "line", "quoted", "tag", "text", "value")

    def __init__(self, text: str, tag: str, value: Value, line: int, column: int, quoted: bool) -> None:
        self.text = text
        self.tag = tag
        self.value = value
        self.line = line
        self.column = column
        self.quoted = quoted


class Sequence:
    """A list of nodes."""

    __slots__ = ("column", "items", "line", "tag")

    def __init__(self, tag: str, line: int, column: int) -> None:
        self.tag = tag
        self.line = line
        self.column = column
        self.items: list[Node] = []


class Mapping:
    """Pairs of nodes, as written; `entries` are what a decoder into string keys ends up with.

    `merges` are the nodes that `<<` names, first first.
    """

    def __init__(self, tag: str, line: int, column: int) -> None:
        self.tag = tag
        self.line = line
        self.column = column
        self.pairs: list[tuple[Node, Node]] = []
        self.merges: list[Mapping] = []

    @cached_property
    def entries(self) -> dict[str, tuple[Node, Node]]:
        """Return key and value node by the key's text, own pairs before merged ones; a repeated key's last."""
        entries: dict[str, tuple[Node, Node]] = {}
        for key, value in self.pairs:
            if type(key) is Scalar and key.tag != "!!merge":
                entries[key_text(key)] = (key, value)
        for merged in self.merges:
            for name, pair in merged.entries.items():
                entries.setdefault(name, pair)
        return entries

    def get(self, key: str) -> Node | None:
        """Return the value of `key`, None where there is none."""
        entry = self.entries.get(key)
        return entry[1] if entry else None

    def key(self, key: str) -> Node:
        """Return the node of `key` itself, of the whole mapping where there is none."""
        entry = self.entries.get(key)
        return entry[0] if entry else self


Node: TypeAlias = Scalar | Sequence | Mapping


def key_text(key: Scalar) -> str:
    """Return the string a key becomes where only strings can be keys."""
    if type(key.value) is bool:
        return "true" if key.value else "false"
    if type(key.value) is int:
        return str(key.value) if abs(key.value) < 1 << 64 else key.text
    return key.text


def is_null(node: Node | None) -> bool:
    """Return whether there is nothing: no node, or a null."""
    return node is None or (type(node) is Scalar and node.value is None)


def child_nodes(node: Node) -> Iterator[Node]:
    """Yield the nodes right below `node`, keys included."""
    if type(node) is Sequence:
        yield from node.items
    elif type(node) is Mapping:
        for key, value in node.pairs:
            yield key
            yield value


def describe(node: Node) -> str:
    """Return in words what `node` is, with a short value."""
    if type(node) is Sequence:
        return "a list"
    if type(node) is Mapping:
        return "a mapping"
    assert type(node) is Scalar
    kind = {"!!int": "the number", "!!float": "the number", "!!bool": "the word", "!!timestamp": "the date"}
    return f"{kind.get(node.tag, 'the text')} {quote_value(node.text)}"
