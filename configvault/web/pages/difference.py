"""Two states side by side or in one column, secrets hidden; on a narrow screen always in one."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from configvault.core.frozen import frozen
from configvault.core.rendering.textdiff import CONTEXT_LINES, FileDiff
from configvault.web import api
from configvault.web.answer import Answer, Query, html
from configvault.web.markup import Child, Data, Markup, counted, el, words
from configvault.web.pages import layout
from configvault.web.view import SiteView

# A browser has to lay all of it out; who wants more uses the command line.
MOST_LINES = 4000
MOST_CONTEXT = 3000
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


def page(source: SiteView, rest: str, query: Query) -> Answer:
    """Return the comparison `A..B`: `view` is `unified` for one column, `context` says how many equal lines are shown."""
    old, new = api.halves(rest)
    context = min(api.number(query, "context", CONTEXT_LINES), MOST_CONTEXT)
    unified = query.get("view") == "unified"
    found = source.difference(old, new, context)
    left = MOST_LINES
    sections = []
    for one in found.files:
        sections.append(_file(one, show=left > 0, unified=unified))
        left -= len(one.lines)
    nothing = None if found.files else el("p", "There is no difference.")
    more = el("p", counted(found.more, "and 1 more file", "and {n} more files")) if found.more else None
    command = layout.command(
        source, f"configvault diff {found.old}" + ("" if found.new == "live" else f" {found.new}")
    )
    between = words(
        "From {old} to {new}. Secrets are hidden.", old=layout.reference(found.old), new=_name(found.new)
    )
    links = _views(rest, context, unified=unified) if found.files else None
    beside = None if found.new == "live" else layout.neighbours(source.beside(found.new))
    title = words("{old} to {new}", old=Data(found.old), new=_word(found.new))
    return html(layout.page(source, title, el("p", between), links, nothing, sections, more, command, beside))


def _word(new: str) -> Child:
    return "live" if new == "live" else Data(new)


def _name(new: str) -> Markup:
    return el("strong", "live") if new == "live" else layout.reference(new)


def _views(rest: str, context: int, *, unified: bool) -> Markup:
    view, other = ("unified", "side") if unified else ("side", "unified")
    place = f"/diff/{layout.quoted(rest)}"
    said = "Side by side" if unified else "In one column"
    wider = min(context * 10, MOST_CONTEXT)
    links = [el("a", said, href=f"{place}?view={other}&context={context}")]
    if context < MOST_CONTEXT:
        links.append(el("a", "More unchanged lines", href=f"{place}?view={view}&context={wider}"))
    if context > CONTEXT_LINES:
        links.append(el("a", "Fewer unchanged lines", href=f"{place}?view={view}&context={CONTEXT_LINES}"))
    return el("p", links, class_="links")


def _file(one: FileDiff, *, show: bool, unified: bool) -> Markup:
    counts = [Data(f", +{one.added} -{one.removed}")]
    title = el("h2", layout.path(one.change.path), el("small", el("span", one.change.kind.value), counts))
    about = [line for line in one.header[1:] if "mode" in line or "owner" in line]
    notes = el("p", Data("; ".join(about)), class_="about") if about else None
    if one.binary:
        return el("section", title, notes, el("p", "Not shown: it is not text, or too long."), class_="file")
    if not show:
        return el("section", title, notes, el("p", "Not shown: too many lines already."), class_="file")
    if not one.lines:
        return el("section", title, notes, class_="file")
    return el("section", title, notes, _table(one, unified=unified), class_="file")


def _table(one: FileDiff, *, unified: bool) -> Markup:
    heads = ("Line", "Line", "Text") if unified else ("Line", "Before", "Line", "After")
    head = [el("th", text, scope="col") for text in heads]
    rows = side_by_side(one.lines)
    body = list(_unified(rows)) if unified else [_row(row) for row in rows]
    caption = el("caption", words("Changes of {path}", path=layout.path(one.change.path)), class_="unseen")
    sort = "diff unified" if unified else "diff"
    return el("table", caption, el("thead", el("tr", head)), el("tbody", body), class_=sort)


def _row(row: Row) -> Markup:
    if row.note is not None:
        return el("tr", el("td", Data(row.note), colspan=4), class_="hunk")
    was, became = _marked(row)
    return el(
        "tr",
        _side(row.old, was, "del", row.same),
        _side(row.new, became, "ins", row.same),
        class_="same" if row.same else None,
    )


def _side(line: tuple[int, str] | None, shown: Child, word: str, same: bool) -> Markup | tuple[Markup, Markup]:
    if line is None:
        return el("td", class_="number none"), el("td", class_="none")
    text = el("code", shown)
    return el("td", line[0], class_="number"), el(
        "td", text if same else el(word, text), class_=None if same else word
    )


def _unified(rows: Iterable[Row]) -> Iterator[Markup]:
    """Yield the rows in one column: what went, then what came."""
    gone: list[Markup] = []
    come: list[Markup] = []
    for row in rows:
        if row.note is not None or row.same:
            yield from (*gone, *come)
            gone, come = [], []
        if row.note is not None:
            yield el("tr", el("td", Data(row.note), colspan=3), class_="hunk")
            continue
        was, became = _marked(row)
        if row.same and row.old and row.new:
            numbers = [el("td", number, class_="number") for number, _ in (row.old, row.new)]
            yield el("tr", numbers, el("td", el("code", was)), class_="same")
            continue
        if row.old:
            gone.append(_one(row.old[0], None, el("del", el("code", was)), "del"))
        if row.new:
            come.append(_one(None, row.new[0], el("ins", el("code", became)), "ins"))
    yield from (*gone, *come)


def _one(old: int | None, new: int | None, shown: Markup, word: str) -> Markup:
    numbers = [el("td", number, class_="number") for number in (old, new)]
    return el("tr", numbers, el("td", shown, class_=word))


def _marked(row: Row) -> tuple[Child, Child]:
    """Return both sides of a row, what differs between them marked where they have enough in common."""
    old, new = (_cut(side[1]) if side else "" for side in (row.old, row.new))
    if not (row.old and row.new) or row.same:
        return Data(old), Data(new)
    first, last = _common(_WORD.findall(old), _WORD.findall(new))
    # Of lines that share little all is new, and marks would only be in the way.
    if len(first) + len(last) < _LEAST_COMMON * max(len(old), len(new)):
        return Data(old), Data(new)
    middle = (side[len(first) : len(side) - len(last)] for side in (old, new))
    was, became = ([Data(first), el("b", Data(part)) if part else None, Data(last)] for part in middle)
    return was, became


_WORD = re.compile(r"\w+|\W", re.DOTALL)
_LEAST_COMMON = 0.3


def _common(old: list[str], new: list[str]) -> tuple[str, str]:
    """Return what two lines of words begin and end with alike."""
    shorter = min(len(old), len(new))
    first = next((at for at in range(shorter) if old[at] != new[at]), shorter)
    rest = shorter - first
    last = next((at for at in range(rest) if old[-1 - at] != new[-1 - at]), rest)
    return "".join(old[:first]), "".join(old[len(old) - last :])


def _cut(text: str) -> str:
    return text if len(text) <= _LONGEST_LINE else text[:_LONGEST_LINE] + "…"


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
