"""Every file that lies beside the repository, in `VAULT/configvault/`: its name, its form, and what it holds.

Nobody else opens them. A reader needs no lock; a writer holds the vault's, except where one process alone writes a file.

    format          the marker of a whole vault
    lock            who holds the write lock (disk/lock.py)
    daemon.lock     which daemon lives
    redaction-key   what the marks of hidden secrets are made with; it never leaves the vault
    journal.json    a change of the root that is not complete: written and synced before the first change to the root
    pending.json    the last rollback that waited for its confirmation, and how it ended
    schedule.json   when the schedule's lines were last done, and the latest automatic restores
    daemon.json     what a running daemon says of itself; not synced, for it is about a process
    stat-cache.json the stamps of the state recorded last (vault/statcache.py); a cache
    verdicts        the folders in which nothing was found (vault/verdicts.py); a cache
    settings        what the configuration says, as it was last read (config/kept.py); a cache
    cutting         history is being cut off (vault/shallow.py)
    vault-id        the name of this vault in replicas
    protects        the path of the root that this vault protects
    noted-refs      what refs there were after the last change of any: what is lost can be noticed by it
    allowed-signers whose signatures count, for git
    outcomes        what commands did, for the daemon to log and count (vault/outcomes.py); bounded
    source.json     what the source offers, and what of it was deployed, refused or is held (usecases/pull.py)
    source-asked.json how asking the source went, and when
    source.lock     who pulls from it
    replica-*       what is known of each replica (usecases/replicate.py)
    store-*         what is known of each replica that is an object store (replica/store/)
    drill           where a drill recovers to; a folder (usecases/drill.py)
    drill.lock      who drills
    incoming-*      what is fetched from a store, before it is checked; a folder (replica/store/)
    outgoing-*      the bundle that is sent to a store; a folder
    compared-*      what a drill compares; a folder
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, Generic, TypeVar

from configvault.core.errors import IntegrityError
from configvault.core.frozen import as_dict, field, frozen, replace
from configvault.core.stores import StoreState
from configvault.disk import durable

T = TypeVar("T")
FORMAT = 1
# What reading text of another making may raise.
_MALFORMED = (ValueError, TypeError, KeyError, AttributeError)


@frozen
class StateFile(Generic[T]):
    """One file with one kind of value in it.

    `remedy` is what to do where it cannot be read; None: an unreadable one counts as none, for it is only a help.
    `sync`: whether it must outlast a power cut.
    """

    name: str
    encode: Callable[[T], bytes]
    decode: Callable[[bytes], T]
    remedy: str | None = None
    sync: bool = True

    def path(self, state: str) -> str:
        """Return where it is in the state folder `state` of a vault."""
        return os.path.join(state, self.name)

    def read(self, state: str) -> T | None:
        """Return what it holds, None where there is no such file.

        Raises:
            IntegrityError: it cannot be read, and it matters.
        """
        path = self.path(state)
        try:
            with open(path, "rb") as file:
                body = file.read()
            return self.decode(body)
        except FileNotFoundError:
            return None
        except (OSError, *_MALFORMED) as error:
            if self.remedy is None:
                return None
            if isinstance(error, OSError):
                raise
            raise IntegrityError(f"{path} cannot be read: {error}", self.remedy) from error

    def write(self, state: str, value: T) -> None:
        """Replace what it holds; when this returns it is on disk, if it is to last."""
        durable.write(self.path(state), self.encode(value), sync=self.sync)

    def remove(self, state: str) -> None:
        """Remove it, if it is there, so that it stays removed."""
        durable.remove(self.path(state))

    def exists(self, state: str) -> bool:
        """Return whether it is there."""
        return os.path.exists(self.path(state))


LOCK = "lock"
DAEMON_LOCK = "daemon.lock"
STAT_CACHE = "stat-cache.json"
VERDICTS = "verdicts"
SETTINGS = "settings"
ALLOWED_SIGNERS = "allowed-signers"
DRILL = "drill"
DRILL_LOCK = "drill.lock"

REDACTION_KEY: StateFile[bytes] = StateFile(
    "redaction-key", bytes, bytes, "restore it from a copy of the vault, or move it away"
)
VAULT_ID: StateFile[str] = StateFile("vault-id", str.encode, lambda body: body.decode("ascii"))
ROOT: StateFile[str] = StateFile("protects", os.fsencode, os.fsdecode)


@frozen
class Tip:
    """What refs there were: the commit of main (None: nothing was recorded yet), and the number of tags.

    Written after the refs, and not synced: after a power cut it may be older than they are, and never newer.
    """

    main: str | None = None
    tags: int = 0


def _tip(body: bytes) -> Tip:
    main, tags = body.decode("ascii").split()
    return Tip(None if main == "none" else main, int(tags))


TIP: StateFile[Tip] = StateFile(
    "noted-refs",
    lambda tip: f"{tip.main or 'none'} {tip.tags}\n".encode(),
    _tip,
    sync=False,
)


def path(state: str, name: str) -> str:
    """Return where one of the files that another module reads and writes is, in the state folder `state`."""
    return os.path.join(state, name)


# --- documents


def _encode(document: Mapping[str, Any]) -> bytes:
    return (json.dumps({"format": FORMAT, **document}, indent=1, default=_plain) + "\n").encode()


def _plain(value: object) -> object:
    if isinstance(value, datetime):
        return value.isoformat()
    raise TypeError(f"{type(value).__name__} has no form on disk")


def _decode(body: bytes) -> dict[str, Any]:
    document = dict(json.loads(body))
    if document.pop("format") != FORMAT:
        raise ValueError("another format")
    return document


def _time(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None


def _times(texts: Mapping[str, str]) -> dict[str, datetime]:
    return {name: datetime.fromisoformat(text) for name, text in texts.items()}


# --- a rollback that waits for its confirmation

CONFIRMED = "confirmed"
UNDONE = "undone"


@frozen
class Pending:
    """A rollback that waits for its confirmation, or how it ended.

    `within_s` is how long it waits from when the service had loaded it, `safety` the id of what was live before,
    `recorded` the id of the rollback's own snapshot, and once it was undone of what recorded that. `ended` is None
    while it waits.
    """

    token: str
    until: datetime
    within_s: float
    asked_by: str
    target: str
    safety: str
    recorded: str | None = None
    any_owner: bool = False
    allow_setid: bool = False
    ended: str | None = None


def _pending(document: Mapping[str, Any]) -> Pending:
    fields = {name: value for name, value in document.items() if name != "format"}
    return Pending(**{**fields, "until": datetime.fromisoformat(fields["until"])})


PENDING: StateFile[Pending] = StateFile(
    "pending.json",
    lambda pending: _encode(as_dict(pending)),
    lambda body: _pending(_decode(body)),
    "look at `configvault list`, then move the file away",
)


def end_pending(state: str, how: str, recorded: str | None) -> None:
    """Say how the rollback that waits ended; nothing if none waits."""
    found = PENDING.read(state)
    if found is not None and found.ended is None:
        PENDING.write(state, replace(found, ended=how, recorded=recorded))


# --- a change of the root


@frozen
class Journal:
    """A change of the root that has begun; `usecases/transition.py` carries it out.

    `commit` is the state that the root becomes: a prepared snapshot to be published, or (`publish` false) a state that
    is kept as it is. `safety` is the id under which live was kept, `left` the snapshots that get marked as rolled
    back, `forgiven` a rollback whose own marks are taken back, `reload` whether the service is told, `undo` whether
    the root goes back to `safety` where the service does not take it. Until `switching`, whatever has one of its
    temporary names is a half-built part of the target and nobody's loss. `any_owner`: what cannot be given to its
    owner is restored all the same. `allow_setid`: files get their set-id bits. `confirm`: what waits for a confirmation afterwards.
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
    allow_setid: bool = False
    confirm: Pending | None = None
    undo: bool = False


