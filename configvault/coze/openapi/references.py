"""Follow `#/…` references inside one document; nothing else is ever followed, let alone opened.

Source: kin-openapi 0.118.0, loader.go, `resolveComponent` and `drillIntoField`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from urllib.parse import unquote

from configvault.coze.openapi.decode import Decoded, Reference, decode, reference_of
from configvault.validators.budget import spend
from configvault.validators.violations import Violation, quote_reference, violation
from configvault.validators.yamlnodes import Mapping, Node, Sequence

_BAD_ESCAPE = re.compile(r"%(?![0-9A-Fa-f]{2})")
_LONGEST_CHAIN = 64
# Comparing values with schemas: a hostile document could make it run for ever; an honest one takes few steps a value.
MOST_STEPS = 50_000


class References:
    """The references of one decoded document."""

    def __init__(self, root: Mapping, decoded: Decoded) -> None:
        self._root = root
        self._decoded = decoded
        self._targets: dict[tuple[str, str], Node | str] = {}
        self._walking: list[str] = []
        self.steps_left = MOST_STEPS
        self._through: set[tuple[str, str]] = set()

    def follow(self, node: Node | None, kind: str) -> Mapping | None:
        """Return the object that `node` is or leads to, None where there is none."""
        for _ in range(_LONGEST_CHAIN):
            target = reference_of(node)
            if target is None:
                return node if type(node) is Mapping else None
            found = self._find(target.text, kind)
            node = None if isinstance(found, str) else found
        return None

    def violations(self) -> Iterator[Violation]:
        """Yield every reference that the service cannot follow."""
        # Following one may reach a part of the document that was not decoded before, and references in it.
        done = 0
        while done < len(self._decoded.references):
            one = self._decoded.references[done]
            spend(1 + one.target.count("/"))
            done += 1
            problem = self._problem(one)
            if problem:
                what, hint = problem
                yield violation(
                    "reference",
                    one.node,
                    f"$ref {quote_reference(one.target)} {what}; the plugin is dropped",
                    hint,
                )

    def _problem(self, one: Reference) -> tuple[str, str] | None:
        if not one.target.startswith("#"):
            return (
                "points outside the document",
                "copy the object into components, and refer to #/components/…",
            )
        if not one.followed:
            return "is not followed by the service in this place", "write the object out here"
        found = self._find(one.target, one.kind)
        if isinstance(found, str):
            return found, "define it under components, or correct the name"
        if one.early and (one.target, one.kind) in self._through:
            return (
                "points through another reference, which the service may not know yet",
                "refer to the object itself",
            )
        if one.kind != "path" and self.follow(found, one.kind) is None:
            return "is part of a loop, or points to a broken reference", "refer to the object itself"
        return None

    def _find(self, target: str, kind: str) -> Node | str:
        key = (target, kind)
        if key not in self._targets:
            self._targets[key] = self._resolve(target, kind)
        return self._targets[key]

    def _resolve(self, target: str, kind: str) -> Node | str:
        """Return the node that `target` names if it is of that kind, else what is wrong."""
        parts = _parts(target)
        if parts is None:
            return "is not a reference (#/part/part)"
        node: Node | None = self._root
        for part in parts:
            if reference_of(node) is not None and part != "$ref":
                self._through.add((target, kind))
            node = self._step(node, part)
            if node is None:
                return f"points nowhere: there is no {quote_reference(part)}" if part else "has an empty part"
        if type(node) is not Mapping:
            return f"names no {kind}"
        kinds = self._decoded.kinds.get(id(node), {"any"})
        if "any" in kinds and kind not in kinds:
            return self._decode_late(node, kind)
        return node if kind in kinds else f"names no {kind}"

    def _decode_late(self, node: Node, kind: str) -> Node | str:
        """Return `node`, which the library kept as mere data, if it would decode as that kind."""
        fresh = Decoded()
        decode(node, kind, fresh)
        if fresh.violations:
            return f"names no {kind}: {fresh.violations[0].message}"
        for ident, kinds in fresh.kinds.items():
            self._decoded.kinds.setdefault(ident, set()).update(kinds)
        self._decoded.references += fresh.references
        return node

    def _step(self, node: Node | None, part: str) -> Node | None:
        if part == "":
            return None
        if type(node) is Sequence:
            return (
                node.items[int(part)]
                if part.isascii() and part.isdigit() and int(part[:9]) < len(node.items)
                else None
            )
        if type(node) is Mapping:
            if part in node.entries:
                return node.get(part)
            target = reference_of(node)
            if target is not None and target.text.startswith("#") and target.text not in self._walking:
                self._walking.append(target.text)
                found = self._resolve_any(target.text)
                self._walking.pop()
                return self._step(found, part) if found is not None else None
        return None

    def _resolve_any(self, target: str) -> Node | None:
        node: Node | None = self._root
        for part in _parts(target) or ():
            node = self._step(node, part)
        return node


def _parts(target: str) -> list[str] | None:
    """Return the unescaped parts of `#/a/b`, None where it is none."""
    fragment = target[1:]
    if not fragment.startswith("/") or _BAD_ESCAPE.search(fragment):
        return None
    return [part.replace("~1", "/").replace("~0", "~") for part in unquote(fragment)[1:].split("/")]
