"""Edits of a plugin directory that is given as bytes by path: replace a text, cut one out, put or remove a file."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from states import Content

Files = dict[str, Content]


class Edit(NamedTuple):
    """What one edit changes, and the file that it is about."""

    path: str
    make: Callable[[Files], None]

    def __call__(self, files: Files) -> None:
        """Change `files`."""
        self.make(files)


def sub(path: str, *pairs: str) -> Edit:
    """Replace the first of each `old, new` in the file at `path`; each must be there."""

    def make(files: Files) -> None:
        for old, new in zip(pairs[::2], pairs[1::2], strict=True):
            text = _bytes(files, path)
            assert old.encode() in text, old
            files[path] = text.replace(old.encode(), new.encode(), 1)

    return Edit(path, make)


def put(path: str, content: Content) -> Edit:
    """Make the file at `path` this."""
    data = content.encode() if type(content) is str else content
    return Edit(path, lambda files: files.update({path: data}))


def by(path: str, change: Callable[[bytes], bytes]) -> Edit:
    """Make the file at `path` what `change` makes of it."""
    return Edit(path, lambda files: files.update({path: change(_bytes(files, path))}))


def gone(path: str) -> Edit:
    """Remove the file at `path`."""
    return Edit(path, lambda files: files.__delitem__(path))


def folder(path: str) -> Edit:
    """Put a folder in the place of the file at `path`."""
    return both(gone(path), put(path + "/", b""))


def cut(path: str, first: str, last: str) -> Edit:
    """Take the text from `first` up to but not with `last` out; to the end where `last` is empty."""

    def change(data: bytes) -> bytes:
        text = data.decode()
        start = text.index(first)
        return (text[:start] + (text[text.index(last, start + 1) :] if last else "")).encode()

    return by(path, change)


def both(*edits: Edit) -> Edit:
    """Make several edits, which are about the file of the first."""

    def make(files: Files) -> None:
        for one in edits:
            one(files)

    return Edit(edits[0].path if edits else "", make)


def _bytes(files: Files, path: str) -> bytes:
    content = files[path]
    assert isinstance(content, bytes), path
    return content
