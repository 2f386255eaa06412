"""Hide secret values in text that leaves the vault, and keep everything else as it is.

The same value always gets the same short mark, made with a key that stays in the vault, so that a change of
a secret shows in a diff while the secret does not. Lines are never added, removed or moved. Redacting twice
changes nothing. What is found and how is said in `names`, `values`, `forms`, `prose`, `markup` and `randomness`.

Not guaranteed: a secret that no name announces in any version at hand, and that does not look random, stays. The
vault's history is never redacted.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Iterable, Iterator
from itertools import compress, islice

from configvault.core.frozen import field, mutable, replace
from configvault.core.pattern import pattern
from configvault.core.secrets import markup, names, prose, tables, values
from configvault.core.secrets.values import MARK, Known, Span

# A longer line is shown as one mark: nobody reads it, and its cost has to stay bounded.
LONGEST_LINE = 256 * 1024
# A secret value is hidden wherever it stands again, if it has a digit and is this long, or is longer than a word is.
LEAST_REPEATED = 8
LEAST_WORDS = 20
# In what a program prints about the files, so short a one is hidden where it is a word of its own.
LEAST_PRINTED = 4
_LONGEST_REPEATED = 1024
_MOST_REPEATED = 500

_PEM_BEGIN = pattern(r"-----BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----")
_PEM_END = "-----END"
_MEMBER = pattern(r"([ \t]*+(?:-[ \t]++)*+)[\"']?([\w.$/-]++)[\"']?[ \t]*+[:=](?=[ \t\"'\[{]|$|\r)", re.ASCII)
# A line that is a member of a mapping in any script, or ends what stands before it, so that no value goes on in it.
_OTHER = pattern(
    r"[ \t]*+(?:(?:-[ \t]++)*+(?:[^\s\"'#:=][^\"'#:=\n]{0,80}|\"[^\"]{1,80}\"|'[^']{1,80}')[ \t]*+[:=](?:[ \t]|$|\r)|---|\.\.\.|\?[ \t]|<)"
)
_TABLE = pattern(r"[ \t]*+\[{1,2}[ \t]*+([^\[\]{},=]{1,200})\]{1,2}[ \t]*+(?:[#;].*+)?\r?$")
# A secret of Kubernetes holds nothing else in its data.
_SEALED = pattern(r"(?m)^[ \t\"'{]*+kind[\"']?[ \t]*+:[ \t]*+[\"']?Secret\b")
_MERGE = pattern(r"[ \t]*+(?:-[ \t]++)*+<<[ \t]*+:(?=[ \t])")
_LONE_FLAG = pattern(r"[ \t]*+(?:-[ \t]++)?+[\"']?--?([A-Za-z][\w-]{0,80})[\"']?,?[ \t]*+\r?$")
_ITEM = pattern(r"[ \t]*+(?:-[ \t]++)?+([\"']?)([^\s\"',]++)\1,?[ \t]*+\r?$")
_LONE_NAME = pattern(r"[ \t]*+([\"'])([\w.$ -]{1,80})\1[ \t]*+\r?$")


class Redactor:
    """Hide secrets, marking equal ones equally.

    Args:
        key: what the marks are made with; empty where there is none at hand, then all marks are alike.
    """

    def __init__(self, key: bytes) -> None:
        self._key = key

    def mark(self, value: str) -> str:
        """Return what stands for `value`."""
        if not self._key:
            return "<secret>"
        digest = hmac.digest(self._key, value.encode("utf-8", "surrogatepass"), hashlib.sha256)
        return f"<secret#{digest[:3].hex()}>"

    def line(self, line: str) -> str:
        """Return one line that stands alone, redacted."""
        return self.text(line)

    def text(self, text: str) -> str:
        """Return a whole file or a part of one, redacted."""
        return self._texts(text)[0]

    def both(self, old: str, new: str) -> tuple[str, str]:
        """Return two versions of a file, redacted; what is secret in one of them is hidden in the other, too."""
        hidden = self._texts(old, new)
        return hidden[0], hidden[1]

    def output(self, text: str, sources: Iterable[str]) -> str:
        """Return what a program printed without the secrets of the files that it read, however short or plain they are."""
        values = {source[a:b] for source in sources for a, b in _secrets(source)}
        spans = _secrets(text)
        for value in values:
            if len(value) >= LEAST_PRINTED and not MARK.search(value):
                spans += [(a, b) for a, b in _repeated(text, [value]) if _stands_alone(text, a, b)]
        return self._hide(text, _merged(text, spans))

    def _texts(self, *texts: str) -> list[str]:
        found = [_secrets(text) for text in texts]
        repeatable = _repeatable(text[a:b] for text, spans in zip(texts, found, strict=True) for a, b in spans)
        return [
            self._hide(text, _merged(text, [*spans, *_repeated(text, repeatable)]) if repeatable else spans)
            for text, spans in zip(texts, found, strict=True)
        ]

    def _hide(self, text: str, spans: list[Span]) -> str:
        if not spans:
            return text
        parts, at = [], 0
        for start, end in spans:
            parts += [text[at:start], self.mark(text[start:end])]
            at = end
        return "".join([*parts, text[at:]])


def _secrets(text: str) -> list[Span]:
    """Return where the secrets of a text are that show by where they stand or by their looks."""
    lines = text.split("\n")
    traces = values.traces(text)
    held = [values.may_hold(line, traces) for line in lines]
    if not any(held):
        return []
    sealed = _SEALED.search(text) is not None
    known = Known(values.anchors(text), used=values.aliases(text), sealed=sealed)
    spans, aliases = _by_lines(lines, held, known)
    if aliases:
        spans, _ = _by_lines(lines, held, replace(known, secret=frozenset(aliases)))
    shown = _blanked(text, spans)
    # What is hidden already, or will be, is not hidden once more as a part of a cell.
    more = [(a, b) for a, b in tables.spans(shown) if shown[a:b].strip(prose.HIDDEN)]
    more += [*(markup.spans(text) if markup.may_hold(text) else ())]
    if more:
        spans = _merged(text, spans + [(a, b) for a, b in more if not values.says_nothing(text[a:b], "")])
    return spans


def _blanked(text: str, spans: list[Span]) -> str:
    """Return `text` as long as it is, without its secrets and without what stands for one."""
    parts, at = [], 0
    for start, end in spans:
        parts += [text[at:start], prose.HIDDEN * (end - start)]
        at = end
    shown = "".join([*parts, text[at:]]) if spans else text
    return MARK.sub(lambda mark: prose.HIDDEN * len(mark[0]), shown) if "<secret" in shown else shown


def _by_lines(lines: list[str], held: list[bool], known: Known) -> tuple[list[Span], set[str]]:
    """Return where secrets are, and which aliases stand where one belongs."""
    beside = _values_of_named(lines) if any(map(_is_name, compress(lines, held))) else set()
    carry, spans, at = _Carry(known), [], 0
    for i, line in enumerate(lines):
        anchored = known.secret and "&" in line
        anchored = anchored or (known.sealed and "data" in line)
        if held[i] or i in beside or not carry.is_empty or anchored or line.lstrip()[:1] == "[":
            spans += [(at + a, at + b) for a, b in _merged(line, _in_line(line, carry, i in beside))]
        at += len(line) + 1
    return spans, carry.aliases


def _in_line(line: str, carry: _Carry, beside: bool) -> list[Span]:
    if len(line) > LONGEST_LINE:
        return [(0, len(line))]
    spans, start = carry.continued(line)
    return spans + carry.read(line, start, beside) if start < len(line) else spans


def _repeatable(values: Iterable[str]) -> list[str]:
    """Return those of the secret values that are no plain word: wherever else one stands, it is the secret again."""
    repeatable = (
        value
        for value in dict.fromkeys(values)
        if LEAST_REPEATED <= len(value) <= _LONGEST_REPEATED
        and (len(value) >= LEAST_WORDS or any(map(str.isdigit, value)))
        and not MARK.search(value)
    )
    return list(islice(repeatable, _MOST_REPEATED))


def _repeated(text: str, values: Iterable[str]) -> Iterator[Span]:
    for value in values:
        at = text.find(value)
        while at >= 0:
            yield at, at + len(value)
            at = text.find(value, at + len(value))


def _stands_alone(text: str, start: int, end: int) -> bool:
    return not (text[start - 1 : start].isalnum() or text[end : end + 1].isalnum())


def _merged(line: str, spans: list[Span]) -> list[Span]:
    """Return `spans` in order, overlapping ones as one, without blank ends, marks and empty ones."""
    merged: list[Span] = []
    for start, end in sorted(spans):
        if merged and start < merged[-1][1]:
            merged[-1] = (merged[-1][0], max(end, merged[-1][1]))
        else:
            merged.append((start, end))
    stripped = []
    for start, end in merged:
        text = line[start:end]
        first = start + len(text) - len(text.lstrip())
        last = end - (len(text) - len(text.rstrip()))
        if first < last and not MARK.fullmatch(line, first, last):
            stripped.append((first, last))
    return stripped


@mutable
class _Carry:
    """What one line leaves to the next: a value that goes on, or names whose values come below."""

    known: Known
    until: str | None = None
    pem: bool = False
    block: int | None = None
    pending: int | None = None
    inline: bool = False
    below: int | None = None
    everything: bool = False
    items: bool = False
    plain: int | None = None
    table: bool = False
    answer: str = ""
    lone: bool = False
    flag: bool = False
    aliases: set[str] = field(default_factory=set)

    @property
    def is_empty(self) -> bool:
        """Return whether nothing goes on below, so that a line stands for itself."""
        return (
            self.until is None
            and not self.pem
            and self.block is None
            and self.pending is None
            and self.below is None
            and self.plain is None
            and not self.table
            and not self.answer
            and not self.lone
            and not self.flag
        )

    def continued(self, line: str) -> tuple[list[Span], int]:
        """Return what is secret because of the lines before, and where reading begins."""
        if self.until is not None:
            end = values.closing(line, 0, self.until)
            if end is None:
                return [(0, len(line))], len(line)
            after, self.until = end + len(self.until), None
            return [(0, end)], after
        if self.pem:
            return self._in_pem(line, 0)
        if self.block is not None and line.strip():
            if _indent(line) > self.block:
                return [(0, len(line))], len(line)
            self.block = None
        elif self.block is not None:
            return [], len(line)
        return self._continued_plain(line) if self.plain is not None and line.strip() else ([], 0)

    def _continued_plain(self, line: str) -> tuple[list[Span], int]:
        """Return what of a line goes on with a value that has no quotes; one word may be indented wrongly."""
        column, text = self.plain or 0, line.strip()
        if column < 0:
            # The line before ended with a backslash.
            self.plain = column if text.endswith("\\") else None
            return [(0, len(line.rstrip("\\ \t\r")))], len(line)
        if text[0] in "#;" or _OTHER.match(line) or text in ("-", "}", "]") or text.startswith("- "):
            self.plain = None
            return [], 0
        if _indent(line) > column:
            return [(0, len(line))], len(line)
        self.plain = None
        return ([(0, len(line))], len(line)) if _is_one_word(text) else ([], 0)

    def _in_pem(self, line: str, start: int) -> tuple[list[Span], int]:
        end = line.find(_PEM_END, start)
        self.pem = end < 0
        return [(start, len(line) if end < 0 else end)], len(line) if end < 0 else end

    def read(self, line: str, start: int, beside: bool) -> list[Span]:
        """Return what is secret from `start` on, and note what goes on below."""
        if begin := _PEM_BEGIN.search(line, start):
            return self._with_pem(line, start, begin)
        if not line.strip():
            return []
        if start == 0 and (table := _TABLE.match(line)):
            self._enter(table[1])
        spans = self._after_lone(line) if start == 0 else []
        spans += self._under(line) if start == 0 else []
        if self.until is not None:
            return spans
        is_value = beside or self.below is not None or self.table
        # Cutting off what was a value keeps its quotes from being taken for others.
        rest = line[start:] if start else line
        everything = self.table or (self.everything and self.below is not None)
        answer, self.answer = self.answer, values.complex_name(line) if start == 0 else ""
        found = values.find(rest, values=is_value, everything=everything, known=self.known, answer=answer)
        spans += [(a + start, b + start) for a, b in found.spans]
        self._remember(line, start, found)
        return spans

    def _enter(self, name: str) -> None:
        """Note a table of TOML or a section of an INI file: everything in `[secrets]` is secret."""
        parts = [part.strip("\"' ") for part in name.split(".")]
        self.table = any(map(names.is_container, parts)) or names.is_secret(parts[-1])

    def _after_lone(self, line: str) -> list[Span]:
        """Return a value that stands on the line below its name, without a colon or behind one."""
        lone, self.lone = self.lone, False
        flag, self.flag = self.flag, False
        if match := _LONE_FLAG.match(line):
            self.flag = names.is_secret(match[1])
        elif flag and (item := _ITEM.match(line)):
            return [item.span(2)]
        if match := _LONE_NAME.match(line):
            self.lone = names.is_secret(match[2])
        opening = re.match(r"[ \t]*:?[ \t]*([\"'])", line) if lone else None
        if opening is None or opening[1] not in "\"'":
            return []
        end = values.closing(line, opening.end(), opening[1])
        if end is not None and line[end + 1 :].lstrip()[:1] == ":":
            return []
        return [(opening.end(), len(line) if end is None else end)]

    def _with_pem(self, line: str, start: int, begin: re.Match[str]) -> list[Span]:
        """Return the key's body and what is secret around it; its first and last words stay."""
        before = values.find(line[start : begin.start()])
        spans = [(a + start, b + start) for a, b in before.spans]
        last = line.rfind(_PEM_END, begin.end())
        if last < 0:
            self.pem = True
            return [*spans, (begin.end(), len(line))]
        spans.append((begin.end(), last))
        tail = last + len(_PEM_END)
        if before.until is None:
            return spans + [(a + tail, b + tail) for a, b in values.find(line[tail:]).spans]
        end = values.closing(line, tail, before.until)
        self.until = before.until if end is None else None
        return [*spans, (tail, len(line) if end is None else end)]

    def _remember(self, line: str, start: int, found: values.Found) -> None:
        self.until = found.until
        self.aliases.update(found.aliases)
        self.plain = None if found.plain is None else _column(line, found.plain + start)
        if found.joined and found.until is None:
            self.plain = -1
        if found.below is None or found.until is not None:
            return
        column = found.below + start
        if found.block:
            self.block = _column(line, column)
            return
        self.pending, self.inline = _column(line, column), found.inline
        if not (self.below is not None and self.everything):
            self.below, self.everything = self.pending, names.is_container(found.name)
        self.items = found.items
        if found.items:
            self.pending = None

    def _under(self, line: str) -> list[Span]:
        """Return the value of a name on a line before, and leave what is no longer below it."""
        if self.everything and self.below is not None and (merge := _MERGE.match(line)):
            self.aliases.update(self.known.anchors.intersection(values.aliases(line[merge.end() :])))
            self.pending = None
            return []
        indent = _indent(line)
        text = line.strip()
        dashed = text.startswith("- ") or text == "-"
        member = _MEMBER.match(line)
        pending, self.pending = self.pending, None
        spans: list[Span] = []
        if pending is not None and (text == "#" or text.startswith("# ")):
            self.pending = pending
            return []
        if pending is not None:
            if dashed and indent >= pending and not member:
                self.items = True
            elif (
                not member
                and text[0] not in "{[]}"
                and (
                    indent > pending
                    or (self.inline and not dashed)
                    or (text[0] in "\"'" and indent == pending)
                    # A slip of the hand put it too far to the left.
                    or (not dashed and not _OTHER.match(line) and _is_one_word(text.strip("\"'")))
                )
            ):
                return self._value_below(line, indent)
        if self.below is not None and (indent < self.below or (indent == self.below and not dashed)):
            self.below, self.everything, self.items = None, False, False
        if (self.items or self.everything) and self.below is not None and not member and text[0] not in "{}[]":
            first = indent + 1 if dashed else indent
            item = line[first:].strip().removesuffix(",")
            if item[:1] == "*" and item[1:] in self.known.anchors:
                self.aliases.add(item[1:])
            elif not text.startswith("#"):
                spans.append((first, len(line.rstrip().removesuffix(","))))
        return spans

    def _value_below(self, line: str, indent: int) -> list[Span]:
        text = line[indent:]
        quote = re.match(r"\\*[\"']", text)
        if quote is None:
            if self.below is not None and not self.everything:
                self.block = self.below
            return [(indent, len(line))]
        start = indent + quote.end()
        end = values.closing(line, start, quote[0])
        if end is None:
            self.until = quote[0]
        return [(start, len(line) if end is None else end)]


