"""What git and servers say when something fails, sorted into the reasons an operator can act on.

Source: git's transport, send-pack and receive-pack, remote-curl; OpenSSH's client.
"""

from __future__ import annotations

import re

from configvault.core.replicas import Trouble, Why
from configvault.replica.address import Address

_LONGEST = 200
_MOST_SAID, _LONGEST_LINE = 32 * 1024, 1000

# The first that matches is the reason: what is said of a full disk is followed by what is said of its consequences.
_REASONS: tuple[tuple[Why, str, str, str | None], ...] = (
    # A hook or a forge that takes no file of that size: room would not help.
    (Why.REFUSED, r"exceeds? .*(file|object|blob|push|maximum)\S* size|(file|object|blob|pack) .*(exceeds|is larger than|is too (large|big))"
     r"|(size|limit) .*exceeded for (file|object|blob)|exceeds? .*\bsize limit",
     "it does not accept anything that large", "raise its limit, or lower `validate.max_file_size` here so that such files are not recorded"),
    (Why.FULL, r"no space left|disk quota exceeded|exceed(s|ed)? .*quota|quota .*exceeded|repository .*exceeds? .*limit",
     "it has no free space", "free some space there; the next push then catches up"),
    (Why.UNREACHABLE, r"cannot run ssh", "ssh is missing", "apt-get install openssh-client"),
    (Why.HOST_KEY, r"host key verification failed|remote host identification has changed|no .* host key is known",
     "its host key is not the known one", "ssh-keyscan it, compare the key, put it into `known_hosts` of this replica"),
    (Why.LOGIN, r"could not read (username|password)|terminal prompts disabled|authentication failed|permission denied"
     r" \(|returned error: 40[13]|invalid credentials|too many authentication failures|load key .*: ",
     "it asks for a login, and none is configured", "set `key` (ssh), or `user` and `token` (https), of this replica"),
    # git runs no program of a repository that somebody else could have put there, and we may be root.
    (Why.REFUSED, r"dubious ownership",
     "it belongs to another user", "chown -R it to the user that configvault runs as, or reach it by ssh as its owner"),
    (Why.SHALLOW, r"shallow update not allowed",
     "it lacks commits that were removed here, and does not accept a history without them",
     "git config receive.shallowUpdate true, in that repository; or copy a replica that has them there"),
    (Why.AHEAD, r"\[rejected\]|\[remote rejected\].*(already exists|non-fast-forward)|non-fast-forward|fetch first",
     "it contains a different history", None),
    (Why.BUSY, r"cannot lock ref|unable to create .*\.lock|failed to update ref|reference already exists|incorrect old value",
     "another push is running", None),
    # Source: sshd_config(5), MaxStartups. It hangs up on some of those that come while others are still logging in.
    (Why.BUSY, r"kex_exchange_identification: .*(reset|closed)",
     "it rejects some of the simultaneous connections", "try again; on the server: MaxStartups 200 in sshd_config"),
    (Why.MISSING, r"does not appear to be a git repository|repository .*not found|not found|does not exist|not exported"
     r"|no such file or directory",
     "the repository does not exist", "create it: git init --bare --initial-branch=main"),
    # So git answers when it is to become shallow and takes only a part at first; the next try brings the rest.
    (Why.UNREACHABLE, r"remote failed to report status", "it did not report the result", None),
    (Why.UNREACHABLE, r"could not resolve|connection (refused|reset|closed|timed out)|unable to connect|no route to host"
     r"|network is unreachable|hung up|early eof|operation timed out|broken pipe|couldn't connect|failed to connect"
     r"|unable to access|returned error: 5\d\d|rpc failed|unexpected disconnect|kex_exchange_identification"
     r"|remote end|bad line length|protocol error|unable to fork",
     "it cannot be reached", None),
)  # fmt: skip


# What the server writes for people, and in brackets behind the name of a ref. Source: git's sideband.c, send-pack.c.
_FROM_SERVER = (r"^remote:[ \t]*(\S.*)$", r"\[remote rejected\].*\(([^()]+)\)\s*$")
_TELLING = r"error|fatal|denied|declined|refus|reject|fail|protect|exceed|not allowed|invalid|expired|forbidden"
_NOT_GIVEN = r"could not read (username|password)|terminal prompts disabled|load key .*: "
_REFUSED_LOGIN = "it refused the login that was given"
_VALID = "is the key or the token still valid, and may it write there? set `key` (ssh), or `user` and `token` (https), of this replica"


def reason(said: str, address: Address) -> Trouble:
    """Return why git failed, from what it and the server said."""
    said = _bounded(said)
    for why, pattern, words, hint in _REASONS:
        match = re.search(pattern, said, re.IGNORECASE)
        if match is not None:
            line = _with_server(said.splitlines()[said[: match.end()].count("\n")], said, address)
            given = why is Why.LOGIN and (address.password or address.ssh_key)
            if given and not re.search(_NOT_GIVEN, said, re.IGNORECASE):
                return Trouble(why, f"{_REFUSED_LOGIN}: {line}", _VALID)
            return Trouble(why, f"{words}: {line}", hint)
    lines = [line for line in said.splitlines() if line.strip()]
    last = next((line for line in reversed(lines) if re.match(r"(remote: )?(fatal|error)", line)), None)
    return Trouble(
        Why.REFUSED, f"it refused: {_with_server(last or (lines or ['no message'])[-1], said, address)}"
    )


def _bounded(said: str) -> str:
    """Return the beginning and the end of what was said, in lines of a bounded length: patterns take square time on longer ones."""
    ends = said if len(said) <= 2 * _MOST_SAID else f"{said[:_MOST_SAID]}\n{said[-_MOST_SAID:]}"
    return "\n".join(line[:_LONGEST_LINE] for line in ends.splitlines())


def _with_server(line: str, said: str, address: Address) -> str:
    """Return what was said, and what the server itself said of it: its own lines, and why it rejected a ref."""
    parts = [printable(line, address)]
    for pattern in _FROM_SERVER:
        words = [
            printable(found[1], address) for found in re.finditer(pattern, said, re.IGNORECASE | re.MULTILINE)
        ]
        chosen = next(
            (one for one in words if re.search(_TELLING, one, re.IGNORECASE)), words[0] if words else ""
        )
        if chosen and not any(chosen in part for part in parts):
            parts.append(chosen)
    return "; ".join(parts)[: 2 * _LONGEST]


def printable(line: str, address: Address) -> str:
    """Return a line of somebody else's output without secrets and without what moves a cursor."""
    for secret in (address.password, address.user if address.password else None):
        if secret:
            line = line.replace(secret, "***")
    line = re.sub(r"://[^/\s@]*@", "://***@", line)
    # Behind a question mark some forges take a token.
    line = re.sub(r"(://[^\s'\"?#]*)[?#][^\s'\"]*", r"\1", line)
    line = "".join(char if char.isprintable() else " " for char in line)
    return " ".join(line.split())[:_LONGEST]
