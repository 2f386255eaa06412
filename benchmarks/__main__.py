"""Measure everything in one run, and write table and plots.

    python -m benchmarks [--quick] [--sizes 20,1000,10000] [--only TOPIC,...] [--output DIR]
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from benchmarks import PROJECT, peers, rollback, snapshot, unchanged
from benchmarks.bench import Bench, places
from benchmarks.measure import Row

Topic = Callable[[Bench], Iterator[Row]]
TOPICS: dict[str, Topic] = {
    "snapshot": snapshot.run,
    "unchanged": unchanged.run,
    "rollback": rollback.run,
}


def main() -> None:
    """Measure and write."""
    asked = _parser().parse_args()
    began_s = time.monotonic()
    kinds, missing = peers.installed()

    def say(text: str) -> None:
        print(f"{time.monotonic() - began_s:6.1f} s  {text}", file=sys.stderr, flush=True)

    if missing:
        say(f"not installed, so left out: {', '.join(missing)}")
    with places(asked.disk) as (disk, memory):
        bench = Bench(asked.sizes, asked.quick, disk, memory, asked.directory, kinds, say)
        try:
            for name in asked.only:
                for row in TOPICS[name](bench):
                    bench.rows.append(row)
                    say(f"{row}")
        finally:
            bench.end()
    for row in bench.rows:
        goal = "" if row.goal is None else f"{row.goal:g}"
        miss = "MISSED" if row.goal is not None and row.value > row.goal else ""
        print(f"{row.what:90} | {row.against:60} | {row.value:10.4g} {row.unit:4} | {goal:6} | {miss}")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--quick", action="store_true", help="few rounds, small trees: whether it works at all")
    parser.add_argument("--sizes", type=_sizes, default=None)
    parser.add_argument("--only", type=lambda text: text.split(","), default=list(TOPICS))
    parser.add_argument("--disk", type=Path, help="a directory on the file system to measure on")
    parser.add_argument("--directory", type=Path, help="a plugin directory to judge in place of an invented one")
    parser.add_argument("--output", type=Path, default=PROJECT / "docs" / "benchmarks")
    return parser


def _sizes(text: str) -> list[int]:
    return sorted(int(one.replace("_", "")) for one in text.split(","))


if __name__ == "__main__":
    main()
