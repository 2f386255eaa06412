"""What every page has: the head, the way past it, how things stand, and words for times and plugins."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from configvault.core.model import RejectedState, Snapshot
from configvault.web.markup import Child, Markup, el, join
from configvault.web.source import Source

Document = Mapping[str, Any]
_MOST_LEFT_OUT = 3


def page(title: str, *content: Child, state: Markup | None = None) -> Markup:
    """Return a whole page with one heading."""
    head = el(
        "head",
        el("meta", charset="utf-8"),
        el("meta", name="viewport", content="width=device-width, initial-scale=1"),
        el("meta", name="color-scheme", content="light dark"),
        el("title", f"{title} · configvault"),
        el("link", rel="icon", href="/icon.svg", type="image/svg+xml"),
        el("link", rel="stylesheet", href="/style.css"),
    )
    banner = el(
        "header", el("a", "configvault", href="/", class_="brand"), el("nav", _links(), aria_label="Pages")
    )
    main = el("main", el("h1", title), state, *content, id="main")
    body = el("body", el("a", "Skip to the content", href="#main", class_="skip"), banner, main)
    return join(Markup("<!doctype html>\n"), el("html", head, body, lang="en"), "\n")


def _links() -> Markup:
    return join(
        el("a", "History", href="/"),
        el("a", "Refused", href="/?only=rejected"),
        el("a", "Not recorded", href="/diff/latest..live"),
    )


def state_line(source: Source) -> Markup:
    """Return how things stand in a list of a few words each, what is amiss first."""
    said = source.status()
    items = [*_troubles(said, source), *_standing(said)]
    rows = [el("li", el("strong", word), " ", text, class_=sort) for sort, word, text in items]
    return el("section", el("h2", "How things stand"), el("ul", rows, class_="state"), class_="standing")


Item = tuple[str, str, Child]


def _troubles(said: Document, source: Source) -> list[Item]:
    items: list[Item] = [("bad", "degraded", source.hide(reason)) for reason in said["degraded"]]
    if said.get("pending"):
        until = when(datetime.fromisoformat(said["pending"]["until"]))
        target = reference(said["pending"]["target"])
        items.append(
            ("warn", "pending", ["the rollback to ", target, " is undone at ", until, " unless confirmed"])
        )
    if said.get("rejected"):
        link = el("a", said["rejected"], href=f"/rejected/{said['rejected']}")
        items.append(("bad", "live", ["was refused: ", link]))
    elif said["live"]["matches"] is None:
        count = len(said["live"]["changes"])
        link = el("a", "in 1 place" if count == 1 else f"in {count} places", href="/diff/latest..live")
        items.append(("warn", "live", ["differs from the latest snapshot ", link]))
    left_out = said.get("left_out", ())
    items += [("warn", "left out", f"{one['path']}: {one['reason']}") for one in left_out[:_MOST_LEFT_OUT]]
    if len(left_out) > _MOST_LEFT_OUT:
        items.append(("warn", "left out", f"and {len(left_out) - _MOST_LEFT_OUT} more: configvault status"))
    return items


def _standing(said: Document) -> list[Item]:
    items: list[Item] = []
    if said["live"]["matches"] is not None:
        items.append(("ok", "live", "is the latest snapshot"))
    for word in ("latest", "loaded", "good"):
        id_ = said[word]
        # What the service runs is not what was recorded last.
        behind = word == "loaded" and id_ != said["latest"]
        items.append(("ok" if id_ and not behind else "warn", word, reference(id_) if id_ else "none yet"))
    if said["daemon"]["running"]:
        since = said["daemon"]["since"]
        items.append(("ok", "daemon", ["runs since ", when(datetime.fromisoformat(since)) if since else "?"]))
        items += _sight(said["daemon"])
    else:
        items.append(("warn", "daemon", "not running"))
    return items


def _sight(daemon: Document) -> list[Item]:
    how, proof = daemon["watching"], daemon["last_proof"]
    sort = "ok" if how == "events" else "warn"
    seen = ["last proof ", when(datetime.fromisoformat(proof))] if proof else "no proof yet"
    return [(sort, "watch", [f"{how}, ", seen])] if how else []


def reference(id_: str) -> Markup:
    """Return a link to a snapshot or a refused state."""
    place = "rejected" if id_.startswith("rejected_") else "snapshots"
    return el("a", id_, href=f"/{place}/{id_}")


def path(text: str) -> Markup:
    """Return the path of a file on one line: what breaks or widens a line in it shows as an escape."""
    return el("code", text.replace("\n", "\\n").replace("\t", "\\t"))


def when(moment: datetime) -> Markup:
    """Return a moment to the second, with its zone, for people and for programs."""
    return el("time", moment.strftime("%Y-%m-%d %H:%M:%S %z"), datetime=moment.isoformat())


def facts(rows: list[tuple[str, Child]]) -> Markup:
    """Return names and what they are; what is empty is left out."""
    shown = [(el("dt", name), el("dd", value)) for name, value in rows if value not in (None, "", [], ())]
    return el("dl", [el("div", *pair) for pair in shown], class_="facts")


def flags(one: Snapshot | RejectedState) -> list[Markup]:
    """Return what an entry is and what is said of it, each as a small word."""
    if isinstance(one, RejectedState):
        return [el("span", "refused", class_="flag bad")]
    words = [("good", "ok")] if one.good else []
    words += [("rolled back", "warn")] if one.rolled_back else []
    words += [(f"pin:{name}", "ok") for name in one.pins]
    return [el("span", word, class_=f"flag {sort}") for word, sort in words]


def command(text: str) -> Markup:
    """Return a command to paste; one click marks all of it."""
    return el("pre", el("code", text), class_="command", tabindex=0, aria_label="Command to paste")
