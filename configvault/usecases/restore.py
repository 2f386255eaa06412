"""Make the root what the journal says: the same steps after a crash as before it, until nothing differs.

Each round captures the root, plans from what is there to what shall be, and applies that. A round that
finds nothing to do is the proof. So it does not matter where an earlier run was cut off, nor by what.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from configvault.core import compare
from configvault.core.errors import ConfigvaultError
from configvault.core.model import Entry, Finding, Folder, Severity, Snapshot, Trigger
from configvault.core.plan import RestorePlan, plan
from configvault.root import entries, rights, staging
from configvault.root import restore as root_restore
from configvault.usecases import journal as journal_
from configvault.usecases import live as live_
from configvault.usecases.journal import Journal
from configvault.usecases.site import Site
from configvault.vault.stage import Stage

# One to apply, one to prove; the others are for somebody who writes meanwhile.
ROUNDS = 4
FOREIGN_RULE = "changed-during-restore"


@dataclass
class Restored:
    """What came of it: the snapshot now newest (None: none was published), and what the operator should know."""

    snapshot: Snapshot | None = None
    in_place: list[str] = field(default_factory=list)
    hard_links: list[str] = field(default_factory=list)
    kept_folders: tuple[str, ...] = ()
    foreign: str | None = None
    aside: dict[str, str] = field(default_factory=dict)


def new_token() -> str:
    """Return what one restore is known by to whoever can read the journal."""
    return staging.new_token()


def restore(
    site: Site,
    journal: Journal,
    live: Folder | None,
    target: Folder,
    stage: Stage,
    kept: Folder | None = None,
) -> Restored:
    """Write the journal, bring the root to `target`, publish and mark what the journal says.

    The caller holds the lock, and drops the journal when all has followed.

    Args:
        site: what to work on.
        journal: what to do.
        live: the root as just captured (`Live.seen`), and kept in the vault; None to capture it.
        target: the state of `journal.commit`.
        stage: where the bytes go that somebody else wrote meanwhile.
        kept: what other processes know of live (`Live.kept`).

    Raises:
        ConfigvaultError: it could not be done. The journal is gone where the root is as it was, and where somebody
            kept writing until we gave up; else the next holder of the lock carries it on.
    """
    journal_.write(site.vault, replace(journal, switching=False))
    is_untouched = live is not None
    result = Restored()
    _make_root(site, target)
    target = attainable(site, target, live, any_owner=journal.any_owner)
    seen = live
    for number in range(ROUNDS):
        if live is None:
            live = seen = _look(site, seen, target, stage)
            _keep_unknown(site, live, target, stage, result)
        steps = plan(live, target)
        result.kept_folders = steps.kept_folders
        if not steps.steps:
            try:
                _settle(site, journal, compare.without_bare(live, target), kept, result)
            except OSError as error:
                raise ConfigvaultError(
                    f"the root is restored, but this could not be recorded: {os_error_words(error, site.vault.path)}; "
                    "the next command that writes will record it",
                    _hint(error, "vault"),
                ) from error
            return result
        if number == ROUNDS - 1:
            journal_.drop(site.vault)
            raise _unequal(site, live, target, journal.safety)
        if number:
            journal_.write(site.vault, replace(journal, switching=False))
        _apply(site, journal, steps, target, stage, result, may_drop=is_untouched and not number)
        live = None
    raise AssertionError("the last round returns or raises")


def attainable(site: Site, target: Folder, live: Folder | None, *, any_owner: bool) -> Folder:
    """Return `target` without what is ignored today and, with `any_owner`, with the owners that this process may set."""
    target = compare.without_ignored(target, live, site.root.names.reason_to_leave_out)
    if not any_owner:
        return target
    return compare.with_possible_owners(target, live, rights.giver(), (os.geteuid(), os.getegid()))


def _look(site: Site, seen: Folder | None, target: Folder, stage: Stage) -> Folder:
    """Capture the root; its bytes are staged only where it is not the target, as somebody else may have written them."""
    live = site.root.capture(seen, None)
    return live if not plan(live, target).steps else site.root.capture(None, stage)


def _keep_unknown(site: Site, live: Folder, target: Folder, stage: Stage, result: Restored) -> None:
    """Keep what somebody else wrote since the last look, as the next step would replace it."""
    foreign = {
        change.path: change.new
        for change in compare.changes(target, live)
        if isinstance(change.new, Entry) and not site.vault.has_content(change.new)
    }
    if foreign:
        result.foreign = keep_foreign(site, target, foreign, stage)


def _make_root(site: Site, target: Folder) -> None:
    if not site.root.exists():
        entries.make_root(site.root.path, target.mode, target.uid, target.gid)


def _apply(
    site: Site,
    journal: Journal,
    steps: RestorePlan,
    target: Folder,
    stage: Stage,
    result: Restored,
    *,
    may_drop: bool,
) -> None:
    def keep(foreign: Mapping[str, Entry | Folder]) -> None:
        result.foreign = keep_foreign(site, target, foreign, stage)

    run = root_restore.Restore(
        site.root,
        steps,
        journal.token,
        site.vault.objects,
        stage,
        lambda: journal_.write(site.vault, replace(journal, switching=True)),
        keep,
    )
    try:
        done = run.run()
    except BaseException as error:
        # Put back after a first round, the root is what it was before; after a later one it is anything.
        is_old = run.undone and may_drop
        if is_old:
            journal_.drop(site.vault)
        if not isinstance(error, OSError):
            raise
        ending = "nothing was changed" if is_old else "the next command that writes will finish it"
        raise failure(site, error, ending) from error
    result.in_place += done.in_place
    result.hard_links += done.hard_links
    result.aside.update(done.aside)


def failure(site: Site, error: OSError, ending: str) -> ConfigvaultError:
    """Return what to say of a restore that the system refused."""
    what = os_error_words(error, site.root.path)
    return ConfigvaultError(f"cannot restore: {what}; {ending}", _hint(error))


def os_error_words(error: OSError, root: str) -> str:
    """Return what went wrong, with the name it went wrong on."""
    name = error.filename if error.filename is not None else root
    return f"{error.strerror or error} ({name!r} in {root})"


def _hint(error: OSError, where: str = "root") -> str:
    if error.errno in {errno.ENOSPC, errno.EDQUOT}:
        return f"make room on the file system of the {where}, then try again"
    if error.errno in {errno.EACCES, errno.EPERM, errno.EROFS}:
        return "run it as a user who may write there and set owners, e.g. with sudo"
    return "see `configvault doctor`, then try again"


def _unequal(site: Site, live: Folder, target: Folder, safety: str | None) -> ConfigvaultError:
    differs = [change.path for change in compare.changes(target, compare.without_bare(live, target))]
    first = ", ".join(repr(path) for path in differs[:3])
    kept = f"; what was live before is kept as {safety}" if safety else ""
    return ConfigvaultError(
        f"the root {site.root.path} still differs after {ROUNDS} looks in {len(differs)} places: {first}{kept}",
        "somebody keeps writing there: stop them, then roll back again",
    )


def keep_foreign(site: Site, target: Folder, foreign: Mapping[str, Entry | Folder], stage: Stage) -> str:
    """Keep what somebody else wrote while the root was being restored; return the rejected state's id."""
    state, findings = target, []
    for path, entry in foreign.items():
        state = compare.graft(state, _holding(path, entry), [path])
        message = "was changed by somebody else during a restore; their version is kept here"
        findings.append(Finding(FOREIGN_RULE, Severity.ERROR, path, None, None, message))
    note = site.note(Trigger.ROLLBACK, f"Keep what was written during a restore: {len(findings)} path(s)")
    return site.vault.reject(state, None, stage, note, findings).id


def _holding(path: str, entry: Entry | Folder) -> Folder:
    """Return a state with `entry` at `path` and nothing else."""
    for name in reversed(path.split("/")):
        entry = Folder(0o755, entry.uid, entry.gid, {name: entry})
    assert isinstance(entry, Folder)
    return entry


def _settle(site: Site, journal: Journal, live: Folder, kept: Folder | None, result: Restored) -> None:
    """Publish the snapshot, remember the root's stamps, mark what was left."""
    if journal.publish:
        result.snapshot = site.vault.publish(site.vault.at(journal.commit))
        live_.remember(site, live, kept)
    by = result.snapshot.id if result.snapshot else None
    if by or journal.forgiven:
        site.vault.mark(
            lambda said: said.without_rolled_back_by(journal.forgiven).with_rolled_back(
                journal.left if by else (), by or ""
            ),
            site.note(journal.trigger, f"Mark what {by or journal.trigger} left"),
        )
