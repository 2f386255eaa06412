"""Prometheus metrics: counters fed by outcomes as they happen, gauges gathered when somebody scrapes.

Base units, bounded labels: a label holds a word of the program or a name of the configuration, never a path, an id
or a message. The only module that knows prometheus-client. Counters count what this process did, and what commands did
beside it (`vault/outcomes.py`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from datetime import datetime

from prometheus_client import CollectorRegistry, Counter, Histogram, disable_created_metrics
from prometheus_client.core import GaugeMetricFamily, InfoMetricFamily, Metric
from prometheus_client.exposition import choose_encoder
from prometheus_client.registry import Collector

from configvault.core.escapes import one_line
from configvault.core.figures import SOURCE_HELD, Figures, SourceFigures
from configvault.core.model import HealthReport, ReloadReport
from configvault.core.outcome import (
    CommandOutcome,
    DaemonOutcome,
    DegradedOutcome,
    DeployEnd,
    DeployOutcome,
    DrillOutcome,
    FailureOutcome,
    LookOutcome,
    Outcome,
    PostponedOutcome,
    ProbationOutcome,
    Recording,
    RecordOutcome,
    RecoveryOutcome,
    ReloadOutcome,
    RestoreCause,
    RestoreOutcome,
    RollbackEnd,
    RollbackOutcome,
    RolloutOutcome,
    UpkeepOutcome,
    VerifyOutcome,
    Watching,
    WatchOutcome,
)

_SETTLE_BUCKETS = (0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)
_DURATION_BUCKETS = (0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0)

# The deployment guide's.
_REQUEST_BUCKETS = (0.1, 0.5, 1.0, 2.0, 5.0, 10.0)
MOST_OPERATIONS = 1000
_LONGEST_LABEL = 100
OTHERS = "(others)"


class Metrics:
    """An observer that counts, and what a scraper is answered."""

    def __init__(self, version: str, figures: Callable[[], Figures], whole: Callable[[str], str] = str) -> None:
        """Start at zero; `figures` is called at each scrape and must not take long.

        `whole` adds to a command what it needs to be pasted; alerts take it from there.
        """
        disable_created_metrics()  # type: ignore[no-untyped-call]
        self.registry = CollectorRegistry()
        self._define()
        self.registry.register(_Gauges(version, figures, whole))

    def _define(self) -> None:
        registry = self.registry
        self._changes = Counter(
            "configvault_changes_seen", "File system events that led to a scan.", registry=registry
        )
        self._recordings = Counter(
            "configvault_recordings", "Scans of live, by outcome.", ["outcome"], registry=registry
        )
        self._rejections = Counter(
            "configvault_rejections",
            "Rejected states by the rules that rejected them.",
            ["rule"],
            registry=registry,
        )
        self._settle = Histogram(
            "configvault_settled_to_recorded_seconds",
            "Time from the end of a change until it was on disk.",
            buckets=_SETTLE_BUCKETS,
            registry=registry,
        )
        self._rollbacks = Counter(
            "configvault_rollbacks", "Rollbacks, by outcome.", ["outcome"], registry=registry
        )
        self._deployments = Counter(
            "configvault_deployments", "Deployments, by outcome.", ["outcome"], registry=registry
        )
        self._rollback_seconds = Histogram(
            "configvault_rollback_duration_seconds",
            "How long rollbacks took, reload and health checks included.",
            buckets=_DURATION_BUCKETS,
            registry=registry,
        )
        self._rollouts = Counter(
            "configvault_rollouts",
            "Switches of the service to another release, by result.",
            ["result"],
            registry=registry,
        )
        self._reloads = Counter(
            "configvault_reloads",
            "Requests to the service to reload, by result.",
            ["result"],
            registry=registry,
        )
        self._reload_seconds = Histogram(
            "configvault_reload_duration_seconds",
            "How long reloads took, all attempts together.",
            buckets=_DURATION_BUCKETS,
            registry=registry,
        )
        self._health = Counter(
            "configvault_health_checks",
            "Health checks after a reload, by result.",
            ["check", "result"],
            registry=registry,
        )
        self._overflows = Counter(
            "configvault_watch_overflows", "Times the kernel dropped events.", registry=registry
        )
        self._rescans = Counter("configvault_rescans", "Full scans of the root.", registry=registry)
        self._notifications = Counter(
            "configvault_notifications", "Notifications by result.", ["event", "result"], registry=registry
        )
        self._failures = Counter(
            "configvault_failures", "Operations of the daemon that failed.", ["doing"], registry=registry
        )
        self._restores = Counter(
            "configvault_restores", "Automatic restores by the daemon.", ["cause"], registry=registry
        )
        self._verifications = Counter(
            "configvault_verifications", "Checks of the vault by result.", ["result"], registry=registry
        )
        self._drills = Counter(
            "configvault_drills",
            "Recoveries from all replicas into a scratch folder, by result.",
            ["result"],
            registry=registry,
        )
        self._verify_seconds = Histogram(
            "configvault_verify_duration_seconds",
            "How long checks of the vault took.",
            buckets=_DURATION_BUCKETS,
            registry=registry,
        )
        self._recoveries = Counter("configvault_recoveries", "Repairs after a crash.", registry=registry)
        self._operations: set[tuple[str, str]] = set()
        self._requests = Counter(
            "coze_plugin_requests",
            "Requests to plugins in the service's log, by result.",
            ["plugin_name", "operation", "status"],
            registry=registry,
        )
        self._request_seconds = Histogram(
            "coze_plugin_request_duration_seconds",
            "How long requests to plugins took, from the service's log.",
            ["plugin_name", "operation"],
            buckets=_REQUEST_BUCKETS,
            registry=registry,
        )
        # What is never zero first cannot be seen to rise.
        for outcome in Recording:
            self._recordings.labels(outcome.value)
        for end in RollbackEnd:
            self._rollbacks.labels(end.value)
        for cause in RestoreCause:
            self._restores.labels(cause.value)
        for ended in DeployEnd:
            self._deployments.labels(ended.value)
        for result in ("success", "failure"):
            self._reloads.labels(result)
            self._rollouts.labels(result)
            self._verifications.labels(result)
            self._drills.labels(result)

    # --- what the daemon tells

    def __call__(self, outcome: Outcome) -> None:
        """Count an outcome."""
        ROWS[type(outcome)](self, outcome)

    def notified(self, event: str, result: str) -> None:
        """Count a notification; it fits as the `heard` of a Notifier."""
        self._notifications.labels(event, result).inc()

    def requested(self, requests: Iterable[tuple[str, str, bool, float | None]]) -> None:
        """Count requests to plugins, out of the service's log: plugin, operation, whether it failed, milliseconds."""
        for plugin, operation, failed, ms in requests:
            names = self._named(plugin, operation)
            self._requests.labels(*names, "error" if failed else "success").inc()
            if ms is not None:
                self._request_seconds.labels(*names).observe(ms / 1000)

    def _named(self, plugin: str, operation: str) -> tuple[str, str]:
        """Return the labels of a request: past a bound everything new is one, whatever the log holds."""
        # Whoever calls the service writes its log.
        plugin, operation = one_line(plugin[:_LONGEST_LABEL]), one_line(operation[:_LONGEST_LABEL])
        if (plugin, operation) in self._operations:
            return plugin, operation
        if len(self._operations) >= MOST_OPERATIONS:
            return OTHERS, OTHERS
        self._operations.add((plugin, operation))
        return plugin, operation

    # --- what a scraper gets

    def render(self, accept: str) -> tuple[str, bytes]:
        """Return the content type and the body for an `Accept` header: Prometheus text or OpenMetrics."""
        encode, content_type = choose_encoder(accept)
        return content_type, encode(self.registry)

    # --- rows

    def _recorded(self, outcome: RecordOutcome) -> None:
        self._recordings.labels(outcome.outcome.value).inc()
        if outcome.rejected is not None and not outcome.repeated:
            for rule in {finding.rule for finding in outcome.rejected.findings if finding.severity == "error"}:
                self._rejections.labels(rule).inc()

    def _rolled_back(self, outcome: RollbackOutcome) -> None:
        self._rollbacks.labels(outcome.outcome.value).inc()
        if outcome.elapsed_seconds is not None:
            self._rollback_seconds.observe(outcome.elapsed_seconds)
        self._changed(outcome)

    def _deployed(self, outcome: DeployOutcome) -> None:
        self._deployments.labels(outcome.outcome.value).inc()
        if outcome.change is not None:
            self._changed(outcome.change)

    def _changed(self, outcome: RollbackOutcome) -> None:
        """Count how the service took a change, and its undoing."""
        self._loaded(outcome.reload, outcome.health)
        undoing = outcome.undoing
        if undoing is not None and (undoing.reload, undoing.health) != (outcome.reload, outcome.health):
            self._loaded(undoing.reload, undoing.health)

    def _reloaded(self, outcome: ReloadOutcome) -> None:
        self._loaded(outcome.reload, outcome.health)

    def _loaded(self, reload: ReloadReport | None, health: Iterable[HealthReport]) -> None:
        if reload is not None and reload.was_asked:
            self._reloads.labels("success" if reload.ok else "failure").inc()
            self._reload_seconds.observe(reload.elapsed_seconds)
        for check in health:
            self._health.labels(check.name, "success" if check.ok else "failure").inc()

    def _stood(self, outcome: ProbationOutcome) -> None:
        self._loaded(None, outcome.health)

    def _rolled_out(self, outcome: RolloutOutcome) -> None:
        self._rollouts.labels("success" if outcome.ok else "failure").inc()
        for check in outcome.health:
            self._health.labels(check.name, "success" if check.ok else "failure").inc()

    def _recovered(self, outcome: RecoveryOutcome) -> None:
        self._recoveries.inc()
        if isinstance(outcome.rollback, RollbackOutcome):
            self._rolled_back(outcome.rollback)
        elif outcome.rollback is not None:
            self._deployed(outcome.rollback)

    def _restored(self, outcome: RestoreOutcome) -> None:
        self._restores.labels(outcome.cause.value).inc()
        self._loaded(outcome.reload, outcome.health)

    def _failed(self, outcome: FailureOutcome) -> None:
        self._failures.labels(outcome.doing).inc()

    def _watched(self, outcome: WatchOutcome) -> None:
        if outcome.what is Watching.OVERFLOWED:
            self._overflows.inc()

    def _looked(self, outcome: LookOutcome) -> None:
        self._changes.inc(outcome.events)
        if outcome.everywhere:
            self._rescans.inc()
        if outcome.settled_seconds is not None:
            self._settle.observe(max(outcome.settled_seconds, 0.0))

    def _verified(self, outcome: VerifyOutcome) -> None:
        self._verifications.labels("success" if outcome.ok else "failure").inc()
        self._verify_seconds.observe(outcome.elapsed_seconds)

    def _drilled(self, outcome: DrillOutcome) -> None:
        self._drills.labels("success" if outcome.ok else "failure").inc()

    def _commanded(self, outcome: CommandOutcome) -> None:
        """Count what a command did beside this daemon as if it had been done here."""
        counter = {
            "rollback": self._rollbacks,
            "deploy": self._deployments,
            "rollout": self._rollouts,
            "record": self._recordings,
        }.get(outcome.kind)
        if counter is not None:
            counter.labels(outcome.ended).inc()
        if outcome.kind == "rollback" and outcome.elapsed_seconds is not None:
            self._rollback_seconds.observe(outcome.elapsed_seconds)
        for rule in outcome.rules:
            self._rejections.labels(rule).inc()
        self._loaded(outcome.reload, outcome.health)

    def _gauged(self, outcome: Outcome) -> None:
        """Leave it to a gauge, or to the log."""


