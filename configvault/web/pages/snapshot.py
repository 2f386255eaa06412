"""One snapshot: what it is, what it changed, how to go back to it."""

from __future__ import annotations

from collections.abc import Sequence

from configvault.core.model import Change, Snapshot
from configvault.core.plugins import named
from configvault.web.answer import Answer, Query, html
from configvault.web.markup import Child, Markup, el
from configvault.web.pages import layout
from configvault.web.source import Source

MOST_CHANGES = 500


def page(source: Source, rest: str, _query: Query) -> Answer:
    """Return the page of the snapshot that `rest` names."""
    found, changes = source.snapshot(rest)
    content = [
        el("p", source.hide(found.subject), class_="lead"),
        layout.facts(_facts(source, found)),
        el("h2", "Roll back to it"),
        el("p", "Say what it would do:"),
        layout.command(f"configvault rollback {found.id} --dry-run"),
        el("p", "Do it:"),
        layout.command(f"configvault rollback {found.id}"),
        el("h2", "What it changed"),
        _links(found),
        table(changes),
    ]
    return html(layout.page(found.id, content))


def _facts(source: Source, one: Snapshot) -> list[tuple[str, Child]]:
    titles = source.titles(one.tree) if one.plugins else {}
    return [
        ("Taken", layout.when(one.taken_at)),
        ("By", source.hide(one.actor)),
        ("Trigger", one.trigger),
        ("Reason", source.hide(one.reason or "")),
        ("Restores", layout.reference(one.target) if one.target else None),
        ("Plugins", ", ".join(named(name, titles.get(name)) for name in one.plugins)),
        ("Said of it", layout.flags(one)),
        ("Notes", [el("p", source.hide(text)) for text in one.annotations]),
        ("Host", one.host),
        ("Commit", el("code", one.commit)),
    ]


def _links(one: Snapshot) -> Markup:
    with_live = el("a", "Compare with what is live", href=f"/diff/{one.id}..live")
    if one.parent is None:
        return el("p", with_live, class_="links")
    lines = el("a", "Show the lines", href=f"/diff/before..{one.id}")
    return el("p", lines, with_live, class_="links")


def table(changes: Sequence[Change]) -> Markup:
    """Return changed paths and how each changed."""
    rows = [
        el("tr", el("td", one.kind.value, class_=one.kind.value), el("td", layout.path(one.path)))
        for one in changes[:MOST_CHANGES]
    ]
    head = el("thead", el("tr", el("th", "Change", scope="col"), el("th", "Path", scope="col")))
    more = len(changes) - len(rows)
    rest = el("p", f"and {more} more: configvault diff --name-only") if more > 0 else None
    if not rows:
        return el("p", "Nothing.")
    return el("div", el("table", head, el("tbody", rows), class_="changes"), rest)
