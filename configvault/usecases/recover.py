"""Set right what a crash left, before anything else is done under the lock: finish the restore, mend the vault.

It only rolls forward: the state to be restored was in the vault and validated before the root was touched.
"""

from __future__ import annotations

from collections.abc import Iterator

from configvault.core.model import Entry, Folder
from configvault.core.outcome import RecoveryOutcome
from configvault.root import leftovers
from configvault.usecases import journal as journal_
from configvault.usecases import restore as restore_
from configvault.usecases.journal import Journal
from configvault.usecases.loading import load
from configvault.usecases.site import Site
from configvault.vault.stage import Stage


def recover(site: Site) -> None:
    """Finish what was cut off and tell of it; the caller holds the lock."""
    for words in site.vault.mend():
        site.tell(RecoveryOutcome(words))
    journal = journal_.read(site.vault)
    if journal is not None:
        site.tell(RecoveryOutcome(_finish(site, journal)))


def _finish(site: Site, journal: Journal) -> str:
    with site.vault.stage() as stage:
        state = site.vault.state_at(journal.commit)
        foreign = _clear(site, journal, state, stage) if site.root.exists() else None
        restored = restore_.restore(site, journal, None, state, stage)
    kept = foreign or restored.foreign
    told = ""
    if journal.reload:
        loading = load(site, restored.snapshot, journal.trigger)
        told = (
            "; the service was reloaded" if loading.loaded else f"; the reload failed: {loading.reload.error}"
        )
    journal_.drop(site.vault)
    what = restored.snapshot.subject if restored.snapshot else f"restore of commit {journal.commit}"
    also = f"; what somebody else wrote meanwhile is in {kept}" if kept else ""
    return f"finished what was cut off: {what}{told}{also}"


def _clear(site: Site, journal: Journal, target: Folder, stage: Stage) -> str | None:
    """Remove what has the journal's temporary names; keep in the vault what is in it nowhere else."""
    left = list(leftovers.leftovers(site.root.path, journal.token))
    foreign = {}
    for number, path in enumerate(left if journal.switching else ()):
        was = leftovers.inspect_leftover(
            site.root.path, path, lambda fd, name: site.root.inspect(fd, name, stage)
        )
        if was is not None and not all(map(site.vault.has_content, _files(was))):
            foreign[f"{path.rpartition('/')[0]}/found-after-a-crash-{number}".lstrip("/")] = was
    kept = restore_.keep_foreign(site, target, foreign, stage) if foreign else None
    for path in left:
        leftovers.remove_leftover(site.root.path, path)
    return kept


def _files(entry: Entry | Folder) -> Iterator[Entry]:
    return (file for _, file in entry.files()) if isinstance(entry, Folder) else iter((entry,))
