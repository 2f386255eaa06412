"""What a command costs before and beside its work: each on a root of one file, beside a Python that only loads GitPython."""

from __future__ import annotations

import sys
from collections.abc import Iterator

from benchmarks import ours as ours_
from benchmarks.bench import Bench
from benchmarks.measure import Contender, Row
from benchmarks.ours import Ours

IMPORT, PYTHON = 'python -c "import git"', "python -c pass"
# A command, and how many times the time of `import git` it may take. A bare Python takes about a quarter of it.
GOALS: dict[tuple[str, ...], float | None] = {
    ("--version",): 1,
    ("list",): 1.5,
    ("show", "latest"): 1.5,
    ("status",): 2,
    ("rollback", "previous", "-n"): 2,
    ("snapshot",): None,  # it syncs
}


def run(bench: Bench) -> Iterator[Row]:
    """Run each command where there is next to nothing to do."""
    place = bench.memory / "startup"
    (place / "root").mkdir(parents=True)
    ours = Ours(place / "root", place / "ours")
    for command, text in (("init", "1\n"), ("snapshot", "2\n")):
        (place / "root" / "a.txt").write_text(text)
        ours.command(command)
    contenders = [
        Contender(IMPORT, lambda: ours_.run([sys.executable, "-c", "import git"], ours.environ)),
        Contender(PYTHON, lambda: ours_.run([sys.executable, "-c", "pass"], ours.environ)),
    ]
    contenders += [Contender(" ".join(argv), lambda argv=argv: ours.command(*argv)) for argv in GOALS]
    times = bench.contest("start-up", 1, contenders)
    yield Row(f"`{PYTHON}`", f"`{IMPORT}`", times.ratio(PYTHON, IMPORT))
    for argv, goal in GOALS.items():
        name = " ".join(argv)
        yield Row(f"`configvault {name}`, 1 file", f"`{IMPORT}`", times.ratio(name, IMPORT), goal)
