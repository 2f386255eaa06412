"""Prove that the vault is whole: every object and ref, every snapshot's tag, every state readable."""

from __future__ import annotations

from dataclasses import dataclass

from configvault.core.errors import IntegrityError
from configvault.usecases.site import Site
from configvault.vault import maintenance
from configvault.vault.repository import TAGS


@dataclass(frozen=True, slots=True)
class Verified:
    """How much was proven."""

    snapshots: int
    rejected: int


def verify(site: Site) -> Verified:
    """Check everything.

    Raises:
        IntegrityError: it names what is damaged.
    """
    maintenance.check(site.vault)
    snapshots = list(site.vault.log())
    commits = {snapshot.id: snapshot.commit for snapshot in snapshots}
    for ref, commit in site.vault.refs.below(TAGS).items():
        id_ = ref.removeprefix(TAGS)
        if commits.get(id_) != commit:
            raise IntegrityError(
                f"the tag {id_} does not lead to the snapshot of that name on main",
                "restore the vault from a replica or a copy",
            )
    return Verified(len(snapshots), len(site.vault.rejected()))
