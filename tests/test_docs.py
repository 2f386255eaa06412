"""The documents say what the code does."""

from __future__ import annotations

import fnmatch
import importlib
import os
import re
import sys
import tomllib
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType

import pytest
import tour
from sites import Place
from walk import is_part

from configvault.cli.commands import COMMANDS
from configvault.core.exits import Exit
from configvault.core.figures import Figures
from configvault.core.settings import EVENTS
from configvault.observers.metrics import Metrics
from configvault.vault import statefiles
from configvault.vault.statefiles import StateFile
from configvault.web.application import ROUTES

PROJECT = Path(__file__).parent.parent
ARCHITECTURE = (PROJECT / "ARCHITECTURE.md").read_text()
README = (PROJECT / "README.md").read_text()
DOCUMENTS = [*PROJECT.glob("*.md"), *PROJECT.glob("docs/*.md"), *PROJECT.glob("docs/zh/*.md")]


def test_every_library_has_its_reason() -> None:
    """Each run-time dependency stands in the table of libraries, and nothing else does."""
    project = tomllib.loads((PROJECT / "pyproject.toml").read_text())["project"]
    needed = {re.match(r"[\w-]+", line)[0].lower() for line in project["dependencies"]}  # type: ignore[index]
    section = ARCHITECTURE.partition("## Libraries")[2].partition("\n## ")[0]
    listed = {name.lower() for name in re.findall(r"^\| ([\w-]+) \|", section, re.MULTILINE)} - {"library"}
    assert listed == needed


def test_every_room_is_in_the_picture() -> None:
    """Each package and module at the top of the program stands in the picture."""
    picture = ARCHITECTURE.partition("## The picture")[2].partition("## Words")[0]
    rooms = {path.stem for path in (PROJECT / "configvault").iterdir() if path.suffix == ".py" or path.is_dir()}
    missing = {room for room in rooms if not room.startswith("__") and not re.search(rf"\b{room}\b", picture)}
    assert missing == set()


@pytest.mark.parametrize(
    "document",
    sorted([*DOCUMENTS, PROJECT / "docs" / "benchmarks" / "README.md"]),
    ids=lambda path: str(path.relative_to(PROJECT)),
)
def test_links_in_documents_lead_somewhere(document: Path) -> None:
    """A relative link is a file, and its anchor a heading of it."""
    for place, anchor in re.findall(r"\]\(((?!\w+:)[^)#\s]*)(?:#([^)\s]*))?\)", document.read_text()):
        target = (document.parent / place) if place else document
        assert target.exists(), place
        if anchor and target.suffix == ".md":
            heads = re.findall(
                r"^#+ (.+)$", re.sub(r"```.*?```", "", target.read_text(), flags=re.DOTALL), re.MULTILINE
            )
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
def test_every_command_is_explained(command: str) -> None:
    """A page that people write names each command; the reference has its flags."""
    pages = "".join(path.read_text() for path in (PROJECT / "README.md", *PROJECT.glob("docs/*.md")))
    assert f"configvault {command}" in pages


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(PROJECT)))
def test_commands_in_documents_exist(document: Path) -> None:
    """What a document tells to run can be run."""
    known = {name for command in COMMANDS for name in (command.name, *command.aliases)}
    text = "".join(block for block in document.read_text().split("```")[1::2] if block.startswith("\n"))
    mentioned = set(
        re.findall(r"^(?:[$#] )?(?:sudo )?configvault (?:-c \S+ )?([a-z][a-z-]*)", text, re.MULTILINE)
    )
    assert mentioned - known == set()


CHINESE = (PROJECT / "README.zh-CN.md").read_text()


def _headings(text: str) -> list[int]:
    outside = re.sub(r"```.*?```", "", text, flags=re.DOTALL)
    return [len(marks) for marks in re.findall(r"^(#+) ", outside, re.MULTILINE)]


def _blocks(text: str) -> list[list[str]]:
    """Return the lines of each block of commands or output, without what is said about them."""
    blocks = re.findall(r"^```\w*\n(.*?)^```", text, re.DOTALL | re.MULTILINE)
    return [[line.split("  #")[0].rstrip() for line in block.splitlines()] for block in blocks]


def _code(text: str) -> list[str]:
    return sorted(re.findall(r"`([^`\n]+)`", re.sub(r"```.*?```", "", text, flags=re.DOTALL)))


PAIRS = {
    "README.md": "README.zh-CN.md",
    "docs/coze-studio.md": "docs/coze-studio.zh-CN.md",
    **{
        f"docs/{page.name}": f"docs/zh/{page.name}"
        for page in sorted(PROJECT.glob("docs/zh/*.md"))
        if page.stem not in ("index", "tutorial")
    },
}
"""Every page that is in both languages, but the tutorial: its commands print in the language of the reader."""