def _journal(body: bytes) -> Journal:
    document = _decode(body)
    confirm = document.pop("confirm")
    waits = _pending(confirm) if confirm is not None else None
    return Journal(**{**document, "left": tuple(document["left"]), "confirm": waits})


JOURNAL: StateFile[Journal] = StateFile(
    "journal.json",
    lambda journal: _encode(as_dict(journal)),
    _journal,
    "look at the root and at `configvault status`, then move the file away",
)


def pending(state: str) -> Pending | None:
    """Return the rollback that waits for its confirmation, None if there is none.

    While the root is being changed it stands in the journal, so that not even a crash then loses it.
    """
    journal = JOURNAL.read(state)
    if journal is not None and journal.confirm is not None:
        return journal.confirm
    found = PENDING.read(state)
    return found if found is not None and found.ended is None else None


# --- the daemon


@frozen
class Restore:
    """One automatic restore: when, and the tree of the state it replaced."""

    at: datetime
    tree: str


@frozen
class Schedule:
    """What lasts: when each line was last done, how the last check of the vault and the last drill ended, the latest restores."""

    last: Mapping[str, datetime] = field(default_factory=dict)
    verified: bool | None = None
    restores: tuple[Restore, ...] = ()
    drilled: bool | None = None
    drill_failure: str | None = None


