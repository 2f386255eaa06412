"""The difference of two states as text that reads like git's, line by line, secrets hidden on the way out."""

from __future__ import annotations

import stat
from collections.abc import Callable, Iterator

from configvault.core.frozen import frozen
from configvault.core.model import Change, Entry, Folder, Kind
from configvault.core.rendering import alignment

CONTEXT_LINES = 3
# Nobody reads more; beyond this a file is only said to differ, and not searched for secrets.
MOST_LINES = 20_000
MOST_CHARS = 4_000_000
NO_END = "\\ No newline at end of file"

Read = Callable[[str], bytes]
Hide = Callable[[str, str], tuple[str, str]]


@frozen
class FileDiff:
    """One changed path: what to print above the hunks, the hunks' lines, and how many lines came and went."""

    change: Change
    header: tuple[str, ...]
    lines: tuple[str, ...]
    added: int
    removed: int
    binary: bool = False


def file_diff(
    change: Change, read_old: Read, read_new: Read, hide: Hide, context: int = CONTEXT_LINES
) -> FileDiff:
    """Return the difference at one path with `context` lines around each change; `hide` redacts a text before and after.

    What a patch cannot say (owners, folders) stands in lines that `git apply` and `patch` pass over.
    """
    old, new = _entry(change.old), _entry(change.new)
    # A patch has no way to turn a file into a link: like git, one goes and one comes.
    turned = old is not None and new is not None and old.kind is not new.kind
    pairs = [(old, None), (None, new)] if turned else [(old, new)]
    parts = [
        _part(change.path, *pair, read_old, read_new, hide, context) for pair in pairs if pair != (None, None)
    ]
    first, *others = parts or [_Part()]
    return FileDiff(
        change,
        (*_words(change), *first.header),
        (*first.lines, *(line for part in others for line in (*part.header, *part.lines))),
        sum(part.added for part in parts),
        sum(part.removed for part in parts),
        any(part.binary for part in parts),
    )


@frozen
class _Part:
    header: tuple[str, ...] = ()
    lines: tuple[str, ...] = ()
    added: int = 0
    removed: int = 0
    binary: bool = False


def _entry(entry: Entry | Folder | None) -> Entry | None:
    return entry if isinstance(entry, Entry) else None


def _part(
    path: str,
    old: Entry | None,
    new: Entry | None,
    read_old: Read,
    read_new: Read,
    hide: Hide,
    context: int,
) -> _Part:
    header = tuple(_header(path, old, new))
    contents = _content(old, read_old), _content(new, read_new)
    if contents[0] == contents[1]:
        return _Part(header)
    texts = _text(contents[0]), _text(contents[1])
    names = _name("a/", path, old), _name("b/", path, new)
    if texts[0] is None or texts[1] is None:
        return _Part(header, (f"Binary files {names[0]} and {names[1]} differ",), binary=True)
    counts = [len(_lines(text)) for text in (texts[0], texts[1])]
    if sum(counts) > MOST_LINES or len(texts[0]) + len(texts[1]) > MOST_CHARS:
        said = f"Files {names[0]} and {names[1]} differ ({counts[0]} and {counts[1]} lines)"
        return _Part(header, (said,), counts[1], counts[0], binary=True)
    before, after = map(_lines, hide(texts[0], texts[1]))
    lines = tuple(_hunks(before, after, names, context))
    added = sum(line.startswith("+") for line in lines[2:])
    removed = sum(line.startswith("-") for line in lines[2:])
    return _Part(header, lines, added, removed)


def _content(entry: Entry | None, read: Read) -> bytes | None:
    return read(entry.blob) if entry is not None else None


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


def _hunks(before: list[str], after: list[str], names: tuple[str, str], context: int) -> Iterator[str]:
    # Like git's: the tab tells `patch` where a name with spaces ends.
    old, new = (name + "\t" if " " in name else name for name in names)
    edits = alignment.edits(before, after)
    if edits:
        yield f"--- {old}"
        yield f"+++ {new}"
    for group in alignment.hunks(edits, context):
        for line in _hunk(before, after, group, context):
            yield from line.split("\n")


def _hunk(before: list[str], after: list[str], group: list[alignment.Edit], context: int) -> Iterator[str]:
    """Yield one hunk: its head, and its lines with what is around them."""
    first, last = max(0, group[0][0] - context), min(len(before), group[-1][1] + context)
    start = group[0][2] - (group[0][0] - first)
    end = group[-1][3] + (last - group[-1][1])
    yield f"@@ -{_range(first, last)} +{_range(start, end)} @@"
    at = first
    for a, b, c, d in group:
        yield from (f" {line}" for line in before[at:a])
        yield from (f"-{line}" for line in before[a:b])
        yield from (f"+{line}" for line in after[c:d])
        at = b
    yield from (f" {line}" for line in before[at:last])


def _range(start: int, end: int) -> str:
    """Return lines as the head of a hunk names them: from 1, without the number where it is one."""
    if end - start == 1:
        return str(start + 1)
    return f"{start + 1 if end > start else start},{end - start}"


def _name(side: str, path: str, entry: Entry | None) -> str:
    return "/dev/null" if entry is None else quoted(side + path)


def _header(path: str, old: Entry | None, new: Entry | None) -> Iterator[str]:
    modes = [None if entry is None else _mode(entry) for entry in (old, new)]
    same = modes[0] == modes[1]
    if same and old is not None and new is not None and old.blob == new.blob:
        return
    yield f"diff --git {quoted('a/' + path)} {quoted('b/' + path)}"
    if old is None:
        yield f"new file mode {modes[1]}"
    elif new is None:
        yield f"deleted file mode {modes[0]}"
    elif not same:
        yield f"old mode {modes[0]}"
        yield f"new mode {modes[1]}"


def _words(change: Change) -> Iterator[str]:
    """Yield what a patch cannot say: owners, and all that there is to say of folders."""
    old, new, name = change.old, change.new, quoted(change.path)
    if isinstance(old, Folder) and not isinstance(new, Folder):
        yield f"folder {name}: removed"
    elif isinstance(new, Folder) and not isinstance(old, Folder):
        yield f"folder {name}: added, mode {new.mode:04o}, owner {new.uid}:{new.gid}"
    elif isinstance(old, Folder) and isinstance(new, Folder) and old.mode != new.mode:
        yield f"folder {name}: mode {old.mode:04o} -> {new.mode:04o}"
    if old is not None and new is not None and (old.uid, old.gid) != (new.uid, new.gid):
        yield f"owner of {name}: {old.uid}:{old.gid} -> {new.uid}:{new.gid}"


def _mode(entry: Entry) -> str:
    """Return type and mode as git writes them, with every bit that a file has."""
    return "120000" if entry.kind is Kind.LINK else f"{stat.S_IFREG | entry.mode:06o}"


def quoted(path: str) -> str:
    """Return a path in one line, quoted as git quotes one with characters that do not print."""
    if path.isprintable() and '"' not in path and "\\" not in path:
        return path
    return '"' + "".join(_escaped(char) for char in path) + '"'


def _escaped(char: str) -> str:
    if char in _ESCAPES:
        return _ESCAPES[char]
    if char.isprintable():
        return char
    return "".join(f"\\{byte:03o}" for byte in char.encode("utf-8", "surrogateescape"))


_ESCAPES = {"\n": "\\n", "\t": "\\t", "\r": "\\r", '"': '\\"', "\\": "\\\\"}
