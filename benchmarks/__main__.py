"""Measure everything in one run, and write table and plots.

python -m benchmarks [--quick] [--sizes 20,1000,10000] [--only TOPIC,...] [--output DIR]
"""

from __future__ import annotations

import argparse
import signal
import sys
import time
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path

from benchmarks import (
    PROJECT,
    age,
    idle,
    listing,
    peers,
    report,
    rollback,
    servicelog,
    snapshot,
    startup,
    storage,
    storm,
    unchanged,
    validation,
)
from benchmarks.bench import Bench, places
from benchmarks.measure import Row

TOPICS: dict[str, Callable[[Bench], Iterator[Row]]] = {
    "snapshot": snapshot.run,
    "unchanged": unchanged.run,
    "storage": storage.run,
    "startup": startup.run,
    "listing": listing.run,
    "age": age.run,
    "validation": validation.run,
    "servicelog": servicelog.run,
    "idle": idle.run,
    "storm": storm.run,
    # Last: what its peer deletes makes new files dear for a while.
    "rollback": rollback.run,
}
SIZES, QUICK_SIZES = [20, 1_000, 10_000], [20, 300]


def main() -> int:
    """Measure and write."""
    asked = _asked()
    began_s = time.monotonic()
    # Whoever ends it shall not find its trees there afterwards.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    kinds, missing = peers.installed()

    def say(text: str) -> None:
        print(f"{time.monotonic() - began_s:6.1f} s  {text}", file=sys.stderr, flush=True)

    if missing:
        say(f"not installed, so left out: {', '.join(missing)}")
    with places(asked.disk) as (disk, memory):
        bench = Bench(asked.sizes, asked.quick, disk, memory, asked.directory, kinds, say)
        try:
            failed = [name for name in asked.only if not _works(bench, name)]
        finally:
            bench.end()
        report.write(bench, asked.output, [*missing, *failed], (time.monotonic() - began_s) / 60)
        print("\n".join(report.table(bench.rows)))
    return 1 if failed else 0


def _works(bench: Bench, name: str) -> bool:
    """Measure one topic; where it fails, say so and let the others be measured."""
    try:
        for row in TOPICS[name](bench):
            bench.rows.append(row)
            bench.say("\n".join(report.table([row])).splitlines()[-1])
    except Exception:  # a run takes long: what was measured so far is kept
        bench.say(f"{name} failed:\n{traceback.format_exc()}")
        return False
    return True


def _asked() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--quick", action="store_true", help="few rounds, small trees: whether it works at all")
    parser.add_argument("--sizes", type=_sizes, help="files in the trees (default: 20,1000,10000)")
    parser.add_argument("--only", type=lambda text: text.split(","), help=f"of {', '.join(TOPICS)}")
    parser.add_argument("--disk", type=Path, help="a directory on the file system to measure on")
    parser.add_argument(
        "--directory", type=Path, help="a plugin directory to validate in place of an invented one"
    )
    parser.add_argument(
        "--output", type=Path, help="where to write (default: docs/benchmarks, or build/benchmarks of a part)"
    )
    asked = parser.parse_args()
    is_all = not (asked.quick or asked.only)
    asked.sizes = asked.sizes or (QUICK_SIZES if asked.quick else SIZES)
    asked.only = asked.only or list(TOPICS)
    asked.output = asked.output or PROJECT / ("docs" if is_all else "build") / "benchmarks"
    return asked


def _sizes(text: str) -> list[int]:
    return sorted(int(one.replace("_", "")) for one in text.split(","))


if __name__ == "__main__":
    sys.exit(main())
