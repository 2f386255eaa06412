"""The content of an object store: bundles of git objects, and manifests, which form a chain.

    HOST/bundles/00000007.1f3a….bundle[.age]   a git bundle, encrypted or not; its name ends with a part of its SHA-256
    HOST/manifests/00000007.json               what that bundle brings; written last, and only if the name is free

A manifest names the SHA-256 of its bundle and of the manifest before it. So the newest manifest proves whether all the
others are what was stored. `base` is the number of the full bundle with which its chain begins. `refs` are all refs in
the manifest of a full bundle, and in the others those that changed (None: removed). If the bundles are encrypted, the
refs and the description of the latest snapshot are encrypted, too, in `sealed`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from configvault.core.frozen import as_dict, field, fields, frozen
from configvault.core.pattern import pattern
from configvault.core.replicas import VAULTS

FORMAT = 1
MANIFESTS, BUNDLES = "manifests/", "bundles/"
# A bound. The refs of a thousand snapshots take 80 kB.
MOST_MANIFEST_BYTES = 64 << 20
# The numbers in names have eight digits, so that a list sorted by name is sorted by number.
MOST_NUMBER = 10**8 - 1

_NUMBER = pattern(r"([0-9]{8})\.json")
_BUNDLE = pattern(r"([0-9]{8})\.[0-9a-f]{16}\.bundle(\.age)?")
_ID = pattern(r"[0-9a-f]{40}")
_REF = pattern(r"refs/(heads/main|tags/[^\x00-\x20\x7f~^:?*\[\\]+|configvault/[^\x00-\x20\x7f~^:?*\[\\]+)")
_SHA256 = re.compile(r"[0-9a-f]{64}")


def manifest_name(number: int) -> str:
    """Return the name of a manifest, relative to its host's folder."""
    return f"{MANIFESTS}{number:08d}.json"


def bundle_name(number: int, sha256: str, *, encrypted: bool) -> str:
    """Return the name of a bundle, relative to its host's folder."""
    return f"{BUNDLES}{number:08d}.{sha256[:16]}.bundle{'.age' if encrypted else ''}"


def number_of(name: str) -> int | None:
    """Return the number in the name of a manifest or bundle, in any folder; None if it is neither."""
    last = name.rpartition("/")[2]
    match = _NUMBER.fullmatch(last) or _BUNDLE.fullmatch(last)
    return int(match[1]) if match else None


def digest(refs: Mapping[str, str]) -> str:
    """Return the SHA-256 over ids and names of the refs, sorted by name."""
    import hashlib

    lines = "".join(f"{id_} {ref}\n" for ref, id_ in sorted(refs.items()))
    return hashlib.sha256(lines.encode("utf-8", "surrogateescape")).hexdigest()


@frozen
class Latest:
    """The latest snapshot in a manifest: its id, commit and tree, when it was taken (ISO 8601), its subject."""

    id: str
    commit: str
    tree: str
    taken_at: str
    subject: str


@frozen
class Bundle:
    """One stored bundle: its name relative to the host's folder, its size in bytes as stored, and their SHA-256."""

    name: str
    size: int
    sha256: str


