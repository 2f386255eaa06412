"""Bind YAML nodes to the dataclasses of `core/settings.py`, by their fields and type hints.

Every fault is collected with its line and dotted key; a faulty value is replaced by its default so that
the rest is still looked at.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping
from pathlib import Path
from types import UnionType
from typing import Any, TypeVar, get_args, get_origin, get_type_hints

import yaml

from configvault.config import forms, mask
from configvault.config.convert import convert
from configvault.config.expand import Expanded, expand
from configvault.core.frozen import MISSING, Field, fields, replace
from configvault.core.settings import Allowed

T = TypeVar("T")

_ANYTHING = Allowed()
# What stands for a required key that is missing, by its type, while the rest is looked at.
_EMPTY: dict[Any, Any] = {tuple: (), Mapping: {}}
_SECRET = Allowed(secret=True)
_TAG = "tag:yaml.org,2002:"
_TAGS = {_TAG + sort for sort in ("str", "int", "float", "bool", "null", "timestamp", "value", "merge")}

_INFINITE = (float("inf"), float("-inf"))
_BOOLEANS = {"true": True, "yes": True, "on": True}


def _number(kind: Callable[[str], Any]) -> Callable[[str], Any]:
    """Return what makes a number of a scalar; one that only YAML 1.1 takes for a number (0x1F, 1:30) stays a text."""

    def convert(text: str) -> Any:
        try:
            return kind(text)
        except ValueError:
            return text

    return convert


_PLAIN: dict[str, Callable[[str], Any]] = {
    _TAG + "bool": lambda text: text.lower() in _BOOLEANS,
    _TAG + "int": _number(int),
    _TAG + "float": _number(float),
}


class Binder:
    """Collects what is wrong with one file while its nodes become settings."""

    def __init__(
        self, path: str | Path, environ: Mapping[str, str], choices: Mapping[str, Collection[str]]
    ) -> None:
        """Name `path` in faults, take `${VAR}` from `environ`; `choices` has those that `core/settings.py` cannot know."""
        self._path = path
        self._choices = choices
        self._environ = environ
        self._faults: list[tuple[int, str, str]] = []
        self._lines: dict[str, int] = {}

    @property
    def faults(self) -> tuple[str, ...]:
        """Return all faults in the order of their lines."""
        return tuple(
            f"{self._path}:{line}: {key}: {text}" if key else f"{self._path}:{line}: {text}"
            for line, key, text in sorted(self._faults)
        )

    def add_fault(self, key: str, text: str) -> None:
        """Note a fault of `key`, on its line or on that of the nearest section above it that has one."""
        place = key
        while place and place not in self._lines:
            place = re.sub(r"(\.|^)[^.\[]*$|\[\d+\]$", "", place)
        self._faults.append((self._lines.get(place, 1), key, text))

    def contradiction(self, key: str, text: str) -> None:
        """Note a fault between keys, unless a fault of `key`, in it or around it may be its cause."""
        if not any(_inside(key, other) or _inside(other, key) for _, other, _ in self._faults):
            self.add_fault(key, text)

    def section(self, cls: type[T], node: yaml.Node, key: str) -> T:
        """Return an instance of the dataclass `cls`; an empty section is all defaults."""
        known = fields(cls) or {}
        hints: dict[str, Any] = get_type_hints(cls)
        values: dict[str, Any] = {}
        for name, value in self._section_items(node, key, known):
            field = known.get(name)
            if field is None or _allowed(field).beside:
                keys = {one: known[one] for one in known if not _allowed(known[one]).beside}
                self.add_fault(_join(key, name), f"unknown key{nearest(name, keys)}")
                continue
            allowed = _allowed(field)
            if (choices := self._choices.get(_join(key, name))) is not None:
                allowed = replace(allowed, choices=tuple(choices))
            other = next((one for one in known if _allowed(known[one]).beside == name), None)
            if other is not None and isinstance(value, yaml.SequenceNode):
                item = get_args(hints[other])[0]
                values[name], values[other] = self._items(item, allowed, value, _join(key, name))
                continue
            bound = self._value(hints[name], allowed, value, _join(key, name))
            if bound is not MISSING:
                values[name] = bound
        for name, field in known.items():
            if name not in values and field.default is MISSING and field.default_factory is MISSING:
                if _join(key, name) not in self._lines and not any(key == k for _, k, _ in self._faults):
                    self.add_fault(_join(key, name), "is required and missing")
                values[name] = _EMPTY.get(get_origin(hints[name]), "")
        return cls(**values)

    def _section_items(
        self, node: yaml.Node, key: str, known: Mapping[str, Field]
    ) -> list[tuple[str, yaml.Node]]:
        short = next((n for n, f in known.items() if f.metadata.get("allowed", _ANYTHING).single), None)
        if isinstance(node, yaml.SequenceNode) and short and short == next(iter(known)):
            self._lines[_join(key, short)] = node.start_mark.line + 1
            return [(short, node)]
        return self._pairs(node, key)

    def _pairs(self, node: yaml.Node, key: str) -> list[tuple[str, yaml.Node]]:
        """Return keys and value nodes of a mapping; a key that stands twice is a fault."""
        if _is_null(node):
            return []
        if not isinstance(node, yaml.MappingNode):
            self.add_fault(key, f"expected `key: value` lines, found {self._described(node)}")
            return []
        pairs: dict[str, yaml.Node] = {}
        for name_node, value in node.value:
            line = name_node.start_mark.line + 1
            if not isinstance(name_node, yaml.ScalarNode):
                self._faults.append((line, key, "a key must be a word"))
                continue
            name = str(name_node.value)
            if name in pairs:
                first = self._lines[_join(key, name)]
                self._faults.append((line, _join(key, name), f"is set twice, first on line {first}"))
                continue
            self._lines[_join(key, name)] = line
            pairs[name] = value
        return list(pairs.items())

    def _value(self, hint: Any, allowed: Allowed, node: yaml.Node, key: str) -> Any:
        """Return the value for a field of type `hint`, or MISSING after a fault."""
        if allowed.form == "body":
            return self._body(node, key)
        if fields(hint) is not None:
            return self.section(hint, node, key)
        if get_origin(hint) is tuple:
            return self._list(get_args(hint)[0], allowed, node, key)
        if get_origin(hint) is not None and get_origin(hint) is not UnionType:
            return self._mapping(allowed, node, key)
        if isinstance(hint, UnionType):
            if _is_null(node):
                return None
            hint = next(choice for choice in get_args(hint) if choice is not type(None))
            if fields(hint) is not None:
                return self.section(hint, node, key)
        return self._scalar(hint, allowed, node, key)

    def _list(self, item: Any, allowed: Allowed, node: yaml.Node, key: str) -> Any:
        if _is_null(node):
            return ()
        if allowed.single and isinstance(node, yaml.ScalarNode) and allowed.form != "argv":
            one = self._scalar(item, allowed, node, key)
            return MISSING if one is MISSING else (one,)
        if not isinstance(node, yaml.SequenceNode):
            due = "a list of words such as [systemctl, reload, coze]" if allowed.form == "argv" else "a list"
            self.add_fault(key, f"expected {due}, found {self._described(node, allowed)}")
            return MISSING
        values = []
        for index, child in enumerate(node.value):
            place = f"{key}[{index}]"
            self._lines[place] = child.start_mark.line + 1
            values.append(self._value(item, allowed, child, place))
        if allowed.form == "argv" and values and values[0] == "":
            self.add_fault(f"{key}[0]", "the program to run is an empty word")
        return tuple(value for value in values if value is not MISSING)

    def _body(self, node: yaml.Node, key: str) -> Any:
        """Return what a request is sent with: a scalar as its text, anything else as what JSON would say of it."""
        if _is_null(node):
            return None
        return (
            self._scalar(str, _SECRET, node, key)
            if isinstance(node, yaml.ScalarNode)
            else self._json(node, key)
        )

    def _json(self, node: yaml.Node, key: str) -> Any:
        if isinstance(node, yaml.MappingNode):
            pairs = {name: self._json(child, _join(key, name)) for name, child in self._pairs(node, key)}
            return {name: value for name, value in pairs.items() if value is not MISSING}
        if isinstance(node, yaml.SequenceNode):
            values = [self._json(child, f"{key}[{index}]") for index, child in enumerate(node.value)]
            return [value for value in values if value is not MISSING]
        if _is_null(node):
            return None
        text = self._scalar(str, _SECRET, node, key)
        # What came out of a reference stays a text, whatever it looks like.
        value = _PLAIN.get(node.tag, str)(text) if text == node.value else text
        if node.tag == _TAG + "float" and (value in _INFINITE or text.lower().lstrip("+-") in (".inf", ".nan")):
            self.add_fault(key, "JSON has no infinite numbers and no NaN; in quotes it is sent as a text")
            return MISSING
        return value

    def _mapping(self, allowed: Allowed, node: yaml.Node, key: str) -> dict[str, str]:
        result: dict[str, str] = {}
        for name, child in self._pairs(node, key):
            if allowed.form == "header":
                self._formed(forms.header_name, name, _join(key, name))
            elif allowed.form in ("jmespath", "log-field"):
                check = forms.log_field if allowed.form == "log-field" else forms.saved_name
                self._formed(check, name, _join(key, name))
            value = self._scalar(str, allowed, child, _join(key, name))
            if value is not MISSING:
                result[name] = value
        return result

    def _items(
        self, cls: type[T], allowed: Allowed, node: yaml.SequenceNode, key: str
    ) -> tuple[dict[str, str], tuple[T, ...]]:
        """Return the plain mappings of a list put together, and its items that are sections of `cls`."""
        plain: dict[str, str] = {}
        sections: list[T] = []
        marks = set(fields(cls) or ())
        for index, child in enumerate(node.value):
            place = f"{key}[{index}]"
            self._lines[place] = child.start_mark.line + 1
            names = {name.value for name, _ in child.value} if isinstance(child, yaml.MappingNode) else set()
            if marks & names:
                sections.append(self.section(cls, child, place))
            else:
                plain |= self._mapping(allowed, child, place)
        return plain, tuple(sections)

    def _scalar(self, hint: Any, allowed: Allowed, node: yaml.Node, key: str) -> Any:
        if not isinstance(node, yaml.ScalarNode):
            self.add_fault(key, f"expected one value, found {self._described(node)}")
            return MISSING
        if node.tag not in _TAGS:
            self.add_fault(key, f"the YAML tag {node.tag!r} is not supported, write a plain value")
            return MISSING
        if _is_null(node) and allowed.form != "schedule":
            self.add_fault(key, "is empty, give a value or leave the key out for its default")
            return MISSING
        try:
            expanded = expand(str(node.value), self._environ)
        except ValueError as error:
            self.add_fault(key, str(error))
            return MISSING
        try:
            return convert(hint, allowed, expanded.text)
        except ValueError as error:
            self.add_fault(key, f"{_named(expanded, allowed)} is not usable: {error}")
            return MISSING

    def _formed(self, form: Any, text: str, key: str) -> None:
        try:
            form(text)
        except ValueError as error:
            self.add_fault(key, f"{text!r} is not usable: {error}")

    def _described(self, node: yaml.Node, allowed: Allowed = _ANYTHING) -> str:
        """Name what stands there; a scalar's text only where it can hold no secret."""
        if isinstance(node, yaml.MappingNode):
            return "a section"
        if isinstance(node, yaml.SequenceNode):
            return "a list"
        plain = not allowed.form and not allowed.secret and "$" not in node.value
        return (
            f"{_cut(node.value)!r}" if plain and mask.words((node.value,)) == [node.value] else "a single value"
        )


