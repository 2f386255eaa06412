"""Facts on the bytes: encodings, control characters, line ends, and what YAML itself can go wrong with."""

from __future__ import annotations

import codecs

from edits import by, put, sub
from plugins import FERRIES_PATH as FERRIES_DOC
from plugins import META_PATH as META
from plugins import OAUTH_PATH as OAUTH

from loader import COLON, ENDLESS, TOO_DEEP, UTF8, Fact, dies, loads, loses, one, skips, stricter, swap, warned

SECOND = "- plugin_id: 502\n"
BOMB = "x-a: &a [1,1,1,1,1,1,1,1,1]\n" + "".join(
    f"x-{y}: &{y} [{','.join(['*' + x] * 9)}]\n" for x, y in zip("abcdefgh", "bcdefghi", strict=True)
)


def name(text: str) -> str:
    """Return the start of the third plugin's name with `text` in it."""
    return f"name_for_model: {text}\n    name_for_human: Pilots"


def nested(opening: str, closing: str, count: int) -> bytes:
    """Return brackets in brackets."""
    return (opening * count + closing * count).encode()


ENCODINGS = [
    one("a byte order mark before the list", by(META, lambda text: codecs.BOM_UTF8 + text), warned("byte-order-mark")),
    one("a byte order mark before a document", by(FERRIES_DOC, lambda text: codecs.BOM_UTF8 + text), warned("byte-order-mark")),
    one("two byte order marks", by(META, lambda text: codecs.BOM_UTF8 * 2 + text), dies("encoding")),
    one("a byte order mark within the list", sub(META, SECOND, "\ufeff" + SECOND), dies("yaml-syntax")),
    one("the list in UTF-16", by(META, lambda text: text.decode().encode("utf-16")), stricter(UTF8, "encoding")),
    one("the list in UTF-32", by(META, lambda text: text.decode().encode("utf-32")), dies("encoding")),
    *(one(f"the list in {code}", by(META, lambda text, code=code: text.decode().encode(code)), dies("yaml-syntax")) for code in ("utf-16-le", "utf-16-be")),
    one("the list in UTF-16, big endian with a mark", by(META, lambda text: codecs.BOM_UTF16_BE + text.decode().encode("utf-16-be")), stricter(UTF8, "encoding")),
    one("a document in UTF-16", by(FERRIES_DOC, lambda text: text.decode().encode("utf-16")), stricter(UTF8, "encoding")),
    one("a document in UTF-16 without a mark", by(FERRIES_DOC, lambda text: text.decode().encode("utf-16-le")), skips("yaml-syntax")),
    *(one(f"a name in {code}", by(META, lambda text, code=code: text.replace(b"Tide tables", "潮汐表".encode(code))), dies("encoding")) for code in ("gbk", "big5", "shift-jis", "utf-16-be")),
    one("a title in GBK", by(FERRIES_DOC, lambda text: text.replace(b"Ferries", "渡船".encode("gbk"))), skips("encoding")),
    one("a comment in Latin-1", by(META, lambda text: b"# mar\xe9e\n" + text), dies("encoding")),
    one("a comment in Latin-1 in a document", by(FERRIES_DOC, lambda text: text + b"\n# mar\xe9e\n"), skips("encoding")),
    *(one(f"the bytes {bad.hex(' ')}", by(META, lambda text, bad=bad: text.replace(b"Tide tables", b"Tide" + bad)), dies("encoding"))
      for bad in (b"\xff", b"\xc0\xaf", b"\xed\xa0\x80", b"\xe6\xbd", b"\x80", b"\xf4\x90\x80\x80", b"\xf8\x88\x80\x80\x80")),
    *(one(f"CRLF in {path.rpartition('/')[2]}", by(path, lambda text: text.replace(b"\n", b"\r\n")), loads()) for path in (META, FERRIES_DOC, OAUTH)),
    one("only CR in the list", by(META, lambda text: text.replace(b"\n", b"\r")), loads()),
    one("line ends mixed", by(META, lambda text: text.replace(b"\n", b"\r\n", 30)), loads()),
    one("no line end at the end", by(META, lambda text: text.rstrip(b"\n")), loads()),
    one("blank lines at the end", by(META, lambda text: text + b"\n\n   \n"), loads()),
]  # fmt: skip

