"""The vault's write lock, with what a crash left set right before anything else is done under it."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from configvault.disk import lock
from configvault.usecases.site import Site


@contextlib.contextmanager
def writing(site: Site) -> Iterator[None]:
    """Hold the write lock for the time of the block.

    Raises:
        BusyError: somebody else holds it for longer than `site.wait_s` seconds.
    """
    # What is recovered includes an undoing, which records, which takes this lock when it is called by itself.
    from configvault.usecases.recover import recover

    with lock.hold(site.vault.state_file("lock"), site.command, site.wait_s) as ended_well:
        recover(site, ended_well=ended_well)
        yield
