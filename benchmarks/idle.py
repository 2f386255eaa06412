"""The real daemon: its start, its memory, what it costs while nothing happens, and how soon it records."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

from harness.daemon import Daemon

from benchmarks.bench import Bench
from benchmarks.measure import Contender, Row
from benchmarks.ours import Ours
from benchmarks.trees import Tree
from benchmarks.validation import invented
from configvault.vault import statefiles
from configvault.vault.repository import Vault

PLUGINS = "the plugin directory"
QUIET_S = 0.2
MEGA = 1e6


def run(bench: Bench) -> Iterator[Row]:
    """Measure a plugin directory and trees of two sizes, all daemons at the same time."""
    small, large = min(bench.sizes), bench.most
    running = [
        Running(bench, PLUGINS, None),
        *(Running(bench, f"{size:,} files", size) for size in sorted({small, large})),
    ]
    try:
        for one in running:
            one.work()
        yield from _memory(bench, running)
        yield _idle(bench, running)
        times = bench.contest("close to snapshot", large, [Contender(one.name, one.react) for one in running])
        for one in running:
            yield Row(f"close of a file to durable snapshot, {one.name}", "`watch.quiet`, in addition",
                      (times.median(one.name) - QUIET_S) * 1000, 50, "ms")  # fmt: skip
    finally:
        for one in running:
            one.daemon.stop()


def _memory(bench: Bench, running: list[Running]) -> Iterator[Row]:
    for one in running:
        held = memory_bytes(one.daemon.process.pid)
        bench.note("memory", "configvault", one.size or 0, held)
        bench.note("start", "configvault", one.size or 0, one.start_s)
        bench.say(f"{one.name}: started in {one.start_s:.2f} s, holds {held / MEGA:.1f} MB")
        goal = 64 if one.size is None else bench.goal(80, one.size)
        yield Row(f"resident memory of the idle daemon, {one.name}", "-", held / MEGA, goal, "MB")


def _idle(bench: Bench, running: list[Running]) -> Row:
    seconds = 2.0 if bench.quick else 60.0
    # Some seconds after a change the daemon writes the stamps down for others; then nothing is left to do.
    threading.Event().wait(1.0 if bench.quick else 15.0)
    began = [cpu_ns(one.daemon.process.pid) for one in running]
    threading.Event().wait(seconds)
    used_ms = [(cpu_ns(one.daemon.process.pid) - was) / 1e6 for one, was in zip(running, began, strict=True)]
    bench.say(
        "CPU, ms: " + ", ".join(f"{one.name} {used:.1f}" for one, used in zip(running, used_ms, strict=True))
    )
    return Row("idle CPU a minute, the largest of them", "-", max(used_ms) * 60 / seconds, 10, "ms")


class Running:
    """One daemon on one root, with everything loaded that work loads."""

    def __init__(self, bench: Bench, name: str, size: int | None) -> None:
        """Record the root by a first daemon, then measure the start of the second."""
        self.name, self.size = name, size
        place = bench.disk / f"daemon-{size}"
        self.tree = Tree(place / "root" / "conf", size or 0)
        more = "validate: {profile: generic}\n"
        if size is None:
            lay_out(bench.directory, self.tree.root)
            more = ""
        else:
            self.tree.build()
        ours = Ours(self.tree.root, place / "ours", more)
        ours.command("init")
        # Long ago, so that both lines of the schedule are caught up with.
        long_ago = datetime.now(UTC) - timedelta(days=30)
        statefiles.SCHEDULE.write(
            Vault(str(ours.vault), {}).state, statefiles.Schedule({"backup": long_ago, "verify": long_ago})
        )
        began_s = time.perf_counter()
        self.daemon = Daemon(
            ours.config, ours.environ | {"WATCHDOG_USEC": "30000000", "NOTIFY_SOCKET": "/nobody"}
        )
        self.daemon.wait("daemon.ready")
        self.start_s = time.perf_counter() - began_s
        self.daemon.wait("vault.verified")
        self._some = next(
            path for path in sorted(self.tree.root.rglob("*.yaml")) if path.name != "plugin_meta.yaml"
        )
        self._edits = 0

    def work(self) -> None:
        """Record a change and refuse one, so that what they load is loaded."""
        self.react()
        before = self._some.read_text()
        self._some.write_text("openapi: [\n")
        self.daemon.wait("change.rejected")
        self._some.write_text(before)
        self.daemon.wait("root.compared", trigger="change")

    def react(self) -> float:
        """Change a file; return the seconds from its close until the snapshot is reported."""
        self._edits += 1
        text = f"{self._some.read_text()}\n# {self._edits}\n"
        self._some.write_text(text)
        closed_s = time.perf_counter()
        self.daemon.wait("snapshot.recorded", trigger="change")
        return time.perf_counter() - closed_s


def lay_out(given: Path | None, root: Path) -> None:
    """Put a plugin directory at `root`: a copy of the one given, or an invented one."""
    if given is not None:
        import shutil

        shutil.copytree(given, root)
        return
    for path, content in invented().items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_bytes(content if isinstance(content, bytes) else content.encode())
    icons = root / "pluginproduct" / "icons"
    icons.mkdir(parents=True, exist_ok=True)


def memory_bytes(pid: int) -> int:
    """Return what a process holds in memory. Source: proc(5), status."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) * 1024
    return 0


def cpu_ns(pid: int) -> int:
    """Return the processor time of a process, and of its children that ended. Source: proc(5), schedstat, stat."""
    threads = sum(int(path.read_text().split()[0]) for path in Path(f"/proc/{pid}/task").glob("*/schedstat"))
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    children = sum(map(int, fields[13:15])) * 1_000_000_000 // os.sysconf("SC_CLK_TCK")
    return threads + children
