"""Pictures of numbers, drawn on the server; each has its numbers as a table, for those who do not see it."""

from __future__ import annotations

from collections.abc import Sequence

from configvault.core.timeline import Day, LoadedShown
from configvault.web.markup import Child, Data, Markup, counted, el, words
from configvault.web.pages import layout

_HIGH, _STEP, _BAR = 60, 20, 14


def days(found: Sequence[Day]) -> Markup | None:
    """Return a bar of snapshots and rejected states for each day; None where nothing happened."""
    most = max((one.snapshots + one.rejected for one in found), default=0)
    if most == 0:
        return None
    bars = []
    for number, one in enumerate(found):
        left, good, bad = number * _STEP, _height(one.snapshots, most), _height(one.rejected, most)
        title = el("title", _said(one))
        ok = el("rect", x=left, y=_HIGH - good, width=_BAR, height=good, class_="ok")
        not_ok = el("rect", x=left, y=_HIGH - good - bad, width=_BAR, height=bad, class_="bad")
        bars.append(el("g", title, ok, not_ok))
    total = words(
        "{snapshots} and {rejected} in the last {days}",
        snapshots=_snapshots(sum(one.snapshots for one in found)),
        rejected=_rejected(sum(one.rejected for one in found)),
        days=counted(len(found), "day", "{n} days"),
    )
    picture = _svg(len(found), bars)
    rows = [(Data(one.day.isoformat()), one.snapshots, one.rejected) for one in reversed(found)]
    return _figure(picture, total, ("Day", "Snapshots", "Rejected"), rows)


def _said(one: Day) -> list[Child]:
    return [Data(f"{one.day.isoformat()}: "), _snapshots(one.snapshots), Data(", "), _rejected(one.rejected)]


def _snapshots(count: int) -> Markup:
    return counted(count, "1 snapshot", "{n} snapshots")


def _rejected(count: int) -> Markup:
    return counted(count, "1 rejected state", "{n} rejected states")


def errors(found: Sequence[LoadedShown]) -> Markup | None:
    """Return a bar with the rate of errors for each time that a snapshot was loaded, the oldest first."""
    known = [one for one in reversed(found) if one.error_rate is not None and one.requests]
    if not known:
        return None
    bars = []
    for number, one in enumerate(known):
        high = max(1, round(_HIGH * (one.error_rate or 0)))
        title = el("title", Data(f"{one.id}: {percent(one.error_rate)}"))
        ground = el("rect", x=number * _STEP, y=0, width=_BAR, height=_HIGH, class_="ground")
        bar = el("rect", x=number * _STEP, y=_HIGH - high, width=_BAR, height=high, class_="bad")
        bars.append(el("g", title, ground, bar))
    rows = [(layout.reference(one.id), one.requests, Data(percent(one.error_rate))) for one in reversed(known)]
    said = words("Share of requests that failed while each snapshot was loaded, the newest on the right")
    return _figure(_svg(len(known), bars), said, ("Snapshot", "Requests", "Error rate"), rows)


def percent(share: float | None) -> str:
    """Return a share for people."""
    if share is None:
        return "-"
    return f"{share * 100:.1f}%" if 0 < share < 0.1 else f"{share * 100:.0f}%"


def _height(count: int, most: int) -> int:
    return max(2, round(_HIGH * count / most)) if count else 0


def _svg(count: int, bars: Sequence[Markup]) -> Markup:
    wide = count * _STEP
    return el(
        "svg",
        bars,
        viewBox=f"0 0 {wide} {_HIGH}",
        preserveAspectRatio="none",
        aria_hidden="true",
        class_="chart",
    )


def _figure(picture: Markup, caption: Child, heads: Sequence[str], rows: Sequence[tuple[Child, ...]]) -> Markup:
    head = el("tr", [el("th", text, scope="col") for text in heads])
    body = [el("tr", [el("td", cell) for cell in row]) for row in rows]
    table = el("table", el("thead", head), el("tbody", body), class_="numbers")
    numbers = el("details", el("summary", "Show the numbers"), table)
    return el("figure", picture, el("figcaption", caption), numbers)
