"""Whether Go's `url.Parse` takes a URL, and which host it sees in it.

Source: Go 1.19 to 1.24, net/url, `parse`, `parseAuthority`, `parseHost`, `unescape`.
"""

from __future__ import annotations

import re

_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*):(.*)", re.ASCII | re.DOTALL)
_HOST_CHARS = re.compile(r"""(?:[A-Za-z0-9\-_.~!$&'()*+,;=:\[\]<>"]|%[0-9A-Fa-f]{2}|[^\x00-\x7f])*""", re.ASCII)
_USER = re.compile(r"[A-Za-z0-9\-._:~!$&'()*+,;=%@]*", re.ASCII)
_BAD_ESCAPE = re.compile(r"%(?![0-9A-Fa-f]{2})")
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_PORT = re.compile(r"(?::[0-9]*)?", re.ASCII)


def host(url: str) -> str | None:
    """Return host and port of `url` ('' where it has none), None where Go refuses it."""
    if _CONTROL.search(url):
        return None
    body, _, fragment = url.partition("#")
    if _BAD_ESCAPE.search(fragment):
        return None
    scheme, rest = _scheme(body)
    if rest is None:
        return None
    rest = rest.partition("?")[0]
    if not rest.startswith("/"):
        if scheme:
            return ""  # opaque, as mailto:x
        return None if ":" in rest.split("/")[0] or _BAD_ESCAPE.search(rest) else ""
    if (scheme or not rest.startswith("///")) and rest.startswith("//"):
        authority, slash, path = rest[2:].partition("/")
        return None if _BAD_ESCAPE.search(slash + path) else _authority(authority)
    return None if _BAD_ESCAPE.search(rest) else ""


def _scheme(url: str) -> tuple[str, str | None]:
    match = _SCHEME.fullmatch(url)
    if match:
        return match[1], match[2]
    return "", None if url.startswith(":") else url


def _authority(authority: str) -> str | None:
    user, at, place = authority.rpartition("@")
    if at and (not _USER.fullmatch(user) or _BAD_ESCAPE.search(user)):
        return None
    if place.startswith("["):
        end = place.rfind("]")
        return place if end > 0 and _PORT.fullmatch(place[end + 1 :]) and _HOST_CHARS.fullmatch(place) else None
    colon = place.rfind(":")
    if colon >= 0 and not _PORT.fullmatch(place[colon:]):
        return None
    if not _HOST_CHARS.fullmatch(place):
        return None
    # In a host only bytes beyond ASCII may be written with %, and the % itself.
    escapes = re.findall(r"%([0-9A-Fa-f]{2})", place)
    return place if all(int(code, 16) >= 0x80 or code == "25" for code in escapes) else None
