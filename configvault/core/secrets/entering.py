"""Say once that a secret enters the history: it stays there, in every copy of the vault, whatever comes later."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from itertools import islice

from configvault.core.model import Change, Entry, Finding, Folder, Kind, Severity
from configvault.core.secrets.redactor import Redactor
from configvault.core.secrets.values import MARK

RULE = "new-secret"
MOST_REPORTED = 10
# Nobody writes secrets by the megabyte, and looking costs a little for each line.
LARGEST_BYTES = 1 << 20

Read = Callable[[str], bytes]


def new_secrets(changes: Iterable[Change], read: Read, redactor: Redactor) -> tuple[Finding, ...]:
    """Return a warning for each line that holds a secret which none of the changed files held before.

    Args:
        changes: what is about to be recorded.
        read: gives the bytes of a blob of either side.
        redactor: hides a secret behind a mark of its own; without a key all marks are alike, and nothing is said.
    """
    changed = tuple(changes)
    now = [(one, list(_marks(one.new, read, redactor))) for one in changed]
    if not any(marks for _, marks in now):
        return ()
    known = {mark for one in changed for _, mark in _marks(one.old, read, redactor)}
    found = (
        Finding(
            RULE,
            Severity.WARNING,
            one.path,
            line,
            None,
            f"a secret is recorded in the history here ({mark})",
            hint="it remains in every copy of the vault: keep them private, and change the secret if a copy is lost",
        )
        for one, marks in now
        for line, mark in _once(marks, known)
    )
    return tuple(islice(found, MOST_REPORTED))


def _once(marks: Iterable[tuple[int, str]], known: set[str]) -> Iterator[tuple[int, str]]:
    for line, mark in marks:
        if mark not in known:
            known.add(mark)
            yield line, mark


def _marks(entry: Entry | Folder | None, read: Read, redactor: Redactor) -> Iterator[tuple[int, str]]:
    """Yield the line and the mark of each secret in a file that can be shown."""
    if not isinstance(entry, Entry) or entry.kind is not Kind.FILE or entry.size > LARGEST_BYTES:
        return
    body = read(entry.blob)
    if b"\0" in body:
        return
    text = body.decode("utf-8", "replace")
    hidden = redactor.text(text)
    if hidden is text:
        return
    for number, line in enumerate(hidden.split("\n"), start=1):
        yield from ((number, match[0]) for match in MARK.finditer(line) if "#" in match[0])
