"""Help that a person can work from: every command, its example, its flags, and a manual page of the same."""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from sites import Place

from configvault.cli import manual, parser
from configvault.cli.commands import COMMANDS, Command
from configvault.core.errors import UsageError
from configvault.core.exits import Exit

PACKAGE = Path(parser.__file__).parent.parent
CODES = [code.value for code in Exit]


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command.name)
def test_help_of_each_command(tmp_path: Path, command: Command) -> None:
    """Each command's help says what it does, with an example, and needs neither configuration nor vault."""
    place = Place(tmp_path)
    place.config.unlink()
    for name in (command.name, *command.aliases):
        done = place.run(name, "--help")
        assert (done.code, done.err) == (0, "")
        assert command.help[1:] in " ".join(done.out.split())
        assert f"examples:\n{command.examples}\n" in done.out
        assert all(len(line) <= 120 for line in done.out.splitlines())


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command.name)
def test_examples_can_be_typed(command: Command) -> None:
    """Each line of an example that calls us is one that the parser takes, and there is one of that command."""
    called = []
    for line in command.examples.split("\n"):
        first, *argv = shlex.split(re.split(r" (?:\||&&|>) ", line.strip())[0], comments=True)
        if first == "configvault":
            called.append(parser.parse(argv).command)
    assert command.name in called


def test_help_of_the_program(tmp_path: Path) -> None:
    """The list of commands has each of them, and nothing that is no word for people."""
    said = Place(tmp_path).run("--help").out
    assert all(re.search(rf"^    {command.name}\b", said, re.MULTILINE) for command in COMMANDS)
    assert "None" not in said


def test_every_file_of_a_command_is_listed() -> None:
    """No command's file lacks its row, and none is listed twice."""
    files = {path.stem for path in (PACKAGE / "cli" / "commands").glob("*.py")} - {"__init__"}
    assert files == {command.module for command in COMMANDS}
    names = [name for command in COMMANDS for name in (command.name, *command.aliases)]
    assert len(names) == len(set(names))


def test_example_guard_sees_a_wrong_one() -> None:
    """An example with a flag that is not there is found."""
    with pytest.raises(UsageError):
        parser.parse(shlex.split("list --sinse yesterday"))


def test_top_help(tmp_path: Path) -> None:
    """`--help` lists every command and every exit code."""
    done = Place(tmp_path).run("--help")
    assert done.code == 0
    for command in COMMANDS:
        assert re.search(rf"^    {command.name}\b", done.out, re.MULTILINE), command.name
    for code in CODES:
        assert re.search(rf"\b{code}\b", done.out.partition("Exit codes:")[2])


def test_hints_name_commands_that_exist() -> None:
    """A hint that says `configvault WORD` names a command."""
    known = {name for command in COMMANDS for name in (command.name, *command.aliases)}
    # What a vault in the making says of itself.
    known.add("creating")
    wrong = {
        f"{path.name}: configvault {said}"
        for path in PACKAGE.rglob("*.py")
        for said in re.findall(r"""["'`]configvault (?:--?[\w-]+ \S+ )*([a-z]+)\b""", path.read_text())
        if said not in known
    }
    assert wrong == set()


# --- the manual page


def test_manual_has_everything() -> None:
    """The page names every command, flag, reference form and exit code."""
    page = manual.page().replace("\\-", "-").replace("\\(aq", "'").replace("\\e", "\\")
    for command in COMMANDS:
        assert f".SS {command.name}\n" in page
        assert command.examples in page.replace("\\&", "")
    for flag in ("--json", "--no-redact", "--expect ID", "--dry-run", "--no-reload", "--force", "--since TIME"):
        assert flag in page
    for code in CODES:
        assert f"\\fB{code}\\fR" in page
    for section in (
        "NAME",
        "SYNOPSIS",
        "DESCRIPTION",
        "FLAGS",
        "COMMANDS",
        "REFERENCES",
        "EXIT STATUS",
        "FILES",
    ):
        assert f".SH {section}\n" in page


def test_manual_is_well_formed() -> None:
    """No text of ours is taken for a request or an escape, and every example is closed."""
    page = manual.page()
    requests = {line.split()[0] for line in page.splitlines() if line.startswith((".", "'"))}
    assert requests <= {".TH", ".SH", ".SS", ".PP", ".TP", ".B", ".BR", ".EX", ".EE"}
    assert page.count(".EX\n") == page.count(".EE\n") == len(COMMANDS)
    assert set(re.findall(r"\\(.)", page)) <= set("-fe(&")
    assert "\n\n" not in page


def test_manual_renders() -> None:
    """Groff takes the page without a warning."""
    if shutil.which("groff") is None:
        pytest.skip("groff is not installed")
    done = subprocess.run(
        ["groff", "-man", "-Tutf8", "-ww", "-z"],
        input=manual.page(),
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stderr == ""


def test_manual_as_a_program() -> None:
    """`python -m configvault.cli.manual` prints the page and nothing else."""
    done = subprocess.run(
        [sys.executable, "-m", "configvault.cli.manual"], capture_output=True, text=True, check=True
    )
    assert (done.stdout, done.stderr) == (manual.page(), "")


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command.name)
def test_each_command_has_a_page_of_its_own(command: Command) -> None:
    """`man configvault-NAME` says what it does, and its flags; no text is taken for a request."""
    page = manual.pages()[f"configvault-{command.name}.1"]
    assert f'.TH CONFIGVAULT-{command.name.upper()} 1 "" ' in page
    assert command.examples in page.replace("\\-", "-").replace("\\(aq", "'").replace("\\e", "\\").replace(
        "\\&", ""
    )
    requests = {line.split()[0] for line in page.splitlines() if line.startswith((".", "'"))}
    assert requests <= {".TH", ".SH", ".SS", ".PP", ".TP", ".B", ".BR", ".EX", ".EE"}
    assert set(re.findall(r"\\(.)", page)) <= set("-fe(&")
    assert (
        f"configvault\\-{command.name.replace('-', chr(92) + '-')}\\fR" in manual.page()
        or f"configvault\\-{command.name.replace('-', chr(92) + '-')} (1)" in manual.page()
    )