def _is_one_word(text: str) -> bool:
    return not any(map(str.isspace, text)) and text[:1] not in "#;<[{}]" and not text.endswith(":")


def _indent(line: str) -> int:
    return len(line) - len(line.lstrip(" \t"))


def _column(line: str, start: int) -> int:
    """Return the column of the name at `start`, of its quote if it has one."""
    while start and line[start - 1] in "\"'\\":
        start -= 1
    return start


def _is_name(line: str) -> bool:
    """Return whether a line is `name: ...` or its like."""
    member = _MEMBER.match(line)
    return member is not None and member[2].lower() in names.NAME_NAMES


def _values_of_named(lines: list[str]) -> set[int]:
    """Return the lines whose `value:` stands beside `name: Authorization` or its like, in either order."""
    beside: set[int] = set()
    groups: list[tuple[int, _Group]] = []
    for number, line in enumerate(lines):
        member = _MEMBER.match(line) if len(line) <= LONGEST_LINE else None
        if member is None:
            if line.lstrip()[:1] in ("{", "}", "[", "]"):
                _leave(groups, _indent(line) + 1, beside)
            continue
        column = len(member[1])
        _leave(groups, column if "-" in member[1] else column + 1, beside)
        if not groups or groups[-1][0] < column:
            groups.append((column, _Group()))
        _join(groups[-1][1], member, line, number)
    _leave(groups, 0, beside)
    return beside


class _Group:
    """The members of one mapping: does one name a secret, and which lines hold values."""

    __slots__ = ("names_secret", "values")

    def __init__(self) -> None:
        self.names_secret = False
        self.values: list[int] = []


def _leave(groups: list[tuple[int, _Group]], column: int, beside: set[int]) -> None:
    while groups and groups[-1][0] >= column:
        _, group = groups.pop()
        if group.names_secret:
            beside.update(group.values)


def _join(group: _Group, member: re.Match[str], line: str, number: int) -> None:
    name = member[2].lower()
    if name in names.VALUE_NAMES:
        group.values.append(number)
    elif name in names.NAME_NAMES:
        named = line[member.end() : member.end() + 120].strip(" \t\r,\"'")
        group.names_secret = group.names_secret or (" " not in named and names.is_secret(named))
