"""One host's history in one store: push to it, check it, fetch from it, thin it out."""

from __future__ import annotations

import contextlib
import hashlib
import os
import shutil
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Protocol

from configvault.core.errors import ConfigvaultError, IntegrityError
from configvault.core.frozen import frozen, replace
from configvault.core.replicas import VAULTS, Examined, Glance, Trouble, Why
from configvault.core.stores import (
    BUNDLES,
    MOST_MANIFEST_BYTES,
    MOST_NUMBER,
    Bundle,
    Latest,
    Manifest,
    StoreState,
    bundle_name,
    changed,
    digest,
    manifest_name,
    number_of,
    refs_of,
    unsealed,
)
from configvault.replica.store import bundles, chain
from configvault.replica.store.address import FOLDER, StoreAddress
from configvault.replica.store.bundles import Git
from configvault.replica.store.chain import ChainError, Check, Listing
from configvault.replica.store.objects import DeniedError, ExistsError, Found, Objects, StoreError

MAIN = "refs/heads/main"
# A full bundle is due after this many manifests, or when the increments are as large as the full bundle before them, but
# at least so many bytes.
MOST_PARTS = 50
LEAST_BYTES = 1 << 20
# The largest bundle that is fetched. It also bounds what git unpacks; encryption adds little.
_MOST_BUNDLE_BYTES = 1 << 40


class Memory(Protocol):
    """What a host remembers of its store. If it is lost, the next push makes a full bundle."""

    def read(self) -> StoreState | None:
        """Return what is remembered, None if nothing is."""
        ...

    def write(self, state: StoreState) -> None:
        """Replace what is remembered."""
        ...


class Nothing:
    """The memory of a process that only reads the store."""

    def read(self) -> None:
        """Return None."""

    def write(self, state: StoreState) -> None:
        """Do nothing."""


@frozen
class Thinned:
    """What `prune` removed: the names, their size in bytes, and the number of the first manifest that is kept."""

    removed: tuple[str, ...]
    bytes: int
    first: int


