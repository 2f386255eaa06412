"""Which hosts a URL holds: one repository of several, a pattern with `{host}`, or a repository of one host."""

from __future__ import annotations

import glob
import os
import re
from collections.abc import Iterable

from configvault.core.errors import UsageError
from configvault.core.frozen import replace
from configvault.core.replicas import HEADS, HOST, hosts_in, is_host
from configvault.core.settings import ReplicaSettings
from configvault.replica.address import resolve
from configvault.replica.program import Git
from configvault.replica.remote import Remote


def find(one: ReplicaSettings, names: Iterable[str], git: Git) -> dict[str, Remote]:
    """Return the hosts that the replica `one` holds, by name, in order.

    Args:
        one: whose URL may contain `{host}`.
        names: the hosts to look at; none: all that can be found.
        git: runs `ls-remote`.

    Raises:
        UsageError: the URL has `{host}`, and only its server knows which repositories there are; or what is named
            cannot be a host.
        RemoteError: it cannot be asked.
    """
    wanted = tuple(names)
    for name in wanted:
        if not is_host(name):
            raise UsageError(
                f"{name!r} cannot be the name of a host", "use letters, digits, dots and dashes, one per line"
            )
    if HOST in one.url:
        return {name: Remote(resolve(one, name)) for name in wanted or _folders(one.url)}
    plain = Remote(resolve(replace(one, shared=False), ""))
    refs = plain.refs(git, f"{HEADS}*")
    found = {name: Remote(resolve(replace(one, shared=True), name)) for name in hosts_in(refs)}
    if f"{HEADS}main" in refs:
        found[wanted[0] if len(wanted) == 1 and wanted[0] not in found else own_name(one.url)] = plain
    return {name: remote for name, remote in found.items() if not wanted or name in wanted}


def own_name(url: str) -> str:
    """Return what to call the only host of a repository: as its last part is called."""
    name = re.split(r"[/:]", url.rstrip("/"))[-1].removesuffix(".git")
    return name if is_host(name) else "main"


def _folders(url: str) -> list[str]:
    """Return the hosts for which a pattern of paths on this machine names a folder."""
    path = url.removeprefix("file://")
    if not path.startswith("/"):
        raise UsageError(
            "only the server knows which repositories there are for {host} in the URL",
            "name the hosts: --host NAME (may be repeated), or --hosts FILE with one per line",
        )
    before, _, after = path.partition(HOST)
    pattern = re.compile(re.escape(before) + r"([^/]+)" + re.escape(after).replace(re.escape(HOST), r"\1"))
    found = (
        pattern.fullmatch(place)
        for place in glob.glob(f"{glob.escape(before)}*{glob.escape(after).replace(HOST, '*')}")
    )
    return sorted(match[1] for match in found if match and is_host(match[1]) and os.path.isdir(match[0]))
