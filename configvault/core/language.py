"""Say things in the language of whoever looks: pages, notifications, and findings with their hints.

English is what the program is written in, and the key of each message. A catalogue (`locale/LANGUAGE/LC_MESSAGES`,
gettext's own format) gives the other languages. Messages are looked up where they are shown, not where they are made, so that JSON,
logs and commits stay English whatever a reader speaks: `text` for words that are fixed, `sentence` for a finished sentence with
values in it, which is recognised by the message that it was made from.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator, Mapping
from contextvars import ContextVar
from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from gettext import NullTranslations

ENGLISH = "en"
# As the configuration says it: the language of the environment, and on the page of the browser.
AUTO = "auto"
LANGUAGES = {ENGLISH: "English", "zh_CN": "中文"}
DOMAIN = "configvault"
# Nothing that is longer was made from one of our messages.
_LONGEST = 2000
_PLACE = re.compile(r"\{(\w+)\}")

_spoken: ContextVar[str] = ContextVar("language", default=ENGLISH)


@contextlib.contextmanager
def spoken(language: str) -> Iterator[None]:
    """Look up messages in `language` (one of `LANGUAGES`) in this thread until the end of the block."""
    before = _spoken.set(language if language in LANGUAGES else ENGLISH)
    try:
        yield
    finally:
        _spoken.reset(before)


def prefer(language: str) -> None:
    """Look up messages in `language` until the end of the block around it; `AUTO` changes nothing."""
    if language in LANGUAGES:
        _spoken.set(language)


def current() -> str:
    """Return the language that is spoken in this thread."""
    return _spoken.get()


def wanted(accept: str) -> str | None:
    """Return the language that an `Accept-Language` header asks for first, None where it names none that there is."""
    ranked = []
    for number, part in enumerate(accept[:200].split(",")):
        tag, _, quality = part.strip().partition(";q=")
        try:
            ranked.append((-float(quality or 1), number, tag.lower()))
        except ValueError:
            continue
    return next((found for _, _, tag in sorted(ranked) if (found := _known(tag))), None)


def of_environment(environ: Mapping[str, str]) -> str:
    """Return the language that `LC_ALL`, `LC_MESSAGES`, `LANG` and `LANGUAGE` ask for, in gettext's order."""
    locale = next((environ[name] for name in ("LC_ALL", "LC_MESSAGES", "LANG") if environ.get(name)), "")
    if locale.partition(".")[0] in ("", "C", "POSIX"):
        return ENGLISH
    said = [*environ.get("LANGUAGE", "").split(":"), locale]
    return next((found for one in said if (found := _known(one.partition(".")[0].lower()))), ENGLISH)


def configured(said: str, environ: Mapping[str, str] | None = None) -> str:
    """Return the language that the configuration names; for `AUTO` that of the environment."""
    return of_environment(environ or {}) if said == AUTO else said


def _known(tag: str) -> str | None:
    """Return which of the languages a tag (`zh-cn`, `zh_CN`, `en`) names."""
    return next((one for one in LANGUAGES if tag.replace("-", "_").partition("_")[0] == one[:2]), None)


@cache
def _catalogue(language: str) -> NullTranslations:
    # Most commands say nothing that is looked up.
    import gettext
    from importlib.resources import as_file, files

    if language == ENGLISH:
        return gettext.NullTranslations()
    with as_file(files("configvault") / "locale") as folder:
        return gettext.translation(DOMAIN, folder, [language], fallback=True)


def text(message: str) -> str:
    """Return a fixed message in the language that is spoken."""
    return _catalogue(_spoken.get()).gettext(message) if message else message


def counted(count: int, one: str, many: str) -> str:
    """Return `one` or `many`, whichever goes with `count`, which takes the place of `{n}` in it."""
    return text(one if count == 1 else many).replace("{n}", str(count))


def sentence(said: str) -> str:
    """Return a finished sentence in the language that is spoken; as it is where it was made from no known message."""
    language = _spoken.get()
    # The empty message is the catalogue's own head.
    if language == ENGLISH or not said or len(said) > _LONGEST:
        return said
    fixed = _catalogue(language).gettext(said)
    if fixed != said:
        return fixed
    first = _beginning(said)
    for literals, names, translated in (*_made_of(language).get(first, ()), *_made_of(language).get("", ())):
        values = _between(said, literals)
        if values is not None:
            told = dict(zip(names, values, strict=True))
            return _PLACE.sub(lambda place, told=told: sentence(told[place[1]]), translated)  # type: ignore[misc]
    return said


def _beginning(said: str) -> str:
    """Return the first word of a sentence, by which messages are found; empty where that is no plain word."""
    found = re.match(r"[A-Za-z]+(?= )", said)
    return found[0] if found else ""


_Made = tuple[list[str], list[str], str]


@cache
def _made_of(language: str) -> Mapping[str, list[_Made]]:
    """Return the words around the values of each message that has some, the values' names, and its translation.

    They are found by their first word, which is empty where that is a value.
    """
    known = getattr(_catalogue(language), "_catalog", {})
    messages = [one for one in known if isinstance(one, str) and _PLACE.search(one)]
    found: dict[str, list[_Made]] = {}
    # Of two that fit, the one with more of its own words is meant.
    for message in sorted(messages, key=lambda one: -len(_PLACE.sub("", one))):
        parts = _PLACE.split(message)
        found.setdefault(_beginning(message), []).append((parts[::2], parts[1::2], known[message]))
    return found


def _between(said: str, literals: list[str]) -> list[str] | None:
    """Return what is between the literals of a message, each value as short as can be; None where they do not fit.

    No pattern with several values that may be anything is matched: a hostile file could make that take for ever.
    """
    first, *middle, last = literals
    if not said.startswith(first) or not said.endswith(last) or len(said) < len(first) + len(last):
        return None
    values, at, end = [], len(first), len(said) - len(last)
    for literal in middle:
        # Two values with nothing between them cannot be told apart.
        found = said.find(literal, at, end)
        if found < 0:
            return None
        values.append(said[at:found])
        at = found + len(literal)
    return [*values, said[at:end]] if at <= end else None
