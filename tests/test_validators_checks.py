"""The site's own programs, and validators from other packages."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest
from states import Content, Link, only, rules, state, validate

from configvault.app import validator
from configvault.core.model import Entry, Finding, Severity, State
from configvault.core.settings import CommandCheck, ValidateSettings
from configvault.validators import external
from configvault.validators.commands import lay_out
from configvault.validators.report import Report

FILES: dict[str, Content] = {
    "a.conf": "",
    "conf/site.conf": "listen 80;\n",
    "conf/bad name.txt": b"\xff\x00",
    "empty/": b"",
    "alias": Link("conf/site.conf"),
    "out": Link("/etc/hostname"),
    "up": Link("../../../etc/hostname"),
}


def python(code: str, **more: object) -> CommandCheck:
    """Return a check that runs `code` with the folder as its argument."""
    return CommandCheck((sys.executable, "-c", code, "{dir}"), **more)  # type: ignore[arg-type]


def asked(check: CommandCheck, files: dict[str, Content] | None = None) -> tuple[Finding, ...]:
    """Return what comes of one check."""
    settings = ValidateSettings(profile="generic", commands=(check,))
    return validator(settings, dict(os.environ)).validate(state(files or FILES)).findings


def test_layout(tmp_path: Path) -> None:
    """The state lies there under its real names; a link leads where it led inside, or nowhere."""
    lay_out(state(FILES), str(tmp_path))
    assert (tmp_path / "conf/site.conf").read_text() == "listen 80;\n"
    assert (tmp_path / "conf/bad name.txt").read_bytes() == b"\xff\x00"
    assert (tmp_path / "empty").is_dir()
    assert (tmp_path / "alias").resolve() == (tmp_path / "conf/site.conf").resolve()
    assert not (tmp_path / "out").exists()
    assert not (tmp_path / "up").exists()
    assert (tmp_path / "conf/site.conf").stat().st_mode & 0o777 == 0o600


def test_exit_code_zero_accepts() -> None:
    """A program that ends with 0 finds nothing, whatever it says; its folder is private and gone afterwards."""
    code = "import os, sys; d = sys.argv[1]; assert os.stat(d).st_mode & 0o777 == 0o700; print(d)"
    assert asked(python(code)) == ()


def test_failure_is_a_finding() -> None:
    """Another exit code rejects, with the command's name as the rule and what it said without the folder's name."""
    found = asked(
        python("import sys; print('no certificate in', sys.argv[1]); sys.exit(3)", name="certificates")
    )
    assert [(one.rule, one.severity) for one in found] == [("certificates", Severity.ERROR)]
    assert "code 3" in found[0].message
    assert "no certificate in {dir}" in found[0].message


def test_output_with_places() -> None:
    """Lines that name a file of the state and a line in it become findings there."""
    code = "import sys; print(sys.argv[1] + '/a.conf:1:8: port is taken'); sys.exit(1)"
    found = asked(python(code, name="ports"))
    assert [(one.path, one.line, one.column, one.message) for one in found] == [
        ("a.conf", 1, 8, "port is taken")
    ]


def test_no_secret_of_a_program() -> None:
    """A line of output that may hold a secret is not told."""
    found = asked(python("import sys; print('token=abcdef'); sys.exit(1)"))
    assert "abcdef" not in repr(found)


@pytest.mark.parametrize("argv", [("/no/such/program",), (sys.executable, "-c", "while True: pass")])
def test_program_that_does_not_run_or_end(argv: tuple[str, ...]) -> None:
    """One that cannot be started, or does not end in time, rejects."""
    assert [one.severity for one in asked(CommandCheck(argv, timeout=0.3))] == [Severity.ERROR]


def test_not_asked_of_what_is_refused(tmp_path: Path) -> None:
    """A state that is refused already is not shown to the programs, and an equal one not twice."""
    log = tmp_path / "log"
    check = python(f"open({str(log)!r}, 'a').write('x')")
    mine = validator(ValidateSettings(profile="generic", commands=(check,)), {})
    mine.validate(state({"a.yaml": "a: b: c"}))
    assert not log.exists()
    mine.validate(state({"a.yaml": "a: 1"}))
    mine.validate(state({"a.yaml": "a: 1"}))
    assert log.read_text() == "x"


def good(given: State) -> Iterator[Finding]:
    """Find every file named README."""
    for path, _ in given.tree.files():
        if path == "README":
            yield Finding("no-readme", Severity.WARNING, path, None, None, "nobody reads it")


def bad(_: State) -> list[str]:
    """Yield what is no finding."""
    return ["oops"]


def raising(_: State) -> list[Finding]:
    """Fail."""
    raise KeyError("inside")


def endless(_: State) -> list[Finding]:
    """Take the processor for ever."""
    while True:
        pass


def waiting(given: State) -> list[Finding]:
    """Wait for ever, with a child that does so as well, whose number is left in the file that README names."""
    entry = given.tree.find("README")
    assert isinstance(entry, Entry)
    child = subprocess.Popen(["sleep", "1000"])
    Path(os.fsdecode(given.read(entry.blob))).write_text(str(child.pid))
    child.wait()
    return []


def greedy(_: State) -> list[Finding]:
    """Take all memory."""
    return ["x" * 1_000_000 * number for number in range(1_000_000)]  # type: ignore[misc]


def noisy(given: State) -> Iterator[Finding]:
    """Print what looks like an answer, read a file, and find far too much."""
    sys.stdout.write('{"found": []}\n')
    sys.stdout.flush()
    entry = given.tree.find("README")
    assert isinstance(entry, Entry)
    assert (given.read(entry.blob), given.before, list(given.tree.all_left_out())) == (b"x", None, [])
    while True:
        yield Finding("noisy", Severity.WARNING, "README", 1, None, "\n" * 10_000)


def leaving(_: State) -> None:
    """End the process that it is in."""
    os._exit(5)


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Return what installs one of these functions as another package's validator."""

    def install(function: str) -> None:
        package = tmp_path / "other-1.0.dist-info"
        package.mkdir()
        (package / "METADATA").write_text("Metadata-Version: 2.1\nName: other\nVersion: 1.0\n")
        (package / "entry_points.txt").write_text(f"[{external.GROUP}]\n{function} = {__name__}:{function}\n")
        monkeypatch.syspath_prepend(tmp_path)

    return install


