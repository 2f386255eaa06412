"""Notice when what a rollback left comes back: a deployment that repeats itself, a controller that puts things right."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice

from configvault.core import gitformat, metadata
from configvault.core.model import ChangeKind, Entry, Finding, Kind, Severity
from configvault.usecases.scan import Live
from configvault.usecases.site import Site

RULE = "rolled-back-content"
# Of the snapshots that were left, the newest are looked at: what came back after longer is a decision, no accident.
MOST_LEFT = 20
# Mode and id of what is in a folder, by name.
Rows = dict[str, tuple[int, str]]


def rolled_back_content(site: Site, live: Live) -> tuple[Finding, ...]:
    """Return a warning for each file that has again the bytes which a rollback took away.

    To be called where live is about to be recorded as a change, beside the verdict. Costs nothing while nothing was
    rolled back, else a look at the trees of what was left, for the changed files only.
    """
    said = site.vault.marks()
    if not said.rolled_back or live.before is None:
        return ()
    changed = {
        change.path: change.new
        for change in live.changes
        if isinstance(change.new, Entry) and change.kind is not ChangeKind.METADATA
    }
    found: dict[str, Finding] = {}
    folders: dict[str, Rows] = {}
    for id_, tree in _left(site):
        for path, entry in changed.items():
            if path not in found and _held(site, tree, path, folders) == (entry.kind, entry.blob):
                found[path] = Finding(
                    RULE,
                    Severity.WARNING,
                    path,
                    None,
                    None,
                    f"has the same content as {id_}, which was rolled back by {said.rolled_back[id_]}",
                    hint="stop the process that writes it, or roll back again",
                )
    return tuple(found[path] for path in sorted(found))


def _left(site: Site) -> Iterator[tuple[str, str]]:
    """Yield the snapshots that were left, newest first, with their trees. Costs those, however long the history is."""
    left = (site.vault.named(id_) for id_ in site.vault.marks().rolled_back)
    for snapshot in islice((one for one in left if one is not None), MOST_LEFT):
        yield snapshot.id, snapshot.tree


def _held(site: Site, tree: str, path: str, folders: dict[str, Rows]) -> tuple[Kind, str] | None:
    """Return what a snapshot's tree has at `path`, None if no file. Costs a tree for each folder on the way to it."""
    mode, id_ = 0o40000, tree
    for name in path.split("/"):
        if mode != 0o40000:
            return None
        if id_ not in folders:
            rows = gitformat.parse_tree(site.vault.objects.read(id_))
            folders[id_] = {name: (mode, id_) for mode, name, id_ in rows}
        if name not in folders[id_]:
            return None
        mode, id_ = folders[id_][name]
    return None if mode == 0o40000 else (metadata.kind_of(mode), id_)
