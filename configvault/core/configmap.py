"""Convert a state to a Kubernetes ConfigMap or Secret, with the `items` that mount its flat keys as the same tree. No I/O.

A key is the path with `/` written as `__`. A path with characters that a key may not have, or that could give the key of
another path, gets a part of its hash at the end. A key depends only on its path, so the `items` of a mount fit the next
snapshot, too.

Source: the Kubernetes API's ConfigMap and its validation (IsConfigMapKey, MaxSecretSize, TotalAnnotationSizeLimitB), and
kubelet's atomic writer, whose own names begin with `..`.
"""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from configvault.core.errors import ConfigvaultError
from configvault.core.model import Entry, Folder, Kind

MOST_BYTES = 1 << 20
LONGEST_KEY = 253
PATHS = "configvault.io/paths"
# `kubectl apply` without --server-side repeats the object in an annotation, which must be smaller than this.
MOST_APPLIED_BYTES = 256 << 10
# All annotations of an object may have 256 KiB together, with their names; this leaves some for others.
_MOST_ANNOTATION_BYTES = 240 << 10
_MOST_LINKS = 40

Read = Callable[[str], bytes]


class Item(NamedTuple):
    """One file: its key, its path in the mount, its bytes."""

    key: str
    path: str
    data: bytes


def items(state: Folder, read: Read) -> list[Item]:
    """Return the files of `state` as a mount shows them: links followed, kubelet's own names left out.

    Raises:
        ConfigvaultError: the state does not fit: a link leads nowhere or out of the root, or there are too many bytes.
    """
    found = [
        Item(key(path), path, read(entry.blob)) for path, entry in _Walk(state, read).files((), "", (state,))
    ]
    taken: dict[str, str] = {}
    for one in found:
        if taken.setdefault(one.key, one.path) != one.path:
            raise ConfigvaultError(
                f"{one.path!r} and {taken[one.key]!r} would both be the key {one.key!r}", "rename one"
            )
    size = sum(len(one.data) for one in found)
    if size > MOST_BYTES:
        raise ConfigvaultError(
            f"a ConfigMap holds at most {MOST_BYTES} bytes, these are {size} in {len(found)} files",
            "ship it as an image, or on a volume: configvault export REF --format tar",
        )
    return found


def key(path: str) -> str:
    """Return the key for the file at `path`; see the module."""
    flat = path.replace("/", "__")
    plain = re.sub(r"[^-._a-zA-Z0-9]", "-", flat)
    if (
        plain == flat
        and "__" not in path
        and not flat.startswith("..")
        and flat != "."
        and len(flat) <= LONGEST_KEY
    ):
        return flat
    digest = hashlib.sha256(path.encode("utf-8", "surrogateescape")).hexdigest()[:10]
    return f"{plain.lstrip('.')[:200]}-{digest}"


def document(
    found: list[Item], name: str, namespace: str | None, snapshot: str, *, secret: bool = False
) -> dict[str, Any]:
    """Return the ConfigMap, or the Secret; an annotation lists the path of each key, if it is not too large."""
    import json

    annotations = {"configvault.io/snapshot": snapshot}
    paths = json.dumps({one.key: one.path for one in found}, sort_keys=True)
    # The API server refuses larger annotations. This one is not needed: the `items` of the mount say the same.
    if len(paths) < _MOST_ANNOTATION_BYTES:
        annotations[PATHS] = paths
    metadata: dict[str, Any] = {
        "name": name,
        "labels": {"app.kubernetes.io/managed-by": "configvault"},
        "annotations": annotations,
    }
    if namespace:
        metadata["namespace"] = namespace
    if secret:
        data = {one.key: base64.b64encode(one.data).decode() for one in found}
        return {"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "type": "Opaque", "data": data}
    texts = {one.key: text for one in found if (text := _text(one.data)) is not None}
    rest = {one.key: base64.b64encode(one.data).decode() for one in found if one.key not in texts}
    document: dict[str, Any] = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata}
    return document | ({"data": texts} if texts else {}) | ({"binaryData": rest} if rest else {})


