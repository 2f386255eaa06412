"""The whole directory: required files, links, documents by their entries, and everything else that lies there."""

from __future__ import annotations

import posixpath
from collections.abc import Iterator
from functools import partial

from configvault.core.leftout import IGNORED
from configvault.core.model import Entry, Finding, Folder, Kind, Severity
from configvault.coze import crossfile, documents, meta
from configvault.coze.openapi import spec
from configvault.coze.openapi.spec import Strict
from configvault.validators import extras, massremoval, syntax
from configvault.validators.files import Found, Lost
from configvault.validators.rules import RULES
from configvault.validators.run import Run
from configvault.validators.violations import Violation, first, quote_reference, violation

META = "pluginproduct/plugin_meta.yaml"
OAUTH = "common/oauth_schema.json"
_NOT_IGNORED = (
    "change watch.ignore in the configuration so that no pattern matches it, or give the file another name"
)
_RESTORE = "restore it: configvault rollback latest"


def validate(run: Run) -> None:
    """Report everything that would make the service die, drop a plugin or lose one."""
    _links(run)
    done = {_oauth(run)}
    found, real = _meta(run)
    done.add(real)
    plugins = found.plugins if found is not None else None
    with _strict(run) as strict:
        done |= _documents(run, plugins, strict)
        _others(run, done, strict, known=plugins is not None)
    _compared(run, found)


def _strict(run: Run) -> Strict:
    """Return what compares documents with OpenAPI's own schema; where it is asked for and missing, say so once."""
    command = extras.missing(spec.RULE)
    if command is not None and extras.is_asked_for(run.settings, spec.RULE):
        message = "openapi-spec-validator is not installed: no document is compared with the OpenAPI schema"
        # A warning, whatever severity the rule has: no file is to blame for it.
        run.report.add_findings([Finding(spec.RULE, Severity.WARNING, "", None, None, message, None, command)])
    return Strict(wanted=command is None and not extras.is_off(run.settings, spec.RULE))


def _document(run: Run, shown: str, entry: Entry, strict: Strict) -> documents.Document | None:
    """Return what is to be said of a document; what was left open is asked again at the next validation."""
    skipped = strict.skipped
    validated = run.once("document", shown, entry, partial(documents.validate, strict))
    if strict.skipped > skipped:
        run.forget("document", entry)
    return validated


def _links(run: Run) -> None:
    for path, entry in run.state.tree.files() if run.state.tree.count("link") else ():
        if entry.kind is Kind.LINK:
            lost = run.files.resolve(path)
            if isinstance(lost, Lost):
                run.report.add(path, [_lost_link(lost)])


def _lost_link(lost: Lost) -> Violation:
    what = {
        "missing": "is dangling: its target does not exist",
        IGNORED: "points to something that watch.ignore excludes, so no snapshot contains it",
        "outside": "points outside the directory",
        "loop": "is part of a loop",
    }
    hint = "replace the link with the file itself"
    return Violation("link", None, None, f"the symlink {what[lost.reason]}", hint)


def _required(run: Run, path: str) -> Found | None:
    """Return where a file that must be there is; say so if it is not."""
    found = run.files.resolve(path)
    if isinstance(found, Found) and isinstance(found.entry, Entry):
        return found
    if isinstance(found, Lost) and isinstance(run.state.tree.find(path), Entry):
        return None  # a broken link, which was told
    what = "is a directory" if isinstance(found, Found) else "is missing"
    message, hint = f"{path} {what}; the service refuses to start", _RESTORE
    if isinstance(found, Lost) and found.reason == IGNORED:
        message, hint = (
            f"{path} exists, but watch.ignore excludes it: no snapshot would contain it",
            _NOT_IGNORED,
        )
    run.report.add(path, [Violation("file-missing", None, None, message, hint)])
    return None


def _oauth(run: Run) -> str:
    found = _required(run, OAUTH)
    if found is None or not isinstance(found.entry, Entry):
        return OAUTH
    violations = run.once("json", OAUTH, found.entry, lambda data: syntax.check("json", data))
    run.add_findings(OAUTH, found.entry, violations or [])
    return found.real


def _meta(run: Run) -> tuple[meta.Meta | None, str]:
    found = _required(run, META)
    if found is None or not isinstance(found.entry, Entry):
        return None, META
    validated = run.once("meta", META, found.entry, meta.validate)
    if validated is not None:
        run.add_findings(META, found.entry, validated.violations)
        run.add_findings(META, found.entry, first(crossfile.ids(validated.plugins or ())))
    return validated, found.real


