"""Read what is offered to become live: a directory, a tar file or stream, a git repository. The root is not touched."""

from __future__ import annotations

import contextlib
import os
import re
import shlex
import sys
import tempfile
from collections.abc import Iterator
from typing import IO

from configvault.candidate import tarball
from configvault.candidate.tree import Limits, Tree
from configvault.core.candidates import STANDARD_INPUT, Candidate, Source
from configvault.core.errors import ConfigvaultError, OfferError, UsageError
from configvault.core.gitformat import hasher
from configvault.core.leftout import IGNORED
from configvault.core.model import Entry, Kind
from configvault.core.pattern import pattern
from configvault.root.capture import Root
from configvault.usecases.site import Site
from configvault.vault import repair
from configvault.vault.git import Git
from configvault.vault.objects import Objects
from configvault.vault.stage import Stage

STDIN = "-"
# As git takes `host:path` for ssh.
_SCP = pattern(r"[A-Za-z0-9_.-]+@[A-Za-z0-9][A-Za-z0-9.-]*:.+")
_ROW = pattern(rb"(\d{6}) (\w+) ([0-9a-f]{40}) +(\d+|-)\t(.*)", re.DOTALL)
_MODES = {b"100644": 0o644, b"100755": 0o755, b"120000": 0o777}
# Of what git-check-ref-format(1) allows; an expression such as `main~1` cannot be fetched.
_NAME = pattern(r"[^-\s~^:?*\[\\][^\s~^:?*\[\\]*")
_SCHEMES = ("https", "ssh", "file")
# Source: the specification of Git LFS. The content is on another server.
_LFS = b"version https://git-lfs.github.com/spec/"


def is_url(text: str) -> bool:
    """Return whether a SOURCE is a git URL rather than a path."""
    return "://" in text or _SCP.fullmatch(text) is not None


def read(site: Site, source: str, stage: Stage, stdin: IO[bytes]) -> Candidate:
    """Read `source` once, its bytes into `stage`.

    Args:
        site: whose limits and ignored names hold.
        source: a directory, a tar file, `-` for a tar stream on `stdin`, or `GIT-URL[#REF[:SUBDIR]]`.
        stage: where the bytes go.
        stdin: the stream that `-` stands for.

    Raises:
        UsageError: it is none of these.
        ConfigvaultError: it cannot be read, or holds what is never deployed.
    """
    if source == STDIN:
        if stdin.isatty():
            raise UsageError(
                "standard input is a terminal, and no tar archive",
                "tar c -C DIRECTORY . | configvault deploy -",
            )
        return _from_tar(site, stdin, STANDARD_INPUT, stage)
    if is_url(source):
        return from_git(site, split(source), stage)
    path = os.path.abspath(source)
    if os.path.isdir(path):
        _refuse_own(site, path)
        state = Root(path, site.root.names).capture(None, stage)
        left_out = tuple(pair for pair in state.all_left_out() if pair[1] != IGNORED)
        return Candidate(state, Source("directory", path), left_out)
    try:
        with open(path, "rb") as file:
            return _from_tar(site, file, path, stage)
    except FileNotFoundError:
        raise UsageError(
            f"{source!r} is not a directory, a file or a git URL",
            "use a directory, a tar file, - for standard input, or https://HOST/REPO.git#REF",
        ) from None
    except IsADirectoryError as error:
        raise ConfigvaultError(
            f"cannot read {path}: {error.strerror}", "use a directory or a tar file"
        ) from error


def _from_tar(site: Site, file: IO[bytes], where: str, stage: Stage) -> Candidate:
    state, left_out = tarball.read(file, where, stage, _limits(site))
    return Candidate(state, Source("tar", where), left_out)


def _refuse_own(site: Site, path: str) -> None:
    """Refuse the directories that are no candidate: root and vault, what holds or lies in them, and bare repositories.

    Raises:
        UsageError: it says what it is.
    """
    here = os.path.realpath(path)
    for what, own, instead in (
        ("vault", site.vault.path, "a snapshot becomes live by: configvault rollback ID"),
        ("root", site.root.path, "what is in the root is live; record it with: configvault snapshot"),
    ):
        there = os.path.realpath(own)
        if here == there or os.path.commonpath((here, there)) in (here, there):
            how = "is" if here == there else "is in" if here.startswith(there) else "contains"
            raise UsageError(f"{path} {how} the {what}, which is not deployed", instead)
    if os.path.isfile(os.path.join(here, "HEAD")) and os.path.isdir(os.path.join(here, "objects")):
        raise UsageError(
            f"{path} is a bare git repository, not a directory of files",
            f"configvault deploy {shlex.quote(f'file://{path}#HEAD')}",
        )


def _limits(site: Site) -> Limits:
    return Limits(site.settings.validate.max_files, site.settings.validate.max_file_size)


def split(source: str) -> tuple[str, str, str]:
    """Return the URL, the ref and the folder of `GIT-URL[#REF[:SUBDIR]]`.

    Raises:
        UsageError: the URL is of a kind that is not fetched from.
    """
    url, _, rest = source.partition("#")
    ref, _, folder = rest.partition(":")
    scheme = url.partition("://")[0] if "://" in url else "ssh"
    if scheme not in _SCHEMES:
        raise UsageError(
            f"cannot deploy from {scheme}:// URLs", f"use {', '.join(_SCHEMES[:-1])} or {_SCHEMES[-1]}"
        )
    parts = [part for part in folder.split("/") if part not in ("", ".")]
    if ".." in parts or (ref and not _NAME.fullmatch(ref)) or ".." in ref:
        raise UsageError(
            f"{rest!r} is not a ref and folder",
            "write URL#REF or URL#REF:FOLDER, REF is a branch, a tag or a commit",
        )
    return url, ref or "HEAD", "/".join(parts)


