"""Why a replica did not take a push is said in its server's own words, and sorted by what helps."""

from __future__ import annotations

from pathlib import Path

import pytest
from hosts import Host, bare

from configvault.core.replicas import Why
from configvault.core.settings import ReplicaSettings
from configvault.replica.address import Address, resolve
from configvault.replica.reasons import reason

TOKEN = "t0ken-of-the-replica"
URL = "https://git.example/web.git"


def address(*, token: bool = False) -> Address:
    """Return a replica over https, with a token or without."""
    return resolve(ReplicaSettings(URL, user="bot" if token else None, token=TOKEN if token else None), "web-1")


CASES = [
    ("remote: error: File big.bin is 120.00 MB; this exceeds GitHub's file size limit of 100.00 MB\n ! [remote rejected] main -> main (pre-receive hook declined)\nerror: failed to push some refs",
     Why.REFUSED, ("anything that large", "120.00 MB", "pre-receive hook declined")),
    ("remote: fatal: pack exceeds maximum allowed size (1.00 MiB)\nerror: remote unpack failed: index-pack abnormal exit",
     Why.REFUSED, ("anything that large", "pack exceeds maximum allowed size")),
    ("remote: Your account has exceeded its storage quota.\nfatal: unable to access", Why.FULL, ("no free space", "storage quota")),
    ("error: remote unpack failed: unable to create temporary object directory: No space left on device", Why.FULL, ("no free space", "No space left")),
    ("remote: GitLab: You are not allowed to push code to protected branches on this project.\n ! [remote rejected] main -> main (pre-receive hook declined)",
     Why.REFUSED, ("protected branches", "pre-receive hook declined")),
    ("remote: hello, this is the team's server\nremote: commits must be signed: rejected\n ! [remote rejected] main -> main (hook declined)",
     Why.REFUSED, ("commits must be signed", "hook declined")),
    ("remote: \x1b[31mdenied\x1b[0m by policy\n ! [remote rejected] x -> x (no)", Why.REFUSED, ("denied", "by policy")),
    ("remote: x\n! [remote rejected] main -> main (deletion of the current branch prohibited)", Why.REFUSED, ("prohibited",)),
]  # fmt: skip


@pytest.mark.parametrize(("said", "why", "words"), CASES)
def test_the_server_is_heard(said: str, why: Why, words: tuple[str, ...]) -> None:
    """Its `remote:` line and its reason in brackets are shown, without what moves a cursor."""
    found = reason(said, address())
    assert found.why is why, found
    assert [word for word in words if word not in found.words] == []
    assert "\x1b" not in found.words


REFUSED = [
    "remote: HTTP Basic: Access denied. The provided password or token is incorrect\nfatal: Authentication failed for 'https://git.example/web.git/'",
    "fatal: unable to access 'https://git.example/web.git/': The requested URL returned error: 403",
    f"remote: invalid credentials for {TOKEN}\nfatal: Authentication failed",
]


@pytest.mark.parametrize("said", REFUSED)
def test_a_refused_token_is_not_a_missing_one(said: str) -> None:
    """Where a token was given it is said to be refused; where none was, that one is asked for. Neither shows it."""
    given, missing = reason(said, address(token=True)), reason(said, address())
    assert given.why is missing.why is Why.LOGIN
    assert "refused the login that was given" in given.words
    assert "none is configured" in missing.words
    assert TOKEN not in given.words


@pytest.mark.parametrize(
    "word", ["exceeds ", "file ", "remote: ", "[remote rejected] (", "\n", "remote:\n", "repository "]
)
def test_a_server_that_says_much(word: str) -> None:
    """What a server says without end costs no more than its beginning and its end, and shows no more either."""
    found = reason(word * (8_000_000 // len(word)), address())
    assert len(found.words) < 1000


def test_a_hook_is_heard_through_a_push(tmp_path: Path) -> None:
    """What a real server's hook says reaches whoever pushes."""
    place = bare(tmp_path / "r.git")
    hook = place / "hooks" / "pre-receive"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text("#!/bin/sh\necho 'the change window is closed until Monday: rejected' >&2\nexit 1\n")
    hook.chmod(0o755)
    host = Host(tmp_path / "h", replicas=[{"url": str(place)}])
    host.record()
    done = host.run("replicate")
    assert done.code != 0
    assert "the change window is closed until Monday" in done.out + done.err
    assert "pre-receive hook declined" in done.out + done.err