def _documents(run: Run, plugins: tuple[meta.Plugin, ...] | None, strict: Strict) -> set[str]:
    """Validate each document that an entry names, and the tools against it; return what was looked at."""
    operations: dict[str, crossfile.Operations | None] = {}
    done: set[str] = set()
    found = run.files.resolve(META)
    entry = found.entry if isinstance(found, Found) and isinstance(found.entry, Entry) else None
    for plugin in plugins or ():
        if plugin.document is None or (plugin.document in operations and not plugin.deprecated):
            continue
        place = _locate(run, plugin.document)
        if not isinstance(place, Found) or not isinstance(place.entry, Entry) or not plugin.document:
            if entry is not None:
                run.add_findings(META, entry, _no_document(run, plugin, place))
            continue
        done.add(place.real)
        if plugin.deprecated:
            continue
        shown = document_path(plugin.document)
        validated = _document(run, shown, place.entry, strict)
        operations[plugin.document] = validated.operations if validated else None
        run.add_findings(shown, place.entry, validated.violations if validated else [])
    if entry is not None:
        run.add_findings(META, entry, first(crossfile.tools(plugins or (), operations)))
    return done


def document_path(document: str) -> str:
    """Return the path of a document as the service joins it (Go's path.Join: an absolute one is not)."""
    return posixpath.normpath("pluginproduct/" + document.lstrip("/"))


def _locate(run: Run, document: str) -> Found | Lost:
    path = document_path(document)
    return Lost("outside") if ".." in document.split("/") else run.files.resolve(path)


def _no_document(run: Run, plugin: meta.Plugin, place: Found | Lost) -> Iterator[Violation]:
    """Yield why an entry has no document; a link that leads nowhere was told already."""
    name, rule = plugin.document or "", "document-missing"
    if plugin.deprecated:
        if isinstance(place, Lost) and name:
            message = f"{plugin.label} is deprecated and its document {quote_reference(name)} is gone"
            yield violation("deprecated-without-document", plugin.document_at, message, None)
        return
    if not name:
        what, hint = "openapi_doc_file is missing", "name its document, relative to pluginproduct/"
    elif isinstance(place, Found):
        what, hint = f"openapi_doc_file {quote_reference(name)} is a directory", "name the file inside it"
    elif ".." in name.split("/"):
        rule = "document-outside"
        what, hint = (
            f"openapi_doc_file {quote_reference(name)} points outside the directory",
            "put the document into pluginproduct/",
        )
    elif isinstance(run.state.tree.find(document_path(name)), Entry):
        return
    elif isinstance(place, Lost) and place.reason == IGNORED:
        what = f"openapi_doc_file {quote_reference(name)} exists, but watch.ignore excludes it: no snapshot would contain it"
        yield violation(rule, plugin.document_at, f"{plugin.label}: {what}", _NOT_IGNORED)
        return
    else:
        what, hint = f"openapi_doc_file {quote_reference(name)} does not exist", _RESTORE
    yield violation(rule, plugin.document_at, f"{plugin.label}: {what}; the plugin is dropped", hint)


def _others(run: Run, done: set[str], strict: Strict, *, known: bool) -> None:
    """Validate what no entry refers to: its syntax, and of documents also whether they would be any good."""
    for shown, real, entry in run.regular():
        kind = syntax.kind_of(shown)
        if real in done:
            continue
        if kind is None:
            run.fits(shown, entry)
            continue
        violations = run.once(kind, shown, entry, partial(syntax.check, kind))
        run.add_findings(shown, entry, violations or [])
        broken = any(one.rule.endswith("-syntax") for one in violations or [])
        if known and not broken and shown.startswith("pluginproduct/") and shown != META:
            _unreferenced(run, shown, entry, strict)


def _unreferenced(run: Run, shown: str, entry: Entry, strict: Strict) -> None:
    """Say that nothing refers to a file; of a broken document only that it is broken."""
    validated = _document(run, shown, entry, strict)
    errors = (
        [one for one in validated.violations if RULES[one.rule].severity is Severity.ERROR] if validated else []
    )
    if validated is not None and validated.is_openapi and errors:
        first = errors[0]
        message = f"no entry refers to this document, and it is broken: {first.message}"
        run.add_findings(shown, entry, [first._replace(rule="unreferenced-broken", message=message)])
        return
    message = "no entry of plugin_meta.yaml refers to this file"
    hint = "add its entry, or remove the file"
    run.report.add(shown, [Violation("unreferenced-file", None, None, message, hint)])


def _compared(run: Run, now: meta.Meta | None) -> None:
    """Compare with the latest snapshot, as far as that can be read."""
    before = run.state.before
    if before is None or now is None:
        return
    entry = before.find(META)
    if isinstance(entry, Folder) or entry is None or entry.kind is Kind.LINK:
        return
    run.report.add(META, massremoval.plugins_gone(_live(run, entry), now.live))


def _live(run: Run, entry: Entry) -> int | None:
    """Return the number of live plugins of the snapshot before, None where its bytes are not at hand."""
    if entry.size > run.settings.max_file_size:
        return None
    try:
        if not run.knows("meta", entry):
            run.files.read(entry)
    except Exception:  # the state promises the bytes of its own tree only
        return None
    validated = run.once("meta", META, entry, meta.validate)
    return validated.live if validated is not None else None
