"""Rebuild vault and root from a replica on a machine that lost them, and prove that they equal what was there."""

from __future__ import annotations

from typing import Protocol

from configvault.core import metadata
from configvault.core.errors import ConfigvaultError, IntegrityError
from configvault.core.frozen import frozen, replace
from configvault.core.model import Folder, Snapshot, Trigger
from configvault.usecases import scan, transition
from configvault.usecases.scan import Live
from configvault.usecases.site import Site
from configvault.usecases.transition import Purpose
from configvault.usecases.verify import signed_commits
from configvault.usecases.writing import writing
from configvault.vault import maintenance, signatures
from configvault.vault.git import Git
from configvault.vault.refs import MAIN
from configvault.vault.stage import Stage

# What a recovery records itself above what it fetched: what was there, where that is kept as a snapshot, and itself.
_RECORDED = (Trigger.PRE_ROLLBACK, Trigger.RECOVER)


class RecoverableReplica(Protocol):
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

    def adopt(self) -> None:
        """Go on from what was fetched, which is believed now."""
        ...

    @property
    def noticed(self) -> tuple[str, ...]:
        """Return what there was to see there that is no damage, but worth a look."""
        ...


@frozen
class Recovered:
    """What came of it: the state that is live now, and how much history lies behind it.

    `kept` is the id under which what was in the root is kept, `recorded` the snapshot of the recovery itself, made
    only where what is live now is not the replica's latest snapshot, or something was kept as a snapshot. `no_set_id` is
    what was restored without the set-id bits that are recorded, `noticed` what the replica shows that is worth a look.
    """

    snapshot: Snapshot
    snapshots: int
    rejected: int
    files: int
    kept: str | None = None
    recorded: Snapshot | None = None
    no_set_id: tuple[str, ...] = ()
    noticed: tuple[str, ...] = ()


def recover_host(
    site: Site, source: RecoverableReplica, *, force: bool = False, allow_setid: bool = False
) -> Recovered:
    """Fetch the history of `source` into the vault, and make the root equal to its latest snapshot.

    Args:
        site: a new vault, or one in which this was interrupted; a root that is missing or empty.
        source: where the history is.
        force: restore over what is in the root, after it is kept in the vault.
        allow_setid: give files the set-id bits that the history says they had.

    Raises:
        ConfigvaultError: the vault or the root holds something else, or the replica holds nothing.
        IntegrityError: what was fetched is damaged, or not signed where `signing` is configured; the root is untouched then.
    """
    allowed = site.signers()
    with writing(site), site.vault.stage() as stage:
        live = _scan(site, stage)
        refs = source.held(site.vault.git)
        _check_vault(site, source, refs)
        if live.state.entries and not force and live.tree not in _trees_there(site, refs):
            raise _not_empty(site)
        fresh = site.vault.refs.read(MAIN) is None
        if not _is_above(site, refs[MAIN]):
            source.receive(site.vault.git)
            maintenance.release(site.vault)
            # One file instead of one for each snapshot; with it on disk is what git did not sync: the folders of what it
            # fetched.
            maintenance.pack_refs(site.vault)
        try:
            maintenance.check(site.vault)
            _check_signatures(site, source, refs[MAIN], allowed)
            target = site.vault.at(refs[MAIN])
            _check_state(site, source, target)
        except IntegrityError:
            if fresh:
                # What is not to be believed is not to be this vault's history, nor to be in the way of another replica.
                maintenance.forget(site.vault)
            raise
        done = _restore(site, source, target, stage, allow_setid=allow_setid)
        source.adopt()
        return replace(done, noticed=source.noticed)


def _scan(site: Site, stage: Stage) -> Live:
    """Return live; in a root that is missing or empty there is nothing to keep."""
    live = scan.live(site, stage, whole=False) if site.root.exists() else scan.missing_root(site)
    return live if live.state.entries else replace(live, stage=None)