@frozen
class Manifest:
    """One manifest.

    Attributes:
        host: whose history it is.
        number: its own number, from 1.
        base: the number of the full bundle with which its chain begins.
        previous: the SHA-256 of the manifest before it, None for the first one.
        written_at: when it was written, ISO 8601.
        main: the commit of `refs/heads/main`.
        vaults: the names of the vaults whose history it holds (as in `refs/configvault/vaults/`).
        refs_sha256: the `digest` of all refs.
        bundle: its bundle; None if there were no new objects.
        shallow: the commits whose parents are cut off.
        refs: see the module.
        latest: the latest snapshot.
        sealed: the encrypted `secret`.
        signature: an ssh signature of `payload`.
        sha256: the hash of its stored bytes; not a part of them.
    """

    host: str
    number: int
    base: int
    previous: str | None
    written_at: str
    main: str | None
    vaults: tuple[str, ...]
    refs_sha256: str
    bundle: Bundle | None = None
    shallow: tuple[str, ...] = ()
    refs: Mapping[str, str | None] = field(default_factory=dict)
    latest: Latest | None = None
    sealed: str | None = None
    signature: str | None = None
    sha256: str = ""

    def payload(self) -> bytes:
        """Return the bytes that are signed: everything but the signature."""
        return _canonical(self._document())

    def encode(self) -> bytes:
        """Return the bytes that are stored."""
        return _canonical({**self._document(), "signature": self.signature})

    def secret(self) -> bytes:
        """Return the bytes that are encrypted as `sealed` if the bundles are encrypted."""
        return _canonical({"refs": dict(self.refs), "latest": _plain(self.latest)})

    def _document(self) -> dict[str, Any]:
        open_ = {} if self.sealed is not None else {"refs": dict(self.refs), "latest": _plain(self.latest)}
        return {
            "configvault": FORMAT,
            "host": self.host,
            "number": self.number,
            "base": self.base,
            "previous": self.previous,
            "written_at": self.written_at,
            "main": self.main,
            "vaults": list(self.vaults),
            "refs_sha256": self.refs_sha256,
            "bundle": _plain(self.bundle),
            "shallow": list(self.shallow),
            "sealed": self.sealed,
            **open_,
        }


def _plain(value: Latest | Bundle | None) -> dict[str, Any] | None:
    if value is None:
        return None
    return as_dict(value)


def _canonical(document: Mapping[str, Any]) -> bytes:
    return (json.dumps(document, indent=1, sort_keys=True) + "\n").encode()


def decode(body: bytes) -> Manifest:
    """Return the manifest that was stored as `body`; check the form of every field, as it comes from outside.

    Raises:
        ValueError: it is not a manifest; the message says why.
    """
    import hashlib

    try:
        found = json.loads(body)
        if not isinstance(found, dict) or found.get("configvault") != FORMAT:
            raise ValueError("it has another format")
        bundle = found["bundle"]
        refs, latest = _open(found)
        manifest = Manifest(
            host=_text(found["host"]),
            number=_count(found["number"]),
            base=_count(found["base"]),
            previous=_hash(found["previous"]),
            written_at=_moment(found["written_at"]),
            main=_object(found["main"]),
            vaults=tuple(_vault(one) for one in _list(found["vaults"])),
            refs_sha256=_text(found["refs_sha256"]),
            bundle=_bundle(bundle) if bundle is not None else None,
            shallow=tuple(sorted(_text(_object(one)) for one in _list(found["shallow"]))),
            refs=refs,
            latest=latest,
            sealed=_optional(found["sealed"]),
            signature=_optional(found["signature"]),
            sha256=hashlib.sha256(body).hexdigest(),
        )
    except (TypeError, KeyError, AttributeError, RecursionError) as error:
        raise ValueError(f"it has another form ({type(error).__name__})") from None
    if not 1 <= manifest.base <= manifest.number:
        raise ValueError("its base is not before it")
    _agree(manifest.main, latest)
    return manifest


def unsealed(manifest: Manifest, secret: bytes) -> tuple[dict[str, str | None], Latest | None]:
    """Return refs and latest snapshot from `secret`, the decrypted `sealed` of `manifest`; raises like `decode`."""
    try:
        refs, latest = _open({**json.loads(secret), "sealed": None})
    except (TypeError, KeyError, AttributeError, RecursionError):
        raise ValueError("what is sealed in it has another form") from None
    _agree(manifest.main, latest)
    return refs, latest


def _agree(main: str | None, latest: Latest | None) -> None:
    if latest is not None and latest.commit != main:
        raise ValueError("its latest snapshot is not the one that it leads to")


