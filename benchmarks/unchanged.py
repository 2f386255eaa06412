"""Nothing changed: what it costs to be sure of that."""

from __future__ import annotations

from collections.abc import Iterator

from benchmarks.bench import Bench
from benchmarks.measure import Contender, Row

STATUS = "git status"


def run(bench: Bench) -> Iterator[Row]:
    """Measure a scheduled backup inside the daemon, and the command, beside the peers."""
    for size in bench.sizes:
        here = bench.field(size)
        here.ours.forget_events()
        contenders = [
            Contender("configvault", here.ours.back_up),
            Contender(STATUS, here.git.status),
            Contender("configvault snapshot (command)", lambda ours=here.ours: ours.command("snapshot")),
        ]
        contenders += [
            Contender(name, peer.keep) for name, peer in here.peers.items() if name not in {"git", "cp -r"}
        ]
        times = bench.contest("unchanged", size, contenders)
        what = f"scheduled backup, nothing changed, {size:,} files"
        if size == bench.most:
            yield Row(what, "`git status`", times.ratio("configvault", STATUS), bench.goal(2, size))
            for name in ("restic", "borg"):
                if name in here.peers:
                    yield Row(what, name, times.ratio("configvault", name), bench.goal(0.1, size))
            yield Row(f"`configvault snapshot`, nothing changed, {size:,} files", "`git status`",
                      times.ratio("configvault snapshot (command)", STATUS))  # fmt: skip
