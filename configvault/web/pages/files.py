"""The folders and files of any state: read them, and see which snapshot and person each line is from."""

from __future__ import annotations

from configvault.core.errors import UnknownReferenceError
from configvault.core.timeline import FileShown, Listing, Origin, Row
from configvault.web.answer import Answer, Query, html
from configvault.web.markup import Child, Data, Markup, counted, el, join, words
from configvault.web.pages import layout
from configvault.web.view import SiteView

_REASONS = {
    "binary": "Not shown: this file is not text.",
    "large": "Not shown: this file is too large for a page.",
    "link": "This is a symbolic link. It points at:",
}
_LONGEST_LINE = 2000


def page(source: SiteView, rest: str, query: Query) -> Answer:
    """Return the page of `REF/PATH`: a folder, or a file, with `blame=1` where each line is from."""
    reference, _, path = rest.partition("/")
    blame = query.get("blame") == "1"
    found = source.folder_or_file(reference, path, blame=blame)
    if isinstance(found, Listing):
        return html(layout.page(source, _title(found), _crumbs(found.id, found.path), _folder(found)))
    content = [_crumbs(found.id, found.path), _links(found, blame=blame), _file(found, source)]
    return html(layout.page(source, _title(found), content))


def raw(source: SiteView, rest: str, _query: Query) -> Answer:
    """Return the text of the file `REF/PATH`, secrets hidden."""
    reference, _, path = rest.partition("/")
    found = source.folder_or_file(reference, path)
    if isinstance(found, Listing) or found.reason in ("binary", "large"):
        raise UnknownReferenceError(f"{path!r} cannot be shown as text", f"configvault show {found.id}:{path}")
    return Answer.text(200, "\n".join(found.lines) + "\n")


def _title(found: Listing | FileShown) -> Child:
    name = found.path.rpartition("/")[2]
    return Data(name.replace("\n", "\\n")) if name else words("Files of {id}", id=Data(found.id))


def _crumbs(id_: str, path: str) -> Markup:
    """Return the way from the state down to here."""
    parts: list[Child] = [layout.reference(id_), Data(" : "), el("a", Data("/"), href=f"/files/{id_}/")]
    names = path.split("/") if path else []
    for number, name in enumerate(names, 1):
        link = layout.quoted("/".join(names[:number]))
        shown = layout.path(name)
        last = number == len(names)
        parts += [shown if last else el("a", shown, href=f"/files/{id_}/{link}"), None if last else Data(" / ")]
    return el("nav", parts, class_="crumbs", aria_label="Place")


def _folder(found: Listing) -> Markup:
    if not found.rows:
        return el("p", "This folder is empty.")
    head = el("tr", [el("th", text, scope="col") for text in ("Name", "Mode", "Size")])
    rows = [_row(found, one) for one in sorted(found.rows, key=lambda one: (not one.is_folder, one.name))]
    return el("table", el("thead", head), el("tbody", rows), class_="changes listing")


def _row(found: Listing, one: Row) -> Markup:
    path = f"{found.path}/{one.name}" if found.path else one.name
    name = el("a", layout.path(one.name + "/" * one.is_folder), href=f"/files/{found.id}/{layout.quoted(path)}")
    size = (
        counted(one.size, "1 file", "{n} files") if one.is_folder else counted(one.size, "1 byte", "{n} bytes")
    )
    return el("tr", el("td", name), el("td", el("code", Data(f"{one.mode:04o}"))), el("td", size))


def _links(found: FileShown, *, blame: bool) -> Markup:
    place = f"{found.id}/{layout.quoted(found.path)}"
    origin = el("a", "Without origins", href=f"/files/{place}")
    if not blame:
        origin = el("a", "Who changed each line", href=f"/files/{place}?blame=1")
    history = el("a", "History of this file", href=f"/?path={layout.quoted(found.path)}")
    plain = el("a", "Plain text", href=f"/raw/{place}")
    return el("p", history, origin, plain, class_="links")


def _file(found: FileShown, source: SiteView) -> Markup:
    about = el("p", words("Mode {mode}, {size}. Secrets are hidden.", mode=el("code", Data(f"{found.mode:04o}")), size=counted(found.size, "1 byte", "{n} bytes")), class_="about")  # fmt: skip
    reason = el("p", _REASONS[found.reason]) if found.reason else None
    if not found.lines:
        empty = None if found.reason else el("p", "This file is empty.")
        return join(about, reason, empty)
    origins = found.origins or (None,) * len(found.lines)
    rows, before = [], None
    for number, (line, origin) in enumerate(zip(found.lines, origins, strict=True), 1):
        fresh = origin is not None and origin != before
        before = origin
        cell = el("td", _origin(origin, source) if fresh else None, class_="origin") if found.origins else None
        text = line if len(line) <= _LONGEST_LINE else line[:_LONGEST_LINE] + "…"
        mark = el("a", number, href=f"#L{number}")
        rows.append(
            el("tr", el("td", mark, class_="number"), cell, el("td", el("code", Data(text))), id=f"L{number}")
        )
    wide = [
        el("th", text, scope="col")
        for text in (("Line", "From", "Text") if found.origins else ("Line", "Text"))
    ]
    caption = el("caption", layout.path(found.path), class_="unseen")
    table = el(
        "table", caption, el("thead", el("tr", wide), class_="unseen"), el("tbody", rows), class_="lines"
    )
    return join(about, reason, table)


def _origin(origin: Origin | None, source: SiteView) -> Child:
    if origin is None:
        return None
    person = source.hide(origin.actor).partition(" (")[0]
    return [
        layout.reference(origin.id),
        Data(" "),
        el("small", Data(person), Data(", "), layout.ago(origin.at)),
    ]
