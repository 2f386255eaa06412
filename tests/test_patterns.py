"""Regular expressions as Go reads them: facts of Go's own parser, and bounds in time and memory."""

from __future__ import annotations

import subprocess
import sys

import pytest

from configvault.coze.openapi import patterns

# Source: what Go's regexp.Compile says (Go 1.22 to 1.24).
TAKEN = [
    "", "a|", "()", "^[a-z]+$", "a{1000}", "a{,2}", "a{2", "a{x}", "a{01}", "(?i)a", "(?i:a)", "(?s-m:.)", "(?U)a+?",
    "(?P<n>a)", "(?<n>a)", "(?P<1>a)", "$(?)+", r"\Qa+b", r"\Q\C\E", r"\\C", r"\A\z\b\B", r"\pL\PN", r"\p{Greek}\p{^Han}\P{^Latin}",
    r"\x{1F600}\x41", r"\07\012", r"\_\-", "[]a]", "[^]a]", "[a-b-c]", r"[\d-z]", "[[:alpha:][:^digit:]]", r"[(?P<é>]", r"\(?P<é>", "é*中",
    r"\p{Any}", "((a{10}){10}){10}",
]  # fmt: skip
REFUSED = [
    "(?=a)", "(?!a)", "(?<=a)", "(?<!a)", "(?>a)", "(?#a)", "(?x)a", "(?-)a", "(?P=n)", "(?P<>a)", "(?P<n", "(?P<é>a)", "(?<é>a)", "(?P<a é>b)",
    "a**", "a*{2}", "*a", "(*)", "a|*", "a{1001}", "a{2,1}", "((a{100}){10}){2}", "(a", "a)", "[a", "[z-a]", r"[a-\d]", "[[:foo:]]",
    r"\1", r"\8", r"\C", r"[\C]", r"a\Qb\E\C", r"\Z", r"\G", r"\K", r"\R", r"\h", r"\y", r"\é", r"\x", r"\x{110000}", r"\x{}", r"\xg0",
    r"\p{Foo}", r"\p{greek}", r"\p{L", "\\",
]  # fmt: skip
FOUND = [
    ("b", "abc"), ("^b?a", "a"), ("a$", "ba"), ("(?m)^b$", "a\nb\nc"), ("é", "café"), (r"^.$", "\U0001f600"),
    (r"\p{Han}", "々"), ("(?i)k", "\u212a"), ("(?i)[a-z]", "\u017f"), (r"^\w+$", "a_1"), ("(?s)a.b", "a\nb"), (r"\x{e9}", "é"), ("", ""),
]  # fmt: skip
NOT_FOUND = [
    ("^b", "ab"),
    ("a$", "a\n"),
    ("a.b", "a\nb"),
    (r"\w", "é"),
    (r"\d", "٣"),
    (r"\s", "\v"),
    ("(?-i)K", "k"),
    (r"\PL", "é"),
]
LARGE = {
    "never ends": ("(a*)*(a*)*(a|a)*$", "a" * 5000 + "b"),
    "multiplies": ("(a{1,900}){1,1}" * 600, "b"),
    "many classes": (r"\pL{1000}" * 1100, "b"),
    "many stars": ("(.*a.*b)" * 1200, "ab" * 500_000),
    "brackets": ("(" * 4999 + ")" * 4999, "b"),
}


@pytest.mark.parametrize("pattern", TAKEN)
def test_taken(pattern: str) -> None:
    """What Go compiles has no problem."""
    assert patterns.problem(pattern) is None


@pytest.mark.parametrize("pattern", REFUSED)
def test_refused(pattern: str, capfd: pytest.CaptureFixture[str]) -> None:
    """What Go refuses has a problem, said in one line and written nowhere else."""
    problem = patterns.problem(pattern)
    assert problem
    assert "\n" not in problem
    assert "b'" not in problem
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize(("pattern", "text"), FOUND)
def test_found(pattern: str, text: str) -> None:
    """What Go finds in a text is found."""
    assert patterns.matches(pattern, text)


@pytest.mark.parametrize(("pattern", "text"), NOT_FOUND)
def test_not_found(pattern: str, text: str) -> None:
    """What Go does not find in a text is not found."""
    assert not patterns.matches(pattern, text)


@pytest.mark.parametrize("name", LARGE)
def test_large(name: str, capfd: pytest.CaptureFixture[str]) -> None:
    """A pattern made to take long is one that Go takes, and whether it matches is left open where that would take too long."""
    pattern, text = LARGE[name]
    assert patterns.problem(pattern) is None
    assert patterns.matches(pattern, text) in {True, False}
    assert capfd.readouterr() == ("", "")


def test_too_long() -> None:
    """A pattern beyond the limit is refused by its length alone, and the limit is named."""
    assert patterns.problem("a" * (patterns.LONGEST + 1)) == "it is longer than 10000 characters"


def test_lone_surrogate() -> None:
    """What is no Unicode is no reason to fail."""
    assert patterns.problem("(\ud800")
    assert not patterns.matches("a", "\ud800")


def test_memory_is_given_back() -> None:
    """Compiled patterns are not kept: eighty of 5 MB leave less than 100 MB behind."""
    code = """
import resource
from configvault.coze.openapi import patterns
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
for n in range(80):
    assert patterns.problem("a{1000}" * 340 + str(n)) is None
print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) // 1024)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert int(done.stdout) < 100
