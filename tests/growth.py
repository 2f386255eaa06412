"""Hunt for inputs whose cost grows faster than their length: `python tests/growth.py SECONDS [SEED] [SUBJECT...]`.

An input is a beginning, a unit that is repeated and an end, each made of the pieces of a language at random. What takes more than
its share as the unit is repeated four times as often, twice in a row, is printed with the seed that made it.
"""

from __future__ import annotations

import gc
import random
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial

from configvault.core import plugins
from configvault.core.model import Change, ChangeKind, Entry, Kind
from configvault.core.rendering import textdiff
from configvault.core.secrets.redactor import Redactor
from configvault.coze import documents, meta
from configvault.coze.openapi import patterns
from configvault.coze.openapi.spec import Strict
from configvault.validators import budget, syntax

SMALL = 24_000
# A cost that grows with the length is four times as large for four times as much; its square is sixteen times as large.
FACTOR, MOST = 4, 9.0
WORTH_S = 0.12
HIDE = Redactor(b"a key")


@dataclass(frozen=True)
class Shape:
    """A family of inputs."""

    begin: str
    unit: str
    end: str
    numbered: bool

    def text(self, size: int) -> str:
        """Return the member of about that many characters."""
        if not self.numbered:
            return self.begin + self.unit * (size // max(1, len(self.unit))) + self.end
        parts, length = [], 0
        for number in range(size):
            parts.append(self.unit.replace("N", str(number)).replace("M", str(max(0, number - 1))))
            length += len(parts[-1])
            if length > size:
                break
        return self.begin + "".join(parts) + self.end


def _bounded(act: Callable[[bytes], object]) -> Callable[[str], None]:
    def run(text: str) -> None:
        try:
            with budget.of_a_file():
                act(text.encode("utf-8", "surrogatepass"))
        except budget.TooCostlyError:
            pass

    return run


def _diff(text: str) -> None:
    half = len(text) // 2
    blobs = {
        "a": text[:half].encode("utf-8", "surrogatepass"),
        "b": text[half:].encode("utf-8", "surrogatepass"),
    }
    old, new = (Entry(Kind.FILE, 0o644, 0, 0, blob, len(blobs[blob])) for blob in "ab")
    textdiff.file_diff(
        Change("x", ChangeKind.MODIFIED, old, new), blobs.__getitem__, blobs.__getitem__, lambda a, b: (a, b)
    )


def _subject(text: str) -> None:
    plugins.rows_of(text.encode("utf-8", "surrogatepass"))


def _pattern(text: str) -> None:
    if patterns.problem(text[: patterns.LONGEST]) is None:
        patterns.matches(text[: patterns.LONGEST], text)


_LINES = ["\n", "\n  ", "\n- ", "\n    ", " ", "\t"]
_YAML = [
    "a: ", "kN: ", "- ", "? ", ": ", "{", "}", "[", "]", ", ", '"', "'", "|\n", ">-\n", "#", "&aN ", "*aM", "*aN", "<<: ", "!!str ", "!t!x ", "!x ",
    "%TAG !tN! tag:x,2000:\n", "%YAML 1.1\n", "---\n", "...\n", "\\", "\\x41", "1", "1:", "0.", "9", "_", "é", "~", "true", "2001-01-01", "x", "\r\n", "\u2028",
    *_LINES,
]  # fmt: skip
_JSON = [
    "{",
    "}",
    "[",
    "]",
    ":",
    ",",
    '"a"',
    '"kN"',
    '"k"',
    '"',
    "\\",
    "\\u0041",
    "1",
    "-",
    "e9",
    ".5",
    "true",
    "null",
    " ",
    "\n",
    '{"a":',
    "[1,",
    '"kN":1,',
    '"k":1,',
]
_TOML = [
    "a",
    "kN",
    ".",
    " = ",
    "1",
    '"',
    "'",
    '"""',
    "[",
    "]",
    "[[",
    "]]",
    "{",
    "}",
    ",",
    "\n",
    "#",
    "\\",
    "a.b.kN = 1\n",
    "[tN]\n",
    "[[t]]\n",
    "0x1",
    "_",
    "1.0",
    "e1",
    "kN = 1\n",
]
_OPENAPI = [
    "    SN: {allOf: [{$ref: '#/components/schemas/SM'}, {$ref: '#/components/schemas/SM'}]}\n", "    SN: {type: object, example: {a: 1}}\n",
    "    SN: {type: string, pattern: 'aN*b', default: aaa}\n", "    SN: {$ref: '#/components/schemas/SM'}\n", "    SN: {enum: [a, b, kN], default: c}\n",
    "    SN: {type: array, items: {$ref: '#/components/schemas/SM'}, default: [[[[1]]]]}\n", "    kN: 1\n", "    SN: {nonsense: 1}\n",
    "    SN: {oneOf: [{type: string}, {$ref: '#/components/schemas/SM'}], default: 1}\n", "    SN: {properties: {a: {$ref: '#/components/schemas/SN'}}, example: {a: {a: {a: 1}}}}\n",
    "    SN: {$ref: '#/components/schemas/SM/allOf/0'}\n", "    SN: {type: object, additionalProperties: {$ref: '#/components/schemas/SM'}, default: {x: {x: {x: 1}}}}\n",
    "    SN: &aN {allOf: [*aM, *aM]}\n", "    SN: {uniqueItems: true, type: array, items: {}, default: [1, 2, 3]}\n",
]  # fmt: skip
_OPENAPI_BEGIN = (
    "openapi: 3.0.1\ninfo: {title: t, version: v1, description: d}\nservers: [{url: 'https://a.b'}]\npaths:\n  /x:\n    get:\n      operationId: a\n      summary: s\n"
    "      responses: {'200': {description: ok, content: {application/json: {schema: {type: object}}}}}\ncomponents:\n  schemas:\n    S0: &a0 {type: object}\n"
)
_META = [
    "- plugin_id: N\n  version: v1.0.0\n  openapi_doc_file: a.yaml\n  plugin_type: 1\n", "- plugin_id: 1\n", "- \n", "- {plugin_id: N, nonsense: 1}\n", "  tools:\n", "    - {tool_id: N, method: get, sub_url: /N}\n",
    "  manifest: {auth: {type: service_http, sub_type: token/api_key, payload: '{\"kN\": 1, \"kN\": 2}'}}\n", "- &aN {<<: [*aM, *aM], plugin_id: N}\n", "  kN: 1\n", "  a: 1\n",
]  # fmt: skip
_SECRETS = [
    "password", "token", "密码", "api key", "name", "value", ": ", "=", " ", "\n", "\n  ", "\n- ", '"', "'", "\\", '\\"', "{", "}", "[", "]", ",", "|\n", "&a", "*a", "?", "<", ">", "</", "/>", "<a", "<password>",
    "://", "@", "#", "--", "Bearer ", "was ", "is ", "$", "$1$", "a1B2", "a", "1", ".", "/", "(", ")", "hook/", "-----BEGIN PRIVATE KEY-----", "-----END", "<secret>", "=>", "<!--", "<![CDATA[", "是",
]  # fmt: skip
_DIFF = ["a\n", "b\n", "kN\n", "\n", "c", "kM\n", "}\n", "x y\n"]
_REGEX = [
    "a",
    "(",
    ")",
    "(a",
    "|",
    "*",
    "+",
    "?",
    "{2,9}",
    "[",
    "]",
    "[^a",
    "\\d",
    "\\pL",
    "\\",
    "^",
    "$",
    ".",
    "(?:",
    "(?i)",
    "\\Q",
    "\\E",
    "[[:alpha:]",
]

SUBJECTS: dict[str, tuple[Callable[[str], None], list[str], list[str]]] = {
    "yaml": (_bounded(lambda data: syntax.check("yaml", data)), _YAML, ["", "a: ", "- ", "x: &a0 [1]\n", "{", "["]),
    "yaml of many documents": (_bounded(lambda data: syntax.check("yaml", data, every=True)), _YAML, ["", "---\n"]),
    "json": (_bounded(lambda data: syntax.check("json", data)), _JSON, ["", "{", "[", '{"a":']),
    "toml": (_bounded(lambda data: syntax.check("toml", data)), _TOML, ["", "a = ", "[t]\n", "a = [", 'a = """', "a = {"]),
    "openapi": (_bounded(partial(documents.validate, Strict(wanted=False))), _OPENAPI, [_OPENAPI_BEGIN]),
    "openapi of any yaml": (_bounded(partial(documents.validate, Strict(wanted=False))), _YAML, [_OPENAPI_BEGIN, "openapi: 3.0.1\n"]),
    "meta": (_bounded(meta.validate), _META, ["", "- &a0 {x: 1}\n"]),
    "subject": (_subject, [*_META, *_YAML], ["", "- &a0 {x: 1}\n"]),
    "redaction": (lambda text: void(HIDE.text(text)), _SECRETS, ["", "password: ", "token: '", "<a>"]),
    "textdiff": (_diff, _DIFF, [""]),
    "pattern": (_pattern, _REGEX, [""]),
}  # fmt: skip


def void(_: object) -> None:
    """Forget a result."""


def shapes(pieces: list[str], begins: list[str], chance: random.Random) -> Iterator[Shape]:
    """Yield families of inputs without end."""
    while True:
        unit = "".join(chance.choices(pieces, k=chance.choice([1, 1, 2, 2, 3, 4, 6])))
        end = "".join(chance.choices(pieces, k=chance.choice([0, 0, 1, 2])))
        yield Shape(chance.choice(begins), unit, end, "N" in unit or "M" in unit)


def cost(act: Callable[[str], None], text: str) -> float:
    """Return the seconds of processor time that `act` takes."""
    before = time.process_time()
    act(text)
    return time.process_time() - before


def grows(act: Callable[[str], None], shape: Shape) -> float | None:
    """Return how many times as much four times the length costs, None where it is within bounds."""
    gc.collect()
    # A full collection of what the program around us holds would be counted as the cost of the one input that starts it.
    gc.freeze()
    try:
        size = SMALL
        if cost(act, shape.text(size)) < WORTH_S / 12:
            size *= FACTOR
        worst = None
        # The last look takes a longer step, which tells a square from a busy machine.
        for factor, most in ((FACTOR, MOST), (FACTOR, MOST), (FACTOR**2, MOST**2)):
            small, large = (min(cost(act, shape.text(size * times)) for _ in range(2)) for times in (1, factor))
            if large < WORTH_S or large < most * max(small, 1e-4):
                return None
            worst = worst or large / max(small, 1e-4)
        return worst
    finally:
        gc.unfreeze()


def hunt(seconds: float, seed: int, names: list[str]) -> Iterator[tuple[str, Shape, float]]:
    """Yield what grows too fast: its subject, its family, and how fast."""
    chance = random.Random(seed)
    streams = {name: shapes(SUBJECTS[name][1], SUBJECTS[name][2], chance) for name in names}
    until = time.monotonic() + seconds
    while True:
        for name in names:
            if time.monotonic() > until:
                return
            shape = next(streams[name])
            factor = grows(SUBJECTS[name][0], shape)
            if factor is not None:
                yield name, shape, factor


if __name__ == "__main__":
    chosen_seed = int(sys.argv[2]) if len(sys.argv) > 2 else random.SystemRandom().randrange(1 << 32)
    sys.stdout.write(f"seed {chosen_seed}\n")
    found = 0
    for subject_name, family, times in hunt(float(sys.argv[1]), chosen_seed, sys.argv[3:] or list(SUBJECTS)):
        found += 1
        sys.stdout.write(
            f"{subject_name}: {times:.1f} times as much for {FACTOR} times the length: {family!r}" + "\n"
        )
        sys.stdout.flush()
    sys.exit(1 if found else 0)
