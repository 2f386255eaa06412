"""Search the files of a state, the latest where no other is named. What is secret is hidden, and not found."""

from __future__ import annotations

from configvault.core.errors import UsageError
from configvault.core.timeline import Match, Matches
from configvault.web.answer import Answer, Query, html
from configvault.web.markup import Data, Markup, counted, el, words
from configvault.web.pages import layout
from configvault.web.view import SiteView

_LONGEST_LINE = 300
_SHORTEST = 2
_PARTS = {
    "bytes": "Only a part of the files was searched: there are too many of them.",
    "lines": "There are more: search for something longer.",
}


def page(source: SiteView, _rest: str, query: Query) -> Answer:
    """Return the lines that have what `q` says."""
    text, reference = query.get("q", ""), query.get("in") or "latest"
    found = source.search(reference, text) if len(text) >= _SHORTEST else None
    if text and found is None:
        raise UsageError(f"{text!r} is too short to search for: 2 characters or more", "/search")
    return html(layout.page(source, "Search in the files", _form(text, reference), _result(found)))


def _form(text: str, reference: str) -> Markup:
    entry = el("input", id="q", name="q", value=text, autocomplete="off", maxlength=200, required=True)
    state = el("input", id="in", name="in", value=reference, autocomplete="off", maxlength=200)
    fields = [
        el("p", el("label", "Text", for_="q"), entry),
        el("p", el("label", "In the snapshot", for_="in"), state),
        el("p", el("button", "Search", type="submit"), class_="buttons"),
    ]
    return el(
        "form",
        el("div", fields, class_="fields"),
        method="get",
        action="/search",
        role="search",
        aria_label="Search in the files",
    )


def _result(found: Matches | None) -> Markup | None:
    if found is None:
        return None
    said = words(
        "{lines} in {id}.",
        lines=counted(len(found.found), "1 line", "{n} lines"),
        id=layout.reference(found.id),
    )
    rows = [_row(found.id, one) for one in found.found]
    more = el("p", _PARTS[found.reason]) if found.reason else None
    return el("section", el("p", said, role="status"), el("ol", rows, class_="matches"), more)


def _row(id_: str, one: Match) -> Markup:
    place = f"{one.path}:{one.number}"
    href = f"/files/{id_}/{layout.quoted(one.path)}#L{one.number}"
    line = one.line.strip()
    shown = line if len(line) <= _LONGEST_LINE else line[:_LONGEST_LINE] + "…"
    return el("li", el("a", layout.path(place), href=href), el("br"), el("code", Data(shown)))
