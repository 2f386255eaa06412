"""File names that no state may hold, because a git tree cannot hold them or a root could not be restored with them."""

from __future__ import annotations

import os
import re

from configvault.core.model import RESERVED_PREFIX
from configvault.core.pattern import pattern

# In bytes. Source: limits.h, NAME_MAX: no Linux file system that a root may be on takes longer names.
LONGEST = 255
# The characters that HFS+ ignores in names. Source: next_hfs_char in git's utf8.c.
_HFS_IGNORES = pattern("[\u200c-\u200f\u202a-\u202e\u206a-\u206f\ufeff]")
# Source: is_ntfs_dotgit in git's path.c, applied after every backslash, as fsck does.
_NTFS_DOTGIT = pattern(r"(?:\A|\\)(?:\.git|git~1)[ .]*(?:\Z|[\\:])", re.IGNORECASE)


def is_git_reserved(name: str) -> bool:
    """Return whether `git fsck --strict` would refuse a tree with this name, because some system takes it for `.git`."""
    if name.isascii() and "git" not in name.lower():
        # A shortcut: all forms below contain these letters, or characters that are not ASCII.
        return False
    return _HFS_IGNORES.sub("", name).casefold() == ".git" or _NTFS_DOTGIT.search(name) is not None


def is_too_long(name: str) -> bool:
    """Return whether the name is too long for a file; git trees and archives can hold such names."""
    # UTF-8 takes at most four bytes for a character: only a longer name must be encoded to know.
    return 4 * len(name) > LONGEST and len(os.fsencode(name)) > LONGEST


def why_reserved(name: str) -> str | None:
    """Return why `name` is reserved, by git or by configvault; None if it is not."""
    if name.startswith(RESERVED_PREFIX):
        return f"names that begin with {RESERVED_PREFIX} are reserved"
    return "git reserves this name" if is_git_reserved(name) else None


def is_forbidden(name: str) -> bool:
    """Return whether `name` could lead out of its folder, or is reserved by git or configvault."""
    return name in {"", ".", ".."} or "/" in name or "\0" in name or why_reserved(name) is not None
