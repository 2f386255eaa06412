"""Say facts in one line: a few things by name, many by their number, each with what happened to it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

MOST_NAMED = 3
LONGEST = 120


class Detail(NamedTuple):
    """What happened to a thing: `kind` to count by ("version"), `text` to read ("version v1 → v2")."""

    kind: str
    text: str


class Fact(NamedTuple):
    """A verb, what sort of thing it happened to ("plugin", "file"), its name, and what exactly."""

    verb: str
    noun: str
    name: str
    details: tuple[Detail, ...] = ()


def sentence(facts: Sequence[Fact]) -> str:
    """Return all facts in one line of at most `LONGEST` characters, the first letter a capital."""
    groups: dict[tuple[str, str], list[Fact]] = {}
    for fact in facts:
        groups.setdefault((fact.verb, fact.noun), []).append(fact)
    said = _joined(
        [_named(group) if len(group) <= MOST_NAMED else _counted(group) for group in groups.values()]
    )
    if len(said) > LONGEST:
        said = _joined([_counted(group) if len(group) > 1 else _named(group) for group in groups.values()])
    return said if len(said) <= LONGEST else said[: LONGEST - 1] + "…"


def _joined(parts: Sequence[str]) -> str:
    said = "; ".join(parts) or "change nothing that git can show"
    return said[0].upper() + said[1:]


def _named(group: Sequence[Fact]) -> str:
    """Say each by name; what happened to all of them alike is said once."""
    texts = [", ".join(detail.text for detail in fact.details) for fact in group]
    if len(set(texts)) == 1:
        names = ", ".join(fact.name for fact in group)
        return f"{group[0].verb} {names}" + (f": {texts[0]}" if texts[0] else "")
    each = [f"{fact.name} ({text})" if text else fact.name for fact, text in zip(group, texts, strict=True)]
    return f"{group[0].verb} {', '.join(each)}"


def _counted(group: Sequence[Fact]) -> str:
    """Say how many, and how often each kind of thing happened."""
    kinds = Counter(kind for fact in group for kind in {detail.kind for detail in fact.details})
    counts = ", ".join(_number(count, kind) for kind, count in kinds.most_common())
    return f"{group[0].verb} {_number(len(group), group[0].noun)}" + (f" ({counts})" if counts else "")


def _number(count: int, noun: str) -> str:
    return f"{count} {noun}{'' if count == 1 else 's'}"
