"""The history: snapshots, rejected states and rollbacks, newest first, by plugin, actor, time and words."""

from __future__ import annotations

from urllib.parse import urlencode

from configvault.core.model import RejectedState, Trigger
from configvault.core.timeline import Listed, Timeline, Wanted
from configvault.web import api
from configvault.web.answer import Answer, Query, html
from configvault.web.markup import Child, Data, Markup, el, words
from configvault.web.pages import chart, layout
from configvault.web.view import SiteView

_BACK = (Trigger.ROLLBACK, Trigger.UNDO, Trigger.RESTORE, Trigger.RECOVER)
_FIELDS = ("plugin", "actor", "since", "until", "path", "only")
_DAYS = 30


def page(source: SiteView, _rest: str, query: Query) -> Answer:
    """Return one page of it."""
    wanted = api.wanted(query)
    found = source.timeline(wanted)
    entries = el("ol", [_entry(one, source) for one in found.entries], class_="timeline", reversed=True)
    content = [
        el(
            "p", "There is something new. ", el("a", "Show it", href="/"), id="news", role="status", hidden=True
        ),
        chart.days(source.days(_DAYS)) if wanted == Wanted() else None,
        _filter(found, wanted),
        entries if found.entries else _nothing(source, wanted),
        _pages(found, wanted),
    ]
    return html(layout.page(source, "History", content, state=layout.state_line(source)))


def _nothing(source: SiteView, wanted: Wanted) -> Markup:
    if wanted == Wanted(page=wanted.page, per_page=wanted.per_page):
        return el(
            "div",
            el("p", "There is no snapshot yet. Record the first one:"),
            layout.command(source, "configvault snapshot"),
        )
    return el("p", "Nothing matches this filter. ", el("a", "Show everything", href="/"))


def _entry(one: Listed, source: SiteView) -> Markup:
    rejected = isinstance(one, RejectedState)
    sort = "rejected" if rejected else "back" if one.trigger in _BACK else "snapshot"
    place = "rejected" if rejected else "snapshots"
    title = el("h3", el("a", Data(source.hide(one.subject)), href=f"/{place}/{one.id}"))
    dot = Data(" · ")
    about = el(
        "p", layout.when(one.taken_at), dot, Data(source.hide(one.actor)), dot, el("span", one.trigger),
        class_="about",
    )  # fmt: skip
    reason = (
        None if isinstance(one, RejectedState) or not one.reason else el("q", Data(source.hide(one.reason)))
    )
    marks = el("p", el("code", Data(one.id)), layout.flags(one), class_="marks")
    return el("li", title, about, reason, marks, class_=sort)


def _filter(found: Timeline, wanted: Wanted) -> Markup:
    search = _field("q", "Search", wanted.text, (), "subjects, paths, people, plugins")
    fields = [
        _field("plugin", "Plugin", wanted.plugin, found.plugins),
        _field("actor", "Actor", wanted.actor, found.actors),
        _field("path", "File or folder", wanted.path, ()),
        _field("since", "Since", wanted.since, ("today", "yesterday", "2 days ago")),
        _field("until", "Until", wanted.until, ("yesterday",)),
    ]
    narrowed = any((wanted.plugin, wanted.actor, wanted.path, wanted.since, wanted.until))
    more = el("details", el("summary", "More filters"), el("div", fields, class_="fields"), open=narrowed)
    inside = el(
        "a",
        "Search in the files",
        href=f"/search?{urlencode({'q': wanted.text})}" if wanted.text else "/search",
    )
    buttons = el(
        "p", el("button", "Filter", type="submit"), el("a", "Reset", href="/"), inside, class_="buttons"
    )
    first = el("div", search, _only(wanted.only), buttons, class_="fields")
    return el("form", first, more, method="get", action="/", role="search", aria_label="Filter the history")


def _field(
    name: str, label: str, value: str, choices: tuple[str, ...], placeholder: str | None = None
) -> Markup:
    entry = el(
        "input", id=name, name=name, value=value, list=f"{name}s" if choices else None, autocomplete="off", maxlength=200,
        placeholder=placeholder,
    )  # fmt: skip
    offered = el("datalist", [el("option", value=choice) for choice in choices], id=f"{name}s")
    return el("p", el("label", label, for_=name), entry, offered if choices else None)


def _only(chosen: str) -> Markup:
    shown = (("", "everything"), ("snapshots", "snapshots"), ("rejected", "rejected states"))
    options = [el("option", text, value=word, selected=word == chosen) for word, text in shown]
    return el("p", el("label", "Show", for_="only"), el("select", options, id="only", name="only"))


def _pages(found: Timeline, wanted: Wanted) -> Markup:
    first = (found.page - 1) * wanted.per_page + 1
    last = first + len(found.entries) - 1
    place: Child = Data("0 of 0")
    if found.entries:
        place = words("{first} to {last} of {total}", first=first, last=last, total=found.total)
    newer = _to(wanted, found.page - 1, "Newer", "prev") if found.page > 1 else None
    older = _to(wanted, found.page + 1, "Older", "next") if found.page < found.pages else None
    return el("nav", newer, el("span", place), older, class_="pages", aria_label="Parts of the history")


def _to(wanted: Wanted, number: int, text: str, rel: str) -> Markup:
    fields = {name: getattr(wanted, name) for name in _FIELDS} | {"q": wanted.text}
    query = urlencode({name: value for name, value in fields.items() if value} | {"page": number})
    return el("a", text, href=f"/?{query}", rel=rel)
