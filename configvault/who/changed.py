"""Who made a change: whoever was seen writing, else whoever owns what changed, and said to be that."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence

from configvault.core.escapes import one_part
from configvault.core.frozen import frozen
from configvault.core.model import Change
from configvault.core.secrets.redactor import Redactor
from configvault.who import people

MOST_NAMED = 3
_LONGEST_COMMAND = 80
_hide = Redactor(b"").text


@frozen
class Writer:
    """A process that was seen to write: who it ran as, who had logged in (None: nobody), its command line if known."""

    pid: int
    uid: int
    login: int | None
    command: str | None


def blame(changes: Sequence[Change], seen: Callable[[str], Writer | None] | None = None) -> str:
    """Return who made `changes`; `seen` gives the last process that wrote to a path, where that is watched."""
    writers: Counter[Writer] = Counter()
    owners: Counter[int] = Counter()
    gone = 0
    for change in changes:
        writer = seen(change.path) if seen is not None else None
        # Of a process that ended at once only the number is known: then the owner says more.
        if writer is not None and writer.uid >= 0:
            writers[writer] += 1
        elif change.new is not None:
            owners[change.new.uid] += 1
        else:
            gone += 1
    said = [_wrote(writer) for writer, _ in writers.most_common(MOST_NAMED)]
    said += [people.described(uid, "owner of what changed") for uid, _ in owners.most_common(MOST_NAMED)]
    if not said:
        return f"unknown ({'nobody was seen to remove it' if gone else 'nothing tells'})"
    return ", ".join(said[:MOST_NAMED])


def _wrote(writer: Writer) -> str:
    uid = writer.uid if writer.login is None else writer.login
    how = ["seen writing"]
    if writer.login is not None:
        how.append("login" if writer.login == writer.uid else f"login, as {people.name(writer.uid)}")
    if writer.command:
        how.append(one_part(_hide(writer.command)[:_LONGEST_COMMAND]))
    return people.described(uid, *how, f"process {writer.pid}")
