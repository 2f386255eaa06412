"""Going back: one file by the whole command, and everything; beside `rm -rf; cp -r`, `git status` and `cp -r`."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Iterator

from benchmarks import ours as ours_
from benchmarks.bench import Bench, Field
from benchmarks.measure import Contender, Row
from benchmarks.ours import Ours
from benchmarks.peers import sh
from benchmarks.trees import Tree

STATUS, SCRIPT, IMPORT = "git status", "rm -rf; cp -r", 'python -c "import git"'


def run(bench: Bench) -> Iterator[Row]:
    """Measure rollback, dry run and status at each size, then a full restore in memory."""
    for size in bench.sizes:
        yield from _one_file(bench, size)
    for size in bench.sizes:
        if size <= bench.most:
            yield from _looking(bench, size)
    yield from _everything(bench)


def _one_file(bench: Bench, size: int) -> Iterator[Row]:
    """Roll one file back; the copying script comes last, for what it deletes makes new files dear for a while."""
    here = bench.field(size)
    back = Contender(
        "configvault rollback", lambda: here.ours.command("rollback", "previous"), lambda: _change(here)
    )
    times = bench.contest("rollback", size, [back, Contender(STATUS, here.git.status, here.git.keep)])
    what = f"`configvault rollback` of one file, whole command, {size:,} files"
    if size == bench.most:
        yield Row(what, "`git status`", times.ratio("configvault rollback", STATUS), bench.goal(8, size))
    copies = bench.disk / f"copies-{size}"
    copies.mkdir()
    script = Script(here.tree, copies)
    beside = bench.contest(
        "rollback beside a script", size, [back, Contender(SCRIPT, script.back, script.prepare)]
    )
    bench.note("rollback", SCRIPT, size, beside.median(SCRIPT))
    if size == bench.most:
        ratio = beside.ratio("configvault rollback", SCRIPT)
        yield Row(what, "`rm -rf; cp -r` in fresh places", ratio, bench.goal(0.1, size))


def _change(here: Field) -> None:
    here.tree.edit()
    here.ours.command("snapshot")


class Script:
    """What many scripts do to go back: remove everything, copy everything."""

    def __init__(self, tree: Tree, place: object) -> None:
        self._tree = tree
        self._place = place
        self._number = 0

    def prepare(self) -> None:
        """Put a live directory into a fresh place."""
        self._number += 1
        sh(f"mkdir {self._here}; cp -r {shlex.quote(str(self._tree.root))} {self._here}/live")

    @property
    def _here(self) -> str:
        return f"{shlex.quote(str(self._place))}/{self._number}"

    def back(self) -> None:
        """Replace it by the copy."""
        sh(f"rm -rf {self._here}/live; cp -r {shlex.quote(str(self._tree.root))} {self._here}/live")


def _looking(bench: Bench, size: int) -> Iterator[Row]:
    """Status and dry run, which read and change nothing."""
    here = bench.field(size)
    _change(here)
    times = bench.contest(
        "looking",
        size,
        [
            Contender("configvault status", lambda: here.ours.command("status")),
            Contender("configvault rollback -n", lambda: here.ours.command("rollback", "previous", "-n")),
            Contender(IMPORT, lambda: ours_.run([sys.executable, "-c", "import git"], here.ours.environ)),
        ],
    )
    for name in ("configvault status", "configvault rollback -n"):
        yield Row(f"`{name}`, {size:,} files", '`python -c "import git"`', times.ratio(name, IMPORT), 2)


def _everything(bench: Bench) -> Iterator[Row]:
    """Restore a root that is gone, in memory, beside a copy."""
    size = bench.most
    place = bench.memory / "restore"
    tree = Tree(place / "root" / "conf", size)
    tree.build()
    ours = Ours(tree.root, place / "ours")
    ours.command("init")
    number = iter(range(10**6))

    def lose() -> None:
        tree.root.rename(place / f"lost-{next(number)}")

    def export() -> None:
        ours.command("export", "latest", "--output", f"{place}/out-{next(number)}")

    def copy() -> None:
        sh(f"cp -r {shlex.quote(str(tree.root))} {shlex.quote(str(place))}/copy-{next(number)}")

    times = bench.contest(
        "full restore",
        size,
        [
            Contender("configvault rollback", lambda: ours.command("rollback", "latest"), lose),
            Contender("configvault export", export),
            Contender("cp -r", copy),
        ],
    )
    yield Row(
        f"full restore of {size:,} files, whole command, in memory",
        "`cp -r`",
        times.ratio("configvault rollback", "cp -r"),
        bench.goal(2, size),
    )
    yield Row(
        f"`configvault export` of {size:,} files, in memory",
        "`cp -r`",
        times.ratio("configvault export", "cp -r"),
    )
