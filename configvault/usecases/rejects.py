"""How many rejected states stay in the vault: whoever may write in the root can make any number of them."""

from __future__ import annotations

from datetime import timedelta

from configvault.core.model import RejectedState, Trigger
from configvault.usecases.site import Site
from configvault.vault import maintenance, statefiles
from configvault.vault.refs import MAIN

_FEWEST = 2


def drop(site: Site) -> tuple[str, ...]:
    """Drop what `retention.rejected` no longer keeps, never a rollback's safety copy; the caller holds the lock.

    Costs a commit for each that there is, two more for each that is older than what is kept, and one process.
    """
    policy = site.settings.retention.rejected
    if policy.keep_last is None and policy.keep_within is None:
        return bound(site)
    since = site.now() - timedelta(seconds=policy.keep_within or 0)
    safe = _pending(site)
    dropped: list[str] = []
    above: str | None = None
    for number, state in enumerate(site.vault.each_rejected()):
        # Of several on one snapshot only the newest can be what a rollback kept.
        is_newest, above = state.parent != above, state.parent
        is_old = number >= (policy.keep_last or 0) and (policy.keep_within is None or state.taken_at < since)
        if is_old and state.id not in safe and not (is_newest and _is_safety_copy(site, state)):
            dropped.append(state.id)
    site.vault.drop_rejected(dropped)
    return (*dropped, *bound(site))


def bound(site: Site) -> tuple[str, ...]:
    """Drop the oldest rejected states where all take more than `keep_bytes`, and free their room at once.

    Costs one process where they do not. The newest stays, whatever it takes, and so do safety copies.
    """
    most = site.settings.retention.rejected.keep_bytes
    if most is None:
        return ()
    states = list(site.vault.each_rejected())
    if len(states) < _FEWEST or _bytes(site, states) <= most:
        return ()
    # The first `fits` of them fit, the first `above` do not.
    fits, above = 0, len(states)
    while above - fits > 1:
        middle = (fits + above) // 2
        fits, above = (middle, above) if _bytes(site, states[:middle]) <= most else (fits, middle)
    safe = _pending(site)
    dropped: list[str] = []
    for state, before in zip(states[1:], states, strict=False):
        is_safe = state.id in safe or (state.parent != before.parent and _is_safety_copy(site, state))
        if not is_safe and state not in states[: max(fits, 1)]:
            dropped.append(state.id)
    site.vault.drop_rejected(dropped)
    if dropped:
        maintenance.free(site.vault)
    return tuple(dropped)


def _bytes(site: Site, states: list[RejectedState]) -> int:
    commits = [state.commit for state in states]
    return maintenance.bytes_beside(site.vault, commits, site.vault.refs.read(MAIN))


def _pending(site: Site) -> set[str]:
    pending = statefiles.pending(site.vault.state)
    return {pending.safety} if pending is not None else set()


def _is_safety_copy(site: Site, state: RejectedState) -> bool:
    """Return whether a refused state, the newest on its snapshot, was live when somebody rolled back.

    Then the snapshot that follows the one it lies on is that rollback's.
    """
    if state.trigger in (Trigger.PRE_ROLLBACK, Trigger.ROLLBACK):
        return True
    parent = site.vault.parent_of(state.commit)
    following = site.vault.following(parent) if parent is not None else None
    return following is not None and following.trigger in (Trigger.ROLLBACK, Trigger.UNDO)
