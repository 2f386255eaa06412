"""What a person writes for a snapshot, resolved in one place: ids, prefixes, commits, words, pins, times."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from configvault.core import times
from configvault.core.errors import UnknownReferenceError, UsageError
from configvault.core.model import RejectedState, Snapshot
from configvault.core.pattern import pattern
from configvault.usecases import scan
from configvault.usecases.scan import Live
from configvault.usecases.site import Site
from configvault.vault.refs import TAGS

FORMS = "an id or a prefix of it, a commit (7 digits or more), latest, previous, good, pin:NAME, rejected_…"
_LIST = "configvault list"
_COMMIT = pattern(r"[0-9a-f]{7,40}")
ID = pattern(times.SNAPSHOT_PREFIX + r"[0-9]{8}_[0-9]{6}")
_BEGINNING = pattern(times.SNAPSHOT_PREFIX + r"(?:[0-9]{1,8}(?:_[0-9]{0,6})?)?|[0-9]{1,8}(?:_[0-9]{0,6})?")
_MOST_CANDIDATES = 5


def may_be(text: str) -> bool:
    """Return whether `text` has the form of a reference, whatever it names."""
    known = text in _WORDS or text.startswith(("pin:", times.REJECTED_PREFIX, times.SNAPSHOT_PREFIX))
    return known or bool(_COMMIT.fullmatch(text) or _BEGINNING.fullmatch(text))


def resolve(site: Site, text: str) -> Snapshot:
    """Return the one snapshot that `text` names.

    Raises:
        UnknownReferenceError: it names none, several, or a rejected state.
    """
    found = resolve_any(site, text)
    if isinstance(found, RejectedState):
        raise UnknownReferenceError(
            f"{text!r} is a rejected state, not a snapshot", f"configvault rejected show {found.id}"
        )
    return found


def resolve_any(site: Site, text: str, live: Live | None = None) -> Snapshot | RejectedState:
    """Return the snapshot or rejected state that `text` names, beside `live` if it was captured; raises like `resolve`."""
    word = _WORDS.get(text)
    if word is not None:
        return word(site, live)
    if text.startswith("pin:"):
        return _pinned(site, text.removeprefix("pin:"))
    if text.startswith(times.REJECTED_PREFIX):
        return _rejected(site, text)
    # Only what has an id's form is looked up: anybody may put other tags into a git repository.
    if ID.fullmatch(text) and (exact := site.vault.named(text)) is not None:
        return exact
    if not (_COMMIT.fullmatch(text) or _BEGINNING.fullmatch(text)):
        raise UnknownReferenceError(f"{text!r} is not a reference; allowed: {FORMS}", _LIST)
    commits = _commits(site, text)
    found = {one.commit: one for one in _beginning(site, text)}
    found |= {one.commit: one for one in commits if site.vault.has_tag(one)}
    return _only(
        text, sorted(found.values(), key=lambda one: one.id, reverse=True) or _pruned(site, text, commits)
    )


def recorded(site: Site, id_: str) -> Snapshot | RejectedState:
    """Return what was recorded under exactly this id; a snapshot that was pruned since is its commit.

    Raises:
        UnknownReferenceError: it is not there any more.
    """
    if ID.fullmatch(id_) and site.vault.named(id_) is None:
        for snapshot in site.vault.log(f"--grep=^Configvault-Id: {id_}", pruned=True):
            if snapshot.id == id_:
                return snapshot
    return resolve_any(site, id_)


def _beginning(site: Site, text: str) -> list[Snapshot]:
    """Return the snapshots whose ids begin with `text`, newest first. Costs those and one more."""
    if not _BEGINNING.fullmatch(text):
        return []
    start = times.SNAPSHOT_PREFIX + text.removeprefix(times.SNAPSHOT_PREFIX)
    starting = site.vault.refs.starting(TAGS + start)
    ids = {name.removeprefix(TAGS): commit for name, commit in starting.items()}
    latest = site.vault.latest()
    if latest is not None and latest.id.startswith(start):
        # It may be without its tag where a writer was killed.
        ids[latest.id] = latest.commit
    found = [(id_, commit) for id_, commit in ids.items() if ID.fullmatch(id_)]
    return [site.vault.at(commit) for _, commit in sorted(found, reverse=True)]


def _commits(site: Site, text: str) -> list[Snapshot]:
    """Return what is or was a snapshot and whose commit begins with `text`. Costs a look of git's for that beginning."""
    return site.vault.commits(text) if _COMMIT.fullmatch(text) else []


