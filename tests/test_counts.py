"""What work costs, in counts that no clock moves: syncs, processes, files opened, bytes read. The bounds are what it takes today.

Traced from outside, so nothing is overlooked. A bound that can be lowered shall be; raising one needs a reason.
"""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple, NoReturn

import pytest
from harness import commands, tracer
from sites import Place

from benchmarks import age
from configvault.core.model import Trigger
from configvault.core.outcome import Recording
from configvault.core.settle import EVERYTHING, Dirty
from configvault.root import capture
from configvault.usecases.observe import Look, Seen, observe
from configvault.vault import maintenance
from configvault.vault.commits import Commits

pytestmark = pytest.mark.skipif(not tracer.supported, reason="the tracer knows Linux on x86_64 alone")

SMALL, LARGE = 100, 1000
A_FOLDER = 20
_READS = {"read", "pread64", "readv", "preadv", "preadv2"}
_SYNCS = {"fsync", "fdatasync", "sync", "syncfs"}


class Counts(NamedTuple):
    """What one piece of work did: files opened and bytes read below root and vault, and from processes it started."""

    syncs: int
    spawned: int
    root_files: int
    root_bytes: int
    vault_files: int
    vault_bytes: int
    child_bytes: int

    def above(self, most: Counts) -> dict[str, tuple[int, int]]:
        """Return what is above its bound, with it."""
        pairs = zip(self._fields, self, most, strict=True)
        return {name: (count, bound) for name, count, bound in pairs if count > bound}


# What each takes today in a tree of 1,000 files. The syncs of a snapshot: 6 objects, their folders and, where one of those
# is new, the folder of all; 2 refs and their folders. A rollback also opens the marker of its staging folder and what it replaces.
BOUNDS = {
    "snapshot": Counts(17, 0, 1, 24, 28, 4_500, 100),
    "backup": Counts(0, 0, 0, 0, 13, 2_700, 0),
    "rollback": Counts(34, 5, 6, 58, 88, 145_000, 4_000),
}
# What grows with the tree: a command has to be told what is in it, by the stat cache. Nothing else may grow.
GROWS = {"rollback": {"vault_bytes"}}
# Two new objects whose ids begin alike lie in one folder, and share its sync; a tree of 20 folders is longer than one of 5.
CHANCE = {"syncs": 2, "vault_bytes": 200, "child_bytes": 800}


def path_of(number: int) -> str:
    """Return the path of a file three folders deep."""
    folder = number // A_FOLDER
    return f"area{folder // A_FOLDER}/group{folder // A_FOLDER}/service{folder}/api{number}.yaml"


class Warm:
    """A place with so many files, recorded and packed, and what a daemon knows of it."""

    def __init__(self, base: Path, files: int) -> None:
        self.place = Place(base)
        self.place.init({path_of(number): f"number: {number}\n" for number in range(files)})
        self.site = self.place.site()
        self.site.vault.commit = Commits(self.site.vault)
        maintenance.pack(self.site.vault)
        self.seen = observe(self.site, Trigger.STARTUP, Look(), threading.Event())
        # Twice, so that everything is loaded, and so that there is something to go back to.
        self.change(1)
        self.seen = self.look(Dirty([os.path.dirname(path_of(1))]))

    def change(self, number: int) -> None:
        """Change a file."""
        self.place.write({path_of(number): f"number: {number}\nchanged: true\n"})

    def look(self, dirty: Dirty, trigger: Trigger = Trigger.CHANGE) -> Seen:
        """Look as the daemon's worker does."""
        look = Look(self.seen.state, dirty, is_all=(lambda: True) if dirty != EVERYTHING else None)
        return observe(self.site, trigger, look, threading.Event())

    def counted(self, command: Callable[[], NoReturn]) -> Counts:
        """Return what a fork of this process does as `command`."""
        files: Counter[str] = Counter()
        read: Counter[str] = Counter()
        syncs = 0

        def see(call: tracer.Call, result: int) -> None:
            nonlocal syncs
            if result < 0:
                return
            if not call.number:
                piped = call.is_first_process and call.name in _READS and call.paths[0].startswith("pipe:")
                read["pipe"] += result if piped else 0
                return
            where = "root" if call.paths and call.paths[0].startswith(str(self.place.root)) else "vault"
            syncs += call.name in _SYNCS
            if call.name == "openat" and not call.arguments[2] & os.O_DIRECTORY:
                files[where] += 1
            elif call.name in _READS:
                read[where] += result

        under = [self.place.root, self.place.vault]
        ran = tracer.run(command, under=under, cwd=self.place.base, observe=see, looks=True)
        assert ran.status == 0, ran.output
        counts = (files["root"], read["root"], files["vault"], read["vault"], read["pipe"])
        return Counts(syncs, ran.spawned, *counts)

    def snapshot(self) -> Counts:
        """Count a snapshot of one changed file inside the daemon."""
        self.change(2)
        return self.counted(
            lambda: _ends(lambda: self.look(Dirty([os.path.dirname(path_of(2))])), Recording.RECORDED)
        )

    def backup(self) -> Counts:
        """Count a scheduled backup inside the daemon where nothing has changed."""
        return self.counted(lambda: _ends(lambda: self.look(EVERYTHING, Trigger.SCHEDULE), Recording.UNCHANGED))

    def rollback(self) -> Counts:
        """Count a rollback of one file, the whole command."""
        return self.counted(commands.forked(["-c", str(self.place.config), "rollback", "previous"]))


