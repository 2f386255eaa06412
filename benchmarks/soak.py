"""Let a real daemon record change after change, and print what grows: python -m benchmarks.soak [CHANGES [DIRECTORY]].

With a plugin directory, a copy of it is watched as Coze's, and each change is one of its documents with another last line.
"""

from __future__ import annotations

import contextlib
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import psutil

from benchmarks.age import FILES, path_of
from benchmarks.ours import Ours

CHANGES = 10_000
# A change is given up as unseen after this long.
_PATIENCE_S = 60.0


class Sample(NamedTuple):
    """How the daemon stands after so many changes; processor time and latency are a change's, in milliseconds."""

    changes: int
    resident_kib: int
    descriptors: int
    threads: int
    processor_ms: float
    latency_ms: float
    vault_kib: int


def soak(folder: Path, changes: int, every: int, directory: Path | None = None) -> Iterator[Sample]:
    """Make so many changes one after the other, each once the one before is recorded; yield a sample `every` so many."""
    folder.mkdir(parents=True)
    root = folder / "root"
    change = _copied(root, directory) if directory is not None else _invented(root)
    profile = "generic" if directory is None else "coze"
    ours = Ours(root, folder / "ours", f"validate: {{profile: {profile}}}\nwatch: {{quiet: 10ms}}\n")
    ours.config.write_text(ours.config.read_text().replace("watch: {quiet: 200ms}\n", "", 1))
    recorded = threading.Semaphore(0)
    with subprocess.Popen(ours.argv("run"), stderr=subprocess.PIPE, env=ours.environ, text=True) as child:
        assert child.stderr is not None
        reader = threading.Thread(target=_hear, args=(child.stderr, recorded), daemon=True)
        reader.start()
        try:
            if not recorded.acquire(timeout=_PATIENCE_S):
                raise RuntimeError("the daemon recorded no first state")
            process = psutil.Process(child.pid)
            before_s, waited_s = _processor_s(process), 0.0
            for number in range(1, changes + 1):
                began_s = time.monotonic()
                change(number)
                if not recorded.acquire(timeout=_PATIENCE_S):
                    raise RuntimeError(f"change {number} was not recorded")
                waited_s += time.monotonic() - began_s
                if number % every == 0:
                    now_s = _processor_s(process)
                    yield Sample(
                        number,
                        process.memory_info().rss // 1024,
                        process.num_fds(),
                        process.num_threads(),
                        1000 * (now_s - before_s) / every,
                        1000 * waited_s / every,
                        sum(one.stat().st_blocks for one in ours.vault.rglob("*") if one.is_file()) // 2,
                    )
                    before_s, waited_s = now_s, 0.0
        finally:
            child.terminate()


def _invented(root: Path) -> Callable[[int], None]:
    """Make a root of small files; return what changes one of them."""
    for number in range(FILES):
        path = root / path_of(number)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"name: service{number}\n")

    def change(number: int) -> None:
        (root / path_of(number % FILES)).write_text(f"revision: {number}\n")

    return change


def _copied(root: Path, directory: Path) -> Callable[[int], None]:
    """Make a root of a copy of `directory`; return what changes one of its documents."""
    shutil.copytree(directory, root)
    documents = {path: path.read_text() for path in sorted(root.rglob("*.yaml"))}
    paths = list(documents)

    def change(number: int) -> None:
        path = paths[number % len(paths)]
        path.write_text(f"{documents[path]}\n# revision {number}\n")

    return change


def _hear(lines: Iterator[str], recorded: threading.Semaphore) -> None:
    # The pipe is closed by whoever ends the daemon, maybe while this waits for the next line.
    with contextlib.suppress(ValueError):
        for line in lines:
            if '"snapshot.recorded"' in line:
                recorded.release()


def _processor_s(process: psutil.Process) -> float:
    times = process.cpu_times()
    return float(times.user + times.system + times.children_user + times.children_system)


def main() -> int:
    """Print the samples, and how the last compares with the first."""
    changes = int(sys.argv[1]) if len(sys.argv) > 1 else CHANGES
    directory = Path(sys.argv[2]) if len(sys.argv) > 2 else None
    samples: list[Sample] = []
    with tempfile.TemporaryDirectory(prefix="configvault-soak-") as folder:
        print("  ".join(f"{name:>12}" for name in Sample._fields))
        for sample in soak(Path(folder) / "place", changes, max(1, changes // 100), directory):
            samples.append(sample)
            print(
                "  ".join(
                    f"{value:>12.1f}" if isinstance(value, float) else f"{value:>12}" for value in sample
                ),
                flush=True,
            )
    first, last = samples[0], samples[-1]
    for name in ("resident_kib", "descriptors", "threads", "processor_ms", "latency_ms"):
        print(f"{name}: {getattr(last, name) / max(getattr(first, name), 0.001):.2f} times the first")
    return 0


if __name__ == "__main__":
    sys.exit(main())
