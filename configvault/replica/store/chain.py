"""Whether what a store shows is what was stored there: the manifests, their order, and the bundles that they name."""

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

# Far more than a host makes before the next full bundle, and few enough to read; and what they may have together.
_MOST_CHAIN, _MOST_BYTES = 1000, 4 * MOST_MANIFEST_BYTES

# Says what is wrong with the signature of a text, None where it counts.
Check = Callable[[bytes, str | None], str | None]


_HINT = (
    "find out who changed it; `recover --until N` ends with an older manifest, or recover from another replica"
)


class ChainError(IntegrityError):
    """What a store shows is not what was stored; `damages` says where, one line each."""

    def __init__(self, store: str, damages: Sequence[str], hint: str | None = None) -> None:
        """Keep the `damages`, of which there is at least one."""
        more = f" and {len(damages) - 1} more" if len(damages) > 1 else ""
        super().__init__(f"replica {store}: {damages[0]}{more}", hint or _HINT)
        self.damages = tuple(damages)


@frozen
class Listing:
    """The manifests and bundles of one host by number and by name, as they are listed."""

    manifests: Mapping[int, Found]
    bundles: Mapping[str, Found]

    @property
    def newest(self) -> int:
        """Return the highest number of a manifest, 0 where there is none."""
        return max(self.manifests, default=0)

    def orphans(self) -> list[str]:
        """Return the bundles with a number above the newest manifest's."""
        newest = self.newest
        return [name for name in self.bundles if (number_of(name) or 0) > newest]


def look(objects: Objects, host: str, after: int = 0) -> Listing:
    """List the manifests and bundles of `host` behind the number `after`."""
    last = f"{host}/{BUNDLES}{after:08d}.z" if after else ""
    found = {}
    for one in objects.listed(f"{host}/{BUNDLES}", last):
        name = one.name.removeprefix(f"{host}/")
        if number_of(name) and "/" not in name.removeprefix(BUNDLES):
            found[name] = one
    return Listing(manifests(objects, host, after), found)


def manifests(objects: Objects, host: str, after: int = 0) -> dict[int, Found]:
    """List the manifests of `host` behind the number `after`; what else lies there is none of ours."""
    first = f"{host}/{manifest_name(after)}" if after else ""
    found = {}
    for one in objects.listed(f"{host}/{MANIFESTS}", first):
        number = number_of(one.name)
        if number is not None and number > after and one.name == f"{host}/{manifest_name(number)}":
            found[number] = one
    return found


def read(objects: Objects, shown: str, host: str, number: int) -> Manifest:
    """Return one manifest.

    Raises:
        ChainError: it is missing, or is none of this host and number.
        StoreError: the store cannot be asked.
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
    """Return the manifests from the full bundle on to number `newest`, proven to be a chain.

    Args:
        objects: where to read.
        shown: the store's name for errors.
        host: whose.
        listing: what is listed.
        check: says what is wrong with a signature; None: nobody's signature is asked for.
        known: what the host knows that it stored, if that is known here.
        newest: the number to end with.

    Raises:
        ChainError: it names everything that is missing, damaged, withheld or not signed.
        StoreError: the store cannot be asked.
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
            # Without it nothing says what came before.
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
    """Say what is wrong with the newest signature; with it stand all the manifests before, as it names their hashes."""
    fault = check(last.payload(), last.signature) if check is not None else None
    return [f"manifest {last.number} {fault}"] if fault else []


def hash_of(path: str) -> tuple[str, int]:
    """Return the SHA-256 of a file, and its size."""
    with open(path, "rb") as file:
        found = hashlib.file_digest(file, "sha256").hexdigest()
        return found, file.tell()
