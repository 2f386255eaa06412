"""Encrypt to age recipients and decrypt with an identity. Only this module uses pyrage.

The format is age's own: `age -d -i IDENTITY` decrypts what is written here. To push, a host needs public keys only.
"""

from __future__ import annotations

import re
import shlex
import sys
from collections.abc import Sequence
from typing import Any

from configvault.core.errors import ConfigvaultError


def _pyrage() -> Any:
    try:
        import pyrage
    except ImportError:
        raise ConfigvaultError(
            "encrypt_to and --identity need the library pyrage, which is not installed",
            f"{shlex.quote(sys.executable)} -m pip install 'configvault[store]'",
        ) from None
    return pyrage


def encrypt_file(source: str, target: str, recipients: Sequence[str]) -> None:
    """Encrypt the file `source` to the new file `target`; raises ConfigvaultError if a recipient is not valid."""
    pyrage = _pyrage()
    with open(source, "rb") as plain, open(target, "xb") as sealed:
        pyrage.encrypt_io(plain, sealed, _recipients(pyrage, recipients))


def seal(text: bytes, recipients: Sequence[str]) -> str:
    """Return `text` encrypted, in age's ASCII armor."""
    pyrage = _pyrage()
    return bytes(pyrage.encrypt(text, _recipients(pyrage, recipients), armored=True)).decode("ascii")


def _recipients(pyrage: Any, texts: Sequence[str]) -> list[Any]:
    found = []
    for text in texts:
        kind = pyrage.ssh if text.startswith("ssh-") else pyrage.x25519
        try:
            found.append(kind.Recipient.from_str(text))
        except pyrage.RecipientError:
            raise ConfigvaultError(
                f"encrypt_to: {text[:80]} is not an age recipient", "age-keygen -y FILE prints one: age1…"
            ) from None
    return found


class Identity:
    """The secret keys from a file: what age-keygen writes, or an ssh private key without a passphrase."""

    def __init__(self, path: str) -> None:
        """Read the file at `path`.

        Raises:
            ConfigvaultError: it cannot be read, or is not an identity.
        """
        pyrage = _pyrage()
        try:
            with open(path, "rb") as file:
                data = file.read(1 << 20)
        except OSError as error:
            raise ConfigvaultError(
                f"the identity {path} cannot be read: {error.strerror}", f"ls -l {path}"
            ) from None
        lines = re.findall(rb"^AGE-SECRET-KEY-1[0-9A-Z]+", data, re.MULTILINE)
        try:
            self._keys = [pyrage.x25519.Identity.from_str(line.decode()) for line in lines]
            if not lines:
                self._keys = [pyrage.ssh.Identity.from_buffer(data)]
        except pyrage.IdentityError:
            raise ConfigvaultError(
                f"{path} is not an age identity", "name the file that age-keygen wrote, or an ssh private key"
            ) from None
        self._pyrage = pyrage
        self._path = path

    def open(self, text: str) -> bytes:
        """Decrypt what `seal` returned; raises ConfigvaultError if it is for another recipient, or damaged."""
        try:
            return bytes(self._pyrage.decrypt(text.encode(), self._keys))
        except self._pyrage.DecryptError:
            raise self._failure() from None

    def open_file(self, source: str, target: str) -> None:
        """Decrypt what `encrypt_file` wrote to the new file `target`; raises as `open`."""
        try:
            with open(source, "rb") as sealed, open(target, "xb") as plain:
                self._pyrage.decrypt_io(sealed, plain, self._keys)
        except self._pyrage.DecryptError:
            raise self._failure() from None

    def _failure(self) -> ConfigvaultError:
        return ConfigvaultError(
            f"{self._path} does not decrypt it: it was encrypted to other recipients, or is damaged",
            "name another identity with --identity",
        )
