"""What git and servers say when something fails, sorted into the reasons an operator can act on.

Source: git's transport, send-pack and receive-pack, remote-curl; OpenSSH's client.
"""

from __future__ import annotations

import re

from configvault.core.replicas import Trouble, Why
from configvault.replica.address import Address

_LONGEST = 200

# The first that matches is the reason: what is said of a full disk is followed by what is said of its consequences.
_REASONS: tuple[tuple[Why, str, str, str | None], ...] = (
    (Why.FULL, r"no space left|disk quota exceeded|exceeds? .*(quota|limit)",
     "it has no room", "make room there; the next push then catches up"),
    (Why.UNREACHABLE, r"cannot run ssh", "ssh is missing", "apt-get install openssh-client"),
    (Why.HOST_KEY, r"host key verification failed|remote host identification has changed|no .* host key is known",
     "its host key is not the known one", "ssh-keyscan it, compare the key, put it into `known_hosts` of this replica"),
    (Why.LOGIN, r"could not read (username|password)|terminal prompts disabled|authentication failed|permission denied"
     r" \(|returned error: 40[13]|invalid credentials|too many authentication failures|load key .*: ",
     "it asks for a login that was not given", "set `key` (ssh), or `user` and `token` (https), of this replica"),
    # git runs no program of a repository that somebody else could have put there, and we may be root.
    (Why.REFUSED, r"dubious ownership",
     "it belongs to another user", "chown -R it to the user that configvault runs as, or reach it by ssh as its owner"),
    (Why.SHALLOW, r"shallow update not allowed",
     "it lacks commits that were cut off here, and may not begin without them",
     "git config receive.shallowUpdate true, in that repository; or copy a replica that has them there"),
    (Why.AHEAD, r"\[rejected\]|\[remote rejected\].*(already exists|non-fast-forward)|non-fast-forward|fetch first",
     "it holds another history", None),
    (Why.BUSY, r"cannot lock ref|unable to create .*\.lock|failed to update ref|reference already exists|incorrect old value",
     "another push is running", None),
    # Source: sshd_config(5), MaxStartups. It hangs up on some of those that come while others are still logging in.
    (Why.BUSY, r"kex_exchange_identification: .*(reset|closed)",
     "it turns away some who come at once", "try again; on the server: MaxStartups 200 in sshd_config"),
    (Why.MISSING, r"does not appear to be a git repository|repository .*not found|not found|does not exist|not exported"
     r"|no such file or directory",
     "the repository does not exist", "create it: git init --bare --initial-branch=main"),
    # So git answers when it is to become shallow and takes only a part at first; the next try brings the rest.
    (Why.UNREACHABLE, r"remote failed to report status", "it did not say how it went", None),
    (Why.UNREACHABLE, r"could not resolve|connection (refused|reset|closed|timed out)|unable to connect|no route to host"
     r"|network is unreachable|hung up|early eof|operation timed out|broken pipe|couldn't connect|failed to connect"
     r"|unable to access|returned error: 5\d\d|rpc failed|unexpected disconnect|kex_exchange_identification"
     r"|remote end|bad line length|protocol error|unable to fork",
     "it cannot be reached", None),
)  # fmt: skip


def reason(said: str, address: Address) -> Trouble:
    """Return why git failed, from what it and the server said."""
    for why, pattern, words, hint in _REASONS:
        match = re.search(pattern, said, re.IGNORECASE)
        if match is not None:
            line = said[: match.end()].count("\n")
            return Trouble(why, f"{words}: {printable(said.splitlines()[line], address)}", hint)
    lines = [line for line in said.splitlines() if line.strip()]
    last = next((line for line in reversed(lines) if re.match(r"(remote: )?(fatal|error)", line)), None)
    return Trouble(Why.REFUSED, f"it refused: {printable(last or (lines or ['no message'])[-1], address)}")


def printable(line: str, address: Address) -> str:
    """Return a line of somebody else's output without secrets and without what moves a cursor."""
    for secret in (address.password, address.user if address.password else None):
        if secret:
            line = line.replace(secret, "***")
    line = re.sub(r"://[^/\s@]*@", "://***@", line)
    line = "".join(char if char.isprintable() else " " for char in line)
    return " ".join(line.split())[:_LONGEST]
