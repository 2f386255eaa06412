"""Plugins by the name that people know, wide characters in straight columns, and the reason of a snapshot."""

from __future__ import annotations

import pytest
from plugins import GOOD, META, META_PATH
from sites import Place

from configvault.cli import words
from configvault.cli.output import Output, width
from configvault.core.model import Finding, Severity
from configvault.core.plugins import distinct

CHINESE = META.replace("name_for_human: Tide tables", "name_for_human: 潮汐表")


@pytest.fixture
def place(tmp_path_factory: pytest.TempPathFactory) -> Place:
    """Record a change of one plugin."""
    place = Place(tmp_path_factory.mktemp("p"), profile="coze")
    place.init({**GOOD, META_PATH: CHINESE})
    place.snapshot({META_PATH: CHINESE.replace("v1.2.0", "v1.3.0")}, "-m", "as agreed")
    return place


def test_subjects_and_reports_name_it(place: Place) -> None:
    """Subject, list, show and report say the document's name and the one that people know."""
    assert place.ok("show", "latest")["subject"] == "Update tides (潮汐表): version v1.2.0 → v1.3.0"
    assert "plugins   tides (潮汐表)" in place.run("show", "latest").out
    assert "tides (潮汐表)" in place.run("report").out
    found = place.ok("report")
    assert found["titles"] == {"tides": "潮汐表"}
    assert [one["name"] for one in found["plugins"]] == ["tides", "ferries"]


def test_list_shows_the_reason(place: Place) -> None:
    """What was said with -m stands behind what changed, also where it was added later."""
    assert place.run("list").out.splitlines()[1].endswith('version v1.2.0 → v1.3.0 ("as agreed")')
    place.ok("annotate", "previous", "-m", "by ops")
    assert place.run("list").out.splitlines()[2].endswith('("by ops")')


@pytest.mark.parametrize(
    ("name", "title", "said"),
    [
        ("wolfram_alpha", "Wolfram Alpha", ""),
        ("tides", "", ""),
        ("wenkusousuo", "文库搜索", "文库搜索"),
        ("tides", "hunter2!Passw0rd", ""),
    ],
)
def test_a_name_that_says_nothing_new_is_left_out(name: str, title: str, said: str) -> None:
    """The same name in other letters is not repeated, and what looks like a secret is not shown."""
    assert distinct(name, title) == said


def test_wide_characters_keep_columns_straight(capsys: pytest.CaptureFixture[str]) -> None:
    """Each column begins at the same place of a terminal."""
    Output(color=False, quiet=False).table(
        ("plugin", "x"), [("文库搜索", "1"), ("tides", "2"), ("e\u0301", "3")]
    )
    lines = capsys.readouterr().out.splitlines()
    assert {width(line[: line.rindex(line.split()[-1])]) for line in lines} == {10}


def test_the_caret_stands_below_its_column() -> None:
    """Wide characters before it move the caret by two."""
    finding = Finding("x", Severity.ERROR, "a", 1, 4, "m", "文库: x", None)
    lines = list(words.findings([finding], lambda text: text))
    assert (lines[1], lines[2]) == ("    文库: x", "         ^")
