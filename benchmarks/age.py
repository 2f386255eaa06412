"""Vaults as they are after years: many snapshots, some of them rollbacks, pinned or good, and refused states between.

`fill` writes through `git fast-import` what the program itself would have written, in seconds instead of hours;
tests/test_age.py holds that both are the same.
"""

from __future__ import annotations

import dataclasses
import os
import resource
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from pathlib import Path

from benchmarks import measure
from benchmarks.bench import BUDGET_S, Bench
from benchmarks.measure import Contender, Row
from benchmarks.ours import Ours
from configvault import app
from configvault.core import times
from configvault.core.model import Finding, Severity, Trigger
from configvault.usecases import record
from configvault.usecases.site import Site
from configvault.vault import marks as marks_of
from configvault.vault import messages
from configvault.vault.refs import MAIN, REJECTED, TAGS
from configvault.vault.repository import IDENTITY

AGES, QUICK_AGES = [100, 20_000, 50_000], [100, 1_000]
FILES = 40
# One of so many snapshots is a rollback, has a pin, is good, or comes after a refused state.
A_ROLLBACK, A_PIN, A_GOOD, A_REFUSAL = 125, 50, 5, 10
EVERY = timedelta(minutes=17)
_ACTOR = "deploy (uid 1000, process)"


def path_of(number: int) -> str:
    """Return the path of a file."""
    return f"area{number % 4}/service{number:02}.yaml"


class Ager:
    """Writes a history of `snapshots` into the empty vault of `site`, the newest of it taken just before now."""

    def __init__(self, site: Site, snapshots: int) -> None:
        """Plan it; `fill` does it."""
        self._site = site
        self._snapshots = snapshots
        self._at = site.now().replace(microsecond=0) - EVERY * (snapshots + 1)
        self._number = 0
        self._mark = 0
        self._content = {path_of(number): f"name: service{number:02}\n" for number in range(FILES)}
        self._ids: list[str] = []
        self._refs: dict[str, int] = {}
        self._said = marks_of.Marks()
        self._marks_tip: int | None = None
        self._marked: dict[str, bytes] = {}

    def fill(self) -> None:
        """Record the first state as ever, and import all that follows."""
        vault = self._site.vault
        self._write_root()
        site = dataclasses.replace(self._site, now=lambda: self._at)
        first = record.record(site, Trigger.STARTUP).snapshot
        assert first is not None
        self._ids.append(first.id)
        with tempfile.TemporaryDirectory() as folder:
            marks = Path(folder) / "marks"
            argv = vault.git.argv("fast-import", "--quiet", "--done", f"--export-marks={marks}")
            child = subprocess.Popen(argv, env=vault.git.env, stdin=subprocess.PIPE, cwd="/")
            assert child.stdin is not None
            with child.stdin as pipe:
                for piece in self._stream(first.commit):
                    pipe.write(piece)
            if child.wait():
                raise RuntimeError("git fast-import failed")
            commits = {int(line[1:].split()[0]): line.split()[1] for line in marks.read_text().splitlines()}
        self._point(
            {TAGS + first.id: first.commit} | {name: commits[mark] for name, mark in self._refs.items()}
        )
        self._write_root()

    def _write_root(self) -> None:
        for path, text in self._content.items():
            place = Path(self._site.root.path) / path
            place.parent.mkdir(exist_ok=True)
            place.write_text(text)

    def _point(self, refs: Mapping[str, str]) -> None:
        """Have each ref lead to its commit, all of them packed as housekeeping leaves them."""
        path = Path(self._site.vault.path)
        lines = [f"{commit} {name}\n" for name, commit in sorted(refs.items())]
        (path / "packed-refs").write_text(f"# pack-refs with: peeled fully-peeled sorted \n{''.join(lines)}")
        for folder, folders, names in os.walk(path / "refs", topdown=False):
            for name in names:
                os.unlink(os.path.join(folder, name))
            for name in folders:
                if os.path.join(folder, name) not in (f"{path}/refs/heads", f"{path}/refs/tags"):
                    os.rmdir(os.path.join(folder, name))

    # --- the stream; Source: git-fast-import(1)

    def _stream(self, first: str) -> Iterator[bytes]:
        parent = first
        before = dict(self._content)
        for number in range(1, self._snapshots):
            self._number = number
            self._at += EVERY
            if self._number % A_REFUSAL == 0:
                yield from self._refusal(parent)
            is_rollback = self._number % A_ROLLBACK == A_ROLLBACK - 1
            changed = self._number % FILES
            path = path_of((self._number - 1) % FILES if is_rollback else changed)
            text = before[path] if is_rollback else f"name: service{changed:02}\nrevision: {self._number}\n"
            before, self._content[path] = dict(self._content), text
            yield from self._snapshot(parent, path, is_rollback)
            parent = f":{self._mark}"
            if is_rollback or self._number == self._snapshots - 1:
                yield from self._marks()
        yield b"done\n"

    def _snapshot(self, parent: str, path: str, is_rollback: bool) -> Iterator[bytes]:
        id_ = times.snapshot_id(self._at, self._ids[-1], lambda _: False)
        target = self._ids[-2] if is_rollback else None
        subject = f"Roll back to {target}" if is_rollback else f"Update {path}: revision {self._number}"
        trigger = Trigger.ROLLBACK if is_rollback else Trigger.CHANGE
        yield from self._commit(MAIN, parent, self._message(subject, "", id_, trigger, target))
        yield from _file(path, self._content[path])
        self._refs |= {MAIN: self._mark, TAGS + id_: self._mark}
        if is_rollback:
            self._said = self._said.with_rolled_back([self._ids[-1]], id_)
        if self._number % A_PIN == 0:
            self._said = self._said.with_pin(f"release-{self._number}", id_)
        if self._number % A_GOOD == 0:
            self._said = self._said.with_good(id_)
        self._ids.append(id_)

    def _refusal(self, parent: str) -> Iterator[bytes]:
        id_ = times.rejected_id(self._at - EVERY / 2, None, lambda _: False)
        path = path_of(self._number % FILES)
        finding = Finding("yaml-syntax", Severity.ERROR, path, 2, 1, "the text ends in the middle of a list")
        body = messages.findings_text([finding])
        message = self._message(f"Refuse: yaml-syntax in {path}:2", body, id_, Trigger.CHANGE, None)
        yield from self._commit(REJECTED + id_, parent, message)
        yield from _file(path, f"name: service\nrevision: [{self._number}\n")
        self._refs[REJECTED + id_] = self._mark

    def _marks(self) -> Iterator[bytes]:
        parent = f":{self._marks_tip}" if self._marks_tip else None
        message = self._message(f"Leave {self._ids[-2]}", "", None, Trigger.ROLLBACK, None)
        yield from self._commit(marks_of.REF, parent, message)
        for path, text in marks_of.dump(self._said):
            assert isinstance(text, bytes)
            if self._marked.get(path) != text:
                self._marked[path] = text
                yield from _file(path, text.decode())
        self._refs[marks_of.REF] = self._marks_tip = self._mark

    def _message(self, subject: str, body: str, id_: str | None, trigger: str, target: str | None) -> str:
        trailers = {
            "Id": id_,
            "Trigger": trigger,
            "Actor": _ACTOR,
            "Host": self._site.host,
            "Target": target,
        }
        return messages.write(subject, body, trailers)

    def _commit(self, ref: str, parent: str | None, message: str) -> Iterator[bytes]:
        self._mark += 1
        stamp = f"{int(self._at.timestamp())} {self._at:%z}"
        author = messages.author(_ACTOR, self._site.host) or IDENTITY
        yield f"commit {ref}\nmark :{self._mark}\nauthor {author} {stamp}\n".encode()
        yield f"committer {IDENTITY} {stamp}\n".encode()
        yield _data(message)
        if parent is not None:
            yield f"from {parent}\n".encode()


