"""The catalogues of messages: what the program says, in step with what is translated. `make messages` brings them up to date.

Messages are found in the source, not by running it. In the pages they are the strings that stand for themselves; in what makes
findings and errors, sentences: an f-string counts as one message, its values as `{0}`, `{1}`, ….
"""

from __future__ import annotations

import ast
import io
import sys
from collections.abc import Iterator
from pathlib import Path

from babel.messages.catalog import Catalog
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po, write_po

from configvault.core.language import DOMAIN, ENGLISH, LANGUAGES
from configvault.core.model import ChangeKind, Severity, Trigger
from configvault.core.settings import EVENTS
from configvault.observers.formats import FIRST

PACKAGE = Path(__file__).parent.parent / "configvault"
LOCALE = PACKAGE / "locale"
# Rooms whose sentences people read where something is wrong.
SPOKEN = ("validators", "coze")
# Titles of notifications.
TITLES = ("core/rendering/called.py", "core/rendering/events.py")
# In the pages: what is told to the browser, and what only looks things up.
_NOT_SHOWN = {"Data", "quoted", "get", "el_attribute", "partition", "rpartition", "startswith", "strftime", "removeprefix", "path", "command", "compile", "text", "Answer"}  # fmt: skip
_SHOWN_ATTRIBUTES = {"aria_label", "title", "placeholder", "state"}
# Words that are shown although no string of the pages has them.
WORDS = (
    *(str(one) for one in Trigger), *(str(one) for one in ChangeKind), *(str(one) for one in Severity),
    "latest", "loaded", "good", "backup", "verify", "drill", "events", "polling", "upkeep", "line", "lines", *EVENTS, FIRST,
)  # fmt: skip


def of_pages() -> set[str]:
    """Return the messages of the pages."""
    found: set[str] = set()
    for path in sorted((PACKAGE / "web" / "pages").glob("*.py")):
        tree = ast.parse(path.read_text())
        skipped = _docstrings(tree) | _in_fstrings(tree)
        for node in ast.walk(tree):
            skipped |= _not_shown(node)
        found |= {
            node.value for node in ast.walk(tree)
            if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in skipped and _is_words(node.value)
        }  # fmt: skip
    return found | set(WORDS)


def _not_shown(node: ast.AST) -> set[int]:
    """Return the strings below a node that no reader sees."""
    if isinstance(node, ast.Call):
        name = node.func.id if isinstance(node.func, ast.Name) else getattr(node.func, "attr", "")
        hidden: list[ast.AST] = [
            key.value for key in node.keywords if key.arg not in _SHOWN_ATTRIBUTES and name == "el"
        ]
        hidden += node.args[:1] if name in ("el", "_field") else []
        hidden += node.args if name in _NOT_SHOWN else []
        hidden += [node.args[3]] if name == "_to" and len(node.args) > 3 else []
        return {id(one) for part in hidden for one in ast.walk(part)}
    if isinstance(node, ast.Compare | ast.Subscript | ast.Raise):
        return {id(one) for one in ast.walk(node)}
    if isinstance(node, ast.Dict):
        return {id(key) for key in node.keys if key is not None}
    return set()


def _is_words(text: str) -> bool:
    if text in _NO_WORDS or text.startswith(("text/", "<")):
        return False
    return text in _SINGLE or (any(char.isalpha() for char in text) and (" " in text or text[:1].isupper()))


_NO_WORDS = {"diff unified", "2 days ago", "Location", "Set-Cookie"}
# Single words in lower case that are shown; others in the pages are names of classes, keys and the like.
_SINGLE = {"degraded", "pending", "live", "daemon", "watch", "source", "everything", "snapshots", "active", "deprecated", "rejected", "failed"}  # fmt: skip


def of_sentences() -> set[str]:
    """Return the sentences of findings and their hints."""
    found = {
        text
        for module in TITLES
        for text in _templates(ast.parse((PACKAGE / module).read_text()))
        if _is_sentence(text) and not text.startswith("{")
    }
    for room in SPOKEN:
        for path in sorted((PACKAGE / room).rglob("*.py")):
            if path.name == "schema.py":  # for editors, which have a language of their own
                continue
            tree = ast.parse(path.read_text())
            found |= {text for text in _templates(tree) if _is_sentence(text)}
    return found


def _templates(tree: ast.AST) -> Iterator[str]:
    skipped = _docstrings(tree) | _in_fstrings(tree)
    for node in ast.walk(tree):
        if isinstance(node, ast.JoinedStr):
            number, parts = 0, []
            for part in node.values:
                if isinstance(part, ast.Constant):
                    parts.append(str(part.value))
                else:
                    parts.append(f"{{{number}}}")
                    number += 1
            yield "".join(parts)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in skipped:
            yield node.value


def _is_sentence(text: str) -> bool:
    letters = sum(char.isalpha() for char in text)
    return (
        " " in text.strip()
        and letters > 6
        and not text.startswith(("%", "(?", "["))
        and "\\" not in text
        and "\n" not in text
    )


def _docstrings(tree: ast.AST) -> set[int]:
    return {
        id(node.value)
        for node in ast.walk(tree)
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
    }


def _in_fstrings(tree: ast.AST) -> set[int]:
    return {id(part) for node in ast.walk(tree) if isinstance(node, ast.JoinedStr) for part in node.values}


def wanted() -> set[str]:
    """Return every message that there has to be in each catalogue."""
    return of_pages() | of_sentences()


def path_of(language: str) -> Path:
    """Return where the catalogue of a language is."""
    return LOCALE / language / "LC_MESSAGES" / f"{DOMAIN}.po"


def read(language: str) -> Catalog:
    """Return a catalogue."""
    with path_of(language).open("rb") as file:
        return read_po(file, locale=language, domain=DOMAIN)


def compiled(catalogue: Catalog) -> bytes:
    """Return a catalogue as gettext reads it."""
    made = io.BytesIO()
    write_mo(made, catalogue)
    return made.getvalue()


def bring_up_to_date(language: str) -> list[str]:
    """Add what is new, remove what is gone, compile; return what has no translation yet."""
    path = path_of(language)
    path.parent.mkdir(parents=True, exist_ok=True)
    before = read(language) if path.exists() else Catalog(locale=language, domain=DOMAIN)
    after = Catalog(locale=language, domain=DOMAIN, fuzzy=False, header_comment=f"# {LANGUAGES[language]}", project="configvault", version="1", copyright_holder="the configvault authors", last_translator="the configvault authors", language_team=LANGUAGES[language], msgid_bugs_address="see README.md", creation_date=before.creation_date, revision_date=before.creation_date)  # fmt: skip
    for message in sorted(wanted()):
        known = before.get(message)
        after.add(message, known.string if known is not None and isinstance(known.string, str) else "")
    with path.open("wb") as file:
        write_po(file, after, width=140, omit_header=False, no_location=True)
    path.with_suffix(".mo").write_bytes(compiled(after))
    return [str(one.id) for one in after if one.id and not one.string]


if __name__ == "__main__":
    for chosen in LANGUAGES:
        if chosen != ENGLISH:
            for missing in bring_up_to_date(chosen):
                sys.stdout.write(f"{chosen}: not translated: {missing!r}\n")
