"""The profile `generic` knows no service: it reads every document of a file, and takes what any reader of YAML may take."""

from __future__ import annotations

from pathlib import Path

import pytest
from sites import Place
from states import only, rules, validate


@pytest.mark.parametrize(
    "text",
    [
        "%YAML 1.2\n---\na: 1\n", "%YAML 1.1\n---\na: 1\n", "<<: !include other.yaml\na: 1\n", "a: !include x\nb: !vault |\n  abc\nc: !Ref d\n",
        "a: 1\n---\nb: 2\n---\nc: 3\n", "---\n...\n---\na: 1\n", "a: &x 1\n---\na: &x 2\nb: *x\n", "# nothing\n", "", "- <<: [!include a, !include b]\n",
        "a: !!binary aGFsbG8=\n", "!mine {a: 1}\n", "openapi: 2.0\nplugin_id: x\n",
    ],
)  # fmt: skip
def test_what_any_reader_may_take(text: str) -> None:
    """Other versions of YAML, tags of others, several documents and no documents are accepted without a finding."""
    assert validate({"a.yaml": text, "pluginproduct/plugin_meta.yaml": text}, profile="generic").findings == ()


@pytest.mark.parametrize("broken", ["b: [", "b: 1\n c: 2", "b: *nowhere", "\tb: 1", "b: 'x"])
def test_a_broken_second_document(broken: str) -> None:
    """Every document of a file is read, and the fault is told at its line."""
    finding = only(
        validate({"a.yaml": f"a: 1\n---\nx: 1\n---\n{broken}\n"}, profile="generic"), finding_rule(broken)
    )
    assert finding.line is not None
    assert finding.line >= 5


def finding_rule(broken: str) -> str:
    """Return the rule that such a document breaks."""
    return "yaml-alias" if "*" in broken else "yaml-syntax"


def test_a_key_twice_in_a_second_document() -> None:
    """Repeated keys are warned of in every document; the same key in two documents is no repetition."""
    finding = only(validate({"a.yaml": "a: 1\n---\na: 1\nb: 1\nb: 2\n"}, profile="generic"), "repeated-key")
    assert finding.line == 5


FOUR = {"a.yaml": "x: 1\n", "b.yaml": "x: 2\n", "c.json": "{}\n", "d.txt": "four\n", "e.txt": ""}


@pytest.mark.parametrize("emptied", [3, 4])
def test_files_emptied_at_once(emptied: int) -> None:
    """More than half of the files emptied at once is as bad as more than half removed, and said in the same way."""
    now = FOUR | dict.fromkeys(sorted(FOUR)[:emptied], "")
    verdict = validate(now, before=FOUR, profile="generic")
    assert "mass-removal" in rules(verdict)
    message = next(one.message for one in verdict.findings if one.rule == "mass-removal")
    assert message.startswith("all 4" if emptied == 4 else "3 of the 4")


def test_some_emptied_and_some_removed() -> None:
    """What is emptied and what is gone count together."""
    now = {name: text for name, text in FOUR.items() if name != "a.yaml"} | {"b.yaml": "", "c.json": ""}
    assert "mass-removal" in rules(validate(now, before=FOUR, profile="generic"))


def test_half_of_them_emptied() -> None:
    """Half is not more than half."""
    now = FOUR | {"a.yaml": "", "d.txt": ""}
    assert "mass-removal" not in rules(validate(now, before=FOUR, profile="generic"))


def test_a_mode_that_lets_nobody_read(tmp_path: Path) -> None:
    """A file of mode 000 is recorded with a warning: a service that is not root's does not load it."""
    place = Place(tmp_path / "place")
    place.init({"a.yaml": "x: 1\n", "b.yaml": "x: 2\n"})
    (place.root / "a.yaml").chmod(0)
    found = place.run("check", "--json").json
    assert [(one["rule"], one["path"]) for one in found["findings"]] == [("unreadable", "a.yaml")]
