"""Validate a directory without recording anything, with or without a vault."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from configvault.core.frozen import frozen
from configvault.core.model import Folder, State, Verdict
from configvault.root.capture import Root
from configvault.usecases import scan
from configvault.usecases.site import Site, Validator
from configvault.vault.stage import Stage

Probe = Callable[[State], Sequence[object]]
"""Asks what a state names whether it is there; what it finds is handed through."""


@frozen
class Checked:
    """The verdict, the state it is about, and what a probe found (nothing where none was asked for)."""

    verdict: Verdict
    state: Folder
    probed: Sequence[object] = ()
    ignored: tuple[str, ...] = ()

    @property
    def files(self) -> int:
        """Return the number of files and links."""
        return sum(1 for _ in self.state.files())


def check_root(site: Site, probe: Probe | None = None) -> Checked:
    """Return the verdict on live."""
    with site.vault.stage() as stage:
        live = scan.live(site, stage)
        # Validators want every byte, also of what has not changed: those come from the vault.
        verdict = scan.validate(site, live)
        probed = probe(State(live.state, live.read)) if probe else ()
        return Checked(verdict, live.state, probed, scan.ignored(live.seen))


def check_directory(root: Root, validator: Validator, probe: Probe | None = None) -> Checked:
    """Return the verdict on any directory, as if it were a root without history."""
    with Stage(None) as stage:
        captured = root.capture(None, stage)
        state = State(captured, stage.read, left_out=tuple(captured.all_left_out()))
        verdict = Verdict((*validator.validate(state).findings, *scan.left_out(captured)))
        return Checked(verdict, captured, probe(state) if probe else (), scan.ignored(captured))
