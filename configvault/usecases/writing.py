"""The vault's write lock, with what a crash left set right before anything else is done under it."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from configvault.disk import lock
from configvault.usecases.after_crash import after_crash
from configvault.usecases.site import Site
from configvault.vault import ownership, statefiles


@contextlib.contextmanager
def writing(site: Site) -> Iterator[None]:
    """Hold the write lock for the time of the block.

    Raises:
        BusyError: somebody else holds it for longer than `site.wait_s` seconds.
    """
    path = statefiles.path(site.vault.state, statefiles.LOCK)
    with lock.hold(path, site.command, site.wait_s) as ended_well:
        after_crash(site, ended_well=ended_well)
        ownership.note_root(site.vault.state, site.settings.root)
        yield
