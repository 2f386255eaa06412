"""Send the vault to its replicas, and know how far each is behind. Never forced; the root and the lock untouched.

What is known of a replica lasts in a small file of its own, so that every command can say how it stands.
"""

from __future__ import annotations

import json
import secrets
import threading
from collections.abc import Iterator
from datetime import datetime

from configvault.core import backoff, gitformat
from configvault.core.errors import BusyError, ConfigvaultError, IntegrityError
from configvault.core.frozen import frozen, replace
from configvault.core.replicas import PASSING, TAGS, VAULTS, ReplicaStatus, Trouble, Why
from configvault.disk import lock
from configvault.usecases.site import Remote, Site
from configvault.vault import statefiles
from configvault.vault.objects import from_bytes
from configvault.vault.refs import MAIN
from configvault.vault.statefiles import VAULT_ID, ReplicaState

ATTEMPTS = 4
FIRST_PAUSE_S = 1.0
# Counting stops here: a lag beyond it is as bad as any.
_MOST_BEHIND = 100_000


def replicate(
    site: Site, stop: threading.Event | None = None, *, pause_s: float = FIRST_PAUSE_S
) -> tuple[ReplicaStatus, ...]:
    """Push to every replica now, again where another try may help, and return how each stands."""
    idle = stop or threading.Event()
    for remote in site.remotes():
        for _ in backoff.attempts(ATTEMPTS, pause_s, idle.wait):
            trouble = push(site, remote, stop).trouble
            if trouble is None or trouble.why not in PASSING:
                break
    return standing(site)


def push(site: Site, remote: Remote, stop: threading.Event | None = None) -> ReplicaStatus:
    """Push to one replica once, remember what came of it, and return how it stands."""
    sign(site)
    try:
        with lock.hold(_lock(site, remote), site.command, site.wait_s):
            # What is pushed is at least this; a snapshot taken meanwhile only makes it more.
            tip, refs = site.vault.refs.read(MAIN), fingerprint(site)
            trouble = _explained(site, remote, remote.push(site.vault.git, stop))
            _remember(site, remote, tip, refs, trouble)
    except BusyError as error:
        found = status(site, remote)
        return replace(found, trouble=found.trouble or Trouble(Why.BUSY, error.message, error.hint))
    return status(site, remote)


@frozen
class Shown:
    """What one replica shows: `damages` says what is not as this host stored it, `trouble` why it could not be asked."""

    url: str
    words: str = ""
    warnings: tuple[str, ...] = ()
    damages: tuple[str, ...] = ()
    trouble: str | None = None


def examine(site: Site) -> tuple[Shown, ...]:
    """Ask every replica what it holds, and compare; no history is fetched, nothing is changed."""
    return tuple(_shown(site, remote) for remote in site.remotes())


def _shown(site: Site, remote: Remote) -> Shown:
    try:
        found = remote.examine(site.vault.git)
    except IntegrityError as error:
        damages: tuple[str, ...] = getattr(error, "damages", (error.message,))
        return Shown(remote.name, damages=damages)
    except ConfigvaultError as error:
        return Shown(remote.name, trouble=error.message)
    if found.main is not None and not _is_ours(site, found.main):
        said = f"its latest snapshot is commit {found.main}, which is not in this vault's history"
        return Shown(remote.name, found.words, found.warnings, (said,))
    return Shown(remote.name, found.words, found.warnings)


def _is_ours(site: Site, commit: str) -> bool:
    asked = site.vault.git.result(["merge-base", "--is-ancestor", commit, MAIN], ok=range(-255, 256))
    return asked.returncode == 0


def standing(site: Site) -> tuple[ReplicaStatus, ...]:
    """Return how each replica stands, from what is known here; nobody is asked."""
    return tuple(status(site, remote) for remote in site.remotes())


def fingerprint(site: Site) -> str:
    """Return what changes whenever any ref of the vault does."""
    return site.vault.refs.fingerprint()


def sign(site: Site) -> None:
    """Give the vault a name of its own, once, by which two that push to one place are told apart."""
    if not _is_signed(site):
        with lock.hold(statefiles.path(site.vault.state, statefiles.LOCK), site.command, site.wait_s):
            if not _is_signed(site):
                _sign(site)


