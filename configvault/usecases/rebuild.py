"""Rebuild vault and root from a replica on a machine that lost them, and prove that they equal what was there."""

from __future__ import annotations

import os
from typing import Protocol

from configvault.core.errors import ConfigvaultError, IntegrityError
from configvault.core.frozen import frozen
from configvault.core.model import Folder, Snapshot, Trigger
from configvault.core.plan import plan
from configvault.disk import durable
from configvault.usecases import journal as journal_
from configvault.usecases import live as live_
from configvault.usecases import restore as restore_
from configvault.usecases import rollback
from configvault.usecases.journal import Journal
from configvault.usecases.live import Live
from configvault.usecases.site import Site
from configvault.usecases.undo import keep_live
from configvault.usecases.writing import writing
from configvault.vault import maintenance
from configvault.vault.git import Git
from configvault.vault.repository import MAIN
from configvault.vault.stage import Stage

# What a recovery records itself above what it fetched: what was there, where that is kept as a snapshot, and itself.
_RECORDED = (Trigger.PRE_ROLLBACK, Trigger.RECOVER)


class Source(Protocol):
    """A replica of one host."""

    @property
    def name(self) -> str:
        """Return its URL without secrets."""
        ...

    def held(self, git: Git) -> dict[str, str]:
        """Return the refs of this host there, by their names in a vault."""
        ...

    def receive(self, git: Git) -> None:
        """Fetch everything of this host into a vault."""
        ...


@frozen
class Rebuilt:
    """What came of it: the state that is live now, and how much history lies behind it.

    `kept` is the id under which what was in the root is kept, `recorded` the snapshot of the recovery itself, made
    only where something was kept as a snapshot.
    """

    snapshot: Snapshot
    snapshots: int
    rejected: int
    files: int
    kept: str | None = None
    recorded: Snapshot | None = None


def rebuild(site: Site, source: Source, *, force: bool = False) -> Rebuilt:
    """Fetch the history of `source` into the vault, and make the root equal to its latest snapshot.

    Args:
        site: a new vault, or one in which this was cut off; a root that is missing or empty.
        source: where the history is.
        force: restore over what is in the root, after it is kept in the vault.

    Raises:
        ConfigvaultError: the vault or the root holds something else, or the replica holds nothing.
        IntegrityError: what was fetched is damaged.
    """
    with writing(site), site.vault.stage() as stage:
        live = _look(site, stage)
        refs = source.held(site.vault.git)
        _check_vault(site, source, refs)
        if live.state.entries and not force and live.tree != _tree_there(site, refs):
            raise _not_empty(site)
        if not _is_above(site, refs[MAIN]):
            source.receive(site.vault.git)
            maintenance.release(site.vault)
            # git syncs what it fetched, but not the folders that name it.
            durable.sync_file_system(site.vault.path)
        maintenance.check(site.vault)
        return _restore(site, source, site.vault.at(refs[MAIN]), stage)


def _look(site: Site, stage: Stage) -> Live:
    if site.root.exists():
        return live_.look(site, stage)
    return live_.of(site, Folder(0o755, os.geteuid(), os.getegid(), {}), None, None, None)


def _check_vault(site: Site, source: Source, refs: dict[str, str]) -> None:
    if MAIN not in refs:
        raise ConfigvaultError(
            f"replica {source.name} holds no snapshot", "configvault recover --list --from URL"
        )
    latest = site.vault.latest()
    if latest is not None and latest.commit not in refs.values() and not _is_above(site, refs[MAIN]):
        raise ConfigvaultError(
            f"the vault {site.vault.path} holds another history, its latest snapshot is {latest.id}",
            "move it away, or name another directory as `vault`",
        )


def _is_above(site: Site, tip: str) -> bool:
    """Return whether the vault has gone on from `tip` by what an earlier try recorded, and by nothing else."""
    commit = site.vault.refs.read(MAIN)
    for _ in _RECORDED:
        if commit is None or commit == tip or site.vault.at(commit).trigger not in _RECORDED:
            return False
        commit = site.vault.parent_of(commit)
        if commit == tip:
            return True
    return False


def _tree_there(site: Site, refs: dict[str, str]) -> str | None:
    """Return the tree of the replica's latest snapshot, where an earlier try has fetched it already."""
    commit = refs[MAIN]
    return site.vault.at(commit).tree if site.vault.objects.has(commit) else None


def _not_empty(site: Site) -> ConfigvaultError:
    return ConfigvaultError(
        f"the root {site.root.path} is not empty",
        "name another directory with --into, or add --force: then what is there is kept in the vault first",
    )


def _restore(site: Site, source: Source, target: Snapshot, stage: Stage) -> Rebuilt:
    state = site.vault.tree(target.tree)
    live = _look(site, stage)
    kept = None
    rollback.check_owners(plan(live.seen, state))
    if live.state.entries and live.tree != target.tree:
        kept = keep_live(site, live)
    journal = Journal(restore_.new_token(), target.commit, False, Trigger.RECOVER, kept, reload=False)
    latest = site.vault.latest()
    if latest is not None and latest.tree != target.tree:
        # It was a valid state, so it is a snapshot now: history goes on from it to what is restored.
        note = site.note(Trigger.RECOVER, f"Recover {target.id} from {source.name}", None, target.id)
        prepared = site.vault.prepare(state, live.state, stage, note)
        journal = Journal(journal.token, prepared.commit, True, Trigger.RECOVER, kept, reload=False)
    seen = live.seen if site.root.exists() else None
    restored = restore_.restore(site, journal, seen, state, stage)
    journal_.drop(site.vault)
    recorded = restored.snapshot or (latest if latest and latest.commit != target.commit else None)
    return _proven(site, target, kept, recorded)


def _proven(site: Site, target: Snapshot, kept: str | None, recorded: Snapshot | None) -> Rebuilt:
    """Read the root once more, believing nothing, and compare."""
    seen = site.root.capture(None, None)
    live = live_.of(site, seen, target, site.vault.tree(target.tree), None)
    if live.tree != target.tree:
        raise IntegrityError(
            f"the root {site.root.path} does not equal {target.id} after all", "configvault diff latest"
        )
    live_.remember(site, seen)
    files = sum(1 for _ in seen.files())
    snapshots = sum(1 for _ in site.vault.log())
    return Rebuilt(target, snapshots, len(site.vault.rejected()), files, kept, recorded)
