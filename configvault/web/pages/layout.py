"""What every page has: the head, the way past it, how things stand, and words for times and plugins."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

from configvault.core import language
from configvault.core.model import RejectedState, Snapshot
from configvault.core.timeline import Beside
from configvault.web.markup import Child, Data, Markup, counted, el, join, words
from configvault.web.view import SiteView

Document = Mapping[str, Any]
_MOST_LEFT_OUT = 3
# What the script writes on its buttons.
_COPY = ("Copy", "Copied")
_SPANS = ((86400, "day"), (3600, "hour"), (60, "minute"))


def page(source: SiteView, title: Child, *content: Child, state: Markup | None = None) -> Markup:
    """Return a whole page with one heading; `source` says which host and root it is about."""
    host, root = source.place
    head = el(
        "head",
        el("meta", charset="utf-8"),
        el("meta", name="viewport", content="width=device-width, initial-scale=1"),
        el("meta", name="color-scheme", content="light dark"),
        el("title", title, Data(f" · {root} · {host} · configvault")),
        el("link", rel="icon", href="/icon.svg", type="image/svg+xml"),
        el("link", rel="stylesheet", href="/style.css"),
        el("script", src="/page.js", defer=True),
    )
    place = el("p", el("strong", Data(host)), " ", el("code", Data(root)), class_="place")
    brand = el("a", Data("configvault"), href="/", class_="brand")
    banner = el("header", brand, place, el("nav", _links(), aria_label="Pages"), _languages())
    main = el("main", el("h1", title), state, *content, id="main")
    skip = el("a", "Skip to the content", href="#main", class_="skip")
    copy, copied = (language.text(word) for word in _COPY)
    body = el("body", skip, banner, main, data_copy=copy, data_copied=copied)
    said = language.current().replace("_", "-")
    return join(Markup("<!doctype html>\n"), el("html", head, body, lang=said), Data("\n"))


def _links() -> Markup:
    return join(
        el("a", "History", href="/"),
        el("a", "Rejected", href="/?only=rejected"),
        el("a", "Not recorded", href="/diff/latest..live"),
        el("a", "Files", href="/files/latest/"),
        el("a", "Service", href="/service"),
    )


def _languages() -> Markup:
    others = [(code, name) for code, name in language.LANGUAGES.items() if code != language.current()]
    links = [
        el("a", Data(name), href=f"/language/{code}", lang=code.replace("_", "-"), rel="nofollow")
        for code, name in others
    ]
    return el("nav", links, aria_label="Language", class_="languages")


def state_line(source: SiteView) -> Markup:
    """Return how things stand in a list of a few words each, what is amiss first."""
    said = source.status()
    items = [*_troubles(said, source), *_standing(said), *_replicas(said, source), *_planned(said)]
    rows = [el("li", el("strong", word), Data(" "), text, class_=sort) for sort, word, text in items]
    return el("section", el("h2", "Current state"), el("ul", rows, class_="state"), class_="standing")


Item = tuple[str, str, Child]


def _troubles(said: Document, source: SiteView) -> list[Item]:
    items: list[Item] = [
        ("bad", "degraded", Data(language.sentence(source.hide(reason)))) for reason in said["degraded"]
    ]
    if said.get("pending"):
        until = when(datetime.fromisoformat(said["pending"]["until"]), countdown=True)
        target = reference(said["pending"]["target"])
        text = words(
            "the rollback to {target} is undone at {until} unless confirmed", target=target, until=until
        )
        items.append(("warn", "pending", [text, command(source, "configvault confirm")]))
    if said.get("rejected"):
        link = el("a", Data(said["rejected"]), href=f"/rejected/{said['rejected']}")
        items.append(("bad", "live", words("was rejected: {link}", link=link)))
    elif said["live"]["matches"] is None and said["live"]["changes"]:
        count = counted(len(said["live"]["changes"]), "in 1 place", "in {n} places")
        link = el("a", count, href="/diff/latest..live")
        items.append(("warn", "live", words("differs from the latest snapshot {link}", link=link)))
    items += _source(said.get("source"), source)
    left_out = said.get("left_out", ())
    items += [
        ("warn", "left out", Data(f"{one['path']}: {language.sentence(one['reason'])}"))
        for one in left_out[:_MOST_LEFT_OUT]
    ]
    if len(left_out) > _MOST_LEFT_OUT:
        more = counted(len(left_out) - _MOST_LEFT_OUT, "and 1 more", "and {n} more")
        items.append(("warn", "left out", [more, command(source, "configvault status")]))
    return items


def _source(said: Document | None, source: SiteView) -> list[Item]:
    """Return what the source offers, and what of it was deployed."""
    if said is None:
        return []
    ref, offered = el("code", Data(said["ref"])), el("code", Data((said["offered"] or "-")[:12]))
    where: list[Child] = [words("{ref} offers {commit}", ref=ref, commit=offered), Data("; ")]
    if said["deployed"] and said["snapshot"]:
        commit, snapshot = el("code", Data(said["deployed"][:12])), reference(said["snapshot"])
        where.append(words("{commit} is deployed as {snapshot}", commit=commit, snapshot=snapshot))
    else:
        where.append("nothing is deployed yet")
    if said["held"]:
        why = Data(language.sentence(source.hide(said["why"] or said["held"])))
        where += [Data("; "), words("held: {why}", why=why)]
    elif said["drift"]:
        where += [Data("; "), words("the root was changed since ({how})", how=Data(said["drift"]))]
    is_well = not (said["held"] or said["drift"] or said["error"]) and said["offered"] == said["deployed"]
    return [("ok" if is_well else "warn", "source", where)]


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
        shown = when(datetime.fromisoformat(since)) if since else Data("?")
        items.append(("ok", "daemon", words("running since {since}", since=shown)))
        items += _sight(said["daemon"])
    else:
        items.append(("warn", "daemon", "not running"))
    return items


def _sight(daemon: Document) -> list[Item]:
    how, proof = daemon["watching"], daemon["last_proof"]
    sort = "ok" if how == "events" else "warn"
    seen = words("last verified {at}", at=when(datetime.fromisoformat(proof))) if proof else "not verified yet"
    return [(sort, "watch", [el("span", how), Data(", "), seen])] if how else []


def _replicas(said: Document, source: SiteView) -> list[Item]:
    """Return what each replica has, and whether the last drill could recover from them."""
    items: list[Item] = []
    for one in said.get("replicas", ()):
        behind, at = one["behind"], one["pushed_at"]
        has: Child = (
            counted(behind, "is 1 snapshot behind", "is {n} snapshots behind") if behind else "is up to date"
        )
        pushed: Child = words("last push {at}", at=when(datetime.fromisoformat(at))) if at else "never pushed"
        url = el("code", Data(source.hide(one["url"])))
        is_well = not behind and one["reason"] is None and at
        items.append(("ok" if is_well else "warn", "replica", [url, Data(" "), has, Data(", "), pushed]))
    drilled, at = (said.get("schedule", {}).get(key) for key in ("drilled", "last"))
    if drilled is not None:
        last = (at or {}).get("drill")
        result: Child = "recovered from every replica" if drilled else "could not recover from every replica"
        shown: Child = [Data(", "), when(datetime.fromisoformat(last))] if last else None
        items.append(("ok" if drilled else "bad", "drill", [result, shown]))
    return items


def _planned(said: Document) -> list[Item]:
    """Return what happens next by itself, and what the source of deployments offers."""
    planned = said.get("schedule", {}).get("next", {})
    items: list[Item] = [
        ("ok", name, words("next at {at}", at=when(datetime.fromisoformat(at))))
        for name, at in planned.items()
        if at is not None
    ]
    source = said.get("source")
    if source:
        deployed = el("code", Data((source.get("deployed") or "?")[:12]))
        if source.get("held"):
            items.append(("warn", "source", words("held: {reason}", reason=Data(str(source["held"])))))
        else:
            text = words(
                "{commit} of {ref} is deployed", commit=deployed, ref=el("code", Data(str(source["ref"])))
            )
            items.append(("ok", "source", text))
    return items


def reference(id_: str) -> Markup:
    """Return a link to a snapshot or a rejected state."""
    place = "rejected" if id_.startswith("rejected_") else "snapshots"
    return el("a", Data(id_), href=f"/{place}/{id_}")


def path(text: str) -> Markup:
    """Return the path of a file on one line: what breaks or widens a line in it shows as an escape."""
    return el("code", Data(text.replace("\n", "\\n").replace("\t", "\\t")))


def to_file(id_: str, text: str) -> Markup:
    """Return a link to a file of a state."""
    return el("a", path(text), href=f"/files/{id_}/{quoted(text)}")


def quoted(text: str) -> str:
    """Return a path as it is written in an address."""
    return quote(text.encode("utf-8", "surrogateescape"))


def when(moment: datetime, *, countdown: bool = False) -> Markup:
    """Return a moment to the second, with its zone, and how far it is from now; for people and for programs."""
    exact = el(
        "time",
        Data(moment.strftime("%Y-%m-%d %H:%M:%S %z")),
        datetime=moment.isoformat(),
        data_countdown=countdown or None,
    )
    return join(exact, Data(" "), el("small", Data("("), ago(moment), Data(")"), class_="ago"))


def ago(moment: datetime) -> Markup:
    """Return how far a moment is from now, in its largest unit."""
    seconds = (datetime.now(UTC) - moment).total_seconds()
    for size, unit in _SPANS:
        if abs(seconds) >= size:
            one, many = _AGO[unit, seconds > 0]
            return counted(int(abs(seconds) // size), one, many)
    return words("just now") if seconds > -1 else words("in less than a minute")


_AGO = {
    ("day", True): ("1 day ago", "{n} days ago"),
    ("hour", True): ("1 hour ago", "{n} hours ago"),
    ("minute", True): ("1 minute ago", "{n} minutes ago"),
    ("day", False): ("in 1 day", "in {n} days"),
    ("hour", False): ("in 1 hour", "in {n} hours"),
    ("minute", False): ("in 1 minute", "in {n} minutes"),
}


def facts(rows: list[tuple[str, Child]]) -> Markup:
    """Return names and what they are; what is empty is left out."""
    shown = [(el("dt", name), el("dd", value)) for name, value in rows if value not in (None, "", [], ())]
    return el("dl", [el("div", *pair) for pair in shown], class_="facts")


def flags(one: Snapshot | RejectedState) -> list[Markup]:
    """Return the labels of an entry, each as a small word."""
    if isinstance(one, RejectedState):
        return [el("span", "rejected", class_="flag bad")]
    labels: list[tuple[Child, str]] = [("good", "ok")] if one.good else []
    labels += [("rolled back", "warn")] if one.rolled_back else []
    labels += [(Data(f"pin:{name}"), "ok") for name in one.pins]
    return [el("span", label, class_=f"flag {sort}") for label, sort in labels]


def neighbours(beside: Beside) -> Markup | None:
    """Return the ways to what is newer and older in the history."""
    newer = el("a", "Newer", href=_place(beside.newer), rel="prev") if beside.newer else None
    older = el("a", "Older", href=_place(beside.older), rel="next") if beside.older else None
    return el("nav", newer, older, class_="pages", aria_label="Newer and older") if newer or older else None


def _place(id_: str) -> str:
    return f"/{'rejected' if id_.startswith('rejected_') else 'snapshots'}/{id_}"


def command(source: SiteView, text: str) -> Markup:
    """Return a command to paste, with the configuration that it needs, whole on the narrowest screen; one click marks all of it."""
    return el(
        "pre",
        el("code", Data(source.in_place(text))),
        class_="command",
        tabindex=0,
        aria_label="Command to paste",
    )
