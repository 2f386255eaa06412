"""Thin out snapshots by age, and give the disk back what lies below a lower bound of history.

To thin is to take tags away: the commits stay, newer ones are never rewritten, and replicas keep what they have.
Only below a boundary, older than `retention.history` and than every kept snapshot, commits are cut off, and only
when every replica has them. What is good, pinned, live, loaded or pending stays.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import timedelta

from configvault.core.errors import ConfigvaultError, UsageError
from configvault.core.frozen import frozen
from configvault.core.model import Snapshot
from configvault.core.retention import Decision, decide, is_empty
from configvault.core.settings import KeepSnapshots
from configvault.usecases import replicate, scan
from configvault.usecases.site import Site
from configvault.usecases.writing import writing
from configvault.vault import shallow, statefiles


@frozen
class Cut:
    """What lies below the lower bound: how many commits, and why they could not be cut off (None: they were).

    None at all: an earlier cut was cut off itself, and is finished now.
    """

    commits: int
    freed_bytes: int = 0
    refused: str | None = None


@frozen
class Pruned:
    """What stays and what goes, newest first, and what came of cutting history (None: nothing is below it)."""

    decisions: tuple[Decision, ...]
    cut: Cut | None = None
    dry_run: bool = False

    @property
    def removed(self) -> tuple[Snapshot, ...]:
        """Return the snapshots that go."""
        return tuple(one.snapshot for one in self.decisions if not one.reasons)


@frozen
class _Asked:
    """What the replicas have: the tip of each by name, or why one could not be asked."""

    tips: Mapping[str, str | None]
    trouble: str | None = None


def keep_up(site: Site) -> Pruned | None:
    """Prune by the configured retention, for a schedule; None where none is configured.

    A replica that is known to be in trouble is not asked, as it might hang: then nothing is cut off this time.
    """
    policy = site.settings.retention.snapshots
    if is_empty(policy):
        return None
    return prune(site, policy, ask=all(one.trouble is None for one in replicate.standing(site)))


def prune(site: Site, policy: KeepSnapshots, *, dry_run: bool = False, ask: bool = True) -> Pruned:
    """Thin the snapshots by `policy`, then cut history; `dry_run` only says what would be done.

    Args:
        site: what to work on.
        policy: what to keep.
        dry_run: change nothing.
        ask: whether replicas may be asked what they have; nothing is cut off otherwise.

    Raises:
        UsageError: no rule is set, so that everything would go.
    """
    if is_empty(policy):
        raise UsageError(
            "no rule says what to keep; nothing was removed",
            "configvault prune -n --keep-last 10 --keep-daily 30, or set retention.snapshots",
        )
    decisions = _decide(site, policy)
    # Before the lock is taken: who records waits for no replica, and what one has it keeps.
    asked = _ask(site) if ask and _below(site, decisions)[1] else None
    if dry_run:
        return Pruned(decisions, _cut(site, decisions, asked, dry_run=True), dry_run=True)
    with writing(site):
        decisions = _decide(site, policy)
        site.vault.drop_tags(one.snapshot for one in decisions if not one.reasons)
        return Pruned(decisions, _cut(site, decisions, asked))


def _decide(site: Site, policy: KeepSnapshots) -> tuple[Decision, ...]:
    snapshots = list(site.vault.log())
    return tuple(decide(snapshots, policy, site.now(), _protected(site, snapshots)))


def _protected(site: Site, snapshots: list[Snapshot]) -> dict[str, list[str]]:
    loaded, live, pending = site.vault.marks().loaded, _live_tree(site), _pending(site)
    is_live = next((one.id for one in snapshots if one.tree == live), None)
    found: dict[str, list[str]] = {}
    for number, one in enumerate(snapshots):
        said = (("latest", number == 0), ("live", one.id == is_live), ("loaded", one.id == loaded),
                ("pending", one.id in pending))  # fmt: skip
        found[one.id] = [word for word, true in said if true] + [f"pin:{name}" for name in one.pins]
    return found


def _live_tree(site: Site) -> str | None:
    try:
        return scan.live(site, None).tree if site.root.exists() else None
    except ConfigvaultError:
        # A root that cannot be read now is no snapshot's business; the latest stays in any case.
        return None


def _pending(site: Site) -> set[str]:
    """Return every id that a rollback waiting for its confirmation names, whatever for."""
    pending = statefiles.pending(site.vault.state)
    if pending is None:
        return set()
    return {id_ for id_ in (pending.target, pending.safety, pending.recorded) if id_ is not None}


def _cut(
    site: Site, decisions: Iterable[Decision], asked: _Asked | None, *, dry_run: bool = False
) -> Cut | None:
    """Cut off what lies below the lower bound of history, if the replicas were asked and have it."""
    commits, below = _below(site, decisions)
    if not below or asked is None:
        if dry_run or not shallow.is_unfinished(site.vault.path):
            return None
        site.vault.close()
        return Cut(0, shallow.finish(site.vault.path, site.vault.git))
    refused = _refused(asked, commits - set(below))
    if refused or dry_run:
        return Cut(len(below), refused=refused)
    site.vault.close()
    return Cut(len(below), shallow.cut(site.vault.path, site.vault.git, below))


def _below(site: Site, decisions: Iterable[Decision]) -> tuple[set[str], list[str]]:
    """Return all commits of main, and those of them that are older than `retention.history` and than what is kept."""
    history = site.settings.retention.history
    if history is None:
        return set(), []
    kept = {one.snapshot.commit for one in decisions if one.reasons}
    since = site.now() - timedelta(seconds=history)
    commits = list(site.vault.log(pruned=True))
    below = []
    for one in reversed(commits):
        if one.commit in kept or one.taken_at >= since:
            break
        below.append(one.commit)
    return {one.commit for one in commits}, below


def _ask(site: Site) -> _Asked:
    """Ask every replica what it has; what is known of it here is not believed."""
    tips: dict[str, str | None] = {}
    for remote in site.remotes():
        try:
            tips[remote.name] = remote.examine(site.vault.git).main
        except ConfigvaultError as error:
            return _Asked(tips, error.message)
    return _Asked(tips)


def _refused(asked: _Asked, above: set[str]) -> str | None:
    """Return why a replica forbids to cut: it must have what is cut off."""
    late = next((name for name, tip in asked.tips.items() if tip not in above), None)
    return asked.trouble or (f"replica {late} does not have it yet" if late else None)
