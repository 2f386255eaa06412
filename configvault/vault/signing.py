"""Sign commits with an ssh key, as `git -S` would with `gpg.format=ssh`, so that plain git verifies them.

A key that cannot be used never keeps a change from being recorded, nor a rollback from being carried out: the commit
is unsigned then, and `status`, `doctor` and `verify` say so. Who can write to the vault can still throw history away;
what they cannot do is make up one that verifies.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping, Sequence

from configvault.core.errors import ConfigvaultError

NAMESPACE = "git"
PRINCIPAL = "configvault@localhost"
_LONGEST_S = 10.0


class Signer:
    """Signs with the private key at `key`, or with the agent's one where `key` is a public key."""

    def __init__(self, key: str, environ: Mapping[str, str]) -> None:
        """Touch nothing yet."""
        self._key = key
        self._environ = environ

    def sign(self, text: bytes) -> bytes:
        """Return the armoured signature of `text`.

        Raises:
            ConfigvaultError: the key cannot be used.
        """
        return self._run(["-Y", "sign", "-q", "-n", NAMESPACE, "-f", self._key], text)

    def __call__(self, text: bytes) -> bytes | None:
        """Return the signature, None where the key cannot be used."""
        try:
            return self.sign(text)
        except ConfigvaultError:
            return None

    def public_key(self) -> str:
        """Return the public half in one line; raises as `sign`."""
        try:
            with open(f"{self._key}.pub", encoding="ascii") as file:
                return " ".join(file.read().split()[:2])
        except (OSError, ValueError):
            return " ".join(self._run(["-y", "-P", "", "-f", self._key], b"").decode().split()[:2])

    def _run(self, args: Sequence[str], stdin: bytes) -> bytes:
        # Nobody is there to be asked for a passphrase.
        environ = dict(self._environ) | {"SSH_ASKPASS_REQUIRE": "never", "LC_ALL": "C.UTF-8"}
        try:
            done = subprocess.run(
                ["ssh-keygen", *args],
                input=stdin,
                capture_output=True,
                check=False,
                timeout=_LONGEST_S,
                env=environ,
                cwd="/",
                start_new_session=True,
            )
        except FileNotFoundError:
            raise ConfigvaultError("ssh-keygen is not installed", "apt-get install openssh-client") from None
        except subprocess.TimeoutExpired:
            raise _unusable(self._key, f"ssh-keygen did not finish within {_LONGEST_S:g}s") from None
        if done.returncode != 0:
            said = done.stderr.decode("utf-8", "replace").strip().splitlines() or ["no message"]
            raise _unusable(self._key, said[-1])
        return done.stdout


def _unusable(key: str, why: str) -> ConfigvaultError:
    made = f"ssh-keygen -t ed25519 -N '' -f {key}"
    hint = (
        f"make it: {made}" if not os.path.exists(key) else f"make sure that {key} is a key without a passphrase"
    )
    return ConfigvaultError(f"cannot sign with {key}: {why}", hint)


def allowed_signers(keys: Sequence[str]) -> str:
    """Return public keys as the file that git verifies against. Source: ssh-keygen(1), ALLOWED SIGNERS."""
    return "".join(f'{PRINCIPAL} namespaces="{NAMESPACE}" {key}\n' for key in keys)


def fault(text: bytes, signature: str | None, allowed: str, environ: Mapping[str, str]) -> str | None:
    """Return what is wrong with a signature of `text` that is no commit's, None where it counts.

    `allowed` is a file of allowed signers. Raises ConfigvaultError where ssh-keygen is missing.
    """
    import tempfile

    if signature is None:
        return "is not signed"
    with tempfile.TemporaryDirectory(prefix="configvault-signature-") as folder:
        paths = [os.path.join(folder, name) for name in ("allowed", "signature")]
        for path, content in zip(paths, (allowed, signature), strict=True):
            with open(path, "w", encoding="utf-8") as file:
                file.write(content)
        argv = ["ssh-keygen", "-Y", "verify", "-f", paths[0], "-I", PRINCIPAL, "-n", NAMESPACE, "-s", paths[1]]
        try:
            done = subprocess.run(
                argv,
                input=text,
                capture_output=True,
                check=False,
                timeout=_LONGEST_S,
                env=dict(environ),
                cwd="/",
            )
        except FileNotFoundError:
            raise ConfigvaultError("ssh-keygen is not installed", "apt-get install openssh-client") from None
        except subprocess.TimeoutExpired:
            return "has a signature that was not checked in time"
    return None if done.returncode == 0 else "has no signature by a trusted key"
