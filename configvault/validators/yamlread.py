"""Read one YAML file as yaml.v3 would, from libyaml's events, so that no content can knock the reader over.

Events come without recursion, so depth and size are counted before anything is built; PyYAML's own composer
would overflow the C stack. No tag is ever obeyed.
"""

from __future__ import annotations

import re
from typing import Any, NamedTuple

import yaml

from configvault.core.frozen import field, mutable
from configvault.validators import indentation, yamlresolve
from configvault.validators.budget import spend
from configvault.validators.violations import Violation, quote_reference, violation
from configvault.validators.yamlnodes import Mapping, Node, Scalar, Sequence

DEEPEST = 200
MOST_NODES = 100_000
# Beyond this many nodes, counted with what aliases repeat, nothing is walked.
MOST_EXPANDED = 100_000

MOST_TAG_LINES = 100
_TAG_LINES = re.compile(r"^%TAG", re.MULTILINE)

_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_CONTROL = re.compile("[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
# What yaml.v3 does not know as an escape and libyaml does. Source: the scanners of gopkg.in/yaml.v3 3.0.1 and libyaml 0.2.5,
# their tables compared as a whole: they differ in `\/`, which only libyaml takes, and in `\'`, which only yaml.v3 takes.
_ESCAPES = re.compile(r"\\(.)", re.DOTALL)
# Where they differ within brackets and braces: to yaml.v3 a `?` ends a plain value, and a `,` is part of a tag.
_TAG_AND_COMMA = re.compile(r"(?:&\S+\s+)?!(?:<[^>\s]*>|[^\s,\[\]{}]*),")
_MOST_REPAIRS = 50
_BREAKS = re.compile("\r\n|[\r\n\x85\u2028\u2029]")


class At(NamedTuple):
    """A place in a file."""

    line: int
    column: int


@mutable
class Reading:
    """What came of reading one file: the first document's root (None: nothing in it), and what is wrong."""

    root: Node | None = None
    roots: list[Node] = field(default_factory=list)
    violations: list[Violation] = field(default_factory=list)
    broken: bool = False
    more: At | None = None

    def refuse(self, found: Violation) -> None:
        """Keep `found`, which makes the tree useless."""
        self.violations.append(found)
        self.broken = True


class _RefusedError(Exception):
    """The file cannot be read on."""

    def __init__(self, found: Violation) -> None:
        super().__init__(found.message)
        self.violation = found


def read(text: str) -> Reading:
    """Return the first document of `text`, which is UTF-8 without a mark at its start, as yaml.v3 reads it."""
    return _read(text, _Builder)


def read_every(text: str) -> Reading:
    """Return all documents of `text`; tags and versions of YAML are for whoever reads them, and no fault."""
    return _read(text, _EveryBuilder)


def _with_apostrophe(error: yaml.YAMLError, text: str) -> str | None:
    """Return `text` with the escape that only yaml.v3 knows written as two apostrophes, which changes no place in it."""
    mark = getattr(error, "problem_mark", None)
    if mark is None or "unknown escape" not in str(getattr(error, "problem", "")):
        return None
    at = mark.index
    return text[:at] + "''" + text[at + 2 :] if text[at : at + 2] == "\\'" else None


def _read(text: str, builder: type[_Builder], repairs: int = _MOST_REPAIRS) -> Reading:
    reading = Reading()
    if text.count("%TAG") > MOST_TAG_LINES and len(_TAG_LINES.findall(text)) > MOST_TAG_LINES:
        # libyaml compares each with all before it.
        reading.refuse(
            violation("too-many-values", None, f"more than {MOST_TAG_LINES} %TAG lines", "remove them")
        )
        return reading
    made = builder(text, reading)
    try:
        made.run()
    except yaml.scanner.ScannerError as error:
        repaired = _with_apostrophe(error, text) if repairs and builder is _Builder else None
        if repaired is not None:
            return _read(repaired, builder, repairs - 1)
        reading.refuse(_syntax(error, text, made.long))
    except _RefusedError as error:
        reading.refuse(error.violation)
    except yaml.YAMLError as error:
        reading.refuse(_syntax(error, text, made.long))
    except RecursionError:
        reading.refuse(violation("nested-too-deep", None, "nested too deep to be read", _FLATTER))
    return reading


_FLATTER = f"no valid file is nested deeper than {DEEPEST} levels; restore the file"
_HINTS = (
    ("mapping values are not allowed", "put the value in quotes, or the text after the colon on its own line"),
    ("could not find expected ':'", indentation.COLON),
    ("tab character", "indent with spaces"),
    ("cannot start any token", "indent with spaces; put a value that begins with @, ` or % in quotes"),
    ("block collection", "line the entry up with the entries above it"),
    ("block mapping", "line the key up with the keys above it"),
    ("flow", "close the bracket or brace"),
    ("quoted scalar", "close the quote"),
)


def _syntax(error: yaml.YAMLError, text: str, long: tuple[At, At] | None) -> Violation:
    """Return libyaml's complaint at the place where a person would look for it.

    Args:
        error: what libyaml says.
        text: the whole file.
        long: where the latest value in quotes over several lines begins and ends.
    """
    problem = str(getattr(error, "problem", None) or "is no YAML")
    context = str(getattr(error, "context", None) or "")
    mark = getattr(error, "problem_mark", None) or getattr(error, "context_mark", None)
    if "could not find expected ':'" in problem:
        # That is noticed in the next line, which has no part in it.
        mark = getattr(error, "context_mark", None) or mark
    elif mark is not None and mark.index >= len(text.rstrip()) and ("flow" in context or "quoted" in context):
        # What is never closed is noticed at the end of the file.
        mark = getattr(error, "context_mark", None) or mark
    where = At(mark.line + 1, mark.column + 1) if mark is not None else None
    if mark is None and (control := _CONTROL.search(text)):
        # libyaml counts bytes up to it.
        problem, where = "a control character is not allowed here", place(text, control.start())
    if "maximum nesting depth" in problem:
        return violation("nested-too-deep", where, f"nested deeper than {DEEPEST} levels", _FLATTER)
    said = f"{problem} {context}".strip()
    if where is not None and long is not None and long[1].line == where.line and long[1].column <= where.column:
        # The quote that ends it was meant to open the next value.
        return violation("yaml-syntax", long[0], f"not valid YAML: {said}", "close the quote")
    if where is not None and (slip := indentation.slip(text, where.line, where.column, problem)) is not None:
        return violation("yaml-syntax", At(slip.line, slip.column), f"not valid YAML: {said}", slip.hint)
    hint = next((advice for part, advice in _HINTS if part in said), "fix the line, or restore the file")
    return violation("yaml-syntax", where, f"not valid YAML: {said}", hint)


def place(text: str, index: int) -> At:
    """Return line and column of the character at `index`."""
    line, start = 1, 0
    for match in _BREAKS.finditer(text, 0, index):
        line, start = line + 1, match.end()
    return At(line, index - start + 1)


class _Builder:
    """Turns events into nodes without recursion."""

    def __init__(self, text: str, reading: Reading) -> None:
        self._loader = _LOADER(text)
        self._text = text
        self._reading = reading
        self._anchors: dict[str, Node] = {}
        self._sizes: dict[int, int] = {}
        self._open: list[tuple[Node, str | None]] = []
        self._keys: list[Node | None] = []
        self._size: list[int] = []
        self._flow = 0
        self.long: tuple[At, At] | None = None
        self._nodes = 0
        self._aliased = 0

    def run(self) -> None:
        """Read the first document, and look whether anything follows it.

        Raises:
            _RefusedError: a limit is passed, or yaml.v3 refuses what libyaml takes.
        """
        try:
            self._document()
        finally:
            self._loader.dispose()

    def _document(self) -> None:
        take = self._loader.get_event
        take()
        event = take()
        if type(event) is yaml.StreamEndEvent:
            return
        version = getattr(event, "version", None)
        if version and tuple(version) != (1, 1):
            raise _RefusedError(
                violation(
                    "yaml-syntax",
                    At(1, 1),
                    f"%YAML {version[0]}.{version[1]} is rejected by the service: incompatible YAML document",
                    "remove the %YAML line",
                )
            )
        self._content()
        self._rest()

    def _content(self) -> None:
        """Build the tree of the document that has begun."""
        take = self._loader.get_event
        while True:
            event = take()
            kind = type(event)
            spend()
            if kind is yaml.ScalarEvent:
                self._add(self._scalar(event), event.anchor, 1)
            elif kind is yaml.MappingStartEvent or kind is yaml.SequenceStartEvent:
                self._start(event, kind is yaml.MappingStartEvent)
            elif kind is yaml.AliasEvent:
                self._alias(event)
            elif kind is yaml.DocumentEndEvent:
                return
            else:
                self._flow = max(0, self._flow - 1)
                node, anchor = self._open.pop()
                self._keys.pop()
                self._add(node, anchor, self._size.pop(), anchored=True)

    def _scalar(self, event: Any) -> Scalar:
        mark, tag, text = event.start_mark, event.tag, event.value
        quoted = bool(event.style)
        if event.style == '"':
            self._escapes(mark, event.end_mark)
        elif self._flow and not quoted:
            self._in_brackets(mark, tag, text)
        line, column = mark.line + 1, mark.column + 1
        if event.style in ("'", '"') and event.end_mark.line > mark.line:
            self.long = At(line, column), At(event.end_mark.line + 1, event.end_mark.column + 1)
        if tag and tag != "!":
            short = yamlresolve.short_tag(tag)
            if short == "!!binary" and (decoded := yamlresolve.from_base64(text)) is not None:
                return Scalar(decoded, "!!str", decoded, line, column, quoted)
            try:
                kind, value = yamlresolve.tagged(short, text)
            except yamlresolve.UnresolvableError:
                raise _RefusedError(
                    violation(
                        "yaml-tag",
                        At(line, column),
                        f"the value is no {quote_reference(short)}",
                        "remove the tag",
                    )
                ) from None
        elif quoted:
            kind, value = "!!str", text
        else:
            kind, value = yamlresolve.plain(text)
        return Scalar(text, kind, value, line, column, quoted)

    def _escapes(self, start: Any, end: Any) -> None:
        """Refuse an escape in double quotes that the service's reader does not know."""
        written = self._text[start.index : end.index]
        for match in _ESCAPES.finditer(written) if "\\/" in written else ():
            if match[1] == "/":
                where = place(self._text, start.index + match.start())
                message = r"not valid YAML: the service's reader does not know the escape \/"
                raise _RefusedError(violation("yaml-syntax", where, message, "write / without the backslash"))

    def _in_brackets(self, mark: Any, tag: str | None, text: str) -> None:
        """Refuse a plain value that the service's reader ends earlier, or whose tag it ends later."""
        if "?" in text:
            where = place(self._text, self._text.find("?", mark.index))
            message = "not valid YAML: within brackets or braces, the service's reader ends the value at the ?"
            raise _RefusedError(violation("yaml-syntax", where, message, "put the value in quotes"))
        if tag and not text and (found := _TAG_AND_COMMA.match(self._text, mark.index)):
            where = place(self._text, found.end() - 1)
            message = "not valid YAML: the service's reader takes the comma as part of the tag"
            raise _RefusedError(violation("yaml-syntax", where, message, "put a space before the comma"))

    def _start(self, event: Any, is_mapping: bool) -> None:
        mark = event.start_mark
        if self._flow or event.flow_style:
            self._flow += 1
        node: Node = (Mapping if is_mapping else Sequence)(
            yamlresolve.short_tag(event.tag) if event.tag else "", mark.line + 1, mark.column + 1
        )
        if len(self._open) >= DEEPEST:
            raise _RefusedError(
                violation("nested-too-deep", node, f"nested deeper than {DEEPEST} levels", _FLATTER)
            )
        if event.anchor:
            self._anchors[event.anchor] = node
            self._sizes.pop(id(node), None)
        self._open.append((node, event.anchor))
        self._keys.append(None)
        self._size.append(1)

    def _alias(self, event: Any) -> None:
        mark, name = event.start_mark, event.anchor
        where = At(mark.line + 1, mark.column + 1)
        node = self._anchors.get(name)
        # Its name is not told: a password that begins with * or & reads as one.
        if node is None:
            hint = "define the anchor above with &; put a value that begins with * in quotes"
            raise _RefusedError(violation("yaml-alias", where, "an alias to an undefined anchor", hint))
        if any(node is outer for outer, _ in self._open):
            message = "an alias to an anchor that contains it"
            raise _RefusedError(violation("yaml-alias", where, message, "write the value out"))
        size = self._sizes.get(id(node), 1)
        self._aliased += size
        if self._aliased + self._nodes > MOST_EXPANDED:
            message = f"aliases repeat more than {MOST_EXPANDED} values (excessive aliasing)"
            raise _RefusedError(
                violation("yaml-alias", where, message, "write the values out, or fewer of them")
            )
        self._add(node, None, size)

    def _add(self, node: Node, anchor: str | None, size: int, anchored: bool = False) -> None:
        """Put a finished node where it belongs."""
        self._nodes += 1
        if self._nodes > MOST_NODES:
            message = f"more than {MOST_NODES} values in one file"
            raise _RefusedError(violation("too-many-values", node, message, "split the file"))
        if anchor:
            if not anchored:
                self._anchors[anchor] = node
            self._sizes[id(node)] = size
        if not self._open:
            self._reading.root = node
            self._reading.roots.append(node)
            return
        self._size[-1] += size
        parent = self._open[-1][0]
        if type(parent) is Sequence:
            parent.items.append(node)
            return
        key = self._keys[-1]
        if key is None:
            self._keys[-1] = node
            return
        self._keys[-1] = None
        assert type(parent) is Mapping
        parent.pairs.append((key, node))
        if type(key) is Scalar and key.tag == "!!merge":
            self._merge(parent, key, node)

    def _merge(self, parent: Mapping, key: Scalar, value: Node) -> None:
        sources = value.items if type(value) is Sequence else [value]
        for source in sources:
            if type(source) is not Mapping:
                if self._takes(source):
                    continue
                raise _RefusedError(
                    violation(
                        "yaml-alias", key, "`<<` must name a mapping or a list of mappings", "as `<<: *anchor`"
                    )
                )
            parent.merges.append(source)

    def _takes(self, source: Node) -> bool:
        """Return whether `<<` may name something that is no mapping yet."""
        del source
        return False

    def _rest(self) -> None:
        """Look at what follows the first document, as far as the service's reader looks ahead."""
        event = None
        for _ in range(2):
            try:
                event = self._loader.get_event()
            except yaml.scanner.ScannerError:
                raise
            except yaml.YAMLError as error:
                mark = getattr(error, "problem_mark", None)
                self._reading.more = At(mark.line + 1, 1) if mark else At(1, 1)
                return
            if type(event) is yaml.StreamEndEvent:
                return
            if self._reading.more is None:
                mark = event.start_mark
                self._reading.more = At(mark.line + 1, mark.column + 1)


class _EveryBuilder(_Builder):
    """Reads each document of a file, as a reader of YAML 1.1 or 1.2 with tags of its own does."""

    def _document(self) -> None:
        take = self._loader.get_event
        take()
        while type(take()) is not yaml.StreamEndEvent:
            self._anchors.clear()
            self._content()

    def _takes(self, source: Node) -> bool:
        # `<<: !include other.yaml`: what it includes is for the reader of that tag to know.
        return bool(source.tag) and not source.tag.startswith("!!")

    def _escapes(self, start: Any, end: Any) -> None:
        """Take every escape of YAML."""

    def _in_brackets(self, mark: Any, tag: str | None, text: str) -> None:
        """Take what any reader of YAML takes."""
