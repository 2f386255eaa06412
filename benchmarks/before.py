"""Compare this version with an older one in one run: `python -m benchmarks.before e50fb46 [ROUNDS]`.

A one-file snapshot in the daemon, a rollback of one file, `list`, `status` by processor time, and what an idle daemon holds; in a
directory of 18 invented plugins, each version on one of its own, both by this Python and its libraries.
"""

from __future__ import annotations

import os
import resource
import statistics
import subprocess
import sys
import tarfile
import tempfile
import time
from collections.abc import Callable
from io import BytesIO
from pathlib import Path

import psutil
from plugins import TIDES

from benchmarks import PROJECT
from benchmarks.idle import cpu_ns
from benchmarks.ours import environ, run
from benchmarks.validation import invented

# The kept process of a validator is gone after a minute.
IDLE_S = 75.0
_PATIENCE_S = 60.0


class Version:
    """One version at work on its own root and vault."""

    def __init__(self, source: Path, place: Path) -> None:
        """Lay out the root, and record it three times."""
        self._place = place
        root = place / "root"
        for path, content in invented().items():
            (root / path).parent.mkdir(parents=True, exist_ok=True)
            (root / path).write_bytes(content if isinstance(content, bytes) else str(content).encode())
        self._file = root / "pluginproduct/tides1.yaml"
        self._vault = place / "vault"
        (place / "config.yaml").write_text(
            f"root: {root}\nvault: {self._vault}\nreload: {{kind: none}}\nhttp: {{listen: 'off'}}\nwatch: {{quiet: 200ms}}\n"
        )
        self._environ = environ() | {"PYTHONPATH": str(source), "PYTHONPYCACHEPREFIX": str(place / "compiled")}
        self.command("init")
        for _ in range(3):
            self.change()

    def _argv(self, *arguments: str) -> list[str]:
        # Isolated from the working directory, in which the other version may be.
        return [sys.executable, "-P", "-m", "configvault", "-c", str(self._place / "config.yaml"), *arguments]

    def command(self, *arguments: str) -> float:
        """Run a command; return the seconds of processor time that it took with all that it started."""
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        run(self._argv(*arguments), self._environ)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime

    def edit(self) -> None:
        """Change a document."""
        self._file.write_text(f"{TIDES}x-note: {os.urandom(4).hex()}\n")

    def change(self) -> None:
        """Change a document and record it."""
        self.edit()
        self.command("snapshot")

    def roll_back(self) -> float:
        """Change a document and go back; only the way back counts."""
        self.change()
        return self.command("rollback", "previous")

    def start(self) -> None:
        """Start the daemon, and wait until it watches."""
        self._process = subprocess.Popen(
            self._argv("run"), env=self._environ, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
        )
        assert self._process.stderr is not None
        next(line for line in self._process.stderr if "daemon.ready" in line)

    def snapshot(self) -> float:
        """Change a document under the daemon; return the processor time it takes with what it has started."""
        tip, before = self._tip(), self._used_s()
        self.edit()
        until = time.monotonic() + _PATIENCE_S
        while self._tip() == tip:
            if time.monotonic() > until:
                raise RuntimeError("nothing was recorded")
            time.sleep(0.05)
        time.sleep(1)
        return self._used_s() - before

    def held_mb(self) -> float:
        """Return what the daemon and its children hold in memory."""
        return sum(one.memory_info().rss for one in self._family()) / 1e6

    def end(self) -> None:
        """Stop the daemon."""
        self._process.terminate()
        self._process.communicate()

    def _family(self) -> list[psutil.Process]:
        daemon = psutil.Process(self._process.pid)
        return [daemon, *daemon.children(recursive=True)]

    def _used_s(self) -> float:
        return sum(cpu_ns(one.pid) for one in self._family()) / 1e9

    def _tip(self) -> str:
        return run(["git", "--git-dir", str(self._vault), "rev-parse", "main"], self._environ)


def main() -> None:
    """Print a row for each thing that is compared."""
    commit, rounds = sys.argv[1], int([*sys.argv[2:], "9"][0])
    with tempfile.TemporaryDirectory(prefix="configvault-before-") as name:
        place = Path(name)
        old = run(["git", "-C", str(PROJECT), "rev-parse", commit], environ()).strip()
        packed = subprocess.run(["git", "-C", str(PROJECT), "archive", old], check=True, stdout=subprocess.PIPE)
        with tarfile.open(fileobj=BytesIO(packed.stdout)) as archive:
            archive.extractall(place / "source", filter="data")
        before, now = Version(place / "source", place / "before"), Version(PROJECT, place / "now")

        def compare(what: str, act: Callable[[Version], float]) -> None:
            taken = [(act(before) * 1000, act(now) * 1000) for _ in range(rounds + 1)][1:]
            was, is_ = (statistics.median(times) for times in zip(*taken, strict=True))
            ratio = statistics.median(mine / theirs for theirs, mine in taken)
            print(f"| {what} | {was:.0f} ms | {is_:.0f} ms | {ratio:.2f} |", flush=True)

        print(f"| processor time | {commit} | now | now : {commit} |\n|---|---:|---:|---:|")
        compare("`list --limit 20`", lambda one: one.command("list", "--limit", "20"))
        compare("`status`", lambda one: one.command("status"))
        compare("`rollback` of one file", Version.roll_back)
        before.start()
        now.start()
        try:
            compare("one-file snapshot in the daemon", Version.snapshot)
            time.sleep(IDLE_S)
            was, is_ = before.held_mb(), now.held_mb()
            print(f"| memory of the idle daemon | {was:.1f} MB | {is_:.1f} MB | {is_ / was:.2f} |")
        finally:
            before.end()
            now.end()


if __name__ == "__main__":
    main()
