"""One rejected state: why, with the line of each fault, and what to do."""

from __future__ import annotations

from collections.abc import Sequence

from configvault.core import language
from configvault.core.errors import ConfigvaultError
from configvault.core.model import Finding, RejectedState, Severity
from configvault.core.timeline import FileShown
from configvault.web.answer import Answer, Query, html
from configvault.web.markup import Data, Markup, el, join
from configvault.web.pages import layout
from configvault.web.pages.snapshot import table
from configvault.web.view import SiteView

_WIDEST = 100
# Files that are looked up for a link to them.
_MOST_FILES = 20


def page(source: SiteView, rest: str, _query: Query) -> Answer:
    """Return the page of the rejected state that `rest` names."""
    found, changes = source.rejected(rest)
    facts = layout.facts(
        [
            ("Rejected", layout.when(found.taken_at)),
            ("By", Data(source.hide(found.actor))),
            ("Trigger", found.trigger),
            ("Plugins", Data(", ".join(found.plugins))),
        ]
    )
    files: dict[str, FileShown | None] = {}
    content = [
        el("p", Data(source.hide(found.subject)), class_="lead"),
        facts,
        el("h2", "Why"),
        [_finding(source, found, one, files) for one in found.findings if one.severity is Severity.ERROR],
        el("h2", "What to do"),
        el("p", "Fix the file and save it: the daemon validates it again. Or restore the latest snapshot:"),
        layout.command(source, "configvault rollback latest"),
        el("h2", "Changes since the snapshot before"),
        el("p", el("a", "Show the changed lines", href=f"/diff/before..{found.id}")) if changes else None,
        table(source, changes, found.id),
        _warnings(source, found, found.findings, files),
        layout.neighbours(source.beside(found.id)),
    ]
    return html(layout.page(source, Data(found.id), content))


def _warnings(
    source: SiteView, state: RejectedState, findings: Sequence[Finding], files: dict[str, FileShown | None]
) -> Markup | None:
    """Return the other findings, which would not have kept it from being recorded."""
    found = [one for one in findings if one.severity is not Severity.ERROR]
    if not found:
        return None
    return join(el("h2", "Other warnings"), [_finding(source, state, one, files) for one in found])


def _finding(
    source: SiteView, state: RejectedState, one: Finding, files: dict[str, FileShown | None]
) -> Markup:
    place = one.path if one.line is None else f"{one.path}:{one.line}:{one.column or 1}"
    title = el(
        "h3", el("span", one.severity.value, class_=f"flag {one.severity.value}"), Data(" "), layout.path(place)
    )
    hint = None
    if one.hint:
        hint = el(
            "p", el("strong", "Hint:"), Data(" " + language.sentence(source.hide(source.in_place(one.hint))))
        )
    message = Data(language.sentence(source.hide(one.message)) + " ")
    said = el("p", message, el("small", Data(f"({one.rule})")))
    return el("article", title, said, _excerpt(source, state, one, files), hint, class_="finding")


def _excerpt(
    source: SiteView, state: RejectedState, one: Finding, files: dict[str, FileShown | None]
) -> Markup | None:
    """Return the line, and a caret below its column that is not read out.

    Only the excerpt: whoever found the fault has hidden in it what slipped to where an id, a type or a key belongs. In
    the lines around no name tells what is secret.
    """
    if one.line is None or one.excerpt is None:
        return None
    file = _file(source, state.id, one.path, files)
    column, text = one.column or 1, source.hide(one.excerpt)
    start = max(0, column - 1 - _WIDEST // 2) if len(text) > _WIDEST else 0
    line = text[start : start + _WIDEST].replace("\t", " ").replace("\n", " ")
    gutter = el("span", Data(f"{one.line:>5} "), class_="gutter", aria_hidden="true")
    shown = [el("strong", join(gutter, Data(line + "\n")))]
    if one.column:
        pointer = " " * 6 + " " * (column - 1 - start) + "^\n"
        shown.append(el("span", Data(pointer), class_="caret", aria_hidden="true"))
    link = el("a", "Show the file", href=f"/files/{state.id}/{layout.quoted(one.path)}#L{one.line}")
    pre = el("pre", shown, class_="excerpt", tabindex=0, aria_label=f"{one.path}:{one.line}")
    return join(pre, el("p", link) if file is not None else None)


def _file(source: SiteView, id_: str, path: str, files: dict[str, FileShown | None]) -> FileShown | None:
    """Return a file of the state, read once; None where there is nothing to show of it."""
    if path not in files and len(files) < _MOST_FILES:
        files[path] = None
        try:
            found = source.folder_or_file(id_, path)
        except ConfigvaultError:
            return None
        files[path] = found if isinstance(found, FileShown) and found.reason is None else None
    return files.get(path)
