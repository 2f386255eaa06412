"""Visit every object of a decoded document that the service validates, once, references followed."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterator
from collections.abc import Mapping as Dict
from typing import TypeAlias

from configvault.coze.openapi.decode import reference_of
from configvault.coze.openapi.kinds import KINDS, LEAVES, Field, Kind
from configvault.coze.openapi.references import References
from configvault.validators.budget import spend
from configvault.validators.violations import Violation, quote_value, violation
from configvault.validators.yamlnodes import Mapping, Node, Sequence, is_null

Check: TypeAlias = Callable[[References, Mapping, str], Iterator[Violation]]


class Walk:
    """One walk; `checks` are asked about each object of their kind, with a name for the messages."""

    def __init__(self, references: References, checks: Dict[str, tuple[Check, ...]]) -> None:
        self._references = references
        self._checks = checks
        self._done: set[tuple[int, str]] = set()

    def visit(self, node: Node | None, kind: Kind, where: str, strict: bool = True) -> Iterator[Violation]:
        """Yield the faults of the object that `node` is or refers to, and of all below it.

        Args:
            node: the object or reference.
            kind: which kind it is.
            where: how messages call it.
            strict: whether a reference must stand alone here.
        """
        if kind.referable and strict and type(node) is Mapping and reference_of(node) is not None:
            yield from self._siblings(node, where)
        target = self._references.follow(node, kind.name) if kind.referable or kind.name == "path" else node
        if type(target) is not Mapping or (id(target), kind.name) in self._done:
            return
        self._done.add((id(target), kind.name))
        spend(1 + len(target.entries))
        for check in self._checks.get(kind.name, ()):
            yield from check(self._references, target, where)
        if kind.closed and kind.others is None:
            yield from _unknown(target, kind, where)
        for name, (_, value) in target.entries.items():
            field = kind.fields.get(name, kind.others)
            if field is not None and field.mode not in ("~", "-"):
                yield from self._field(value, field, kind, _name(where, name, kind))

    def _field(self, node: Node, field: Field, outer: Kind, where: str) -> Iterator[Violation]:
        if is_null(node) or (field.kind in LEAVES and field.kind != "bounds"):
            return
        kind = KINDS["schema" if field.kind == "bounds" else field.kind]
        # Inside a schema the library looks at what is referred to, never at the reference itself.
        strict = outer.name != "schema"
        if not field.many:
            yield from self.visit(node, kind, where, strict)
        elif type(node) is Sequence:
            for index, item in enumerate(node.items):
                yield from self.visit(item, kind, f"{where}[{index}]", strict)
        elif type(node) is Mapping:
            for name, (_, value) in node.entries.items():
                yield from self.visit(value, kind, _name(where, name, kind), strict)

    def _siblings(self, node: Mapping, where: str) -> Iterator[Violation]:
        for name, (key, _) in node.entries.items():
            if name != "$ref":
                message = f"{where}: {quote_value(name)} beside $ref; the plugin is dropped"
                yield violation("reference-sibling", key, message, "take it out, or write the object out")
                return


def _name(where: str, name: str, kind: Kind) -> str:
    """Return how to call what is under `name`; methods and paths say enough without what they lie in."""
    if kind.name in ("path", "operation") and name.startswith("/"):
        return name
    return f"{where}.{name}" if where else name


def _unknown(node: Mapping, kind: Kind, where: str) -> Iterator[Violation]:
    for name, (key, _) in node.entries.items():
        # A document without version that says `swagger` was told to be one of 2.0.
        swagger = name == "swagger" and kind.name == "document" and "openapi" not in node.entries
        if name not in kind.fields and not name.startswith("x-") and not swagger:
            close = difflib.get_close_matches(name[:80], kind.fields, 1)
            hint = f"did you mean {close[0]!r}?" if close else "remove it, or begin its name with x-"
            place = where or "the document"
            message = f"{place}: {quote_value(name)} is not a key of OpenAPI 3.0 here; the plugin is dropped"
            yield violation("document-key", key, message, hint)
