"""Commits made by GitPython, for a process that lasts: the vault as a `git.Repo` whose object database is ours.

By itself GitPython forks `git hash-object` for each object and syncs none; here each is written by `Objects`, on disk before
its id is known. Refs stay ours (`refs.py`), as GitPython syncs none. It takes 40 ms to load, a quarter of the processor
time of a short command: commands let the vault write the same bytes itself.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING, Any

from configvault.core.errors import ConfigvaultError, IntegrityError
from configvault.vault.objects import NewObject
from configvault.vault.repository import IDENTITY, Draft, Vault

try:
    import git
    from git.db import GitCmdObjectDB
except ImportError as error:
    # It also raises this where it cannot run git, which it does while it is imported.
    raise ConfigvaultError(
        f"GitPython cannot be loaded: {str(error).splitlines()[0]}", "python3 -m pip install GitPython"
    ) from error

if TYPE_CHECKING:
    from gitdb.base import IStream


class Database(GitCmdObjectDB):
    """The vault's objects: what is stored is signed where commits are, and on disk when `store` returns."""

    vault: Vault
    along: Collection[NewObject] = ()

    def store(self, istream: IStream) -> IStream:
        """Write a commit after the objects that are to come `along`, with one sync for each folder."""
        commit = self.vault.signed(istream.read())
        self.vault.objects.write([*self.along, commit])
        istream.binsha = bytes.fromhex(commit.id)
        return istream


class Repository(git.Repo):
    """The vault as GitPython sees it; only its own configuration counts, not the user's, read once."""

    _configuration: Any = None

    def config_reader(self, config_level: Any = None) -> Any:
        """Return the vault's own configuration, whatever level is asked for."""
        del config_level
        self._configuration = self._configuration or super().config_reader("repository")
        return self._configuration


class Commits:
    """Makes the commits of one vault; see `Vault.commit`."""

    def __init__(self, vault: Vault) -> None:
        """Open nothing yet: what opens a damaged vault mends it first."""
        self._vault = vault
        self._repo: Repository | None = None

    def __call__(self, draft: Draft, along: Collection[NewObject]) -> str:
        """Write the objects `along`, then the commit of a tree that is among them; return its id."""
        repo = self._repo = self._repo or self._open()
        parents = [git.Commit(repo, bytes.fromhex(draft.parent))] if draft.parent else []
        repo.odb.along = along
        try:
            commit = git.Commit.create_from_tree(
                repo, git.Tree(repo, bytes.fromhex(draft.tree)), draft.message, parents, head=False,
                author=_actor(draft.author), committer=_actor(IDENTITY), author_date=draft.at, commit_date=draft.at,
            )  # fmt: skip
        finally:
            repo.odb.along = ()
        return str(commit)

    def _open(self) -> Repository:
        path = self._vault.path
        try:
            repo = Repository(path, odbt=Database, expand_vars=False)
        except (git.InvalidGitRepositoryError, git.NoSuchPathError):
            raise IntegrityError(
                f"the vault {path} is not a git repository any more", "configvault verify"
            ) from None
        repo.odb.vault = self._vault
        return repo


def _actor(written: str) -> git.Actor:
    name, _, address = written.removesuffix(">").partition(" <")
    return git.Actor(name, address)
