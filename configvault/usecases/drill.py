"""Recover the newest state of every replica into a scratch folder and compare it: an untested backup is none.

The folder lies in the vault, for this user alone, and is removed; root and vault are as they were.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import time
from collections.abc import Iterator

from configvault.core import metadata
from configvault.core.errors import ConfigvaultError, IntegrityError
from configvault.core.outcome import Drilled, DrillOutcome
from configvault.disk import durable, lock
from configvault.root import entries
from configvault.root.capture import Root
from configvault.root.names import Names
from configvault.usecases import export
from configvault.usecases.site import Remote, Site
from configvault.vault import maintenance, statefiles
from configvault.vault.opening import create_vault
from configvault.vault.refs import MAIN


def drill(site: Site) -> DrillOutcome:
    """Recover from each replica, say what came of it, and tell it."""
    began_s = time.monotonic()
    found = tuple(_drilled(site, remote) for remote in site.remotes())
    outcome = DrillOutcome(found, round(time.monotonic() - began_s, 3))
    site.notify(outcome)
    return outcome


def _drilled(site: Site, remote: Remote) -> Drilled:
    try:
        with _scratch(site) as folder:
            return Drilled(remote.name, ok=True, words=_recovered(site, remote, folder))
    except ConfigvaultError as error:
        return Drilled(remote.name, ok=False, words=error.message)
    except OSError as error:
        return Drilled(
            remote.name, ok=False, words=f"{error.filename or 'the scratch folder'}: {error.strerror}"
        )


@contextlib.contextmanager
def _scratch(site: Site) -> Iterator[str]:
    """Give an empty folder on the vault's disk; what a drill left that was killed goes first."""
    path = statefiles.path(site.vault.state, statefiles.DRILL)
    with lock.hold(statefiles.path(site.vault.state, statefiles.DRILL_LOCK), site.command, site.wait_s):
        shutil.rmtree(path, ignore_errors=True)
        durable.private_folder(path)
        try:
            yield path
        finally:
            shutil.rmtree(path, ignore_errors=True)


def _recovered(site: Site, remote: Remote, folder: str) -> str:
    """Recover, compare with what this vault has, and say what is proven."""
    if not remote.is_readable:
        return remote.compare(site.vault.git)
    vault = create_vault(os.path.join(folder, "vault"), site.environ)
    try:
        remote.receive(vault.git)
        maintenance.check(vault)
        tip = vault.refs.read(MAIN)
        if tip is None:
            raise IntegrityError("it holds no snapshots")
        ours = site.vault.git.result(["merge-base", "--is-ancestor", tip, MAIN], ok=range(-255, 256))
        if ours.returncode:
            raise IntegrityError(f"its latest snapshot is commit {tip}, which is not in this vault's history")
        snapshot = vault.at(tip)
        state = vault.tree(snapshot.tree)
        path = os.path.join(folder, "root")
        owned = state if os.geteuid() == 0 else export.owned_by_caller(state)
        entries.write_new(path, owned, vault.objects)
        with vault.stage() as stage:
            seen = Root(path, Names(())).capture(None, stage)
        same = metadata.snapshot_tree(seen).id == snapshot.tree if os.geteuid() == 0 else seen.id == owned.id
        if not same:
            raise IntegrityError(f"{snapshot.id} was restored to other content than it recorded")
        latest = site.vault.latest()
        late = "" if latest is None or latest.commit == tip else f"; the latest here is {latest.id}"
        return f"{snapshot.id} was recovered and equals what was recorded{late}"
    finally:
        vault.close()
