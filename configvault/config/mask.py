"""Make values printable: what might be a secret becomes `***`."""

from __future__ import annotations

import re

from configvault.config.expand import HiddenText
from configvault.core.secrets import names
from configvault.core.settings import Allowed

MASK = "***"


def shown(text: str, allowed: Allowed) -> str:
    """Return `text` as it may be printed when its field is `allowed` that."""
    if isinstance(text, HiddenText):
        return MASK
    if allowed.form in ("url", "git-url", "replica-url"):
        return url(text, only_host=allowed.secret)
    return MASK if allowed.secret else text


def url(text: str, *, only_host: bool = False) -> str:
    """Return a URL without password and query values; a webhook's path is a secret too (`only_host`)."""
    scheme, separator, rest = text.partition("://")
    if not separator:
        return MASK if only_host or "@" in text.partition(":")[2] else text
    authority, slash, path = rest.partition("/")
    user, at, host = authority.rpartition("@")
    if at:
        kept = user if scheme == "ssh" and ":" not in user else MASK
        authority = f"{kept}@{host}"
    if only_host:
        path = MASK if path else ""
    return f"{scheme}://{authority}{slash}{_query(path)}"


def _query(path: str) -> str:
    before, mark, _ = path.partition("?")
    return f"{before}?{MASK}" if mark else before.partition("#")[0]


def words(argv: tuple[str, ...]) -> list[str]:
    """Return a command line without the words that look like, or follow, a secret's name."""
    result: list[str] = []
    follows = False
    for word in argv:
        announced = names.announces_secret(word)
        bare_option = announced and re.fullmatch(r"--?[\w-]+", word) is not None
        plain = not isinstance(word, HiddenText) and not follows and (not announced or bare_option)
        result.append(url(word) if plain else MASK)
        follows = bare_option
    return result
