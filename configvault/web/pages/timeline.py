"""The history: snapshots, refusals and rollbacks, newest first, by plugin, actor and time."""

from __future__ import annotations

from urllib.parse import urlencode

from configvault.core.model import RejectedState, Trigger
from configvault.core.timeline import Listed, Timeline, Wanted
from configvault.web import api
from configvault.web.answer import Answer, Query, html
from configvault.web.markup import Markup, el
from configvault.web.pages import layout
from configvault.web.source import Source

_BACK = (Trigger.ROLLBACK, Trigger.UNDO, Trigger.RESTORE, Trigger.RECOVER)


def page(source: Source, _rest: str, query: Query) -> Answer:
    """Return one page of it."""
    wanted = api.wanted(query)
    found = source.timeline(wanted)
    entries = el("ol", [_entry(one, source) for one in found.entries], class_="timeline", reversed=True)
    nothing = el("p", "Nothing on record is like that. ", el("a", "Show everything", href="/"))
    content = [_filter(found, wanted), entries if found.entries else nothing, _pages(found, wanted)]
    return html(layout.page("History", content, state=layout.state_line(source)))


def _entry(one: Listed, source: Source) -> Markup:
    sort = "refused" if isinstance(one, RejectedState) else "back" if one.trigger in _BACK else "snapshot"
    place = "rejected" if sort == "refused" else "snapshots"
    title = el("h3", el("a", source.hide(one.subject), href=f"/{place}/{one.id}"))
    about = el(
        "p", layout.when(one.taken_at), " · ", source.hide(one.actor), " · ", one.trigger, class_="about"
    )
    reason = None if isinstance(one, RejectedState) or not one.reason else el("q", source.hide(one.reason))
    marks = el("p", el("code", one.id), layout.flags(one), class_="marks")
    return el("li", title, about, reason, marks, class_=sort)


def _filter(found: Timeline, wanted: Wanted) -> Markup:
    fields = [
        _field("plugin", "Plugin", wanted.plugin, found.plugins),
        _field("actor", "Actor", wanted.actor, found.actors),
        _field("since", "Since", wanted.since, ("today", "yesterday", "2 days ago")),
        _field("until", "Until", wanted.until, ("yesterday",)),
        _only(wanted.only),
    ]
    buttons = el("p", el("button", "Filter", type="submit"), el("a", "Reset", href="/"), class_="buttons")
    return el("form", fields, buttons, method="get", action="/", role="search", aria_label="Filter the history")


def _field(name: str, label: str, value: str, choices: tuple[str, ...]) -> Markup:
    entry = el("input", id=name, name=name, value=value, list=f"{name}s", autocomplete="off", maxlength=200)
    offered = el("datalist", [el("option", value=choice) for choice in choices], id=f"{name}s")
    return el("p", el("label", label, for_=name), entry, offered)


def _only(chosen: str) -> Markup:
    words = (("", "everything"), ("snapshots", "snapshots"), ("rejected", "refused states"))
    options = [el("option", text, value=word, selected=word == chosen) for word, text in words]
    return el("p", el("label", "Show", for_="only"), el("select", options, id="only", name="only"))


def _pages(found: Timeline, wanted: Wanted) -> Markup:
    first = (found.page - 1) * wanted.per_page + 1
    said = f"{first} to {first + len(found.entries) - 1} of {found.total}" if found.entries else "0 of 0"
    newer = _to(wanted, found.page - 1, "Newer", "prev") if found.page > 1 else None
    older = _to(wanted, found.page + 1, "Older", "next") if found.page < found.pages else None
    return el("nav", newer, el("span", said), older, class_="pages", aria_label="Parts of the history")


def _to(wanted: Wanted, number: int, text: str, rel: str) -> Markup:
    fields = {name: getattr(wanted, name) for name in ("plugin", "actor", "since", "until", "only")}
    query = urlencode({name: value for name, value in fields.items() if value} | {"page": number})
    return el("a", text, href=f"/?{query}", rel=rel)
