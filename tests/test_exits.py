"""Exit codes: one list, and everything that speaks of them agrees with it."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import configvault
from configvault.cli import manual, parser
from configvault.core import errors
from configvault.core.exits import Exit
from configvault.core.outcome import DeployEnd, RollbackEnd

PACKAGE = Path(configvault.__file__).parent
CONTRACT = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 78, 130]


def test_the_list_is_the_contract() -> None:
    """Scripts rely on these numbers: none is missing, none is new by accident."""
    assert [code.value for code in Exit] == CONTRACT


def test_help_has_every_code_with_its_words() -> None:
    """`--help` lists the codes in order, in the words of the list."""
    help_ = " ".join(parser.build().format_help().partition("Exit codes: ")[2].split())
    assert help_.startswith(", ".join(f"{code.value} {code.brief}" for code in Exit) + ".")


def test_the_manual_has_every_code_with_its_words() -> None:
    """The manual page has a paragraph for each code."""
    page = manual.page()
    for code in Exit:
        assert f"\\fB{code.value}\\fR\n{code.meaning}" in page


def test_the_chinese_table_has_every_code() -> None:
    """The Chinese table of exit codes has one row for each code, in order; the English one is made from the list."""
    text = (PACKAGE.parent / "docs" / "zh" / "operate.md").read_text()
    table = re.search(r"(?m)^\| 退出码 \|.*\n\|[-|]+\n((?:\|.*\n)+)", text)
    assert table is not None
    assert [int(row.split("|")[1]) for row in table[1].splitlines()] == CONTRACT


def test_every_error_ends_with_a_code_of_the_list() -> None:
    """Each class of errors has a member of the list, not a number."""
    classes = [errors.ConfigvaultError, *_below(errors.ConfigvaultError)]
    assert [cls.__name__ for cls in classes if not isinstance(cls.code, Exit)] == []


def test_every_end_of_a_change_has_its_code() -> None:
    """A rollback and a deployment have an exit code for each way that they end."""
    from configvault.cli.commands import deploy, rollback

    assert set(rollback.EXIT_CODES) == set(RollbackEnd)
    assert set(deploy.EXIT_CODES) == set(DeployEnd)


def test_no_command_returns_a_number_of_its_own() -> None:
    """What a command or the daemon returns as a failure is a member of the list."""
    files = [*(PACKAGE / "cli").rglob("*.py"), PACKAGE / "daemon" / "__init__.py"]
    assert [f"{file.name}:{line}" for file in files for line in numbers(ast.parse(file.read_bytes()))] == []


def test_the_guard_sees_a_number() -> None:
    """A number that is returned, at once or under a name, is found; zero and numbers for other ends are not."""
    seen = "FAILED = 7\ndef run() -> int:\n    return 0 if x else 6\n"
    assert list(numbers(ast.parse(seen))) == [1, 3]
    assert (
        list(numbers(ast.parse("MOST = 7\ndef run() -> int:\n    return 0\ndef size() -> str:\n    return 7")))
        == []
    )


def numbers(tree: ast.Module) -> Iterator[int]:
    """Yield the lines of a module where a number stands for an exit code."""
    names = {code.name for code in Exit} | {"RELOAD_FAILED"}
    for node in ast.walk(tree):
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Constant):
            named = {target.id.strip("_") for target in node.targets if isinstance(target, ast.Name)}
            if named & names and node.value.value in CONTRACT:
                yield node.lineno
        elif isinstance(node, ast.FunctionDef) and node.returns and ast.unparse(node.returns) == "int":
            for part in ast.walk(node):
                if isinstance(part, ast.Return) and part.value is not None:
                    value = part.value
                    ends = [value.body, value.orelse] if isinstance(value, ast.IfExp) else [value]
                    for end in ends:
                        if isinstance(end, ast.Constant) and end.value in CONTRACT[1:]:
                            yield part.lineno


def _below(cls: type[errors.ConfigvaultError]) -> Iterator[type[errors.ConfigvaultError]]:
    for one in cls.__subclasses__():
        if one.__module__.startswith("configvault."):
            yield one
            yield from _below(one)
