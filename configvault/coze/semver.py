"""Versions as golang.org/x/mod/semver takes them: `v1`, `v1.2`, `v1.2.3-rc.1+build`, never without the `v`."""

from __future__ import annotations

import re

_NUMBER = r"(?:0|[1-9][0-9]*)"
_PRE = rf"(?:{_NUMBER}|[0-9]*[A-Za-z-][0-9A-Za-z-]*)"
_VERSION = re.compile(
    rf"v{_NUMBER}(?:\.{_NUMBER}(?:\.{_NUMBER}(?:-{_PRE}(?:\.{_PRE})*)?(?:\+[0-9A-Za-z-]+(?:\.[0-9A-Za-z-]+)*)?)?)?",
    re.ASCII,
)


def is_valid(version: str) -> bool:
    """Return whether Go's `semver.IsValid` says so."""
    return _VERSION.fullmatch(version) is not None
