"""JUnit XML, as CI systems read it: one suite of cases that passed, failed or were skipped.

Source: the schema of Jenkins (jenkins-junit.xsd), which the tests validate it by.
"""

from __future__ import annotations

from collections.abc import Sequence

from configvault.core.frozen import frozen

FAILURE, SKIPPED = "failure", "skipped"


@frozen
class Case:
    """One case: `ended` is None (passed), `failure` or `skipped`, with its `message` and more `text` below it."""

    name: str
    ended: str | None = None
    message: str = ""
    text: str = ""
    seconds: float = 0.0


def document(suite: str, cases: Sequence[Case]) -> str:
    """Return a file with one suite."""
    from xml.sax.saxutils import escape, quoteattr

    failed, skipped = (sum(case.ended == end for case in cases) for end in (FAILURE, SKIPPED))
    seconds = sum(case.seconds for case in cases)
    counts = f'tests="{len(cases)}" failures="{failed}" errors="0" time="{seconds:.3f}"'
    lines = [
        '<?xml version="1.0" encoding="UTF-8"?>',
        f'<testsuites name="configvault" {counts}>',
        f'  <testsuite name="{suite}" {counts} skipped="{skipped}">',
    ]
    for case in cases:
        start = f'    <testcase classname="configvault.{suite}" name={quoteattr(_xml(case.name))}'
        start += f' time="{case.seconds:.3f}"'
        if case.ended is None:
            lines.append(start + "/>")
            continue
        # Not every reader's schema knows a message of what was skipped: there it is the text.
        is_failure = case.ended == FAILURE
        text = case.text if is_failure else "\n".join(filter(None, (case.message, case.text)))
        message = f" message={quoteattr(_xml(case.message))}" if is_failure else ""
        lines.append(f"{start}><{case.ended}{message}>{escape(_xml(text))}</{case.ended}></testcase>")
    return "\n".join([*lines, "  </testsuite>", "</testsuites>", ""])


def _xml(text: str) -> str:
    """Return `text` without what no XML may hold."""
    return "".join(char if char.isprintable() or char in "\t\n" else "?" for char in text)
