"""Two states side by side, secrets hidden; on a narrow screen one below the other."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from configvault.core.frozen import frozen
from configvault.core.rendering.textdiff import FileDiff
from configvault.web import api
from configvault.web.answer import Answer, Query, html
from configvault.web.markup import Markup, el
from configvault.web.pages import layout
from configvault.web.source import Source

# A browser has to lay all of it out; who wants more uses the command line.
MOST_LINES = 4000
_LONGEST_LINE = 1000
_HUNK = re.compile(r"@@ -(\d+)(?:,\d+)? \+(\d+)(?:,\d+)? @@")


@frozen
class Row:
    """A line of each side with its number; None where that side has none. Without numbers: a note between hunks."""

    old: tuple[int, str] | None
    new: tuple[int, str] | None
    note: str | None = None

    @property
    def same(self) -> bool:
        """Return whether both sides have the same line."""
        return bool(self.old and self.new and self.old[1] == self.new[1])


def page(source: Source, rest: str, _query: Query) -> Answer:
    """Return the comparison `A..B`."""
    old, new = api.halves(rest)
    found = source.difference(old, new)
    left = MOST_LINES
    sections = []
    for one in found.files:
        sections.append(_file(one, show=left > 0))
        left -= len(one.lines)
    nothing = None if found.files else el("p", "There is no difference.")
    more = el("p", f"and {found.more} more files") if found.more else None
    command = layout.command(f"configvault diff {found.old}" + ("" if found.new == "live" else f" {found.new}"))
    between = el("p", "From ", layout.reference(found.old), " to ", _name(found.new), ". Secrets are hidden.")
    return html(layout.page(f"{found.old} to {found.new}", between, nothing, sections, more, command))


def _name(new: str) -> Markup:
    return el("strong", "live") if new == "live" else layout.reference(new)


def _file(one: FileDiff, *, show: bool) -> Markup:
    title = el(
        "h2", layout.path(one.change.path), el("small", f"{one.change.kind.value}, +{one.added} -{one.removed}")
    )
    about = [line for line in one.header[1:] if "mode" in line or "owner" in line]
    notes = el("p", "; ".join(about), class_="about") if about else None
    if one.binary:
        return el("section", title, notes, el("p", "Not shown: it is not text, or too long."), class_="file")
    if not show:
        return el("section", title, notes, el("p", "Not shown: too many lines already."), class_="file")
    if not one.lines:
        return el("section", title, notes, class_="file")
    return el("section", title, notes, _table(one), class_="file")


def _table(one: FileDiff) -> Markup:
    head = [el("th", text, scope="col") for text in ("Line", "Before", "Line", "After")]
    body = [_row(row) for row in side_by_side(one.lines)]
    caption = el("caption", "Changes of ", layout.path(one.change.path), class_="unseen")
    return el("table", caption, el("thead", el("tr", head)), el("tbody", body), class_="diff")


def _row(row: Row) -> Markup:
    if row.note is not None:
        return el("tr", el("td", row.note, colspan=4), class_="hunk")
    return el(
        "tr",
        _side(row.old, "del", row.same),
        _side(row.new, "ins", row.same),
        class_="same" if row.same else None,
    )


def _side(line: tuple[int, str] | None, word: str, same: bool) -> Markup | tuple[Markup, Markup]:
    if line is None:
        return el("td", class_="number none"), el("td", class_="none")
    number, text = line
    text = text if len(text) <= _LONGEST_LINE else text[:_LONGEST_LINE] + "…"
    shown = el("code", text)
    return el("td", number, class_="number"), el(
        "td", shown if same else el(word, shown), class_=None if same else word
    )


def side_by_side(lines: Iterable[str]) -> Iterator[Row]:
    """Yield the rows of a unified diff: lines that went beside lines that came, in their order."""
    old = new = 0
    gone: list[tuple[int, str]] = []
    come: list[tuple[int, str]] = []
    notes: list[str] = []
    for line in list(lines)[2:]:
        sign, text = line[:1], line[1:]
        if sign == "-":
            gone.append((old, text))
            old += 1
        elif sign == "+":
            come.append((new, text))
            new += 1
        elif sign == "\\":
            # Between what went and what came: it must not part them.
            notes.append(text.strip())
        else:
            yield from _block(gone, come, notes)
            gone, come, notes = [], [], []
            if hunk := _HUNK.match(line):
                old, new = int(hunk[1]), int(hunk[2])
                yield Row(None, None, line)
            elif sign == " ":
                yield Row((old, text), (new, text))
                old, new = old + 1, new + 1
            else:
                yield Row(None, None, line)
    yield from _block(gone, come, notes)


def _block(gone: list[tuple[int, str]], come: list[tuple[int, str]], notes: list[str]) -> Iterator[Row]:
    yield from _paired(gone, come)
    yield from (Row(None, None, note) for note in dict.fromkeys(notes))


def _paired(gone: list[tuple[int, str]], come: list[tuple[int, str]]) -> Iterator[Row]:
    for index in range(max(len(gone), len(come))):
        yield Row(gone[index] if index < len(gone) else None, come[index] if index < len(come) else None)
