"""What a scalar means to yaml.v3, as yaml.v3 3.0.1 itself says of each text here."""

from __future__ import annotations

import math

import pytest

from configvault.validators import yamlresolve
from configvault.validators.yamlresolve import UnresolvableError

INTEGERS = {
    "0": 0, "-0": 0, "+0": 0, "00": 0, "000": 0, "1": 1, "+1": 1, "-1": -1, "01": 1, "010": 8, "-010": -8, "+010": 8, "0777": 511, "-0777": -511,
    "07_7": 63, "0_1": 1, "0o7": 7, "0o17": 15, "0O17": 15, "-0o17": -15, "0o_7": 7, "0b1": 1, "0b101": 5, "0B101": 5, "-0b101": -5, "0b_1": 1,
    "0x1F": 31, "0X1f": 31, "-0x1F": -31, "-0X1F": -31, "+0x1F": 31, "0x_1": 1, "1_000": 1000, "1__0": 10, "1_": 1, "20240101": 20240101,
    "9223372036854775807": 2**63 - 1, "9223372036854775808": 2**63, "18446744073709551615": 2**64 - 1, "-9223372036854775808": -(2**63),
    "+9223372036854775807": 2**63 - 1,
}  # fmt: skip
FLOATS = {
    "08": 8.0, "089": 89.0, "0888": 888.0, "1.": 1.0, "1.5": 1.5, "-1.5": -1.5, ".5": 0.5, "-.5": -0.5, "+.5": 0.5, "0.": 0.0, "0.0": 0.0, "-.0": 0.0,
    "1e3": 1000.0, "1E3": 1000.0, "1e+3": 1000.0, "1e-3": 0.001, "1e308": 1e308, "1.7976931348623157e308": 1.7976931348623157e308, "1_0.5": 10.5,
    ".1_5": 0.15, "12e03": 12000.0, "0e0": 0.0, "+1.5e-7": 1.5e-07, "1e1_0": 1e10, "18446744073709551616": 2.0**64, "-9223372036854775809": -(2.0**63),
    "+9223372036854775808": 2.0**63, "+18446744073709551615": 2.0**64, ".inf": math.inf, "+.inf": math.inf, "-.inf": -math.inf, "-.Inf": -math.inf,
    ".INF": math.inf, "+.INF": math.inf, "-.INF": -math.inf, ".Inf": math.inf,
}  # fmt: skip
STRINGS = [
    "tRUE", "yes", "on", "y", "no", "off", "n", "nULL", ".Nan", "inf", "nan", "=", "0o8", "0b2", "0xG", "_1", ".", "..", ".e1", "1e", "1e400", "-1e400",
    "1.8e308", "1.5.2", "1:30", "12:30:45", "0b", "0x", "0o", "--", "+", "+-", "1a", "a1", "-a", "1+1", "4.2.1", "1e5e5", "٣", "१२", "1 2", "1,000", "1-2",
    "24-01-01", "2024-13-01", "2024-00-01", "2024-02-30", "2023-02-29", "1900-02-29", "2024-01-01T10:00:00", "2024-01-01T24:00:00Z", "2024-01-01T10:60:00Z",
    "2024-01-01T10:00:60Z", "2024-01-01T10:00Z", "2024-01-01T10:00:00z", "2024-01-01T10:00:00+2", "2024-01-01-01", "2024-01", "-2024-01-01", "+2024-01-01",
    "2024-01-01 10:00:00Z", "2024-01-01 10:00:00 +02:00", "2024-01-01 10:00:00+02:00", "._5", ".5_", ".1__5", "1" * 401 + "x",
]  # fmt: skip
TIMES = {
    "2024-01-01": "2024-01-01T00:00:00Z", "2024-1-1": "2024-01-01T00:00:00Z", "2024-1-01": "2024-01-01T00:00:00Z", "2024-02-29": "2024-02-29T00:00:00Z",
    "2000-02-29": "2000-02-29T00:00:00Z", "0000-01-01": "0000-01-01T00:00:00Z", "0000-02-29": "0000-02-29T00:00:00Z", "9999-12-31": "9999-12-31T00:00:00Z",
    "2024-01-01T10:00:00Z": "2024-01-01T10:00:00Z", "2024-01-01t1:2:3Z": "2024-01-01T01:02:03Z", "2024-01-01T10:00:00+02:00": "2024-01-01T10:00:00+02:00",
    "2024-01-01T10:00:00-02:00": "2024-01-01T10:00:00-02:00", "2024-01-01T10:00:00+00:00": "2024-01-01T10:00:00Z", "2024-01-01T10:00:00.5Z": "2024-01-01T10:00:00.5Z",
    "2024-01-01T10:00:00,5Z": "2024-01-01T10:00:00.5Z", "2024-01-01T10:00:00.0Z": "2024-01-01T10:00:00Z", "2024-01-01T10:00:00.050Z": "2024-01-01T10:00:00.05Z",
    "2024-01-01 10:00:00": "2024-01-01T10:00:00Z", "2024-01-01 1:2:3": "2024-01-01T01:02:03Z", "2024-01-01  10:00:00": "2024-01-01T10:00:00Z",
    "2024-01-01 10:00:00.25": "2024-01-01T10:00:00.25Z", "2024-12-31T23:59:59Z": "2024-12-31T23:59:59Z",
}  # fmt: skip


