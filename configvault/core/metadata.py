"""The metadata file of a snapshot: owners, modes other than 644 and 755, and empty folders, which git trees cannot hold.

The file lists only exceptions from defaults. The defaults are the most common attributes, so its size depends on the
number of exceptions, not of files. There is no file if everything is plain: files 0644, executables and folders 0755, all
with the owner of the root folder, and the root folder itself 0755 and owned by 0:0.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Any

from configvault.core import gitformat
from configvault.core.frozen import field, frozen
from configvault.core.model import METADATA_NAME, Attributes, Folder, Kind, attributes_of

FORMAT = 1
PLAIN_ROOT = Attributes("folder", 0o755, 0, 0)
SORTS = {0o100644: "file", 0o100755: "executable", 0o120000: "link", 0o40000: "folder"}
PLAIN_MODES = {"file": 0o644, "executable": 0o755, "folder": 0o755, "link": 0o777}


@frozen
class Metadata:
    """The parsed metadata file.

    Attributes:
        root: the attributes of the root folder itself.
        modes: the default mode of each sort (file, executable, link, folder).
        owner: the default uid and gid.
        exceptions: mode, uid and gid by path; None for the default.
        empty_folders: paths of empty folders.
    """

    root: Attributes = PLAIN_ROOT
    modes: Mapping[str, int] = field(default_factory=lambda: dict(PLAIN_MODES))
    owner: tuple[int, int] = (0, 0)
    exceptions: Mapping[str, tuple[int | None, int | None, int | None]] = field(default_factory=dict)
    empty_folders: tuple[str, ...] = ()

    def attributes(self, path: str, sort: str) -> tuple[int, int, int]:
        """Return mode, uid and gid of the entry at `path`; `sort` is file, executable, link or folder."""
        mode, uid, gid = self.exceptions.get(path, (None, None, None))
        return (
            self.modes[sort] if mode is None else mode,
            self.owner[0] if uid is None else uid,
            self.owner[1] if gid is None else gid,
        )


@lru_cache(maxsize=4)
def snapshot_tree(root: Folder) -> gitformat.Object:
    """Return the tree of a snapshot of `root`: its content and, if needed, the metadata file.

    Two states are equal if and only if the ids of these trees are equal.
    """
    body = encode(root)
    if body is None:
        return root.tree
    return gitformat.tree([*root.git_entries(), (0o100644, METADATA_NAME, gitformat.make("blob", body).id)])


@lru_cache(maxsize=4)
def encode(root: Folder) -> bytes | None:
    """Return the metadata file of `root`, None if everything is plain."""
    modes, owner = _commonest(root)
    document: dict[str, Any] = {}
    if root.attributes != PLAIN_ROOT:
        document["root"] = {"gid": root.gid, "mode": f"{root.mode:04o}", "uid": root.uid}
    defaults: dict[str, Any] = {
        sort: f"{modes[sort]:04o}" for sort in PLAIN_MODES if modes[sort] != PLAIN_MODES[sort]
    }
    if owner != (root.uid, root.gid):
        defaults |= {"gid": owner[1], "uid": owner[0]}
    if defaults:
        document["defaults"] = defaults
    if paths := dict(_exceptions(root, modes, owner, "")):
        document["paths"] = dict(sorted(paths.items()))
    if empty := sorted(_empty_folders(root, "")):
        document["empty_folders"] = empty
    if not document:
        return None
    return (json.dumps({"format": FORMAT, **document}, indent=1, sort_keys=True) + "\n").encode()


def decode(body: bytes) -> Metadata:
    """Parse a metadata file.

    Raises:
        ValueError: it is not a metadata file, or has another format.
    """
    document = _mapping(json.loads(body), "the file")
    if document.get("format") != FORMAT:
        raise ValueError(f"{METADATA_NAME} is not of format {FORMAT}")
    root = _exception(document.get("root", {}))
    own = Attributes(
        "folder", *(plain if said is None else said for said, plain in zip(root, PLAIN_ROOT[1:], strict=True))
    )
    defaults = _mapping(document.get("defaults", {}), "defaults")
    owner = _exception({key: defaults[key] for key in ("uid", "gid") if key in defaults})[1:]
    empty = document.get("empty_folders", [])
    if not (isinstance(empty, list) and all(isinstance(path, str) for path in empty)):
        raise ValueError(f"{METADATA_NAME} has an empty folder whose name is not text")
    return Metadata(
        root=own,
        modes={sort: _mode(defaults[sort]) if sort in defaults else mode for sort, mode in PLAIN_MODES.items()},
        owner=(own.uid if owner[0] is None else owner[0], own.gid if owner[1] is None else owner[1]),
        exceptions={
            path: _exception(row) for path, row in _mapping(document.get("paths", {}), "paths").items()
        },
        empty_folders=tuple(empty),
    )


def _mapping(value: Any, what: str) -> Mapping[str, Any]:
    if not isinstance(value, dict):
        raise ValueError(f"{what} of {METADATA_NAME} is not a mapping")
    return value


def _exception(row: Any) -> tuple[int | None, int | None, int | None]:
    row = _mapping(row, "an entry")
    mode = _mode(row["mode"]) if "mode" in row else None
    return mode, _owner(row.get("uid")), _owner(row.get("gid"))


def _mode(text: Any) -> int:
    mode = int(text, 8) if isinstance(text, str) else -1
    if not 0 <= mode <= 0o7777:
        raise ValueError(f"{METADATA_NAME} contains the invalid mode {text!r}")
    return mode


def _owner(id_: Any) -> int | None:
    # The largest 32-bit number, -1, tells chown(2) to leave the owner as it is.
    if id_ is not None and not (type(id_) is int and 0 <= id_ < 0xFFFFFFFF):
        raise ValueError(f"{METADATA_NAME} contains the invalid owner {id_!r}")
    return id_


def _commonest(root: Folder) -> tuple[dict[str, int], tuple[int, int]]:
    """Return the most common mode of each sort, and the most common owner; plain values win a tie."""
    by_sort: dict[str, dict[int, int]] = {sort: {mode: 0} for sort, mode in PLAIN_MODES.items()}
    by_owner = {(root.uid, root.gid): 0}
    for (sort, mode, uid, gid), count in root.summary.census.items():
        by_sort[sort][mode] = by_sort[sort].get(mode, 0) + count
        by_owner[uid, gid] = by_owner.get((uid, gid), 0) + count
    modes = {
        sort: max(counts, key=lambda mode, c=counts, s=sort: (c[mode], mode == PLAIN_MODES[s], -mode))  # type: ignore[misc]
        for sort, counts in by_sort.items()
    }
    own = (root.uid, root.gid)
    return modes, max(by_owner, key=lambda owner: (by_owner[owner], owner == own, (-owner[0], -owner[1])))


def _exceptions(
    folder: Folder, modes: Mapping[str, int], owner: tuple[int, int], prefix: str
) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield path and differing attributes of each exception below `folder`; skip folders whose census shows none."""
    if all(mode == modes[sort] and (uid, gid) == owner for sort, mode, uid, gid in folder.summary.census):
        return
    for name, entry in folder.entries.items():
        path = prefix + name
        sort, mode, uid, gid = attributes_of(entry)
        row: dict[str, Any] = {}
        if mode != modes[sort]:
            row["mode"] = f"{mode:04o}"
        if uid != owner[0]:
            row["uid"] = uid
        if gid != owner[1]:
            row["gid"] = gid
        if row:
            yield path, row
        if isinstance(entry, Folder):
            yield from _exceptions(entry, modes, owner, path + "/")


def _empty_folders(folder: Folder, prefix: str) -> Iterator[str]:
    """Yield the paths of the folders without any entry; a folder that holds only these is implied."""
    for name, entry in folder.entries.items() if folder.summary.holds_empty else ():
        if isinstance(entry, Folder):
            if not entry.entries:
                yield prefix + name
            else:
                yield from _empty_folders(entry, f"{prefix}{name}/")


def sort_of(git_mode: int) -> str:
    """Return the sort of a git tree entry: file, executable, link or folder."""
    return SORTS[git_mode]


def kind_of(git_mode: int) -> Kind:
    """Return whether a git tree entry that is no folder is a file or a link."""
    return Kind.LINK if git_mode == 0o120000 else Kind.FILE