def _file(path: str, text: str) -> Iterator[bytes]:
    yield f"M 100644 inline {path}\n".encode()
    yield _data(text)


def _data(text: str) -> bytes:
    raw = text.encode()
    return b"data %d\n%s\n" % (len(raw), raw)


def fill(config: Path, environ: Mapping[str, str], snapshots: int, at: datetime | None = None) -> None:
    """Make the vault of the configuration at `config`, `snapshots` old at the time `at` (default: now)."""
    site = app.open_or_create(app.load_settings(str(config), environ), environ)
    try:
        if at is not None:
            site = dataclasses.replace(site, now=lambda: at)
        Ager(site, snapshots).fill()
    finally:
        site.vault.close()


# --- what commands cost at each age

COMMANDS = {
    "list --limit 20": ["list", "--limit", "20"],
    "list --since": ["list", "--since", "6h ago"],
    "list --good --limit 5": ["list", "--good", "--limit", "5"],
    "list --all --limit 20": ["list", "--all", "--limit", "20"],
    "list --path FILE --limit 2": ["list", "--path", path_of(1), "--limit", "2"],
    "show latest": ["show", "latest"],
    "status": ["status"],
    "rollback --at TIME -n": ["rollback", "--at", "5h ago", "-n"],
    "rollback previous -n": ["rollback", "previous", "-n"],
    "report --since": ["report", "--since", "1 day ago"],
}
GOAL = 1.5
TOPIC = "age"


def run(bench: Bench) -> Iterator[Row]:
    """Run each command in vaults of all ages, and compare the oldest with the youngest by processor time."""
    ages = QUICK_AGES if bench.quick else AGES
    places = {}
    for snapshots in ages:
        place = bench.memory / TOPIC / str(snapshots)
        (place / "root").mkdir(parents=True)
        places[snapshots] = Ours(place / "root", place / "ours")
        fill(places[snapshots].config, places[snapshots].environ, snapshots)
        places[snapshots].command("snapshot")
    for name, argv in COMMANDS.items():
        contenders = [
            Contender(str(snapshots), lambda ours=ours, argv=argv: _processor_s(ours, argv))
            for snapshots, ours in places.items()
        ]
        times = measure.contest(contenders, bench.rounds(ages[0]), BUDGET_S)
        for snapshots in ages:
            bench.note(TOPIC, name, snapshots, times.median(str(snapshots)))
        ratio = times.ratio(str(ages[-1]), str(ages[0]))
        yield Row(f"`configvault {name}`, {ages[-1]:,} snapshots", f"itself at {ages[0]:,}", ratio, GOAL)


def _processor_s(ours: Ours, argv: list[str]) -> float:
    """Return the processor time that a command takes, with all that it starts."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    ours.command(*argv)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
