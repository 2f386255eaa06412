"""Patterns mean the same on every Python that is supported, also where possessive groups do not work."""

from __future__ import annotations

import importlib
import pkgutil
import re

import pytest

import configvault
from configvault.core import pattern


@pytest.mark.parametrize(
    ("text", "written"),
    [
        (r"(?:ab?c)++", r"(?>(?:ab?c)+)"),
        (r"(?:a|(b)?+)*+c", r"(?>(?:a|(?>(b)?))*)c"),
        (r"a++[)*+(]+\)*+(b)+", r"a++[)*+(]+\)*+(b)+"),
        (r"([]()*+])(x){2,3}+", r"([]()*+])(?>(x){2,3})"),
    ],
)
def test_possessive_groups_become_atomic(text: str, written: str) -> None:
    """Groups alone are written anew: what is escaped, in a set, or a single character works as it is."""
    assert pattern.atomic(text) == written


def test_every_pattern_of_ours_can_be_written_so() -> None:
    """Each has the same groups then, and finds the same in texts that a round of a group fails on half-way."""
    texts = [
        'a: """x"y\n"""\nb',
        "'a''b' 'c",
        "<a b='c' d>",
        "- - x: y",
        "a\\'b'c",
        "export -a=b",
        '{"a\\"b": 1}',
    ]
    seen = 0
    for module in pkgutil.walk_packages(configvault.__path__, "configvault."):
        if module.name.endswith("__main__") or ".core." not in module.name:
            continue
        for made in vars(importlib.import_module(module.name)).values():
            found = list(made.values()) if isinstance(made, dict) else [made]
            for one in found:
                if isinstance(one, pattern._Pattern) and isinstance(one._made[0], str):
                    text, flags = one._made
                    assert isinstance(text, str)
                    plain, written = one, re.compile(pattern.atomic(text), flags)
                    assert written.groups == plain.groups
                    seen += written.pattern != text
                    for line in texts:
                        assert [m.span() for m in written.finditer(line)] == [
                            m.span() for m in plain.finditer(line)
                        ]
    assert seen > 10
