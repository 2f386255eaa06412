"""What programs ask: is it alive, is it ready, how much of what, and the JSON of the contract."""

from __future__ import annotations

from configvault.core.errors import UnknownReferenceError, UsageError
from configvault.core.frozen import replace
from configvault.core.model import RejectedState, Snapshot
from configvault.core.rendering import documents, events
from configvault.core.timeline import ONLY, Wanted
from configvault.web.answer import Answer, Query
from configvault.web.view import SiteView

MOST_ROWS = 1000


def health(source: SiteView, _rest: str, _query: Query) -> Answer:
    """Say whether the worker answers."""
    wrong = source.alive()
    return Answer.text(503, f"{source.hide(wrong)}\n") if wrong else Answer.text(200, "ok\n")


def ready(source: SiteView, _rest: str, _query: Query) -> Answer:
    """Say whether a change would be recorded now, and if not why."""
    reasons = source.unready()
    if reasons:
        return Answer.text(503, "".join(f"{source.hide(reason)}\n" for reason in reasons))
    return Answer.text(200, "ready\n")


def metrics(source: SiteView, _rest: str, query: Query) -> Answer:
    """Answer a scraper in the format it asks for."""
    content_type, body = source.metrics(query["accept"])
    return Answer(200, content_type, body)


def status(source: SiteView, _rest: str, _query: Query) -> Answer:
    """Return the document of `status`."""
    return Answer.json(events.discreet(source.status(), source.hide))


def snapshots(source: SiteView, _rest: str, query: Query) -> Answer:
    """Return the document of `list`, a page of it, with where in the whole it stands."""
    found = source.timeline(replace(wanted(query, "limit", 100), only="snapshots"))
    rows = [documents.snapshot(one) for one in found.entries if isinstance(one, Snapshot)]
    document = {"snapshots": rows, "page": found.page, "pages": found.pages, "total": found.total}
    return Answer.json(events.discreet(document, source.hide))


def snapshot(source: SiteView, rest: str, _query: Query) -> Answer:
    """Return the document of `show`."""
    found, changes = source.snapshot(rest)
    return Answer.json(events.discreet(documents.snapshot(found, changes), source.hide))


def rejected(source: SiteView, _rest: str, query: Query) -> Answer:
    """Return the document of `rejected list`, a page of it, with where in the whole it stands."""
    found = source.timeline(replace(wanted(query, "limit", 100), only="rejected"))
    rows = [documents.rejected(one) for one in found.entries if isinstance(one, RejectedState)]
    document = {"rejected": rows, "page": found.page, "pages": found.pages, "total": found.total}
    return Answer.json(events.discreet(document, source.hide))


def report(source: SiteView, _rest: str, query: Query) -> Answer:
    """Return the document of `report`."""
    return Answer.json(events.discreet(source.report(query.get("since") or None), source.hide))


def index(_source: SiteView, _rest: str, _query: Query) -> Answer:
    """Return what there is to ask for."""
    return Answer.json({"documents": dict(DOCUMENTS)})


DOCUMENTS = {
    "/api/status": "as `configvault status --json` prints it",
    "/api/snapshots": "a page of the history: limit, page, plugin, actor, path, since, until, q",
    "/api/snapshots/ID": "as `configvault show ID --json` prints it",
    "/api/rejected": "a page of the rejected states, as the history",
    "/api/report": "as `configvault report --json` prints it: since",
}


def wanted(query: Query, size: str = "", otherwise: int = 50) -> Wanted:
    """Return which part of the history is asked for, `otherwise` entries a page where `size` does not say how many.

    Raises:
        UsageError: a number is none, or `only` is not one of its words.
    """
    only = query.get("only", "")
    if only not in ONLY:
        raise UsageError(f"only {only!r} is not one of snapshots, rejected", "/")
    fields = {name: query.get(name, "") for name in ("plugin", "actor", "since", "until", "path")}
    page, per_page = number(query, "page", 1), number(query, size, otherwise)
    return Wanted(**fields, text=query.get("q", ""), only=only, page=page, per_page=min(per_page, MOST_ROWS))


def number(query: Query, name: str, otherwise: int) -> int:
    """Return a number of 1 or more that stands in the address; raises UsageError."""
    text = query.get(name, str(otherwise))
    if not (text.isascii() and text.isdigit() and 0 < int(text[:9]) < 1_000_000 and len(text) < 8):
        raise UsageError(f"{name} {text!r} is not a number of 1 or more", "/")
    return int(text)


def halves(rest: str) -> tuple[str, str]:
    """Return A and B of `A..B`.

    Raises:
        UnknownReferenceError: it is not of that form.
    """
    old, dots, new = rest.partition("..")
    if not (old and dots and new):
        raise UnknownReferenceError("a comparison is written A..B", "/diff/previous..latest")
    return old, new
