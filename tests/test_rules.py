"""Every rule is broken in some test, and stands in docs/rules.md; here, those that the loader knows nothing of."""

from __future__ import annotations

from pathlib import Path

import pytest
from plugins import FERRIES_PATH, GOOD, TIDES, TIDES_PATH, swap, with_tides
from states import Content, Link, validate
from test_loader import FACTS

from configvault.core import language
from configvault.validators import RULES

ROOT = Path(__file__).parent.parent
BROKEN: list[tuple[str, str, dict[str, Content]]] = [
    # rule, the file it is told of, the directory
    ("link", FERRIES_PATH, {**GOOD, FERRIES_PATH: Link("/etc/hostname")}),
    ("unreferenced-file", "pluginproduct/old.yaml", {**GOOD, "pluginproduct/old.yaml": GOOD[FERRIES_PATH]}),
    ("unreferenced-broken", "pluginproduct/old.yaml", {**GOOD, "pluginproduct/old.yaml": swap(TIDES, "openapi: 3.0.1", "openapi: 3.0")}),
    ("openapi-spec", TIDES_PATH, with_tides("            type: integer\n            default: 3\n            maximum: 14\n", "            type: string\n            xml: {colour: red}\n")),
    ("too-costly", TIDES_PATH, {**GOOD, TIDES_PATH: TIDES + "".join(f"    S{n}: {{type: object, properties: {{a: {{type: string}}, b: {{type: string}}}}}}\n" for n in range(6000))}),
]  # fmt: skip


@pytest.mark.parametrize(("rule", "path", "files"), BROKEN, ids=lambda v: v if isinstance(v, str) else "")
def test_rule(rule: str, path: str, files: dict[str, Content]) -> None:
    """One thing broken is one finding, of that rule and of that file."""
    verdict = validate(files)
    found = [
        finding for finding in verdict.findings if finding.rule != "unreferenced-file" or rule == finding.rule
    ]
    assert [(finding.rule, finding.path) for finding in found] == [(rule, path)], verdict.findings
    assert found[0].severity is RULES[rule].severity
    assert (found[0].line is None) == (rule in ("link", "unreferenced-file"))


def test_every_rule_is_broken_somewhere() -> None:
    """No rule is without a test: here, among the facts of the loader, or beside the validator's."""
    files = ("test_validators.py", "test_growth.py", "test_generic.py")
    elsewhere = "".join(Path(__file__).with_name(name).read_text() for name in files)
    broken = {rule for rule, _, _ in BROKEN} | {rule for fact in FACTS for rule in fact.verdict.rule.split()}
    assert {rule for rule in RULES if f'"{rule}"' not in elsewhere} <= broken


@pytest.mark.parametrize(("page", "spoken"), [("rules.md", language.ENGLISH), ("zh/rules.md", "zh_CN")])
def test_rules_are_documented(page: str, spoken: str) -> None:
    """The table in each language says of every rule what RULES says, in the same order."""
    lines = (ROOT / "docs" / page).read_text().splitlines()
    rows = [line for line in lines if line.startswith("| `")]
    with language.spoken(spoken):
        assert rows == [
            f"| `{r.name}` | {r.severity} | {', '.join(r.profiles)} | {language.text(r.protects_from)} |"
            for r in RULES.values()
        ]