CHARACTERS = [
    *swap(
        META, "name_for_model: pilots\n    name_for_human: Pilots",
        dies("yaml-syntax", "a\x00b", "a\x07b", "a\x1bb", "a\x7fb", "a\x1ab", "a\ufffeb", "a\uffffb", "a\x85b", "a\u2028b", "a\u2029b", "a\x80b", "a\x9bb"),
        loads("a\U0001f600b", "a\u00a0b", "a\u200bb", "領航", "a\u202eb", "a\ufeffb", "a\u0301b", "a\tb"),
        form=name,
    ),
    one("NUL at the end of the list", by(META, lambda text: text + b"\0"), dies("yaml-syntax")),
    one("Ctrl-Z at the end of the list", by(META, lambda text: text + b"\x1a"), dies("yaml-syntax")),
    one("a document of NULs", by(FERRIES_DOC, lambda text: b"\0" * len(text)), skips("yaml-syntax")),
    one("a document with a page of NULs at the end", by(FERRIES_DOC, lambda text: text[:400] + b"\0" * 400), skips("yaml-syntax")),
    one("the list of NULs", by(META, lambda text: b"\0" * len(text)), dies("yaml-syntax")),
    one("a colon of full width", sub(META, "deprecated: false", "deprecated\uff1a false"), dies("yaml-syntax")),
    one("a space that is none", sub(META, "  product_id: 900502", "\u00a0 product_id: 900502"), dies("yaml-syntax")),
    one("a tab before a key", sub(META, "  product_id: 900502", "\tproduct_id: 900502"), dies("yaml-syntax")),
    one("a tab in a blank line", sub(META, "  product_id: 900502", "\t\n  product_id: 900502"), dies("yaml-syntax")),
    one("a tab before a key of a document", sub(FERRIES_DOC, "  title", "\ttitle"), skips("yaml-syntax")),
    one("a tab before a comment", sub(META, "product_id: 900502", "product_id: 900502\t# the second"), loads()),
    one("a long line", sub(META, "Knows the ferries", "ferries " * 20_000), loads()),
    one("a long comment", by(META, lambda text: text + b"#" + b"x" * 1_000_000), loads()),
]  # fmt: skip

STREAMS = [
    one("--- before the list", by(META, lambda text: b"---\n" + text), loads()),
    one("a comment and --- before the list", by(META, lambda text: b"# plugins\n--- # here\n" + text), loads()),
    one("... after the list", by(META, lambda text: text + b"...\n"), loads()),
    one("... and a comment after the list", by(META, lambda text: text + b"...\n# end\n"), loads()),
    one("a second document after the list", by(META, lambda text: text + b"---\nmore: 1\n"), warned("trailing-document")),
    one("a second document after a document", by(FERRIES_DOC, lambda text: text + b"---\nmore: 1\n"), warned("trailing-document")),
    one("a second document that breaks at once", by(META, lambda text: text + b"---\n@\n"), dies("yaml-syntax")),
    one("text after ...", by(META, lambda text: text + b"...\nmore: 1\n"), warned("trailing-document")),
    one("an empty first document", by(FERRIES_DOC, lambda text: b"---\n---\n" + text), skips("document-empty")),
    one("an empty first document, named null", by(META, lambda text: b"--- ~\n---\n" + text), loses("meta-empty")),
    one("%YAML 1.1", by(META, lambda text: b"%YAML 1.1\n---\n" + text), loads()),
    one("%YAML 1.2", by(META, lambda text: b"%YAML 1.2\n---\n" + text), dies("yaml-syntax")),
    one("%YAML 1.2 in a document", by(FERRIES_DOC, lambda text: b"%YAML 1.2\n---\n" + text), skips("yaml-syntax")),
    one("%YAML without ---", by(META, lambda text: b"%YAML 1.1\n" + text), dies("yaml-syntax")),
    one("%TAG", by(META, lambda text: b"%TAG !p! tag:example.org,2026:\n---\n" + text), loads()),
    one("a merge conflict in the list", sub(META, "  deprecated: false\n", "<<<<<<< ours\n  deprecated: false\n=======\n  deprecated: true\n>>>>>>> theirs\n"), dies("conflict-marker")),
    one("a merge conflict in a document", sub(FERRIES_DOC, "openapi: 3.0.1\n", "<<<<<<< ours\nopenapi: 3.0.1\n=======\nopenapi: 3.0.0\n>>>>>>> theirs\n"), skips("conflict-marker")),
    one("marks of a conflict inside a text", sub(META, "name_for_model: pilots", "name_for_model: |\n      <<<<<<< ours\n      a\n      >>>>>>> theirs"), loads()),
]  # fmt: skip

