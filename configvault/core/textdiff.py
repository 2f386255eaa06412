"""The difference of two states as text that reads like git's, line by line, secrets hidden on the way out."""

from __future__ import annotations

import difflib
import stat
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from configvault.core.model import Change, Entry, Folder, Kind

CONTEXT_LINES = 3
# Comparing costs up to the product of both sides: beyond this a file is only said to differ.
MOST_LINES = 20_000
NO_END = "\\ No newline at end of file"

Read = Callable[[str], bytes]
Hide = Callable[[str], str]


@dataclass(frozen=True, slots=True)
class FileDiff:
    """One changed path: what to print above the hunks, the hunks' lines, and how many lines came and went."""

    change: Change
    header: tuple[str, ...]
    lines: tuple[str, ...]
    added: int
    removed: int
    binary: bool = False


def file_diff(change: Change, read_old: Read, read_new: Read, hide: Hide) -> FileDiff:
    """Return the difference at one path; `hide` redacts a whole text."""
    old, new = _content(change.old, read_old), _content(change.new, read_new)
    header = tuple(_header(change))
    if old == new:
        return FileDiff(change, header, (), 0, 0)
    texts = _text(old), _text(new)
    names = _name("a/", change.path, change.old), _name("b/", change.path, change.new)
    if texts[0] is None or texts[1] is None:
        said = f"Binary files {names[0]} and {names[1]} differ"
        return FileDiff(change, header, (said,), 0, 0, binary=True)
    before, after = _lines(hide(texts[0])), _lines(hide(texts[1]))
    if len(before) + len(after) > MOST_LINES:
        said = f"Files {names[0]} and {names[1]} differ ({len(before)} and {len(after)} lines)"
        return FileDiff(change, header, (said,), len(after), len(before), binary=True)
    lines = tuple(_hunks(before, after, names))
    added = sum(line.startswith("+") for line in lines[2:])
    removed = sum(line.startswith("-") for line in lines[2:])
    return FileDiff(change, header, lines, added, removed)


def _content(entry: Entry | Folder | None, read: Read) -> bytes | None:
    return read(entry.blob) if isinstance(entry, Entry) else None


def _text(content: bytes | None) -> str | None:
    """Return what can be shown of a file; None for one that is not text."""
    if content is None:
        return ""
    if b"\0" in content:
        return None
    return content.decode("utf-8", "surrogateescape")


def _lines(text: str) -> list[str]:
    """Return the lines of `text`; one that does not end says so, as a line of its own would."""
    lines = text.split("\n")
    last = lines.pop()
    return [*lines, last + "\n" + NO_END] if last else lines


def _hunks(before: list[str], after: list[str], names: tuple[str, str]) -> Iterator[str]:
    for line in difflib.unified_diff(before, after, *names, n=CONTEXT_LINES, lineterm=""):
        yield from line.split("\n")


def _name(side: str, path: str, entry: Entry | Folder | None) -> str:
    return "/dev/null" if entry is None else quoted(side + path)


def _header(change: Change) -> Iterator[str]:
    old, new = change.old, change.new
    yield f"diff --git {quoted('a/' + change.path)} {quoted('b/' + change.path)}"
    if old is None and new is not None:
        yield f"new {_sort(new)} mode {_mode(new)}"
    elif new is None and old is not None:
        yield f"deleted {_sort(old)} mode {_mode(old)}"
    elif old is not None and new is not None:
        if _mode(old) != _mode(new):
            yield f"old mode {_mode(old)}"
            yield f"new mode {_mode(new)}"
        if (old.uid, old.gid) != (new.uid, new.gid):
            yield f"old owner {old.uid}:{old.gid}"
            yield f"new owner {new.uid}:{new.gid}"


def _sort(entry: Entry | Folder) -> str:
    return "folder" if isinstance(entry, Folder) else "file"


def _mode(entry: Entry | Folder) -> str:
    """Return type and mode as git writes them, with every bit the state knows."""
    if isinstance(entry, Folder):
        return f"{stat.S_IFDIR | entry.mode:06o}"
    return f"{(stat.S_IFLNK if entry.kind is Kind.LINK else stat.S_IFREG) | entry.mode:06o}"


def quoted(path: str) -> str:
    """Return a path in one line, quoted as git quotes one with characters that do not print."""
    if path.isprintable() and '"' not in path:
        return path
    return '"' + "".join(_escaped(char) for char in path) + '"'


def _escaped(char: str) -> str:
    if char in _ESCAPES:
        return _ESCAPES[char]
    if char.isprintable():
        return char
    return "".join(f"\\{byte:03o}" for byte in char.encode("utf-8", "surrogateescape"))


_ESCAPES = {"\n": "\\n", "\t": "\\t", "\r": "\\r", '"': '\\"', "\\": "\\\\"}
