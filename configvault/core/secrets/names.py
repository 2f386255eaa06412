"""Which names say that their value is a secret: `service_token`, `DB_PASS`, `X-Api-Key`, `clientSecret`.

By the name alone. Wrong on the careful side: a `page_token` is taken for a secret.
"""

from __future__ import annotations

import re
from functools import lru_cache

CJK_NAMES = ("密码", "口令", "密钥", "私钥", "令牌", "凭证", "凭据")

# What lies beside a secret name (`name: Authorization`, `value: ...`) or below one in a schema.
VALUE_NAMES = frozenset({"value", "val", "values", "example", "examples", "default", "const"})
NAME_NAMES = frozenset({"name", "key", "header", "field", "param"})

# A key of these is no secret although its value is random: checksums, ids, references to other places.
REFERENCE_NAME = re.compile(
    r"(?i)(?:^|[^a-z])(?:ids?|uuid|guid|sha[0-9]*(?:sum)?|md5(?:sum)?|digest|checksum|hash|commit|rev|revision|etag"
    r"|integrity|fingerprint|\$ref)$|[a-z](?:Id|Sha|Hash)$|operationId$"
)

_SECRET = re.compile(
    r"passw|passphrase|passcode|pwd|secret|token(?!i)|credential|cookie|authorization|bearer|signature|jwt"
    r"|(?:api|access|private|sign|signing|encrypt|encryption|service|master|session|client|app|account|shared|auth"
    r"|subscription|licen[cs]e|deploy|ssh|aes|hmac|rsa|webhook|user|storage|admin)key(?!s?(?:id|name)$)"
)
_SECRET_WORDS = frozenset({"pass", "pw", "otp", "auth", "sk", "pat", "sessionid", "sid"})
_FIRST_OF_NONE = frozenset(
    {
        "max",
        "min",
        "num",
        "total",
        "is",
        "has",
        "use",
        "enable",
        "require",
        "required",
        "show",
        "hide",
        "count",
        "no",
    }
)
_LAST_OF_NONE = frozenset(
    {
        "type", "url", "uri", "endpoint", "name", "names", "path", "file", "dir", "header", "headers", "location", "format",
        "policy", "length", "size", "limit", "limits", "count", "min", "max", "ttl", "expiry", "expires", "expiration",
        "expire", "in", "at", "domain", "enabled", "required", "method", "mode", "algorithm", "alg", "issuer", "ref", "scope",
        "scopes", "description", "label", "placeholder", "field", "param", "parameter", "usage", "budget", "window",
        "provider", "version", "schema", "title", "hint", "env", "lifetime", "timeout", "seconds", "days", "id",
    }
)  # fmt: skip
_CONTAINER = re.compile(r"(?:secrets|credentials|passwords|tokens|cookies|apikeys|stringdata)$")
_SCHEMA_WORDS = frozenset(
    {
        "type",
        "description",
        "title",
        "format",
        "required",
        "nullable",
        "in",
        "name",
        "key",
        "summary",
        "$ref",
        "style",
    }
)
_QUERY_NAMES = frozenset({"key", "sig", "sign", "code", "ticket", "ak", "sk", "state", "auth"})
_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[0-9]+")


@lru_cache(maxsize=4096)
def is_secret(name: str) -> bool:
    """Return whether the value under `name` is to be hidden."""
    if name in CJK_NAMES:
        return True
    words = [word.lower() for word in _WORD.findall(name)]
    joined = "".join(words)
    if (
        not words
        or (words[-1] in _LAST_OF_NONE and not joined.endswith("secretid"))
        or words[0] in _FIRST_OF_NONE
    ):
        return False
    return bool(_SECRET.search(joined)) or not _SECRET_WORDS.isdisjoint(words)


@lru_cache(maxsize=4096)
def is_container(name: str) -> bool:
    """Return whether everything below `name` is a secret, whatever its own name."""
    return bool(_CONTAINER.search("".join(_WORD.findall(name)).lower()))


def is_query_secret(name: str) -> bool:
    """Return whether `name` in the query of a URL carries a secret."""
    return name.lower() in _QUERY_NAMES or is_secret(name)


def is_schema_word(name: str) -> bool:
    """Return whether `name` below a secret name describes it and does not hold it."""
    return name.lower() in _SCHEMA_WORDS or name.startswith("x-")
