"""Whether a short text looks as if somebody had chosen it as a secret, where nothing around it says what it is.

For messages: what stands where a version, an id or a key belongs may be a password that slipped there. Names, words,
versions, numbers and dates are shown, letters and digits mixed without a reason are not.
"""

from __future__ import annotations

import re

from configvault.core.pattern import pattern

_CHUNK = pattern(r"[A-Za-z0-9]+")
# Letters and digits mixed with a reason: versions, sizes, dates, the names of standards.
_REASONED = pattern(
    r"(?ix)v?[0-9]+(?:[a-z]{1,5}[0-9]{0,2})? | 0[xob][0-9a-f]+ | [0-9]+e[0-9]+ | [0-9]{8}t[0-9]{4,6}z? | [0-9]{1,2}t[0-9]{1,2}z?"
    r"| (?:rc|beta|alpha|dev|post|pre|build|v|u?int|float|uuid|utf|oauth|http|https|sha|md|base|ipv|tls|ssl|rfc|hs|rs|es|ps|aes|h|s|k|x|p|y|z|id|r|q|d|ec|mp)[0-9]{1,4}"
    r"| k8s | s3 | 2fa | [0-9a-f]{7,12} | [0-9]{1,4}(?:st|nd|rd|th)"
)
# A name in which numbers count: `Token2`, `GetUserV2`, `step_10`, `S3Bucket`; never one with a zero before, or small letters behind.
_NUMBERED = pattern(r"(?:(?:[A-Z]?[a-z]+|[A-Z]+)+(?:[1-9][0-9]{0,2}|0)?(?![a-z]))+")
_VERSION = pattern(r"v?[0-9]+(?:\.[0-9]+)*(?:[-+][\w.+-]*)?", re.ASCII)
_SIGNS = frozenset("!$%^*+=?~@&")


def may_be_secret(text: str) -> bool:
    """Return whether a value may be a secret that stands in the wrong place."""
    mixed = any(_is_mixed(chunk) for chunk in _CHUNK.findall(text))
    return mixed or (_is_signed(text) and not _VERSION.fullmatch(text))


def is_no_name(text: str) -> bool:
    """Return whether a name is none that anybody would give a thing; numbers are allowed in it."""
    return any(_is_mixed(chunk) and not _NUMBERED.fullmatch(chunk) for chunk in _CHUNK.findall(text))


def _is_mixed(chunk: str) -> bool:
    return not chunk.isalpha() and not chunk.isdigit() and not _REASONED.fullmatch(chunk)


def _is_signed(text: str) -> bool:
    inner = text.strip()[:-1]
    return (
        any(char in _SIGNS for char in inner)
        and any(map(str.isalpha, inner))
        and " " not in inner
        and "/" not in inner
    )
