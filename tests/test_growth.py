"""What validating, hiding and comparing cost grows with the length of the input, and no faster; past a limit there is a finding."""

from __future__ import annotations

import os
import random

import pytest
from growth import SUBJECTS, Shape, grows, hunt
from plugins import GOOD, META, META_PATH, TIDES
from states import Blobs, state, validate

from configvault.app import validator
from configvault.core.model import Folder, State
from configvault.core.settings import ValidateSettings
from configvault.coze.openapi.decode import decode
from configvault.coze.openapi.kinds import KINDS
from configvault.coze.openapi.references import References
from configvault.coze.openapi.validate import CHECKS
from configvault.coze.openapi.walk import Walk
from configvault.validators import budget, yamlread
from configvault.validators.yamlnodes import Mapping

SEED = 20240229
SECONDS = float(os.environ.get("CONFIGVAULT_HUNT_SECONDS", "30"))
CHAIN = "".join(
    f"    S{n}: {{allOf: [{{$ref: '#/components/schemas/S{n + 1}'}}, {{$ref: '#/components/schemas/S{n + 1}'}}]}}\n" for n in range(60)
)  # fmt: skip

FOUND = [
    ("json", Shape("{", '"kN":1,', '"k1":1}', numbered=True)),
    ("json", Shape("{", '"kN":1,"kN":1,', '"x":1}', numbered=True)),
    ("yaml", Shape("", "%TAG !tN! tag:x,2000:\n", "---\na", numbered=True)),
    ("meta", Shape("- plugin_id: 1\n  tools:\n", "    - {tool_id: N, method: get, sub_url: /a/bN}\n", "", numbered=True)),
    ("meta", Shape("- plugin_id: 1\n  manifest: {auth: {type: service_http, sub_type: token/api_key, payload: '{", '"kN":1,', '"k1":1}\'}}\n', numbered=True)),
    ("subject", Shape("- &a0 {x: 1}\n", "- &aN {<<: [*aM, *aM], plugin_id: N}\n", "", numbered=True)),
    ("subject", Shape("- plugin_id: 1\n  x: ", "1:", "1", numbered=False)),
    ("textdiff", Shape("", "kN\nkM\n", "", numbered=True)),
    ("textdiff", Shape("", "a\nb\n", "a\n", numbered=False)),
]  # fmt: skip


@pytest.mark.parametrize(("name", "shape"), FOUND)
def test_what_once_grew_too_fast(name: str, shape: Shape) -> None:
    """Inputs whose cost was the square of their length, or worse, cost what others cost."""
    assert grows(SUBJECTS[name][0], shape) is None


def test_nothing_else_grows_too_fast() -> None:
    """A generator of inputs finds none that does; another seed and more time: `make hunt`."""
    names = list(SUBJECTS)
    random.Random(SEED).shuffle(names)
    assert list(hunt(SECONDS, SEED, names)) == []


def test_a_file_that_takes_too_many_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    """A file past its limit is refused by a finding that names the limit, at every look, and the others are validated."""
    monkeypatch.setattr(budget, "MOST_STEPS", 40)
    long = "".join(f"k{n}: 1\n" for n in range(60))
    checked = validator(ValidateSettings(profile="generic"), {})
    for _ in range(2):
        verdict = checked.validate(state({"a.yaml": long, "b.yaml": "x: ["}))
        assert {(one.rule, one.path) for one in verdict.findings} == {
            ("unfinished", "a.yaml"),
            ("yaml-syntax", "b.yaml"),
        }
        assert "more than 40 steps" in next(one.message for one in verdict.findings if one.rule == "unfinished")


def test_a_directory_that_takes_too_long() -> None:
    """What is not validated in time is not accepted, and the finding names the limit."""
    verdict = validator(ValidateSettings(profile="generic"), {}).validate(state({"a.yaml": "x: 1"}), within_s=0)
    assert not verdict.accepted
    assert [one.rule for one in verdict.findings] == ["unfinished"]
    assert "more than 0 seconds" in verdict.findings[0].message


def test_a_chain_of_schemas_takes_a_step_each() -> None:
    """Schemas that name the next twice are visited once each, not twice as often at each level."""
    root = yamlread.read(TIDES + CHAIN + "    S60: {type: object}\n").root
    assert isinstance(root, Mapping)
    decoded = decode(root)
    with budget.of_a_file() as own:
        references = References(root, decoded)
        assert not list(references.violations())
        assert not list(Walk(references, CHECKS).visit(root, KINDS["document"], ""))
    assert own.steps < 2_000


def test_many_wrong_tools_are_reported_in_part() -> None:
    """Of ten thousand tools that no document has, the first are told."""
    tools = "".join(f"    - {{tool_id: {n}, method: get, sub_url: /x/{n}}}\n" for n in range(1000, 11000))
    verdict = validate({**GOOD, META_PATH: META + tools})
    assert sum(one.rule == "tool-not-in-document" for one in verdict.findings) < 20
    assert any("more" in one.message for one in verdict.findings if one.rule == "tool-not-in-document")


def test_a_file_that_nobody_may_read() -> None:
    """A file of mode 000 is not passed over in silence, whatever is in it."""
    blobs = Blobs()
    entry = blobs.add("x: 1")
    tree = Folder(0o755, 0, 0, {"a.yaml": entry._replace(mode=0o000), "b.yaml": entry})
    verdict = validator(ValidateSettings(profile="generic"), {}).validate(State(tree, blobs.read, None))
    assert [(one.rule, one.path) for one in verdict.findings] == [("unreadable", "a.yaml")]
