"""Check that a store shows what was stored there: all manifests in order, and the bundles that they name."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence

from configvault.core.errors import IntegrityError
from configvault.core.frozen import frozen
from configvault.core.replicas import Why
from configvault.core.stores import (
    BUNDLES,
    MANIFESTS,
    MOST_MANIFEST_BYTES,
    Manifest,
    StoreState,
    decode,
    manifest_name,
    number_of,
)
from configvault.replica.store.objects import AbsentError, Found, Objects, StoreError

# How many manifests of a chain are read, and how many bytes in all. A host makes far fewer before the next full bundle.
_MOST_CHAIN, _MOST_BYTES = 1000, 4 * MOST_MANIFEST_BYTES

# Gets a text and its signature; returns what is wrong with the signature, None if it is valid.
Check = Callable[[bytes, str | None], str | None]


_HINT = (
    "find out who changed it; `recover --until N` ends with an older manifest, or recover from another replica"
)


class ChainError(IntegrityError):
    """A store does not show what was stored there; `damages` has one line for each difference."""

    def __init__(self, store: str, damages: Sequence[str], hint: str | None = None) -> None:
        """Keep the `damages`, at least one; the first makes the message, for the replica named `store`."""
        more = f" and {len(damages) - 1} more" if len(damages) > 1 else ""
        super().__init__(f"replica {store}: {damages[0]}{more}", hint or _HINT)
        self.damages = tuple(damages)


@frozen
class Listing:
    """What a store lists for one host: its manifests by number, its bundles by name."""

    manifests: Mapping[int, Found]
    bundles: Mapping[str, Found]

    @property
    def newest(self) -> int:
        """Return the highest number of a manifest, 0 if there is none."""
        return max(self.manifests, default=0)

    def orphans(self) -> list[str]:
        """Return the names of bundles with a higher number than the newest manifest."""
        newest = self.newest
        return [name for name in self.bundles if (number_of(name) or 0) > newest]


def look(objects: Objects, host: str, after: int = 0) -> Listing:
    """List the manifests and bundles of `host` with numbers above `after`."""
    # `z` sorts after the hexadecimal digits with which the names of the bundle `after` go on.
    last = f"{host}/{BUNDLES}{after:08d}.z" if after else ""
    found = {}
    for one in objects.listed(f"{host}/{BUNDLES}", last):
        name = one.name.removeprefix(f"{host}/")
        if number_of(name) and "/" not in name.removeprefix(BUNDLES):
            found[name] = one
    return Listing(manifests(objects, host, after), found)


def manifests(objects: Objects, host: str, after: int = 0) -> dict[int, Found]:
    """List the manifests of `host` with numbers above `after`, by number; other objects there are ignored."""
    first = f"{host}/{manifest_name(after)}" if after else ""
    found = {}
    for one in objects.listed(f"{host}/{MANIFESTS}", first):
        number = number_of(one.name)
        if number is not None and number > after and one.name == f"{host}/{manifest_name(number)}":
            found[number] = one
    return found


def read(objects: Objects, shown: str, host: str, number: int) -> Manifest:
    """Return one manifest; its signature is not checked.

    Raises:
        ChainError: it is missing, damaged, or of another host or number.
        StoreError: the store cannot be reached, or refuses.
    """
    name = f"{host}/{manifest_name(number)}"
    try:
        found = decode(objects.read(name, MOST_MANIFEST_BYTES))
    except AbsentError:
        raise ChainError(shown, [f"manifest {number} is missing"]) from None
    except ValueError as error:
        raise ChainError(shown, [f"manifest {number} is damaged: {error}"]) from None
    except StoreError as error:
        if error.trouble.why is not Why.DAMAGED:
            raise
        raise ChainError(shown, [f"manifest {number} is damaged: {error.trouble.words}"]) from None
    if (found.host, found.number) != (host, number):
        said = f"manifest {number} is another one: number {found.number} of {found.host[:100]!r}"
        raise ChainError(shown, [said])
    return found


def walk(
    objects: Objects,
    shown: str,
    host: str,
    listing: Listing,
    check: Check | None,
    known: StoreState | None,
    newest: int,
) -> tuple[Manifest, ...]:
    """Return the manifests from the last full bundle up to number `newest`, after checking that they form a chain.

    Args:
        objects: the store.
        shown: the store's name for errors.
        host: whose manifests.
        listing: what the store lists for this host.
        check: checks a signature; None to accept any or none.
        known: what this host remembers to have stored; None if it remembers nothing.
        newest: the number of the last manifest.

    Raises:
        ChainError: something is missing, damaged, withheld or not signed; `damages` lists all of it.
        StoreError: the store cannot be reached, or refuses.
    """
    last = read(objects, shown, host, newest)
    if newest - last.base >= _MOST_CHAIN:
        raise ChainError(
            shown, [f"manifest {newest} goes on from {last.base}: no host makes a chain that long"]
        )
    damages = [*_withheld(listing, known), *_unsigned(last, check)]
    chain = [last]
    left = _MOST_BYTES
    for number in range(newest - 1, last.base - 1, -1):
        left -= listing.manifests[number].size if number in listing.manifests else 0
        if left < 0:
            damages.append(f"manifest {number} and those after it are larger than any host makes them")
            break
        try:
            found = read(objects, shown, host, number)
        except ChainError as error:
            damages += error.damages
            # Without this manifest, the hash of the one before it is unknown.
            break
        if found.sha256 != chain[-1].previous or found.base != last.base:
            damages.append(f"manifest {number} is not the one that manifest {number + 1} follows")
            break
        chain.append(found)
    chain.reverse()
    if known is not None and not _is_known(chain, known):
        damages.append(f"manifest {known.number} is not the one that this host stored")
    for manifest in chain:
        bundle = manifest.bundle
        there = listing.bundles.get(bundle.name) if bundle is not None else None
        if bundle is not None and there is None:
            damages.append(f"bundle {bundle.name.removeprefix(BUNDLES)} is missing")
        elif bundle is not None and there is not None and there.size != bundle.size:
            said = f"{there.size} bytes instead of {bundle.size}"
            damages.append(f"bundle {bundle.name.removeprefix(BUNDLES)} is damaged: {said}")
    if damages:
        raise ChainError(shown, damages)
    return tuple(chain)


def _withheld(listing: Listing, known: StoreState | None) -> list[str]:
    if known is None or known.number <= listing.newest:
        return []
    first = listing.newest + 1
    which = f"manifest {first} is" if first == known.number else f"manifests {first} to {known.number} are"
    return [f"an older state is shown: {which} withheld or removed, this host stored {known.number}"]


def _is_known(chain: Sequence[Manifest], known: StoreState) -> bool:
    return all(one.sha256 == known.sha256 for one in chain if one.number == known.number)


def _unsigned(last: Manifest, check: Check | None) -> list[str]:
    """Return what is wrong with the newest manifest's signature. It covers all earlier ones, through their hashes."""
    fault = check(last.payload(), last.signature) if check is not None else None
    return [f"manifest {last.number} {fault}"] if fault else []


def hash_of(path: str) -> tuple[str, int]:
    """Return the SHA-256 of a file in hexadecimal, and its size in bytes."""
    with open(path, "rb") as file:
        found = hashlib.file_digest(file, "sha256").hexdigest()
        return found, file.tell()
