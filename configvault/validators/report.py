"""From faults to findings: path, severity as configured, and the line it is about."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from configvault.core.frozen import replace
from configvault.core.globs import matches
from configvault.core.model import Finding, Severity, Verdict
from configvault.core.secrets.redactor import Redactor
from configvault.core.settings import PathRules
from configvault.validators.excerpt import Lines
from configvault.validators.rules import RULES
from configvault.validators.violations import Violation, capped, clean, printable

_ORDER = {Severity.ERROR: 0, Severity.WARNING: 1}


class Report:
    """Collects what is found in one state."""

    def __init__(self, severities: Mapping[str, str], by_path: Iterable[PathRules] = ()) -> None:
        """Use these severities, and those of `by_path` for the files that they name; the last one counts."""
        self._severities = severities
        self._by_path = tuple(by_path)
        self._findings: list[Finding] = []
        self._moot = 0

    @property
    def count(self) -> int:
        """Return how many findings were taken so far, and how many were not for the path of their file alone."""
        return len(self._findings) + self._moot

    def moot(self) -> None:
        """Count one finding that is none because of where its file is: elsewhere the same folder is not clean."""
        self._moot += 1

    def add(self, path: str, violations: Iterable[Violation]) -> None:
        """Take the `violations` of the file at `path`, of which no line is to be shown."""
        self.add_findings(self.findings(path, violations))

    def add_findings(self, findings: Iterable[Finding]) -> None:
        """Take what `findings` made."""
        self._findings += findings

    def findings(
        self, path: str, violations: Iterable[Violation], data: Callable[[], bytes] | None = None
    ) -> tuple[Finding, ...]:
        """Return what is to be said of the `violations` of one file; `data` gives its bytes if a line is to be shown."""
        made: list[Finding] = []
        lines: Lines | None = None
        for one in capped(violations):
            severity, by = self._severity(one.rule, RULES[one.rule].severity, path)
            if severity is None:
                continue
            if data is not None and lines is None and one.line is not None:
                lines = Lines(data())
            excerpt = lines.excerpt(one) if lines is not None else None
            message = clean(one.message) + by
            made.append(Finding(one.rule, severity, path, one.line, one.column, message, excerpt, one.hint))
        return tuple(made)

    def take(self, findings: Iterable[Finding]) -> None:
        """Take findings that somebody else made whole; only their severity may still change."""
        for one in findings:
            severity, by = self._severity(one.rule, one.severity, one.path)
            if severity is not None:
                self._findings.append(_discreet(one, severity, by))

    def verdict(self) -> Verdict:
        """Return all that was taken, most severe first, then by path and line; nothing twice."""
        unique = dict.fromkeys(self._findings)
        return Verdict(tuple(sorted(unique, key=_sort_key)))

    def _severity(self, rule: str, usual: Severity, path: str) -> tuple[Severity | None, str]:
        """Return how much a finding counts (None: not at all), and words where that follows from its path."""
        word, by = self._severities.get(rule), ""
        for item in self._by_path:
            if rule in item.rules and matches(path, item.paths):
                word = item.rules[rule]
                by = f" ({word} by validate.rules for {', '.join(item.paths)})"
        if word == "off":
            self._moot += bool(by)
            return None, by
        return Severity(word) if word else usual, by


def _discreet(one: Finding, severity: Severity, by: str) -> Finding:
    """Return a finding of somebody else's making without the secrets that its texts may quote."""
    hide = Redactor(b"").text
    message, excerpt, hint = (text and printable(hide(text)) for text in (one.message, one.excerpt, one.hint))
    return replace(one, severity=severity, message=(message or "") + by, excerpt=excerpt, hint=hint)


def _sort_key(finding: Finding) -> tuple[int, str, int, int, str]:
    return (_ORDER[finding.severity], finding.path, finding.line or 0, finding.column or 0, finding.rule)
