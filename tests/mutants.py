"""Change the program a little, many times, and say which changes no test of the module notices.

python tests/mutants.py [--sample N] [--seed N] [--jobs N] [--tests NAMES] [MODULE ...]     (make mutants ARGS='...')

MODULE is a path below configvault/, or the beginning of one: `root/`, `core/metadata.py`. Each mutation is made by
cosmic-ray in a copy of the project, where only the tests of the module run. What survives is printed as a diff.
"""

from __future__ import annotations

import argparse
import ast
import difflib
import functools
import os
import random
import shutil
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from queue import SimpleQueue
from typing import Any, NamedTuple

import parso
from cosmic_ray.ast import ast_nodes, get_ast
from cosmic_ray.mutating import mutate_code
from cosmic_ray.operators.operator import Example, Operator
from cosmic_ray.plugins import get_operator, operator_names

PROJECT = Path(__file__).parent.parent
ROOMS = ("core/", "root/", "vault/", "usecases/")
# The tests of a module, quick ones first: by the longest beginning of its path that stands here.
TESTS = {
    "core/": "describe diff redact planted times metadata retention settle references frozen cli_json",
    "core/compare": "diff describe restore",
    "core/configmap": "export configmap",
    "core/errors": "cli_errors cli_json",
    "core/metadata": "metadata vault roundtrip",
    "core/plan": "restore rollback races",
    "core/rendering/": "describe diff log notify metrics cli_json",
    "core/replicas": "replicas fleet",
    "core/retention": "retention prune",
    "core/secrets/": "redact planted diff",
    "core/settings": "config cli_errors",
    "core/settle": "settle settling_capture daemon",
    "core/times": "times references",
    "root/": "capture_bounds capture restore_undone settling_capture restore rollback races",
    "root/restore": "restore_undone restore rollback races capture",
    "usecases/": "history references rollback pending operate cli_json recover verify",
    "usecases/autorestore": "daemon_reactions",
    "usecases/export": "export configmap",
    "usecases/fleet": "fleet",
    "usecases/prune": "prune retention",
    "usecases/rebuild": "replicas",
    "usecases/references": "references history cli_json",
    "usecases/replicate": "replicas",
    "usecases/verify": "verify",
    "coze/": "loader rules validators",
    "validators/yamlresolve": "yamlresolve",
    "validators/": "loader validators validators_hostile validators_checks",
    "vault/": "vault references history verify packed_refs capture",
    "vault/packedrefs": "packed_refs vault",
    "vault/shallow": "prune",
    "vault/sign": "verify",
}
# What no test can notice, by module and line, as it is or as changed; each with its reason.
EQUAL: dict[tuple[str, str], str] = {
    ("root/restore.py", "self._fd = -1"): "any number below 0 says that nothing is open",
    ("root/restore.py", "if self._fd >= 1:"): "0 is standard input",
    ("root/restore.py", "if isinstance(step.new, Folder) and os.geteuid() != 1 and step.new.mode & 0o300 != 0o300:"): "root sets the mode that is there",
    ("validators/yamlresolve.py", "_LONGEST_NUMBER = 400"): "a bound on time: any longer number is beyond 64 bits",
    ("validators/yamlresolve.py", 'if len(text) < 8 or text[4:5] != "-":'): "the pattern below asks for as much",
    ("validators/yamlresolve.py", 'if between is not None and (between[ -1] == " ") == (zone is not None):'): "all are spaces",
    ("validators/yamlresolve.py", 'if between is not None and (between[0] <= " ") == (zone is not None):'): "the others are letters",
    ("validators/yamlresolve.py", 'if tag == "!!float" and found >= "!!int" and isinstance(value, int):'): "no later tag has such a value",
}  # fmt: skip
# Names at random say nothing, and `is` in place of `==` is the same for what Python keeps once.
_LEFT_OUT = ("VariableInserter", "VariableReplacer", "NoOp", "_Is", "_IsNot")


class DropStatement(Operator):  # type: ignore[misc]
    """Replace a call, a raise or a yield that stands alone by `pass`."""

    def mutation_positions(self, node: Any) -> Iterator[Any]:
        """Yield the place of the statement."""
        if node.type == "simple_stmt" and _is_act(node.children[0]):
            yield node.children[0].start_pos, node.children[0].end_pos

    def mutate(self, node: Any, index: int) -> Any:
        """Put `pass` there."""
        prefix = node.children[0].get_first_leaf().prefix
        node.children[0] = parso.parse(f"{prefix}pass")
        return node

    @classmethod
    def examples(cls) -> tuple[Example, ...]:
        """Return an example, as cosmic-ray asks."""
        return (Example("act()\n", "pass\n"),)


