"""From faults to findings: path, severity as configured, and the line it is about."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from configvault.core.model import Finding, Severity, Verdict
from configvault.validators.excerpt import Lines
from configvault.validators.faults import Fault, capped
from configvault.validators.rules import RULES

_ORDER = {Severity.ERROR: 0, Severity.WARNING: 1}


class Report:
    """Collects what is found in one state."""

    def __init__(self, severities: Mapping[str, str]) -> None:
        self._severities = severities
        self._findings: list[Finding] = []

    @property
    def count(self) -> int:
        """Return how many findings were taken so far."""
        return len(self._findings)

    def add(self, path: str, faults: Iterable[Fault]) -> None:
        """Take the `faults` of the file at `path`, of which no line is to be shown."""
        self.add_findings(self.findings(path, faults))

    def add_findings(self, findings: Iterable[Finding]) -> None:
        """Take what `findings` made."""
        self._findings += findings

    def findings(
        self, path: str, faults: Iterable[Fault], data: Callable[[], bytes] | None = None
    ) -> tuple[Finding, ...]:
        """Return what is to be said of the `faults` of one file; `data` gives its bytes if a line is to be shown."""
        made: list[Finding] = []
        lines: Lines | None = None
        for one in capped(faults):
            severity = self._severity(one.rule, RULES[one.rule].severity)
            if severity is None:
                continue
            if data is not None and lines is None and one.line is not None:
                lines = Lines(data())
            excerpt = lines.excerpt(one) if lines is not None else None
            made.append(Finding(one.rule, severity, path, one.line, one.column, one.message, excerpt, one.hint))
        return tuple(made)

    def take(self, findings: Iterable[Finding]) -> None:
        """Take findings that somebody else made whole; only their severity may still change."""
        for one in findings:
            severity = self._severity(one.rule, one.severity)
            if severity is not None:
                self._findings.append(
                    Finding(
                        one.rule, severity, one.path, one.line, one.column, one.message, one.excerpt, one.hint
                    )
                )

    def verdict(self) -> Verdict:
        """Return all that was taken, most severe first, then by path and line; nothing twice."""
        unique = dict.fromkeys(self._findings)
        return Verdict(tuple(sorted(unique, key=_sort_key)))

    def _severity(self, rule: str, usual: Severity) -> Severity | None:
        word = self._severities.get(rule)
        if word == "off":
            return None
        return Severity(word) if word else usual


def _sort_key(finding: Finding) -> tuple[int, str, int, int, str]:
    return (_ORDER[finding.severity], finding.path, finding.line or 0, finding.column or 0, finding.rule)
