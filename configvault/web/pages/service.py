"""The service as it is known: its plugins, what it loaded and how that went, and how its requests ended since."""

from __future__ import annotations

from configvault.core import language
from configvault.core.timeline import LoadedShown, PluginShown, ServiceShown
from configvault.web.answer import Answer, Query, html
from configvault.web.markup import Child, Data, Markup, el
from configvault.web.pages import chart, layout
from configvault.web.view import SiteView


def page(source: SiteView, _rest: str, _query: Query) -> Answer:
    """Return the page of the service."""
    found = source.service()
    content = [_plugins(found), el("h2", "Loaded"), _loaded(found, source), _log(found)]
    return html(layout.page(source, "Service", content))


def _plugins(found: ServiceShown) -> Markup | None:
    if not found.plugins:
        return None
    known = any(one.requests is not None for one in found.plugins)
    heads = ("Plugin", "State", "Requests", "Error rate", "95 % within") if known else ("Plugin", "State")
    rows = [el("tr", [el("td", cell) for cell in _cells(one, known=known)]) for one in found.plugins]
    table = el("table", _head(heads), el("tbody", rows), class_="numbers")
    return el("section", el("h2", "Plugins"), el("div", table, class_="wide", tabindex=0, role="region", aria_label="Plugins"))  # fmt: skip


def _cells(one: PluginShown, *, known: bool) -> list[Child]:
    title = [Data(" "), el("small", Data(one.title))] if one.title else None
    cells: list[Child] = [[el("strong", Data(one.name)), title], "active" if one.active else "deprecated"]
    if known:
        within = Data("-") if one.p95_ms is None else Data(f"{one.p95_ms:,.0f} ms")
        cells += [one.requests or 0, Data(chart.percent(one.error_rate)), within]
    return cells


def _head(heads: tuple[str, ...]) -> Markup:
    return el("thead", el("tr", [el("th", text, scope="col") for text in heads]))


def _loaded(found: ServiceShown, source: SiteView) -> Markup:
    if not found.loaded:
        return el("p", "The service has not been told to load anything yet.")
    rows = [_row(one, source) for one in found.loaded]
    table = el("table", _head(("At", "Snapshot", "Result", "By", "Took")), el("tbody", rows), class_="numbers")
    return el("div", table, class_="wide", tabindex=0, role="region", aria_label="Loaded")


def _row(one: LoadedShown, source: SiteView) -> Markup:
    id_ = el("span", "live") if one.id == "live" else layout.reference(one.id)
    result = el("span", "loaded" if one.ok else "failed", class_=f"flag {'ok' if one.ok else 'bad'}")
    person = Data(source.hide(one.actor).partition(" (")[0])
    cells = (layout.when(one.at), id_, result, person, Data(f"{one.elapsed_seconds:.1f} s"))
    return el("tr", [el("td", cell) for cell in cells])


def _log(found: ServiceShown) -> Markup:
    title = el("h2", "Errors by snapshot")
    if found.log_reason:
        return el("section", title, el("p", Data(language.sentence(found.log_reason)), class_="lead"))
    if found.log is None:
        return el(
            "section", title,
            el("p", "Set service_log.path in the configuration to see how requests ended while each snapshot was loaded."),
        )  # fmt: skip
    return el("section", title, chart.errors(found.loaded) or el("p", "No requests in the log since then."))
