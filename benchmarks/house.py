"""Count the house: files, functions, comments, imports, tests. `python -m benchmarks.house` prints the table of ARCHITECTURE.md.

Nothing is run and nothing is judged by it but what `tests/test_architecture.py` holds. A function's length is from its
`def` to its last line; comments are counted by the tokenizer, without directives such as `noqa` and `type:`.
"""

from __future__ import annotations

import ast
import io
import statistics
import tokenize
from collections.abc import Iterator, Sequence
from pathlib import Path

PROJECT = Path(__file__).parent.parent
_DIRECTIVES = ("noqa", "type:", "fmt:", "pragma:", "!")


def main() -> None:
    """Print the table."""
    for name, value in figures(PROJECT):
        print(f"| {name} | {value} |")


def figures(project: Path) -> Iterator[tuple[str, str]]:
    """Yield what was counted below `project`, each with its name."""
    ours = {path: path.read_text() for path in sorted((project / "configvault").rglob("*.py"))}
    trees = {path: ast.parse(text) for path, text in ours.items()}
    lengths = [text.count("\n") for text in ours.values()]
    functions = [length for tree in trees.values() for length in _functions(tree)]
    yield "source lines (files)", f"{sum(lengths):,} ({len(ours)})"
    yield "file median / p90 / max", _spread(lengths, 50, 90)
    yield "function median / p90 / p99 / max", _spread(functions, 50, 90, 99)
    filled = sum(1 for text in ours.values() for line in text.splitlines() if line.strip())
    comments = sum(_comments(text) for text in ours.values())
    yield "comments per 100 non-blank lines", f"{100 * comments / filled:.1f}"
    graph = {_name(project, path): _imported(project, tree) for path, tree in trees.items()}
    circles = [circle for circle in _circles(graph) if len(circle) > 1]
    yield "import cycles, lazy and typing imports counted", str(len(circles))
    yield "imports inside functions of own modules", str(sum(_inside(tree) for tree in trees.values()))
    tests = sum(path.read_text().count("\n") for path in (project / "tests").rglob("*.py"))
    yield "test : source", f"{tests / sum(lengths):.2f}"
    handlers = [
        node for tree in trees.values() for node in ast.walk(tree) if isinstance(node, ast.ExceptHandler)
    ]
    yield "broad excepts", f"{100 * sum(map(_is_broad, handlers)) / len(handlers):.0f} %"


def _functions(tree: ast.Module) -> Iterator[int]:
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield (node.end_lineno or node.lineno) - node.lineno + 1


def _comments(text: str) -> int:
    found = (
        token
        for token in tokenize.generate_tokens(io.StringIO(text).readline)
        if token.type == tokenize.COMMENT
    )
    return sum(not token.string.lstrip("# ").startswith(_DIRECTIVES) for token in found)


def _spread(values: Sequence[int], *percents: int) -> str:
    cuts = statistics.quantiles(values, n=100, method="inclusive")
    return " / ".join([*(f"{cuts[percent - 1]:.0f}" for percent in percents), str(max(values))])


def _name(project: Path, path: Path) -> str:
    parts = path.relative_to(project).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def _imported(project: Path, tree: ast.Module) -> set[str]:
    """Return the modules of ours that a module imports, wherever in it."""
    found = set()
    for node in ast.walk(tree):
        names = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            names = [f"{node.module}.{alias.name}" for alias in node.names]
        for name in names:
            # `from a import b` may name the module a.b, or something in the module a.
            found |= set([part for part in (name, name.rpartition(".")[0]) if _is_module(project, part)][:1])
    return found


def _is_module(project: Path, name: str) -> bool:
    path = project.joinpath(*name.split("."))
    return name.startswith("configvault") and (
        path.with_suffix(".py").exists() or (path / "__init__.py").exists()
    )


def _circles(graph: dict[str, set[str]]) -> list[set[str]]:
    """Return the strongly connected parts: what reaches a module and is reached from it."""
    reach: dict[str, set[str]] = {}
    for start in graph:
        seen: set[str] = set()
        left = [start]
        while left:
            for name in graph.get(left.pop(), set()) - seen:
                seen.add(name)
                left.append(name)
        reach[start] = seen
    circles = {
        frozenset({start, *(n for n in reach[start] if start in reach.get(n, set()))}) for start in graph
    }
    return [set(circle) for circle in circles]


def _inside(tree: ast.Module) -> int:
    """Count the imports of own modules inside functions."""
    return sum(
        isinstance(node, ast.ImportFrom) and (node.module or "").startswith("configvault")
        for function in ast.walk(tree)
        if isinstance(function, ast.FunctionDef)
        for node in ast.walk(function)
    )


def _is_broad(handler: ast.ExceptHandler) -> bool:
    return handler.type is None or ast.unparse(handler.type) in {"Exception", "BaseException"}


if __name__ == "__main__":
    main()