def _ends(act: Callable[[], Seen], ending: Recording) -> NoReturn:
    """End this process well if `act` does."""
    status = 1
    try:
        seen = act()
        status = 0 if seen.outcome is not None and seen.outcome.outcome is ending else 2
    except BaseException:
        import traceback

        traceback.print_exc()
    finally:
        sys.stderr.flush()
        os._exit(status)


@pytest.fixture(scope="module")
def believing() -> object:
    """Believe the stamps of files that were written a moment ago: else what is read depends on the clock."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(capture, "RACY_NS", -(10**18))
        yield


@pytest.fixture(scope="module", params=["snapshot", "backup", "rollback"])
def work(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, believing: object
) -> tuple[str, dict[int, Counts]]:
    """Return a piece of work with its counts at both sizes."""
    base = tmp_path_factory.mktemp("counts")
    return request.param, {n: getattr(Warm(base / str(n), n), request.param)() for n in (SMALL, LARGE)}


def test_work_stays_within_its_bounds(work: tuple[str, dict[int, Counts]]) -> None:
    """A snapshot, a backup without change and a rollback of one file take no more of anything than they did."""
    name, counts = work
    assert counts[LARGE].above(BOUNDS[name]) == {}, counts[LARGE]


def test_work_does_not_grow_with_the_tree(work: tuple[str, dict[int, Counts]]) -> None:
    """Ten times the files take the same, but for what chance and longer lists of names make of it."""
    name, counts = work
    small, large = counts[SMALL]._asdict(), counts[LARGE]._asdict()
    grown = {key for key, count in large.items() if count - small[key] > CHANCE.get(key, 0)}
    assert grown == GROWS.get(name, set()), f"{counts[SMALL]}\n{counts[LARGE]}"


def test_counts_see_everything(tmp_path: Path) -> None:
    """What a process opens, reads, syncs and starts is counted, also by threads and by children."""
    warm = Warm(tmp_path / "place", 1)
    path = warm.place.root / path_of(0)

    def act() -> NoReturn:
        thread = threading.Thread(target=path.read_bytes)
        thread.start()
        thread.join()
        subprocess.run(["cat", str(path)], check=True, stdout=subprocess.PIPE)
        fd = os.open(warm.place.vault / "HEAD", os.O_RDONLY)
        os.read(fd, 3)
        os.fsync(fd)
        os._exit(0)

    size = path.stat().st_size
    assert warm.counted(act) == Counts(1, 1, 2, 2 * size, 1, 3, size)


# --- age

YOUNG, OLD = 100, 5_000
# What an old history may take more: git reads ahead as far as a pipe holds, of which a young one has less. All names of an
# old one would be 370,000 bytes, all commits two million.
A_LOOK = 300_000
AGED: dict[str, list[str]] = {
    "list": ["list", "--limit", "20"],
    "list --since": ["list", "--since", "5h ago"],
    "list --all": ["list", "--all", "--limit", "20"],
    "show a part of an id": ["show", "backup_20240301_112"],
    "status": ["status"],
    "rollback --at": ["rollback", "--at", "2024-03-01 09:00", "-n"],
    "rollback previous": ["rollback", "previous", "-n"],
    "rejected list of the newest": ["list", "--all", "--limit", "3"],
}


@pytest.fixture(scope="module")
def aged(tmp_path_factory: pytest.TempPathFactory, believing: object) -> dict[int, Warm]:
    """Return places with vaults of both ages; the newest snapshot of each was taken at one time."""
    places = {}
    for snapshots in (YOUNG, OLD):
        warm = Warm.__new__(Warm)
        warm.place = Place(tmp_path_factory.mktemp("aged") / str(snapshots))
        age.fill(warm.place.config, dict(os.environ), snapshots, datetime(2024, 3, 1, 12, tzinfo=UTC))
        places[snapshots] = warm
    return places


@pytest.mark.parametrize("name", AGED)
def test_no_look_grows_with_the_history(aged: dict[int, Warm], name: str) -> None:
    """The same answer costs the same out of fifty times as many snapshots: files, syncs, processes, bytes."""
    young, old = (
        warm.counted(commands.forked(["-c", str(warm.place.config), *AGED[name]])) for warm in aged.values()
    )
    grown = old.above(
        young._replace(
            vault_bytes=young.vault_bytes + A_LOOK, child_bytes=young.child_bytes + 70_000, root_bytes=10_000
        )
    )
    assert grown == {}, f"{young}\n{old}"


@pytest.mark.parametrize("trigger", [Trigger.CHANGE, Trigger.SCHEDULE])
def test_no_record_grows_with_the_history(aged: dict[int, Warm], trigger: Trigger) -> None:
    """A changed file is recorded at the same cost after any number of snapshots, also once something was rolled back."""
    counts = []
    for warm in aged.values():
        warm.site = warm.place.site()
        warm.seen = observe(warm.site, Trigger.STARTUP, Look(), threading.Event())
        warm.place.write({age.path_of(3): f"name: {trigger}\n"})
        wanted = Dirty([os.path.dirname(age.path_of(3))]) if trigger is Trigger.CHANGE else EVERYTHING
        counts.append(
            warm.counted(
                lambda warm=warm, wanted=wanted: _ends(lambda: warm.look(wanted, trigger), Recording.RECORDED)
            )
        )
        warm.site.vault.close()
    young, old = counts
    # The old vault has twenty snapshots to compare with that were rolled back from, each found by its name; the young none.
    most = young._replace(
        vault_bytes=young.vault_bytes + A_LOOK + 20 * 8_000,
        root_bytes=10_000,
        vault_files=young.vault_files + 2 * 20 + 10,
        child_bytes=70_000,
    )
    assert old.above(most) == {}, f"{young}\n{old}"