def _is_act(node: Any) -> bool:
    if node.type in ("raise_stmt", "yield_expr"):
        return True
    return (
        node.type in ("atom_expr", "power")
        and node.children[-1].type == "trailer"
        and node.children[-1].children[0] == "("
    )


OPERATORS = {
    name: get_operator(name) for name in operator_names() if not any(part in name for part in _LEFT_OUT)
}
OPERATORS["own/DropStatement"] = DropStatement


class Mutation(NamedTuple):
    """One change of one module."""

    module: str
    operator: str
    occurrence: int
    place: tuple[int, int]

    def code(self, source: str) -> str:
        """Return the module's text with the change."""
        return str(mutate_code(source, OPERATORS[self.operator](), self.occurrence))


def modules(chosen: Iterable[str]) -> list[str]:
    """Return the modules whose paths begin like one of `chosen`."""
    below = PROJECT / "configvault"
    names = sorted(
        path.relative_to(below).as_posix() for path in below.rglob("*.py") if path.stat().st_size > 200
    )
    return [name for name in names if name.startswith(tuple(chosen))]


@functools.cache
def _source(module: str) -> str:
    """Return the text of a module as it was at first, whoever edits it meanwhile."""
    return (PROJECT / "configvault" / module).read_text()


def mutations(module: str) -> Iterator[Mutation]:
    """Yield every change of a module that could matter."""
    source = _source(module)
    unread = list(_unread(ast.parse(source)))
    for name, operator in OPERATORS.items():
        count = 0
        for node in ast_nodes(get_ast(source)):
            for start, end in operator().mutation_positions(node):
                if not any(first <= start and end <= last for first, last in unread):
                    yield Mutation(module, name, count, start)
                count += 1


def sampled(every: Iterable[Mutation], count: int, seed: int) -> list[Mutation]:
    """Return `count` of the mutations, of each place in the text one at most."""
    chance = random.Random(seed)
    shuffled = sorted(every)
    chance.shuffle(shuffled)
    places = {(one.module, one.place): one for one in shuffled}
    return sorted(list(places.values())[:count])


def _unread(tree: ast.Module) -> Iterator[tuple[tuple[int, int], tuple[int, int]]]:
    """Yield the places of what matters to nothing at run time: annotations, imports for the type checker, caches."""
    for node in ast.walk(tree):
        noted: list[ast.AST | None] = [getattr(node, "annotation", None), getattr(node, "returns", None)]
        for one in getattr(node, "decorator_list", []):
            if "cache" in ast.unparse(one):  # how much it holds changes no result
                yield (one.lineno, 0), (one.end_lineno + 1, 0)
        if isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING":
            noted.append(node)
        for one in noted:
            if (
                isinstance(one, ast.expr | ast.stmt)
                and one.end_lineno is not None
                and one.end_col_offset is not None
            ):
                yield (one.lineno, one.col_offset), (one.end_lineno, one.end_col_offset)


def tests(module: str) -> list[str]:
    """Return the test files of a module."""
    known = max((start for start in TESTS if module.startswith(start)), key=len)
    return [f"tests/test_{name}.py" for name in TESTS[known].split()]


