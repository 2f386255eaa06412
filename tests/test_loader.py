"""Over a thousand changed directories: what Coze Studio's own loader makes of each, and configvault with it."""

from __future__ import annotations

from collections import Counter

import pytest
from edits import Files
from loader import Fact, Loader
from loader.documents import FACTS as DOCUMENTS
from loader.plugin_list import FACTS as PLUGIN_LIST
from loader.texts import FACTS as TEXTS
from plugins import HARBOUR
from states import state

from configvault.app import validator
from configvault.core.model import Verdict
from configvault.core.settings import ValidateSettings
from configvault.validators import RULES

FACTS = [*PLUGIN_LIST, *DOCUMENTS, *TEXTS]
# What the rest of a directory makes worth a warning after an edit, and what an extra may or may not say.
ASIDE = {"unreferenced-file", "openapi-spec"}
# Rules whose fault is that there is no line to point at.
WITHOUT_LINE = {"file-missing", "meta-empty", "document-empty", "encoding", "json-syntax"}

# Shared by all facts: three of four files are the same each time, and the same bytes are read once.
VALIDATOR = validator(ValidateSettings(), {})


def harbour() -> Files:
    """Return the directory that is edited."""
    return {path: text.encode() for path, text in HARBOUR.items()}


def validated(fact: Fact) -> Verdict:
    """Return what configvault says after the edit."""
    files = harbour()
    fact.edit(files)
    assert files != harbour(), "the edit changes nothing"
    return VALIDATOR.validate(state(files))


def test_harbour_is_in_order() -> None:
    """The directory that the facts change is accepted without a finding; the loader has its 4 plugins and 6 tools."""
    assert VALIDATOR.validate(state(harbour())).findings == ()


@pytest.mark.parametrize("fact", FACTS, ids=lambda fact: fact.name)
def test_fact(fact: Fact) -> None:
    """What costs a plugin, a tool or the server is refused by the rule that names it; what loads is accepted."""
    verdict, found = fact.verdict, validated(fact)
    assert found.accepted != verdict.rejected, found.findings
    reported = (
        found.errors if verdict.rejected else tuple(one for one in found.findings if one.rule not in ASIDE)
    )
    rules = verdict.rule.split()
    assert sorted(one.rule for one in reported) == sorted(rules), found.findings
    assert {one.path for one in reported if one.rule == rules[0]} <= {verdict.at or fact.edit.path}, (
        found.findings
    )
    assert all(one.severity is RULES[one.rule].severity for one in reported)
    assert all(one.line is not None for one in reported if one.rule not in WITHOUT_LINE)


def test_deviations_have_a_reason() -> None:
    """Configvault refuses exactly what the loader does not load, but where the fact says why not."""
    for fact in FACTS:
        same = fact.verdict.rejected == (fact.verdict.loader is not Loader.LOADS)
        assert same == (not fact.verdict.why_not_the_same), fact.name


def test_facts_are_distinct() -> None:
    """No fact is there twice, under one name or by one edit, and each kind of outcome is among them."""
    assert [name for name, count in Counter(fact.name for fact in FACTS).items() if count > 1] == []
    assert {fact.verdict.loader for fact in FACTS} == set(Loader)
    assert {rule for fact in FACTS for rule in fact.verdict.rule.split()} <= RULES.keys()
