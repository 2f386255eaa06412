"""What is on disk of a rollback that waits for its confirmation (see pending.py for what is done about it).

    pending.json    {"format": 1, "token", "until": TIME, "within_s", "asked_by", "target", "safety", "recorded": id|null,
                     "any_owner": bool, "ended": null|"confirmed"|"undone"}

It stays after the end, so that whoever waits can tell how it ended. While the root is being changed the same document
is in the journal, so that not even a crash then loses it.
"""

from __future__ import annotations

import json
from dataclasses import asdict, replace
from datetime import datetime
from typing import Any

from configvault.core.errors import IntegrityError
from configvault.core.frozen import frozen
from configvault.disk import durable
from configvault.usecases import journal as journal_
from configvault.vault.repository import Vault

FORMAT = 1
CONFIRMED = "confirmed"
UNDONE = "undone"
_FILE = "pending.json"


@frozen
class Pending:
    """A rollback that waits, or how it ended.

    `within_s` is how long it waits from when the service had loaded it, `safety` the id of what was live before,
    `recorded` the id of the rollback's own snapshot, and once it was undone of what recorded that.
    """

    token: str
    until: datetime
    within_s: float
    asked_by: str
    target: str
    safety: str
    recorded: str | None = None
    any_owner: bool = False
    ended: str | None = None

    def document(self) -> dict[str, Any]:
        """Return it as it stands on disk."""
        return {"format": FORMAT} | asdict(self) | {"until": self.until.isoformat()}


def parse(document: dict[str, Any]) -> Pending:
    """Read a document back; raises ValueError, TypeError or KeyError where it is none."""
    fields = dict(document)
    if fields.pop("format") != FORMAT:
        raise ValueError("another format")
    return Pending(**{**fields, "until": datetime.fromisoformat(fields["until"])})


def read(vault: Vault) -> Pending | None:
    """Return the rollback that waits for its confirmation, None if there is none; needs no lock."""
    journal = journal_.read(vault)
    if journal is not None and journal.confirm is not None:
        return parse(journal.confirm)
    found = last(vault)
    return found if found is not None and found.ended is None else None


def last(vault: Vault) -> Pending | None:
    """Return the rollback that waited last, ended or not.

    Raises:
        IntegrityError: the file cannot be read.
    """
    path = vault.state_file(_FILE)
    try:
        with open(path, "rb") as file:
            return parse(json.load(file))
    except FileNotFoundError:
        return None
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise IntegrityError(
            f"{path} cannot be read: {error}", "look at `configvault list`, then move the file away"
        ) from error


def write(vault: Vault, pending: Pending) -> None:
    """Put `pending` on disk."""
    durable.write(vault.state_file(_FILE), (json.dumps(pending.document(), indent=1) + "\n").encode())


def end(vault: Vault, how: str, recorded: str | None) -> None:
    """Say how the waiting rollback ended; nothing if none waits."""
    found = last(vault)
    if found is not None and found.ended is None:
        write(vault, replace(found, ended=how, recorded=recorded))
