"""One snapshot: what it is, what it changed, how to go back to it."""

from __future__ import annotations

from collections.abc import Sequence

from configvault.core.model import Change, ChangeKind, Folder, Snapshot
from configvault.core.plugins import named
from configvault.web.answer import Answer, Query, html
from configvault.web.markup import Child, Data, Markup, counted, el
from configvault.web.pages import layout
from configvault.web.view import SiteView

MOST_CHANGES = 500


def page(source: SiteView, rest: str, _query: Query) -> Answer:
    """Return the page of the snapshot that `rest` names."""
    found, changes = source.snapshot(rest)
    content = [
        el("p", Data(source.hide(found.subject)), class_="lead"),
        layout.facts(_facts(source, found)),
        el("h2", "Roll back to this snapshot"),
        el("p", "Show what a rollback would change:"),
        layout.command(source, f"configvault rollback {found.id} --dry-run"),
        el("p", "Roll back:"),
        layout.command(source, f"configvault rollback {found.id}"),
        el("h2", "Changes"),
        _links(found),
        table(source, changes, found.id),
        layout.neighbours(source.beside(found.id)),
    ]
    return html(layout.page(source, Data(found.id), content))


def _facts(source: SiteView, one: Snapshot) -> list[tuple[str, Child]]:
    titles = source.titles(one.tree) if one.plugins else {}
    return [
        ("Taken", layout.when(one.taken_at)),
        ("By", Data(source.hide(one.actor))),
        ("Trigger", one.trigger),
        ("Reason", Data(source.hide(one.reason or ""))),
        ("Source", Data(source.hide(one.source or ""))),
        ("Restores", layout.reference(one.target) if one.target else None),
        ("Plugins", Data(", ".join(named(name, titles.get(name)) for name in one.plugins))),
        ("Labels", layout.flags(one)),
        ("Notes", [el("p", Data(source.hide(text))) for text in one.annotations]),
        ("Host", Data(one.host)),
        ("Commit", el("code", Data(one.commit))),
    ]


def _links(one: Snapshot) -> Markup:
    files = el("a", "All files", href=f"/files/{one.id}/")
    with_live = el("a", "Compare with live", href=f"/diff/{one.id}..live")
    if one.parent is None:
        return el("p", files, with_live, class_="links")
    lines = el("a", "Show the changed lines", href=f"/diff/before..{one.id}")
    return el("p", lines, files, with_live, class_="links")


def table(source: SiteView, changes: Sequence[Change], id_: str) -> Markup:
    """Return changed paths of the state `id_`, and how each changed."""
    rows = [_row(one, id_) for one in changes[:MOST_CHANGES]]
    head = el("thead", el("tr", el("th", "Change", scope="col"), el("th", "Path", scope="col")))
    more = len(changes) - len(rows)
    rest = None
    if more > 0:
        rest = el("p", counted(more, "and 1 more:", "and {n} more:"))
        rest = el("div", rest, layout.command(source, f"configvault show {id_}"))
    if not rows:
        return el("p", "No changes.")
    return el("div", el("table", head, el("tbody", rows), class_="changes"), rest)


def _row(one: Change, id_: str) -> Markup:
    gone = one.kind is ChangeKind.REMOVED or isinstance(one.new, Folder)
    shown = layout.path(one.path) if gone else layout.to_file(id_, one.path)
    return el("tr", el("td", one.kind.value, class_=one.kind.value), el("td", shown))
