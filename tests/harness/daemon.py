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

from sites import Place

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
        with self.process.stderr as lines:
            for line in lines:
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


class Watched(Place):
    """A place for a daemon: it logs everything as JSON, waits for a short quiet time and serves nothing."""

    def __init__(self, base: Path) -> None:
        """Make a root with one file, and the configuration."""
        self._settle(base, "conf/plugin")
        self.write({"a.yaml": "version: 1\n"})
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
        done = self.process(*arguments)
        assert done.code == 0, done
        return done.out

    def fails(self, *arguments: str) -> int:
        """Run another command of the program that must fail, and return its exit code."""
        done = self.process(*arguments)
        assert done.code != 0
        assert done.said("error")
        return done.code
