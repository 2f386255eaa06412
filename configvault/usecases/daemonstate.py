"""What the daemon says of itself, for `status` and for its own next start.

Two files in the vault's state folder. `daemon.json` is written when something changes and now and then, without a
sync: it is about a process that is gone after a power cut. `schedule.json` must last, and is written seldom:

    daemon.json     {"format": 1, "pid": int, "since": TIME, "last_proof": TIME|null, "watching": "events|polling|no",
                     "degraded": {REASON: MESSAGE}, "last_look": TIME|null, "next": {"backup": TIME, "verify": TIME},
                     "configured": TIME|null, "refused": str|null}
    schedule.json   {"format": 1, "last": {"backup": TIME, "verify": TIME}, "verified": bool|null,
                     "restores": [{"at": TIME, "tree": ID}]}

`configured` is when the configuration was last read again, `refused` why the old one stayed. `last_look` is when the whole root was last compared, `last` when each line of the schedule was last done, `restores` are
the latest automatic ones with the tree that was replaced. Times are ISO 8601 with offset.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import field
from datetime import datetime
from typing import Any

from configvault.core.frozen import frozen
from configvault.disk import durable, lock
from configvault.vault.repository import Vault

FORMAT = 1
LOCK = "daemon.lock"
_DAEMON = "daemon.json"
_SCHEDULE = "schedule.json"


@frozen
class Restore:
    """One automatic restore: when, and the tree of the state it replaced."""

    at: datetime
    tree: str


@frozen
class Schedule:
    """What lasts: when each line was last done, how the last check of the vault ended, the latest restores."""

    last: Mapping[str, datetime] = field(default_factory=dict)
    verified: bool | None = None
    restores: tuple[Restore, ...] = ()


@frozen
class DaemonState:
    """What a daemon that runs says of itself; `degraded` maps a fixed word to a message."""

    pid: int
    since: datetime
    last_proof: datetime | None = None
    watching: str = "no"
    degraded: Mapping[str, str] = field(default_factory=dict)
    last_look: datetime | None = None
    next: Mapping[str, datetime] = field(default_factory=dict)
    configured: datetime | None = None
    refused: str | None = None


def read_state(vault: Vault) -> DaemonState | None:
    """Return what the daemon of `vault` says of itself, None where none runs or it has said nothing yet."""
    holder = lock.holder(vault.state_file(LOCK))
    if holder is None:
        return None
    try:
        said = _read(vault, _DAEMON)
        state = DaemonState(
            said["pid"],
            datetime.fromisoformat(said["since"]),
            _time(said["last_proof"]),
            said["watching"],
            said["degraded"],
            _time(said["last_look"]),
            _times(said["next"]),
            _time(said.get("configured")),
            said.get("refused"),
        )
    except (OSError, ValueError, TypeError, KeyError):
        return None
    # One that was killed may have left its words to its successor.
    return state if state.pid == holder.get("pid") else None


def write_state(vault: Vault, state: DaemonState) -> None:
    """Say `state` from now on."""
    document = {
        "format": FORMAT,
        "pid": state.pid,
        "since": state.since.isoformat(),
        "last_proof": state.last_proof.isoformat() if state.last_proof else None,
        "watching": state.watching,
        "degraded": dict(state.degraded),
        "last_look": state.last_look.isoformat() if state.last_look else None,
        "next": {name: at.isoformat() for name, at in state.next.items()},
        "configured": state.configured.isoformat() if state.configured else None,
        "refused": state.refused,
    }
    durable.write(vault.state_file(_DAEMON), _encode(document), sync=False)


def read_schedule(vault: Vault) -> Schedule:
    """Return what was kept; nothing where there is none, or it cannot be read: then all counts as never done."""
    try:
        said = _read(vault, _SCHEDULE)
        restores = tuple(Restore(datetime.fromisoformat(one["at"]), one["tree"]) for one in said["restores"])
        return Schedule(_times(said["last"]), said["verified"], restores)
    except (OSError, ValueError, TypeError, KeyError):
        return Schedule()


def write_schedule(vault: Vault, schedule: Schedule) -> None:
    """Keep `schedule` on disk."""
    document = {
        "format": FORMAT,
        "last": {name: at.isoformat() for name, at in schedule.last.items()},
        "verified": schedule.verified,
        "restores": [{"at": one.at.isoformat(), "tree": one.tree} for one in schedule.restores],
    }
    durable.write(vault.state_file(_SCHEDULE), _encode(document))


def _read(vault: Vault, name: str) -> dict[str, Any]:
    with open(vault.state_file(name), "rb") as file:
        said = json.load(file)
    if said["format"] != FORMAT:
        raise ValueError("another format")
    return dict(said)


def _encode(document: Mapping[str, Any]) -> bytes:
    return (json.dumps(document, indent=1) + "\n").encode()


def _time(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None


def _times(said: Mapping[str, str]) -> dict[str, datetime]:
    return {name: datetime.fromisoformat(text) for name, text in said.items()}