@pytest.mark.parametrize(
    ("function", "rule"),
    [("good", "no-readme"), ("noisy", "noisy"), *((one, "validator-failed") for one in ("bad", "raising", "gone", "leaving"))],
)  # fmt: skip
def test_validators_from_other_packages(function: str, rule: str, installed: Callable[[str], None]) -> None:
    """They see the state, their findings count like ours, and one that fails rejects."""
    installed(function)
    assert only(validate({"README": "x"}, profile="generic"), rule)
    if function == "good":
        assert not validate({"README": "x"}, profile="generic", rules={"no-readme": "error"}).accepted
        assert rules(validate({"README": "x"}, profile="generic", rules={"no-readme": "off"})) == set()


@pytest.mark.parametrize(
    ("function", "bounds", "limit"),
    [
        ("endless", external.Bounds(cpu_s=1), "1 s of processor time"),
        ("waiting", external.Bounds(wall_s=5), "5 s"),
        ("greedy", external.Bounds(memory_bytes=256 << 20), "256 MiB of memory"),
    ],
)
def test_validators_from_other_packages_are_bounded(
    function: str, bounds: external.Bounds, limit: str, installed: Callable[[str], None], tmp_path: Path
) -> None:
    """One that takes for ever, or all memory, is ended with all its children, and the finding names it and the limit."""
    installed(function)
    report, child = Report({}), tmp_path / "child"
    external.check(external.found(), state({"README": str(child)}), report, bounds)
    [found] = report.verdict().findings
    assert (found.rule, found.severity) == ("unfinished", Severity.ERROR)
    assert f"the validator {function} takes more than {limit};" in found.message
    assert psutil.Process().children(recursive=True) == []
    if function == "waiting" and child.exists():
        # The kernel ends it when it comes to it.
        deadline = time.monotonic() + 60
        while _is_running(int(child.read_text())) and time.monotonic() < deadline:
            time.sleep(0.01)
        assert not _is_running(int(child.read_text()))


def _is_running(pid: int) -> bool:
    try:
        return bool(psutil.Process(pid).status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False
