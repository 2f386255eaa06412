"""Git bundles: make one of what is new, and take one apart into a repository that nobody uses yet.

Source: gitformat-bundle(5). What comes out of a bundle is indexed with `--strict`, and checked as a whole afterwards.
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

_HEADER_MOST = 64 << 20


class Git(Protocol):
    """git on one repository, with the program's own settings."""

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
    """Return the refs of the vault that go to replicas, by name."""
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
    """Return which of these objects are there."""
    said = git.run(
        ["cat-file", "--batch-check=%(objectname) %(objecttype)"],
        stdin="".join(f"{id_}\n" for id_ in ids).encode(),
    )
    return {line.split()[0] for line in said.decode().splitlines() if not line.endswith("missing")}


def shallow(git: Git) -> tuple[str, ...]:
    """Return the commits whose parents are cut off."""
    try:
        with open(os.path.join(git.env["GIT_DIR"], "shallow"), encoding="ascii") as file:
            return tuple(sorted(file.read().split()))
    except FileNotFoundError:
        return ()


def make(git: Git, path: str, after: Mapping[str, str], before: Mapping[str, str]) -> bool:
    """Write a bundle of what `after` needs and whoever has `before` lacks; return whether there is anything.

    Args:
        git: on the vault.
        path: where to; a new file.
        after: the refs to bundle.
        before: the refs that whoever gets it has; empty: a full bundle.
    """
    known = set(before.values())
    # What was dropped here since is no help to git: it cannot say what it does not have.
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
        # git's last line is of what died of it.
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), os.path.dirname(path))
    if done.returncode:
        raise ConfigvaultError(f"git bundle failed: {_last(done)}", "configvault verify")
    return True


def init(git: Git, folder: str, cut: Sequence[str]) -> dict[str, str]:
    """Make an empty repository at `folder` whose history may begin at the commits `cut`; return its environment."""
    git.run(["init", "--quiet", "--bare", "--template=", "--initial-branch=main", folder])
    if cut:
        with open(os.path.join(folder, "shallow"), "x", encoding="ascii") as file:
            file.write("".join(f"{one}\n" for one in cut))
    return {**git.env, "GIT_DIR": folder}


def unpack(git: Git, env: Mapping[str, str], path: str) -> None:
    """Put the objects of the bundle at `path` into the repository of `env`, each of them checked.

    Raises:
        IntegrityError: it is no bundle, or what it holds is damaged.
    """
    with open(path, "rb") as file:
        _skip_header(file)
        strict = "--strict=" + ",".join(f"{id_}=ignore" for id_ in OF_USERS)
        done = _run(git, env, ["index-pack", strict, "--fix-thin", "--stdin"], file)
    if done.returncode:
        raise IntegrityError(f"what it holds is damaged: {_last(done)}")


def finish(git: Git, env: Mapping[str, str], wanted: Mapping[str, str]) -> None:
    """Set the refs in the repository of `env`, and prove that everything they lead to is there and whole.

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
            git, env, [*_of_users("fsck"), "fsck", "--strict", "--full", "--no-dangling", "--no-progress"]
        )
    if done.returncode:
        raise IntegrityError(f"what it holds is damaged: {_last(done)}")


def hand_over(git: Git, folder: str, *, force: bool) -> None:
    """Fetch everything from the repository at `folder` into the one of `git`; what that has already may only grow."""
    plus = "+" if force else ""
    specs = [f"{plus}{one}:{one}" for one in ("refs/heads/main", "refs/tags/*", "refs/configvault/*")]
    args = [
        "-c",
        "fetch.fsckObjects=true",
        *_of_users("fetch.fsck"),
        "fetch",
        "--atomic",
        "--no-tags",
        "--no-write-fetch-head",
        "--update-shallow",
    ]
    git.run([*args, "--no-auto-gc", "--quiet", folder, *specs])


def _of_users(section: str) -> list[str]:
    """Return what lets git take files of the user's as they are."""
    return [part for id_ in OF_USERS for part in ("-c", f"{section}.{id_}=ignore")]


def _skip_header(file: BinaryIO) -> None:
    """Read to where the pack begins."""
    if not re.fullmatch(rb"# v[23] git bundle\n", file.readline(64)):
        raise IntegrityError("it is no git bundle")
    while file.tell() < _HEADER_MOST:
        line = file.readline(8192)
        if line == b"\n":
            # The child reads from the descriptor, not from what Python has read ahead.
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
