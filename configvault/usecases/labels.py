"""Say something about a snapshot after it was taken: pin it under a name, add a sentence, forget a refused state."""

from __future__ import annotations

import shlex

from configvault.core.errors import BusyError, UnknownReferenceError, UsageError
from configvault.core.model import RejectedState, Snapshot, Trigger
from configvault.usecases import references
from configvault.usecases.site import Site
from configvault.usecases.writing import writing
from configvault.vault import statefiles


def pin(site: Site, reference: str, name: str) -> Snapshot:
    """Give a snapshot the name `name`; it is never pruned while it has one.

    Raises:
        UsageError: the name cannot be used, or another snapshot has it.
        UnknownReferenceError: there is no such snapshot, or it was pruned.
    """
    check_name(name)
    with writing(site):
        snapshot = _kept(site, reference)
        pin_snapshot(site, snapshot, name)
        return site.vault.at(snapshot.commit)


def _kept(site: Site, reference: str) -> Snapshot:
    """Return the snapshot that `reference` names; of one that was pruned nothing could be seen that is said of it."""
    snapshot = references.resolve(site, reference)
    if not site.vault.has_tag(snapshot):
        raise UnknownReferenceError(
            f"{snapshot.id} was pruned and is no longer a snapshot",
            f"configvault rollback {snapshot.commit[:12]}, which records its content again",
        )
    return snapshot


def check_name(name: str) -> None:
    """Refuse a pin's name that could not be written in `pin:NAME:path`."""
    if not name or name != name.strip() or not name.isprintable() or ":" in name:
        raise UsageError(f"{name!r} is not a valid name for a pin", "use letters, digits and dashes")


def check_free(site: Site, name: str, id_: str | None) -> None:
    """Refuse a pin's name that another snapshot has than `id_` (None: one that is not recorded yet)."""
    check_name(name)
    taken = site.vault.marks().pins.get(name)
    if taken is not None and taken != id_:
        raise UsageError(f"the pin {name!r} is on {taken}", f"configvault unpin {shlex.quote(name)}")


def pin_snapshot(site: Site, snapshot: Snapshot, name: str) -> None:
    """Give `snapshot` the name `name`; the caller holds the lock, errors as `pin`."""
    check_free(site, name, snapshot.id)
    site.vault.mark(
        lambda said: said.with_pin(name, snapshot.id),
        site.note(Trigger.MANUAL, f"Pin {snapshot.id} as {name}"),
    )


def unpin(site: Site, name: str) -> Snapshot:
    """Take the pin `name` away; return the snapshot that had it.

    Raises:
        UnknownReferenceError: there is no such pin.
    """
    with writing(site):
        snapshot = references.resolve(site, f"pin:{name}")
        site.vault.mark(
            lambda said: said.with_pin(name, None),
            site.note(Trigger.MANUAL, f"Take the pin {name} off {snapshot.id}"),
        )
        return site.vault.at(snapshot.commit)


def annotate(site: Site, reference: str, text: str) -> Snapshot:
    """Add `text` to what is said of a snapshot."""
    if not text.strip():
        raise UsageError("the annotation is empty", "configvault annotate REF -m 'why it was done'")
    with writing(site):
        snapshot = _kept(site, reference)
        annotate_snapshot(site, snapshot, text.strip())
        return site.vault.at(snapshot.commit)


def annotate_snapshot(site: Site, snapshot: Snapshot, text: str) -> None:
    """Add `text` to what is said of `snapshot`; the caller holds the lock."""
    site.vault.mark(
        lambda said: said.with_annotation(snapshot.id, text),
        site.note(Trigger.MANUAL, f"Annotate {snapshot.id}"),
    )


def drop_rejected(site: Site, reference: str) -> RejectedState:
    """Forget a refused state.

    Raises:
        UnknownReferenceError: there is none with that id.
        BusyError: a rollback that waits for its confirmation may have to go back to it.
    """
    with writing(site):
        found = references.resolve_any(site, reference)
        if not isinstance(found, RejectedState):
            raise UnknownReferenceError(f"{found.id} is not a rejected state", "configvault rejected list")
        pending = statefiles.pending(site.vault.state)
        if pending is not None and pending.safety == found.id:
            raise BusyError(
                f"{found.id} is needed to undo a pending rollback",
                "configvault confirm, or configvault cancel",
            )
        site.vault.drop_rejected([found.id])
        return found
