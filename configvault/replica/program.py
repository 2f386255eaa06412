"""Run git against a remote so that it ends: no question is asked, no prompt waited for, no child left behind."""

from __future__ import annotations

import os
import shlex
import signal
import time
from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING, NamedTuple, Protocol

from configvault.core.gitformat import OF_USERS
from configvault.replica.address import Address

if TYPE_CHECKING:
    from subprocess import Popen

_CHECK_S = 0.05
_GRACE_S = 2.0
MOST_BYTES = 64 << 20
_CONNECT_S = 20


class Git(Protocol):
    """git on one repository, with the program's own settings."""

    env: dict[str, str]

    def argv(self, *args: str) -> list[str]:
        """Return the whole command line of `git ARGS`."""
        ...


class Stop(Protocol):
    """Says when to stop (an event, or a measure)."""

    def is_set(self) -> bool:
        """Return whether to stop."""
        ...


class Ran(NamedTuple):
    """How git ended; `code` is None where it was stopped, its time was over, or (`is_over`) it said too much."""

    code: int | None
    out: str
    err: str
    is_over: bool = False


def of_users(section: str) -> list[str]:
    """Return git options that switch off checks of user files that git would give a meaning to, such as .gitmodules."""
    return [part for id_ in OF_USERS for part in ("-c", f"{section}.{id_}=ignore")]


def fetch_args() -> list[str]:
    """Return the arguments of a fetch that checks each object and takes all refs or none, without URL and refs."""
    return [
        "-c",
        "fetch.fsckObjects=true",
        *of_users("fetch.fsck"),
        "fetch",
        "--atomic",
        "--no-tags",
        "--no-write-fetch-head",
        # What is fetched from may have been made when the history was cut off already.
        "--update-shallow",
        "--no-auto-gc",
        "--quiet",
    ]


def run(
    git: Git,
    address: Address,
    args: Sequence[str],
    *,
    timeout_s: float,
    stop: Stop | None = None,
    before: Sequence[str] = (),
    most_bytes: int = MOST_BYTES,
) -> Ran:
    """Run `git ARGS` with the login of `address`, and end it with all it started when its time is over.

    Args:
        git: works on one repository.
        address: whose login it gets.
        args: what to run.
        timeout_s: how long it may take.
        stop: ends it early.
        before: a program that runs what follows it.
        most_bytes: it is ended where it prints more.
    """
    import subprocess
    import tempfile

    words = [*before, *git.argv(*_login(address), *args)]
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        process = subprocess.Popen(
            words,
            env=environment(git.env, address),
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=err,
            cwd="/",
            start_new_session=True,
        )
        try:
            is_over = partial(_is_over, (out.fileno(), err.fileno()), most_bytes)
            code = _wait(process, time.monotonic() + timeout_s, stop, is_over)
        finally:
            _end(process)
        texts = []
        for file in (out, err):
            file.seek(0)
            texts.append(file.read(most_bytes).decode("utf-8", "replace"))
        return Ran(code, texts[0], texts[1], is_over())


def environment(inherited: dict[str, str], address: Address) -> dict[str, str]:
    """Return what git is started with: nothing that could ask somebody, and the password where only git reads it."""
    env = {name: value for name, value in inherited.items() if name not in ("SSH_ASKPASS", "DISPLAY")}
    # Source: ssh_config(5). A host whose key is unknown is refused, never asked about.
    ssh = ["ssh", "-oBatchMode=yes", "-oStrictHostKeyChecking=yes", f"-oConnectTimeout={_CONNECT_S}"]
    ssh += ["-oServerAliveInterval=15", "-oServerAliveCountMax=3"]
    if address.ssh_key:
        ssh += ["-i", address.ssh_key, "-oIdentitiesOnly=yes"]
    if address.known_hosts:
        ssh += [f"-oUserKnownHostsFile={address.known_hosts}"]
    env |= {"GIT_SSH_COMMAND": shlex.join(ssh), "GIT_SSH_VARIANT": "ssh", "SSH_ASKPASS_REQUIRE": "never"}
    if address.password:
        env |= {"CONFIGVAULT_USER": address.user or "", "CONFIGVAULT_PASSWORD": address.password}
    return env


def _login(address: Address) -> list[str]:
    """Return settings for one run. A command line is everybody's to read, so the password is not on it."""
    settings = ["http.followRedirects=false", "credential.helper=", "core.askPass="]
    if address.password and address.web_origin:
        helper = r'!f() { printf "username=%s\npassword=%s\n" "$CONFIGVAULT_USER" "$CONFIGVAULT_PASSWORD"; }; f'
        settings.append(f"credential.{address.web_origin}.helper={helper}")
    return [part for setting in settings for part in ("-c", setting)]


def _is_over(fds: Sequence[int], most_bytes: int) -> bool:
    return any(os.fstat(fd).st_size > most_bytes for fd in fds)


def _wait(process: Popen[bytes], deadline: float, stop: Stop | None, is_over: Callable[[], bool]) -> int | None:
    import subprocess

    while True:
        try:
            return process.wait(_CHECK_S)
        except subprocess.TimeoutExpired:
            if time.monotonic() >= deadline or is_over() or (stop is not None and stop.is_set()):
                return None


def _end(process: Popen[bytes]) -> None:
    """End git and its children; gently first, so that a receiver on this machine removes its half-received pack."""
    import subprocess

    for number, grace_s in ((signal.SIGTERM, _GRACE_S), (signal.SIGKILL, None)):
        try:
            if process.poll() is None:
                os.killpg(process.pid, number)
                process.wait(grace_s)
        except (subprocess.TimeoutExpired, ProcessLookupError):
            continue
