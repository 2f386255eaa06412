"""Parse a pattern by Go's rules into a small tree.

Source: Go, regexp/syntax/parse.go with the flags of `regexp.Compile` (Perl). Also takes `(?<name>…)`, as Go does
since 1.22.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from configvault.coze.openapi.re2.classes import CATEGORIES, PERL, POSIX, SCRIPTS, Set

MOST_REPEATS = 1000
DEEPEST = 400
_REPEAT = re.compile(r"\{([0-9]+)(,?)([0-9]*)\}", re.ASCII)
_GROUP_NAME = re.compile(r"\(\?P?<([0-9A-Za-z_]+)>", re.ASCII)
_FLAGS = re.compile(r"\(\?([imsU]*)(-?)([imsU]*)([:)])", re.ASCII)
_UNICODE = re.compile(r"\\[pP](?:\{(\^?)(\w+)\}|(\w))", re.ASCII)
_HEX = re.compile(r"\\x(?:\{([0-9A-Fa-f]{1,8})\}|([0-9A-Fa-f]{2}))", re.ASCII)
_OCTAL = re.compile(r"\\(0[0-7]{0,2}|[1-7][0-7]{1,2})", re.ASCII)
_POSIX = re.compile(r"\[:(\^?)(\w+):\]", re.ASCII)
_CONTROL = {"a": 7, "f": 12, "t": 9, "n": 10, "r": 13, "v": 11}
_ANCHORS = {"A": "start", "z": "end", "b": "word", "B": "no word"}


class PatternError(ValueError):
    """Go refuses the pattern; the text says why."""


@dataclass(slots=True)
class Tree:
    """One node: `set`, `assert`, `seq`, `alt` or `repeat` (of its one child, from `low` to `high`, -1: no end)."""

    op: str
    children: tuple[Tree, ...] = ()
    set: Set | None = None
    kind: str = ""
    low: int = 0
    high: int = 0


def parse(pattern: str) -> Tree:
    """Return the tree of `pattern`.

    Raises:
        PatternError: it is none to Go.
    """
    tree = _Parser(pattern).whole()
    _check_repeats(tree, MOST_REPEATS)
    return tree


def _check_repeats(tree: Tree, left: int) -> None:
    if tree.op == "repeat" and max(tree.low, tree.high) >= 2:
        most = tree.high if tree.high >= 0 else tree.low
        if most > left:
            raise PatternError("invalid repeat count")
        left = left // most if most else left
    for child in tree.children:
        _check_repeats(child, left)


class _Parser:
    """Recursive descent over one pattern."""

    def __init__(self, pattern: str) -> None:
        self._text = pattern
        self._at = 0
        self._names: set[str] = set()

    def whole(self) -> Tree:
        """Return the tree of everything."""
        tree = self._alternatives("", 0)
        if self._at < len(self._text):
            raise PatternError("unexpected )")
        return tree

    def _peek(self, count: int = 1) -> str:
        return self._text[self._at : self._at + count]

    def _alternatives(self, flags: str, depth: int) -> Tree:
        if depth > DEEPEST:
            raise PatternError("nested too deep")
        branches: list[Tree] = []
        sequence: list[Tree] = []
        while self._at < len(self._text) and self._peek() != ")":
            if self._peek() == "|":
                self._at += 1
                branches.append(Tree("seq", tuple(sequence)))
                sequence = []
            elif self._peek(2) == "(?":
                flags = self._special(flags, depth, sequence)
            else:
                self._piece(flags, depth, sequence)
        branches.append(Tree("seq", tuple(sequence)))
        return branches[0] if len(branches) == 1 else Tree("alt", tuple(branches))

    def _special(self, flags: str, depth: int, sequence: list[Tree]) -> str:
        """Read a group that begins with `(?`; return the flags that hold after it."""
        match = _GROUP_NAME.match(self._text, self._at)
        if match:
            if match[1] in self._names:
                raise PatternError("duplicate group name")
            self._names.add(match[1])
            self._group(match.end(), flags, depth, sequence)
            return flags
        match = _FLAGS.match(self._text, self._at)
        if match is None or (match[2] and not match[3]):
            raise PatternError("invalid or unsupported Perl syntax (?" + self._peek(4)[2:])
        new = "".join(sorted((set(flags) | set(match[1])) - set(match[3])))
        if match[4] == ")":
            self._at = match.end()
            # A flag alone is nothing that could be repeated.
            if self._repetition() is not None:
                raise PatternError("missing argument to repetition operator")
            return new
        self._group(match.end(), new, depth, sequence)
        return flags

    def _group(self, start: int, flags: str, depth: int, sequence: list[Tree]) -> None:
        self._at = start
        inside = self._alternatives(flags, depth + 1)
        if self._peek() != ")":
            raise PatternError("missing closing )")
        self._at += 1
        self._repeated(inside, sequence)

    def _piece(self, flags: str, depth: int, sequence: list[Tree]) -> None:
        if self._peek() == "(":
            self._group(self._at + 1, flags, depth, sequence)
        elif self._repetition() is not None:
            raise PatternError("missing argument to repetition operator")
        elif self._peek(2) == "\\Q":
            self._quoted(flags, sequence)
        else:
            self._repeated(self._atom(flags), sequence)

    def _quoted(self, flags: str, sequence: list[Tree]) -> None:
        end = self._text.find("\\E", self._at + 2)
        stop = len(self._text) if end < 0 else end
        literal = self._text[self._at + 2 : stop]
        self._at = stop if end < 0 else end + 2
        nodes = [_literal(ord(char), flags) for char in literal]
        sequence += nodes[:-1]
        if nodes:
            self._repeated(nodes[-1], sequence)

    def _repetition(self) -> tuple[int, int, int] | None:
        """Return low, high and where it ends, if a repetition begins here."""
        char = self._peek()
        if char and char in "*+?":
            return {"*": (0, -1), "+": (1, -1), "?": (0, 1)}[char] + (self._at + 1,)
        match = _REPEAT.match(self._text, self._at) if char == "{" else None
        if match is None or (match[3] and not match[2]):
            return None
        low = int(match[1][:5])
        high = int(match[3][:5]) if match[3] else -1 if match[2] else low
        if low > MOST_REPEATS or high > MOST_REPEATS or (0 <= high < low):
            raise PatternError("invalid repeat count")
        return low, high, match.end()

    def _repeated(self, node: Tree, sequence: list[Tree]) -> None:
        """Add `node` with the repetition after it, if there is one."""
        found = self._repetition()
        if found is not None:
            low, high, self._at = found
            if self._peek() == "?":
                self._at += 1
            if self._repetition() is not None:
                raise PatternError("invalid nested repetition operator")
            node = Tree("repeat", (node,), low=low, high=high)
        sequence.append(node)

    def _atom(self, flags: str) -> Tree:
        char = self._peek()
        if char == "[":
            return Tree("set", set=self._bracket(flags))
        if char == "\\":
            return self._escape(flags)
        self._at += 1
        if char == ".":
            return Tree("set", set=Set([(0, 0x10FFFF)] if "s" in flags else [(0, 9), (11, 0x10FFFF)]))
        if char in "^$":
            edge = "start" if char == "^" else "end"
            return Tree("assert", kind=f"line {edge}" if "m" in flags else edge)
        return _literal(ord(char), flags)

    def _escape(self, flags: str) -> Tree:
        letter = self._peek(2)[1:]
        if letter in _ANCHORS and letter:
            self._at += 2
            return Tree("assert", kind=_ANCHORS[letter])
        if letter.lower() in PERL:
            self._at += 2
            return Tree("set", set=Set(parts=[(PERL[letter.lower()], letter.isupper())]))
        if letter in "pP" and letter:
            return Tree("set", set=Set(parts=[self._unicode()], fold="i" in flags))
        return _literal(self._escaped_char(), flags)

    def _unicode(self) -> tuple[str, bool]:
        match = _UNICODE.match(self._text, self._at)
        name = (match[2] or match[3]) if match else ""
        if match is None or (name not in CATEGORIES and name not in SCRIPTS):
            raise PatternError("invalid character class range")
        negated = (self._text[self._at + 1] == "P") != bool(match[1])
        self._at = match.end()
        return name, negated

    def _escaped_char(self) -> int:
        """Read one escaped character."""
        for syntax, base in ((_HEX, 16), (_OCTAL, 8)):
            match = syntax.match(self._text, self._at)
            if match:
                self._at = match.end()
                code = int(next(group for group in match.groups() if group), base)
                if code > 0x10FFFF:
                    break
                return code
        letter = self._peek(2)[1:]
        if letter in _CONTROL and letter:
            self._at += 2
            return _CONTROL[letter]
        if not letter:
            raise PatternError("trailing backslash at end of expression")
        if ord(letter) >= 0x80 or letter.isalnum():
            raise PatternError(f"invalid escape sequence \\{letter}")
        self._at += 2
        return ord(letter)

    def _bracket(self, flags: str) -> Set:
        self._at += 1
        found = Set(fold="i" in flags)
        if self._peek() == "^":
            self._at += 1
            found.negated = True
        first = True
        while first or self._peek() != "]":
            if self._at >= len(self._text):
                raise PatternError("missing closing ]")
            first = False
            if not self._named_part(found):
                self._range(found)
        self._at += 1
        return found

    def _named_part(self, found: Set) -> bool:
        match = _POSIX.match(self._text, self._at)
        letter = self._peek(2)[1:] if self._peek() == "\\" else ""
        if match:
            if match[2] not in POSIX:
                raise PatternError("invalid character class range")
            found.parts.append((POSIX[match[2]], bool(match[1])))
            self._at = match.end()
        elif letter and letter.lower() in PERL:
            found.parts.append((PERL[letter.lower()], letter.isupper()))
            self._at += 2
        elif letter and letter in "pP":
            found.parts.append(self._unicode())
        else:
            return False
        return True

    def _range(self, found: Set) -> None:
        low = high = self._class_char()
        if self._peek() == "-" and self._peek(2)[1:] not in ("", "]"):
            self._at += 1
            high = self._class_char()
            if high < low:
                raise PatternError("invalid character class range")
        found.ranges.append((low, high))

    def _class_char(self) -> int:
        if self._at >= len(self._text):
            raise PatternError("missing closing ]")
        if self._peek() == "\\":
            return self._escaped_char()
        self._at += 1
        return ord(self._text[self._at - 1])


def _literal(code: int, flags: str) -> Tree:
    return Tree("set", set=Set([(code, code)], fold="i" in flags))
