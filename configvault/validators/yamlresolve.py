"""What a plain scalar means to yaml.v3: its own mixture of YAML 1.1 and 1.2.

Source: gopkg.in/yaml.v3 3.0.1, resolve.go, tried against it. `yes` and `12:30` are strings, `0b1`, `089` and
`1_000` numbers, `2024-01-01` a timestamp.
"""

from __future__ import annotations

import base64
import binascii
import datetime
import math
import re

from configvault.validators.yamlnodes import Value

LONG_PREFIX = "tag:yaml.org,2002:"
RESOLVABLE = frozenset(["!!str", "!!bool", "!!int", "!!float", "!!null", "!!timestamp"])

_WORDS: dict[str, tuple[str, Value]] = {
    **dict.fromkeys(("true", "True", "TRUE"), ("!!bool", True)),
    **dict.fromkeys(("false", "False", "FALSE"), ("!!bool", False)),
    **dict.fromkeys(("", "~", "null", "Null", "NULL"), ("!!null", None)),
    **dict.fromkeys((".nan", ".NaN", ".NAN"), ("!!float", math.nan)),
    **dict.fromkeys((".inf", ".Inf", ".INF", "+.inf", "+.Inf", "+.INF"), ("!!float", math.inf)),
    **dict.fromkeys(("-.inf", "-.Inf", "-.INF"), ("!!float", -math.inf)),
    "<<": ("!!merge", "<<"),
}
# Only what begins like a number can be one; `_` is dropped before it is read.
_NUMBER_START = frozenset("+-0123456789")
_INTEGER = re.compile(
    r"([-+]?)(?:0[xX]([0-9a-fA-F]+)|0[bB]([01]+)|0[oO]([0-7]+)|0([0-7]+)|(0|[1-9][0-9]*))", re.ASCII
)
_BASES = (16, 2, 8, 8, 10)
_FLOAT = re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?", re.ASCII)
# Read by Go's own rules, where `_` stands between two digits only.
_DOT_FLOAT = re.compile(r"\.[0-9]+(?:_[0-9]+)*(?:[eE][-+]?[0-9]+(?:_[0-9]+)*)?", re.ASCII)
_LONGEST_NUMBER = 400
_TIMESTAMP = re.compile(
    r"(\d{4})-(\d{1,2})-(\d{1,2})"
    r"(?:([Tt]| +)(\d{1,2}):(\d{1,2}):(\d{1,2})(?:[.,](\d+))?(Z|[-+]\d\d:\d\d)?)?",
    re.ASCII,
)


class UnresolvableError(ValueError):
    """An explicit tag does not fit the text."""


def short_tag(tag: str) -> str:
    """Return `!!str` for `tag:yaml.org,2002:str`."""
    return "!!" + tag[len(LONG_PREFIX) :] if tag.startswith(LONG_PREFIX) else tag


def plain(text: str) -> tuple[str, Value]:
    """Return tag and value of a plain scalar without a tag."""
    word = _WORDS.get(text)
    if word is not None:
        return word
    if text[0] in _NUMBER_START:
        return _number_or_time(text)
    if text[0] == "." and _DOT_FLOAT.fullmatch(text):
        return _finite(text.replace("_", ""), text)
    return "!!str", text


def tagged(tag: str, text: str) -> tuple[str, Value]:
    """Return tag and value of a scalar that carries `tag` (short form).

    Raises:
        UnresolvableError: the text is nothing of that kind.
    """
    if tag not in RESOLVABLE:
        return tag, text
    if tag == "!!str":
        return tag, text
    found, value = plain(text) if text else ("!!null", None)
    if tag == "!!float" and found == "!!int" and isinstance(value, int):
        return tag, float(value)
    if found != tag:
        raise UnresolvableError(tag)
    return found, value


def from_base64(text: str) -> str | None:
    """Return what base64 stands for, None where it is none; as Go does, over line ends but over no spaces."""
    try:
        data = base64.b64decode(text.replace("\n", "").replace("\r", ""), validate=True)
    except (binascii.Error, ValueError):
        return None
    return data.decode("utf-8", "replace")


def _number_or_time(text: str) -> tuple[str, Value]:
    if timestamp(text) is not None:
        return "!!timestamp", text
    digits = text.replace("_", "") if "_" in text else text
    integer = _integer(digits)
    if integer is not None:
        return "!!int", integer
    return _finite(digits, text) if _FLOAT.fullmatch(digits) else ("!!str", text)


def _integer(digits: str) -> int | None:
    """Return the integer that Go's ParseInt with base 0 reads, None where it is none or beyond 64 bits."""
    match = _INTEGER.fullmatch(digits) if len(digits) < _LONGEST_NUMBER else None
    if match is None:
        return None
    which = next(i for i in range(2, 7) if match[i] is not None)
    value = int(match[which], _BASES[which - 2])
    if match[1] == "-":
        return -value if value <= 1 << 63 else None
    limit = (1 << 63) if match[1] == "+" else (1 << 64)
    return value if value < limit else None


def _finite(digits: str, text: str | None = None) -> tuple[str, Value]:
    """Return a float; one beyond a double's range stays a string, as Go's ParseFloat refuses it."""
    value = float(digits)
    return ("!!str", text or digits) if math.isinf(value) else ("!!float", value)


def timestamp(text: str) -> str | None:
    """Return what Go writes of `text` as a time (RFC 3339), None where it is none."""
    if len(text) < 8 or text[4:5] != "-":
        return None
    match = _TIMESTAMP.fullmatch(text)
    if match is None:
        return None
    year, month, day, between, hour, minute, second, fraction, zone = match.groups()
    if between is not None and (between[0] == " ") == (zone is not None):
        return None
    try:
        # The year 0 is one to Go; Python knows leap years the same way 400 years later.
        datetime.datetime(
            int(year) or 400, int(month), int(day), int(hour or 0), int(minute or 0), int(second or 0)
        )
    except ValueError:
        return None
    tail = (fraction or "")[:9].rstrip("0")
    clock = f"{int(hour or 0):02}:{int(minute or 0):02}:{int(second or 0):02}{'.' + tail if tail else ''}"
    zone = "Z" if zone in (None, "+00:00", "-00:00") else zone
    return f"{year}-{int(month):02}-{int(day):02}T{clock}{zone}"
