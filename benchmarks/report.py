"""What is written of a run: a table with the goals, the plots, and what the slopes say of a million files."""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Iterator
from pathlib import Path

from benchmarks import peers
from benchmarks.bench import Bench
from benchmarks.measure import Row, slope
from benchmarks.plot import OURS, cost_against_size
from benchmarks.snapshot import FLOOR
from benchmarks.trees import FILES_A_FOLDER

MILLION = 1_000_000
PLOTS = {
    "snapshot": "One file changed: what a durable snapshot costs",
    "unchanged": "Nothing changed: what it costs to be sure",
    "rollback": "One file back: the whole command",
    "first": "The first snapshot of everything",
    "age": "Commands in a vault of so many snapshots: processor time",
}


def write(bench: Bench, folder: Path, left_out: list[str], minutes: float) -> None:
    """Write `results.md`, `results.json` and the plots into `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    text = [
        "# Results",
        "",
        "Made by `make bench`; [README.md](README.md) says how it was measured.",
        "",
        *machine(bench, left_out, minutes),
        "",
        *table(bench.rows),
        "",
        "## A million files, on paper",
        "",
        *million(bench),
        "",
        "## Medians",
        "",
        *medians(bench),
    ]
    (folder / "results.md").write_text("\n".join(text) + "\n")
    kept = {"rows": [row._asdict() for row in bench.rows], "seconds": bench.series}
    (folder / "results.json").write_text(json.dumps(kept, indent=1) + "\n")
    for topic, title in PLOTS.items():
        series = {name: points for name, points in bench.series.get(topic, {}).items() if name != FLOOR}
        if any(len(points) > 1 for points in series.values()):
            of = "snapshots" if topic == "age" else "files"
            (folder / f"{topic}.svg").write_text(cost_against_size(title, series, of))


def machine(bench: Bench, left_out: list[str], minutes: float) -> Iterator[str]:
    """Say where it ran and with what."""
    programs = [peers.version(kind.program) for kind in bench.kinds]
    yield (
        f"{os.cpu_count()} processors, load average {os.getloadavg()[2]:.1f} at the end, Linux {platform.release().split('-')[0]},"
        f" {file_system(bench.disk)} and {file_system(bench.memory)}, Python {platform.python_version()}; {minutes:.0f} minutes."
    )
    yield f"Peers: {', '.join(programs)}."
    if left_out:
        yield f"Not installed or failed, so left out: {', '.join(left_out)}."


def file_system(place: Path) -> str:
    """Return the type of the file system at `place`. Source: proc(5), mounts."""
    found, longest = "?", -1
    for line in Path("/proc/mounts").read_text().splitlines():
        _, mount, kind = line.split()[:3]
        if place.is_relative_to(mount) and len(mount) > longest:
            found, longest = kind, len(mount)
    return found


def table(rows: list[Row]) -> Iterator[str]:
    """Return the rows as Markdown, ratios but for those with a unit."""
    yield "| what | against | measured | goal | |"
    yield "|---|---|---:|---:|---|"
    for row in rows:
        goal = "" if row.goal is None else f"≤ {row.goal:g}{_unit(row)}"
        ending = "" if row.goal is None else "met" if row.value <= row.goal else f"**missed, {_times(row)}**"
        note = f"{ending} {row.note}".strip()
        yield f"| {row.what} | {row.against} | {figure(row.value)}{_unit(row)} | {goal} | {note} |"


def _times(row: Row) -> str:
    return f"{row.value / row.goal:.3g} times the goal" if row.goal else "by as many"


def _unit(row: Row) -> str:
    return f" {row.unit}" if row.unit else ""


def figure(value: float) -> str:
    """Return a number with about three figures."""
    if value == int(value) and abs(value) < 1000:
        return f"{value:.0f}"
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


def medians(bench: Bench) -> Iterator[str]:
    """Return milliseconds by size for each topic; they drift with the machine, the ratios above do not."""
    for topic, series in bench.series.items():
        if topic == "memory":
            continue
        sizes = sorted({size for points in series.values() for size in points})
        yield f"| {topic}, ms | {' | '.join(f'{size:,}' for size in sizes)} |"
        yield f"|---|{'---:|' * len(sizes)}"
        for name, points in series.items():
            cells = [figure(points[size] * 1000) if size in points else "" for size in sizes]
            yield f"| {name} | {' | '.join(cells)} |"
        yield ""


def million(bench: Bench) -> Iterator[str]:
    """Return what the straight lines through the two ends of this run say of a million files."""
    yield "Straight lines through the smallest and the largest size measured, drawn on to a million; nothing was run at that size."
    yield ""
    yield "| what | for each 1,000 files more | at 1,000,000 |"
    yield "|---|---:|---:|"
    for topic, what in (
        ("first", "first snapshot"),
        ("start", "start of the daemon with saved stamps"),
        ("snapshot", "one-file snapshot"),
        ("unchanged", "scheduled backup, nothing changed"),
        ("rollback", "`configvault rollback` of one file"),
    ):
        found = bench.series.get(topic, {})
        points = found.get(OURS) or found.get("configvault rollback") or {}
        points = {size: value for size, value in points.items() if size}
        if len(points) > 1:
            offset, rise = slope(points.items())
            yield f"| {what} | {figure(rise * 1e6)} ms | {figure(offset + rise * MILLION)} s |"
    held = {size: value for size, value in bench.series.get("memory", {}).get(OURS, {}).items() if size}
    if len(held) > 1:
        offset, rise = slope(held.items())
        at_million = figure((offset + rise * MILLION) / 1e6)
        yield f"| resident memory of the daemon | {figure(rise * 1000 / 1e6)} MB | {at_million} MB |"
    folders = round(MILLION / FILES_A_FOLDER * (1 + 1 / FILES_A_FOLDER + 1 / FILES_A_FOLDER**2))
    yield f"| folders, so inotify watches | {folders / 1000:.0f} | {folders:,} |"
    yield ""
    limits = Path("/proc/sys/fs/inotify")
    watches, queue = (int((limits / name).read_text()) for name in ("max_user_watches", "max_queued_events"))
    yield (
        f"This machine allows {watches:,} watches a user, so {'they suffice' if watches > folders else 'they do not suffice: polling takes over'};"
        f" its queue holds {queue:,} events, which a copy of everything overflows {MILLION // queue} times over: then everything is looked at once more."
    )