def _allowed(field: Field) -> Allowed:
    allowed: Allowed = field.metadata.get("allowed", _ANYTHING)
    return allowed


def _named(expanded: Expanded, allowed: Allowed) -> str:
    """Return how a fault may name a value: what came from elsewhere only by its references."""
    if expanded.references:
        return f"the value of {' '.join(expanded.references)}"
    if allowed.secret or (
        allowed.form in ("url", "git-url", "replica-url") and mask.url(expanded.text) != expanded.text
    ):
        return "the value"
    if allowed.form == "url" and "@" in expanded.text:
        return "the value"
    return repr(_cut(expanded.text))


def _cut(text: str) -> str:
    return text if len(text) <= 60 else text[:59] + "…"


def _join(key: str, name: str) -> str:
    return f"{key}.{name}" if key else name


def _inside(key: str, outer: str) -> bool:
    return key == outer or key.startswith((f"{outer}.", f"{outer}["))


def _is_null(node: yaml.Node) -> bool:
    return isinstance(node, yaml.ScalarNode) and node.tag == _TAG + "null"


def nearest(name: str, known: Mapping[str, object]) -> str:
    """Return `, did you mean …` with the nearest known name, or the list of all where none is near."""
    from difflib import get_close_matches

    close = get_close_matches(name.lower(), known, n=1, cutoff=0.5)
    return f", did you mean {close[0]}" if close else f", known are {', '.join(known)}"