class RewrittenError(ConfigvaultError):
    """What is offered does not follow what was deployed: the branch was rewritten."""

    kind = "rewritten"


def from_git(
    site: Site,
    where: tuple[str, str, str],
    stage: Stage,
    *,
    after: str | None = None,
    may_be_empty: bool = False,
) -> Candidate:
    """Read a folder of a git repository.

    Args:
        site: as for `read`.
        where: URL, ref and folder (empty: all of it).
        stage: where the bytes go.
        after: a commit that it must follow.
        may_be_empty: a folder that is gone counts as one without files: git keeps no other.

    Raises:
        RewrittenError: it does not follow the commit `after`.
        OfferError: what the commit holds is never deployed.
        UntrustedError: nobody trusted has signed it.
        ConfigvaultError: as `read`.
    """
    url, ref, folder = where
    assert site.offered is not None
    offered = site.offered(url)
    limits = _limits(site)
    with quarantine(site) as (place, git):
        commit = offered.fetch(git, ref, place, limits.bytes, history=after is not None)
        if after is not None and not offered.follows(git, commit, after):
            raise RewrittenError(
                f"{offered.name}: {ref} at {commit[:12]} does not follow {after[:12]}, the deployed commit: the branch was rewritten",
                "if this is intended: configvault pull --force",
            )
        named = f"{offered.name} at {commit[:12]}"
        tree = Tree(named, limits)
        # The ids must be known to git before anything is believed of them: what is read is hashed again.
        objects = Objects(place, git)
        try:
            is_empty = True
            for row in _rows(git, f"{commit}:{folder}", named, limits):
                is_empty = False
                _add(tree, row, objects, stage)
        finally:
            objects.close()
    if is_empty and not may_be_empty:
        raise ConfigvaultError(
            f"{named} has no such folder, or it is empty",
            f"configvault deploy {shlex.quote(_shown(offered.name, ref, ''))} -n",
        )
    return Candidate(
        tree.folder(os.geteuid(), os.getegid()),
        Source("git", _shown(offered.name, ref, folder), commit),
        tuple(tree.left_out.items()),
    )


def _shown(url: str, ref: str, folder: str) -> str:
    return url + (f"#{ref}" if ref != "HEAD" or folder else "") + (f":{folder}" if folder else "")


@contextlib.contextmanager
def quarantine(site: Site) -> Iterator[tuple[str, Git]]:
    """Make an empty repository that is gone afterwards: what is fetched comes into the vault only if it is accepted."""
    repair.remove_fetched(site.vault.state)
    # Named so that it can be told whose it was.
    suffix = f".{os.getpid()}.tmp"
    with tempfile.TemporaryDirectory(suffix, repair.CANDIDATE, site.vault.state) as place:
        git = Git(place, site.environ)
        git.run(["init", "--quiet", "--bare", "--template=", place])
        yield place, git


def _rows(git: Git, tree: str, where: str, limits: Limits) -> Iterator[tuple[str, bytes, str, int]]:
    """Yield name, mode, id and size of each entry below `tree`; a tree bomb is ended at the limits."""
    process = git.spawn("ls-tree", "-r", "-t", "-l", "-z", "--full-tree", tree)
    assert process.stdout is not None
    count, rest = 0, b""
    try:
        while piece := process.stdout.read(1 << 16):
            *rows, rest = (rest + piece).split(b"\0")
            for row in rows:
                found = _ROW.fullmatch(row)
                if found is None:
                    raise OfferError(f"{where} holds an entry that git describes in an unknown way", None)
                count += 1
                if count > 2 * limits.files:
                    raise OfferError(
                        f"{where} has more than validate.max_files = {limits.files} entries",
                        "give the folder of the plugins: URL#REF:FOLDER",
                    )
                mode, _, id_, size, name = found.groups()
                yield os.fsdecode(name), mode, id_.decode(), int(size) if size != b"-" else 0
    finally:
        process.kill()
        process.communicate()


def _add(tree: Tree, row: tuple[str, bytes, str, int], objects: Objects, stage: Stage) -> None:
    name, mode, id_, size = row
    parts = tree.parts(name)
    if mode == b"160000":
        raise tree.hostile(name, "is a submodule")
    if parts is None:
        return
    if mode == b"040000":
        tree.add_folder(name, parts, 0o755)
        return
    tree.check_size(name, size)
    kind = Kind.LINK if mode == b"120000" else Kind.FILE
    said = hasher("blob", size)

    def hashed() -> Iterator[bytes]:
        for piece in objects.chunks(id_):
            said.update(piece)
            yield piece

    stage_at = stage.append(hashed())
    if stage_at[1] != size or said.hexdigest() != id_:
        raise tree.hostile(name, "is not what its repository says it is")
    stage.keep(id_, stage_at)
    if size < 1024 and stage.read(id_).startswith(_LFS):
        raise tree.hostile(name, "is a Git LFS pointer instead of the file")
    entry = Entry(kind, _MODES.get(mode, 0o644), os.geteuid(), os.getegid(), id_, size)
    if kind is Kind.LINK:
        tree.add_link(name, parts, os.fsdecode(stage.read(id_)), entry)
    else:
        tree.add(name, parts, entry)


def standard_input() -> IO[bytes]:
    """Return standard input as bytes."""
    return sys.stdin.buffer
