"""Secrets in XML: elements and attributes with a secret's name, and a value beside the name of one.

`<password>X</password>`, `<db password="X"/>`, `<add key="password" value="X"/>`, `<entry key="password">X</entry>`,
`<key>password</key><string>X</string>`, `<name>db.password</name>` before `<value>X</value>`.
"""

from __future__ import annotations

import re
from collections.abc import Generator, Iterator

from configvault.core.pattern import pattern
from configvault.core.secrets import names
from configvault.core.secrets.prose import looks_chosen

Span = tuple[int, int]

_TAG = pattern(r"<(/?)([^\W\d][\w:.-]{0,100})((?:[^<>\"']|\"[^\"<>]*\"|'[^'<>]*')*+)>")
_ATTRIBUTE = pattern(r"([\w:.-]{1,100})\s*=\s*(?:\"([^\"]*)\"|'([^']*)')")
_NAMING = frozenset({"name", "key", "id", "property", "param", "field", "param-name", "prop"})
# A table, or a list of terms, may as well explain what a name means: beside it only what looks chosen is hidden.
_CELLS = frozenset({"td", "th", "dt", "dd"})
_HOLDING = frozenset({"value", "val", "content", "text", "data", "default"})
_LONGEST_BODY = 16 * 1024


def may_hold(text: str) -> bool:
    """Return whether `text` has elements at all."""
    return "</" in text or "/>" in text or "<input" in text or "<meta" in text


def spans(text: str) -> Iterator[Span]:
    """Yield where the secrets of the elements in `text` are."""
    end_of_last, opened, named = 0, "", False
    # `opened`: why the body that follows is a secret; `named`: the element before named a secret.
    naming = False
    for tag in _TAG.finditer(text):
        body = (end_of_last, tag.start())
        if opened and body[1] - body[0] <= _LONGEST_BODY:
            yield from (
                one for one in _inside(text, *body) if opened != "cell" or looks_chosen(text[slice(*one)])
            )
        if naming and tag[1]:
            named = names.is_secret(text[slice(*body)].strip()[-100:])
        end_of_last, naming, opened = tag.end(), False, ""
        local = tag[2].rpartition(":")[2]
        if tag[1]:
            if local.lower() not in (_NAMING | _HOLDING | _CELLS):
                named = False
            continue
        secret = yield from _attributes(text, tag)
        if tag[3].rstrip().endswith("/"):
            continue
        lowered = local.lower()
        if named and lowered in _CELLS:
            opened, named = "cell", False
        elif lowered in (_NAMING | _CELLS) and not secret:
            naming = True
        elif secret or names.is_secret(local):
            # The value may be the body, or an element in it: `<setting name="Password"><value>X</value>`.
            opened, named = "name", secret
        elif named:
            opened, named = "beside", lowered in _NAMING


def _attributes(text: str, tag: re.Match[str]) -> Generator[Span, None, bool]:
    """Yield the secret values of one element's attributes; return whether they name a secret."""
    values: list[Span] = []
    names_secret = False
    for one in _ATTRIBUTE.finditer(text, tag.start(3), tag.end(3)):
        which = 2 if one[2] is not None else 3
        name = one[1].rpartition(":")[2]
        if name.lower() in _NAMING:
            names_secret = names_secret or names.is_secret(one[which][-100:])
        elif name.lower() in _HOLDING:
            values.append(one.span(which))
        elif names.is_secret(name):
            yield one.span(which)
    if names_secret:
        yield from values
    return names_secret


def _inside(text: str, start: int, end: int) -> Iterator[Span]:
    """Yield the body of an element, line by line, without what only frames it."""
    body = text[start:end]
    at = start
    for frame in ("<![CDATA[", "]]>"):
        if body.strip().startswith(frame) or body.strip().endswith(frame):
            body = body.replace(frame, "\0" * len(frame), 1)
    for line in body.split("\n"):
        inner = line.strip(" \t\r\0")
        if inner:
            first = at + line.index(inner)
            yield first, first + len(inner)
        at += len(line) + 1
