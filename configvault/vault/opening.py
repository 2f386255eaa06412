"""Open the vault at a path, make one, or finish one that a crash left half made. Nothing else is ever adopted."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Mapping

from configvault.core.errors import ConfigvaultError, NoVaultError
from configvault.disk import durable, lock
from configvault.vault import statefiles
from configvault.vault.repository import Vault

FORMAT = "configvault 1\n"
CREATING = "configvault creating\n"


def exists(path: str) -> bool:
    """Return whether there is a whole vault at `path`."""
    return _format(path) == FORMAT


def _format(path: str) -> str | None:
    try:
        with open(os.path.join(path, "configvault", "format"), encoding="ascii", errors="replace") as file:
            return file.read()
    except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
        return None
    except PermissionError as error:
        raise ConfigvaultError(
            f"no permission to read the vault {path}", "run it as the vault's owner, e.g. with sudo"
        ) from error


def open_vault(path: str, environ: Mapping[str, str]) -> Vault:
    """Return the vault at `path`.

    Raises:
        NoVaultError: nothing is there, or something that this program did not make.
    """
    found = _format(path)
    if found == FORMAT:
        return Vault(path, environ)
    if found is not None and found.startswith("configvault ") and found != CREATING:
        raise NoVaultError(f"the vault {path} has a newer format: {found.strip()}", "upgrade configvault")
    if os.path.isdir(path) and os.listdir(path) and found is None:
        raise NoVaultError(f"{path} is not a configvault vault", "set `vault` to an empty or missing directory")
    raise NoVaultError(f"there is no vault at {path}", "configvault init")


def require_adoptable(path: str) -> None:
    """Refuse a directory that holds anything else than a vault, whole or half made; it is never adopted.

    Raises:
        NoVaultError: it names the directory.
    """
    if os.path.lexists(path) and not os.path.isdir(path):
        raise NoVaultError(f"{path} is not a directory", "set `vault` to an empty or missing directory")
    if os.path.isdir(path) and _format(path) is None and not _is_empty(path):
        raise NoVaultError(
            f"{path} is not empty and not a configvault vault",
            "set `vault` to an empty or missing directory",
        )


def create_vault(path: str, environ: Mapping[str, str]) -> Vault:
    """Make the vault at `path`, a missing or empty directory, or finish one that a crash left half made.

    Raises:
        NoVaultError: the directory holds something else; it is never adopted.
    """
    marker = os.path.join(path, "configvault", "format")
    try:
        os.makedirs(path, 0o700, exist_ok=True)
        require_adoptable(path)
        os.chmod(path, 0o700)
        os.makedirs(os.path.dirname(marker), 0o700, exist_ok=True)
        if _format(path) is None:
            durable.write(marker, CREATING.encode())
    except OSError as error:
        hint = (
            "run it as the vault's owner, e.g. with sudo"
            if isinstance(error, PermissionError)
            else "set `vault` to an empty or missing directory, on a file system that can be written"
        )
        raise ConfigvaultError(f"cannot create the vault {path}: {error.strerror}", hint) from error
    vault = Vault(path, environ)
    vault.git.require_version()
    with lock.hold(statefiles.path(vault.state, statefiles.LOCK), "configvault init", 30.0):
        if _format(path) != FORMAT:
            _fill(vault, marker)
    return vault


def _fill(vault: Vault, marker: str) -> None:
    """Make the repository; the marker says that it is whole when everything else is on disk."""
    from configvault.vault import maintenance, repair

    list(repair.unlock(vault.refs))
    for name in ("HEAD", "config"):
        # Git does not sync these: after a power cut they may be there and empty, and it would refuse them.
        with contextlib.suppress(FileNotFoundError):
            os.unlink(os.path.join(vault.path, name))
    maintenance.init(vault)
    statefiles.REDACTION_KEY.write(vault.state, os.urandom(32))
    # From now on an empty vault and one that has lost its refs differ.
    statefiles.TIP.write(vault.state, statefiles.Tip())
    durable.sync_file_system(vault.path)
    durable.write(marker, FORMAT.encode())
    durable.sync_folder(os.path.dirname(vault.path))


def _is_empty(path: str) -> bool:
    """Return whether nothing is at `path`, or only what a crash leaves before the first byte of `format`."""
    if set(os.listdir(path)) - {"configvault"}:
        return False
    state = os.path.join(path, "configvault")
    return not os.path.isdir(state) or all(
        name == "lock" or name.startswith("format.") for name in os.listdir(state)
    )
