"""What `configvault list` costs on a long history, beside `python -c "import git"` and `git log` of the same length.

    python benchmarks/listing.py [SNAPSHOTS]

Prints medians and the ratio (goal: at most 2). Each is a process of its own, taken in turns, so that a noisy
machine is noisy for all of them.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

from configvault.core import gitformat
from configvault.core.model import Entry, Folder, Kind
from configvault.vault import maintenance
from configvault.vault.repository import Note, create_vault

ROUNDS = 9
GOAL = 2.0


def fill(vault_path: Path, count: int) -> None:
    """Record `count` snapshots of one file, a minute apart."""
    vault = create_vault(str(vault_path), dict(os.environ))
    start = datetime(2024, 1, 1, tzinfo=UTC)
    before = None
    for number in range(count):
        body = b"%d\n" % number
        blob = gitformat.make("blob", body).id
        state = Folder(0o755, 0, 0, {"a.txt": Entry(Kind.FILE, 0o644, 0, 0, blob, len(body))})
        with vault.stage() as stage:
            stage.keep(blob, stage.append([body]))
            at = start + timedelta(minutes=number)
            note = Note(at, "manual", "somebody (uid 0, process)", "host", f"Update a.txt: {number}")
            vault.record(state, before, stage, note)
        before = state
    maintenance.pack(vault)
    vault.close()


def seconds(argv: list[str], env: dict[str, str]) -> float:
    """Return how long a command takes."""
    started = time.perf_counter()
    subprocess.run(argv, check=True, stdout=subprocess.DEVNULL, env=env)
    return time.perf_counter() - started


def main() -> None:
    """Measure and print."""
    count = int(sys.argv[1]) if sys.argv[1:] else 1000
    with tempfile.TemporaryDirectory() as name:
        base = Path(name)
        (base / "root").mkdir()
        config = base / "config.yaml"
        config.write_text(f"root: {base}/root\nvault: {base}/vault\n")
        fill(base / "vault", count)
        commands = {
            "configvault list": [sys.executable, "-m", "configvault", "-c", str(config), "list"],
            'python -c "import git"': [sys.executable, "-c", "import git"],
            "git log": ["git", "-C", str(base / "vault"), "log", "--format=%H %T %cI %B", "main"],
        }
        # As installed: every library compiled once, ours too, even where this shell forbids it for the checkout.
        env = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
        env["PYTHONPYCACHEPREFIX"] = str(base / "compiled")
        taken: dict[str, list[float]] = {label: [] for label in commands}
        for number in range(ROUNDS + 1):
            for label, argv in commands.items():
                once = seconds(argv, env)
                if number:
                    taken[label].append(once)
    medians = {label: statistics.median(times) for label, times in taken.items()}
    for label, median in medians.items():
        print(f"{label:24} {median * 1000:7.1f} ms  (least {min(taken[label]) * 1000:.1f})")
    ours, *theirs = medians.values()
    print(f"ratio at {count} snapshots: {ours / sum(theirs):.2f} (goal: at most {GOAL:g})")


if __name__ == "__main__":
    main()
