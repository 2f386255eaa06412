"""Convert states to git trees and back: the objects to write for a state, and the state that a tree records."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from functools import lru_cache

from configvault.core import gitformat, metadata
from configvault.core.errors import ConfigvaultError, IntegrityError
from configvault.core.model import METADATA_NAME, Entry, Folder
from configvault.core.names import is_forbidden
from configvault.vault.objects import NewObject, Objects, from_bytes
from configvault.vault.stage import Stage

DEEPEST = 200
# More than any capture takes by default. A caller who loads a tree from somebody else passes its own limit.
MOST_ENTRIES = 1_000_000
# How many blob sizes are asked for one by one before those of the whole tree are listed at once.
_ASKED_ALONE = 32
_LONGEST_METADATA = 128 << 20


class StaleCaptureError(ConfigvaultError):
    """A captured state refers to bytes that are neither staged nor in the vault: capture again, without a previous state."""


def new_objects(
    state: Folder, before: Folder | None, stage: Stage | None, has: Callable[[str], bool]
) -> Iterator[NewObject]:
    """Yield the blobs and trees of `state` that `before` does not have at the same path, each blob before its tree.

    Args:
        state: what to write.
        before: a state that the vault holds already; None to yield everything.
        stage: has the captured bytes.
        has: tells whether the vault has the object with an id.

    Raises:
        StaleCaptureError: the bytes of a file are neither in the stage nor in the vault.
    """
    if before is not None and state.id == before.id and state is before:
        return
    for name, entry in state.entries.items():
        old = before.entries.get(name) if before else None
        if isinstance(entry, Folder):
            if entry is not old:
                yield from new_objects(entry, old if isinstance(old, Folder) else None, stage, has)
        elif not (isinstance(old, Entry) and old.blob == entry.blob):
            if stage is not None and entry.blob in stage:
                yield stage.object(entry.blob)
            elif not has(entry.blob):
                raise StaleCaptureError(f"the bytes of {name!r} are not in the vault", "try again")
    if before is None or state.id != before.id:
        yield from_bytes("tree", state.id, state.tree.body)


def load(objects: Objects, tree: str, base: Folder | None, most: int = MOST_ENTRIES) -> Folder:
    """Return the state that a tree records; unchanged folders and files are shared with `base`.

    Raises:
        IntegrityError: an object is missing or damaged, the tree is not one that a capture makes, or it has more than
            `most` entries.
    """
    rows = _rows(objects, tree)
    own = [id_ for _, name, id_ in rows if name == METADATA_NAME]
    if own and objects.size(own[0]) > _LONGEST_METADATA:
        raise IntegrityError(
            f"{METADATA_NAME} of tree {tree} has more than {_LONGEST_METADATA} bytes", "configvault verify"
        )
    body = objects.read(own[0]) if own else None
    try:
        said = metadata.decode(body) if body else metadata.Metadata()
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise IntegrityError(
            f"{METADATA_NAME} of tree {tree} is damaged: {error}", "configvault verify"
        ) from error
    # Modes and owners are in the metadata, not in the trees: with other metadata an equal tree id proves nothing.
    if base is not None and metadata.encode(base) != body:
        base = None
    loader = _Loader(objects, said, tree, most)
    root = loader.folder([row for row in rows if row[1] != METADATA_NAME], "", said.root[1:], base)
    return loader.with_empty_folders(root) if said.empty_folders and root is not base else root


def _rows(objects: Objects, tree: str) -> list[tuple[int, str, str]]:
    try:
        return list(gitformat.parse_tree(objects.read(tree)))
    except ValueError as error:
        raise IntegrityError(f"the tree {tree} is damaged: {error}", "configvault verify") from error


class _Loader:
    """Builds folders from trees. Refuses names that could lead out of the root, and trees that are too deep or too large."""

    def __init__(self, objects: Objects, said: metadata.Metadata, tree: str, most: int) -> None:
        self._objects = objects
        self._said = said
        self._tree = tree
        self._most = most
        self._count = 0
        # A tree that many folders share is read only once.
        self._shared_rows = lru_cache(256)(lambda id_: _rows(objects, id_))
        self._sizes: dict[str, int] = {}

    def folder(
        self,
        rows: Collection[tuple[int, str, str]],
        path: str,
        attributes: tuple[int, int, int],
        base: Folder | None,
    ) -> Folder:
        prefix = f"{path}/" if path else ""
        entries: dict[str, Entry | Folder] = {}
        self._count += len(rows)
        if self._count > self._most:
            raise IntegrityError(
                f"the tree {self._tree} has more than {self._most} entries",
                "configvault verify"
                if self._most == MOST_ENTRIES
                else "raise validate.max_files if that is right",
            )
        for git_mode, name, id_ in rows:
            if is_forbidden(name) or name in entries:
                raise IntegrityError(
                    f"the vault's tree holds the forbidden name {name!r} in {path!r}", "configvault verify"
                )
            if path.count("/") > DEEPEST or git_mode not in metadata.SORTS:
                raise IntegrityError(
                    f"the vault's tree holds {prefix + name!r} of mode {git_mode:o}, which no capture makes",
                    "configvault verify",
                )
            old = base.entries.get(name) if base else None
            entries[name] = self._entry(git_mode, id_, prefix + name, old)
        if base is not None and entries == base.entries and attributes == base.attributes[1:]:
            return base
        return Folder(*attributes, entries)

    def _entry(self, git_mode: int, id_: str, path: str, old: Entry | Folder | None) -> Entry | Folder:
        attributes = self._said.attributes(path, metadata.sort_of(git_mode))
        if git_mode == 0o120000 and attributes[0] != metadata.PLAIN_MODES["link"]:
            raise IntegrityError(
                f"{METADATA_NAME} gives the link {path!r} the mode {attributes[0]:o}, which no link has",
                "configvault verify",
            )
        if git_mode == 0o40000:
            if isinstance(old, Folder) and old.id == id_:
                return old
            rows = self._shared_rows(id_)
            return self.folder(rows, path, attributes, old if isinstance(old, Folder) else None)
        if isinstance(old, Entry) and old.blob == id_ and old.git_mode == git_mode:
            return old
        return Entry(metadata.kind_of(git_mode), *attributes, id_, self._size(id_))

    def _size(self, id_: str) -> int:
        """Return the size of a blob in bytes; the first few are asked for one by one, then all of the tree at once."""
        if id_ not in self._sizes:
            if len(self._sizes) == _ASKED_ALONE:
                self._sizes |= self._objects.sizes_in(self._tree, self._most)
            else:
                self._sizes[id_] = self._objects.size(id_)
        return self._sizes[id_]

    def with_empty_folders(self, root: Folder) -> Folder:
        """Return `root` with the empty folders that the metadata lists, as git trees cannot hold them."""
        for path in self._said.empty_folders:
            root = self._with_folder(root, "", path.split("/"))
        return root

    def _with_folder(self, folder: Folder, prefix: str, parts: list[str]) -> Folder:
        name, path = parts[0], prefix + parts[0]
        child = folder.entries.get(name)
        if is_forbidden(name) or isinstance(child, Entry) or prefix.count("/") > DEEPEST:
            raise IntegrityError(f"{METADATA_NAME} holds the forbidden name {path!r}", "configvault verify")
        if not isinstance(child, Folder):
            child = Folder(*self._said.attributes(path, "folder"), {})
        if parts[1:]:
            child = self._with_folder(child, path + "/", parts[1:])
        return Folder(folder.mode, folder.uid, folder.gid, {**folder.entries, name: child})
