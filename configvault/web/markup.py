"""Build HTML from values. Text is escaped where it goes in; only what `el` made counts as markup.

A template language would escape as well, until somebody marks a string as safe. Here markup is a type: a `str` that is
not `Markup` cannot get in unescaped, joining the two gives a plain `str` again, and mypy sees the rest. A page is a
function that can be read from top to bottom, and there is nothing to load.

A plain `str` is the page's own words: it is shown in the language of whoever looks, and this is the only place where it is
looked up. What others wrote (subjects, names, paths) is `Data`, and shown as it is.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from configvault.core import language

VOID = frozenset({"meta", "link", "input", "br", "hr"})
_ESCAPES = {"&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "'": "&#39;"}
_KEPT = "\n\t"
# Attributes that people read or hear.
_WORDS = frozenset({"aria_label", "title", "placeholder"})
_PLACE = re.compile(r"\{(\w+)\}")


class Markup(str):
    """HTML that is complete in itself."""

    __slots__ = ()


class Data(str):
    """Text that is not ours: shown as it is in every language."""

    __slots__ = ()


Child = str | int | None | Iterable["Child"]
Attribute = str | int | bool | None


def escape(text: str) -> str:
    """Return `text` so that a browser shows it and does nothing else with it.

    What does not print shows as an escape: control characters, turned writing direction, and bytes of names that are no
    UTF-8.
    """
    return "".join(
        _ESCAPES.get(char) or (char if char.isprintable() or char in _KEPT else _shown(char)) for char in text
    )


def _shown(char: str) -> str:
    if 0xDC80 <= ord(char) <= 0xDCFF:
        return f"\\x{ord(char) - 0xDC00:02x}"
    return char.encode("unicode_escape").decode("ascii")


def el(tag: str, /, *children: Child, **attributes: Attribute) -> Markup:
    """Return an element. `class_` and `for_` lose their underscore, others get a dash for it; None and False are left out."""
    head = "".join(_attribute(key, value) for key, value in attributes.items())
    if tag in VOID:
        return Markup(f"<{tag}{head}>")
    return Markup(f"<{tag}{head}>{join(*children)}</{tag}>")


def _attribute(key: str, value: Attribute) -> str:
    if value is None or value is False:
        return ""
    name = key.rstrip("_").replace("_", "-")
    if key in _WORDS and isinstance(value, str) and not isinstance(value, Data):
        value = language.text(value)
    return f" {name}" if value is True else f' {name}="{escape(str(value))}"'


def words(message: str, **children: Child) -> Markup:
    """Return a sentence of ours with `children` in the places that `{name}` marks, in the order of the reader's language."""
    parts = _PLACE.split(language.text(message))
    return Markup("".join(join(children[part]) if at % 2 else escape(part) for at, part in enumerate(parts)))


def counted(count: int, one: str, many: str) -> Markup:
    """Return `one` or `many`, as `count` asks for, which is shown in the place of `{n}`."""
    return Markup(escape(language.counted(count, one, many)))


def join(*children: Child) -> Markup:
    """Return children one after the other, text among them escaped."""
    return Markup("".join(_flat(children)))


def _flat(children: Iterable[Child]) -> Iterable[str]:
    for child in children:
        if isinstance(child, Markup):
            yield child
        elif isinstance(child, Data):
            yield escape(child)
        elif isinstance(child, str):
            yield escape(language.text(child))
        elif isinstance(child, int):
            yield str(child)
        elif child is not None:
            yield from _flat(child)
