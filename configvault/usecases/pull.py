"""Fetch the configured source and deploy a new commit, unless something holds it.

A commit is held if it was refused, if somebody rolled back from it, if its branch was rewritten, if it is not signed, or
if the root was changed by hand (`source.on_drift: report`). The reason is kept in `source.json`, so that each commit is
fetched and reported only once, and a pull does not deploy again what an operator rolled back. Only one pull runs at a
time; it changes the root under the vault's lock, like every other command.
"""

from __future__ import annotations

import contextlib
import enum
from collections.abc import Iterator
from itertools import islice

from configvault.core.candidates import Candidate
from configvault.core.errors import BusyError, ConfigvaultError, OfferError, UntrustedError, UsageError
from configvault.core.frozen import frozen, mutable, replace
from configvault.core.model import Snapshot, Trigger
from configvault.core.outcome import DeployEnd, DeployOutcome
from configvault.core.settings import SourceSettings
from configvault.disk import lock
from configvault.usecases import candidates, deploy, scan
from configvault.usecases.scan import Live
from configvault.usecases.site import Offered, Site
from configvault.usecases.writing import writing
from configvault.vault import statefiles
from configvault.vault.git import Git
from configvault.vault.stage import Stage
from configvault.vault.statefiles import JOURNAL, SOURCE, SOURCE_ASKED, SourceAsked, SourceState

# A snapshot with one of these triggers is a deliberate step back, not drift.
_DECISIONS = (Trigger.ROLLBACK, Trigger.UNDO, Trigger.RESTORE)
# After a killed pull, how many of the newest snapshots are searched for its result.
_MOST_LOOKED_AT = 100


class Held(enum.StrEnum):
    """Why the offered commit is not deployed."""

    REFUSED = "refused"
    ROLLED_BACK = "rolled_back"
    DRIFTED = "drifted"
    REWRITTEN = "rewritten"
    UNSIGNED = "unsigned"


# Reasons that are known only after a fetch; the daemon does not fetch the same commit again to learn them.
_FETCHED = (Held.REWRITTEN, Held.UNSIGNED)


class _HeldError(ConfigvaultError):
    """The offered commit is held; `drift` is as in `PullOutcome`."""

    def __init__(self, why: Held, message: str, drift: str | None = None) -> None:
        super().__init__(message)
        self.why = why
        self.drift = drift


@frozen
class PullOutcome:
    """The result of a pull.

    `held` and `deployment` are both None if the offered commit is deployed already; both are set if it was refused in
    this pull.

    Attributes:
        commit: the commit that the source offers.
        held: why it is not deployed.
        message: the same in words.
        deployment: the outcome of deploying it.
        drift: what live is if not the state deployed last: a snapshot's id, or "not recorded yet".
    """

    commit: str
    held: Held | None = None
    message: str | None = None
    deployment: DeployOutcome | None = None
    drift: str | None = None


def pull(site: Site, *, force: bool = False, dry_run: bool = False, again: bool = True) -> PullOutcome:
    """Deploy the commit that the source offers, if it is new and nothing holds it.

    Args:
        site: whose source and root.
        force: deploy it even if it is held, unless its signature is missing.
        dry_run: change nothing; return what would be deployed.
        again: fetch a commit again that was held as rewritten or unsigned, as the configuration may have changed.

    Raises:
        UsageError: no source is configured.
        BusyError: another pull is running.
        ConfigvaultError: the source cannot be reached, or the root cannot be changed.
    """
    source = site.settings.source
    if source is None or site.offered is None:
        raise UsageError("no source is configured", "set source.url, then: configvault config validate")
    with _alone(site):
        return _Pull(site, source, site.offered(source.url), force, dry_run).run(again)


@contextlib.contextmanager
def _alone(site: Site) -> Iterator[None]:
    path = statefiles.path(site.vault.state, statefiles.SOURCE_LOCK)
    try:
        held = lock.hold(path, site.command, site.wait_s)
        with held:
            yield
    except BusyError:
        who = lock.holder(path)
        if who is None:
            raise
        raise BusyError(
            f"another pull is running: process {who.get('pid')} ({who.get('command')}) since {who.get('since')}",
            "wait until it is done and try again",
        ) from None


