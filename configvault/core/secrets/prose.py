"""Secrets in sentences and comments: `# old token was X`, `口令是 X`, `the admin password (prod) is X`, `passwd X`.

A sentence also says `the token is required`: only what looks chosen rather than written counts, and after a verb what stands
in quotes.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from configvault.core.pattern import pattern
from configvault.core.secrets import names

Span = tuple[int, int]

# Stands for each character of what is hidden already.
HIDDEN = "\ue000"
_MOST_WORDS = 400
_BETWEEN = 4
_WORD = pattern(r"(?:[-=]>|[^\s,;<>{}\[\]|])++")
_VERBS = frozenset(
    {
        "is", "was", "are", "were", "be", "being", "equals", "=", "==", ":", ":=", "->", "=>", "→", "⇒", "—", "-",
        "es", "era", "est", "etait", "était", "ist", "war", "lautet", "é", "è", "jest", "to", "into", "from", "now", "called",
    }
)  # fmt: skip
_FOREIGN = pattern(
    "(?:" + "|".join(map(re.escape, names.FOREIGN_NAMES)) + ")"
    r"(?:(?:[ \t]*+(?:[（(][^()（）]{0,40}[)）])?[ \t]*+(?:就是|曾是|原为|现为|改为|改成|变为|换成|设为|设置为|等于|是|为|為|は|が|는|은|это|->|=>|→|[:=：＝]))"  # noqa: RUF001
    r"[ \t]*+(?=[\"'“‘「『`]?([!-~]{3,}+))|[ \t]++(?=([!-~]{6,}+)))[\"'“‘「『`]?",  # noqa: RUF001
)
_ENCLOSED = pattern(
    r"(?<![\w.$-])([\w.$-]{2,60}+)[ \t]?[\[(<【「『《（]([^\s\[\]()<>{},【】「」『』《》（）]{6,80}+)[\])>】」』》）]"  # noqa: RUF001
)
_OPENINGS = frozenset("[(<【「『《（")  # noqa: RUF001
_QUOTES = "\"'`“\u2018"
_END = pattern(r"[.,;:!?)\]}\"'`>。，；]+$")  # noqa: RUF001
# What has a letter and a digit, or a sign, and is no secret.
_KNOWN = pattern(
    r"(?ix)v?[0-9]+(?:[.:_-][0-9a-z]+)*+ | [0-9]+[a-z]{1,4} | (?:oauth|utf|utf-|http|http/|tls|ssl|tlsv|ipv|x\.|x|rfc|rfc-|pkcs|pkcs\#|sha|sha-|hs|rs|es|ps|md|aes|aes-|des"
    r"|base|int|uint|float|v|ed|p-|s|ec|gpt-|k8s|log4j|c\+\+|u2f|f2a|web|py|py3|python|go|java|es)[0-9][0-9.]*[a-z]? | [0-9]+(?:st|nd|rd|th)"
    r"| k8s | 2fa | u2f | fido2 | base64(?:url)? | bcrypt | argon2(?:id|i|d)? | pbkdf2 | [A-Z]{2,6}-[0-9]{1,5} | \#[0-9]+"
    r"| [0-9a-f]{40} | [0-9]{4}-[0-9]{2}-[0-9]{2}\S*"
)
_IDENTIFIER = pattern(r"[A-Za-z_][a-z_]*(?:[A-Z][a-z]+)*(?:\(\))?|[A-Z_]+|\$\{?\w+\}?|%\w|\{+\w+\}+|<[\w -]+>")
_COMMON = frozenset(
    {
        "required", "missing", "invalid", "valid", "empty", "wrong", "optional", "expired", "unset", "null", "none", "true", "false",
        "string", "bearer", "basic", "header", "query", "body", "cookie", "path", "name", "value", "type",
    }
)  # fmt: skip


def spans(line: str) -> Iterator[Span]:
    """Yield where `line`, read as a sentence, gives a secret away."""
    if not line.isascii():
        for match in _FOREIGN.finditer(line):
            which = 1 if match[1] else 2
            text = _END.sub("", match[which])
            plain = len(text) < 3 or text.lower() in _COMMON or _KNOWN.fullmatch(text)
            if not plain and (which == 1 or looks_chosen(text)):
                yield match.start(which), match.start(which) + len(text)
    if not _OPENINGS.isdisjoint(line):
        for match in _ENCLOSED.finditer(line):
            if HIDDEN not in match[2] and looks_chosen(match[2]) and names.is_secret(match[1]):
                yield match.span(2)
    words = []
    for match in _WORD.finditer(line):
        words.append(match)
        if len(words) > _MOST_WORDS:
            break
    reach, verb, near = -1, "", False
    for number, match in enumerate(words):
        text = match[0]
        lowered = text.lower()
        bare = lowered.rstrip(":")
        if HIDDEN in text:
            reach = -1
            continue
        apart = line[words[number - 1].end() : match.start()].strip(" \t,") if number else ""
        if number <= reach and not apart:
            if lowered in _VERBS:
                # Straight after the name even a number is meant: `pin is 839127`.
                verb, reach = ("straight" if near else verb or "later"), number + 2
                continue
            if span := _value(match, verb, near=near):
                yield span
                reach = -1
                continue
            if bare != "used" and names.is_about(bare):
                reach = -1
            elif not verb and lowered.endswith(":") and bare.isalpha():
                verb = "later"
            near = False
        name = text.strip("#\"'`(*.!?)")
        # `name: value` is found as such.
        if name and not _has_value(name) and (names.is_secret(name) or _phrase(words, number)):
            reach, verb, near = number + _BETWEEN + 1, "", not name.lower().endswith("tokens")


def _has_value(name: str) -> bool:
    """Return whether a word is name and value in one, or only a part of something longer."""
    return any(sign in name for sign in "=:/")


def _phrase(words: list[re.Match[str]], number: int) -> bool:
    last = words[number][0].strip("\"'`()").rstrip(":")
    return last.isalpha() and any(
        names.is_phrase(" ".join([*(word[0] for word in words[number - count : number]), last]))
        for count in (1, 2)
        if number >= count
    )


def _value(match: re.Match[str], verb: str, *, near: bool) -> Span | None:
    """Return where the value in a word is, None where it is one more word."""
    text = match[0]
    start = match.start() + len(text) - len(text.lstrip(_QUOTES + "("))
    end = match.start() + len(_END.sub("", text))
    value = match.string[start:end]
    if len(value) < 4 or text.endswith(":") or value.lower() in _COMMON or value[0] in "@$*%&<":
        return None
    if text[0] in _QUOTES and verb:
        return None if names.is_secret(value) and _IDENTIFIER.fullmatch(value) else (start, end)
    if verb == "straight" and value.isdigit() and len(value) <= 12:
        return start, end
    return (start, end) if (verb or (near and len(value) >= 6)) and looks_chosen(value) else None


def looks_chosen(text: str) -> bool:
    """Return whether `text` is made of more than the letters of a word: a digit, a sign, capitals in the middle."""
    if _KNOWN.fullmatch(text) or _IDENTIFIER.fullmatch(text) or "/" in text or "://" in text:
        return False
    letters = sum(map(str.isalpha, text))
    digits = sum(map(str.isdigit, text))
    if letters and digits:
        return True
    signs = sum(char in "!@$%^&*+=?~" for char in text[:-1])
    return letters > 2 and signs > 0