def _schedule(body: bytes) -> Schedule:
    document = _decode(body)
    restores = (Restore(datetime.fromisoformat(one["at"]), one["tree"]) for one in document["restores"])
    return Schedule(
        _times(document["last"]),
        document["verified"],
        tuple(restores),
        # Vaults of before know of no drill.
        document.get("drilled"),
        document.get("drill_failure"),
    )


SCHEDULE: StateFile[Schedule] = StateFile(
    "schedule.json", lambda schedule: _encode(as_dict(schedule)), _schedule
)


@frozen
class DaemonState:
    """What a daemon that runs says of itself; `degraded` maps a fixed word to a message.

    `last_look` is when the whole root was last compared, `configured` when the configuration was last read again,
    `refused` why the old one stayed.
    """

    pid: int
    since: datetime
    last_proof: datetime | None = None
    watching: str = "no"
    degraded: Mapping[str, str] = field(default_factory=dict)
    last_look: datetime | None = None
    next: Mapping[str, datetime] = field(default_factory=dict)
    configured: datetime | None = None
    refused: str | None = None


def _daemon(body: bytes) -> DaemonState:
    document = _decode(body)
    times = {name: _time(document.get(name)) for name in ("last_proof", "last_look", "configured")}
    since = datetime.fromisoformat(document["since"])
    return DaemonState(**{**document, **times, "since": since, "next": _times(document["next"])})


DAEMON: StateFile[DaemonState] = StateFile(
    "daemon.json", lambda state: _encode(as_dict(state)), _daemon, sync=False
)


# --- the source


@frozen
class SourceState:
    """What is known of the source: the commit it offers, the one deployed last, its snapshot and that one's tree.

    `refused` is a commit that was refused (or undone), kept as `rejected`; `held` is why what is offered is not
    deployed, `why` the same in words. `drift` says that live is not what was deployed, and what it is. `attempt` is a
    commit whose deployment has begun.
    """

    url: str
    ref: str
    offered: str = ""
    deployed: str | None = None
    snapshot: str | None = None
    tree: str | None = None
    refused: str | None = None
    rejected: str | None = None
    held: str | None = None
    why: str | None = None
    drift: str | None = None
    attempt: str | None = None


def _source(body: bytes) -> SourceState:
    document = _decode(body)
    # An older version kept the time here.
    document.pop("seen_at", None)
    return SourceState(**document)


SOURCE: StateFile[SourceState] = StateFile("source.json", lambda state: _encode(as_dict(state)), _source)
SOURCE_LOCK = "source.lock"


@frozen
class SourceAsked:
    """When the source answered last, since when and how often it has not (0: it did), and why."""

    url: str
    answered_at: datetime | None = None
    failing_since: datetime | None = None
    failures: int = 0
    why: str | None = None


def _asked(body: bytes) -> SourceAsked:
    document = _decode(body)
    times = {name: _time(document[name]) for name in ("answered_at", "failing_since")}
    return SourceAsked(**{**document, **times})


# Written at each question, so it is not synced: what it holds is known again after the next one.
SOURCE_ASKED: StateFile[SourceAsked] = StateFile(
    "source-asked.json", lambda asked: _encode(as_dict(asked)), _asked, sync=False
)


# --- replicas


@frozen
class ReplicaState:
    """What is known of a replica; `refs` stands for all refs of the vault as they were pushed last."""

    url: str
    tip: str | None = None
    refs: str | None = None
    pushed_at: str | None = None
    failing_since: str | None = None
    failures: int = 0
    why: str | None = None
    words: str | None = None
    hint: str | None = None


def replica(key: str) -> StateFile[ReplicaState]:
    """Return the file of one replica: a cache of what the replica knows itself; the next push finds it out again."""
    return StateFile(
        f"replica-{key}.json",
        lambda state: (json.dumps(as_dict(state), indent=1) + "\n").encode(),
        lambda body: ReplicaState(**json.loads(body)),
    )


def _store(document: Mapping[str, Any]) -> StoreState:
    following = document["following"]
    return StoreState(**{**document, "following": _store(following) if following is not None else None})


def store(key: str) -> StateFile[StoreState]:
    """Return the file of one store: a cache, without which the next push is a full one."""
    return StateFile(
        f"store-{key}.json", lambda state: _encode(as_dict(state)), lambda body: _store(_decode(body))
    )


def replica_lock(key: str) -> str:
    """Return the name of the lock that one push to a replica holds."""
    return f"replica-{key}.lock"
