"""Write a snapshot to somewhere else: a folder, a tar file, a ConfigMap. Neither root nor vault is touched."""

from __future__ import annotations

import contextlib
import io
import os
import tarfile
from collections.abc import Iterator
from typing import IO

from configvault.core import configmap
from configvault.core.errors import ConfigvaultError, UsageError
from configvault.core.frozen import frozen
from configvault.core.model import Entry, Folder, Kind
from configvault.root import entries
from configvault.root.capture import Root
from configvault.usecases.history import Listed
from configvault.usecases.site import Site
from configvault.vault.stage import Stage


def to_folder(site: Site, found: Listed, path: str) -> None:
    """Write the state of `found` into a folder at `path` that does not exist yet or is empty.

    Owners are set where this user may; everywhere else the files belong to who exports them.

    Raises:
        ConfigvaultError: something is there already, or it cannot be written.
    """
    check_place(site, path)
    state = site.vault.tree(found.tree)
    if os.path.lexists(path) and not (os.path.isdir(path) and not os.listdir(path)):
        raise ConfigvaultError(
            f"{path} exists and is not an empty directory", "use a new directory with --output"
        )
    owned = state if os.geteuid() == 0 else owned_by_caller(state)
    entries.write_new(os.path.abspath(path), owned, site.vault.objects)


def check_place(site: Site, path: str) -> None:
    """Refuse to write an export into the root, which the service loads, or into the vault.

    Raises:
        UsageError: it says which of them `path` lies in, links followed.
    """
    place = os.path.realpath(path)
    for what, folder in (("root", site.settings.root), ("vault", site.settings.vault)):
        inside = os.path.realpath(folder)
        if os.path.commonpath((place, inside)) == inside:
            raise UsageError(
                f"--output {path} is inside the {what} {folder}", "use a directory outside of both"
            )


def owned_by_caller(folder: Folder) -> Folder:
    """Return `folder` with everything in it owned by who runs this process."""
    uid, gid = os.geteuid(), os.getegid()
    owned = {
        name: entry._replace(uid=uid, gid=gid) if isinstance(entry, Entry) else owned_by_caller(entry)
        for name, entry in folder.entries.items()
    }
    return Folder(folder.mode, uid, gid, owned)


def to_tar_file(site: Site, found: Listed, path: str) -> None:
    """Write the state of `found` as a tar file at `path`, whole or not at all, readable by its owner alone."""
    check_place(site, path)
    with entries.new_file(path) as file:
        to_tar(site, found, file)


def to_tar(site: Site, found: Listed, out: IO[bytes]) -> None:
    """Write the state of `found` as a tar archive with owners, modes, links and empty folders."""
    state = site.vault.tree(found.tree)
    moment = int(found.taken_at.timestamp())
    with tarfile.open(fileobj=out, mode="w|", format=tarfile.PAX_FORMAT, errors="surrogateescape") as archive:
        for path, entry in [(".", state), *state.walk()]:
            member = _member(path, entry, moment)
            with _content(site, entry) as content:
                if member.issym():
                    member.linkname = os.fsdecode(content.read())
                archive.addfile(member, content if member.isreg() else None)


def to_file(site: Site | None, path: str, data: bytes) -> None:
    """Write `data` as a new file at `path`, whole or not at all, readable by its owner alone."""
    if site is not None:
        check_place(site, path)
    with entries.new_file(path) as file:
        file.write(data)


def as_configmap(site: Site, found: Listed) -> list[configmap.Item]:
    """Return what a ConfigMap of `found` holds.

    Raises:
        ConfigvaultError: it cannot be one; says what is in the way.
    """
    return configmap.items(site.vault.tree(found.tree), site.vault.objects.read)


@frozen
class Directory:
    """A directory that is no root of ours, such as a checkout: its tree's id, and what a ConfigMap of it holds."""

    id: str
    items: list[configmap.Item]


def of_directory(root: Root) -> Directory:
    """Return what a ConfigMap of a directory holds, read now; neither vault nor configuration is needed.

    Raises:
        ConfigvaultError: it cannot be read, or cannot be one.
    """
    with Stage(None) as stage:
        state = root.capture(None, stage)
        return Directory(f"tree-{state.id[:12]}", configmap.items(state, stage.read))


def _member(path: str, entry: Entry | Folder, moment: int) -> tarfile.TarInfo:
    member = tarfile.TarInfo(path)
    member.mode, member.uid, member.gid, member.mtime = entry.mode, entry.uid, entry.gid, moment
    if isinstance(entry, Folder):
        member.type = tarfile.DIRTYPE
    elif entry.kind is Kind.LINK:
        member.type = tarfile.SYMTYPE
    else:
        member.size = entry.size
    return member


@contextlib.contextmanager
def _content(site: Site, entry: Entry | Folder) -> Iterator[IO[bytes]]:
    yield io.BytesIO(site.vault.objects.read(entry.blob) if isinstance(entry, Entry) else b"")