def _is_signed(site: Site) -> bool:
    name = VAULT_ID.read(site.vault.state)
    return name is not None and site.vault.refs.read(VAULTS + name) is not None


def _sign(site: Site) -> None:
    name = f"{site.machine() or 'unknown'}/{secrets.token_hex(8)}"
    said = json.dumps({"machine": site.machine(), "root": site.settings.root}, sort_keys=True)
    blob = gitformat.make("blob", said.encode() + b"\n")
    site.vault.objects.write([from_bytes("blob", blob.id, blob.body)])
    site.vault.refs.write(VAULTS + name, blob.id)
    VAULT_ID.write(site.vault.state, name)


def _explained(site: Site, remote: Remote, trouble: Trouble | None) -> Trouble | None:
    """Say of a replica with another history which one: ahead of this vault, or somebody else's."""
    if trouble is None or trouble.why is not Why.AHEAD:
        return trouble
    try:
        refs = remote.held(site.vault.git)
    except ConfigvaultError:
        return replace(trouble, why=Why.DIVERGED)
    return explain(site, refs) or replace(trouble, why=Why.DIVERGED)


def explain(site: Site, refs: dict[str, str]) -> Trouble | None:
    """Return what the refs of a replica that did not take a push say about why, None if nothing."""
    theirs = {ref for ref in refs if ref.startswith(VAULTS)}
    others = sorted(ref.removeprefix(VAULTS) for ref in theirs - set(site.vault.refs.below(VAULTS)))
    latest = site.vault.latest()
    if others:
        who = " and ".join(name.partition("/")[0] for name in others[:3])
        return Trouble(
            Why.DIVERGED,
            f"another vault pushes to it under the name {site.host}, from {who}",
            "set a different `host` in the configuration of each host, and use a new repository for this one",
        )
    if latest is not None and refs.get(TAGS + latest.id) == latest.commit:
        return Trouble(
            Why.AHEAD,
            "it is ahead: it has snapshots that this vault does not have",
            "if this vault was restored from an older copy, move it away and recover: configvault recover --help",
        )
    return None


def _remember(site: Site, remote: Remote, tip: str | None, refs: str, trouble: Trouble | None) -> None:
    now, known = site.now().isoformat(timespec="seconds"), _known(site, remote)
    if trouble is None:
        known = ReplicaState(remote.name, tip, refs, now)
    elif trouble.why is not Why.STOPPED:
        known = replace(
            known,
            failing_since=known.failing_since or now,
            failures=known.failures + 1,
            why=trouble.why.value,
            words=trouble.words,
            hint=trouble.hint,
        )
    statefiles.replica(remote.key).write(site.vault.state, known)


def _known(site: Site, remote: Remote) -> ReplicaState:
    known = statefiles.replica(remote.key).read(site.vault.state)
    return replace(known, url=remote.name) if known is not None else ReplicaState(remote.name)


def status(site: Site, remote: Remote) -> ReplicaStatus:
    """Return how one replica stands, from what is known here."""
    known = _known(site, remote)
    missing = list(_missing(site, known.tip))
    now = site.now()
    oldest = site.vault.at(missing[-1]).taken_at if missing else now
    return ReplicaStatus(
        url=remote.name,
        reached=known.tip,
        pushed_at=_moment(known.pushed_at),
        behind=len(missing),
        lag_s=max((now - oldest).total_seconds(), 0.0),
        current=known.refs == fingerprint(site),
        trouble=Trouble(Why(known.why), known.words or "", known.hint) if known.why else None,
        failing_since=_moment(known.failing_since),
        failures=known.failures,
    )


def _missing(site: Site, reached: str | None) -> Iterator[str]:
    """Yield the commits of main that the replica does not have, newest first."""
    commit = site.vault.refs.read(MAIN)
    for _ in range(_MOST_BEHIND):
        if commit is None or commit == reached:
            return
        yield commit
        commit = site.vault.parent_of(commit)


def _moment(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None


def _lock(site: Site, remote: Remote) -> str:
    return statefiles.path(site.vault.state, statefiles.replica_lock(remote.key))