ROWS: dict[type, Callable[..., None]] = {
    RecordOutcome: Metrics._recorded,
    PostponedOutcome: Metrics._gauged,
    RollbackOutcome: Metrics._rolled_back,
    DeployOutcome: Metrics._deployed,
    ReloadOutcome: Metrics._reloaded,
    ProbationOutcome: Metrics._stood,
    RolloutOutcome: Metrics._rolled_out,
    RecoveryOutcome: Metrics._recovered,
    RestoreOutcome: Metrics._restored,
    FailureOutcome: Metrics._failed,
    DegradedOutcome: Metrics._gauged,
    WatchOutcome: Metrics._watched,
    LookOutcome: Metrics._looked,
    DaemonOutcome: Metrics._gauged,
    VerifyOutcome: Metrics._verified,
    DrillOutcome: Metrics._drilled,
    UpkeepOutcome: Metrics._gauged,
    CommandOutcome: Metrics._commanded,
}


class _Gauges(Collector):
    """The figures of the moment, as metrics; what is not known has no sample."""

    def __init__(self, version: str, figures: Callable[[], Figures], whole: Callable[[str], str]) -> None:
        self._about = {
            "version": version,
            "command": whole("configvault status").removesuffix(" status"),
            "service": whole("systemctl status configvault").removeprefix("systemctl status "),
        }
        self._figures = figures

    def describe(self) -> Iterable[Metric]:
        """Describe nothing: the registry need not gather figures to know that no name is taken twice."""
        return ()

    def collect(self) -> Iterator[Metric]:
        yield InfoMetricFamily("configvault_build", "The running program, and how it is called.", self._about)
        figures = self._figures()
        for name, help_, value in _simple(figures):
            family = GaugeMetricFamily(name, help_)
            if value is not None:
                family.add_metric([], value)
            yield family
        snapshots = GaugeMetricFamily(
            "configvault_snapshots", "Snapshots on record, by trigger.", labels=["trigger"]
        )
        for trigger, count in sorted(figures.by_trigger.items()):
            snapshots.add_metric([trigger], count)
        yield snapshots
        yield from _replicas(figures)
        yield from _source(figures.source)
        plugins = GaugeMetricFamily(
            "coze_active_plugins",
            "Plugins of the latest snapshot that are not deprecated.",
            labels=["plugin_type"],
        )
        for kind, count in sorted(figures.active_plugins.items()):
            plugins.add_metric([kind], count)
        yield plugins


