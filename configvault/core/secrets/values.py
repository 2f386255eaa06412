"""Where in one line secret values stand: after the names of `names`, in URLs, after `Bearer`, random ones.

YAML, JSON, TOML, .env, ini and HTTP headers are read with one set of rules, also inside each other's
strings (`payload: '{"service_token": "..."}'`), because a file in the middle of an edit has no format. Where
a line can be read in two ways the longer value counts. All patterns are linear: each starts at the start
of a run only (look-behind) and never gives back (possessive).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from typing import NamedTuple

from configvault.core.frozen import field, mutable
from configvault.core.pattern import pattern
from configvault.core.secrets import forms, names, prose
from configvault.core.secrets.randomness import KNOWN_STARTS, random_spans

MARK = pattern(r"<secret(?:#[0-9a-f]{6})?>")

# Letters of every script, bytes that are no UTF-8, and letters written as `\u0061` count as parts of a name.
_PAIR = pattern(
    "(?<![\\w.$-])((?:[\\w.$\udc80-\udcff\u200b-\u200d\u2060\xad-]|\\\\u[0-9A-Fa-f]{4}|\\\\x[0-9A-Fa-f]{2})++)()"
    "(?:\\\\*+[\"'`”’]|\\*{1,3}|__)?[ \t]*+(?:[(（][^()（）\n]{0,40}[)）][ \t]*+)?+"  # noqa: RUF001 -- as Chinese text has them
    "(:=|=>|==?|::(?=[ \t])|:(?!:)|[：＝])[ \t]*+",  # noqa: RUF001
)
_ESCAPED = pattern(r"\\(?:u([0-9A-Fa-f]{4})|x([0-9A-Fa-f]{2}))")
# `{"password" "X"}`, `password "X"`: the sign between name and value was forgotten, or stands in the quotes.
_UNSIGNED = pattern(
    r"(?:(\\*+[\"'])([\w.$ -]{1,60}):?[ \t]*\1[ \t]*+|(?<![\w.$\"'-])([\w.$-]++)[ \t]++)(?:\.[ \t]++)?(?=\\*+[\"'][^\s,:;}\])])"
)
_COMPLEX = pattern(r"[ \t]*+(?:-[ \t]++)*+\?[ \t]++[\"']?([^\"':#{}\[\]]{1,80})[\"']?[ \t]*+\r?$")
_ANSWER = pattern(r"()()[ \t]*+(:)(?=[ \t])[ \t]*+")
_ANCHORED = pattern(r"()&([^\s,\[\]{}]++)()[ \t]*+")
_FLAG = pattern(
    r"(?<![\w-])--([A-Za-z][\w-]*+)(?:\\*+[\"'],?[ \t]++\\*+[\"']|[ \t]++)(?![-\s])([^\s\"']++)", re.ASCII
)
_AUTH = pattern(r"(?i)(?<![a-z])(?:bearer|basic)[ \t]++([\w.~+/=-]{8,}+)", re.ASCII)
_SCHEME = pattern(r"(?i)(?:bearer|basic|digest|token|apikey|negotiate)[ \t]++(?=\S)")
_AUTHORITY = pattern(r"(?<![\w+.-])[A-Za-z][\w+.-]*+://([^\s\"'<>\\/?#@]*+)", re.ASCII)
_OPENING = pattern(r"(\\*+)(\"\"\"|'''|[\"'`])")
_BLOCK = pattern(r"(?:[&!]\S*+[ \t]++)*+[|>][0-9+-]{0,2}[ \t]*+(?:#.*+)?$", re.DOTALL)
_NO_NODE = pattern(r"(?:[&!]\S*+[ \t]*+)*+(?:#.*+)?$", re.DOTALL)
_ALIAS = pattern(r"\*([^\s,\[\]{}]++)[ \t]*+(?:#.*+|[,}\]].*+)?$", re.DOTALL)
_ALIAS_USED = pattern(r"(?<![^\s,\[{:-])\*([^\s,\[\]{}]++)")
# A tag or an anchor without a value, or a comment without a space: it may as well be a value that begins with that sign.
_ONLY_SIGNED = pattern(r"(?:!(?!!?[a-z]{1,12}(?:\s|$))|&|#(?=[^\s#!-]))\S{3,}")
_DASHES = pattern(r"[ \t]*+(?:-[ \t]++)*+")
_LINE_START = pattern(r"[ \t]*+(?:(?:[-+#;*>?!]|export|set|env)[ \t]++)*+[-+]?(?:\\*+[\"'`]|\*{1,3}|__)?+$")
_PLACEHOLDER = pattern(r"\$\{(?:[A-Za-z_]\w*|file:[^}]*)\}|\{\{[^{}]*\}\}|\{[A-Za-z_]\w*\}", re.ASCII)
_NOTHING = frozenset(
    {"", "null", "~", "true", "false", "none", "yes", "no", "on", "off", "undefined", "nil", "{}", "[]"}
)
_KINDS_OF_AUTH = frozenset(
    {"oauth", "oauth2", "basic", "bearer", "digest", "token", "apikey", "required", "optional"}
)
_SCOPE = pattern(r"[a-z][a-z._-]{0,23}")
_SPECIAL = pattern(r"(?<!\\)\\*+[\"']|[{}\[\]]")
_QUOTE = pattern(r"(?<!\\)(\\*+)([\"'`])")
# From inside a quoted string up to the quote that closes it.
_INSIDE = {
    "'": pattern(r"(?:[^']|'')*+(?=')"),
    '"': pattern(r'(?:[^\\"]|\\.)*+(?=")', re.DOTALL),
    "`": pattern(r"[^`]*+(?=`)"),
    '"""': pattern(r'(?:[^\\"]|\\.|"(?!""))*+(?=""")', re.DOTALL),
    "'''": pattern(r"(?:[^']|'(?!''))*+(?=''')"),
}
# A sieve for most lines: what has none of these holds no secret. It may let through what holds none either. Plain words
# one after the other are found many times quicker than by one pattern.
_STEMS = (*names.STEMS, "basic")
_SIGNS = ("?", "&", "@", "\\u", "\\x", "-----BEGIN", *forms.SIGNS, *KNOWN_STARTS)
_SHORT = pattern(names.SHORT)
# Letters of double width, and bytes that are no UTF-8, may spell any name.
_STRANGE = pattern("[\udc80-\udcff\uff21-\uff5a]")
_LONG_RUN = pattern(r"[\w+/.~$-]{20}", re.ASCII)
_PUNCTUATION = bytes(code for code in range(128) if not chr(code).isalnum())
_MOST_PAIRS = 2000
_LONGEST_UNSIGNED = 4096
_LONGEST_PASSWORD = 1024  # beyond it a URL is not searched: that cost would grow with the square of a line

# What stands behind a secret anchor is read as what stands below this name.
_SECRETS = "secrets"

Span = tuple[int, int]


@mutable
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
    plain: int | None = None
    joined: bool = False
    aliases: list[str] = field(default_factory=list)


@mutable
class Known:
    """What one line has to know of the whole text.

    `anchors` are those that are defined somewhere, `used` those that an alias names; `secret` those whose value is a
    secret, as an alias to them stands where a secret belongs.
    """

    anchors: frozenset[str] = frozenset()
    secret: frozenset[str] = frozenset()
    used: frozenset[str] = frozenset()
    # Whether everything below `data:` is a secret, as in one of Kubernetes.
    sealed: bool = False


_NOTHING_KNOWN = Known()


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


class Traces(NamedTuple):
    """What of all that may announce a secret stands anywhere in a text, so that its lines need not be asked for the rest."""

    stems: tuple[str, ...] = _STEMS
    signs: tuple[str, ...] = _SIGNS
    short: tuple[str, ...] = names.SHORT_STEMS
    foreign: tuple[str, ...] = names.FOREIGN_STEMS


def traces(text: str) -> Traces:
    """Return the traces of secrets in a whole text."""
    lowered = text.lower()
    squeezed = _squeezed(lowered)
    return Traces(
        tuple(stem for stem in _STEMS if stem in squeezed),
        tuple(sign for sign in _SIGNS if sign in text),
        tuple(stem for stem in names.SHORT_STEMS if stem in lowered),
        () if text.isascii() else tuple(stem for stem in names.FOREIGN_STEMS if stem in lowered),
    )


_ALL = Traces()


def may_hold(line: str, traces: Traces = _ALL) -> bool:
    """Return False where nothing in `line` can be a secret by itself: quick, and no more.

    Args:
        line: one line.
        traces: what to look for, from the text that the line is of.
    """
    lowered = line.lower()
    return (
        # Names count without what parts their words.
        _holds(_squeezed(lowered), traces.stems)
        or _holds(line, traces.signs)
        or (_holds(lowered, traces.short) and _SHORT.search(line) is not None)
        or _LONG_RUN.search(line) is not None
        or forms.may_hold(line)
        or (not line.isascii() and (_holds(lowered, traces.foreign) or _STRANGE.search(line) is not None))
    )


def _squeezed(lowered: str) -> str:
    if not lowered.isascii():
        return (
            lowered.encode("utf-8", "surrogatepass")
            .translate(None, _PUNCTUATION)
            .decode("utf-8", "surrogatepass")
        )
    return lowered.encode().translate(None, _PUNCTUATION).decode()


def _holds(text: str, words: tuple[str, ...]) -> bool:
    for word in words:  # noqa: SIM110 -- any() takes twice as long
        if word in text:
            return True
    return False


def aliases(text: str) -> frozenset[str]:
    """Return the names that aliases in `text` use, if it is YAML."""
    return frozenset(match[1] for match in _ALIAS_USED.finditer(text)) if "*" in text else frozenset()


def anchors(text: str) -> frozenset[str]:
    """Return the names of the anchors that `text` defines, if it is YAML."""
    return frozenset(match[2] for match in _ANCHORED.finditer(text)) if "&" in text else frozenset()


def find(
    line: str,
    *,
    values: bool = False,
    everything: bool = False,
    known: Known = _NOTHING_KNOWN,
    answer: str = "",
) -> Found:
    """Return what is secret in `line`.

    Args:
        line: without its line feed.
        values: `value`, `example` and their like are secret, as they stand beside or below a secret name.
        everything: whatever has a value is secret, as the line stands below `secrets:` or its like.
        known: what the whole text says of anchors.
        answer: the secret name that the line before asked for with `?`, if there is one.
    """
    found = Found()
    if len(line) > 1 and not line.isspace():
        at = 0
        if answer and (match := _ANSWER.match(line)):
            at = _take_value(line, match, answer, _Context(line), found, known)
        _pairs(line, found, values, everything, known, at)
        if known.secret and "&" in line:
            _anchored(line, found, known)
        found.spans += _elsewhere(line)
        if _may_miss_sign(line):
            found.spans += _unsigned(line)
        if line.endswith(("\\", "\\\r")):
            end = len(line.rstrip("\r")) - 1
            # A value that goes on below, as in scripts and properties.
            found.joined = any(b > end for _, b in found.spans)
            found.spans = [(a, min(b, end)) for a, b in found.spans if a < end]
    return found


def _may_miss_sign(line: str) -> bool:
    return len(line) <= _LONGEST_UNSIGNED and ('"' in line or "'" in line)


def _unsigned(line: str) -> Iterator[Span]:
    """Yield values in quotes that stand after a secret's name without anything between."""
    for match in _UNSIGNED.finditer(line):
        name = match[2] or match[3]
        if not (names.is_secret(name) or names.is_phrase(name)):
            continue
        opening = _OPENING.match(line, match.end())
        if opening is None:
            continue
        end = closing(line, opening.end(), opening[0])
        # A list of names, or the end of a string and the beginning of the next.
        if end is not None and not says_nothing(line[opening.end() : end], name):
            yield opening.end(), end


def _anchored(line: str, found: Found, known: Known) -> None:
    """Add what an anchor holds to which a secret's name refers elsewhere."""
    for match in _ANCHORED.finditer(line):
        if match[2] in known.secret:
            context = _Context(line)
            context.move(match.start())
            before = found.below
            _take_value(line, match, _SECRETS, context, found, known)
            if found.below is not None and found.below != before:
                # What belongs to the anchor is indented as its key is.
                found.below = _DASHES.match(line).end()  # type: ignore[union-attr]


def complex_name(line: str) -> str:
    """Return the secret's name that `? name` asks for, empty where it is none."""
    match = _COMPLEX.match(line) if "?" in line else None
    return match[1].strip() if match and names.is_secret(match[1].strip()) else ""


def _pairs(line: str, found: Found, values: bool, everything: bool, known: Known, at: int = 0) -> None:
    context, seen = _Context(line), 0
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
        if known.sealed and lowered in ("data", "stringdata"):
            at = max(at, _take_value(line, match, _SECRETS, context, found, known))
        elif _is_secret(line, match, name, lowered, values, everything, context):
            at = max(at, _take_value(line, match, name, context, found, known))
        elif lowered in names.NAME_NAMES and context.flow:
            if names.is_secret(_plain(line, at)):
                named.add(context.group)
        elif lowered in names.VALUE_NAMES and context.flow:
            aside = Found()
            _take_value(line, match, name, context, aside, known)
            beside += [(context.group, span) for span in aside.spans]
    found.spans += [span for group, span in beside if group in named]


def _name(line: str, match: re.Match[str]) -> str:
    name = match[1]
    if line[match.start() - 1 : match.start()] == "\\" and name[0] in "nrt":
        name = name[1:]
    if "\\" in name:
        name = _ESCAPED.sub(lambda one: chr(int(one[1] or one[2], 16)), name)
    return name[-80:].lstrip("-$.")


def _is_secret(
    line: str, match: re.Match[str], name: str, lowered: str, values: bool, everything: bool, context: _Context
) -> bool:
    if names.is_secret(name):
        return not _is_prose(line, match, context)
    if line[match.start() - 1 : match.start()] in (" ", "_", "'") and _is_phrase(line, match):
        return True
    if line[match.start() - 1 : match.start()] in ("?", "&") and match[3] == "=":
        return names.is_query_secret(name)
    if everything and _LINE_START.match(line, 0, match.start()):
        return not names.is_schema_word(name)
    return values and lowered in names.VALUE_NAMES


def _is_phrase(line: str, match: re.Match[str]) -> bool:
    """Return whether the words before a name make a secret's name of it: `seed phrase`."""
    before = line[max(0, match.start() - 24) : match.start()]
    return names.is_phrase(re.split(r"[^\w '-]", before)[-1] + match[1][-24:])


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


def _take_value(
    line: str, match: re.Match[str], name: str, context: _Context, found: Found, known: Known
) -> int:
    """Add the value after `match`; return where to go on reading."""
    start = match.end()
    if mark := MARK.match(line, start):
        return mark.end()
    if opening := _OPENING.match(line, start):
        if context.closing(opening[0]) is None:
            return _quoted(line, opening, name, found, to_end=_ends_line(line, match, context))
        return _after_stray_quote(line, opening, name, found)
    column = match.start()
    if not context.quote and match[3] != "=" and _BLOCK.match(line, start):
        found.below, found.block, found.name = column, True, name
        return len(line)
    if start >= len(line.rstrip()) or (match[3] in (":", "") and _NO_NODE.match(line, start)):
        found.below, found.name = column, name
        if (lone := _ONLY_SIGNED.match(line, start)) and not _is_anchor(lone[0], known):
            found.spans.append(lone.span())
        found.inline = bool(context.quote) or context.flow
        return len(line)
    if line[start] in "[{":
        return _collection(line, start, column, name, found, known)
    if (alias := _ALIAS.match(line, start)) and alias[1] in known.anchors:
        found.aliases.append(alias[1])
        return alias.end(1)
    return _unquoted(line, match, name, context, found)


def _is_anchor(text: str, known: Known) -> bool:
    return (
        text[0] == "&" and text[1:] in known.anchors and text[1:] not in known.secret and text[1:] in known.used
    )


def _ends_line(line: str, match: re.Match[str], context: _Context) -> bool:
    """Return whether the value after a name is all that a line of YAML holds, so that nothing else follows its quotes."""
    return (
        match[3] == ":"
        and not context.quote
        and not context.flow
        and bool(_LINE_START.match(line, 0, match.start()))
    )


def _after_stray_quote(line: str, opening: re.Match[str], name: str, found: Found) -> int:
    """Take the value after a quote that closes what stands before: `"password: "X"`, `"password:" "X"`."""
    start = opening.end()
    again = _OPENING.match(line, start + len(line[start:]) - len(line[start:].lstrip(" \t")))
    if again is not None and again.start() > start:
        return _quoted(line, again, name, found)
    if line[start : start + 1].isalnum():
        end = _delimiter(line, start, "\"'")
        _add(line, start, end, name, found)
        return end
    return start


def _quoted(line: str, opening: re.Match[str], name: str, found: Found, *, to_end: bool = False) -> int:
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
    if to_end and line[after:].strip()[:1] not in ("", "#", ",", ";", "}", "]", ")", ":", '"', "'"):
        # `"it" was X`: quotes that end too early.
        found.spans.append((after, len(line)))
        return len(line)
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


def _collection(line: str, start: int, column: int, name: str, found: Found, known: Known) -> int:
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
    if known.anchors:
        found.aliases += known.anchors.intersection(_ALIAS_USED.findall(line[start:end]))
    _add(line, start + 1, len(line) if end is None else end, name, found)
    return len(line) if end is None else end + 1


def _unquoted(line: str, match: re.Match[str], name: str, context: _Context, found: Found) -> int:
    start = match.end()
    end = _unquoted_end(line, match, context)
    text = line[start:end].rstrip()
    if text.endswith(",") and end >= len(line.rstrip()):
        text = text[:-1].rstrip()
    _add(line, start, start + len(text), name, found)
    if match[3] in (":", "") and not context.quote and not context.flow:
        found.plain = match.start()
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
    if not says_nothing(text, name):
        found.spans.append((start, start + len(text)))


def says_nothing(text: str, name: str) -> bool:
    """Return whether a value under `name` is none: empty, a word such as `true`, a place for one."""
    lowered = text.lower()
    if lowered in _NOTHING or MARK.fullmatch(text) or _PLACEHOLDER.fullmatch(text):
        return True
    if name.lower().endswith("tokens"):
        return text.isdigit()
    if names.is_weak(name):
        return _is_weak_value(text)
    return name.lower().endswith("auth") and lowered in _KINDS_OF_AUTH


def _is_weak_value(text: str) -> bool:
    """Return whether a `pin` or a `seed` is no secret: a small number, or one word."""
    return (text.isdigit() and len(text) < 4) or (text.isalpha() and text.isascii())


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
    yield from forms.spans(line)
    yield from prose.spans(
        MARK.sub(lambda mark: prose.HIDDEN * len(mark[0]), line) if "<secret" in line else line
    )
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
        if not says_nothing(line[span[0] : span[1]], ""):
            yield span


def _last_at(line: str, start: int) -> int:
    """Return where the last `@` of the URL is; a password may hold `/`, `?` and `@` although it should not."""
    near = line[start : start + _LONGEST_PASSWORD]
    return start + near.rfind("@", 0, _delimiter(near, 0, " \t\r\"'<>\\,"))
