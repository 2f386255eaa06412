"""What Coze Studio's plugin loader does with changed directories, as a table of facts.

Each outcome was observed in the loader of coze-dev/coze-studio at commit 4f786d6a9c56, built with the versions that it
names (kin-openapi 0.118.0, yaml.v3 3.0.1), over `plugins.HARBOUR` with one edit. Nothing here was taken from ours.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import StrEnum

from edits import Edit, sub

# Why configvault differs from the loader on purpose.
UTF8 = "UTF-8 only: other readers of the same file show garbage"
OPENAPI_30 = "OpenAPI 3.0.x only: the loader takes any text for a version"
NO_ID = "nothing could refer to such a tool"
MAYBE_MEANT = "somebody may mean it: a warning"
MEANT = "what is deprecated is meant to be gone"
UPWARD = "a document is named by a path without `..`, so that it cannot leave the directory"
TOO_DEEP = "nested deeper than the limit of 200, at which other readers overflow their stack"
COLON = "libyaml and with it most readers of YAML refuse a colon right before a comma or a bracket"
ENDLESS = "no reader but one that skips the key survives an anchor that contains itself"


class Loader(StrEnum):
    """What becomes of a directory."""

    DIES = "the server does not start"
    SKIPS = "a plugin is left out, with a line in the log"
    DROPS = "a tool is left out, with a line in the log"
    LOSES = "plugins are lost, and the log says nothing"
    LOADS = "everything is there"


@dataclass(frozen=True)
class Verdict:
    """What the loader makes of a change, and what configvault has to say about it."""

    loader: Loader
    rule: str  # of configvault, one name for each finding; empty where there is none
    rejected: bool
    why_not_the_same: str = ""
    at: str = ""  # the file that the finding is about, where it is not the one edited


@dataclass(frozen=True)
class Fact:
    """One edit of the directory and what becomes of it."""

    name: str
    edit: Edit
    verdict: Verdict


# Verdicts, and after the rule the texts that have it, for `swap`.
Row = tuple[Verdict, tuple[str, ...]]


def dies(rule: str, *texts: str, at: str = "") -> Row:
    """Return the row of what stops the server."""
    return Verdict(Loader.DIES, rule, True, at=at), texts


def skips(rule: str, *texts: str, at: str = "") -> Row:
    """Return the row of what costs a plugin."""
    return Verdict(Loader.SKIPS, rule, True, at=at), texts


def drops(rule: str, *texts: str, at: str = "") -> Row:
    """Return the row of what costs a tool, but not its plugin."""
    return Verdict(Loader.DROPS, rule, True, at=at), texts


def loses(rule: str, *texts: str, at: str = "") -> Row:
    """Return the row of what costs plugins without a word."""
    return Verdict(Loader.LOSES, rule, True, at=at), texts


def loads(*texts: str) -> Row:
    """Return the row of what is in order."""
    return Verdict(Loader.LOADS, "", False), texts


def warned(rule: str, *texts: str, at: str = "") -> Row:
    """Return the row of what loads, and deserves a warning."""
    return Verdict(Loader.LOADS, rule, False, at=at), texts


def stricter(why: str, rule: str, *texts: str) -> Row:
    """Return the row of what loads, and is refused all the same."""
    return Verdict(Loader.LOADS, rule, True, why), texts


def milder(why: str, rule: str = "", *texts: str, at: str = "") -> Row:
    """Return the row of what costs a plugin or a tool without a word, and is accepted all the same."""
    return Verdict(Loader.LOSES, rule, False, why, at), texts


def swap(path: str, old: str, *rows: Row, form: Callable[[str], str] = str) -> Iterator[Fact]:
    """Yield a fact for each text of `rows`: `old` replaced by `form` of it in the file at `path`."""
    for verdict, texts in rows:
        for text in texts:
            shown = text if len(text) <= 160 else f"{text[:120]}... ({len(text)})"
            what = f"{old.strip()[:40]!r} -> {shown!r}" if form is str else f"{form.__name__} {shown!r}"
            yield Fact(f"{path.rpartition('/')[2]}: {what}", sub(path, old, form(text)), verdict)


def one(name: str, edit: Edit, row: Row) -> Fact:
    """Return the fact of an edit that is more than one text replaced."""
    return Fact(name, edit, row[0])
