"""The rule openapi-spec: bounded in a process of its own, and an extra that may be missing."""

from __future__ import annotations

import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from plugins import GOOD, TIDES, TIDES_PATH
from sites import Place
from states import rules, validate

from configvault.coze.openapi import spec
from configvault.coze.openapi.spec import Bounds, Strict
from configvault.validators import extras
from configvault.validators.violations import Violation
from configvault.validators.yamlnodes import Mapping
from configvault.validators.yamlread import read

XML = TIDES.replace("type: string", "type: string\n            xml: {colour: red}", 1)
QUICK = Bounds(cpu_s=1, wall_s=0.3)


def document(text: str) -> Mapping:
    """Return the root of a document."""
    root = read(text).root
    assert isinstance(root, Mapping)
    return root


def chain(levels: int) -> Mapping:
    """Return a document of some KB, with a chain of schemas of which each names the next twice."""
    links = "".join(
        f"    S{n}: {{allOf: [{{$ref: '#/components/schemas/S{n + 1}'}}, {{$ref: '#/components/schemas/S{n + 1}'}}]}}\n"
        for n in range(levels)
    )
    return document(TIDES + links + f"    S{levels}: {{type: object}}\n")


def described(size: int, letter: str = "x") -> Mapping:
    """Return a document that is large by its description alone."""
    return document(TIDES.replace("description: ", f"description: {letter * size}", 1))


def asked(strict: Strict, root: Mapping) -> list[Violation]:
    """Return what is said of one document."""
    return list(strict.check(root))


@pytest.fixture
def without(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have Python not find the library."""
    monkeypatch.setitem(sys.modules, "openapi_spec_validator", None)


def test_what_the_library_finds() -> None:
    """What the library finds is told with its place, and the library is not loaded into this process."""
    verdict = validate({**GOOD, TIDES_PATH: XML})
    [found] = [one for one in verdict.findings if one.rule == spec.RULE]
    assert found.path == TIDES_PATH
    assert found.line is not None
    assert verdict.accepted
    assert "openapi_spec_validator" not in sys.modules


def test_a_chain_is_given_up() -> None:
    """A small document that takes exponential time is given up after its processor time, which is named, and the next one is checked."""
    with Strict(Bounds(cpu_s=1)) as strict:
        [fault] = asked(strict, chain(30))
        assert (fault.rule, "1 s of processor time" in fault.message) == ("too-costly", True)
        assert [one.rule for one in asked(strict, document(XML))] == [spec.RULE]


def test_a_chain_is_given_up_where_the_processor_is_busy() -> None:
    """The wall clock ends it too, and is named."""
    with Strict(QUICK) as strict:
        [fault] = asked(strict, chain(30))
    assert "more than 0.3 s" in fault.message


def test_memory_is_bounded() -> None:
    """A document that takes too much memory is given up, and the bound is named."""
    with Strict(Bounds(memory_bytes=100 << 20)) as strict:
        [fault] = asked(strict, described(64 << 20))
        assert (fault.rule, "100 MiB" in fault.message) == ("too-costly", True)
        assert asked(strict, document(TIDES)) == []


def test_what_the_library_keeps_is_let_go() -> None:
    """Documents that only together take too much memory are all checked: the library keeps each, the process is replaced."""
    with Strict(Bounds(memory_bytes=160 << 20)) as strict:
        assert [asked(strict, described(8 << 20, letter)) for letter in "abcdefghijkl"] == [[]] * 12


def test_the_rest_is_skipped() -> None:
    """After three documents that were given up the others are not asked about, and that is known to be open."""
    with Strict(QUICK) as strict:
        reported = [asked(strict, chain(30))[0].message for _ in range(spec.MOST_GIVEN_UP + 1)]
        assert strict.skipped == 1
    assert "3 documents before it" in reported[-1]


def test_nothing_is_left_behind() -> None:
    """The process ends with the validation, also in the middle of a document."""
    with Strict() as strict:
        asked(strict, document(TIDES))
        assert len(psutil.Process().children()) == 1
    assert psutil.Process().children() == []


def test_nobody_waits_for_a_parent_that_is_gone() -> None:
    """The process ends by itself where whoever started it was killed."""
    code = """
import os, signal
from configvault.coze.openapi.spec import Strict
import psutil
strict = Strict()
strict._helper = strict._start()
print(psutil.Process().children()[0].pid, flush=True)
os.kill(os.getpid(), signal.SIGKILL)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    for process in _alive(int(done.stdout)):
        process.wait(30)


def _alive(pid: int) -> Iterator[psutil.Process]:
    if psutil.pid_exists(pid):
        yield psutil.Process(pid)


def test_too_costly_alone_rejects_nothing() -> None:
    """A document too large to be compared is a warning: the service takes it."""
    many = TIDES + "".join(
        f"    S{n}: {{type: object, properties: {{a: {{type: string}}, b: {{type: string}}}}}}\n"
        for n in range(6000)
    )
    verdict = validate({**GOOD, TIDES_PATH: many})
    assert "too-costly" in rules(verdict)
    assert verdict.accepted


def test_off_asks_nothing() -> None:
    """Where the rule is off no process is started."""
    assert spec.RULE not in rules(validate({**GOOD, TIDES_PATH: XML}, rules={spec.RULE: "off"}))
    with Strict(wanted=False) as strict:
        assert asked(strict, document(XML)) == []
        assert psutil.Process().children() == []


@pytest.mark.usefixtures("without")
def test_missing_and_not_asked_for() -> None:
    """Without the library, and without a word about the rule, nothing is said of it."""
    assert validate({**GOOD, TIDES_PATH: XML}).findings == ()


@pytest.mark.parametrize("severity", ["error", "warning"])
@pytest.mark.usefixtures("without")
def test_missing_and_asked_for(severity: str) -> None:
    """Without the library a rule that is configured says once that it checks nothing, rejects nothing, and gives the command."""
    verdict = validate({**GOOD, TIDES_PATH: XML}, rules={spec.RULE: severity})
    [found] = verdict.findings
    assert (found.rule, found.path, verdict.accepted) == (spec.RULE, "", True)
    assert found.hint == extras.missing(spec.RULE)
    assert found.hint is not None
    assert found.hint.endswith(" -m pip install openapi-spec-validator")


def test_commands_say_that_it_is_missing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`config validate`, `doctor` and `check --rules` give the command that installs what a configured rule lacks."""
    place = Place(tmp_path / "place", profile="coze, rules: {openapi-spec: error}")
    place.init(GOOD)
    command = f"{sys.executable} -m pip install openapi-spec-validator"
    asking = [("config", "validate"), ("doctor",), ("check", "--rules")]
    for argv in asking:
        done = place.run(*argv)
        assert command not in done.out + done.err
    monkeypatch.setitem(sys.modules, "openapi_spec_validator", None)
    for argv in asking:
        done = place.run(*argv)
        assert command in done.out + done.err
    assert command in place.ok("config", "validate")["warnings"][0]
    [rule] = [one for one in place.ok("check", "--rules")["rules"] if one["name"] == spec.RULE]
    assert rule["install"] == command


def test_it_is_an_extra() -> None:
    """The package names the library as an extra by the rule's name, not among what it needs."""
    project = tomllib.loads((Path(__file__).parent.parent / "pyproject.toml").read_text())["project"]
    for rule, (package, _) in extras.NEEDS.items():
        assert [one for one in project["optional-dependencies"][rule] if one.startswith(package)]
        assert not [one for one in project["dependencies"] if one.startswith(package)]