class Store:
    """The history of one host in one store."""

    def __init__(
        self,
        address: StoreAddress,
        environ: Mapping[str, str],
        *,
        now: Callable[[], datetime],
        memory: Memory | None = None,
        sign: Callable[[bytes], bytes | None] | None = None,
        check: Check | None = None,
        until: int | None = None,
        stop: threading.Event | None = None,
    ) -> None:
        """Connect to nothing yet.

        Args:
            address: where the history is stored.
            environ: may hold the provider's credentials.
            now: returns the time, for manifests.
            memory: what this host remembers of the store; None if nothing.
            sign: returns the signature of a manifest; None not to sign.
            check: checks the signature of a manifest; None not to check.
            until: the number of the last manifest to use; None for the newest.
            stop: when set, a push ends before its next request.
        """
        self.address = address
        self._environ = environ
        self._now = now
        self._memory: Memory = memory or Nothing()
        self._sign = sign
        self._check = check
        self._until = until
        self._stop = stop
        self._objects: Objects | None = None
        self._chain: tuple[Manifest, ...] | None = None
        # What the last check of the chain found that is no damage, but worth a look.
        self.noticed: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """Return the URL without secrets, fit to print."""
        return self.address.shown

    @property
    def key(self) -> str:
        """Return a short hash for the names of local files about this replica."""
        return self.address.key

    @property
    def objects(self) -> Objects:
        """Return the client for the store; raises ConfigvaultError if its library is not installed."""
        if self._objects is None:
            self._objects = open_objects(self.address, self._environ)
        return self._objects

    # --- push

    def push(self, git: Git, stop: threading.Event | None = None) -> Trouble | None:
        """Add to the store what is new in the vault of `git`; return why that failed, None if it did not."""
        try:
            return self._push(git, stop or self._stop or threading.Event())
        except StoreError as error:
            return error.trouble
        except ChainError as error:
            return Trouble(Why.DAMAGED, error.message.partition(": ")[2], error.hint)
        except ConfigvaultError as error:
            return Trouble(Why.REFUSED, error.message, error.hint)
        except OSError as error:
            # Errors of the store are StoreErrors, so this one is about the scratch folder in the vault.
            return Trouble(Why.REFUSED, f"cannot create a bundle here: {error.filename or ''} {error.strerror}")

    def _push(self, git: Git, stop: threading.Event) -> Trouble | None:
        refs = bundles.refs(git)
        known, newest, previous = self._settled(git, refs)
        if known is not None and digest(refs) == digest(known.refs):
            return None
        number = newest + 1
        if number > MOST_NUMBER:
            said = f"somebody wrote manifest {newest}, after which there is no number"
            raise ChainError(
                self.name, [said], "a new prefix in `url` starts anew, and this one stays as it is"
            )
        with self._scratch(git, "outgoing") as scratch:
            full = known is None or _is_due(known)
            before = {} if full or known is None else known.refs
            stored, path = self._bundle(git, scratch, number, refs, before)
            if stop.is_set():
                return Trouble(Why.STOPPED, "the push was stopped")
            if stored is not None and path is not None:
                self._send(stored, path)
        if stop.is_set():
            return Trouble(Why.STOPPED, "the push was stopped")
        manifest = Manifest(
            host=self.address.host,
            number=number,
            base=number if full or known is None else known.base,
            previous=previous,
            written_at=self._now().isoformat(timespec="seconds"),
            main=refs.get(MAIN),
            vaults=_vaults(refs),
            refs_sha256=digest(refs),
            bundle=stored,
            shallow=bundles.shallow(git),
            refs=changed(before, refs),
            latest=_latest(git) if MAIN in refs else None,
        )
        return self._publish(manifest, refs, known if not full else None)

    def _send(self, stored: Bundle, path: str) -> None:
        """Add a bundle. Its name holds its hash: if the name is taken by an object of the same size, that is this bundle."""
        try:
            self.objects.send(self._place(stored.name), path)
        except ExistsError:
            there = self.objects.listed(
                self._place(BUNDLES), self._place(f"{BUNDLES}{stored.name[len(BUNDLES) :][:8]}")
            )
            if not any(one.name == self._place(stored.name) and one.size == stored.size for one in there):
                raise

    def _settled(self, git: Git, refs: Mapping[str, str]) -> tuple[StoreState | None, int, str | None]:
        """Compare what this host remembers with what the store lists.

        Returns:
            What is remembered, None if the next bundle must be a full one; the number and the SHA-256 of the newest
            manifest, 0 and None if there is none.

        Raises:
            StoreError: the store cannot be reached, or another vault writes there.
            ChainError: the store does not show what this host stored.
        """
        known = self._memory.read()
        listing = self._listed(known.base - 1 if known is not None else 0)
        if known is not None and known.following is not None:
            known = self._followed(known, known.following, listing)
        if known is not None:
            self._compare(known, listing)
            if known.number == listing.newest:
                return known, known.number, known.sha256
        if not listing.newest:
            return None, 0, None
        try:
            found = self._foreign(git, refs, listing.newest)
        except DeniedError:
            raise StoreError(self.name, self._unreadable(known, listing.newest)) from None
        # The manifest is ours, but this host does not know which refs it covers: the next bundle is a full one.
        return None, listing.newest, found.sha256

    def _unreadable(self, known: StoreState | None, newest: int) -> Trouble:
        """Return the trouble of manifests that this host does not know and may not read, to see whose they are."""
        what = f"up to {newest}" if known is None else f"after {known.number}"
        return Trouble(
            Why.DIVERGED,
            f"it holds manifests {what} under the name {self.address.host} that this vault does not know,"
            " and these credentials may not read whose they are",
            "set a different `host` in the configuration of each host; if it is this vault's own, permit reading for one push",
        )

    def _listed(self, after: int) -> Listing:
        return Listing(chain.manifests(self.objects, self.address.host, max(after, 0)), {})

    def _followed(self, known: StoreState, following: StoreState, listing: Listing) -> StoreState | None:
        """Return what is known after a push that was cut off: `following` if its manifest arrived, else `known` without."""
        there = listing.manifests.get(following.number)
        if there is not None and self._is_same(there, following):
            known = replace(following, conditional=known.conditional)
            self._memory.write(known)
            return known
        return replace(known, following=None) if known.number else None

    def _compare(self, known: StoreState, listing: Listing) -> None:
        """Check that the store still lists the manifests that this host stored.

        Raises:
            ChainError: some are missing, or the newest is another one.
        """
        gone = [number for number in range(known.base, known.number + 1) if number not in listing.manifests]
        hint = "find out who removed it; a new prefix in `url` starts anew, and this one stays as it is"
        if gone:
            which = f"manifest {gone[0]} is" if len(gone) == 1 else f"manifests {gone[0]} to {gone[-1]} are"
            said = f"an older state is shown: {which} withheld or removed, this host stored {known.number}"
            raise ChainError(self.name, [said], hint)
        if not self._is_same(listing.manifests[known.number], known):
            said = f"manifest {known.number} is not the one that this host stored: somebody else writes under the name {self.address.host}"
            raise ChainError(self.name, [said], "set a different `host` in the configuration of each host")

    def _is_same(self, there: Found, known: StoreState) -> bool:
        """Return whether a listed manifest is the one known; it is read only if the e-tag in the list does not tell."""
        said = there.e_tag.strip('"') if there.e_tag else None
        if said is not None and (there.e_tag == known.e_tag or said == known.md5):
            return True
        try:
            body = self.objects.read(there.name, MOST_MANIFEST_BYTES)
        except DeniedError:
            # These credentials may only add and list. An e-tag that looks like an MD5 and differs is proof enough.
            if said is not None and len(said) == 32:
                return False
            raise
        return hashlib.sha256(body).hexdigest() == known.sha256

    def _foreign(self, git: Git, refs: Mapping[str, str], number: int) -> Manifest:
        """Return manifest `number` if it is this vault's own, for example after a recovery.

        Raises:
            StoreError: another vault wrote it, or it has snapshots that this vault lacks.
        """
        found = chain.read(self.objects, self.name, self.address.host, number)
        others = sorted(set(found.vaults) - set(_vaults(refs)))
        if others:
            who = " and ".join(name.partition("/")[0] for name in others[:3])
            raise StoreError(
                self.name,
                Trouble(
                    Why.DIVERGED,
                    f"another vault pushes to it under the name {self.address.host}, from {who}",
                    "set a different `host` in the configuration of each host, and use a new prefix for this one",
                ),
            )
        if found.main is not None and not bundles.has(git, [found.main]):
            raise StoreError(
                self.name,
                Trouble(
                    Why.AHEAD,
                    "it is ahead: it has snapshots that this vault does not have",
                    "if this vault was restored from an older copy, move it away and recover: configvault recover --help",
                ),
            )
        return found

    def _bundle(
        self, git: Git, scratch: str, number: int, refs: Mapping[str, str], before: Mapping[str, str]
    ) -> tuple[Bundle | None, str | None]:
        """Make the bundle of the objects that `refs` need and `before` lacks, encrypted if configured.

        Returns:
            What its manifest says of it, and its path; None for both if there are no new objects.
        """
        path = os.path.join(scratch, "bundle")
        if not bundles.make(git, path, refs, before):
            return None, None
        encrypted = bool(self.address.encrypt_to)
        if encrypted:
            from configvault.replica.store import seal

            seal.encrypt_file(path, f"{path}.age", self.address.encrypt_to)
            path = f"{path}.age"
        sha256, size = chain.hash_of(path)
        return Bundle(bundle_name(number, sha256, encrypted=encrypted), size, sha256), path

    def _publish(self, manifest: Manifest, refs: Mapping[str, str], known: StoreState | None) -> Trouble | None:
        """Add the manifest, which makes the bundle count; return the trouble if another host took its number."""
        if self.address.encrypt_to:
            from configvault.replica.store import seal

            manifest = replace(manifest, sealed=seal.seal(manifest.secret(), self.address.encrypt_to))
        signature = self._sign(manifest.payload()) if self._sign is not None else None
        manifest = replace(manifest, signature=signature.decode("ascii") if signature else None)
        body = manifest.encode()
        size = manifest.bundle.size if manifest.bundle else 0
        before = self._memory.read()
        state = StoreState(
            number=manifest.number,
            base=manifest.base,
            sha256=hashlib.sha256(body).hexdigest(),
            md5=hashlib.md5(body, usedforsecurity=False).hexdigest(),
            e_tag=None,
            base_bytes=known.base_bytes if known is not None else size,
            since_bytes=known.since_bytes + size if known is not None else 0,
            refs=refs,
            conditional=before.conditional if before is not None else None,
        )
        # Written before the manifest is sent: after a crash `_followed` finds out whether it arrived.
        basis = before or replace(state, number=0, base=0, sha256="", refs={})
        self._memory.write(replace(basis, following=state))
        try:
            e_tag = self.objects.create(self._place(manifest_name(manifest.number)), body)
        except ExistsError:
            # The manifest may be our own, from a request whose answer was lost.
            if not self._is_mine(state):
                return Trouble(
                    Why.BUSY, f"somebody else wrote manifest {manifest.number} at the same time", None
                )
            e_tag = None
        else:
            state = replace(state, conditional=self._is_conditional(state, body))
            # Without conditional puts another host may have overwritten ours: look what is there now.
            if not state.conditional and not self._is_mine(replace(state, e_tag=e_tag)):
                return Trouble(
                    Why.BUSY, f"somebody else wrote manifest {manifest.number} at the same time", None
                )
        self._memory.write(replace(state, e_tag=e_tag))
        return None

    def _is_conditional(self, state: StoreState, body: bytes) -> bool:
        """Return whether the server refuses to overwrite. Tried once, with the same bytes, so nothing can be lost."""
        if state.conditional is not None:
            return state.conditional
        try:
            self.objects.create(self._place(manifest_name(state.number)), body)
        except ExistsError:
            return True
        return False

    def _is_mine(self, state: StoreState) -> bool:
        """Return whether the manifest in the store now is the one that was sent."""
        there = self._listed(state.number - 1).manifests.get(state.number)
        return there is not None and self._is_same(there, state)

    def _place(self, name: str) -> str:
        return f"{self.address.host}/{name}"

    # --- look and fetch

    def examine(self, git: Git) -> Examined:  # noqa: ARG002 - as of git replicas
        """Check manifests and listed bundles; fetch no bundle.

        Raises:
            ChainError: something is missing, damaged, withheld or not signed; `damages` lists all of it.
            StoreError: the store cannot be reached, or refuses.
        """
        known = self._known()
        try:
            found = self._walked()
        except DeniedError:
            listing = self._listed(known.base - 1 if known is not None else 0)
            if known is None or not listing.newest:
                raise
            self._compare(known, listing)
            said = f"manifests {known.base} to {listing.newest} are listed; these credentials may not read them"
            return Examined(None, said, self._warnings(known, listing))
        if not found:
            return Examined(None, "it contains nothing of this host yet")
        said = f"manifests {found[0].number} to {found[-1].number} form a chain, their bundles are there"
        return Examined(
            found[-1].main,
            said,
            self._warnings(known, chain.look(self.objects, self.address.host, found[0].number)),
        )

    def _warnings(self, known: StoreState | None, listing: Listing) -> tuple[str, ...]:
        said = [*_unfinished(listing)]
        if known is not None and known.conditional is False:
            said.append(
                "the server ignores conditional puts: two hosts of one name would be noticed only afterwards"
            )
        return tuple(said)

    def glance(self) -> Glance:
        """Return what the newest manifest says of the latest snapshot. Costs one list and one small object.

        Raises:
            ConfigvaultError: the store cannot be reached, holds nothing of this host, or is damaged.
        """
        listing = self._listed(0)
        if not listing.newest:
            raise ConfigvaultError("it has no snapshots")
        known = self._known()
        if known is not None and known.number > listing.newest:
            self._compare(known, listing)
        found = chain.read(self.objects, self.name, self.address.host, listing.newest)
        fault = self._check(found.payload(), found.signature) if self._check is not None else None
        if fault:
            raise ChainError(self.name, [f"manifest {found.number} {fault}"])
        if found.sealed is not None and self.address.identity is not None:
            [found] = self._opened([found])
        latest = found.latest
        moment = datetime.fromisoformat(latest.taken_at if latest else found.written_at)
        if latest is None:
            return Glance(None, None, None, moment, "encrypted")
        return Glance(latest.id, latest.commit, latest.tree, moment, latest.subject)

    def held(self, git: Git) -> dict[str, str]:  # noqa: ARG002 - as of git replicas
        """Return the refs of this host in the store, by their names in a vault; raises like `examine`."""
        found = self._walked()
        if not found:
            return {}
        found = self._chain = self._opened(found)
        refs = refs_of(found)
        if digest(refs) != found[-1].refs_sha256 or refs.get(MAIN) != found[-1].main:
            raise ChainError(self.name, [f"manifest {found[-1].number} names other refs than it says"])
        return refs

    @property
    def is_readable(self) -> bool:
        """Return whether the content can be read here: it is not encrypted, or an identity is given."""
        return not self.address.encrypt_to or self.address.identity is not None

    def compare(self, git: Git) -> str:
        """Fetch every bundle that a recovery needs and check its hash; raises like `receive`. For stores without identity.

        Returns:
            The result in words.
        """
        found = self._walked()
        if not found:
            raise ChainError(self.name, ["it contains nothing of this host"])
        with self._scratch(git, "compared") as folder:
            for manifest in found:
                if manifest.bundle is not None:
                    path = os.path.join(folder, "bundle")
                    self._fetch(manifest.bundle, path)
                    os.unlink(path)
        said = f"manifests {found[0].number} to {found[-1].number} and their bundles are what was stored"
        return f"{said}; they were not decrypted, as there is no identity here"

    def receive(self, git: Git) -> None:
        """Fetch everything of this host into the vault of `git`; refs that it has may only move forward.

        Raises:
            ChainError: a bundle is not what was stored; nothing was fetched into the vault.
            ConfigvaultError: it failed for another reason.
        """
        self._receive(git, force=False)

    def peek(self, git: Git) -> None:
        """Fetch everything into the caller's own repository, moving its refs in any direction; raises like `receive`."""
        self._receive(git, force=True)

    def _receive(self, git: Git, *, force: bool) -> None:
        refs = self.held(git)
        found = self._chain or ()
        with self._scratch(git, "incoming") as incoming:
            folder = os.path.join(incoming, "repository.git")
            env = bundles.init(git, folder, found[-1].shallow if found else ())
            for manifest in found:
                if manifest.bundle is not None:
                    self._take(git, env, manifest.bundle, incoming)
            with self._naming("the history"):
                bundles.finish(git, env, refs)
            bundles.hand_over(git, folder, force=force)

    @contextlib.contextmanager
    def _scratch(self, git: Git, what: str) -> Iterator[str]:
        """Give an empty temporary folder in the vault, so that plain text is stored nowhere else.

        What a killed process left in it is removed by the next one.
        """
        path = os.path.join(git.env["GIT_DIR"], "configvault", f"{what}-{self.key}")
        shutil.rmtree(path, ignore_errors=True)
        os.makedirs(path, 0o700)
        try:
            yield path
        finally:
            shutil.rmtree(path, ignore_errors=True)

    def _take(self, git: Git, env: Mapping[str, str], bundle: Bundle, folder: str) -> None:
        """Fetch one bundle, check its hash, decrypt it if needed, and unpack it."""
        short = bundle.name.rpartition("/")[2]
        path = os.path.join(folder, "bundle")
        self._fetch(bundle, path)
        with self._naming(f"bundle {short}"):
            if short.endswith(".age"):
                self._identity().open_file(path, f"{path}.plain")
                os.unlink(path)
                path = f"{path}.plain"
            bundles.unpack(git, env, path)
        os.unlink(path)

    def _fetch(self, bundle: Bundle, path: str) -> None:
        """Fetch one bundle to the new file `path`, and check that it has the size and hash of its manifest."""
        short = bundle.name.rpartition("/")[2]
        try:
            self.objects.fetch(self._place(bundle.name), path, min(bundle.size, _MOST_BUNDLE_BYTES))
        except StoreError as error:
            if error.trouble.why is not Why.DAMAGED:
                raise
            raise ChainError(self.name, [f"bundle {short} is damaged: {error.trouble.words}"]) from None
        if chain.hash_of(path) != (bundle.sha256, bundle.size):
            raise ChainError(self.name, [f"bundle {short} is damaged: it is not what was stored"])

    @contextlib.contextmanager
    def _naming(self, what: str) -> Iterator[None]:
        try:
            yield
        except IntegrityError as error:
            raise ChainError(self.name, [f"{what}: {error.message}"]) from None

    def prune(self, keep: int, *, dry_run: bool = False) -> Thinned:
        """Remove everything before the newest `keep` full bundles, as a full bundle holds all the history before it.

        Nothing is removed unless the chain that a recovery would use is complete. The credentials must permit reading and
        deleting, which no push needs.

        Raises:
            ChainError: the chain is not complete.
            StoreError: the store cannot be reached, or does not permit it.
        """
        found = self._walked()
        if not found:
            return Thinned((), 0, 0)
        host, listing = self.address.host, chain.look(self.objects, self.address.host)
        first = found[0].number
        for _ in range(keep - 1):
            if first - 1 not in listing.manifests:
                break
            first = chain.read(self.objects, self.name, host, first - 1).base
        there = [*listing.manifests.values(), *listing.bundles.values()]
        gone = sorted(
            (one for one in there if (number_of(one.name) or 0) < first),
            key=lambda one: number_of(one.name) or 0,
        )
        for one in () if dry_run else gone:
            self.objects.remove(one.name)
        return Thinned(tuple(one.name for one in gone), sum(one.size for one in gone), first)

    def _walked(self) -> tuple[Manifest, ...]:
        """Return the checked chain of manifests, empty if the store holds nothing of this host; raises like `examine`."""
        known = self._known() if self._until is None else None
        listing = chain.look(self.objects, self.address.host)
        if not listing.newest and known is None:
            return ()
        self.noticed = _unfinished(listing)
        newest = self._until or listing.newest
        if not newest:
            self._compare(known, listing)  # type: ignore[arg-type]
        return chain.walk(self.objects, self.name, self.address.host, listing, self._check, known, newest)

    def _known(self) -> StoreState | None:
        """Return what this host has certainly stored, None if nothing."""
        known = self._memory.read()
        return known if known is not None and known.number else None

    def _opened(self, found: Sequence[Manifest]) -> tuple[Manifest, ...]:
        opened = []
        for manifest in found:
            if manifest.sealed is None:
                opened.append(manifest)
                continue
            try:
                refs, latest = unsealed(manifest, self._identity().open(manifest.sealed))
            except ValueError as error:
                raise ChainError(self.name, [f"manifest {manifest.number} is damaged: {error}"]) from None
            opened.append(replace(manifest, refs=refs, latest=latest))
        return tuple(opened)

    def _identity(self) -> seal.Identity:  # type: ignore[name-defined]  # noqa: F821
        from configvault.replica.store import seal

        if self.address.identity is None:
            raise ConfigvaultError(
                f"replica {self.name} is encrypted", "name the file with the secret key: --identity FILE"
            )
        return seal.Identity(self.address.identity)

    def adopt(self) -> None:
        """Remember the fetched chain as this host's own, after a recovery, so that the next push only adds what is new."""
        found = self._chain
        if not found or self._until is not None or self._memory.read() is not None:
            return
        last, refs = found[-1], refs_of(found)
        body = replace(last, refs={} if last.sealed else last.refs).encode()
        sizes = [one.bundle.size if one.bundle else 0 for one in found]
        md5 = hashlib.md5(body, usedforsecurity=False).hexdigest()
        self._memory.write(
            StoreState(last.number, last.base, last.sha256, md5, None, sizes[0], sum(sizes[1:]), refs)
        )