def places_of_secrets(found: list[Item], hide: Callable[[str], str]) -> Iterator[str]:
    """Yield the place (`path:line`) of the first likely secret in each file; `hide` replaces secrets in a text.

    Everybody who may read in its namespace can read a ConfigMap. Lines with descriptions are skipped, as they often
    speak of tokens.
    """
    for one in found:
        text = _text(one.data)
        if text is None:
            continue
        hidden = hide(text)
        if hidden == text:
            continue
        for number, (line, shown) in enumerate(
            zip(text.split("\n"), hidden.split("\n"), strict=False), start=1
        ):
            if line != shown and not re.match(r"[\s-]*(?:description|summary)\b", line):
                yield f"{one.path}:{number}"
                break


def volume(found: list[Item], name: str, *, secret: bool = False) -> dict[str, Any]:
    """Return the volume of a pod that mounts the ConfigMap, or the Secret, as the original tree."""
    mounted = [{"key": one.key, "path": one.path} for one in found]
    if secret:
        return {"name": name, "secret": {"secretName": name, "items": mounted}}
    return {"name": name, "configMap": {"name": name, "items": mounted}}


def name_of(text: str) -> str:
    """Return the valid object name (RFC 1123) most similar to `text`."""
    return re.sub(r"[^a-z0-9-]+", "-", text.lower()).strip("-")[:63].rstrip("-") or "config"


def is_name(text: str) -> bool:
    """Return whether `text` can be the name of an object: a DNS subdomain (RFC 1123)."""
    part = r"[a-z0-9](?:[a-z0-9-]*[a-z0-9])?"
    return len(text) <= 253 and re.fullmatch(rf"{part}(?:\.{part})*", text) is not None


def _text(data: bytes) -> str | None:
    """Return `data` as text that YAML and JSON keep unchanged, None if it is not such text."""
    try:
        text = data.decode()
    except UnicodeDecodeError:
        return None
    return text if all(char.isprintable() or char in "\n\t" for char in text) else None


class _Walk:
    """Walks a state as a reader of the directory would, following links."""

    def __init__(self, root: Folder, read: Read) -> None:
        self._root = root
        self._read = read

    def files(self, at: tuple[str, ...], shown: str, above: tuple[Folder, ...]) -> Iterator[tuple[str, Entry]]:
        """Yield path and entry of the files in the folder at the real place `at`, which is seen as `shown`.

        `above` are the folders on the way, the last one being this folder; they are for finding loops.
        """
        folder = above[-1]
        for name in sorted(folder.entries):
            if not shown and name.startswith(".."):
                continue
            path = shown + name
            if any("\udc80" <= char <= "\udcff" for char in path):
                raise ConfigvaultError(
                    f"{path!r} is no UTF-8, and a ConfigMap allows no other names", "rename it"
                )
            found, place = self._at((*at, name), path, 0)
            if isinstance(found, Entry):
                yield path, found
            elif any(found is one for one in above):
                raise ConfigvaultError(f"the link {path!r} is part of a loop", "remove it")
            else:
                yield from self.files(place, f"{path}/", (*above, found))

    def _at(self, parts: tuple[str, ...], path: str, links: int) -> tuple[Entry | Folder, tuple[str, ...]]:
        """Return the entry at `parts` after following links, and its real place; errors name `path`."""
        here: Entry | Folder = self._root
        place: tuple[str, ...] = ()
        for number, name in enumerate(parts):
            if name in ("", "."):
                continue
            if name == "..":
                if not place:
                    raise ConfigvaultError(f"the link {path!r} leads out of the root", "replace it by a file")
                return self._at((*place[:-1], *parts[number + 1 :]), path, links)
            found = here.entries.get(name) if isinstance(here, Folder) else None
            if found is None:
                raise ConfigvaultError(f"the link {path!r} leads nowhere", "fix or remove it")
            if isinstance(found, Entry) and found.kind is Kind.LINK:
                return self._behind(found, place, parts[number + 1 :], path, links)
            here, place = found, (*place, name)
        return here, place

    def _behind(
        self, link: Entry, place: tuple[str, ...], rest: tuple[str, ...], path: str, links: int
    ) -> tuple[Entry | Folder, tuple[str, ...]]:
        target = self._read(link.blob).decode("utf-8", "surrogateescape")
        if target.startswith("/"):
            raise ConfigvaultError(f"the link {path!r} leads out of the root", "replace it by a file")
        if links >= _MOST_LINKS:
            raise ConfigvaultError(f"the link {path!r} is part of a loop", "remove it")
        return self._at((*place, *target.split("/"), *rest), path, links + 1)
