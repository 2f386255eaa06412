"""A git repository that states are deployed from: what its ref names, fetched into a repository of its own, bounded."""

from __future__ import annotations

import os
import re
import shlex
import threading
import time

from configvault.core.errors import ConfigvaultError, OfferError, UntrustedError
from configvault.core.pattern import pattern
from configvault.core.replicas import Why
from configvault.replica import program, reasons
from configvault.replica.address import Address
from configvault.replica.program import Git

# Nothing else: `ext::` runs programs, plain http and git can be answered by anybody on the way.
PROTOCOLS = "https:ssh:file"
# Of a replica it is said how to make it.
_HINTS = {
    Why.MISSING: "check the URL, and that this login may read it",
    Why.LOGIN: "set source.key (ssh), or source.user and source.token (https)",
    Why.HOST_KEY: "ssh-keyscan it, compare the key, put it into the file of source.known_hosts",
}
_COMMIT = pattern(r"[0-9a-f]{40}")
_REF = "refs/configvault/candidate"
# Source: git's fsck.c, as index-pack and unpack-objects print it.
_BAD_OBJECT = pattern(r"^error: object [0-9a-f]{40}: (\w+: .*)$", re.MULTILINE)
_MEASURE_S = 0.25
# A branch and a tag of one name, and what the tag points at, are three lines.
_MOST_ANSWER = 1 << 20
# What git may map while it takes in what somebody sent: an object that unpacks to more ends git, not the host.
# Source: git-config(1), pack.threads and core.packedGit*: without them it maps as much as there is.
_MOST_MEMORY_KIB = 4 << 20
_BOUNDED = ("sh", "-c", f'ulimit -v {_MOST_MEMORY_KIB} && exec "$@"', "sh")
_MAPPING = ("pack.threads=1", "core.packedGitWindowSize=32m", "core.packedGitLimit=256m")


