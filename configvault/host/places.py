"""What the daemon has to see and to write, worked out from its configuration and from what is on this host.

A service of the unit sees the file system read-only, no home folders and a /tmp of its own. What the configuration
names in there is granted, and nothing else.
"""

from __future__ import annotations

import os
import pwd
import re
import sys
from collections.abc import Iterator
from dataclasses import fields, is_dataclass
from ipaddress import ip_address
from typing import Any
from urllib.parse import urlsplit

from configvault.core.frozen import frozen
from configvault.core.sandbox import HIDDEN, covered, is_hidden
from configvault.core.settings import Allowed, Settings
from configvault.service.reload import kind

# To grant one of these would grant what belongs to everybody.
_SHARED = frozenset(
    f"/{name}"
    for name in (
        "", "bin", "boot", "dev", "etc", "home", "lib", "lib64", "media", "mnt", "opt", "proc", "root", "run", "sbin",
        "sys", "tmp", "usr", "usr/local", "usr/share", "var", "var/cache", "var/lib", "var/log", "var/spool", "var/tmp",
    )
)  # fmt: skip
STATE = "/var/lib/"


@frozen
class Places:
    """What is granted beyond the unit: `writable` and `bound` to write, `readable` to read, `hosts` to talk to.

    `bound` and `readable` are in folders that are hidden otherwise. `state` is the vault below /var/lib, None where it
    is elsewhere. `whole` says that the folder around the root is granted, so that the root can be replaced as a whole.
    """

    root: str
    whole: bool
    writable: tuple[str, ...]
    bound: tuple[str, ...]
    readable: tuple[str, ...]
    state: str | None
    hosts: tuple[str, ...]
    credentials: tuple[str, ...]


def work_out(settings: Settings, config_path: str, text: str) -> Places:
    """Return what the daemon of `settings` needs, which were read from `text` at `config_path`."""
    root, whole = _holder(os.path.realpath(settings.root))
    vault = os.path.realpath(settings.vault)
    state = os.path.relpath(vault, STATE) if vault.startswith(STATE) else None
    write = [root, *([] if state else [vault]), *_local_replicas(settings)]
    read = [*_named_files(settings, config_path, text), *_program()]
    if os.path.islink(settings.root):
        read.append(os.path.dirname(settings.root))
    bound = [path for path in write if is_hidden(path)]
    return Places(
        root,
        whole,
        _outermost(path for path in write if not is_hidden(path)),
        _outermost(bound),
        tuple(path for path in _outermost(map(_around, filter(is_hidden, read))) if not covered(path, bound)),
        state,
        _hosts(settings),
        tuple(dict.fromkeys(re.findall(r"\$\{file:/run/credentials/[^/}]+/([^/}]+)\}", text))),
    )


def _holder(root: str) -> tuple[str, bool]:
    """Return the folder to grant for `root`, and whether it is the one around it.

    A path that is granted becomes a mount point in the service. With the root itself as one, whoever replaces the root
    as a whole leaves the daemon with a read-only one, or with the old one. With the folder around it that goes well, but
    that must be nobody else's: not /etc, not somebody's home.
    """
    around = os.path.dirname(root)
    if around in _SHARED or around in HIDDEN or _is_home(around) or os.path.ismount(root):
        return root, False
    return around, True


def _is_home(path: str) -> bool:
    return os.path.dirname(path) == "/home" or any(
        user.pw_dir == path for user in pwd.getpwall() if user.pw_uid >= 1000 or user.pw_uid == 0
    )


def _around(path: str) -> str:
    """Return what to bind for `path` to be seen: the folder of a file, so that a new file in its place is seen, too."""
    around = os.path.dirname(path)
    return path if os.path.isdir(path) or _is_home(around) or around in HIDDEN else around


def _program() -> Iterator[str]:
    """Yield where this program and its Python are; pipx installs into a home."""
    here = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
    yield from (sys.prefix, sys.base_prefix, here, *(path for path in sys.path if os.path.isdir(path)))


def _named_files(settings: Settings, config_path: str, text: str) -> Iterator[str]:
    """Yield what the configuration names to read: itself, keys, secrets, programs and the files these are given."""
    yield os.path.abspath(config_path)
    yield from re.findall(r"\$\{file:(/[^}]+)\}", text)
    for allowed, value in _values(settings):
        if allowed.form in ("path", "argv") and value.startswith("/"):
            # Of a log the folder: a file that is rotated away takes its mount with it.
            is_log = settings.service_log is not None and value == settings.service_log.path
            yield os.path.dirname(value) if is_log else os.path.normpath(value)
    if any(
        allowed.form in ("git-url", "replica-url", "source-url") and _is_ssh(value)
        for allowed, value in _values(settings)
    ):
        yield os.path.expanduser("~root/.ssh")
    if settings.source is not None and settings.source.url.startswith("file:///"):
        yield os.path.normpath(settings.source.url.removeprefix("file://"))


def _values(section: Any) -> Iterator[tuple[Allowed, str]]:
    """Yield each text in `section` with what its field allows, but for the root and the vault."""
    for field in fields(section):
        value = getattr(section, field.name)
        for one in value if isinstance(value, tuple) else (value,):
            if is_dataclass(one):
                yield from _values(one)
            elif isinstance(one, str) and not (
                isinstance(section, Settings) and field.name in ("root", "vault")
            ):
                yield field.metadata.get("allowed", Allowed()), one


def _is_ssh(url: str) -> bool:
    return url.startswith("ssh://") or ("://" not in url and not url.startswith("/"))


def _local_replicas(settings: Settings) -> Iterator[str]:
    """Yield the folders of replicas that are on this host's file system."""
    for replica in settings.replicas:
        path = replica.url.removeprefix("file://").removeprefix("file+bundle://")
        if path.startswith("/"):
            path = path.partition("{host}")[0].rstrip("/")
            yield path if os.path.isdir(path) else os.path.dirname(path)


# --- who is talked to


def _hosts(settings: Settings) -> tuple[str, ...]:
    """Return who is not on this host and is asked or told something, or comes to ask."""
    hosts = []
    for allowed, value in _values(settings):
        if allowed.form in ("url", "url-template", "git-url", "replica-url", "source-url"):
            if value != settings.reload.url or kind.find(settings.reload.kind).uses_url:
                hosts.append(_host(value))
        elif allowed.form in ("listen", "address") and value != "off" and not value.startswith("unix:"):
            hosts.append(value.rpartition(":")[0].strip("[]"))
    return tuple(dict.fromkeys(host for host in hosts if host and not is_loopback(host)))


def _host(url: str) -> str:
    if "://" in url:
        return "" if url.startswith(("file://", "file+bundle://")) else urlsplit(url).hostname or ""
    return "" if url.startswith("/") else url.partition(":")[0].rpartition("@")[2]


def is_loopback(host: str) -> bool:
    """Return whether `host` is this one; a name but localhost is not looked up, for it may change."""
    address = _address(host)
    return host == "localhost" if address is None else address.is_loopback


def _address(host: str) -> Any:
    try:
        return ip_address(host)
    except ValueError:
        return None


def is_address(host: str) -> bool:
    """Return whether `host` is an address and no name."""
    return _address(host) is not None


# --- paths


def _outermost(paths: Iterator[str] | list[str] | map[str]) -> tuple[str, ...]:
    """Return the paths that exist or may be made, without those inside another."""
    kept: list[str] = []
    for path in sorted(set(paths)):
        if not covered(path, kept):
            kept.append(path)
    return tuple(kept)
