"""A finding points at the line that was changed, or next to it, and advises what helps."""

from __future__ import annotations

import pytest
from plugins import GOOD, META, META_PATH, TIDES, TIDES_PATH, swap
from states import validate

from configvault.validators import yamlread

LINES = META.split("\n")
SLIPS = [
    (number, by)
    for number, line in enumerate(LINES)
    for by in (-2, -1, 1, 2)
    if line.strip() and len(line) - len(line.lstrip()) + by >= 0
]


def slipped(number: int, by: int) -> str:
    """Return the file with one line indented otherwise."""
    line = LINES[number]
    indent = len(line) - len(line.lstrip())
    return "\n".join([*LINES[:number], " " * (indent + by) + line.lstrip(), *LINES[number + 1 :]])


def test_slips_of_the_indentation() -> None:
    """Where a slip breaks the file, no finding advises quotes, and at least 19 of 20 point at the line or its neighbour."""
    far = broken = 0
    for number, by in SLIPS:
        faults = yamlread.read(slipped(number, by)).violations
        for one in faults[:1]:
            broken += 1
            assert "quotes" not in (one.hint or ""), (number, by, one)
            far += one.line is None or abs(one.line - number - 1) > 1
    assert broken > 100
    assert far * 20 <= broken


def test_slips_among_many_plugins() -> None:
    """Where a file shows how its keys stand, 19 of 20 slips are found to the line, though reading stops elsewhere."""
    exact = broken = 0
    for number, by in SLIPS:
        faults = yamlread.read(META * 2 + slipped(number, by) + META * 3).violations
        for one in faults[:1]:
            broken += 1
            assert "quotes" not in (one.hint or ""), (number, by, one)
            exact += one.line == META.count("\n") * 2 + number + 1
    assert broken > 100
    assert exact * 20 >= broken * 19


@pytest.mark.parametrize(
    ("right", "wrong"),
    [("  version: v", "  version v"), ("  version: v", "  version:v"), ("  version: v", "  version\uff1av"), ("  manifest:", "  manifest"),
     ("    payload: '", "    payload '"), ("- plugin_id: ", "- plugin_id:"), ("- plugin_id: ", "-plugin_id: ")],
)  # fmt: skip
def test_a_missing_colon_or_space(right: str, wrong: str) -> None:
    """The finding is in the line without it, not in the next one, and asks for it."""
    at = META.index(right, META.index("\n- ") + 1)
    fault = yamlread.read(META[:at] + wrong + META[at + len(right) :]).violations[0]
    assert fault.line == META.count("\n", 0, at) + 1
    assert (fault.hint or "").startswith("is a colon missing, or the space after `:` or `-`")


@pytest.mark.parametrize(("number", "by"), SLIPS[::7])
def test_slips_beside_the_latest_snapshot(number: int, by: int) -> None:
    """With the latest snapshot at hand, the finding names the changed line and points at it."""
    for one in validate({**GOOD, META_PATH: slipped(number, by)}, before=GOOD).findings:
        if one.rule == "yaml-syntax":
            assert one.line == number + 1
            assert f"changed since the latest snapshot: line {number + 1}" in one.message


def test_a_second_colon_needs_quotes() -> None:
    """A value with a colon is advised to be quoted, as before."""
    fault = yamlread.read("a: b: c\n").violations[0]
    assert "quotes" in (fault.hint or "")


def test_a_control_character_is_reported_where_it_is() -> None:
    """Letters of several bytes before it do not move the place of a control character."""
    fault = yamlread.read("标题: 潮汐表潮汐表\nb: 1\nc: x\x01y\n").violations[0]
    assert (fault.rule, fault.line, fault.column) == ("yaml-syntax", 3, 5)


@pytest.mark.parametrize(
    "text", ["a: 1\nb: [c\n", "a: 1\nb: {c: [d],\n  e: f\n\n", "a: 1\nb: 'c\n  d\n\n", 'a: 1\nb: "c']
)
def test_what_is_never_closed_is_reported_where_it_opens(text: str) -> None:
    """The finding is at the bracket or quote that is open to the end of the file, and asks to close it."""
    fault = yamlread.read(text).violations[0]
    assert (fault.line, fault.column) == (2, 4)
    assert (fault.hint or "").startswith("close the ")


