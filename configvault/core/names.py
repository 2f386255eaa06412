"""Names that no state may hold: a git tree could not keep them, or a root could not be restored with them."""

from __future__ import annotations

import os
import re

from configvault.core.model import RESERVED_PREFIX
from configvault.core.pattern import pattern

# Bytes. Source: limits.h, NAME_MAX: no file system of Linux that a root lies on takes more.
LONGEST = 255
# Source: git's utf8.c next_hfs_char: the characters HFS+ passes over in a name.
_HFS_IGNORES = pattern("[\u200c-\u200f\u202a-\u202e\u206a-\u206f\ufeff]")
# Source: git's path.c is_ntfs_dotgit, applied after every backslash as fsck does.
_NTFS_DOTGIT = pattern(r"(?:\A|\\)(?:\.git|git~1)[ .]*(?:\Z|[\\:])", re.IGNORECASE)


def is_git_reserved(name: str) -> bool:
    """Return whether `git fsck --strict` would refuse a tree with this name, as `.git` in any disguise."""
    if name.isascii() and "git" not in name.lower():
        # Every disguise below holds these letters, or characters that are not ASCII.
        return False
    return _HFS_IGNORES.sub("", name).casefold() == ".git" or _NTFS_DOTGIT.search(name) is not None


def is_too_long(name: str) -> bool:
    """Return whether no file can have this name, though a git tree or an archive can."""
    return 4 * len(name) > LONGEST and len(os.fsencode(name)) > LONGEST


def why_reserved(name: str) -> str | None:
    """Return why no state holds `name`: it is git's or one of this program's own; None where it is neither."""
    if name.startswith(RESERVED_PREFIX):
        return f"names that begin with {RESERVED_PREFIX} are reserved"
    return "git reserves this name" if is_git_reserved(name) else None


def is_forbidden(name: str) -> bool:
    """Return whether `name` could lead out of its folder, is git's, or is one of this program's own."""
    return name in {"", ".", ".."} or "/" in name or "\0" in name or why_reserved(name) is not None
