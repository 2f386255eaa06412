"""Git's object formats as pure functions.

Source: gitformat-pack(5), git-hash-object(1), and `base_name_compare` for the order of a tree's entries.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    import hashlib

# Checks of git fsck for names and contents that have a meaning in a git work tree. In a vault they are ordinary user files,
# so these checks are switched off. Source: git-fsck(1); an older git skips the ids that it does not know.
OF_USERS = (
    *(f"gitmodules{what}" for what in ("Blob", "Large", "Name", "Parse", "Path", "Symlink", "Update", "Url")),
    *(f"gitattributes{what}" for what in ("Blob", "Large", "LineLength", "Symlink")),
    "gitignoreSymlink",
    "mailmapSymlink",
)
EMPTY_TREE = "4b825dc642cb6eb9a060e54bf8d69288fbee4904"


class Object(NamedTuple):
    """A git object in memory: its type (`blob`, `tree`, `commit`), its body and its id."""

    type: str
    body: bytes
    id: str


def make(type_: str, body: bytes) -> Object:
    """Return the object with that type and body; computes its id."""
    return Object(type_, body, hasher(type_, len(body), body).hexdigest())


def hasher(type_: str, size: int, start: bytes = b"") -> hashlib._Hash:
    """Return a SHA-1 object for an object of `size` bytes that has got its header and the bytes `start` already."""
    import hashlib

    return hashlib.sha1(b"%s %d\0%s" % (type_.encode(), size, start), usedforsecurity=False)


def signed(commit: bytes, signature: bytes) -> bytes:
    """Return the body of a commit with a signature inserted. Source: gitformat-signature(5), COMMIT SIGNATURES."""
    head, _, message = commit.partition(b"\n\n")
    folded = signature.strip().replace(b"\n", b"\n ")
    return head + b"\ngpgsig " + folded + b"\n\n" + message


def tree(entries: Iterable[tuple[int, str, str]]) -> Object:
    """Return the tree object for triples of mode, name and id, in any order."""
    rows = []
    for mode, name, id_ in entries:
        raw = os.fsencode(name)
        rows.append((raw + b"/" if mode == 0o40000 else raw, b"%o %s\0%s" % (mode, raw, bytes.fromhex(id_))))
    return make("tree", b"".join(row for _, row in sorted(rows)))


def parse_tree(body: bytes) -> Iterator[tuple[int, str, str]]:
    """Yield mode, name and id of each entry of a tree's body; raises ValueError if it is damaged."""
    at = 0
    while at < len(body):
        end = body.index(b"\0", at)
        mode, _, name = body[at:end].partition(b" ")
        yield int(mode, 8), os.fsdecode(name), body[end + 1 : end + 21].hex()
        at = end + 21
