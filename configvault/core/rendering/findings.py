"""Findings as forges and CI systems read them, so that each stands at its line in a merge request.

Sources: GitHub, "Workflow commands"; GitLab, "Code Quality"; SARIF 2.1.0 (OASIS). A finding without a line is on the
first one, one without a path on the directory itself. No finding holds a secret (`core/model.py`).
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any
from urllib.parse import quote

from configvault.core.frozen import frozen
from configvault.core.model import Finding, Severity
from configvault.core.rendering import junit as junit_
from configvault.core.rendering.junit import Case

SARIF_SCHEMA = "https://json.schemastore.org/sarif-2.1.0.json"


@frozen
class About:
    """What was checked: the directory as the forge knows it (`.` for the repository itself), and by which version.

    `rules` maps the names of rules to what each protects from, `files` are how many were checked.
    """

    directory: str
    version: str
    rules: Mapping[str, str]
    files: int

    def path(self, finding: Finding) -> str:
        """Return where a finding stands in the repository."""
        return os.path.normpath(os.path.join(self.directory, finding.path)) if finding.path else self.directory


def github(found: Sequence[Finding], about: About) -> str:
    """Return workflow commands, one a line."""
    lines = []
    for one in found:
        place = {"file": about.path(one), "line": one.line, "col": one.column, "title": one.rule}
        values = ",".join(f"{name}={_property(value)}" for name, value in place.items() if value is not None)
        lines.append(f"::{one.severity} {values}::{_data(_said(one))}\n")
    return "".join(lines)


def _said(one: Finding) -> str:
    return one.message + (f"\n{one.hint}" if one.hint else "")


def _data(text: str) -> str:
    return _plain(text).replace("%", "%25").replace("\n", "%0A")


def _property(value: object) -> str:
    return _data(str(value)).replace(":", "%3A").replace(",", "%2C")


def _plain(text: str) -> str:
    """Return `text` without what steers a terminal or is no text."""
    return "".join(char if char.isprintable() or char == "\n" else "\N{REPLACEMENT CHARACTER}" for char in text)


def gitlab(found: Sequence[Finding], about: About) -> str:
    """Return a Code Quality report; equal findings of one file are told apart by their number."""
    seen: dict[tuple[str, str, str], int] = {}
    report = []
    for one in found:
        # Without the line: a finding that only moved is not a new one.
        key = (one.rule, one.path, one.message)
        seen[key] = seen.get(key, 0) + 1
        fingerprint = hashlib.sha256(os.fsencode("\0".join((*key, str(seen[key]))))).hexdigest()
        report.append(
            {
                "description": _plain(_said(one)),
                "check_name": one.rule,
                "fingerprint": fingerprint,
                "severity": "major" if one.severity is Severity.ERROR else "minor",
                "location": {"path": _plain(about.path(one)), "lines": {"begin": one.line or 1}},
            }
        )
    return json.dumps(report, indent=1, ensure_ascii=False) + "\n"


def sarif(found: Sequence[Finding], about: About) -> str:
    """Return a SARIF log with one run."""
    names = list(dict.fromkeys(one.rule for one in found))
    rules = [{"id": name, "shortDescription": {"text": about.rules.get(name) or name}} for name in names]
    results = [
        {
            "ruleId": one.rule,
            "ruleIndex": names.index(one.rule),
            "level": one.severity.value,
            "message": {"text": _plain(_said(one))},
            "locations": [{"physicalLocation": _located(one, about)}],
        }
        for one in found
    ]
    tool = {"driver": {"name": "configvault", "version": about.version, "rules": rules}}
    run = {"tool": tool, "columnKind": "unicodeCodePoints", "results": results}
    log = {"$schema": SARIF_SCHEMA, "version": "2.1.0", "runs": [run]}
    return json.dumps(log, indent=1, ensure_ascii=False) + "\n"


def _located(one: Finding, about: About) -> dict[str, Any]:
    uri = quote(os.fsencode(about.path(one)))
    region = {"startLine": one.line or 1} | ({"startColumn": one.column} if one.column and one.line else {})
    return {"artifactLocation": {"uri": uri}, "region": region}


def junit(found: Sequence[Finding], about: About) -> str:
    """Return JUnit XML: errors are failures, warnings are skipped, and without a finding the directory passed."""
    return junit_.document("check", list(_cases(found, about)) or [Case(f"{about.files} files")])


def _cases(found: Iterable[Finding], about: About) -> Iterable[Case]:
    for one in found:
        place = about.path(one) + (f":{one.line}" if one.line else "")
        ended = junit_.FAILURE if one.severity is Severity.ERROR else junit_.SKIPPED
        yield Case(f"{place} {one.rule}", ended, one.message, one.hint or "")


FORMATS: Mapping[str, Callable[[Sequence[Finding], About], str]] = {
    "github": github,
    "gitlab": gitlab,
    "sarif": sarif,
    "junit": junit,
}