def open_objects(address: StoreAddress, environ: Mapping[str, str]) -> Objects:
    """Return the client for `address`; the library for buckets is loaded only for buckets."""
    if address.scheme == FOLDER:
        from configvault.replica.store.files import Files

        return Files(f"/{address.prefix}", address.url)
    from configvault.replica.store import cloud

    return cloud.open_store(address, environ)


def _unfinished(listing: Listing) -> tuple[str, ...]:
    """Return a warning if bundles have no manifest: a push was cut off, or the store hides a newer state."""
    orphans = sorted(listing.orphans())
    more = f" and {len(orphans) - 1} more" if len(orphans) > 1 else ""
    return tuple(
        f"bundle {one.rpartition('/')[2]}{more} has no manifest: a push was interrupted, or a newer state is withheld"
        for one in orphans[:1]
    )


def hosts(address: StoreAddress, environ: Mapping[str, str]) -> list[str]:
    """Return the sorted names of the hosts in a store; raises ConfigvaultError."""
    return open_objects(address, environ).folders()


def _is_due(known: StoreState) -> bool:
    """Return whether a full bundle is due, which bounds what a recovery must fetch."""
    parts = known.number - known.base + 1
    return parts >= MOST_PARTS or known.since_bytes >= max(known.base_bytes, LEAST_BYTES)


def _vaults(refs: Mapping[str, str]) -> tuple[str, ...]:
    return tuple(sorted(ref.removeprefix(VAULTS) for ref in refs if ref.startswith(VAULTS)))


def _latest(git: Git) -> Latest | None:
    """Return the latest snapshot as the commit of main describes it, None if that is no snapshot."""
    form = "--format=%H%x00%T%x00%cI%x00%s%x00%(trailers:key=Configvault-Id,valueonly)"
    commit, tree, taken_at, subject, id_ = (
        git.run(["log", "-1", form, MAIN]).decode("utf-8", "replace").split("\0")
    )
    return Latest(id_.strip(), commit, tree, taken_at, subject) if id_.strip() else None
