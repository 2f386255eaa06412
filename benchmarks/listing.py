"""What `configvault list` costs on a long history."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

from benchmarks import ours as ours_
from benchmarks.bench import Bench
from benchmarks.measure import Contender, Row
from benchmarks.ours import Ours
from configvault.core import gitformat
from configvault.core.model import Entry, Folder, Kind
from configvault.vault import maintenance
from configvault.vault.opening import create_vault
from configvault.vault.repository import Note

SNAPSHOTS = 10_000
LIST, LOG, LIBRARIES = "configvault list", "git log", "python"


def run(bench: Bench) -> Iterator[Row]:
    """List the newest twenty and all, beside what any such program needs: a parser, JSON, YAML and `git log`."""
    count = 200 if bench.quick else SNAPSHOTS
    place = bench.memory / "listing"
    (place / "root").mkdir(parents=True)
    ours = Ours(place / "root", place / "ours")
    fill(ours.vault, count)
    # As every vault has it that a daemon or a command has recorded in: what the configuration says is known.
    (ours.root / "a.txt").write_text(f"{count - 1}\n")
    ours.command("snapshot")
    libraries = Contender(
        LIBRARIES, lambda: ours_.run([sys.executable, "-c", "import argparse, json, yaml"], ours.environ)
    )
    for limit in ("20", str(count)):
        log = ["git", "-C", str(ours.vault), "log", f"-{limit}", "--format=%H %T %cI %B", "main"]
        times = bench.contest(
            f"list --limit {limit}",
            count,
            [
                Contender(LIST, lambda limit=limit: ours.command("list", "--limit", limit)),
                Contender(LOG, lambda log=log: ours_.run(log, ours.environ)),
                libraries,
            ],
        )
        ratio = times.ratio(LIST, LOG, LIBRARIES)
        what = f"`configvault list --limit {limit}`, {count:,} snapshots"
        against = f'`python -c "import argparse, json, yaml"` and `git log -{limit}` together'
        yield Row(what, against, ratio, bench.goal(1.5, count, SNAPSHOTS) if limit == "20" else None)


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