class Offered:
    """A repository at `address`, whose history is not this vault's. `trusted`: whose signatures count, empty: anybody's."""

    def __init__(self, address: Address, trusted: str = "", stop: threading.Event | None = None) -> None:
        """Talk to nobody yet."""
        self._address = address
        self._trusted = trusted
        self._stop = stop

    @property
    def name(self) -> str:
        """Return its URL without secrets."""
        return self._address.shown

    def tip(self, git: Git, ref: str) -> str:
        """Return the commit that `ref` names there now; cheap, nothing is fetched.

        Raises:
            ConfigvaultError: it cannot be asked, or there is no such ref.
        """
        if _COMMIT.fullmatch(ref):
            return ref
        args = ["ls-remote", "--quiet", "--", self._address.url, ref, f"{ref}^{{}}"]
        ran = self._run(git, args, self._stop, _MOST_ANSWER)
        if ran.is_over:
            raise ConfigvaultError(
                f"{self.name} answers with more than {_MOST_ANSWER} bytes for {ref!r}", "see what it is"
            )
        if ran.code != 0:
            raise self._failure(ran)
        found = {name: id_ for id_, _, name in (line.partition("\t") for line in ran.out.splitlines())}
        names = (ref, f"refs/tags/{ref}^{{}}", f"refs/tags/{ref}", f"refs/heads/{ref}")
        commit = next((found[name] for name in names if name in found), None)
        if commit is None:
            raise ConfigvaultError(f"{self.name} has no {ref!r}", f"git ls-remote {shlex.quote(self.name)}")
        return commit

    def fetch(self, git: Git, ref: str, folder: str, most_bytes: int, *, history: bool = False) -> str:
        """Fetch what `ref` names, without `history` alone, into the empty repository `folder`; return its commit.

        Args:
            git: works on that repository.
            ref: a branch, a tag or a commit.
            folder: where it is measured.
            most_bytes: past this the fetch is ended.
            history: fetch the commits before it, too.

        Raises:
            OfferError: it is too large.
            UntrustedError: nobody trusted has signed it.
            ConfigvaultError: it could not be fetched.
        """
        args = [part for setting in ("fetch.fsckObjects=true", *_MAPPING) for part in ("-c", setting)]
        args += ["fetch", "--no-tags", "--no-write-fetch-head", *([] if history else ["--depth=1"])]
        args += [
            "--no-auto-gc",
            "--no-recurse-submodules",
            "--quiet",
            "--",
            self._address.url,
            f"+{ref}:{_REF}",
        ]
        size = _Size(folder, most_bytes, self._stop)
        ran = self._run(git, args, size)
        if size.is_over:
            raise OfferError(
                f"{self.name} sends more than {most_bytes} bytes for {ref!r}: it was not fetched",
                "is it the right repository? a smaller one takes only the plugin directory",
            )
        if ran.code != 0 and (bad := _BAD_OBJECT.search(ran.err)):
            # It was sent, and git refuses it: to ask again would bring the same.
            said = reasons.printable(bad[1], self._address)
            raise OfferError(
                f"{self.name} sends invalid objects for {ref!r}: {said}", "run git fsck in that repository"
            )
        if ran.code != 0:
            raise self._failure(ran)
        commit = self._asked(git, ["rev-parse", "--verify", f"{_REF}^{{commit}}"]).strip()
        if self._trusted:
            self._check_signature(git, commit, folder)
        return commit

    def follows(self, git: Git, commit: str, before: str) -> bool:
        """Return whether `before` is an ancestor of `commit`; what is not there is none."""
        return self._run(git, ["merge-base", "--is-ancestor", before, commit], self._stop).code == 0

    def _check_signature(self, git: Git, commit: str, folder: str) -> None:
        path = os.path.join(folder, "candidate-signers")
        with open(path, "w", encoding="utf-8") as file:
            file.write(self._trusted)
        settings = ["-c", "gpg.format=ssh", "-c", f"gpg.ssh.allowedSignersFile={path}"]
        said = self._asked(git, [*settings, "log", "-1", "--format=%G?", commit]).strip()
        if said != "G":
            why = "is not signed" if said == "N" else "has no signature of a key in source.trusted"
            raise UntrustedError(f"commit {commit[:12]} of {self.name} {why}", "sign it: git commit -S")

    def _asked(self, git: Git, args: list[str]) -> str:
        ran = self._run(git, args, self._stop)
        if ran.code != 0:
            raise self._failure(ran)
        return ran.out

    def _run(
        self, git: Git, args: list[str], stop: threading.Event | _Size | None, most: int = program.MOST_BYTES
    ) -> program.Ran:
        git.env["GIT_ALLOW_PROTOCOL"] = PROTOCOLS
        return program.run(
            git,
            self._address,
            args,
            timeout_s=self._address.timeout_s,
            stop=stop,
            before=_BOUNDED,
            most_bytes=most,
        )

    def _failure(self, ran: program.Ran) -> ConfigvaultError:
        if ran.code is None:
            return ConfigvaultError(
                f"{self.name} did not answer within {self._address.timeout_s:g}s", "check whether it hangs"
            )
        trouble = reasons.reason(f"{ran.err}\n{ran.out}", self._address)
        hint = trouble.hint or f"git ls-remote {shlex.quote(self.name)}"
        hint = _HINTS.get(trouble.why, hint)
        return ConfigvaultError(f"cannot fetch from {self.name}: {trouble.words}", hint)


class _Size:
    """Says that a fetch is to be stopped: asked to, or since the folder has grown past the bound."""

    def __init__(self, folder: str, most: int, stop: threading.Event | None) -> None:
        self._folder = folder
        self._most = most
        self._stop = stop
        self._next_s = 0.0
        self.is_over = False

    def is_set(self) -> bool:
        """Return whether to stop."""
        if time.monotonic() >= self._next_s:
            self._next_s = time.monotonic() + _MEASURE_S
            self.is_over = self.is_over or self._measured() > self._most
        return self.is_over or (self._stop is not None and self._stop.is_set())

    def _measured(self) -> int:
        total = 0
        for folder, _, names in os.walk(self._folder):
            for name in names:
                try:
                    total += os.lstat(os.path.join(folder, name)).st_size
                except FileNotFoundError:
                    continue
        return total
