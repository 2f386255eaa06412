"""Everything that protects one root, put together by `app.py` and handed to every use case."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Protocol

from configvault.core.frozen import field, mutable, replace
from configvault.core.model import PATIENT, Patience, Trigger
from configvault.vault.repository import Note

if TYPE_CHECKING:
    # Types alone: who lists snapshots reads no root and tells of no outcome.
    from configvault.core.model import (
        Change,
        Folder,
        HealthReport,
        Probe,
        ReloadReport,
        Snapshot,
        State,
        Verdict,
    )
    from configvault.core.outcome import Outcome
    from configvault.core.replicas import Examined, Trouble
    from configvault.core.settings import Settings
    from configvault.root.capture import Root
    from configvault.vault.git import Git
    from configvault.vault.repository import Vault


class Validator(Protocol):
    """Says what is wrong with a state."""

    def validate(self, state: State, within_s: float | None = None) -> Verdict:
        """Return the verdict; never raises on content. What is not validated `within_s` seconds is not accepted."""
        ...

    def validate_again(self, state: State) -> Verdict:
        """Return the verdict on a state that was validated before, without programs of the site's own."""
        ...

    def remember(self) -> None:
        """Keep what need not be validated again for the next process."""
        ...

    def lacking(self) -> Mapping[str, str]:
        """Return the rules that are configured and lack their library, each with the command that installs it."""
        ...


class Offered(Protocol):
    """A git repository that states are deployed from. `name` is fit to print."""

    @property
    def name(self) -> str:
        """Return its URL without secrets."""
        ...

    def tip(self, git: Git, ref: str) -> str:
        """Return the commit that `ref` names there now; raises ConfigvaultError."""
        ...

    def fetch(self, git: Git, ref: str, folder: str, most_bytes: int, *, history: bool = False) -> str:
        """Fetch what `ref` names into the empty repository `folder`, return its commit; raises ConfigvaultError."""
        ...

    def follows(self, git: Git, commit: str, before: str) -> bool:
        """Return whether `before` is an ancestor of `commit`, both fetched with their history."""
        ...


class CheckHealth(Protocol):
    """Asks the service whether it is well."""

    def __call__(
        self,
        *,
        only: Sequence[str] = (),
        patience: Patience = PATIENT,
        progress: Callable[[int, int], None] | None = None,
    ) -> tuple[HealthReport, ...]:
        """Return how each check ended, or `only` those of these names; `progress` is told after each.

        A check is asked until it passes, for as long as its `within` says, unless `patience` is less.
        """
        ...


class Ran(Protocol):
    """How a tool ended: what it printed, and why it failed."""

    @property
    def output(self) -> str:
        """Return what it printed."""
        ...

    @property
    def error(self) -> str | None:
        """Return why it failed, None where it did not."""
        ...


class Rollout(Protocol):
    """The releases of the service itself."""

    def history(self) -> Ran:
        """Return them as the tool prints them."""
        ...

    def probe(self) -> Probe:
        """Return whether its tools can be run."""
        ...

    def go_back(self, revision: int | None) -> Ran:
        """Go back to a release (None: the one before), and wait until it runs."""
        ...


class Remote(Protocol):
    """One replica of one host, a git repository or a store. `name` is fit to print, `key` to name a file."""

    @property
    def name(self) -> str:
        """Return its URL without secrets."""
        ...

    @property
    def key(self) -> str:
        """Return a name for files about it."""
        ...

    def push(self, git: Git, stop: threading.Event | None = None) -> Trouble | None:
        """Send the whole vault, fast-forward only, and return why it did not arrive."""
        ...

    def held(self, git: Git) -> dict[str, str]:
        """Return the refs of this host there, by their names in a vault; raises ConfigvaultError."""
        ...

    def examine(self, git: Git) -> Examined:
        """Return what it shows, as far as it is cheap to check; raises ConfigvaultError, which names the damage."""
        ...

    @property
    def is_readable(self) -> bool:
        """Return whether what is there can be read on this host: not where it is encrypted to others."""
        ...

    def compare(self, git: Git) -> str:
        """Fetch everything and compare it with what was stored, without reading it, and say so; raises ConfigvaultError."""
        ...

    def receive(self, git: Git) -> None:
        """Fetch everything of this host into a vault; raises ConfigvaultError."""
        ...


@mutable
class Site:
    """One root, its vault, and the means to validate, reload and notify. `observers` hear every outcome.

    `machine` gives the machine's own name, whatever it is called in replicas. `signers` gives
    the file of those whose signatures count, empty where nothing is signed. `in_place` makes the commands in a hint whole.
    `reload_asks`: a reload asks somebody; `reload_restarts`: it may restart the service. The probes see whether the service and those who are notified could be
    reached, and ask them nothing.
    """

    settings: Settings
    vault: Vault
    root: Root
    validator: Validator
    reload: Callable[[Snapshot | None, str], ReloadReport]
    reload_asks: Callable[[], bool]
    reload_restarts: Callable[[], bool]
    probe_reload: Callable[[], Probe]
    probe_notify: Callable[[], Iterable[Probe]]
    check_health: CheckHealth
    now: Callable[[], datetime]
    actor: str
    environ: Mapping[str, str]
    command: str = "configvault"
    wait_s: float = 30.0
    observers: list[Callable[[Outcome], None]] = field(default_factory=list)
    machine: Callable[[], str] = str
    blame: Callable[[Sequence[Change], Folder], str] | None = None
    remotes: Callable[[], Sequence[Remote]] = tuple
    offered: Callable[[str], Offered] | None = None
    signers: Callable[[], str] = str
    in_place: Callable[[str], str] = str
    rollout: Rollout | None = None

    @property
    def host(self) -> str:
        """Return this host's name in replicas."""
        return self.settings.host or self.machine()

    def note(
        self,
        trigger: str,
        subject: str,
        reason: str | None = None,
        target: str | None = None,
        plugins: tuple[str, ...] = (),
        actor: str | None = None,
    ) -> Note:
        """Return what to write beside a commit made now; `actor` where it is not who runs this process."""
        return Note(self.now(), trigger, actor or self.actor, self.host, subject, reason, target, plugins)

    def actor_of(self, trigger: str, changes: Sequence[Change], state: Folder) -> str:
        """Return who made changes that nobody gave a command for; whoever gives one answers for it."""
        found_by_itself = trigger in (Trigger.CHANGE, Trigger.STARTUP, Trigger.SCHEDULE)
        return self.blame(changes, state) if found_by_itself and self.blame is not None else self.actor

    def notify(self, outcome: Outcome) -> None:
        """Let every observer hear of `outcome`, its hint made whole for this site."""
        hint = getattr(outcome, "hint", None)
        if hint is not None:
            outcome = replace(outcome, hint=self.in_place(hint))
        for observer in self.observers:
            observer(outcome)