@mutable
class _Pull:
    """One pull. The state of the source is read once, and written only when it changes."""

    site: Site
    source: SourceSettings
    offered: Offered
    force: bool
    dry_run: bool
    _kept: SourceState | None = None

    def run(self, again: bool) -> PullOutcome:
        if JOURNAL.exists(self.site.vault.state):
            # Finish a change that a crash interrupted first: else the half-changed root would count as drift.
            with writing(self.site):
                pass
        self._kept = SOURCE.read(self.site.vault.state)
        known = self._kept
        if known is None or (known.url, known.ref) != (self.source.url, self.source.ref):
            known = SourceState(self.source.url, self.source.ref)
        known = replace(_recovered(self.site, known), offered=self._asked())
        held = None if self.force else self._held(known, again)
        if held is not None:
            return self._hold(known, held)
        if known.deployed == known.offered and not self.force:
            drift = self._drift(known, self._live())
            if drift is None or self.source.on_drift == "report":
                self._keep(replace(known, held=None, why=None, drift=drift))
                return PullOutcome(known.offered, drift=drift)
        return self._deploy(known)

    def _asked(self) -> str:
        """Return the commit that the source offers; record whether the source could be reached."""
        state, now = self.site.vault.state, self.site.now()
        before = SOURCE_ASKED.read(state)
        if before is None or before.url != self.source.url:
            before = SourceAsked(self.source.url)
        try:
            commit = self.offered.tip(Git(None, self.site.environ), self.source.ref)
        except ConfigvaultError as error:
            failing = replace(
                before,
                failing_since=before.failing_since or now,
                failures=before.failures + 1,
                why=error.message,
            )
            if not self.dry_run:
                SOURCE_ASKED.write(state, failing)
            raise
        if not self.dry_run:
            SOURCE_ASKED.write(state, SourceAsked(self.source.url, now))
        return commit

    def _keep(self, known: SourceState) -> None:
        """Write the state of the source to disk, if it has changed and this is no dry run."""
        if known != self._kept and not self.dry_run:
            SOURCE.write(self.site.vault.state, known)
            self._kept = known

    # --- what holds it

    def _held(self, known: SourceState, again: bool) -> _HeldError | None:
        """Return why the offered commit must not be deployed without --force, None if it may."""
        commit = known.offered
        if commit == known.refused:
            where = f"; see configvault rejected show {known.rejected}" if known.rejected else ""
            why = known.why if known.held == Held.REFUSED and known.why else None
            return _HeldError(Held.REFUSED, why or f"commit {commit[:12]} was refused{where}")
        if known.held in _FETCHED and self._kept is not None and commit == self._kept.offered and not again:
            return _HeldError(Held(known.held), known.why or "")
        if commit == known.deployed:
            recorded = self.site.vault.named(known.snapshot) if known.snapshot else None
            if recorded.rolled_back if recorded is not None else known.held == Held.ROLLED_BACK:
                return _HeldError(
                    Held.ROLLED_BACK,
                    f"commit {commit[:12]} was rolled back; a newer commit is deployed by itself, "
                    "this one only by configvault pull --force",
                )
            return None
        if self.source.on_drift == "report":
            try:
                self._admit(known, self._live())
            except _HeldError as held:
                return held
        return None

    def _admit(self, known: SourceState, live: Live) -> None:
        """Refuse to deploy over changes that somebody made in the root.

        Raises:
            _HeldError: there are such changes.
        """
        drift = self._drift(known, live)
        if drift is not None:
            raise _HeldError(
                Held.DRIFTED,
                f"the root was changed since {known.snapshot} was deployed ({drift}); the changes are saved in the "
                "vault and replaced by: configvault pull --force",
                drift,
            )

    def _drift(self, known: SourceState, live: Live) -> str | None:
        """Return what live is if it has drifted from the state deployed last, else None; see `PullOutcome.drift`."""
        if known.tree is None or live.tree == known.tree:
            return None
        latest = live.latest
        if latest is not None and live.is_latest:
            return None if latest.trigger in _DECISIONS else latest.id
        return "not recorded yet"

    def _live(self) -> Live:
        root = self.site.root
        return scan.live(self.site, None, whole=False) if root.exists() else scan.missing_root(self.site)

    def _hold(self, known: SourceState, held: _HeldError) -> PullOutcome:
        self._keep(replace(known, held=held.why.value, why=held.message, drift=held.drift))
        return PullOutcome(known.offered, held.why, held.message, drift=held.drift)

    # --- deploying

    def _deploy(self, known: SourceState) -> PullOutcome:
        where = (self.source.url, self.source.ref, self.source.path or "")
        before = known.deployed
        # Normally the new commit must descend from the one deployed before. Not if the same commit is deployed again,
        # over changes in the root.
        after = None if self.force or before == known.offered else before

        def offer(stage: Stage) -> Candidate:
            return candidates.from_git(
                self.site, where, stage, after=after, may_be_empty=before is not None or self.force
            )

        guards = not self.force and self.source.on_drift == "report"
        request = deploy.Request(
            trigger=Trigger.PULL,
            force=self.force,
            admit=(lambda live: self._admit(known, live)) if guards else None,
        )
        try:
            if self.dry_run:
                with self.site.vault.stage() as stage:
                    outcome, _ = deploy.dry_run(self.site, request, offer, stage)
                return PullOutcome(known.offered, deployment=outcome)
            # Written before the deployment: after a crash `_recovered` sees the attempt and looks in the vault for
            # its result.
            self._keep(replace(known, attempt=known.offered, held=None, why=None, drift=None))
            outcome = deploy.deploy(self.site, request, offer)
        except candidates.RewrittenError as error:
            return self._hold(known, _held_by(Held.REWRITTEN, error))
        except UntrustedError as error:
            return self._hold(known, _held_by(Held.UNSIGNED, error))
        except OfferError as error:
            return self._hold(
                replace(known, refused=known.offered, rejected=None), _held_by(Held.REFUSED, error)
            )
        except _HeldError as held:
            return self._hold(known, held)
        return self._deployed(known, outcome)

    def _deployed(self, known: SourceState, outcome: DeployOutcome) -> PullOutcome:
        # The branch may have moved between asking for its tip and fetching it.
        commit = outcome.source.commit or known.offered
        known = replace(known, offered=commit, held=None, why=None, drift=None, attempt=None)
        if outcome.outcome in (DeployEnd.REJECTED, DeployEnd.UNDONE):
            # A commit that the service failed to load counts as refused; the state before it is live again.
            kept = outcome.rejected or outcome.deployed
            verb = "was refused" if outcome.rejected else "was not loaded by the service"
            show = "rejected show" if outcome.rejected else "show"
            assert kept is not None
            why = f"commit {commit[:12]} {verb}; see configvault {show} {kept.id}"
            known = replace(known, refused=commit, rejected=kept.id, held=Held.REFUSED.value, why=why)
        else:
            latest = outcome.deployed or self.site.vault.latest()
            known = replace(_with(known, commit, latest), refused=None, rejected=None)
        self._keep(known)
        held = Held(known.held) if known.held else None
        return PullOutcome(commit, held, known.why, outcome)


def _held_by(why: Held, error: ConfigvaultError) -> _HeldError:
    return _HeldError(why, f"{error.message}; {error.hint}" if error.hint else error.message)


def _with(known: SourceState, commit: str, snapshot: Snapshot | None) -> SourceState:
    return replace(
        known,
        deployed=commit,
        snapshot=snapshot.id if snapshot else None,
        tree=snapshot.tree if snapshot else None,
    )


def _recovered(site: Site, known: SourceState) -> SourceState:
    """Return `known`, corrected if a pull was killed: the vault tells whether it had deployed its commit."""
    if known.attempt is None:
        return known
    for snapshot in islice(site.vault.log(), _MOST_LOOKED_AT):
        if snapshot.trigger == Trigger.PULL and (snapshot.source or "").endswith(f" commit {known.attempt}"):
            return replace(_with(known, known.attempt, snapshot), attempt=None)
    return replace(known, attempt=None)
