"""Ask git which commits are signed, and by whom it should be."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from configvault.disk import durable
from configvault.vault import statefiles
from configvault.vault.repository import Vault

# %G? of git-log(1). U: a good signature of a key whose worth gpg does not know; ssh has no such thing.
GOOD, NONE = "G", "N"


def states(vault: Vault, revisions: Sequence[str], allowed: str) -> Iterator[tuple[str, str]]:
    """Yield each commit that `revisions` lead to, newest first, and what git says of its signature.

    Args:
        vault: where to look.
        revisions: refs; all their ancestors are asked about, but for those of refs behind a `^`.
        allowed: whose signatures count, as a file of allowed signers.
    """
    path = statefiles.path(vault.state, statefiles.ALLOWED_SIGNERS)
    durable.write(path, allowed.encode())
    settings = ["-c", "gpg.format=ssh", "-c", f"gpg.ssh.allowedSignersFile={path}"]
    output = vault.git.run([*settings, "log", "--format=%H %G?", *revisions])
    for line in output.decode("ascii", "replace").splitlines():
        commit, _, state = line.partition(" ")
        yield commit, state


def is_signed(vault: Vault, commit: str) -> bool:
    """Return whether a commit has a signature at all, good or not."""
    head = vault.objects.read(commit).partition(b"\n\n")[0]
    return any(line.startswith(b"gpgsig ") for line in head.split(b"\n"))
