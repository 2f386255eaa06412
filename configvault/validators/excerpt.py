"""The line a finding is about, as it may be shown: redacted in the context of the whole file, cut, harmless."""

from __future__ import annotations

import re

from configvault.core.secrets import chosen
from configvault.core.secrets.redactor import Redactor
from configvault.validators.violations import Violation, printable

# Redacting needs the lines before; beyond this size a finding goes without its line rather than wait for it.
LARGEST_BYTES = 1024 * 1024
WIDEST = 240

# The lines these are about hold credentials; where they are is enough.
NEVER_SHOWN = frozenset(["auth-payload", "empty-token"])
# Where the structure is not to be trusted, only the whole file tells what a line belongs to.
_STRUCTURE_UNKNOWN = frozenset(["yaml-syntax", "json-syntax", "toml-syntax", "encoding", "conflict-marker"])
_YAML_BREAKS = re.compile("\r\n|[\r\x85\u2028\u2029]")
# Whatever stands there is credentials, of any form; a slip of the hand makes them a list or an alias.
_PAYLOAD = re.compile(r"""(\s*(?:- )?["']?payload["']?\s*:\s*).+""")
_WORD = re.compile(r"[ \t:\"'-]*([^\s\"'{}\[\],#]+)")
_WORDS = re.compile(r"[^\s\"'{}\[\],#]*[^\s\"'{}\[\],#:<>]")
_SMALL_BYTES = 128 * 1024
_TOP_LEVEL = re.compile(r"(?:- )?[\w.$/'\"-]+ *:(?: |$)|- ")


class Lines:
    """The lines of one file; each is redacted together with those it may depend on."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._lines: list[str] | None = None
        self._redacted: dict[tuple[int, int], list[str]] = {}
        # What hides a line may be anywhere: a key's begin, an alias to an anchor, an element around it, the same value again.
        self._whole = (
            len(data) <= _SMALL_BYTES
            or b"-----BEGIN" in data
            or (b"&" in data and b"*" in data)
            or b"</" in data
        )

    def excerpt(self, one: Violation) -> str | None:
        """Return the line `one` is about, None where there is nothing to show at its column."""
        if one.line is None or one.rule in NEVER_SHOWN or len(self._data) > LARGEST_BYTES:
            return None
        if self._lines is None:
            text = self._data.decode("utf-8-sig", "replace")
            self._lines = _YAML_BREAKS.sub("\n", text).split("\n")
        if not 0 < one.line <= len(self._lines):
            return None
        whole = self._whole or one.rule in _STRUCTURE_UNKNOWN
        first, last = (0, len(self._lines)) if whole else self._around(one.line - 1)
        shown = printable(self._block(first, last)[one.line - 1 - first].rstrip().replace("\t", " "))
        shown = self._without_slip(shown, one)
        payload = _PAYLOAD.fullmatch(shown)
        if payload:
            shown = payload[1] + "<secret>"
        if len(shown) > WIDEST:
            return None if (one.column or 0) > WIDEST else shown[:WIDEST] + "…"
        return shown or None

    def _without_slip(self, shown: str, one: Violation) -> str:
        """Hide what may be a secret in the wrong place, unless the message names it: at the column, and all that is no name."""
        assert self._lines is not None
        word = _WORD.match(self._lines[(one.line or 1) - 1], max((one.column or 1) - 1, 0))
        about = word[1] if word is not None and chosen.may_be_secret(word[1]) else None
        for text in dict.fromkeys(_WORDS.findall(shown)):
            if text not in one.message and (text == about or ("/" not in text and chosen.is_no_name(text))):
                shown = shown.replace(text, "<secret>")
        return shown

    def _around(self, index: int) -> tuple[int, int]:
        """Return the lines, first and beyond, that belong with `index`: those without indentation divide them."""
        assert self._lines is not None
        first = index
        while first and not _TOP_LEVEL.match(self._lines[first]):
            first -= 1
        last = index + 1
        while last < len(self._lines) and not _TOP_LEVEL.match(self._lines[last]):
            last += 1
        return first, last

    def _block(self, first: int, last: int) -> list[str]:
        """Return these lines, redacted."""
        assert self._lines is not None
        if (first, last) not in self._redacted:
            text = "\n".join(self._lines[first:last])
            self._redacted[first, last] = Redactor(b"").text(text).split("\n")
        return self._redacted[first, last]
