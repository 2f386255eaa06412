"""What lies in an object store: bundles of git objects, and a manifest for each, which form a chain.

    HOST/bundles/00000007.1f3a….bundle[.age]   a git bundle, encrypted or not; its name ends with a part of its SHA-256
    HOST/manifests/00000007.json               what that bundle brings; written last, and only if there is none

A manifest names the SHA-256 of its bundle and of the manifest before it, so whoever has the newest one knows whether
all the others are what was stored. `base` is the number of the full bundle from which it can be rebuilt. `refs` are all
refs in the manifest of a full bundle, and in the others those that changed (None: gone). Where the bundles are
encrypted, the refs and what is said of the latest snapshot are `sealed`.
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
# Names of refs of a thousand snapshots take 80 kB; what is larger than this is no manifest.
MOST_MANIFEST_BYTES = 64 << 20
# Their names have eight digits, so that they are listed in order.
MOST_NUMBER = 10**8 - 1

_NUMBER = pattern(r"([0-9]{8})\.json")
_BUNDLE = pattern(r"([0-9]{8})\.[0-9a-f]{16}\.bundle(\.age)?")
_ID = pattern(r"[0-9a-f]{40}")
_REF = pattern(r"refs/(heads/main|tags/[^\x00-\x20\x7f~^:?*\[\\]+|configvault/[^\x00-\x20\x7f~^:?*\[\\]+)")
_SHA256 = re.compile(r"[0-9a-f]{64}")


def manifest_name(number: int) -> str:
    """Return the name of a manifest below its host."""
    return f"{MANIFESTS}{number:08d}.json"


def bundle_name(number: int, sha256: str, *, encrypted: bool) -> str:
    """Return the name of a bundle below its host."""
    return f"{BUNDLES}{number:08d}.{sha256[:16]}.bundle{'.age' if encrypted else ''}"


def number_of(name: str) -> int | None:
    """Return the number in the name of a manifest or bundle, without its folders; None where it is neither."""
    last = name.rpartition("/")[2]
    match = _NUMBER.fullmatch(last) or _BUNDLE.fullmatch(last)
    return int(match[1]) if match else None


def digest(refs: Mapping[str, str]) -> str:
    """Return the SHA-256 of all refs, in order."""
    import hashlib

    lines = "".join(f"{id_} {ref}\n" for ref, id_ in sorted(refs.items()))
    return hashlib.sha256(lines.encode("utf-8", "surrogateescape")).hexdigest()


@frozen
class Latest:
    """What is said of the latest snapshot: its id, commit and tree, when it was taken, and what changed."""

    id: str
    commit: str
    tree: str
    taken_at: str
    subject: str


@frozen
class Bundle:
    """One stored bundle: its name below the host, its bytes as stored, and their SHA-256."""

    name: str
    size: int
    sha256: str


@frozen
class Manifest:
    """One manifest; `sha256` is that of its bytes as they are stored, and not a part of them.

    `previous` is the SHA-256 of the manifest before it, None for the first one. `vaults` are the vaults whose history it
    is (as in `refs/configvault/vaults/`). `signature` is one of ssh over everything else.
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
        """Return what is signed."""
        return _canonical(self._document())

    def encode(self) -> bytes:
        """Return it as it is stored."""
        return _canonical({**self._document(), "signature": self.signature})

    def secret(self) -> bytes:
        """Return what is sealed where the bundles are encrypted."""
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
    """Return the manifest that was stored as `body`.

    Raises:
        ValueError: it is none; says why.
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
    """Return the refs and the latest snapshot that were sealed in `manifest`; raises ValueError like `decode`."""
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
    """Return the name of a ref that a vault may have; git takes any byte above 127 in one, so it need not be UTF-8."""
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
    # JSON can say half a character, which nobody can print.
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
    # At the ends of what datetime knows there is no other zone to show it in.
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
    """Return what makes `after` of `before`: refs that are new or moved, None for those that are gone."""
    moved: dict[str, str | None] = {ref: id_ for ref, id_ in after.items() if before.get(ref) != id_}
    return moved | dict.fromkeys(before.keys() - after.keys())


def refs_of(chain: Sequence[Manifest]) -> dict[str, str]:
    """Return the refs at the end of a whole chain, from the full bundle on; `chain` is opened, and in order."""
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
    """What a host knows of its store: the manifest stored last, and what it is stored as.

    `refs` are those of that manifest. `base_bytes` and `since_bytes` are the sizes of its full bundle and of what came
    since. `conditional` says whether the server keeps two from writing one name (None: it was not asked). `following` is
    the manifest that is being stored: whether it arrived, only the store knows after a crash.
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
