"""Where a document's values are of the wrong type for the service's library, and which node is which object."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from configvault.coze.openapi.kinds import KINDS, LEAVES, METHODS, Field, Kind
from configvault.coze.openapi.values import scalar
from configvault.validators.budget import spend
from configvault.validators.violations import MOST_OF_ONE_FILE, Violation, quote, violation
from configvault.validators.yamlnodes import Mapping, Node, Scalar, Sequence, describe, is_null

_WORDS = {
    "string": "a text", "bool": "true or false", "number": "a number", "count": "a whole number from 0",
    "any-map": "a mapping", "any-list": "a list", "strings": "a list of texts", "words": "a mapping of texts",
    "bounds": "true, false or a schema",
}  # fmt: skip
_MOST_COUNT = float(1 << 64)
_LONGEST_WITHOUT_EXPONENT = 1e21
# What a null means where it stands among others of its kind: the library panics or refuses.
_NEVER_NULL = frozenset(["tag", "server", "variable", "shown"])


class Reference(NamedTuple):
    """One `$ref`: where it stands, what it names, as what, and whether the library follows it.

    `early`: it stands among the components, which the library resolves first, in no order.
    """

    node: Scalar
    target: str
    kind: str
    followed: bool
    early: bool = False


class Decoded:
    """What decoding a document yields."""

    def __init__(self) -> None:
        self.violations: list[Violation] = []
        self.references: list[Reference] = []
        self.kinds: dict[int, set[str]] = {}


def reference_of(node: Node | None) -> Scalar | None:
    """Return the value of `$ref` where `node` is a reference."""
    target = node.get("$ref") if type(node) is Mapping else None
    return target if type(target) is Scalar and isinstance(scalar(target), str) and target.text else None


def decode(root: Node, kind: str = "document", into: Decoded | None = None) -> Decoded:
    """Return what becomes of `root` as an object of that kind."""
    decoded = into or Decoded()
    _Walk(decoded).one(root, KINDS[kind], "", kind)
    return decoded


class _Walk:
    """One walk over a document; what aliases repeat is walked once for each kind it stands for."""

    def __init__(self, decoded: Decoded) -> None:
        self._out = decoded
        self._done: set[tuple[int, str, str]] = set()
        self._early = False

    def one(self, node: Node, kind: Kind, mode: str, where: str) -> None:
        """Walk one object, which is not null."""
        if type(node) is not Mapping:
            self._refuse(node, f"a mapping ({where})", where)
            return
        self._out.kinds.setdefault(id(node), set()).add(kind.name)
        if (id(node), kind.name, mode) in self._done:
            return
        self._done.add((id(node), kind.name, mode))
        spend(1 + len(node.entries))
        target = reference_of(node) if kind.referable else None
        if target is not None:
            if mode != "-":
                self._out.references.append(Reference(target, target.text, kind.name, mode != "!", self._early))
            return
        if kind.name == "path":
            self._path_reference(node)
        for name, (_, value) in node.entries.items():
            field = kind.fields.get(name, kind.others)
            if field is not None:
                early, self._early = self._early, self._early or kind.name == "components"
                self._field(value, field, mode, name)
                self._early = early

    def _path_reference(self, node: Mapping) -> None:
        """Note a path item's `$ref`, which the library follows only where it stands alone."""
        target = reference_of(node)
        alone = ("summary", "description", "servers", "parameters", *METHODS)
        if target is not None and all(is_null(node.get(key)) for key in alone):
            self._out.references.append(Reference(target, target.text, "path", True))

    def _field(self, node: Node, field: Field, mode: str, name: str) -> None:
        mode = mode if mode == "-" or not field.mode else field.mode
        if is_null(node):
            return
        if field.kind in LEAVES:
            self._leaf(node, field.kind, mode, name)
        elif not field.many:
            self.one(node, KINDS[field.kind], mode, name)
        elif field.many == "[":
            if type(node) is not Sequence:
                self._refuse(node, "a list", name)
                return
            for item in node.items:
                self._element(item, field, mode, name)
        elif type(node) is not Mapping:
            self._refuse(node, "a mapping", name)
        else:
            for key, (_, value) in node.entries.items():
                self._element(value, field, mode, key)

    def _element(self, node: Node, field: Field, mode: str, name: str) -> None:
        kind = KINDS[field.kind]
        if not is_null(node):
            self.one(node, kind, mode, name)
        elif mode != "-" and (kind.referable or (kind.name in _NEVER_NULL and mode != "~")):
            message = f"{quote(name)} is empty; the service refuses it or panics"
            self._out.violations.append(violation("document-type", node, message, "fill it in, or remove it"))

    def _leaf(self, node: Node, kind: str, mode: str, name: str) -> None:
        if kind == "bounds" and type(node) is Mapping:
            if node.entries:
                self.one(node, KINDS["schema"], mode, name)
        elif kind != "any" and not _fits(node, kind):
            self._refuse(node, _WORDS[kind], name)
        elif type(node) is Mapping and kind in ("any", "any-map"):
            self._out.kinds.setdefault(id(node), set()).add("any")

    def _refuse(self, node: Node, due: str, name: str) -> None:
        if len(self._out.violations) > MOST_OF_ONE_FILE:
            return
        message = f"{quote(name)} must be {due}, not {describe(node)}; the plugin is dropped"
        hint = 'put it in quotes: "…"' if due == "a text" and type(node) is Scalar else None
        self._out.violations.append(violation("document-type", node, message, hint))


def _fits(node: Node, kind: str) -> bool:
    if kind == "any-map":
        return type(node) is Mapping
    if kind == "any-list":
        return type(node) is Sequence
    if kind == "strings":
        return type(node) is Sequence and all(is_null(item) or _fits(item, "string") for item in node.items)
    if kind == "words":
        return type(node) is Mapping and all(
            is_null(value) or _fits(value, "string") for _, value in node.entries.values()
        )
    if type(node) is not Scalar:
        return False
    value = scalar(node)
    if kind == "string":
        return isinstance(value, str)
    if kind in ("bool", "bounds"):
        return type(value) is bool
    if type(value) is not float:
        return False
    return kind == "number" or (
        value.is_integer()
        and 0 <= value < _MOST_COUNT
        and (type(node.value) is int or value < _LONGEST_WITHOUT_EXPONENT)
    )


def strings(node: Node | None) -> Iterator[tuple[str, Node]]:
    """Yield text and node of each item of a list of strings."""
    for item in node.items if type(node) is Sequence else ():
        if type(item) is Scalar:
            value = scalar(item)
            yield (value if isinstance(value, str) else ""), item