def _pruned(site: Site, text: str, commits: list[Snapshot]) -> list[Snapshot]:
    """Return the commits that `text` begins and that were snapshots once.

    Raises:
        UnknownReferenceError: it is the id of one: whoever writes that may not know that it was pruned.
    """
    if commits:
        return commits
    start = times.SNAPSHOT_PREFIX + text.removeprefix(times.SNAPSHOT_PREFIX)
    # Only where nothing was found: git reads all of the history, and only what matches comes here.
    asked = (f"--grep=^Configvault-Id: {start}",) if _BEGINNING.fullmatch(text) else ()
    found = [s for s in site.vault.log(*asked, pruned=True) if asked and _matches(s, text)]
    for snapshot in found:
        if not snapshot.commit.startswith(text):
            raise UnknownReferenceError(
                f"{snapshot.id} was pruned and is no longer a snapshot",
                f"its content is still in the history: use {snapshot.commit[:12]} instead",
            )
    return found


def resolve_time(site: Site, text: str) -> Snapshot:
    """Return the newest snapshot taken at `text` or before.

    Raises:
        UsageError: `text` is no time.
        UnknownReferenceError: there is none that old.
    """
    try:
        moment = times.parse_when(text, site.now(), end=True)
    except ValueError as error:
        raise UsageError(str(error), 'configvault rollback --at "2h ago" -n') from None
    # git passes over what is newer: a clock that was wrong for a while leaves times that do not follow each other.
    for snapshot in site.vault.log(f"--min-age={int(moment.timestamp())}"):
        if snapshot.taken_at <= moment:
            return snapshot
    raise UnknownReferenceError(f"no snapshot was taken before {text!r} ({moment:%Y-%m-%d %H:%M:%S%z})", _LIST)


def _matches(snapshot: Snapshot, text: str) -> bool:
    digits = text.removeprefix(times.SNAPSHOT_PREFIX)
    return snapshot.id.removeprefix(times.SNAPSHOT_PREFIX).startswith(digits) or (
        len(text) >= 7 and snapshot.commit.startswith(text)
    )


def _only(text: str, found: list[Snapshot]) -> Snapshot:
    if len(found) == 1:
        return found[0]
    if not found:
        raise UnknownReferenceError(f"no snapshot is named {text!r}", _LIST)
    shown = ", ".join(snapshot.id for snapshot in found[:_MOST_CANDIDATES])
    more = f" and {len(found) - _MOST_CANDIDATES} more" if len(found) > _MOST_CANDIDATES else ""
    raise UnknownReferenceError(f"{text!r} is ambiguous: {shown}{more}", "use a longer prefix, or the full id")


def _latest(site: Site, _live: Live | None) -> Snapshot:
    latest = site.vault.latest()
    if latest is None:
        raise UnknownReferenceError("there is no snapshot yet", "configvault snapshot")
    return latest


def _previous(site: Site, live: Live | None) -> Snapshot:
    """Return the newest snapshot that is neither what is live now nor was left by a rollback."""
    if live is None and site.root.exists():
        live = scan.live(site, None, whole=False)
    tree = live.tree if live is not None else None
    return _first(
        (s for s in site.vault.log() if s.tree != tree and not s.rolled_back),
        "there is no earlier snapshot that has not been rolled back",
    )


def _good(site: Site, _live: Live | None) -> Snapshot:
    return _first(
        site.vault.good(),
        "no snapshot is good yet: none was loaded and passed every required health check",
    )


def _first(snapshots: Iterable[Snapshot], otherwise: str) -> Snapshot:
    for snapshot in snapshots:
        return snapshot
    raise UnknownReferenceError(otherwise, _LIST)


_WORDS: dict[str, Callable[[Site, Live | None], Snapshot]] = {
    "latest": _latest,
    "previous": _previous,
    "good": _good,
}


def _pinned(site: Site, name: str) -> Snapshot:
    pins = site.vault.marks().pins
    snapshot = site.vault.named(pins[name]) if name in pins else None
    if snapshot is None:
        known = ", ".join(sorted(pins)) or "none"
        raise UnknownReferenceError(f"no pin is named {name!r}; pins: {known}", "configvault pin REF NAME")
    return snapshot


def _rejected(site: Site, text: str) -> RejectedState:
    found = [state for state in site.vault.each_rejected(text) if state.id.startswith(text)]
    if len(found) == 1:
        return found[0]
    exact = [state for state in found if state.id == text]
    if exact:
        return exact[0]
    if not found:
        raise UnknownReferenceError(f"no rejected state is named {text!r}", "configvault rejected list")
    shown = ", ".join(state.id for state in found[:_MOST_CANDIDATES])
    raise UnknownReferenceError(f"{text!r} is ambiguous: {shown}", "use the full id")
