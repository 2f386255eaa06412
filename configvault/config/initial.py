"""Write the first configuration file; one that exists is never touched."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from pathlib import Path

from configvault.core.errors import ConfigError, ConfigvaultError

_TEXT = """\
# configvault: one file protects one root. Every other key has a default: config.example.yaml lists them all.
# Check it with: configvault config validate

# The directory to protect.
root: {root}

# Where its history is kept: a bare git repository of mode 0700, outside the root.
vault: {vault}
"""
# What follows where nothing better is known.
_RELOAD = """
# How the service is told to load the root again after a rollback: http, command or none.
#reload:
#  kind: http
#  url: http://localhost:8080/admin/reload-plugins
#  headers: {Authorization: "Bearer ${file:/run/credentials/configvault.service/reload-token}"}

# Checks that must pass afterwards before a snapshot counts as good.
#health:
#  - name: service answers
#    url: http://localhost:8080/health
"""


def text(root: str, vault: str, lines: Sequence[str] = ()) -> str:
    """Return the first configuration of `root` and `vault`, with `lines` or else comments that say what else there is."""
    places = _TEXT.format(root=_quoted(root), vault=_quoted(vault))
    return places + ("\n" + "\n".join(lines) + "\n" if lines else _RELOAD)


def publish(file: Path, body: str) -> bool:
    """Write `file` whole or not at all, mode 0600; return False where something stands there already.

    Raises:
        ConfigvaultError: it cannot be written.
    """
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        return _link_into_place(file, body.encode())
    except OSError as error:
        message = f"cannot write configuration {file}: {error.strerror}"
        raise ConfigvaultError(message, "choose another place with --config, or run as root") from error


def _quoted(path: str) -> str:
    """Return an absolute path as a YAML scalar that no character of it can leave."""
    try:
        path.encode()
    except UnicodeEncodeError as error:
        raise ConfigError(
            f"path {path!r} is not UTF-8", "refer to it through a symlink with a UTF-8 name"
        ) from error
    return json.dumps(path.replace("${", "$${"), ensure_ascii=False)


def _link_into_place(file: Path, body: bytes) -> bool:
    """Give the finished file its name by a link, which unlike a rename fails where something stands."""
    temporary = file.parent / f".{file.name}.{os.getpid()}.new"
    fd = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    try:
        with os.fdopen(fd, "wb") as out:
            out.write(body)
            out.flush()
            os.fsync(out.fileno())
        os.link(temporary, file)
    except FileExistsError:
        return False
    finally:
        temporary.unlink()
    _sync_folder(file.parent)
    return True


def _sync_folder(folder: Path) -> None:
    fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