def _open(found: Mapping[str, Any]) -> tuple[dict[str, str | None], Latest | None]:
    if found["sealed"] is not None:
        return {}, None
    refs: dict[str, str | None] = {}
    for ref, id_ in found["refs"].items():
        refs[_ref(ref)] = _object(id_)
    said = found["latest"]
    if said is None:
        return refs, None
    latest = Latest(**{name: _text(said[name]) for name in fields(Latest) or ()})
    _ref(f"refs/tags/{latest.id}")
    _moment(latest.taken_at)
    _text(_object(latest.commit))
    _text(_object(latest.tree))
    return refs, latest


def _ref(name: str) -> str:
    """Check that a vault may have a ref of this name; it need not be UTF-8, as git allows any byte above 127."""
    name.encode("utf-8", "surrogateescape")
    ends = name.endswith((".", "/", ".lock"))
    if not _REF.fullmatch(name) or ".." in name or "//" in name or "@{" in name or ends:
        raise ValueError("it has a ref that no vault has")
    return name


def _vault(value: object) -> str:
    return _ref(VAULTS + _text(value)).removeprefix(VAULTS)


def _bundle(found: Mapping[str, Any]) -> Bundle:
    bundle = Bundle(_text(found["name"]), _count(found["size"]), _text(found["sha256"]))
    if not bundle.name.startswith(BUNDLES) or not _BUNDLE.fullmatch(bundle.name.removeprefix(BUNDLES)):
        raise ValueError("it names something that is not a bundle")
    if not _SHA256.fullmatch(bundle.sha256):
        raise ValueError("it has no SHA-256 of its bundle")
    return bundle


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError
    # Raises for a lone surrogate, which JSON can hold but nobody can print.
    value.encode()
    return value


def _optional(value: object) -> str | None:
    return value if value is None else _text(value)


def _list(value: object) -> list[object]:
    if not isinstance(value, list):
        raise TypeError
    return value


def _count(value: object) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        raise TypeError
    return value


def _moment(value: object) -> str:
    text = _text(value)
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError("it has a time without an offset")
    # At the ends of datetime's range, converting it to another zone would fail.
    if not 1970 <= moment.year < 9999:
        raise ValueError("it has a time at which there was no configvault")
    return text


def _hash(value: object) -> str | None:
    if value is not None and not _SHA256.fullmatch(_text(value)):
        raise ValueError("it does not name the manifest before it")
    return value if value is None else _text(value)


def _object(value: object) -> str | None:
    if value is not None and not _ID.fullmatch(_text(value)):
        raise ValueError("it names something that is no git object")
    return value if value is None else _text(value)


def changed(before: Mapping[str, str], after: Mapping[str, str]) -> dict[str, str | None]:
    """Return the refs that are new or moved from `before` to `after`, by name; None for those that are gone."""
    moved: dict[str, str | None] = {ref: id_ for ref, id_ in after.items() if before.get(ref) != id_}
    return moved | dict.fromkeys(before.keys() - after.keys())


def refs_of(chain: Sequence[Manifest]) -> dict[str, str]:
    """Return the refs at the end of a chain: all manifests from the full bundle on, in order and decrypted."""
    refs: dict[str, str] = {}
    for manifest in chain:
        for ref, id_ in manifest.refs.items():
            if id_ is None:
                refs.pop(ref, None)
            else:
                refs[ref] = id_
    return refs


@frozen
class StoreState:
    """What a host remembers of its store: the manifest that it stored last.

    Attributes:
        number: its number.
        base: the number of its full bundle.
        sha256: the SHA-256 of its stored bytes.
        md5: their MD5, which many stores give as e-tag.
        e_tag: the e-tag that the store returned.
        base_bytes: the size of its full bundle.
        since_bytes: the size of all bundles since then.
        refs: all refs as of this manifest.
        conditional: whether the server refuses to overwrite a name; None if not tried yet.
        following: the manifest that is being stored; after a crash only the store knows whether it arrived.
    """

    number: int
    base: int
    sha256: str
    md5: str
    e_tag: str | None
    base_bytes: int
    since_bytes: int
    refs: Mapping[str, str]
    conditional: bool | None = None
    following: StoreState | None = None
