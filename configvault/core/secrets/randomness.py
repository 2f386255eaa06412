"""Which strings look as if nobody had thought of them: keys and tokens, by their shape alone.

Words, names, paths, versions, numbers, UUIDs, git ids and sums that say what they are do not. Letters of one
case without a digit are never taken for random: that would need a dictionary.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from configvault.core.pattern import pattern

_RUN = pattern(r"(?<![\w+/.~-])[\w+/.~-]{20,}+={0,2}", re.ASCII)
_PART = pattern(r"[A-Za-z0-9]+")
_WORDS = pattern(r"[A-Z]?[a-z]{4,}|[A-Z]{5,}")
_BOUNDARIES = pattern(r"(?<=[0-9])(?=[A-Za-z])|(?<=[A-Za-z])(?=[0-9])")
_GIT_ID = pattern(r"[0-9a-f]{40}")
_PREFIXED_ID = pattern(r"(?!(?:sk|pk|rk|pat|key|tok|t|u)[_-])[a-z]{1,3}[_-][0-9a-f]{32,34}|cli_[0-9a-f]{16}")
_UUID = pattern(r"(?i)(?:[a-z]{1,8}[_-])?[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}(?:\.[a-z]{2,4})?")
_SUM = pattern(r"(?i)(?:sha-?[0-9]{1,3}(?:sum)?|md5(?:sum)?|blake2b)[:=@ -]{1,2}$")
_SUM_PREFIX = pattern(r"sha(?:256|384|512)-")
_PICTURE = pattern(r"data:(?:image|font|audio|video)/[\w.+-]{1,40};base64,$")
_LONE_PART = 20
_PARTS_TOGETHER = 24
_SHORTEST_PART = 8

# Source: the formats that the issuers document, also where the rest is too short to look random.
_KNOWN = pattern(
    r"(?<![A-Za-z0-9])(?:"
    r"sk-[\w-]{8,}+|(?:sk|rk)_(?:live|test)_\w{8,}+|pat_\w{16,}+|gh[opusr]_\w{16,}+|github_pat_\w{16,}+|glpat-[\w-]{12,}+"
    r"|xox[abeoprs]-[\w-]{8,}+|AKIA[0-9A-Z]{12,}+|ASIA[0-9A-Z]{12,}+|AIza[\w-]{20,}+|LTAI[0-9A-Za-z]{12,}+|AKID[0-9A-Za-z]{12,}+"
    r"|hf_[A-Za-z0-9]{16,}+|npm_[A-Za-z0-9]{16,}+|SG\.[\w-]{8,}+\.[\w-]{8,}+|ya29\.[\w-]{8,}+|AGE-SECRET-KEY-[0-9A-Z]{16,}+"
    r"|eyJ[\w-]{8,}+\.[\w-]{4,}+(?:\.[\w-]*+)?)",
    re.ASCII,
)
KNOWN_STARTS = (
    "sk-", "sk_", "rk_", "pat_", "gho_", "ghp_", "ghu_", "ghs_", "ghr_", "glpat-", "xox", "AKIA", "ASIA", "AIza", "LTAI",
    "AKID", "hf_", "npm_", "SG.", "ya29.", "AGE-SECRET-KEY-", "eyJ",
)  # fmt: skip


def random_spans(line: str) -> Iterator[tuple[int, int]]:
    """Yield start and end of what looks random in `line`."""
    for match in _KNOWN.finditer(line):
        yield match.span()
    for match in _RUN.finditer(line):
        if not _explained(line, match):
            yield from _in_run(match)


def _explained(line: str, run: re.Match[str]) -> bool:
    text = run[0]
    if any(form.fullmatch(text) for form in (_GIT_ID, _UUID, _PREFIXED_ID)) or _SUM_PREFIX.match(text):
        return True
    before = line[max(0, run.start() - 80) : run.start()]
    return bool(_SUM.search(before) or _PICTURE.search(before))


def _in_run(run: re.Match[str]) -> Iterator[tuple[int, int]]:
    parts = [part.span() for part in _PART.finditer(run[0]) if _looks_random(part[0])]
    lengths = [end - start for start, end in parts]
    if max(lengths, default=0) < _LONE_PART and sum(lengths) < _PARTS_TOGETHER:
        return
    start, end = parts[0][0], parts[-1][1]
    if run[0][0] not in "/." and run.string[max(0, run.start() - 1) : run.start()] != ":":
        # Not part of a path: the whole string is the value, so that it gets the mark it has elsewhere.
        start, end = (0, len(run[0])) if "/" not in run[0][:start] else (start, len(run[0]))
    yield run.start() + start, run.start() + end


def _looks_random(part: str) -> bool:
    if len(part) < _SHORTEST_PART or part.isdigit():
        return False
    if _GIT_ID.fullmatch(part):
        return False
    mixed = len(_BOUNDARIES.findall(part)) / (len(part) - 1)
    if mixed >= 0.15:
        return True
    if part.islower() or part.isupper():
        return False
    worded = sum(len(word) for word in _WORDS.findall(part))
    return worded / len(part) < 0.5
