"""One refused state: why, with the line and a caret below the fault."""

from __future__ import annotations

from collections.abc import Sequence

from configvault.core.model import Finding, Severity
from configvault.web.answer import Answer, Query, html
from configvault.web.markup import Markup, el, join
from configvault.web.pages import layout
from configvault.web.pages.snapshot import table
from configvault.web.source import Source

_WIDEST = 100


def page(source: Source, rest: str, _query: Query) -> Answer:
    """Return the page of the refused state that `rest` names."""
    found, changes = source.rejected(rest)
    facts = layout.facts(
        [
            ("Refused", layout.when(found.taken_at)),
            ("By", source.hide(found.actor)),
            ("Trigger", found.trigger),
            ("Plugins", ", ".join(found.plugins)),
        ]
    )
    content = [
        el("p", source.hide(found.subject), class_="lead"),
        facts,
        el("h2", "Why"),
        [_finding(source, one) for one in found.findings if one.severity is Severity.ERROR],
        el("h2", "What to do"),
        el("p", "Mend the file and save it: the daemon looks at it again. Or put the latest snapshot back:"),
        layout.command("configvault rollback latest"),
        el("h2", "What differs from the snapshot before it"),
        el("p", el("a", "Show the lines", href=f"/diff/before..{found.id}")) if changes else None,
        table(changes),
        _warnings(source, found.findings),
    ]
    return html(layout.page(found.id, content))


def _warnings(source: Source, findings: Sequence[Finding]) -> Markup | None:
    """Return what was found besides, and would not have kept it from being recorded."""
    found = [one for one in findings if one.severity is not Severity.ERROR]
    return join(el("h2", "Other warnings"), [_finding(source, one) for one in found]) if found else None


def _finding(source: Source, one: Finding) -> Markup:
    place = one.path if one.line is None else f"{one.path}:{one.line}:{one.column or 1}"
    title = el(
        "h3", el("span", one.severity.value, class_=f"flag {one.severity.value}"), " ", layout.path(place)
    )
    hint = el("p", "Hint: ", source.hide(one.hint)) if one.hint else None
    said = el("p", source.hide(one.message), " ", el("small", f"({one.rule})"))
    return el("article", title, said, _excerpt(source, one), hint, class_="finding")


def _excerpt(source: Source, one: Finding) -> Markup | None:
    """Return the line, and a caret below its column that nobody has to hear read out."""
    if one.excerpt is None:
        return None
    column = one.column or 1
    start = max(0, column - 1 - _WIDEST // 2) if len(one.excerpt) > _WIDEST else 0
    line = source.hide(one.excerpt)[start : start + _WIDEST].replace("\t", " ").replace("\n", " ")
    caret = el("span", "\n" + " " * (column - 1 - start) + "^", aria_hidden="true") if one.column else None
    return el("pre", line, caret, class_="excerpt", tabindex=0, aria_label=f"Line {one.line}")
