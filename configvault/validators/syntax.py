"""Whether a file parses, by the kind its name says: the checks that need to know nothing of any service."""

from __future__ import annotations

from collections.abc import Iterator

from configvault.validators import jsonread, yamlread
from configvault.validators.budget import spend
from configvault.validators.text import Text, decode
from configvault.validators.violations import Violation, first, quote_value, violation
from configvault.validators.yamlnodes import Mapping, Node, Scalar, child_nodes

KINDS = {".yaml": "yaml", ".yml": "yaml", ".json": "json", ".toml": "toml"}


def kind_of(path: str) -> str | None:
    """Return `yaml`, `json` or `toml` as the end of `path` says, else None."""
    return KINDS.get(path[path.rfind(".") :].lower()) if "." in path else None


def check(kind: str, data: bytes, *, every: bool = False) -> list[Violation]:
    """Return what is wrong with `data` as a file of that kind; of YAML in its first document, or in `every` one."""
    text = decode(data)
    if kind == "json":
        return jsonread.check(text)
    if text.text is None or text.violations:
        return text.violations
    if kind == "toml":
        from configvault.validators import tomlread

        return tomlread.check(text.text)
    return _every_yaml(text.text) if every else _yaml(text, text.text)


def _yaml(text: Text, body: str) -> list[Violation]:
    reading = yamlread.read(body)
    found = [*marked(text), *reading.violations, *trailing(reading)]
    if not reading.broken and reading.root is not None:
        found += first(repeated(reading.root))
    return found


def _every_yaml(body: str) -> list[Violation]:
    reading = yamlread.read_every(body)
    if reading.broken:
        return reading.violations
    return reading.violations + first(one for root in reading.roots for one in repeated(root))


def marked(text: Text) -> Iterator[Violation]:
    """Yield the warning that a YAML file begins with a byte order mark."""
    if text.marked:
        message = "the file begins with a byte order mark (BOM)"
        yield Violation("byte-order-mark", 1, 1, message, "save the file as UTF-8 without BOM")


def trailing(reading: yamlread.Reading) -> Iterator[Violation]:
    """Yield the warning that there is text after the first document."""
    if reading.more is not None and not reading.broken:
        message = "a second YAML document begins here; only the first is ever read"
        yield violation("trailing-document", reading.more, message, "remove it, or join the two")


def repeated(root: Node, skip: frozenset[int] = frozenset()) -> Iterator[Violation]:
    """Yield every repeated key at or below `root`, but not of the mappings whose `id` is in `skip`."""
    stack, done = [root], set()
    while stack:
        node = stack.pop()
        if type(node) is Scalar or id(node) in done:
            continue
        done.add(id(node))
        spend()
        if type(node) is Mapping and id(node) not in skip:
            yield from duplicates(node, "repeated-key", "keep one of them")
        stack += child_nodes(node)


def duplicates(node: Mapping, rule: str, hint: str) -> Iterator[Violation]:
    """Yield every key that stands in `node` again; yaml.v3 compares keys by their text."""
    seen: dict[tuple[type, str], Node] = {}
    for key, _ in node.pairs:
        name = (type(key), key.text if type(key) is Scalar else "")
        first = seen.setdefault(name, key)
        if first is not key:
            yield violation(rule, key, f"key {quote_value(name[1])} is already used in line {first.line}", hint)
