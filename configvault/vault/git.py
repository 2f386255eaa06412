"""Run git on one repository with this program's settings and nobody else's."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Collection, Mapping, Sequence

from configvault.core.errors import ConfigvaultError

OLDEST = (2, 30)
SETTINGS = (
    "core.hooksPath=/dev/null",
    "core.attributesFile=/dev/null",
    "core.excludesFile=/dev/null",
    "core.fsync=all",
    "core.fsmonitor=false",
    "core.quotePath=false",
    "core.autocrlf=false",
    "commit.gpgsign=false",
    "gc.auto=0",
    "maintenance.auto=false",
    "protocol.ext.allow=never",
    "safe.directory=*",
)

# Whom an https server's certificate may come from; they name files of the operator's, not repositories.
KEPT = frozenset({"GIT_SSL_CAINFO", "GIT_SSL_CAPATH"})


def environment(git_dir: str | None, inherited: Mapping[str, str]) -> dict[str, str]:
    """Return `inherited` without git's own variables, pointing git at `git_dir` alone.

    Source: git(1), ENVIRONMENT VARIABLES. A program that runs git inherits GIT_DIR, GIT_INDEX_FILE and the
    rest from a hook or a shell; each of them would send its objects elsewhere.
    """
    kept = {key: value for key, value in inherited.items() if not key.startswith("GIT_") or key in KEPT}
    kept |= {
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_CONFIG_GLOBAL": "/dev/null",
        "GIT_ATTR_NOSYSTEM": "1",
        "GIT_OPTIONAL_LOCKS": "0",
        "GIT_TERMINAL_PROMPT": "0",
        "GIT_NO_REPLACE_OBJECTS": "1",
        "LC_ALL": "C.UTF-8",
    }
    if git_dir is not None:
        kept["GIT_DIR"] = git_dir
    return kept


class Git:
    """git, always with the same directory, settings and environment."""

    def __init__(self, git_dir: str | None, inherited: Mapping[str, str]) -> None:
        """Point at the repository `git_dir`, or at none (for `git diff --no-index`)."""
        self.env = environment(git_dir, inherited)

    def argv(self, *args: str) -> list[str]:
        """Return the whole command line of `git ARGS`."""
        return ["git", *(part for setting in SETTINGS for part in ("-c", setting)), "--no-pager", *args]

    def spawn(self, *args: str) -> subprocess.Popen[bytes]:
        """Start git with pipes for its input and output."""
        try:
            return subprocess.Popen(
                self.argv(*args),
                env=self.env,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                cwd="/",
            )
        except (FileNotFoundError, PermissionError):
            raise _missing() from None

    def run(
        self, args: Sequence[str], *, stdin: bytes = b"", ok: Collection[int] = (0,), cwd: str = "/"
    ) -> bytes:
        """Return what `git ARGS` prints.

        Raises:
            ConfigvaultError: git is missing, or exits with a status that is not in `ok`.
        """
        return self.result(args, stdin=stdin, ok=ok, cwd=cwd).stdout

    def result(
        self, args: Sequence[str], *, stdin: bytes = b"", ok: Collection[int] = (0,), cwd: str = "/"
    ) -> subprocess.CompletedProcess[bytes]:
        """Run `git ARGS` and return its status with what it printed; raises like `run`."""
        try:
            done = subprocess.run(
                self.argv(*args), env=self.env, input=stdin, capture_output=True, check=False, cwd=cwd
            )
        except (FileNotFoundError, PermissionError):
            raise _missing() from None
        if done.returncode not in ok:
            last = done.stderr.decode(errors="replace").strip().splitlines()[-1:] or ["no message"]
            raise ConfigvaultError(
                f"git {args[0]} failed with status {done.returncode}: {last[0]}",
                "configvault verify",
            )
        return done

    def require_version(self) -> None:
        """Refuse a git that is older than this program was tested with."""
        said = self.run(["version"]).decode(errors="replace").strip()
        found = re.match(r"git version (([0-9]+)\.([0-9]+)\S*)", said)
        if found is None:
            raise ConfigvaultError(
                f"the program git on PATH prints {said[:60]!r} instead of a version", "apt-get install git"
            )
        if (int(found[2]), int(found[3])) < OLDEST:
            raise ConfigvaultError(
                f"git {found[1]} is too old, {OLDEST[0]}.{OLDEST[1]} or later is needed", "install a newer git"
            )


def _missing() -> ConfigvaultError:
    return ConfigvaultError("git is not installed or not on PATH", "apt-get install git")
