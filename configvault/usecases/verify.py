"""Prove that the vault is intact: every object and ref, the chain of snapshots, their tags and signatures.

If asked for, also that snapshots restore to what they recorded. All damage is named, not only the first.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Iterator, Sequence

from configvault.core import metadata
from configvault.core.errors import ConfigvaultError, IntegrityError
from configvault.core.frozen import frozen
from configvault.core.model import Folder, Snapshot, State
from configvault.root.capture import Root
from configvault.root.names import Names
from configvault.usecases import export
from configvault.usecases.site import Site
from configvault.vault import maintenance, messages, signatures
from configvault.vault.marks import REF as MARKS
from configvault.vault.refs import MAIN, REJECTED, TAGS

RESTORED = 10
# Of the pinned ones only the newest: each costs a restore of everything.
MOST_PINNED = 20
_HINT = "restore the vault from a replica or a copy: configvault recover --help"


class DamagedError(IntegrityError):
    """The vault is damaged; `damages` says where, one line each."""

    def __init__(self, damages: Sequence[str]) -> None:
        """Keep the `damages`, of which there is at least one."""
        more = f" and {len(damages) - 1} more" if len(damages) > 1 else ""
        super().__init__(f"the vault is damaged: {damages[0]}{more}", _HINT)
        self.damages = tuple(damages)


@frozen
class Verified:
    """How much was proven; `now_rejected` are restored snapshots that today's rules would not take.

    `passed_over` is how many older pinned ones were not restored.
    """

    snapshots: int
    rejected: int
    signed: int = 0
    unsigned: int = 0
    restored: tuple[str, ...] = ()
    now_rejected: tuple[str, ...] = ()
    passed_over: int = 0


def verify(site: Site, allowed: str = "", *, restore: bool = False) -> Verified:
    """Check everything.

    Args:
        site: whose vault.
        allowed: the file of allowed signers; empty: signatures are not asked about.
        restore: restore the newest snapshots, the newest good one and the newest pinned ones, too, and validate them.

    Raises:
        DamagedError: it names all that is damaged.
    """
    damages: list[str] = []
    site.vault.require_refs(every=True)
    _gather(damages, lambda: maintenance.check(site.vault))
    snapshots: list[Snapshot] = []
    _gather(damages, lambda: snapshots.extend(site.vault.log()))
    _gather(damages, lambda: damages.extend(_chain(site)))
    rejected: list[object] = []
    _gather(damages, lambda: rejected.extend(site.vault.rejected()))
    signed = unsigned = 0
    if allowed and not damages:
        signed, unsigned, bad = signed_commits(site, allowed, snapshots)
        damages += bad
    restored, now_rejected = _restore(site, snapshots, damages) if restore and not damages else ((), ())
    passed_over = sum(1 for one in snapshots if one.pins and one.id not in restored) if restored else 0
    if damages:
        raise DamagedError(list(dict.fromkeys(damages)))
    return Verified(len(snapshots), len(rejected), signed, unsigned, restored, now_rejected, passed_over)


def _gather(damages: list[str], step: Callable[[], object]) -> None:
    """Take one step, and go on after what it finds damaged."""
    try:
        step()
    except IntegrityError as error:
        damages.append(error.message)
    except ConfigvaultError:
        # git itself gives up where something is damaged; alone it means something else.
        if not damages:
            raise


def _chain(site: Site) -> Iterator[str]:
    """Yield what on main is no snapshot, or not one after the other. One without a tag was thinned out."""
    if site.vault.refs.read(MAIN) is None:
        if site.vault.refs.below(TAGS):
            yield "there is no branch main, although there are snapshots"
        return
    ids = {one.commit: one.id for one in messages.snapshots(_log(site, messages.LOG_FORMAT))}
    seen: dict[str, str] = {}
    for row in _log(site, "--format=%H %P").decode().splitlines():
        commit, *parents = row.split()
        if commit not in ids:
            yield f"commit {commit} on main is not a snapshot"
        elif (id_ := ids[commit]) in seen:
            yield f"two commits on main are named {id_}: {seen[id_]} and {commit}"
        else:
            seen[id_] = commit
        if len(parents) > 1:
            yield f"commit {commit} on main joins {len(parents)} histories"
    for ref, commit in site.vault.refs.below(TAGS).items():
        if seen.get(ref.removeprefix(TAGS)) != commit:
            yield f"the tag {ref.removeprefix(TAGS)} does not point to the snapshot of that name on main"


def _log(site: Site, form: str) -> bytes:
    return site.vault.git.run(["log", form, MAIN])


def signed_commits(site: Site, allowed: str, snapshots: Sequence[Snapshot]) -> tuple[int, int, list[str]]:
    """Return how many commits have a good signature, how many are older than the first one, and what is wrong."""
    names = {snapshot.commit: snapshot.id for snapshot in snapshots}
    signed = unsigned = 0
    bad: list[str] = []
    rejected = list(site.vault.refs.below(REJECTED))
    for revisions in ([MAIN], [MARKS], [*rejected, f"^{MAIN}"] if rejected else []):
        there = bool(revisions) and site.vault.refs.read(revisions[0]) is not None
        states = list(signatures.states(site.vault, revisions, allowed)) if there else []
        first = max((i for i, (_, state) in enumerate(states) if state != signatures.NONE), default=-1)
        signed += sum(state == signatures.GOOD for _, state in states)
        unsigned += len(states) - 1 - first
        # Newest first: what is unsigned behind the last signed one was taken before anything was signed.
        for commit, state in states[: first + 1]:
            if state != signatures.GOOD:
                what = (
                    "is not signed"
                    if state == signatures.NONE
                    else "has a signature by a key that is not trusted"
                )
                bad.append(f"{names.get(commit, f'commit {commit} of {revisions[0]}')} {what}")
    return signed, unsigned, list(dict.fromkeys(bad))


def _restore(
    site: Site, snapshots: Sequence[Snapshot], damages: list[str]
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Restore snapshots into a scratch folder, compare and validate them; return which, and which the rules refuse."""
    good = _good(snapshots)
    pinned = [one for one in snapshots if one.pins][:MOST_PINNED]
    wanted = {one.id for one in (*snapshots[:RESTORED], *pinned, *([good] if good else []))}
    chosen = [one for one in snapshots if one.id in wanted]
    now_rejected = []
    for snapshot in chosen:
        try:
            if not _restores(site, snapshot, damages):
                now_rejected.append(snapshot.id)
        except ConfigvaultError as error:
            damages.append(f"{snapshot.id} cannot be restored: {error.message}")
    return tuple(snapshot.id for snapshot in chosen), tuple(now_rejected)


def _good(snapshots: Sequence[Snapshot]) -> Snapshot | None:
    return next((snapshot for snapshot in snapshots if snapshot.good), None)


def _restores(site: Site, snapshot: Snapshot, damages: list[str]) -> bool:
    """Restore one and compare it byte for byte; return whether today's rules take it."""
    with tempfile.TemporaryDirectory(prefix="configvault-restore-test-") as scratch:
        path = os.path.join(scratch, "root")
        export.to_folder(site, snapshot, path)
        with site.vault.stage() as stage:
            found = Root(path, Names(())).capture(None, stage)
            if not _same(site, snapshot, found):
                damages.append(f"{snapshot.id} was restored to other content than it recorded")
            return site.validator.validate(State(found, stage.read)).accepted


def _same(site: Site, snapshot: Snapshot, found: Folder) -> bool:
    """Return whether what was restored is what was recorded; owners only where this user may set them."""
    if os.geteuid() == 0:
        return metadata.snapshot_tree(found).id == snapshot.tree
    return found.id == site.vault.tree(snapshot.tree).id
