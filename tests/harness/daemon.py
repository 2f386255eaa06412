"""The real daemon as a process: start it on a root and a vault, wait for what its log says, end it."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

DEADLINE_S = 120


class Daemon:
    """One `configvault run`; every wait has a deadline, none is a pause."""

    def __init__(
        self,
        config: Path,
        environ: Mapping[str, str] | None = None,
        *arguments: str,
        through: Sequence[str] = (),
    ) -> None:
        """Start it, by another program where `through` is the beginning of the command line."""
        self.config = config
        self.said: list[dict[str, Any]] = []
        self.raw: list[str] = []
        self._changed = threading.Condition()
        self._read = 0
        self.process = subprocess.Popen(
            [*through, sys.executable, "-m", "configvault", "-c", str(config), "run", *arguments],
            env={**os.environ, **(environ or {})},
            stderr=subprocess.PIPE,
            stdin=subprocess.DEVNULL,
            text=True,
        )
        self._reader = threading.Thread(target=self._listen, daemon=True)
        self._reader.start()

    def _listen(self) -> None:
        assert self.process.stderr is not None
        for line in self.process.stderr:
            with self._changed:
                self.raw.append(line)
                with contextlib.suppress(ValueError):
                    self.said.append(json.loads(line))
                self._changed.notify_all()
        with self._changed:
            self._changed.notify_all()

    def wait(self, event: str, **values: object) -> dict[str, Any]:
        """Return the next line not yet waited for that is of this event and holds these values."""
        deadline_s = time.monotonic() + DEADLINE_S
        with self._changed:
            while True:
                for number in range(self._read, len(self.said)):
                    line = self.said[number]
                    if line["event"] == event and all(line.get(k) == v for k, v in values.items()):
                        self._read = number + 1
                        return line
                left_s = deadline_s - time.monotonic()
                if left_s <= 0 or (self.process.poll() is not None and not self._reader.is_alive()):
                    raise AssertionError(f"never said: {event} {values}; said:\n{''.join(self.raw)}")
                self._changed.wait(min(left_s, 1.0))

    def rewind(self) -> None:
        """Wait for lines from the first one on again."""
        self._read = 0

    def events(self) -> list[str]:
        """Return the events of all lines so far."""
        with self._changed:
            return [line["event"] for line in self.said]

    def stop(self, number: int = signal.SIGTERM) -> int:
        """End it and return its exit code."""
        if self.process.poll() is None:
            self.process.send_signal(number)
        code = self.process.wait(DEADLINE_S)
        self._reader.join(DEADLINE_S)
        return code

    def exited(self) -> int:
        """Return its exit code once it has ended by itself."""
        code = self.process.wait(DEADLINE_S)
        self._reader.join(DEADLINE_S)
        return code


class Place:
    """A root with a vault and a configuration for it, and what git says of the vault."""

    def __init__(self, folder: Path) -> None:
        """Make them in `folder`."""
        self.folder = folder
        self.root = folder / "conf" / "plugin"
        self.vault = folder / "vault"
        self.config = folder / "config.yaml"
        self.root.mkdir(parents=True)
        (self.root / "a.yaml").write_text("version: 1\n")
        self.configure()

    def configure(self, *lines: str, quiet: str = "200ms", max_wait: str = "5s", more_watch: str = "") -> None:
        """Write the configuration, with more lines."""
        text = [
            f"root: {self.root}",
            f"vault: {self.vault}",
            "validate: {profile: generic, rules: {mass-removal: off}}",
            "log: {format: json, level: debug}",
            f"watch: {{quiet: {quiet}, max_wait: {max_wait}{more_watch}}}",
        ]
        for key, otherwise in (("reload", "{kind: none}"), ("http", '{listen: "off"}')):
            if not any(line.startswith(f"{key}:") for line in lines):
                text.append(f"{key}: {otherwise}")
        self.config.write_text("\n".join([*text, *lines]) + "\n")

    @contextlib.contextmanager
    def daemon(self, environ: Mapping[str, str] | None = None) -> Iterator[Daemon]:
        """Run a daemon that is ready, and end it."""
        daemon = Daemon(self.config, environ)
        try:
            daemon.wait("daemon.ready")
            yield daemon
            assert daemon.stop() == 0, "".join(daemon.raw)
        finally:
            daemon.process.kill()
            daemon.process.wait()

    def command(self, *arguments: str) -> str:
        """Run another command of the program, and return what it prints."""
        command = [sys.executable, "-m", "configvault", "-c", str(self.config), *arguments]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout

    def fails(self, *arguments: str) -> int:
        """Run another command of the program that must fail, and return its exit code."""
        command = [sys.executable, "-m", "configvault", "-c", str(self.config), *arguments]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert done.returncode != 0
        assert "error: " in done.stderr
        return done.returncode

    def git(self, *arguments: str) -> str:
        """Return what git says of the vault."""
        command = ["git", "-C", str(self.vault), *arguments]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout

    def snapshots(self) -> list[str]:
        """Return the commits of main, oldest first."""
        return self.git("rev-list", "--reverse", "main").split()

    def triggers(self) -> list[str]:
        """Return why each was recorded, oldest first."""
        form = "%(trailers:key=Configvault-Trigger,valueonly,separator=%x20)"
        return self.git("log", "--reverse", f"--format={form}", "main").split()

    def rejected(self) -> list[str]:
        """Return the ids of the refused states, oldest first."""
        refs = self.git("for-each-ref", "--format=%(refname)", "refs/configvault/rejected/").split()
        return [ref.rpartition("/")[2] for ref in refs]

    def content(self, commit: str = "main") -> dict[str, bytes]:
        """Return the files of a snapshot but for the one of metadata."""
        names = self.git("ls-tree", "-r", "-z", "--name-only", commit).split("\0")
        command = ["git", "-C", str(self.vault), "cat-file", "blob"]
        return {
            name: subprocess.run([*command, f"{commit}:{name}"], capture_output=True, check=True).stdout
            for name in names
            if name and not name.startswith(".configvault-")
        }

    def live(self) -> dict[str, bytes]:
        """Return the files in the root."""
        return {
            str(path.relative_to(self.root)): os.fsencode(os.readlink(path))
            if path.is_symlink()
            else path.read_bytes()
            for path in sorted(self.root.rglob("*"))
            if path.is_symlink() or path.is_file()
        }

    def assert_whole(self) -> None:
        """Hold that the vault is whole and its latest snapshot is what is live."""
        self.git("fsck", "--strict", "--full")
        assert self.content() == self.live()
