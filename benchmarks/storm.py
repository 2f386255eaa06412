"""Thousands of files written at once: what is lost of them, also where the kernel's queue of events overflows."""

from __future__ import annotations

import os
import signal
import subprocess
import threading
import time
from collections.abc import Iterator

from harness.daemon import Daemon

from benchmarks.bench import Bench
from benchmarks.measure import Row
from benchmarks.ours import Ours
from benchmarks.trees import Tree
from configvault.core import gitformat

LONGEST_S = 300.0
WRITERS = 2
TOP = ("first.yaml", "second.yaml")
# More than the kernel keeps: fs.inotify.max_queued_events is 16,384.
FULL = 20_000


def run(bench: Bench) -> Iterator[Row]:
    """Write everything while the daemon looks on, and once more while it stands still, so that the queue fills."""
    size = bench.most
    for overflowing in (False, True):
        took_s, lost, overflowed = _storm(bench, size, overflowing=overflowing)
        bench.say(f"storm of {size} files: {lost} lost, all recorded after {took_s:.1f} s")
        how = ", forced overflow of the queue" if overflowing else ""
        note = "" if overflowed or not overflowing else "the queue did not overflow"
        yield Row(f"{size:,} files written at once{how}: changes lost", "-", lost, 0, note=note)


def _storm(bench: Bench, size: int, *, overflowing: bool) -> tuple[float, int, bool]:
    place = bench.disk / f"storm-{overflowing}"
    tree = Tree(place / "root" / "conf", size)
    tree.root.mkdir(parents=True)
    for name in TOP:
        (tree.root / name).write_text("a: 1\n")
    ours = Ours(tree.root, place / "ours")
    daemon = Daemon(ours.config, ours.environ)
    try:
        daemon.wait("daemon.ready")
        began_s = time.monotonic()
        if overflowing:
            daemon.process.send_signal(signal.SIGSTOP)
            os.waitid(os.P_PID, daemon.process.pid, os.WSTOPPED | os.WNOWAIT)
        writers = [threading.Thread(target=_write, args=(tree, first)) for first in range(WRITERS)]
        for thread in writers:
            thread.start()
        for thread in writers:
            thread.join()
        if overflowing:
            # Equal events that follow each other are joined; new folders are not watched before they are heard of.
            for number in range(FULL):
                os.utime(tree.root / TOP[number % 2])
            daemon.process.send_signal(signal.SIGCONT)
        wanted = {
            tree.path(number): gitformat.make("blob", tree.content(number).encode()).id
            for number in range(size)
        }
        idle = threading.Event()
        while (lost := _lost(ours, wanted)) and time.monotonic() - began_s < LONGEST_S:
            idle.wait(0.5)
        return time.monotonic() - began_s, lost, "watch.overflowed" in daemon.events()
    finally:
        daemon.stop()


def _write(tree: Tree, first: int) -> None:
    for number in range(first, tree.files, WRITERS):
        path = tree.root / tree.path(number)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(tree.content(number))


def _lost(ours: Ours, wanted: dict[str, str]) -> int:
    """Return how many files the latest snapshot does not have as they are."""
    argv = ["git", "-C", str(ours.vault), "ls-tree", "-r", "-z", "main"]
    listed = subprocess.run(argv, capture_output=True, text=True, check=True).stdout.split("\0")
    kept = {path: row.split()[2] for row, _, path in (line.partition("\t") for line in listed if line)}
    return sum(kept.get(path) != blob for path, blob in wanted.items())