@pytest.mark.parametrize("quote", ["'", '"'])
def test_a_quote_that_the_next_one_closes(quote: str) -> None:
    """A value whose quote is not closed ends where the next one begins: the finding is where it opens."""
    fault = yamlread.read(f"- a: {quote}x\n  b: 1\n- a: {quote}y{quote}\n  b: 2\n").violations[0]
    assert (fault.line, fault.column, fault.hint) == (1, 6, "close the quote")
    fault = yamlread.read(f"a: {quote}x\n  y{quote}\nb: c\n d: e\n").violations[0]
    assert fault.line == 4


def test_a_swagger_document_is_reported_at_its_line() -> None:
    """A document of Swagger 2.0 is refused where it says so."""
    text = swap(TIDES, "openapi: 3.0.1\n", "# old\n") + 'swagger: "2.0"\n'
    found = [one for one in validate({**GOOD, TIDES_PATH: text}).findings if one.rule == "openapi-version"]
    assert [one.line for one in found] == [text.count("\n")]


@pytest.mark.parametrize("marker", ["<<<<<<<", "<<<<<<< HEAD", ">>>>>>>", ">>>>>>> main"])
def test_a_lone_conflict_marker(marker: str) -> None:
    """One marker alone is an unfinished merge, too."""
    found = validate({"a.yaml": f"a: 1\n{marker}\nb: 2\n"}, profile="generic").findings
    assert [(one.rule, one.line) for one in found] == [("conflict-marker", 2)]


@pytest.mark.parametrize(
    ("text", "accepted"),
    [
        (r'a: "\/x"', False), (r'a: "\\/x"', True), (r"a: '\/x'", True), (r"a: \/x", True), (r'a: "it\'s"', True), (r'a: "\q"', False),
        (r'a: "\0\a\b\t\n\v\f\r\e\ \"\\\N\_\L\P\x41\u0041\U00000041"', True), (r'a: "\uD800"', False), (r'a: "x\'y\'z"', True),
    ],
)  # fmt: skip
def test_escapes_are_those_of_the_service(text: str, accepted: bool) -> None:
    """What yaml.v3 knows as an escape in double quotes is taken, what only libyaml knows is not."""
    assert (yamlread.read(text).violations == []) is accepted


@pytest.mark.parametrize(
    ("text", "column"),
    [
        ("a: [b?c]", 6), ("a: {b: c?}", 9), ("a: {b?: c}", 6), ("a: [b, c: d?]", 12), ("a: [{b: [c]}, d?]", 16), ("a: {u: http://b/c?d=e}", 18),
        ("a: [!b,c]", 7), ("a: {b: !!str,}", 13), ("a: [!<b>, c]", 9), ("a: [&b !c, d]", 10),
        ("a: b?c", None), ("a: ['b?c', \"d?\"]", None), ("a: {? b : c}", None), ("a: [b]\nc: d?", None), ("a: {b: [c]}\nd: [e]\nf: g?", None), ("a: [!b c, d]", None), ("a: [!b , c]", None), ("a: [!b [], c]", None),
    ],
)  # fmt: skip
def test_brackets_are_read_as_by_the_service(text: str, column: int | None) -> None:
    """Within brackets yaml.v3 ends a plain value at a `?`, and takes a comma into a tag: such a file does not load, or as another one."""
    assert [one.column for one in yamlread.read(text + "\n").violations] == [column] * (column is not None)
    assert yamlread.read_every(text + "\n").violations == []


def test_a_tag_is_named() -> None:
    """A value that is not of the kind of its tag is told the tag."""
    assert yamlread.read("a: !!int x\n").violations[0].message == "the value is no '!!int'"


def test_binary_is_decoded() -> None:
    """A value tagged as binary is what it stands for: a version may be written so, over lines, too."""
    assert validate(
        {**GOOD, META_PATH: swap(META, "version: v1.2.0", "version: !!binary |\n    djEuMi4w")}
    ).accepted
