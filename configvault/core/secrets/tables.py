"""Secrets in tables and below headings: where the name stands in another cell, or on a line of its own.

`| password | X |`, a column of Markdown, CSV or TSV that is called `password`, `## password` or `# password` above `X`, and
`variable "password" {` above `default = "X"`. A table may as well explain parameters (`| token | string | yes |`): beside a
name only what looks chosen counts, and in a column only what is no name itself.
"""

from __future__ import annotations

from collections.abc import Iterator

from configvault.core.pattern import pattern
from configvault.core.secrets import names
from configvault.core.secrets.prose import looks_chosen

Span = tuple[int, int]

_LONGEST_ROW = 4096
_MOST_CELLS = 64
_RULE = pattern(r"[ \t]*+\|?(?:[ \t]*+:?-{2,}+:?[ \t]*+[|+]?)++[ \t]*+\r?$")
_FRAME = " \t\r*`_\"'"
_CELL_NAME = pattern(r"[^\s\d,;|:=(){}\[\]<>#][^,;|:=(){}\[\]<>#\n]{0,39}")
# The column beside a name that holds its value.
_VALUE_COLUMNS = frozenset(
    {
        "value",
        "val",
        "values",
        "default",
        "example",
        "content",
        "值",
        "默认值",
        "取值",
        "示例",
        "内容",
        "値",
        "값",
    }
)
_HEADING = pattern(
    r"[ \t]*+(?:(?:#{1,6}|//|--|;|\*|-|=)[ \t]++)?+([^\s#|][^\n|]{0,60}?)[ \t]*+[:：]?[ \t]*+\r?$"  # noqa: RUF001
)
_SKIPPED = pattern(r"[ \t]*+(?:```|~~~|[-=~]{3,}|$|\r|#[ \t]*$)")
_ALONE = pattern(r"[ \t]*+(?:(?:#|//|--|;|\*|-|>)[ \t]++)?+([^\s:=]{4,200})[ \t]*+\r?$")
_VARIABLE = pattern(r"[ \t]*+(?:variable|output|param(?:eter)?)[ \t]++\"([^\"]{1,80})\"[ \t]*+\{")
_DEFAULT = pattern(r"[ \t]*+(?:default|value)[ \t]*+=[ \t]*+\"([^\"]*)\"")


def spans(text: str) -> Iterator[Span]:
    """Yield where the secrets of the tables in `text`, and below its headings, are."""
    yield from _by_bars(text)
    for sign in (",", ";", "\t"):
        if sign in text:
            yield from _separated(text, sign)
    yield from _below(text)


def _lines(text: str) -> Iterator[tuple[int, str]]:
    at = 0
    for line in text.split("\n"):
        yield at, line
        at += len(line) + 1


def _cells(line: str, sign: str) -> list[Span]:
    """Return where the cells of a row are, without what frames their text; none where it is no row."""
    if sign not in line or len(line) > _LONGEST_ROW:
        return []
    found, start = [], 0
    for piece in line.split(sign, _MOST_CELLS):
        inner = piece.strip(_FRAME)
        first = start + (piece.index(inner) if inner else 0)
        found.append((first, first + len(inner)))
        start += len(piece) + 1
    return found


def _named(text: str) -> bool:
    return bool(text) and len(text) <= 80 and (names.is_secret(text) or names.is_phrase(text))


def _is_name(text: str) -> bool:
    """Return whether a cell is a name rather than a secret that happens to have the letters of one in it."""
    return _named(text) and not looks_chosen(text)


def _holds(text: str) -> bool:
    """Return whether a cell in a column of secrets holds one, and no other name or sentence."""
    return len(text) > 1 and text.lower() not in _NO_VALUES and not _is_name(text) and text.count(" ") < 5


_NO_VALUES = frozenset(
    {"--", "n/a", "none", "null", "true", "false", "yes", "no", "string", "无", "空", "必填", "可选"}
)


def _by_bars(text: str) -> Iterator[Span]:
    if "|" not in text:
        return
    columns: list[int] = []
    value_columns: list[int] = []
    # The first row, whose cells are the names of the columns where a rule follows.
    header: list[str] = []
    is_ruled = False
    for at, line in _lines(text):
        places = _cells(line, "|")
        if not places:
            columns, value_columns, header, is_ruled = [], [], [], False
            continue
        row = [line[a:b] for a, b in places]
        if _RULE.match(line):
            columns = [i for i, name in enumerate(header) if _named(name)]
            value_columns = [i for i, name in enumerate(header) if name.lower() in _VALUE_COLUMNS]
            is_ruled = True
            continue
        header = header or row
        # A bar between other things makes no table.
        if is_ruled or line.lstrip(" \t")[:1] == "|":
            yield from (
                (at + places[i][0], at + places[i][1])
                for i in range(len(row))
                if _is_secret_cell(row, i, columns, value_columns)
            )


def _is_secret_cell(row: list[str], i: int, columns: list[int], value_columns: list[int]) -> bool:
    if i in columns or (i in value_columns and any(map(_named, row[:i]))):
        return _holds(row[i])
    return i > 0 and len(row[i]) > 3 and looks_chosen(row[i]) and _named(row[i - 1]) and not _is_name(row[i])


def _separated(text: str, sign: str) -> Iterator[Span]:
    """Yield the cells of those columns that a first line of names calls secret."""
    columns: list[int] = []
    count, is_first = 0, True
    for at, line in _lines(text):
        if not line.strip():
            columns, is_first = [], True
            continue
        if is_first and line.lstrip()[:1] == "#":
            continue
        places = _cells(line, sign)
        row = [line[a:b] for a, b in places]
        if is_first:
            is_first = False
            if len(row) > 1 and all(_CELL_NAME.fullmatch(name) for name in row):
                columns, count = [i for i, name in enumerate(row) if _named(name)], len(row)
        elif columns and len(row) == count:
            yield from ((at + places[i][0], at + places[i][1]) for i in columns if _holds(row[i]))
        else:
            columns = []


def _below(text: str) -> Iterator[Span]:
    """Yield what stands alone below a heading or a comment that is a secret's name, and defaults of such variables."""
    waiting, variable = False, False
    for at, line in _lines(text):
        if len(line) > _LONGEST_ROW:
            waiting = variable = False
            continue
        if variable:
            if default := _DEFAULT.match(line):
                yield at + default.start(1), at + default.end(1)
            variable = not line.startswith("}")
        elif match := _VARIABLE.match(line):
            variable = _named(match[1])
        if _SKIPPED.match(line):
            continue
        if waiting and (alone := _ALONE.match(line)) is not None:
            inner = alone[1].strip(",;()[]{}" + _FRAME)
            if looks_chosen(inner) and not _is_name(inner):
                start = at + line.index(inner, alone.start(1))
                yield start, start + len(inner)
        heading = _HEADING.match(line)
        name = heading[1].strip(_FRAME).rstrip(":：") if heading is not None else ""  # noqa: RUF001
        waiting = _CELL_NAME.fullmatch(name) is not None and _named(name)
