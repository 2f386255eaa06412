"""Where in one line secret values stand: after the names of `secretnames`, in URLs, after `Bearer`, random ones.

YAML, JSON, TOML, .env, ini and HTTP headers are read with one set of rules, also inside each other's
strings (`payload: '{"service_token": "..."}'`), because a file in the middle of an edit has no format. Where
a line can be read in two ways the longer value counts. All patterns are linear: each starts at the start
of a run only (look-behind) and never gives back (possessive).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache

from configvault.core.secrets import names
from configvault.core.secrets.randomness import KNOWN_STARTS, random_spans

MARK = re.compile(r"<secret(?:#[0-9a-f]{6})?>")

_PAIR = re.compile(
    r"(?:(?<![\w.$-])([\w.$-]++)|(" + "|".join(names.CJK_NAMES) + r"))"
    r"(?:\\*+[\"'`])?[ \t]*+(:=|=>|==?|:(?!:)|：)[ \t]*+",  # noqa: RUF001 -- the colon of Chinese text
    re.ASCII,
)
_FLAG = re.compile(
    r"(?<![\w-])--([A-Za-z][\w-]*+)(?:\\*+[\"'],?[ \t]++\\*+[\"']|[ \t]++)(?![-\s])([^\s\"']++)", re.ASCII
)
_AUTH = re.compile(r"(?i)(?<![a-z])(?:bearer|basic)[ \t]++([\w.~+/=-]{8,}+)", re.ASCII)
_SCHEME = re.compile(r"(?i)(?:bearer|basic|digest|token|apikey|negotiate)[ \t]++(?=\S)")
_AUTHORITY = re.compile(r"(?<![\w+.-])[A-Za-z][\w+.-]*+://([^\s\"'<>\\/?#@]*+)", re.ASCII)
_OPENING = re.compile(r"(\\*+)(\"\"\"|'''|[\"'`])")
_BLOCK = re.compile(r"(?:[&!]\S*+[ \t]++)*+[|>][0-9+-]{0,2}[ \t]*+(?:#.*+)?$", re.DOTALL)
_NO_NODE = re.compile(r"(?:[&!]\S*+[ \t]*+)*+(?:#.*+)?$", re.DOTALL)
_ALIAS = re.compile(r"\*[\w.-]++[ \t]*+(?:#.*+)?$", re.DOTALL)
_LINE_START = re.compile(r"[ \t]*+(?:(?:[-+#;*>?!]|export|set|env)[ \t]++)*+[-+]?(?:\\*+[\"'`])?+$")
_NEAR = re.compile(r"(?i)(?:api|access|secret|private|signing|encryption|master|shared)[ _]$")
_PLACEHOLDER = re.compile(r"\$\{(?:[A-Za-z_]\w*|file:[^}]*)\}|\{\{[^{}]*\}\}|\{[A-Za-z_]\w*\}", re.ASCII)
_NOTHING = frozenset(
    {"", "null", "~", "true", "false", "none", "yes", "no", "on", "off", "undefined", "nil", "{}", "[]"}
)
_KINDS_OF_AUTH = frozenset(
    {"oauth", "oauth2", "basic", "bearer", "digest", "token", "apikey", "required", "optional"}
)
_SCOPE = re.compile(r"[a-z][a-z._-]{0,23}")
_SPECIAL = re.compile(r"(?<!\\)\\*+[\"']|[{}\[\]]")
_QUOTE = re.compile(r"(?<!\\)(\\*+)([\"'`])")
# From inside a quoted string up to the quote that closes it.
_INSIDE = {
    "'": re.compile(r"(?:[^']|'')*+(?=')"),
    '"': re.compile(r'(?:[^\\"]|\\.)*+(?=")', re.DOTALL),
    "`": re.compile(r"[^`]*+(?=`)"),
    '"""': re.compile(r'(?:[^\\"]|\\.|"(?!""))*+(?=""")', re.DOTALL),
    "'''": re.compile(r"(?:[^']|'(?!''))*+(?=''')"),
}
# A sieve for most lines: what has none of these holds no secret. It may let through what holds none either. Plain words
# one after the other are found many times quicker than by one pattern.
_STEMS = (
    "key", "pass", "pwd", "secret", "token", "credential", "cookie", "auth", "bearer", "signature", "jwt", "basic",
    "sessionid", *names.CJK_NAMES,
)  # fmt: skip
_SIGNS = ("?", "&", "@", "-----BEGIN", *KNOWN_STARTS)
_SHORT_STEMS = ("pw", "otp", "sk", "pat", "sid")
_SHORT = re.compile(
    r"(?:(?<![a-z])|(?<=\\[nrt]))(?:pw|otp|sk|pat|sid)(?![a-z])|(?:Pw|PW|Otp|OTP|Sk|SK|Pat|PAT|Sid|SID)(?![a-z])"
)
_LONG_RUN = re.compile(r"[\w+/.~$-]{20}", re.ASCII)
_PUNCTUATION = bytes(code for code in range(128) if not chr(code).isalnum())
_MOST_PAIRS = 2000
_LONGEST_PASSWORD = 1024  # beyond it a URL is not searched: that cost would grow with the square of a line

Span = tuple[int, int]


@dataclass(slots=True)
class Found:
    """What one line holds: secret spans, and what goes on below it.

    `until` is the closing text of a value that did not end; `below` is the column of a secret name whose
    value is a block scalar (`block`) or comes on the lines after it.
    """

    spans: list[Span] = field(default_factory=list)
    until: str | None = None
    below: int | None = None
    block: bool = False
    name: str = ""
    inline: bool = False
    items: bool = False


class _Context:
    """The quotes and brackets that are open at a place that only moves forward."""

    def __init__(self, line: str) -> None:
        self.line = line
        self.at = 0
        self.open: list[list[str]] = [[""]]
        self.groups = [0]
        self.count = 0

    def move(self, to: int) -> None:
        for match in _SPECIAL.finditer(self.line, self.at, max(to, self.at)):
            self._take(match[0], match.start())
        self.at = max(to, self.at)

    def _take(self, text: str, at: int) -> None:
        if text in "{[":
            self.open[-1].append(text)
            self.count += 1
            self.groups.append(self.count)
        elif text in "}]":
            if len(self.open[-1]) > 1:
                self.open[-1].pop()
                self.groups.pop()
        else:
            self._quote(text, at)

    def _quote(self, text: str, at: int) -> None:
        depth = self.closing(text)
        if depth is not None:
            closed = sum(len(level) - 1 for level in self.open[depth:])
            del self.open[depth:]
            del self.groups[len(self.groups) - closed :]
        elif len(self.open) < 8 and not (text == "'" and self.line[at - 1 : at].isalnum()):
            self.open.append([text])

    def closing(self, text: str) -> int | None:
        """Return which open string the quote `text` ends, the innermost first."""
        return next((i for i in range(len(self.open) - 1, 0, -1) if closes(text, self.open[i][0])), None)

    @property
    def quote(self) -> str:
        return self.open[-1][0]

    @property
    def flow(self) -> bool:
        return len(self.open[-1]) > 1

    @property
    def group(self) -> int:
        return self.groups[-1]


def may_hold(text: str) -> bool:
    """Return False where nothing in `text`, one line or many, can be a secret by itself: quick, and no more."""
    lowered = text.lower()
    # Names count without what parts their words.
    squeezed = (
        lowered.encode("utf-8", "surrogatepass").translate(None, _PUNCTUATION).decode("utf-8", "surrogatepass")
    )
    return (
        _holds(squeezed, _STEMS)
        or _holds(text, _SIGNS)
        or (_holds(lowered, _SHORT_STEMS) and _SHORT.search(text) is not None)
        or _LONG_RUN.search(text) is not None
    )


def _holds(text: str, words: tuple[str, ...]) -> bool:
    for word in words:  # noqa: SIM110 -- any() takes twice as long
        if word in text:
            return True
    return False


def find(line: str, *, values: bool = False, everything: bool = False) -> Found:
    """Return what is secret in `line`.

    Args:
        line: without its line feed.
        values: `value`, `example` and their like are secret, as they stand beside or below a secret name.
        everything: whatever has a value is secret, as the line stands below `secrets:` or its like.
    """
    found = Found()
    if len(line) > 1 and not line.isspace():
        _pairs(line, found, values, everything)
        found.spans += _elsewhere(line)
    return found


def _pairs(line: str, found: Found, values: bool, everything: bool) -> None:
    context, at, seen = _Context(line), 0, 0
    named: set[int] = set()
    beside: list[tuple[int, Span]] = []
    while match := _PAIR.search(line, at):
        at = match.end()
        seen += 1
        if seen > _MOST_PAIRS:
            found.spans.append((match.start(), len(line)))
            return
        name = _name(line, match)
        context.move(match.end())
        lowered = name.lower()
        if _is_secret(line, match, name, lowered, values, everything, context):
            at = max(at, _take_value(line, match, name, context, found))
        elif lowered in names.NAME_NAMES and context.flow:
            if names.is_secret(_plain(line, at)):
                named.add(context.group)
        elif lowered in names.VALUE_NAMES and context.flow:
            aside = Found()
            _take_value(line, match, name, context, aside)
            beside += [(context.group, span) for span in aside.spans]
    found.spans += [span for group, span in beside if group in named]


def _name(line: str, match: re.Match[str]) -> str:
    name = match[1] or match[2]
    if line[match.start() - 1 : match.start()] == "\\" and name[0] in "nrt":
        name = name[1:]
    return name[-80:].lstrip("-$.")


def _is_secret(
    line: str, match: re.Match[str], name: str, lowered: str, values: bool, everything: bool, context: _Context
) -> bool:
    if names.is_secret(name):
        return not _is_prose(line, match, context)
    if lowered == "key" and _NEAR.search(line, max(0, match.start() - 12), match.start()):
        return True
    if line[match.start() - 1 : match.start()] in ("?", "&") and match[3] == "=":
        return names.is_query_secret(name)
    if everything and _LINE_START.match(line, 0, match.start()):
        return not names.is_schema_word(name)
    return values and lowered in names.VALUE_NAMES


def _is_prose(line: str, match: re.Match[str], context: _Context) -> bool:
    """Return whether this is a scope such as `token:read`, not a name and its value."""
    unquoted = match[3] == ":" and match[0][-1] == ":" and line[match.end() - 2] not in "\"'` \t"
    if not unquoted or context.flow or _LINE_START.match(line, 0, match.start()):
        return False
    end = _delimiter(line, match.end(), " \t\r,;\"'\\")
    return bool(_SCOPE.fullmatch(line, match.end(), end))


def _plain(line: str, at: int) -> str:
    opening = _OPENING.match(line, at)
    start = opening.end() if opening else at
    return line[start : _delimiter(line, start, "\"',}]\r\\ ")][:80]


@cache
def _any_of(stops: str) -> re.Pattern[str]:
    return re.compile("[" + re.escape(stops) + "]")


def _delimiter(line: str, start: int, stops: str) -> int:
    match = _any_of(stops).search(line, start)
    return match.start() if match else len(line)


def _take_value(line: str, match: re.Match[str], name: str, context: _Context, found: Found) -> int:
    """Add the value after `match`; return where to go on reading."""
    start = match.end()
    if mark := MARK.match(line, start):
        return mark.end()
    if opening := _OPENING.match(line, start):
        if context.closing(opening[0]) is None:
            return _quoted(line, opening, name, found)
        return start
    column = match.start()
    if not context.quote and match[3] != "=" and _BLOCK.match(line, start):
        found.below, found.block, found.name = column, True, name
        return len(line)
    if start >= len(line.rstrip()) or (match[3] == ":" and _NO_NODE.match(line, start)):
        found.below, found.name = column, name
        found.inline = bool(context.quote) or context.flow
        return len(line)
    if line[start] in "[{":
        return _collection(line, start, column, name, found)
    if _ALIAS.match(line, start):
        return len(line)
    return _unquoted(line, match, name, context, found)


def _quoted(line: str, opening: re.Match[str], name: str, found: Found) -> int:
    end = closing(line, opening.end(), opening[0])
    if end is None:
        _add(line, opening.end(), len(line), name, found)
        found.until = opening[0]
        return len(line)
    _add(line, opening.end(), end, name, found)
    after = end + len(opening[0])
    if line[after : after + 1] not in (
        "",
        " ",
        "\t",
        "\r",
        ",",
        ";",
        ":",
        "}",
        ")",
        "]",
        '"',
        "'",
        "\\",
        "#",
        "&",
        "`",
    ):
        # `"abc"def`, as shells read it: one value.
        rest = _delimiter(line, after, " \t\r,;})]\"'\\")
        found.spans.append((after, rest))
        return rest
    return after


def closing(line: str, start: int, quote: str) -> int | None:
    """Return where `quote` closes what is open at `start`, or None."""
    if quote in ("]", "}"):
        return _bracket(line, start, quote)
    if inside := _INSIDE.get(quote):
        match = inside.match(line, start)
        return match.end() if match else None
    for match in _QUOTE.finditer(line, start):
        if closes(match[0], quote):
            return match.end() - len(quote)
    return None


def closes(text: str, opening: str) -> bool:
    r"""Return whether `text`, backslashes and a quote, ends the string that `opening` began.

    A string inside a string begins with `\"`, one inside that with `\\\"`. More backslashes than that are
    either a deeper quote or, in pairs of the string's own spelling, backslashes that the string ends with.
    """
    own, here = len(opening) - 1, len(text) - 1
    return text[-1] == opening[-1] and here >= own and (here - own) % (2 * (own + 1)) == 0


def _bracket(line: str, start: int, quote: str) -> int | None:
    depth, other = 0, {"]": "[", "}": "{"}[quote]
    for match in re.compile(r"[\[\]{}]").finditer(line, start):
        if match[0] == other:
            depth += 1
        elif match[0] == quote:
            if not depth:
                return match.start()
            depth -= 1
    return None


def _collection(line: str, start: int, column: int, name: str, found: Found) -> int:
    if line[start] == "{" and not names.is_container(name):
        found.below, found.name = column, name
        return start
    close = {"[": "]", "{": "}"}[line[start]]
    if start + 1 == len(line.rstrip()):
        found.below, found.name, found.items = column, name, close == "]"
        return len(line)
    end = _bracket(line, start + 1, close)
    if end is None:
        found.until = close
    _add(line, start + 1, len(line) if end is None else end, name, found)
    return len(line) if end is None else end + 1


def _unquoted(line: str, match: re.Match[str], name: str, context: _Context, found: Found) -> int:
    start = match.end()
    end = _unquoted_end(line, match, context)
    text = line[start:end].rstrip()
    if text.endswith(",") and end >= len(line.rstrip()):
        text = text[:-1].rstrip()
    _add(line, start, start + len(text), name, found)
    return start + len(text)


def _unquoted_end(line: str, match: re.Match[str], context: _Context) -> int:
    start, quote = match.end(), context.quote
    close = None
    if quote:
        close = closing(line, start, quote)
    end = len(line) if close is None else close
    if line[match.start() - 1 : match.start()] in ("?", "&") and match[3] == "=":
        return min(end, _delimiter(line, start, "& \t\r\"'<>#)]},"))
    if "=" in match[3] and not _LINE_START.match(line, 0, match.start()):
        return min(end, _delimiter(line, start, " \t\r"))
    if context.flow:
        return min(end, _delimiter(line, start, ",}]"))
    return end


def _add(line: str, start: int, end: int, name: str, found: Found) -> None:
    """Add a value unless it is none; what says how to read it (`Bearer`) stays."""
    text = line[start:end].strip()
    start += len(line[start:end]) - len(line[start:end].lstrip())
    if scheme := _SCHEME.match(text):
        start += scheme.end()
        text = text[scheme.end() :]
    if not _says_nothing(text, name):
        found.spans.append((start, start + len(text)))


def _says_nothing(text: str, name: str) -> bool:
    lowered = text.lower()
    if lowered in _NOTHING or MARK.fullmatch(text) or _PLACEHOLDER.fullmatch(text):
        return True
    if name.lower().endswith("tokens"):
        return text.isdigit()
    return name.lower().endswith("auth") and lowered in _KINDS_OF_AUTH


def _elsewhere(line: str) -> Iterator[Span]:
    """Yield what needs no name: flags, passwords in URLs, authorization schemes, random strings."""
    if "--" in line:
        for match in _FLAG.finditer(line):
            if names.is_secret(match[1]) and not MARK.match(line, match.start(2)):
                yield match.span(2)
    if "://" in line:
        yield from _user_info(line)
    for match in _AUTH.finditer(line):
        if not (match[1].isalpha() and match[1].islower()):
            yield match.span(1)
    yield from random_spans(line)


def _user_info(line: str) -> Iterator[Span]:
    for match in _AUTHORITY.finditer(line):
        start, end = match.span(1)
        user, colon, rest = match[1].partition(":")
        if (colon and not rest[:1].isdigit()) or line[end : end + 1] == "@":
            end = max(end, _last_at(line, end))
        if line[end : end + 1] != "@":
            continue
        if colon and end > start + len(user) + 1:
            span = (start + len(user) + 1, end)
        elif not colon and match[0][:4].lower() == "http" and len(user) >= 12:
            span = (start, end)
        else:
            continue
        if not _says_nothing(line[span[0] : span[1]], ""):
            yield span


def _last_at(line: str, start: int) -> int:
    """Return where the last `@` of the URL is; a password may hold `/`, `?` and `@` although it should not."""
    near = line[start : start + _LONGEST_PASSWORD]
    return start + near.rfind("@", 0, _delimiter(near, 0, " \t\r\"'<>\\,"))
