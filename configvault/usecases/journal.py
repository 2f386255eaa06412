"""What lasts while the root is being changed: which state it becomes, and what is still to follow.

Written and synced before the first change to the root, removed when nothing is left to do. Whoever takes the lock
and finds one carries it out to the end (see recover.py).
"""

from __future__ import annotations

import json
import os
from dataclasses import asdict
from typing import Any

from configvault.core.errors import IntegrityError
from configvault.core.frozen import frozen
from configvault.disk import durable
from configvault.vault.repository import Vault

FORMAT = 1
_FILE = "journal.json"


@frozen
class Journal:
    """One change of the root, carried out by `restore.restore`.

    `commit` is the state the root becomes: a prepared snapshot to be published, or (`publish` false) a state that
    was kept as it is. `safety` is the id under which live was kept, `left` the snapshots that get marked as rolled
    back, `forgiven` a rollback whose own marks are taken back, `reload` whether the service is told. Until
    `switching`, whatever has one of its temporary names is a half-built part of the target and nobody's loss.
    `any_owner`: what cannot be given to its owner is restored all the same. `confirm`: what is to wait for a
    confirmation afterwards (a document of pending.py).
    """

    token: str
    commit: str
    publish: bool
    trigger: str
    safety: str | None
    left: tuple[str, ...] = ()
    forgiven: str | None = None
    reload: bool = True
    switching: bool = False
    any_owner: bool = False
    confirm: dict[str, Any] | None = None


def write(vault: Vault, journal: Journal) -> None:
    """Put `journal` on disk."""
    document = {"format": FORMAT} | asdict(journal)
    durable.write(vault.state_file(_FILE), (json.dumps(document, indent=1) + "\n").encode())


def read(vault: Vault) -> Journal | None:
    """Return the journal of a change that was cut off, None if there is none.

    Raises:
        IntegrityError: there is one that cannot be read.
    """
    path = vault.state_file(_FILE)
    try:
        with open(path, "rb") as file:
            document = json.load(file)
        if document.pop("format") != FORMAT:
            raise ValueError("another format")
        return Journal(**{**document, "left": tuple(document["left"])})
    except FileNotFoundError:
        return None
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise IntegrityError(
            f"the journal {path} cannot be read: {error}",
            "look at the root and at `configvault status`, then move the file away",
        ) from error


def exists(vault: Vault) -> bool:
    """Return whether a change was cut off, or is going on."""
    return os.path.exists(vault.state_file(_FILE))


def drop(vault: Vault) -> None:
    """Say that the change is complete."""
    durable.remove(vault.state_file(_FILE))