@pytest.mark.parametrize(("text", "value"), INTEGERS.items())
def test_integers(text: str, value: int) -> None:
    """Four bases, `_` anywhere but in front, 64 bits with the sign that is there."""
    found = yamlresolve.plain(text)
    assert (found, type(found[1])) == (("!!int", value), int)


@pytest.mark.parametrize(("text", "value"), FLOATS.items())
def test_floats(text: str, value: float) -> None:
    """What is too large for an integer, an octal that is none, and what has a point or an exponent."""
    found = yamlresolve.plain(text)
    assert (found, type(found[1])) == (("!!float", value), float)


@pytest.mark.parametrize("text", STRINGS)
def test_strings(text: str) -> None:
    """The words of YAML 1.1, times of day, what is no number after all, and floats beyond a double."""
    assert yamlresolve.plain(text) == ("!!str", text)


@pytest.mark.parametrize(("text", "written"), TIMES.items())
def test_times(text: str, written: str) -> None:
    """A date is a time, which Go writes in its own form; with a T there is a zone, with a space there is none."""
    assert yamlresolve.plain(text) == ("!!timestamp", text)
    assert yamlresolve.timestamp(text) == written


def test_a_fraction_beyond_nanoseconds() -> None:
    """What Go cannot hold of a second is dropped, as it does from 1.20 on."""
    assert yamlresolve.timestamp("2024-01-01T10:00:00.1234567891234Z") == "2024-01-01T10:00:00.123456789Z"


@pytest.mark.parametrize("text", [".nan", ".NaN", ".NAN"])
def test_not_a_number(text: str) -> None:
    """NaN is a float."""
    tag, value = yamlresolve.plain(text)
    assert tag == "!!float"
    assert isinstance(value, float)
    assert math.isnan(value)


@pytest.mark.parametrize(
    ("text", "found"),
    [("true", True), ("True", True), ("TRUE", True), ("false", False), ("False", False), ("FALSE", False), ("~", None), ("null", None), ("Null", None), ("NULL", None), ("", None)],
)  # fmt: skip
def test_words(text: str, found: bool | None) -> None:
    """Three spellings of each word."""
    assert yamlresolve.plain(text) == ("!!null" if found is None else "!!bool", found)


@pytest.mark.parametrize(
    ("tag", "text", "value"),
    [
        ("!!int", "1", 1), ("!!int", "0x10", 16), ("!!int", "1_0", 10), ("!!float", "1", 1.0), ("!!float", "1.5", 1.5), ("!!float", ".inf", math.inf),
        ("!!float", "0x10", 16.0), ("!!float", "1_0.5", 10.5), ("!!bool", "true", True), ("!!null", "~", None), ("!!null", "", None), ("!!str", "1", "1"),
        ("!!str", "~", "~"), ("!!str", "2024-01-01", "2024-01-01"), ("!!timestamp", "2024-01-01", "2024-01-01"), ("!pier", "1", "1"), ("!!set", "a", "a"),
    ],
)  # fmt: skip
def test_tags(tag: str, text: str, value: object) -> None:
    """A tag that fits says what it says; one that yaml.v3 does not know leaves a text."""
    found = yamlresolve.tagged(tag, text)
    assert (found, type(found[1])) == ((tag, value), type(value))


@pytest.mark.parametrize(
    ("tag", "text"),
    [
        ("!!int", "1.5"), ("!!int", "a"), ("!!int", ""), ("!!float", "a"), ("!!float", ""), ("!!bool", "yes"), ("!!bool", "1"), ("!!null", "a"), ("!!timestamp", "a"),
        ("!!timestamp", "2024-13-01"), ("!!int", "true"), ("!!float", "true"),
    ],
)  # fmt: skip
def test_tags_that_do_not_fit(tag: str, text: str) -> None:
    """A tag that contradicts its text is an error."""
    with pytest.raises(UnresolvableError):
        yamlresolve.tagged(tag, text)


@pytest.mark.parametrize(("tag", "short"), [("tag:yaml.org,2002:str", "!!str"), ("!!str", "!!str"), ("!pier", "!pier"), ("tag:pier.org,2026:a", "tag:pier.org,2026:a")])  # fmt: skip
def test_short_tags(tag: str, short: str) -> None:
    """Only YAML's own tags have a short form."""
    assert yamlresolve.short_tag(tag) == short
