"""Replace `${VAR}`, `${VAR:-default}` and `${file:/path}` inside a scalar; `$${` stays `${`.

It works on scalars that YAML has already delimited, so no value can add keys or lines.
"""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Mapping
from typing import NamedTuple

from configvault.core.secrets import names

LARGEST_FILE_BYTES = 64 * 1024

# Compiled when first used: most files have no reference, and every command reads one.
_REFERENCE = r"\$\$\{|\$\{([^}]*)(\}?)"
_VARIABLE = r"(?s)([A-Za-z_][A-Za-z0-9_]*)(?::-(.*))?"


class ReferredText(str):
    """A value out of a `${…}` reference: no fault prints it."""

    __slots__ = ()


class HiddenText(ReferredText):
    """A value out of a secret file or variable: `config show` masks it, too."""

    __slots__ = ()

    def __repr__(self) -> str:
        """Return a mask, so that no printed settings tell it."""
        return "'***'"


class Expanded(NamedTuple):
    """The text a scalar stands for, and the references in it (without defaults) as they may be printed."""

    text: str
    references: tuple[str, ...] = ()


def expand(text: str, environ: Mapping[str, str]) -> Expanded:
    """Return `text` with its references replaced.

    Raises:
        ValueError: a reference cannot be resolved; the message says why, without any value.
    """
    if "${" not in text:
        return Expanded(text)
    references: list[str] = []
    hidden = False

    def replace(match: re.Match[str]) -> str:
        nonlocal hidden
        if match[0] == "$${":
            return "${"
        if not match[2]:
            raise ValueError("`${` has no closing `}`, write `$${` for the two characters themselves")
        value, shown, secret = _resolve(match[1], environ)
        references.append(shown)
        hidden |= secret
        return value

    result = re.sub(_REFERENCE, replace, text)
    return Expanded(HiddenText(result) if hidden else ReferredText(result), tuple(references))


def _resolve(reference: str, environ: Mapping[str, str]) -> tuple[str, str, bool]:
    """Return the value, the reference as it may be printed, and whether the value is a secret."""
    if reference.startswith("file:"):
        path = reference.removeprefix("file:")
        return _content(path), f"${{{reference}}}", True
    match = re.fullmatch(_VARIABLE, reference)
    if match is None:
        raise ValueError(
            "a reference is not one of ${VAR}, ${VAR:-default}, ${file:/path}; write `$${` for `${`"
        )
    name, default = match[1], match[2]
    value = environ.get(name)
    if value is None and default is None:
        raise ValueError(f"the environment variable {name} is not set, set it or write ${{{name}:-default}}")
    chosen = value if value or default is None else default
    return chosen or "", f"${{{name}}}", names.may_be_secret(name)


def _content(path: str) -> str:
    """Return the text of a file without its last line end; it must be regular, so that no pipe can hold us."""
    if not path.startswith("/"):
        raise ValueError(f"the file {path!r} is not an absolute path")
    try:
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
        with os.fdopen(fd, "rb") as file:
            if not stat.S_ISREG(os.fstat(fd).st_mode):
                raise ValueError(f"the file {path!r} is not a regular file")
            body = file.read(LARGEST_FILE_BYTES + 1)
    except OSError as error:
        raise ValueError(f"the file {path!r} cannot be read: {error.strerror}") from error
    if len(body) > LARGEST_FILE_BYTES:
        raise ValueError(f"the file {path!r} is larger than 64 KiB")
    try:
        return body.decode().removesuffix("\n").removesuffix("\r")
    except UnicodeDecodeError:
        raise ValueError(f"the file {path!r} is not UTF-8 text") from None
