"""configvault on one root: what its daemon's worker does, in this process with warm state, and its commands."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from pathlib import Path

from benchmarks import PROJECT
from configvault import app
from configvault.core.model import Trigger
from configvault.core.outcome import Outcome, Recording
from configvault.core.settle import EVERYTHING
from configvault.daemon.inbox import Inbox
from configvault.daemon.jobs import Job
from configvault.daemon.sight import Sight
from configvault.daemon.standing import Standing
from configvault.observers.log import Log
from configvault.usecases.observe import Look, Seen, observe
from configvault.vault import maintenance

# A probe is given up after two seconds, which a busy machine may need.
_PATIENCE = 15


class Ours:
    """A vault for `root`, with its configuration, in `folder`."""

    def __init__(self, root: Path, folder: Path, more: str = "validate: {profile: generic}\n") -> None:
        """Write the configuration; nothing is recorded yet."""
        folder.mkdir(parents=True, exist_ok=True)
        self.root, self.folder, self.vault = root, folder, folder / "vault"
        self.config = folder / "config.yaml"
        self.config.write_text(
            f"root: {root}\nvault: {self.vault}\nreload: {{kind: none}}\nhttp: {{listen: 'off'}}\n"
            f"log: {{level: debug, format: json}}\nwatch: {{quiet: 200ms}}\n{more}"
        )
        self.environ = environ()

    # --- commands

    def argv(self, *arguments: str) -> list[str]:
        """Return the command line of a command."""
        return [sys.executable, "-m", "configvault", "-c", str(self.config), *arguments]

    def command(self, *arguments: str) -> str:
        """Run a command that must succeed, and return what it prints."""
        return run(self.argv(*arguments), self.environ)

    # --- the daemon's worker, here

    def start(self) -> float:
        """Open everything as the daemon does, and look at the whole root once; return the seconds that took."""
        began_s = time.perf_counter()
        settings = app.load_settings(str(self.config), self.environ)
        self._stop = threading.Event()
        self._site = app.open_or_create(
            settings, self.environ, command="configvault run", wait_s=30.0, stop=self._stop
        )
        self._outcomes: list[Outcome] = []
        self._null = open(os.devnull, "w")  # noqa: SIM115 - lives as long as this
        self._site.observers += [
            Log(settings.log, self._null, self.environ, self._site.now),
            self._outcomes.append,
        ]
        self._inbox: Inbox[Job] = Inbox()
        standing = Standing(self._site.vault, os.getpid(), self._site.now, self._site.notify)
        self._sight = Sight(self._site, self._inbox, standing)
        self._sight.attach()
        self._seen = observe(self._site, Trigger.STARTUP, Look(), self._stop)
        return time.perf_counter() - began_s

    def end(self) -> None:
        """Watch nothing any more."""
        self._sight.forget()
        self._site.vault.close()
        self._null.close()

    def gather(self) -> None:
        """Let the events of what was just changed come in, as they do while the daemon waits for quiet."""
        if not any(self._sight.flush() for _ in range(_PATIENCE)):
            raise RuntimeError("no probe came back: is this machine too busy?")

    def snapshot(self) -> None:
        """Record what the events named: a look as the worker's, from the end of the burst until all is on disk."""
        gathered = self._inbox.gathered(0.0, 0.0)
        assert gathered is not None, "no event came in"
        self._look(
            Look(
                self._seen.state,
                gathered.dirty,
                quiet_s=0.2,
                is_all=lambda: self._sight.flush() and self._inbox.events == gathered.events,
            ),
            Trigger.CHANGE,
        )
        assert self._seen.outcome is not None
        assert self._seen.outcome.outcome is Recording.RECORDED, self._seen.outcome

    def back_up(self) -> None:
        """Compare everything, as the schedule has it done."""
        self._look(Look(self._seen.state, EVERYTHING, quiet_s=0.2, patience_s=2.0), Trigger.SCHEDULE)

    def _look(self, look: Look, trigger: Trigger) -> Seen:
        self._seen = observe(self._site, trigger, look, self._stop)
        return self._seen

    def forget_events(self) -> None:
        """Begin anew with what others did to root and vault meanwhile."""
        self._sight.flush()
        self._inbox.gathered(0.0, 0.0)
        self._seen = observe(self._site, Trigger.STARTUP, Look(), self._stop)

    def maintain(self) -> None:
        """Pack what has piled up."""
        maintenance.pack(self._site.vault)

    def loose(self) -> set[str]:
        """Return the paths of all loose objects in the vault."""
        objects = self.vault / "objects"
        return {
            f"{folder.name}/{entry.name}"
            for folder in os.scandir(objects)
            if len(folder.name) == 2
            for entry in os.scandir(folder)
        }


def environ() -> dict[str, str]:
    """Return the environment of commands as installed: every library compiled once, even where a shell forbids it."""
    found = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    return found | {"PYTHONPYCACHEPREFIX": str(PROJECT / "build" / "compiled")}


def run(argv: list[str], env: dict[str, str]) -> str:
    """Run a command line that must succeed, and return what it prints."""
    done = subprocess.run(argv, env=env, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"{argv}: {done.stderr}")
    return done.stdout
