"""The documents say what the code does."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import tour

from configvault.cli.commands import COMMANDS

PROJECT = Path(__file__).parent.parent
ARCHITECTURE = (PROJECT / "ARCHITECTURE.md").read_text()
README = (PROJECT / "README.md").read_text()
DOCUMENTS = [*PROJECT.glob("*.md"), *PROJECT.glob("docs/*.md"), *PROJECT.glob("docs/zh/*.md")]


def test_every_library_has_its_reason() -> None:
    """Each run-time dependency stands in the table of libraries, and nothing else does."""
    project = tomllib.loads((PROJECT / "pyproject.toml").read_text())["project"]
    needed = {re.match(r"[\w-]+", line)[0].lower() for line in project["dependencies"]}  # type: ignore[index]
    section = ARCHITECTURE.partition("## Libraries")[2]
    listed = {name.lower() for name in re.findall(r"^\| ([\w-]+) \|", section, re.MULTILINE)} - {"library"}
    assert listed == needed


def test_every_room_is_in_the_picture() -> None:
    """Each package and module at the top of the program stands in the picture."""
    picture = ARCHITECTURE.partition("## The picture")[2].partition("## Words")[0]
    rooms = {path.stem for path in (PROJECT / "configvault").iterdir() if path.suffix == ".py" or path.is_dir()}
    missing = {room for room in rooms if not room.startswith("__") and not re.search(rf"\b{room}\b", picture)}
    assert missing == set()


@pytest.mark.parametrize("document", sorted(PROJECT.glob("docs/**/*.md")), ids=lambda path: path.name)
def test_links_in_documents_lead_somewhere(document: Path) -> None:
    """A relative link is a file, and its anchor a heading of it."""
    for place, anchor in re.findall(r"\]\(((?!\w+:)[^)#\s]*)(?:#([^)\s]*))?\)", document.read_text()):
        target = (document.parent / place) if place else document
        assert target.exists(), place
        if anchor and target.suffix == ".md":
            heads = re.findall(r"^#+ (.+)$", target.read_text(), re.MULTILINE)
            assert anchor in {re.sub(r"[^\w -]", "", head.lower()).replace(" ", "-") for head in heads}, anchor


def test_every_document_is_on_the_site() -> None:
    """The front page leads to each of them."""
    index = (PROJECT / "docs" / "index.md").read_text()
    shown = {
        path.relative_to(PROJECT / "docs").with_suffix("").as_posix() for path in PROJECT.glob("docs/**/*.md")
    }
    generated = {name for name in shown if name.startswith("reference/")}
    listed = set(re.findall(r"^[\w./-]+$", index, re.MULTILINE))
    assert shown - generated - {"index", "benchmarks/results"} <= listed


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_paths_in_documents_exist(document: Path) -> None:
    """A path in backquotes that looks like one of ours is one."""
    named = re.findall(r"`((?:[\w.-]+/)+[\w.*-]*|[\w-]+\.(?:py|md|toml))`", document.read_text())
    rooms = {path.name for path in (PROJECT / "configvault").iterdir()} | {
        path.name for path in PROJECT.iterdir()
    }
    ours = {path for path in named if path.split("/")[0] in rooms}
    missing = {path for path in ours if not any([*PROJECT.glob(path), *(PROJECT / "configvault").glob(path)])}
    assert missing == set()


@pytest.mark.parametrize("command", [command.name for command in COMMANDS])
def test_every_command_is_in_the_readme(command: str) -> None:
    """The README names each command."""
    assert f"configvault {command}" in README


def test_readme_commands_exist() -> None:
    """What the README tells to run can be run."""
    known = {name for command in COMMANDS for name in (command.name, *command.aliases)}
    mentioned = set(re.findall(r"^\s*(?:sudo )?configvault (?:-c \S+ )?([a-z]+)", README, re.MULTILINE))
    assert mentioned - known == set()


CHINESE = (PROJECT / "README.zh-CN.md").read_text()


def _headings(text: str) -> list[int]:
    outside = re.sub(r"```.*?```", "", text, flags=re.DOTALL)
    return [len(marks) for marks in re.findall(r"^(#+) ", outside, re.MULTILINE)]


def _blocks(text: str) -> list[list[str]]:
    """Return the lines of each block of commands or output, without what is said about them."""
    blocks = re.findall(r"```\n(.*?)```", text, re.DOTALL)
    return [[line.split("  #")[0].rstrip() for line in block.splitlines()] for block in blocks]


def _code(text: str) -> list[str]:
    return sorted(re.findall(r"`([^`\n]+)`", re.sub(r"```.*?```", "", text, flags=re.DOTALL)))


@pytest.mark.parametrize("part", [_headings, _blocks, _code], ids=["headings", "blocks", "code"])
def test_the_chinese_readme_keeps_step(part: Callable[[str], list[object]]) -> None:
    """Both READMEs have the same headings, the same commands and outputs, and name the same things."""
    assert part(CHINESE) == part(README)


def test_the_chinese_readme_keeps_step_in_links() -> None:
    """Both READMEs lead to the same places, and to each other."""
    links = [re.findall(r"\]\(([^)]+)\)", text) for text in (README, CHINESE)]
    assert sorted(set(links[0]) - {"README.zh-CN.md"}) == sorted(set(links[1]) - {"README.md"})


QUOTING = ["README.md", "README.zh-CN.md", "docs/operate.md"]


@pytest.fixture(scope="module")
def printed(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[str]]:
    """Return what the commands that the documents quote printed on a real day."""
    return tour.take(tmp_path_factory.mktemp("tour"))


def _quoted(text: str) -> Iterator[tuple[str, list[str]]]:
    """Yield each command behind a `$` and the lines that are said to be its output."""
    for block in re.findall(r"```\n(\$ .*?)```", text, re.DOTALL):
        for part in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]:
            said, *lines = part.splitlines()
            yield said, [line for line in lines if line.strip()]


def _is_part(lines: list[str], output: str) -> bool:
    """Return whether `lines` stand in `output` in that order, what is another each time aside."""
    rest = iter([tour.normal(line) for line in output.splitlines()])
    return all(tour.normal(line) in rest for line in lines)


@pytest.mark.parametrize("name", QUOTING)
def test_quoted_output_is_what_is_printed(name: str, printed: dict[str, list[str]]) -> None:
    """Each line that a document shows as output is one that the program prints for that command."""
    quoted = list(_quoted((PROJECT / name).read_text()))
    assert len(quoted) >= 5
    for said, lines in quoted:
        if said.startswith("promtool") and said not in printed:
            continue
        assert any(_is_part(lines, output) for output in printed[said]), (said, lines, printed[said])


def test_a_line_that_is_not_printed_is_found() -> None:
    """Another time, user or process is the same line; another word, or another order, is not."""
    output = (
        "latest  backup_20240101_000000  Update x  (ann (uid 5, sudo))\nlive    is the latest snapshot, valid\n"
    )
    assert _is_part(["latest  backup_20250202_111111  Update x  (bob (uid 6, login, pts/3))"], output)
    assert not _is_part(["latest  backup_20250202_111111  Update y  (bob (uid 6, login, pts/3))"], output)
    assert not _is_part(["live    is the latest snapshot"], output)
    assert not _is_part(list(reversed(output.splitlines())), output)
