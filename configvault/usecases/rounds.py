"""Bring the root to a state in rounds of scan, plan and apply, until a scan finds nothing left to do.

That last scan proves the result, so it does not matter where an earlier run was interrupted, or by what. The caller has
written the journal and goes on with it in `transition.finish`. It is removed here in two cases only: the root is as it
was before, or another process kept writing until we gave up.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Mapping

from configvault.core import compare
from configvault.core.errors import ConfigvaultError
from configvault.core.frozen import field, mutable, replace
from configvault.core.model import Entry, Finding, Folder, Severity, Trigger
from configvault.core.plan import RestorePlan, plan
from configvault.disk import reasons
from configvault.root import entries
from configvault.root import restore as root_restore
from configvault.usecases.site import Site
from configvault.vault.stage import Stage
from configvault.vault.statefiles import JOURNAL, Journal

# One round to apply and one to prove it; the others are for processes that write in the meantime.
ROUNDS = 4
FOREIGN_RULE = "changed-during-restore"


@mutable
class Restored:
    """What the operator should know of a restore; all paths are relative to the root.

    Attributes:
        live: the root as the last round found it.
        in_place: as in `root.restore.Applied`.
        hard_links: as there.
        kept_folders: folders that stay because they hold what is never touched.
        foreign: the id of the rejected state with what other processes wrote in the meantime.
        aside: as in `root.restore.Applied`.
        bare: as there.
    """

    live: Folder
    in_place: list[str] = field(default_factory=list)
    hard_links: list[str] = field(default_factory=list)
    kept_folders: tuple[str, ...] = ()
    foreign: str | None = None
    aside: dict[str, str] = field(default_factory=dict)
    bare: list[str] = field(default_factory=list)


def restore(
    site: Site, journal: Journal, steps: RestorePlan | None, target: Folder, live: Folder | None, stage: Stage
) -> Restored:
    """Bring the root to `target`; the caller holds the lock and has written the journal.

    Args:
        site: what to work on.
        journal: the change that is being carried out.
        steps: the plan from `live` to `target`; None to work it out.
        target: the state to reach, as far as this process can set it (see `transition.attainable`).
        live: the root as just captured, and kept in the vault; None to capture it.
        stage: takes the bytes that other processes write in the meantime.

    Raises:
        ConfigvaultError: it failed; if the journal is still there, the next holder of the lock finishes the change.
    """
    is_untouched = live is not None
    result = Restored(target)
    if not site.root.exists():
        entries.make_root(site.root.path, target.mode, target.uid, target.gid)
    seen = live
    for number in range(ROUNDS):
        if live is None:
            live = seen = _look(site, seen, target, stage)
            _keep_unknown(site, live, target, stage, result)
        if number or steps is None:
            steps = plan(live, target)
        result.kept_folders = steps.kept_folders
        if not steps.steps:
            result.live = compare.without_bare(live, target)
            return result
        if number == ROUNDS - 1:
            # Give up: with the journal left, every later command would first try to finish this restore.
            JOURNAL.remove(site.vault.state)
            raise _unequal(site, live, target, journal.safety)
        if number:
            JOURNAL.write(site.vault.state, replace(journal, switching=False))
        _apply(site, journal, steps, target, stage, result, may_drop=is_untouched and not number)
        live = None
    raise AssertionError("the last round returns or raises")


def _look(site: Site, seen: Folder | None, target: Folder, stage: Stage) -> Folder:
    """Capture the root; bytes are staged only if it is not the target yet, as another process may have written them."""
    live = site.root.capture(seen, None, whole=False, expected=target)
    if not plan(live, target).steps:
        return live
    return site.root.capture(None, stage, whole=False, expected=target)


def _keep_unknown(site: Site, live: Folder, target: Folder, stage: Stage, result: Restored) -> None:
    """Keep files of another process that the vault does not hold, as the next step would replace them."""
    foreign = {
        change.path: change.new
        for change in compare.changes(target, live)
        if isinstance(change.new, Entry) and not site.vault.has_content(change.new)
    }
    if foreign:
        result.foreign = keep_foreign(site, target, foreign, stage)


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
        lambda: JOURNAL.write(site.vault.state, replace(journal, switching=True)),
        keep,
    )
    try:
        done = run.run()
    except BaseException as error:
        # An undo restores the state before this round. Only before the first round was that the original state.
        is_old = run.undone and may_drop
        if is_old:
            JOURNAL.remove(site.vault.state)
        if not isinstance(error, OSError):
            raise
        ending = "nothing was changed" if is_old else "the next command that writes will finish it"
        raise failure(site, error, ending) from error
    result.in_place += done.in_place
    result.hard_links += done.hard_links
    result.aside.update(done.aside)
    result.bare += done.bare


def failure(site: Site, error: OSError, ending: str) -> ConfigvaultError:
    """Return the error for a restore that failed with a system error; `ending` says in what state that leaves the root."""
    what = os_error_words(error, site.root.path)
    return ConfigvaultError(f"cannot restore: {what}; {ending}", hint(error, site.root.path))


def os_error_words(error: OSError, root: str) -> str:
    """Return the words of a system error, with the name that it is about."""
    name = reasons.shown(error)
    return f"{error.strerror or error} ({f'{name!r} in ' if name else ''}{root})"


def hint(error: OSError, folder: str, where: str = "root") -> str:
    """Return a hint for `error` below `folder`; `where` is "root" or "vault"."""
    if error.errno in {errno.ENOSPC, errno.EDQUOT}:
        return f"free space on the file system of the {where}, then try again"
    found = OSError(error.errno, error.strerror, os.path.join(folder, reasons.shown(error) or ""))
    if found.errno == errno.EACCES and os.geteuid() != 0:
        return "run it as a user who can write there and set owners, for example with sudo"
    return reasons.explain(found).hint or "see `configvault doctor`, then try again"


def _unequal(site: Site, live: Folder, target: Folder, safety: str | None) -> ConfigvaultError:
    differs = [change.path for change in compare.changes(target, compare.without_bare(live, target))]
    first = ", ".join(repr(path) for path in differs[:3])
    kept = f"; what was live before is kept as {safety}" if safety else ""
    return ConfigvaultError(
        f"the root {site.root.path} still differs after {ROUNDS} scans in {len(differs)} places: {first}{kept}",
        "another process keeps writing there: stop it, then roll back again",
    )


def keep_foreign(site: Site, target: Folder, foreign: Mapping[str, Entry | Folder], stage: Stage) -> str:
    """Keep what another process wrote during a restore, as a rejected state; return its id."""
    state, findings = target, []
    for path, entry in foreign.items():
        state = compare.graft(state, _holding(path, entry), [path])
        message = "was changed by another process during a restore; that version is kept here"
        findings.append(Finding(FOREIGN_RULE, Severity.ERROR, path, None, None, message))
    note = site.note(Trigger.ROLLBACK, f"Keep what was written during a restore: {len(findings)} path(s)")
    return site.vault.reject(state, None, stage, note, findings).id


def _holding(path: str, entry: Entry | Folder) -> Folder:
    """Return a state that holds only `entry`, at `path`."""
    for name in reversed(path.split("/")):
        entry = Folder(0o755, entry.uid, entry.gid, {name: entry})
    assert isinstance(entry, Folder)
    return entry