def _simple(f: Figures) -> Iterator[tuple[str, str, float | None]]:
    yield "configvault_rejected_states", "Rejected states kept in the vault.", f.rejected
    yield "configvault_files", "Files and links in the root.", f.files
    yield "configvault_vault_size_bytes", "Disk space used by the vault.", f.vault_bytes
    yield "configvault_last_snapshot_timestamp_seconds", "When the latest snapshot was taken.", _at(f.latest_at)
    yield "configvault_live_is_latest", "1 if the root equals the latest snapshot.", f.live_is_latest
    yield "configvault_loaded_is_latest", "1 if the service loaded the latest snapshot.", f.loaded_is_latest
    took = f.last_load_ok
    yield "configvault_last_load_successful", "1 if the last reload of the service succeeded.", took
    since = _at(f.rejected_since)
    help_ = "When the state that is live was first rejected."
    yield "configvault_live_rejected_since_timestamp_seconds", help_, since
    # Dashboards and alerts of 0.1 ask for the old name; it goes with the next release.
    old = "Old name of configvault_live_rejected_since_timestamp_seconds."
    yield "configvault_live_refused_since_timestamp_seconds", old, since
    until = _at(f.pending_until)
    yield (
        "configvault_rollback_pending_until_timestamp_seconds",
        "When a pending rollback will be undone unless confirmed.",
        until,
    )
    yield "configvault_watching", "1 while the root is being watched.", f.watching
    yield (
        "configvault_last_proof_timestamp_seconds",
        "When the daemon last saw its own test change.",
        _at(f.last_proof),
    )
    yield (
        "configvault_last_backup_timestamp_seconds",
        "When the scheduled backup last succeeded.",
        _at(f.last_backup),
    )
    yield "configvault_last_verify_timestamp_seconds", "When the scheduled verify last ran.", _at(f.last_verify)
    yield "configvault_vault_intact", "1 if the last verify found no damage.", f.verified
    yield "configvault_last_drill_timestamp_seconds", "When the scheduled drill last ran.", _at(f.last_drill)
    yield "configvault_drill_ok", "1 if the last drill recovered from every replica.", f.drilled
    yield (
        "configvault_degraded_reasons",
        "Number of problems that keep the daemon from working fully.",
        f.degraded,
    )


