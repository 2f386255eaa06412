"""One replica: push to it, list what it holds, fetch from it."""

from __future__ import annotations

import threading
from collections.abc import Sequence

from configvault.core import backoff
from configvault.core.errors import ConfigvaultError
from configvault.core.replicas import HEADS, OTHERS, Examined, Trouble, Why
from configvault.replica import program, reasons
from configvault.replica.address import Address
from configvault.replica.program import Git

# In a folder on another disk this program is the server, too. It is only worth something if it survives a power cut
# there, and may begin where this vault's history does. One that has what lies below the bound keeps it.
_SERVED_SO = ("core.fsync=all", "core.fsyncMethod=fsync", "receive.shallowUpdate=true")
_OWN_RECEIVER = f"--receive-pack=git {' '.join(f'-c {setting}' for setting in _SERVED_SO)} receive-pack"

# How long to wait for a server that is busy before it is asked again.
_ATTEMPTS = 7
_FIRST_PAUSE_S = 1.0
_LONGEST_PAUSE_S = 8.0


class RemoteError(ConfigvaultError):
    """A replica could not be read; `trouble` says why."""

    kind = "replica"

    def __init__(self, address: Address, trouble: Trouble) -> None:
        """Name the replica."""
        super().__init__(f"replica {address.shown}: {trouble.words}", trouble.hint)
        self.trouble = trouble


class Remote:
    """One host's history at one URL."""

    def __init__(self, address: Address, stop: threading.Event | None = None) -> None:
        """Connect to nothing yet; `stop` ends whatever is going on."""
        self.address = address
        self._stop = stop
        self._idle = stop or threading.Event()

    @property
    def name(self) -> str:
        """Return the URL as it may be printed."""
        return self.address.shown

    @property
    def key(self) -> str:
        """Return a name for files about this replica."""
        return self.address.key

    def push(self, git: Git, stop: threading.Event | None = None) -> Trouble | None:
        """Send everything of the vault that `git` works on: all of it arrives, or nothing. Return why it did not."""
        local = [_OWN_RECEIVER] if self.address.is_local else []
        specs = [f"{mine}:{theirs}" for mine, theirs in self.address.layout.pairs()]
        args = ["push", "--porcelain", "--atomic", "--no-progress", "--no-verify", *local]
        ran = self._run(git, [*args, self.address.url, *specs], stop)
        return None if ran.code == 0 else self._trouble(ran, stop)

    def refs(self, git: Git, *patterns: str) -> dict[str, str]:
        """Return the refs there by name, all or those that match `patterns`.

        Raises:
            RemoteError: it cannot be asked.
        """
        ran = self._run(git, ["ls-remote", "--quiet", self.address.url, *patterns], None)
        if ran.code != 0:
            raise RemoteError(self.address, self._trouble(ran, None))
        pairs = (line.split("\t", 1) for line in ran.out.splitlines() if "\t" in line)
        return {ref: id_ for id_, ref in pairs if not ref.endswith("^{}")}

    def held(self, git: Git) -> dict[str, str]:
        """Return the refs of this host there, by their names in a vault.

        Raises:
            RemoteError: it cannot be asked.
        """
        layout = self.address.layout
        found = self.refs(git, *(theirs for _, theirs in layout.pairs()))
        return {mine: id_ for ref, id_ in found.items() if (mine := layout.mine(ref)) is not None}

    def examine(self, git: Git) -> Examined:
        """Return what it shows; raises like `held`."""
        refs = self.held(git)
        if not refs:
            return Examined(None, "it contains nothing of this host yet")
        return Examined(refs.get(f"{HEADS}main"), f"it holds {len(refs)} refs")

    @property
    def is_readable(self) -> bool:
        """Return that git reads what it fetches."""
        return True

    def compare(self, git: Git) -> str:
        """Say what it shows: git compares what it fetches."""
        return self.examine(git).words

    def glance(self) -> None:
        """Return nothing: git says of a snapshot only what is fetched."""

    def receive(self, git: Git) -> None:
        """Fetch everything of this host into the vault that `git` works on; what it has already may only grow.

        Raises:
            RemoteError: it could not be done; no ref has moved then.
        """
        self._fetch(git, [f"{theirs}:{mine}" for mine, theirs in self.address.layout.pairs()])

    def adopt(self) -> None:
        """Do nothing: a push asks the server what it has."""

    @property
    def noticed(self) -> tuple[str, ...]:
        """Return nothing: git shows all that there is, or fails."""
        return ()

    def peek(self, git: Git) -> None:
        """Fetch the latest snapshot of this host and what is said of it, without history; raises like `receive`.

        Many look at one server at once, so one that is busy is asked again.
        """
        layout = self.address.layout
        specs = [f"+{layout.main}:{HEADS}main", f"+{layout.others}mark*:{OTHERS}mark*"]
        busy: RemoteError | None = None
        for _ in backoff.attempts(_ATTEMPTS, _FIRST_PAUSE_S, self._idle.wait, _LONGEST_PAUSE_S):
            try:
                return self._fetch(git, specs, "--depth=1")
            except RemoteError as error:
                if error.trouble.why is not Why.BUSY:
                    raise
                busy = error
        if busy is not None:
            raise busy
        return None

    def _fetch(self, git: Git, specs: Sequence[str], *more: str) -> None:
        ran = self._run(git, [*program.fetch_args(), *more, self.address.url, *specs], None)
        if ran.code != 0:
            raise RemoteError(self.address, self._trouble(ran, None))

    def _run(self, git: Git, args: Sequence[str], stop: threading.Event | None) -> program.Ran:
        return program.run(git, self.address, args, timeout_s=self.address.timeout_s, stop=stop or self._stop)

    def _trouble(self, ran: program.Ran, stop: threading.Event | None) -> Trouble:
        if ran.code is None:
            asked = stop or self._stop
            if asked is not None and asked.is_set():
                return Trouble(Why.STOPPED, "the push was stopped")
            return Trouble(
                Why.TIMED_OUT,
                f"it did not answer within {self.address.timeout_s:g}s",
                "check whether it hangs; a first push may need a longer `timeout`",
            )
        return reasons.reason(f"{ran.err}\n{ran.out}", self.address)
