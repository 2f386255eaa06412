"""Judge a directory without recording anything, with or without a vault."""

from __future__ import annotations

from dataclasses import dataclass

from configvault.core.model import Folder, State, Verdict
from configvault.root.capture import Root
from configvault.usecases import live as live_
from configvault.usecases.site import Judge, Site
from configvault.vault.stage import Stage


@dataclass(frozen=True)
class Checked:
    """The verdict, the state it is about, and how many files that has."""

    verdict: Verdict
    state: Folder

    @property
    def files(self) -> int:
        """Return the number of files and links."""
        return sum(1 for _ in self.state.files())


def check_root(site: Site) -> Checked:
    """Return the verdict on live."""
    with site.vault.stage() as stage:
        live = live_.look(site, stage)
        # Validators want every byte, also of what has not changed: those come from the vault.
        return Checked(live_.judge(site, live), live.state)


def check_directory(root: Root, judge: Judge) -> Checked:
    """Return the verdict on any directory, as if it were a root without history."""
    with Stage(None) as stage:
        state = root.capture(None, stage)
        verdict = judge.judge(State(state, stage.read))
        return Checked(Verdict((*verdict.findings, *live_.left_out(state))), state)
