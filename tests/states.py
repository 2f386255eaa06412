"""States to validate, made from literals: `state({"a.yaml": "x: 1", "b": link("a.yaml")})`."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from configvault.app import validator
from configvault.core.gitformat import make
from configvault.core.model import Entry, Finding, Folder, Kind, State, Verdict
from configvault.core.settings import ValidateSettings


class Link(str):
    """What a symbolic link points at."""

    __slots__ = ()


Content = str | bytes | Link


class Blobs(dict[str, bytes]):
    """What the files of some states hold, by blob id; counts what is read."""

    def __init__(self) -> None:
        super().__init__()
        self.reads: list[str] = []

    def add(self, content: Content) -> Entry:
        """Return the entry of a new file or link."""
        data = content if isinstance(content, bytes) else os.fsencode(content)
        blob = make("blob", data).id
        self[blob] = data
        kind = Kind.LINK if isinstance(content, Link) else Kind.FILE
        return Entry(kind, 0o777 if kind is Kind.LINK else 0o644, 0, 0, blob, len(data))

    def read(self, blob: str) -> bytes:
        """Return the bytes of `blob`."""
        self.reads.append(blob)
        return self[blob]


def folder(files: Mapping[str, Content], blobs: Blobs) -> Folder:
    """Return the tree of `files` by path; a path that ends in `/` is an empty folder."""
    here: dict[str, Entry | Folder] = {}
    below: dict[str, dict[str, Content]] = {}
    for path, content in files.items():
        name, slash, rest = path.partition("/")
        if slash:
            inside = below.setdefault(name, {})
            if rest:
                inside[rest] = content
        else:
            here[name] = blobs.add(content)
    here |= {name: folder(inside, blobs) for name, inside in below.items()}
    return Folder(0o755, 0, 0, here)


def state(files: Mapping[str, Content], before: Mapping[str, Content] | None = None) -> State:
    """Return the state of `files`, after a snapshot of `before`."""
    blobs = Blobs()
    return State(folder(files, blobs), blobs.read, folder(before, blobs) if before is not None else None)


def on_disk(path: Path, flattened: bool = False) -> dict[str, Content]:
    """Return the files below `path`; where links were `flattened`, a file that is only a way to another is one."""
    found: dict[str, Content] = {}
    for file in sorted(path.rglob("*")):
        name = file.relative_to(path).as_posix()
        if file.is_symlink():
            found[name] = Link(os.readlink(file))
        elif file.is_dir():
            found[name + "/"] = b""
        else:
            data = file.read_bytes()
            found[name] = Link(os.fsdecode(data)) if flattened and _was_link(file, data) else data
    return found


def _was_link(file: Path, data: bytes) -> bool:
    if len(data) > 100 or b"\n" in data or not data or b"\0" in data:
        return False
    if data.startswith((b"..data/", b"..2", b"../")):
        return True
    return (file.parent / os.fsdecode(data)).exists()


def validate(
    files: Mapping[str, Content], before: Mapping[str, Content] | None = None, **settings: object
) -> Verdict:
    """Return the verdict on `files`."""
    return validator(ValidateSettings(**settings), {}).validate(state(files, before))  # type: ignore[arg-type]


def rules(verdict: Verdict) -> set[str]:
    """Return the names of the rules that found something."""
    return {finding.rule for finding in verdict.findings}


def only(verdict: Verdict, rule: str) -> Finding:
    """Return the one finding, which must be of `rule`."""
    assert [finding.rule for finding in verdict.findings] == [rule], verdict.findings
    return verdict.findings[0]