def _check_vault(site: Site, source: RecoverableReplica, refs: dict[str, str]) -> None:
    if MAIN not in refs:
        raise ConfigvaultError(
            f"replica {source.name} has no snapshots", "look at which hosts it holds: add --list"
        )
    latest = site.vault.latest()
    if latest is not None and latest.commit not in refs.values() and not _is_above(site, refs[MAIN]):
        raise ConfigvaultError(
            f"the vault {site.vault.path} has a different history; its latest snapshot is {latest.id}",
            "move it away, or set another directory as `vault`",
        )


def _check_signatures(site: Site, source: RecoverableReplica, tip: str, allowed: str) -> None:
    """Refuse a history that somebody else may have made; `allowed`: whose signatures count, empty: nobody's are asked for."""
    if not allowed:
        return
    signed, _, bad = signed_commits(site, allowed, list(site.vault.log()))
    # Unsigned ones may be older than the first signature, but the latest is what the root is made of.
    if not bad and not (signed and signatures.is_signed(site.vault, tip)):
        bad = [f"the latest snapshot {site.vault.at(tip).id} is not signed"]
    if bad:
        more = f", and {len(bad) - 1} more" if len(bad) > 1 else ""
        raise IntegrityError(
            f"{source.name} is not trusted: {bad[0]}{more}; nothing was restored",
            "add the public key that signed it to signing.trusted, or recover from another replica",
        )


def _check_state(site: Site, source: RecoverableReplica, target: Snapshot) -> None:
    """Refuse a state that no capture makes: no restore could be proven to equal it."""
    wanted = site.vault.tree(target.tree, most=2 * site.settings.validate.max_files)
    if metadata.snapshot_tree(wanted).id != target.tree:
        raise IntegrityError(
            f"{target.id} of {source.name} contains metadata that contradicts its files; nothing was restored",
            "recover from another replica",
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


def _trees_there(site: Site, refs: dict[str, str]) -> set[str]:
    """Return the trees that an earlier try may have restored: the replica's latest, and what it recorded above."""
    if not site.vault.objects.has(refs[MAIN]):
        return set()
    latest = site.vault.latest() if _is_above(site, refs[MAIN]) else None
    return {site.vault.at(refs[MAIN]).tree} | ({latest.tree} if latest is not None else set())


def _not_empty(site: Site) -> ConfigvaultError:
    return ConfigvaultError(
        f"the root {site.root.path} is not empty",
        "use another directory with --into, or add --force to save its content in the vault first",
    )


def _restore(
    site: Site, source: RecoverableReplica, target: Snapshot, stage: Stage, *, allow_setid: bool
) -> Recovered:
    live = _scan(site, stage)
    wanted = site.vault.tree(target.tree, live.state)
    aimed = transition.aim(site, live, wanted, allow_setid=allow_setid)
    purpose = Purpose(
        Trigger.RECOVER,
        lambda _: f"Recover {target.id} from {source.name}",
        target=target.id,
        # What was there may be a snapshot now, or a name of the target's be ignored: then history goes on.
        unless_latest=True,
        reload=False,
    )
    before = site.vault.latest()
    done = transition.finish(site, transition.begin(site, aimed, purpose), stage, aimed)
    kept = done.journal.safety if live.state.entries and live.tree != target.tree else None
    recorded = done.snapshot or (before if before and before.commit != target.commit else None)
    return replace(_proven(site, target, aimed.state, kept, recorded), no_set_id=aimed.no_set_id)


def _proven(
    site: Site, target: Snapshot, state: Folder, kept: str | None, recorded: Snapshot | None
) -> Recovered:
    """Read the root once more, believing nothing, and compare."""
    seen = site.root.capture(None, None, whole=False, expected=state)
    live = scan.live_of(site, seen, target, state, None)
    if live.tree != metadata.snapshot_tree(state).id:
        raise IntegrityError(
            f"the root {site.root.path} does not equal {target.id} after the restore", "configvault diff latest"
        )
    scan.remember(site, seen)
    files = sum(1 for _ in seen.files())
    snapshots = sum(1 for _ in site.vault.log())
    return Recovered(target, snapshots, len(site.vault.rejected()), files, kept, recorded)