class Copy:
    """A copy of the project, in which one module at a time is changed and tested."""

    def __init__(self, folder: Path) -> None:
        """Copy what git tracks or would track."""
        listed = subprocess.run(
            ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
            cwd=PROJECT,
            capture_output=True,
            check=True,
        )
        for name in filter(None, os.fsdecode(listed.stdout).split("\0")):
            if (PROJECT / name).is_file():
                (folder / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(PROJECT / name, folder / name)
        self.folder = folder
        self.said = ""

    def run(self, module: str, code: str | None, timeout_s: float) -> tuple[bool, float]:
        """Return whether the tests of `module` pass with `code` in its place, and the seconds that took."""
        path = self.folder / "configvault" / module
        before = path.read_text()
        path.write_text(code if code is not None else before)
        began_s = time.monotonic()
        command = [
            *(sys.executable, "-m", "pytest", "-q", "-x", "--tb=short"),
            *("-p", "no:cacheprovider", "-p", "no:xdist"),
            *tests(module),
        ]
        environ = os.environ | {"PYTHONPATH": str(self.folder), "PYTHONDONTWRITEBYTECODE": "1"}
        with tempfile.TemporaryFile() as output:
            done = subprocess.Popen(
                command, cwd=self.folder, env=environ, stdout=output, stderr=output, start_new_session=True
            )
            try:
                passes = done.wait(timeout_s) == 0
            except subprocess.TimeoutExpired:
                passes = False
            finally:
                path.write_text(before)
                _end(done)
            output.seek(0)
            self.said = output.read().decode(errors="replace")
        return passes, time.monotonic() - began_s


def _end(process: subprocess.Popen[bytes]) -> None:
    """End the tests, and what they started."""
    if process.poll() is None:
        os.killpg(process.pid, 9)
    process.wait()


def main() -> int:
    """Mutate, test and print; 1 where something survives."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("modules", nargs="*", metavar="MODULE", default=ROOMS)
    parser.add_argument(
        "--sample", type=int, default=100, metavar="N", help="how many mutations, spread over the modules"
    )
    parser.add_argument("--seed", type=int, default=1, help="another seed, other mutations")
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument(
        "--tests", metavar="NAMES", help="these alone, as in 'capture restore'; default: the module's"
    )
    asked = parser.parse_args()
    if asked.tests:
        TESTS.update(dict.fromkeys([*TESTS, *asked.modules], asked.tests))
    chosen = modules(asked.modules)
    every = [mutation for module in chosen for mutation in mutations(module)]
    sample = sampled(every, asked.sample, asked.seed)
    print(f"{len(sample)} of {len(every)} mutations of {len(chosen)} modules, seed {asked.seed}", flush=True)
    with tempfile.TemporaryDirectory(prefix="mutants-") as folder:
        copies: SimpleQueue[Copy] = SimpleQueue()
        for number in range(asked.jobs):
            copies.put(Copy(Path(folder) / str(number)))
        limits = _unchanged(copies, sorted({mutation.module for mutation in sample}))
        with ThreadPoolExecutor(asked.jobs) as pool:
            results = list(pool.map(lambda mutation: _try(copies, mutation, limits), sample))
    return _report(sample, results)


def _unchanged(copies: SimpleQueue[Copy], names: list[str]) -> dict[str, float]:
    """Return how long the tests of each module may take; they must pass as long as nothing is changed."""
    limits: dict[str, float] = {}
    for module in names:
        same = next((limits[other] for other in limits if tests(other) == tests(module)), None)
        if same is None:
            copy = copies.get()
            passes, seconds = copy.run(module, None, 1800)
            copies.put(copy)
            if not passes:
                print(copy.said[-3000:], file=sys.stderr)
                sys.exit(f"error: the tests of {module} fail without any change: {' '.join(tests(module))}")
            same = 30 + 4 * seconds
        limits[module] = same
    return limits


def _try(copies: SimpleQueue[Copy], mutation: Mutation, limits: dict[str, float]) -> str:
    """Return `killed`, the reason why it is equal, or what survived as a diff."""
    source = _source(mutation.module)
    code = mutation.code(source)
    changed = [
        line[1:].strip()
        for line in difflib.ndiff(source.splitlines(), code.splitlines())
        if line.startswith(("+", "-"))
    ]
    if reason := next(
        (EQUAL[mutation.module, line] for line in changed if (mutation.module, line) in EQUAL), None
    ):
        return f"equal: {reason}"
    copy = copies.get()
    try:
        passes, _ = copy.run(mutation.module, code, limits[mutation.module])
    finally:
        copies.put(copy)
    if not passes:
        print(".", end="", flush=True)
        return "killed"
    shown = difflib.unified_diff(
        source.splitlines(), code.splitlines(), mutation.module, mutation.operator, lineterm="", n=1
    )
    text = "\n".join(shown)
    print(f"\n{text}", flush=True)
    return text


def _report(sample: list[Mutation], results: list[str]) -> int:
    """Print the score of each module and in all."""
    scores: dict[str, list[int]] = defaultdict(lambda: [0, 0, 0])
    for mutation, result in zip(sample, results, strict=True):
        column = 0 if result == "killed" else 1 if result.startswith("equal: ") else 2
        for name in (mutation.module, "in all"):
            scores[name][column] += 1
    print(f"{'':40} {'killed':>8} {'equal':>8} {'survived':>8}")
    for name, (killed, equal, survived) in scores.items():
        if name != "in all":
            print(f"{name:40} {killed:8} {equal:8} {survived:8}")
    killed, equal, survived = scores["in all"]
    print(
        f"{'in all':40} {killed:8} {equal:8} {survived:8}   {100 * killed / max(killed + survived, 1):.0f} of 100 killed"
    )
    return 1 if survived else 0


if __name__ == "__main__":
    sys.exit(main())