STRUCTURE = [
    *swap(META, "name_for_human: Ferries", dies("yaml-syntax", "name_for_human: a: b", "name_for_human: 'a", 'name_for_human: "a', 'name_for_human: "\\q"', "name_for_human: 'a' b", "name_for_human: [a", "name_for_human: {a", "name_for_human: a]\n   b: c", "name_for_human: *",
                                                "name_for_human: & a", "name_for_human: |\n  a", "name_for_human:a", "name_for_human: -\n- a", "name_for_human: %a", "name_for_human: @a", "name_for_human: !<a"),
          loads("name_for_human: a # b", "name_for_human: a#b", "name_for_human: a:b", "name_for_human: 'a: b'", 'name_for_human: "a\\n\\u6f6e"', "name_for_human:   a", "name_for_human: a\n      b", "name_for_human: |2\n      a", "name_for_human: >+\n      a\n", "name_for_human: -a", "name_for_human: ?a", "'name_for_human': a", "\"name_for_human\" : a", "name_for_human: 'it''s'", "name_for_human: http://a", "name_for_human: a, b", "name_for_human: a}", "? name_for_human\n    : a"),
          dies("yaml-tag", "name_for_human: !!int a", "name_for_human: !!float a", "name_for_human: !!bool a"), loads("name_for_human: !!str 5", "name_for_human: !pier a", "name_for_human: ! a", "name_for_human: !!pier a", "name_for_human: !!binary YQ=="),
          dies("meta-type", "name_for_human: !!binary a", "name_for_human: !!python/object/apply:os.system [a]", "name_for_human: !!set {a}", "name_for_human: !!seq [a]"), skips("manifest", "name_for_human: !!null ''", "name_for_human: # a", "name_for_human: ~", "name_for_human: null", "name_for_human: Null", "name_for_human: NULL"),
          dies("yaml-alias", "name_for_human: *ferries"), loads("name_for_human: &ferries Ferries", "name_for_human: &a-b_c Ferries")),
    one("an entry merged into the next", sub(META, SECOND, "- &ferries\n  plugin_id: 502\n", "- plugin_id: 504\n", "- <<: *ferries\n  plugin_id: 504\n"), loads()),
    one("an entry of nothing but a merge", sub(META, "- plugin_id: 501\n", "- &tides\n  plugin_id: 501\n", SECOND, "- <<: *tides\n- plugin_id: 502\n"), skips("duplicate-plugin-id duplicate-tool-id duplicate-tool-id")),
    one("two merges in one mapping", sub(META, "- plugin_id: 501\n", "- &tides\n  plugin_id: 501\n", SECOND, "- plugin_id: 502\n  <<: *tides\n  <<: *tides\n"), dies("duplicate-key")),
    one("an entry that is an alias of another", sub(META, "- plugin_id: 501\n", "- &tides\n  plugin_id: 501\n", SECOND, "- *tides\n" + SECOND), skips("duplicate-plugin-id duplicate-tool-id duplicate-tool-id")),
    one("a list of merges", sub(META, "- plugin_id: 501\n", "- &tides\n  plugin_id: 501\n", SECOND, "- plugin_id: 502\n  <<: [*tides, {deprecated: false}]\n"), loads()),
    one("a manifest used twice", sub(META, "  manifest:\n", "  manifest: &tides\n", "version: v0.3.1", "pier: *tides\n  version: v0.3.1"), warned("unknown-key")),
    one("an anchor that contains itself in the list", sub(META, SECOND, "- plugin_id: 502\n  pier: &a [*a]\n"), stricter(ENDLESS, "yaml-alias")),
    one("an anchor that contains itself in a document", by(FERRIES_DOC, lambda text: text + b"x-a: &a [*a]\n"), skips("yaml-alias")),
    one("aliases that multiply at the start of a document", by(FERRIES_DOC, lambda text: BOMB.encode() + text), skips("yaml-alias")),
    one("aliases that multiply at the end of a document", by(FERRIES_DOC, lambda text: text + BOMB.encode()), skips("yaml-alias")),
    one("aliases that multiply in the list", by(META, lambda text: b"- " + BOMB.replace("\n", "\n  ").rstrip().encode() + b"\n" + text), skips("yaml-alias")),
    one("a few aliases in a document", by(FERRIES_DOC, lambda text: text + b"x-a: &a [1, 2]\nx-b: [*a, *a]\n"), loads()),
    *(one(f"{count} brackets in a document", by(FERRIES_DOC, lambda text, count=count: text + b"x-a: " + nested("[", "]", count) + b"\n"), loads()) for count in (10, 100, 190)),
    *(one(f"{count} brackets in a document", by(FERRIES_DOC, lambda text, count=count: text + b"x-a: " + nested("[", "]", count) + b"\n"), stricter(TOO_DEEP, "nested-too-deep")) for count in (300, 900, 3000, 9000)),
    one("100,000 brackets in a document", by(FERRIES_DOC, lambda text: text + b"x-a: " + nested("[", "]", 100_000) + b"\n"), skips("nested-too-deep")),
    one("100,000 brackets that are never closed", put(META, "[" * 100_000), dies("nested-too-deep")),
    one("100,000 mappings that are never closed", put(META, "{a: " * 100_000), dies("nested-too-deep")),
    one("3,000 lists in a line", put(META, "- " * 3000 + "a\n"), dies("nested-too-deep")),
    *(one(f"{text} in a document", by(FERRIES_DOC, lambda data, text=text: data + f"x-a: {text}\n".encode()), loads())
      for text in ("=", "{y: n}", "2026-05-01", "!pier a", "!!binary aGVsbG8=", "[a, b,]", "{a: b,}", "{? a : b}", "'a'", "{a, b}", '{"a":1}', "0o17", "1_000", "-.5", "+1", "1e5", "[[], {}]", "{<<: {a: b}}")),
    *(one(f"{text} in a document", by(FERRIES_DOC, lambda data, text=text: data + f"x-a: {text}\n".encode()), skips("yaml-syntax")) for text in ("a: b", "[a", "{a: b", "'a", '"\\x"', "- a", "@", "`a`", "%", "a\n b: c", "]", ", a", "[a]]", "{a: b}}", "\"a\" \"b\"")),
    *(one(f"{text} in a document", by(FERRIES_DOC, lambda data, text=text: data + f"x-a: {text}\n".encode()), stricter(COLON, "yaml-syntax")) for text in ("{a:}", "{a:, b: c}")),
]  # fmt: skip

FACTS: list[Fact] = [*ENCODINGS, *CHARACTERS, *STREAMS, *STRUCTURE]
