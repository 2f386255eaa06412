"""What git itself does to the vault, seldom and under the lock: create it, check it, pack it."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from typing import TYPE_CHECKING

from configvault.core.errors import IntegrityError
from configvault.core.gitformat import OF_USERS
from configvault.disk import durable

if TYPE_CHECKING:
    from configvault.vault.repository import Vault

_USERS = re.compile(rf"(?:error|warning) in (?:tree|blob) [0-9a-f]+: (?:{'|'.join(OF_USERS)}): ")
# Long enough that no writer can still be about to lead a ref to it.
_UNREACHABLE = "2.weeks.ago"


def init(vault: Vault) -> None:
    """Make the directory of `vault` a bare repository with a branch `main`, owing nothing to templates."""
    vault.git.run(["init", "--bare", "--quiet", "--template=", "--initial-branch=main", vault.path])
    for key, value in (
        ("core.logAllRefUpdates", "false"),
        ("gc.auto", "0"),
        ("core.fsync", "all"),
        # So that `git log --stat` shows names that are not ASCII as they are.
        ("core.quotePath", "false"),
    ):
        vault.git.run(["config", key, value])
    for name in ("objects", "objects/pack", "refs", "refs/heads", "refs/tags"):
        os.makedirs(os.path.join(vault.path, name), 0o700, exist_ok=True)
    vault.git.run(["symbolic-ref", "HEAD", "refs/heads/main"])


def check(vault: Vault) -> None:
    """Prove every object and ref with `git fsck --strict`. Costs a reading of the whole vault.

    Raises:
        IntegrityError: it names what is damaged.
    """
    args = ["fsck", "--strict", "--full", "--no-dangling", "--no-progress"]
    checked = vault.git.result(args, ok=range(-255, 256))
    said = (checked.stderr + checked.stdout).decode(errors="replace").splitlines()
    # What users name so is theirs, and no damage: git itself reads none of it here.
    damage = [line for line in said if not _USERS.match(line)]
    # Whatever else it finds has a line of its own; the status says no more than that there is any.
    if checked.returncode and (len(damage) == len(said) or _names_damage(damage)):
        said = damage or said
        what = next((line.strip() for line in said if "error" in line or "missing" in line), "unknown damage")
        raise IntegrityError(f"git fsck reports: {what}", "restore the vault from a replica or a copy")


def forget(vault: Vault) -> None:
    """Remove every ref, all of them or none: what was fetched into a new vault turned out to be nothing to keep.

    Costs one process, and a line for each ref.
    """
    lines = [f"delete {name}\n" for name in vault.refs.below("refs/")]
    vault.git.run(["update-ref", "--stdin"], stdin="".join(lines).encode())


def _names_damage(lines: Iterable[str]) -> bool:
    return any(not line.startswith(("notice: ", "warning: ")) for line in lines if line.strip())


def release(vault: Vault) -> None:
    """Let packs be packed again that a fetch keeps which was killed; the caller holds the lock.

    Source: git-index-pack(1), --keep; fetch-pack names itself in the file, once it has come that far.
    """
    folder = os.path.join(vault.path, "objects", "pack")
    for name in _names(folder):
        if name.endswith(".keep"):
            with open(os.path.join(folder, name), "rb") as file:
                said = file.read(11)
            if b"fetch-pack ".startswith(said):
                os.unlink(os.path.join(folder, name))


def counts(vault: Vault) -> tuple[int, int]:
    """Return about how many loose objects there are, and how many packs. Costs two folders: as git does, one of 256 is counted."""
    objects = os.path.join(vault.path, "objects")
    loose = _names(os.path.join(objects, "17"))
    packs = [name for name in _names(os.path.join(objects, "pack")) if name.endswith(".pack")]
    return len(loose) * 256, len(packs)


def pack_refs(vault: Vault) -> None:
    """Put all loose refs into `packed-refs`, which git has on disk before it removes the first of them.

    Costs one process that writes `packed-refs` anew, and a sync of the file system.
    """
    vault.git.run(["pack-refs", "--all"])
    durable.sync_file_system(vault.path)


def bytes_beside(vault: Vault, commits: Iterable[str], main: str | None) -> int:
    """Return how many bytes on disk are there for `commits` alone, and not for the history of the commit `main`.

    Costs one process that walks over both.
    """
    but = ["--not", main] if main is not None else []
    return int(vault.git.run(["rev-list", "--disk-usage", "--objects", *commits, *but]))


def free(vault: Vault) -> None:
    """Remove loose objects to which nothing leads any more; the caller holds the lock and has finished what was begun.

    Costs one process that walks over all of history.
    """
    vault.git.run(["prune", "--expire", "now"])


def _names(folder: str) -> list[str]:
    try:
        return os.listdir(folder)
    except FileNotFoundError:
        return []


def pack(vault: Vault, *, all_into_one: bool = False) -> None:
    """Put loose objects and refs into packs; what no ref leads to is dropped after two weeks.

    Costs five processes: what is loose is written once more, and a walk over all of history finds what no ref leads to.
    """
    how = ["-A", f"--unpack-unreachable={_UNREACHABLE}"] if all_into_one else []
    vault.git.run(["repack", *how, "-d", "-q", "-l"])
    vault.git.run(["prune-packed", "-q"])
    vault.git.run(["prune", "--expire", _UNREACHABLE])
    vault.git.run(["pack-refs", "--all"])
    # Vaults of before show names that are not ASCII as octal numbers until they are packed once.
    vault.git.run(["config", "core.quotePath", "false"])
    durable.sync_file_system(vault.path)
