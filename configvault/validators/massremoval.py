"""Whether more vanished since the latest snapshot than anybody takes away on purpose."""

from __future__ import annotations

from collections.abc import Iterator, Sized

from configvault.core import compare
from configvault.core.model import Change, Entry, Folder
from configvault.validators.violations import Violation

RULE = "mass-removal"
HINT = "restore them with: configvault rollback latest; if this is intended, record it with: configvault snapshot --force"


def check(now: Folder, before: Folder | None) -> Iterator[Violation]:
    """Yield the fault that more than half of the files of `before` are gone or emptied; what only moved is not gone."""
    if before is None or not any(map(_goes, compare.changes(before, now))):
        return
    were = dict(_named(before))
    here = dict(_named(now))
    blobs = {entry.blob for entry in here.values()}
    gone = [path for path, entry in were.items() if path not in here and entry.blob not in blobs]
    if len(gone) * 2 > len(were):
        yield Violation(
            RULE, None, None, f"{_how_many(gone, were)} files of the latest snapshot are gone", HINT
        )
        return
    held = [path for path, entry in were.items() if entry.size]
    emptied = [path for path in held if path in gone or (path in here and not here[path].size)]
    if len(emptied) * 2 > len(held):
        yield Violation(
            RULE, None, None, f"{_how_many(emptied, held)} files of the latest snapshot are empty or gone", HINT
        )


def _how_many(some: Sized, of_all: Sized) -> str:
    return f"all {len(of_all)}" if len(some) == len(of_all) else f"{len(some)} of the {len(of_all)}"


def _goes(change: Change) -> bool:
    old, new = change.old, change.new
    return isinstance(old, Entry) and (not isinstance(new, Entry) or (old.size > 0 and not new.size))


def plugins_gone(count_before: int | None, count_now: int | None) -> Iterator[Violation]:
    """Yield what follows from the numbers of live plugins, None where one is not known."""
    if not count_before or count_now is None or count_now >= count_before:
        return
    if count_now == 0:
        yield Violation(RULE, None, None, f"all {count_before} plugins of the latest snapshot are gone", HINT)
        return
    message = f"{count_now} plugins where the latest snapshot has {count_before}"
    yield Violation("fewer-plugins", None, None, message, "if this was not intended: configvault diff")


def _named(tree: Folder) -> Iterator[tuple[str, Entry]]:
    """Yield the files that have a name of their own; a ConfigMap's `..2026_01_01` folders change theirs."""
    for path, entry in tree.files():
        if not any(part.startswith("..") for part in path.split("/")):
            yield path, entry