@pytest.mark.parametrize("name", PAIRS)
@pytest.mark.parametrize("part", [_headings, _blocks, _code], ids=["headings", "blocks", "code"])
def test_the_chinese_page_keeps_step(part: Callable[[str], list[object]], name: str) -> None:
    """A page and its translation have the same headings, the same commands and outputs, and name the same things."""
    assert part((PROJECT / PAIRS[name]).read_text()) == part((PROJECT / name).read_text())


@pytest.mark.parametrize("name", [*PAIRS, "docs/tutorial.md"])
def test_both_languages_lead_to_each_other(name: str) -> None:
    """Whoever reads one page finds the other, and the documents in his language."""
    english = PROJECT / name
    chinese = PROJECT / PAIRS.get(name, "docs/zh/tutorial.md")
    assert f"]({os.path.relpath(chinese, english.parent)})" in english.read_text()
    assert f"]({os.path.relpath(english, chinese.parent)})" in chinese.read_text()
    assert "](docs/zh/index.md)" in CHINESE


def test_the_readme_is_a_screen_or_two() -> None:
    """What, how, a picture and links: everything else is in the documents."""
    assert len(README.splitlines()) <= 90
    picture = PROJECT / "docs" / "page.png"
    assert "](docs/page.png)" in README
    assert 10_000 < picture.stat().st_size < 150_000


QUOTING = {
    "README.md": 1, "README.zh-CN.md": 1, "docs/operate.md": 8, "docs/zh/operate.md": 8, "docs/alerts.md": 2, "docs/zh/alerts.md": 2,
}  # fmt: skip
"""Documents that show that day, and how many commands each quotes at least."""


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


@pytest.mark.parametrize("name", QUOTING)
def test_quoted_output_is_what_is_printed(name: str, printed: dict[str, list[str]]) -> None:
    """Each line that a document shows as output is one that the program prints for that command."""
    quoted = list(_quoted((PROJECT / name).read_text()))
    assert len(quoted) >= QUOTING[name]
    for said, lines in quoted:
        if said.startswith("promtool") and said not in printed:
            continue
        assert any(is_part(lines, output) for output in printed[said]), (said, lines, printed[said])


def test_a_line_that_is_not_printed_is_found() -> None:
    """Another time, user or process is the same line; another word, or another order, is not."""
    output = (
        "latest  backup_20240101_000000  Update x  (ann (uid 5, sudo))\nlive    is the latest snapshot, valid\n"
    )
    assert is_part(["latest  backup_20250202_111111  Update x  (bob (uid 6, login, pts/3))"], output)
    assert not is_part(["latest  backup_20250202_111111  Update y  (bob (uid 6, login, pts/3))"], output)
    assert not is_part(["live    is the latest snapshot"], output)
    assert not is_part(list(reversed(output.splitlines())), output)


# --- what the reference is made of


@pytest.fixture(scope="module")
def reference() -> Iterator[ModuleType]:
    """Return the module that writes the reference."""
    sys.path.insert(0, str(PROJECT / "docs"))
    try:
        yield importlib.import_module("reference")
    finally:
        sys.path.remove(str(PROJECT / "docs"))


def test_the_reference_has_everything(reference: ModuleType) -> None:
    """Each command, exit code, notification, counter and route has its line."""
    made = {name: "\n".join(lines()) for name, lines in reference.PAGES.items()}
    for command in COMMANDS:
        assert f"\n## {command.name}\n" in made["commands"]
    for code in Exit:
        assert f"| {int(code)} | {code.meaning} |" in made["exit-codes"]
    for name in EVENTS:
        assert f"\n### {name}\n" in made["outcomes"]
    scraped = Metrics("1", Figures).render("")[1].decode()
    for name in set(re.findall(r"^# TYPE (\S+) ", scraped, re.MULTILINE)) - {"configvault_build_info"}:
        assert f"| `{name}` |" in made["outcomes"]
    for route in ROUTES:
        assert f"| `{route.path}{'…' if route.below else ''}` |" in made["http"]


def test_the_reference_names_every_file_of_a_vault(reference: ModuleType, tmp_path: Path) -> None:
    """What a vault holds after a day is in the table, and so is each name that the program knows."""
    known = [name for name, _ in reference.beside()]
    named = {
        value.name if isinstance(value, StateFile) else value
        for name, value in vars(statefiles).items()
        if isinstance(value, StateFile) or (name.isupper() and isinstance(value, str))
    } - {statefiles.CONFIRMED, statefiles.UNDONE}
    assert named <= set(known)
    place = Place(tmp_path)
    place.init({"a": "1\n"})
    place.snapshot({"a": "2\n"})
    place.ok("rollback", "previous")
    assert place.run("run", "--once").code == 0
    lies = {path.name for path in (place.vault / "configvault").iterdir()}
    assert {name for name in lies if not any(fnmatch.fnmatch(name, one) for one in known)} == set()
