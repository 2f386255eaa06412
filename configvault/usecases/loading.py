"""Have the service load a state, ask whether it is well, and remember how it took it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import TYPE_CHECKING

from configvault.core.frozen import frozen, replace
from configvault.core.model import HealthReport, ReloadReport, Snapshot, Trigger, healthy
from configvault.usecases.site import Site
from configvault.vault import messages
from configvault.vault.marks import REF, Marks

if TYPE_CHECKING:
    from configvault.vault.repository import Vault

RELOAD_FAILURE = "reload-failure"


@frozen
class Loading:
    """How the service took a state: the reload, and the health checks that followed if it worked."""

    reload: ReloadReport
    health: tuple[HealthReport, ...] = ()

    @property
    def loaded(self) -> bool:
        """Return whether the reload worked and every required check passed."""
        return self.reload.ok and healthy(self.health)

    @property
    def failure(self) -> str | None:
        """Return why the service did not take it, None if it did."""
        if not self.reload.ok:
            return self.reload.error
        failed = (report for report in self.health if report.required and not report.ok)
        return next((f"health check {report.name!r}: {report.error}" for report in failed), None)


def load(site: Site, snapshot: Snapshot | None, trigger: str) -> Loading:
    """Have the service load live, which is `snapshot` (None: not recorded); the caller holds the lock.

    A snapshot that it took, with every required check passed, is good from then on. Where nobody was told and
    nobody was asked, nothing is known, and nothing is said.
    """
    report = site.reload(snapshot, trigger)
    ended = site.now()
    loading = Loading(report, site.check_health() if report.ok else ())
    asked = report.was_asked or loading.health
    if asked:
        _mark(site, snapshot, trigger, loading, ended)
    return loading


def need_not_load(site: Site, snapshot: Snapshot | None) -> bool:
    """Return whether live, which is `snapshot`, is what the service has loaded, and to load it again were a restart.

    A command may restart the service, which costs its users; a request to load what is loaded costs next to nothing.
    """
    is_loaded = snapshot is not None and site.vault.marks().loaded == snapshot.id
    return is_loaded and site.reload_restarts()


def _mark(site: Site, snapshot: Snapshot | None, trigger: str, loading: Loading, ended: datetime) -> None:
    """Mark what the service took, and leave a trace of how it went for `report`, whatever it was."""

    def change(said: Marks) -> Marks:
        if snapshot is None or not loading.reload.ok:
            return said
        return said.with_good(snapshot.id) if loading.loaded else said.with_loaded(snapshot.id)

    name = snapshot.id if snapshot else "live"
    words = f"Loaded {name}" if loading.loaded else f"The service did not take {name}"
    for one in loading.health:
        # What counts as good without having been seen to be so is on record as such.
        words += f"; health check {one.name!r} is undecided: {one.note}" if one.ok and one.note else ""
    result = "success" if loading.loaded else "failure" if loading.reload.ok else RELOAD_FAILURE
    trail = (
        ("Loading", result),
        ("Loading-Of", name),
        ("Loading-Seconds", f"{loading.reload.elapsed_seconds:.3f}"),
        when(ended),
    )
    note = replace(site.note(trigger, words), more=trail)
    site.vault.mark(change, note, always=True)


def when(ended: datetime) -> tuple[str, str]:
    """Return the trailer that says since when the service has what it has: its requests are counted from then on.

    The note that holds it is made only after the health checks.
    """
    return ("Loading-At", ended.isoformat(timespec="milliseconds"))


def turned_out_ill(site: Site, snapshot: Snapshot) -> None:
    """Take back that `snapshot` is good: the service took it, and fails since; the caller holds the lock."""
    at = loaded_at(site.vault) or site.now()
    trail = (
        ("Loading", "failure"),
        ("Loading-Of", snapshot.id),
        ("Loading-Seconds", "0.000"),
        when(at),
    )
    note = replace(site.note(Trigger.CHANGE, f"The service fails with {snapshot.id}"), more=trail)
    site.vault.mark(lambda said: said.without_good(snapshot.id), note, always=True)


@frozen
class Loaded:
    """One time that the service was to load a state; `of` is a snapshot's id or `live`.

    `at` is when it was noted how it went, `loaded_at` when the service had loaded it.
    """

    at: datetime
    of: str
    actor: str
    result: str
    elapsed_seconds: float
    loaded_at: datetime

    @property
    def reloaded(self) -> bool:
        """Return whether the service loaded it, in good health or not."""
        return self.result != RELOAD_FAILURE

    @property
    def ok(self) -> bool:
        """Return whether the service took it, in good health."""
        return self.result == "success"


def loadings(site: Site, limit: int | None = None) -> Iterator[Loaded]:
    """Yield the times that the service was to load something, newest first, whoever asked it to."""
    return _loadings(site.vault, limit)


def _loadings(vault: Vault, limit: int | None) -> Iterator[Loaded]:
    for at, trailers in _notes(vault, "Loading", limit):
        if "Loading" in trailers:
            yield Loaded(
                at,
                trailers.get("Loading-Of", ""),
                trailers.get("Actor", ""),
                trailers["Loading"],
                _seconds(trailers),
                _loaded_at(trailers, at),
            )


def _notes(vault: Vault, trailer: str, limit: int | None) -> Iterator[tuple[datetime, Mapping[str, str]]]:
    """Yield time and trailers of the notes that have this trailer, newest first."""
    if vault.refs.read(REF) is None:
        return
    count = [] if limit is None else [f"--max-count={limit}"]
    argv = ["log", "--first-parent", "-E", messages.LOG_FORMAT, f"--grep=^Configvault-{trailer}: ", *count, REF]
    for _, _, _, at, _, trailers in messages.parse_log(vault.git.run(argv)):
        yield at, trailers


def loaded_at(vault: Vault) -> datetime | None:
    """Return when the service last loaded something, told to or because another release of it started; None if never."""
    return next((_loaded_at(trailers, at) for at, trailers in _notes(vault, "Loading(-At)?", 1)), None)


def _seconds(trailers: Mapping[str, str]) -> float:
    try:
        return float(trailers.get("Loading-Seconds", ""))
    except ValueError:
        return 0.0


def _loaded_at(trailers: Mapping[str, str], noted: datetime) -> datetime:
    """Return when the service had loaded it; vaults of before hold only when that was noted."""
    try:
        return datetime.fromisoformat(trailers.get("Loading-At", ""))
    except ValueError:
        return noted


def loaded_since(site: Site) -> list[tuple[str, datetime]]:
    """Return which snapshot the service had from when on, the oldest first.

    Where the service is never told (it reads its directory by itself), a snapshot counts from when it was taken.
    """
    loads = [(one.of, one.loaded_at) for one in loadings(site) if one.reloaded and one.of != "live"]
    found = loads or [(one.id, one.taken_at) for one in site.vault.log()]
    found.reverse()
    # A snapshot that was loaded twice in a row is one that was loaded once.
    return [one for before, one in zip([("", None), *found], found, strict=False) if one[0] != before[0]]
