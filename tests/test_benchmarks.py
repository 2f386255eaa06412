"""The benchmarks' arithmetic and what they write; what they measure is nobody's promise here."""

from __future__ import annotations

import itertools
import xml.etree.ElementTree as ET
from pathlib import Path

from benchmarks import measure, plot, report
from benchmarks.measure import Contender, Row
from benchmarks.trees import Tree


def test_contenders_take_turns() -> None:
    """Each acts once a round, each round begins with another one, and the first round does not count."""
    said: list[str] = []
    contenders = [Contender(name, lambda name=name: said.append(name)) for name in "ab"]  # type: ignore[misc]
    times = measure.contest(contenders, 2, 60)
    assert said == ["a", "b", "b", "a", "a", "b"]
    assert {name: len(taken) for name, taken in times.taken.items()} == {"a": 2, "b": 2}


def test_long_rounds_are_few() -> None:
    """No round begins after the budget, but for the fewest."""
    times = measure.contest([Contender("a", lambda: 1.0)], 9, 0)
    assert len(times.taken["a"]) == measure.FEWEST_ROUNDS


def test_a_ratio_is_the_median_of_its_rounds() -> None:
    """A round that was slow for both does not move the ratio."""
    times = measure.Times()
    for ours, theirs, others in ((1.0, 2.0, 2.0), (10.0, 20.0, 20.0), (1.0, 2.0, 8.0)):
        times.add("ours", ours)
        times.add("theirs", theirs)
        times.add("others", others)
    assert times.ratio("ours", "theirs") == 0.5
    assert times.ratio("ours", "theirs", "others") == 0.25


def test_the_table_says_what_misses() -> None:
    """A goal is met or missed by so much; a row without one says neither."""
    rows = [Row("a", "b", 0.1, 0.2), Row("c", "d", 30, 10, "ms"), Row("e", "f", 1)]
    assert list(report.table(rows))[2:] == [
        "| a | b | 0.1 | ≤ 0.2 | met |",
        "| c | d | 30 ms | ≤ 10 ms | **missed, 3 times the goal** |",
        "| e | f | 1 |  |  |",
    ]


def test_a_plot_labels_each_line() -> None:
    """The picture is well-formed, and no label lies on another, however near the lines end."""
    near = {name: {20: 1.0, 1000: 1.0} for name in ("configvault", "git", "cp -r", "<&>")}
    root = ET.fromstring(plot.cost_against_size("Title <&>", near))
    labels = {text.text: float(text.get("y", "0")) for text in root.iter("{http://www.w3.org/2000/svg}text")}
    heights = sorted(labels[name] for name in near)
    assert all(later - earlier >= 15 for earlier, later in itertools.pairwise(heights))


def test_trees_are_the_same_each_time(tmp_path: Path) -> None:
    """Two trees of a size hold the same bytes, three folders deep, 4 KB a file in the median."""
    first, second = Tree(tmp_path / "a", 60), Tree(tmp_path / "b", 60)
    first.build()
    second.build()
    sizes = []
    for number in range(60):
        path = first.path(number)
        assert path.count("/") == 3
        assert (first.root / path).read_bytes() == (second.root / path).read_bytes()
        sizes.append((first.root / path).stat().st_size)
    assert 3000 < sorted(sizes)[30] < 6000