def _replicas(figures: Figures) -> Iterator[Metric]:
    success = GaugeMetricFamily(
        "configvault_replica_last_success_timestamp_seconds",
        "When a replica last received everything.",
        labels=["replica"],
    )
    behind = GaugeMetricFamily("configvault_replica_behind", "1 if a replica is behind.", labels=["replica"])
    for replica in figures.replicas:
        if replica.last_success is not None:
            success.add_metric([replica.name], replica.last_success.timestamp())
        behind.add_metric([replica.name], replica.behind)
    yield success
    yield behind


def _source(source: SourceFigures | None) -> Iterator[Metric]:
    up = GaugeMetricFamily("configvault_source_up", "1 if the source answered the last request.")
    answered = GaugeMetricFamily(
        "configvault_source_last_answer_timestamp_seconds", "When the source answered last."
    )
    current = GaugeMetricFamily(
        "configvault_source_deployed",
        "1 if the newest commit of the source is deployed and was not rolled back.",
    )
    held = GaugeMetricFamily(
        "configvault_source_held",
        "1 for the reason why the newest commit of the source is held back.",
        labels=["reason"],
    )
    drifted = GaugeMetricFamily(
        "configvault_source_drifted", "1 if the root differs from what was deployed from the source."
    )
    if source is not None:
        up.add_metric([], source.reachable)
        drifted.add_metric([], source.drifted)
        if source.answered_at is not None:
            answered.add_metric([], source.answered_at.timestamp())
        if source.is_current is not None:
            current.add_metric([], source.is_current and source.held is None)
        for reason in SOURCE_HELD:
            held.add_metric([reason], source.held == reason)
    yield from (up, answered, current, held, drifted)


def _at(moment: datetime | None) -> float | None:
    return moment.timestamp() if moment else None
