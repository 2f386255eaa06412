"""Tell the findings that a change brings from those that stood before it."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable

from configvault.core.model import Finding, Folder, Severity, State
from configvault.usecases.scan import LEFT_OUT_RULE
from configvault.usecases.site import Site

_Key = tuple[str, str, str]


def divide(
    site: Site, found: Iterable[Finding], before: Folder | None, read: Callable[[str], bytes]
) -> tuple[tuple[Finding, ...], int]:
    """Return the errors and the warnings that the state `before` was without, and how many other warnings there are.

    Of a first state every warning existed before this change: whoever takes a directory over has not changed it. What is left out of
    every snapshot is said then, and later by `status`.
    """
    findings = tuple(found)
    if not any(one.severity is Severity.WARNING for one in findings):
        return findings, 0
    if before is None:
        brought = tuple(one for one in findings if one.severity is Severity.ERROR or one.rule == LEFT_OUT_RULE)
    else:
        stood = Counter(map(_key, site.validator.validate_again(State(before, read)).findings))
        brought = tuple(one for one in findings if _is_new(one, stood))
    return brought, len(findings) - len(brought)


def _is_new(one: Finding, stood: Counter[_Key]) -> bool:
    """Return whether a finding is none of those that stood, of which it then uses one up."""
    if one.severity is Severity.ERROR:
        return True
    if one.rule == LEFT_OUT_RULE:
        return False
    key = _key(one)
    stood[key] -= 1
    return stood[key] < 0


def _key(one: Finding) -> _Key:
    """Return what makes a finding the same one, though lines before it came or went."""
    return one.rule, one.path, re.sub(r"\b(line|column) \d+", r"\1", one.message)
