"""Make the root what the journal says: the same steps after a crash as before it, until nothing differs.

Each round captures the root, plans from what is there to what shall be, and applies that. A round that
finds nothing to do is the proof. So it does not matter where an earlier run was cut off, nor by what.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from configvault.core import compare
from configvault.core.errors import ConfigvaultError
from configvault.core.model import Entry, Finding, Folder, Severity, Snapshot
from configvault.core.plan import RestorePlan, plan
from configvault.root import entries
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


def new_token() -> str:
    """Return what makes the temporary names of one restore unlike those of any other."""
    return secrets.token_hex(6)


def restore(site: Site, journal: Journal, live: Folder | None, target: Folder, stage: Stage) -> Restored:
    """Write the journal, bring the root to `target`, publish and mark what the journal says.

    The caller holds the lock, and drops the journal when all has followed.

    Args:
        site: what to work on.
        journal: what to do.
        live: the root as just captured, and kept in the vault; None to capture it.
        target: the state of `journal.commit`.
        stage: where the bytes go that somebody else wrote meanwhile.

    Raises:
        ConfigvaultError: it could not be done. Where the root could be left as it was, the journal is gone, too.
    """
    journal_.write(site.vault, journal)
    result = Restored()
    _make_root(site, target)
    seen = live
    for _ in range(ROUNDS):
        if live is None:
            live = seen = site.root.capture(seen, stage)
            _keep_unknown(site, live, target, stage, result)
        steps = plan(live, target)
        result.kept_folders = steps.kept_folders
        if not steps.steps:
            _settle(site, journal, live, result)
            return result
        _apply(site, journal, steps, target, stage, result)
        live = None
    raise _unequal(site, site.root.capture(seen, None), target)


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
    site: Site, journal: Journal, steps: RestorePlan, target: Folder, stage: Stage, result: Restored
) -> None:
    def keep(foreign: Mapping[str, Entry | Folder]) -> None:
        result.foreign = keep_foreign(site, target, foreign, stage)

    run = root_restore.Restore(
        site.root.path,
        steps,
        journal.token,
        site.vault.objects.chunks,
        lambda fd, name: site.root.inspect(fd, name, stage),
        lambda: journal_.write(site.vault, replace(journal, switching=True)),
        keep,
    )
    try:
        done = run.run()
    except OSError as error:
        if run.undone:
            journal_.drop(site.vault)
        what = os_error_words(error, site.root.path)
        ending = "nothing was changed" if run.undone else "it will be finished by the next command"
        raise ConfigvaultError(f"cannot restore: {what}; {ending}", _hint(error)) from error
    result.in_place += done.in_place
    result.hard_links += done.hard_links


def os_error_words(error: OSError, root: str) -> str:
    """Return what went wrong, with the name it went wrong on."""
    name = error.filename if error.filename is not None else root
    return f"{error.strerror or error} ({name!r} in {root})"


def _hint(error: OSError) -> str:
    import errno

    if error.errno in {errno.ENOSPC, errno.EDQUOT}:
        return "make room on the file system of the root, then try again"
    if error.errno in {errno.EACCES, errno.EPERM, errno.EROFS}:
        return "run it as a user who may write there and set owners, e.g. with sudo"
    return "see `configvault doctor`, then try again"


def _unequal(site: Site, live: Folder, target: Folder) -> ConfigvaultError:
    differs = [change.path for change in compare.changes(target, live)]
    first = ", ".join(repr(path) for path in differs[:3])
    return ConfigvaultError(
        f"the root {site.root.path} still differs after {ROUNDS} looks in {len(differs)} places: {first}",
        "somebody keeps writing there: stop them, then run any command, e.g. configvault reload",
    )


def keep_foreign(site: Site, target: Folder, foreign: Mapping[str, Entry | Folder], stage: Stage) -> str:
    """Keep what somebody else wrote while the root was being restored; return the rejected state's id."""
    state, findings = target, []
    for path, entry in foreign.items():
        state = compare.graft(state, _holding(path, entry), [path])
        message = "was changed by somebody else during a restore; their version is kept here"
        findings.append(Finding(FOREIGN_RULE, Severity.ERROR, path, None, None, message))
    note = site.note("rollback", f"Keep what was written during a restore: {len(findings)} path(s)")
    return site.vault.reject(state, None, stage, note, findings).id


def _holding(path: str, entry: Entry | Folder) -> Folder:
    """Return a state with `entry` at `path` and nothing else."""
    for name in reversed(path.split("/")):
        entry = Folder(0o755, entry.uid, entry.gid, {name: entry})
    assert isinstance(entry, Folder)
    return entry


def _settle(site: Site, journal: Journal, live: Folder, result: Restored) -> None:
    """Publish the snapshot, remember the root's stamps, mark what was left."""
    if not journal.publish:
        return
    result.snapshot = site.vault.publish(site.vault.at(journal.commit))
    live_.remember(site, live)
    mark_left(site, journal.left, result.snapshot, journal.forgiven)


def mark_left(site: Site, left: Sequence[str], by: Snapshot, forgiven: str | None) -> None:
    """Say that `by` left the snapshots `left`, and take back what `forgiven` said of others."""
    site.vault.mark(
        lambda said: said.without_rolled_back_by(forgiven).with_rolled_back(left, by.id),
        site.note(by.trigger, f"Mark what {by.id} left"),
    )
