"""Make git bundles of new objects, and unpack bundles into a separate repository. Source: gitformat-bundle(5).

Unpacked objects are indexed with `--strict`, then `finish` checks the whole repository, before anything is fetched from
it into the vault.
"""

from __future__ import annotations

import errno
import os
import re
import subprocess
import tempfile
from collections.abc import Collection, Mapping, Sequence
from typing import BinaryIO, Protocol

from configvault.core.errors import ConfigvaultError, IntegrityError
from configvault.core.gitformat import OF_USERS
from configvault.replica import program

# The largest header of a bundle that is read, in bytes; it has a line for each ref.
_HEADER_MOST = 64 << 20


class Git(Protocol):
    """Runs git on one repository, with configvault's own settings."""

    env: dict[str, str]

    def argv(self, *args: str) -> list[str]:
        """Return the whole command line of `git ARGS`."""
        ...

    def run(
        self, args: Sequence[str], *, stdin: bytes = b"", ok: Collection[int] = (0,), cwd: str = "/"
    ) -> bytes:
        """Return what `git ARGS` prints; raises ConfigvaultError."""
        ...


def refs(git: Git) -> dict[str, str]:
    """Return the ids of the refs that go to replicas, by full name: main, tags, and `refs/configvault`."""
    said = git.run(
        [
            "for-each-ref",
            "--format=%(objectname) %(refname)",
            "refs/heads/main",
            "refs/tags",
            "refs/configvault",
        ]
    )
    pairs = (line.split(" ", 1) for line in said.decode("utf-8", "surrogateescape").splitlines())
    return {name: id_ for id_, name in pairs}


def has(git: Git, ids: Collection[str]) -> set[str]:
    """Return those of `ids` whose objects are in the repository."""
    said = git.run(
        ["cat-file", "--batch-check=%(objectname) %(objecttype)"],
        stdin="".join(f"{id_}\n" for id_ in ids).encode(),
    )
    return {line.split()[0] for line in said.decode().splitlines() if not line.endswith("missing")}


def shallow(git: Git) -> tuple[str, ...]:
    """Return the sorted commits whose parents are cut off, as the file `shallow` lists them."""
    try:
        with open(os.path.join(git.env["GIT_DIR"], "shallow"), encoding="ascii") as file:
            return tuple(sorted(file.read().split()))
    except FileNotFoundError:
        return ()


def make(git: Git, path: str, after: Mapping[str, str], before: Mapping[str, str]) -> bool:
    """Write a bundle with all objects that `after` needs and `before` lacks.

    Args:
        git: on the vault.
        path: the bundle, a new file.
        after: the refs to bundle, by name.
        before: the refs that the receiver has; empty for a full bundle.

    Returns:
        Whether there was anything to bundle; if not, no file was written.

    Raises:
        OSError: the disk is full.
        ConfigvaultError: git failed.
    """
    known = set(before.values())
    # Leave out commits that this vault has dropped since: git cannot exclude objects that it does not have.
    known = (known & set(after.values())) | has(git, known - set(after.values()))
    wanted = [ref for ref, id_ in after.items() if id_ not in known]
    if not wanted:
        return False
    lines = [*wanted, *(f"^{id_}" for id_ in sorted(known))]
    with tempfile.TemporaryFile() as file:
        file.write("".join(f"{line}\n" for line in lines).encode("utf-8", "surrogateescape"))
        file.seek(0)
        done = _run(git, git.env, ["bundle", "create", "--quiet", path, "--stdin"], file)
    if re.search(rb"No space left|Out of diskspace", done.stderr):
        # git's last line is about a later failure, so look for this one in all of its output.
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), os.path.dirname(path))
    if done.returncode:
        raise ConfigvaultError(f"git bundle failed: {_last(done)}", "configvault verify")
    return True


def init(git: Git, folder: str, cut: Sequence[str]) -> dict[str, str]:
    """Make an empty bare repository at `folder`; return the environment for git in it.

    `cut` are the commits whose parents may be missing: they go into its file `shallow`.
    """
    git.run(["init", "--quiet", "--bare", "--template=", "--initial-branch=main", folder])
    if cut:
        with open(os.path.join(folder, "shallow"), "x", encoding="ascii") as file:
            file.write("".join(f"{one}\n" for one in cut))
    return {**git.env, "GIT_DIR": folder}


def unpack(git: Git, env: Mapping[str, str], path: str) -> None:
    """Add the objects of the bundle at `path` to the repository of `env`, and check each of them.

    Raises:
        IntegrityError: it is not a bundle, or its content is damaged.
    """
    with open(path, "rb") as file:
        _skip_header(file)
        strict = "--strict=" + ",".join(f"{id_}=ignore" for id_ in OF_USERS)
        done = _run(git, env, ["index-pack", strict, "--fix-thin", "--stdin"], file)
    if done.returncode:
        raise IntegrityError(f"what it holds is damaged: {_last(done)}")


def finish(git: Git, env: Mapping[str, str], wanted: Mapping[str, str]) -> None:
    """Set the refs `wanted` in the repository of `env`, and check with `git fsck` that everything they need is there.

    Raises:
        IntegrityError: something is missing or damaged.
    """
    lines = "".join(f"create {ref} {id_}\n" for ref, id_ in wanted.items())
    with tempfile.TemporaryFile() as file:
        file.write(lines.encode("utf-8", "surrogateescape"))
        file.seek(0)
        done = _run(git, env, ["update-ref", "--stdin"], file)
    if not done.returncode:
        done = _run(
            git,
            env,
            [*program.of_users("fsck"), "fsck", "--strict", "--full", "--no-dangling", "--no-progress"],
        )
    if done.returncode:
        raise IntegrityError(f"what it holds is damaged: {_last(done)}")


def hand_over(git: Git, folder: str, *, force: bool) -> None:
    """Fetch all refs from the repository at `folder` into the one of `git`, all or none.

    Without `force` a ref that exists may only move forward.
    """
    plus = "+" if force else ""
    specs = [f"{plus}{one}:{one}" for one in ("refs/heads/main", "refs/tags/*", "refs/configvault/*")]
    git.run([*program.fetch_args(), folder, *specs])


def _skip_header(file: BinaryIO) -> None:
    """Move `file` to the beginning of the pack; raises IntegrityError if it has no bundle header."""
    if not re.fullmatch(rb"# v[23] git bundle\n", file.readline(64)):
        raise IntegrityError("it is no git bundle")
    while file.tell() < _HEADER_MOST:
        line = file.readline(8192)
        if line == b"\n":
            # git will read from the descriptor, whose position is further on: Python has read ahead.
            os.lseek(file.fileno(), file.tell(), os.SEEK_SET)
            return
        if not line.endswith(b"\n"):
            break
    raise IntegrityError("it is no git bundle")


def _run(
    git: Git, env: Mapping[str, str], args: Sequence[str], stdin: BinaryIO | None = None
) -> subprocess.CompletedProcess[bytes]:
    try:
        return subprocess.run(
            git.argv(*args), env=dict(env), stdin=stdin or subprocess.DEVNULL, capture_output=True, check=False, cwd="/"
        )  # fmt: skip
    except FileNotFoundError:
        raise ConfigvaultError("git is not installed or not on PATH", "apt-get install git") from None


def _last(done: subprocess.CompletedProcess[bytes]) -> str:
    lines = (done.stderr + done.stdout).decode("utf-8", "replace").strip().splitlines() or ["no message"]
    return "".join(char if char.isprintable() else " " for char in lines[-1])[:200]
