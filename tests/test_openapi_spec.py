"""The rule openapi-spec: bounded in a process of its own, and an extra that may be missing."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
import tomllib
from collections.abc import Iterator, Sequence
from pathlib import Path

import psutil
import pytest
from plugins import GOOD, TIDES, TIDES_PATH
from sites import Place
from states import rules, validate

from configvault.calls.helper import Helper, Shelf
from configvault.core.model import Trigger
from configvault.core.outcome import Recording, RecordOutcome
from configvault.core.settle import Dirty
from configvault.coze.openapi import spec
from configvault.coze.openapi.spec import Bounds, Strict
from configvault.usecases.observe import Look, observe
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


def children() -> list[psutil.Process]:
    """Return what this process has started and not ended."""
    return psutil.Process().children()


def kept_after(strict: Strict, text: str, *expected: str) -> int | None:
    """Validate one document, which has these faults; return the id of the process that is kept afterwards."""
    with strict:
        assert [one.rule for one in asked(strict, document(text))] == list(expected)
    return children()[0].pid if children() else None


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


def test_twenty_snapshots_start_one_process(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The process is kept from look to look: twenty changed documents are recorded with the start of one, each with its own verdict."""
    started: list[Helper] = []

    class Counted(Helper):
        def __init__(self, argv: Sequence[str]) -> None:
            super().__init__(argv)
            started.append(self)

    monkeypatch.setattr(spec, "Helper", Counted)
    place = Place(tmp_path / "place", profile="coze")
    place.init(GOOD)
    site = place.site()
    seen = observe(site, Trigger.STARTUP, Look(), threading.Event())
    for number in range(20):
        text = (XML if number % 2 else TIDES) + f"x-note: {number}\n"
        place.write({TIDES_PATH: text})
        look = Look(seen.state, Dirty([str(Path(TIDES_PATH).parent)]), is_all=lambda: True)
        seen = observe(site, Trigger.CHANGE, look, threading.Event())
        assert isinstance(seen.outcome, RecordOutcome)
        assert seen.outcome.outcome is Recording.RECORDED
        found = [one.rule for one in seen.outcome.findings]
        assert found == [spec.RULE] * (number % 2)
    site.vault.close()
    assert len(started) == 1


def test_it_is_replaced_once_it_holds_much(monkeypatch: pytest.MonkeyPatch) -> None:
    """After so many documents, or so many bytes of them, the next validation starts another."""
    monkeypatch.setattr(spec, "MOST_ASKED", 3)
    pids = [kept_after(Strict(), TIDES) for _ in range(3)]
    # The first line that it answers says where its libraries are.
    assert pids[0] == pids[1] is not None
    assert pids[2] is None
    monkeypatch.setattr(spec, "MOST_ASKED_BYTES", 10)
    assert kept_after(Strict(), TIDES) is None


def test_it_may_be_killed_while_it_is_idle() -> None:
    """A kept process that somebody killed is replaced, and the answer is right."""
    pid = kept_after(Strict(), TIDES)
    assert pid is not None
    psutil.Process(pid).kill()
    assert kept_after(Strict(), XML, spec.RULE) not in (None, pid)


def test_an_answer_is_never_taken_for_another(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever is interrupted while he waits for an answer leaves no process whose answer is still to come."""
    kept_after(Strict(), TIDES)

    def interrupted(*_: object) -> bytes:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch, Strict() as strict:
        patch.setattr(Helper, "_read", interrupted)
        with pytest.raises(KeyboardInterrupt):
            asked(strict, document(XML))
    assert children() == []
    assert kept_after(Strict(), TIDES) is not None


def test_two_at_once_are_two() -> None:
    """Validations at the same time have a process each; one of them is kept."""
    with Strict() as one, Strict() as other:
        assert [asked(one, document(XML))[0].rule, asked(other, document(TIDES))] == [spec.RULE, []]
        assert len(children()) == 2
    assert len(children()) == 1


def test_other_bounds_are_another_process() -> None:
    """A process that has other bounds is not taken, and not left either."""
    pid = kept_after(Strict(), TIDES)
    assert kept_after(Strict(Bounds(cpu_s=5)), TIDES) not in (None, pid)


def test_it_ends_when_it_is_idle() -> None:
    """Nothing is left, not even an entry in the table of processes, once it was idle for its time; what is in use is not ended."""
    shelf = Shelf(0.01)
    helper = Helper(
        [sys.executable, "-c", "import sys; [print(line, end='', flush=True) for line in sys.stdin]"]
    )
    shelf.give_back("kind", helper)
    deadline = time.monotonic() + 60
    while children() and time.monotonic() < deadline:
        time.sleep(0.01)
    assert children() == []
    assert shelf.take("kind") is None
    shelf._end(helper)  # the timer of one that was taken meanwhile finds nothing to end


def test_it_ends_with_a_failure() -> None:
    """A validation that fails in the middle keeps nothing."""

    def fail() -> None:
        with Strict() as strict:
            asked(strict, document(TIDES))
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert children() == []


CHILD = """
import os, signal, sys
from plugins import TIDES
from configvault.coze.openapi import spec
from configvault.validators.yamlread import read
import psutil
with spec.Strict() as strict:
    list(strict.check(read(TIDES).root))
print(psutil.Process().children()[0].pid, flush=True)
"""


def test_it_ends_with_the_process() -> None:
    """A process that ends in order takes it along before it is gone itself."""
    done = run_child(CHILD)
    assert done.returncode == 0, done.stderr
    assert not psutil.pid_exists(int(done.stdout))


def test_nobody_waits_for_a_parent_that_is_gone() -> None:
    """It ends by itself where whoever started it was killed, also where a fork of that process lives on."""
    code = """
pid = os.fork()
if not pid:
    os.close(1)
    os.close(2)
    signal.pause()
print(pid, flush=True)
os.kill(os.getpid(), signal.SIGKILL)
"""
    done = run_child(CHILD + code)
    helper, fork = map(int, done.stdout.split())
    try:
        for process in _alive(helper):
            process.wait(60)
        assert psutil.pid_exists(fork)
    finally:
        for process in _alive(fork):
            process.kill()


def run_child(code: str) -> subprocess.CompletedProcess[str]:
    """Run `code` in another process, whose path is this one's."""
    given = f"import sys; sys.path[:] = {sys.path!r}\n{code}"
    return subprocess.run([sys.executable, "-c", given], capture_output=True, text=True, check=False)


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
