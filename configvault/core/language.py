"""Translate pages, notifications, and findings with their hints into the reader's language.

The program is written in English, and the English message is the key of its translation. The other languages are in
gettext catalogues (`locale/LANGUAGE/LC_MESSAGES`). Messages are translated where they are shown, not where they are made,
so JSON, logs and commits stay English in any language. `text` translates fixed words; `sentence` translates a finished
sentence with values in it, after recognising the message that it was made from.
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
# A value of the configuration: use the language of the environment, and on the web page that of the browser.
AUTO = "auto"
LANGUAGES = {ENGLISH: "English", "zh_CN": "中文"}
DOMAIN = "configvault"
# A longer text, in characters, was not made from one of our messages.
_LONGEST = 2000
_PLACE = re.compile(r"\{(\w+)\}")

_spoken: ContextVar[str] = ContextVar("language", default=ENGLISH)


@contextlib.contextmanager
def spoken(language: str) -> Iterator[None]:
    """Translate into `language` (one of `LANGUAGES`) in this thread until the end of the block."""
    before = _spoken.set(language if language in LANGUAGES else ENGLISH)
    try:
        yield
    finally:
        _spoken.reset(before)


def prefer(language: str) -> None:
    """Translate into `language` until the end of the surrounding `spoken` block; `AUTO` changes nothing."""
    if language in LANGUAGES:
        _spoken.set(language)


def current() -> str:
    """Return the language that messages are translated into in this thread."""
    return _spoken.get()


def wanted(accept: str) -> str | None:
    """Return the known language that an `Accept-Language` header prefers, None if it names none."""
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
    """Return the configured language; for `AUTO` that of the environment."""
    return of_environment(environ or {}) if said == AUTO else said


def _known(tag: str) -> str | None:
    """Return the known language for a tag in lower case such as `zh-cn` or `en`, None if there is none."""
    return next((one for one in LANGUAGES if tag.replace("-", "_").partition("_")[0] == one[:2]), None)


@cache
def _catalogue(language: str) -> NullTranslations:
    # Imported here, as most commands translate nothing.
    import gettext
    from importlib.resources import as_file, files

    if language == ENGLISH:
        return gettext.NullTranslations()
    with as_file(files("configvault") / "locale") as folder:
        return gettext.translation(DOMAIN, folder, [language], fallback=True)


def text(message: str) -> str:
    """Return a fixed message in the current language."""
    return _catalogue(_spoken.get()).gettext(message) if message else message


def counted(count: int, one: str, many: str) -> str:
    """Return the translation of `one` if `count` is 1, else of `many`, with `{n}` replaced by `count`."""
    return text(one if count == 1 else many).replace("{n}", str(count))


def sentence(said: str) -> str:
    """Return a finished sentence in the current language; unchanged if it was made from no known message."""
    language = _spoken.get()
    # In gettext the empty message is the catalogue's header.
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
    """Return the first word of a sentence, by which messages are looked up; empty if it is no plain word."""
    found = re.match(r"[A-Za-z]+(?= )", said)
    return found[0] if found else ""


_Made = tuple[list[str], list[str], str]


@cache
def _made_of(language: str) -> Mapping[str, list[_Made]]:
    """Return all messages with values, by their first word, which is empty if the message begins with a value.

    Each message is a triple: the literals around its values, the names of the values, the translation.
    """
    known = getattr(_catalogue(language), "_catalog", {})
    messages = [one for one in known if isinstance(one, str) and _PLACE.search(one)]
    found: dict[str, list[_Made]] = {}
    # The longest literals first: if two messages fit, that one is meant.
    for message in sorted(messages, key=lambda one: -len(_PLACE.sub("", one))):
        parts = _PLACE.split(message)
        found.setdefault(_beginning(message), []).append((parts[::2], parts[1::2], known[message]))
    return found


def _between(said: str, literals: list[str]) -> list[str] | None:
    """Return the values between the literals of a message, each as short as possible; None if the literals do not fit.

    Not with a regular expression: with several values that match anything, a hostile file could make it run for ever.
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
