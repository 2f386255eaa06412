"""What must hold between keys: each rule notes its faults with the key that should change."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence

from configvault.config import places
from configvault.config.bind import nearest
from configvault.core import placeholders
from configvault.core.replicas import is_store
from configvault.core.settings import (
    HealthCheck,
    LogCheck,
    NotifySettings,
    ReloadSettings,
    ReplicaSettings,
    RolloutSettings,
    Settings,
    WatchSettings,
)

Report = Callable[[str, str], None]
_OF_GIT = ("shared", "key", "known_hosts", "user", "token")
_OF_STORES = ("endpoint", "region", "credentials", "encrypt_to", "identity")


def check(
    settings: Settings,
    report: Report,
    rules: Collection[str] | None,
    reload_kinds: Mapping[str, Sequence[str]] | None,
) -> None:
    """Call `report(key, text)` for everything in `settings` that contradicts itself."""
    places.check(settings, report)
    _watch(settings.watch, report)
    _rules(settings, report, rules)
    for index, command in enumerate(settings.validate.commands):
        if not command.argv:
            report(f"validate.commands[{index}].argv", "names no program to run")
    _reload(settings.reload, report, reload_kinds or {})
    for index, health in enumerate(settings.health):
        _health(health, f"health[{index}]", report, settings)
    _unique("health", [health.name for health in settings.health], "name", report)
    for index, notify in enumerate(settings.notify):
        _notify(notify, f"notify[{index}]", report)
    if settings.rollout is not None:
        _rollout(settings.rollout, report)
    for index, replica in enumerate(settings.replicas):
        _replica(replica, f"replicas[{index}]", report)
    _unique("replicas", [replica.url for replica in settings.replicas], "url", report)


def _watch(watch: WatchSettings, report: Report) -> None:
    if watch.max_wait < watch.quiet:
        report("watch.max_wait", f"{watch.max_wait:g}s is less than watch.quiet, {watch.quiet:g}s")


def _rules(settings: Settings, report: Report, known: Collection[str] | None) -> None:
    if known is None:
        return
    validate, root = settings.validate, settings.root.rstrip("/")
    own = {command.rule for command in validate.commands}
    places = {f"validate.rules.{name}": name for name in validate.rules}
    for index, item in enumerate(validate.rules_by_path):
        places |= {f"validate.rules[{index}].rules.{name}": name for name in item.rules}
        if not item.paths:
            report(f"validate.rules[{index}].paths", "names no files")
        for pattern in item.paths:
            if ".." in pattern.split("/") or pattern == root or pattern.startswith(f"{root}/"):
                report(
                    f"validate.rules[{index}].paths",
                    f"{pattern!r} matches nothing: name paths as seen from the root",
                )
    for key, name in places.items():
        if name not in known and name not in own:
            report(key, f"unknown rule{nearest(name, dict.fromkeys(sorted({*known, *own})))}")


def _reload(reload: ReloadSettings, report: Report, kinds: Mapping[str, Sequence[str]]) -> None:
    """Refuse a key that this kind needs and has not, and one that only other kinds would use."""
    for key in dict.fromkeys(key for keys in kinds.values() for key in keys):
        users = [kind for kind, keys in kinds.items() if key in keys]
        is_set = bool(getattr(reload, key))
        if reload.kind in users and not is_set:
            report(f"reload.{key}", f"is required where reload.kind is {reload.kind}")
        elif reload.kind not in users and is_set:
            instead = f"set reload.kind to {' or '.join(users)}"
            report(f"reload.{key}", f"is not used where reload.kind is {reload.kind}, {instead}")


def _health(health: HealthCheck, key: str, report: Report, settings: Settings) -> None:
    ways = [health.url is not None, bool(health.command), bool(health.steps), health.log is not None]
    if sum(ways) != 1:
        report(key, "must have exactly one of url, command, steps and log")
        return
    plain = HealthCheck(health.name)
    asked = any(
        getattr(health, name) != getattr(plain, name)
        for name in ("method", "headers", "body", "save", "expect")
    )
    if health.url is None and asked:
        report(key, "method, headers, body, save and expect belong to a url, or to each of the steps")
    _steps(health, key, report)
    if health.log is not None:
        _log(health.log, f"{key}.log", report, settings)


def _steps(health: HealthCheck, key: str, report: Report) -> None:
    """Refuse a name that is used before it is saved."""
    every = {name for step in health.steps for name in step.save}
    saved: set[str] = set()
    for index, step in enumerate(health.steps):
        used = placeholders.names([step.url, *step.headers.values(), step.body])
        unknown = sorted((used & every) - saved) or sorted(placeholders.names([step.url]) - saved)
        if unknown:
            report(f"{key}.steps[{index}]", f"uses {{{unknown[0]}}}, which no earlier step saves")
        saved |= set(step.save)


def _log(log: LogCheck, key: str, report: Report, settings: Settings) -> None:
    if log.errors_below is None and log.errors_not_above_before is None:
        report(key, "sets no bound, give errors_below or errors_not_above_before")
    if settings.service_log is None or settings.service_log.path is None:
        report(key, "needs the service's log, set service_log.path")


def _rollout(rollout: RolloutSettings, report: Report) -> None:
    commands = {name: getattr(rollout, name) for name in ("history", "previous", "revision", "status")}
    if rollout.kind == "kubernetes":
        if not rollout.deployment:
            report("rollout.deployment", "is required where rollout.kind is kubernetes")
        for name in (name for name, argv in commands.items() if argv):
            report(
                f"rollout.{name}", "never runs where rollout.kind is kubernetes, set rollout.kind to command"
            )
        return
    for name in (name for name, argv in commands.items() if not argv and name != "status"):
        report(f"rollout.{name}", "is required where rollout.kind is command")
    if rollout.revision and not any("{revision}" in word for word in rollout.revision):
        report("rollout.revision", "does not say where the number stands, write {revision} in a word of it")


def _replica(replica: ReplicaSettings, key: str, report: Report) -> None:
    """Refuse keys of git for a store, and the other way round."""
    plain = ReplicaSettings(replica.url)
    store = is_store(replica.url)
    for name in _OF_GIT if store else _OF_STORES:
        if getattr(replica, name) != getattr(plain, name):
            instead = "an object store, use credentials" if store else "a git repository"
            report(f"{key}.{name}", f"is not used where url names {instead}")
    scheme = replica.url.partition("://")[0]
    for name, schemes in (("endpoint", ("s3", "az")), ("region", ("s3",)), ("credentials", ("s3", "gs"))):
        if store and getattr(replica, name) is not None and scheme not in schemes:
            report(f"{key}.{name}", f"is not used with {scheme}://")


def _notify(notify: NotifySettings, key: str, report: Report) -> None:
    _one_way(notify.url, notify.command, key, report)
    if not notify.on:
        report(f"{key}.on", "lists no outcome, so it would never be notified")
    if notify.command and notify.headers:
        report(f"{key}.headers", "belong to a url")


def _one_way(url: str | None, command: Sequence[str], key: str, report: Report) -> None:
    if bool(url) == bool(command):
        report(key, "must have exactly one of url and command")


def _unique(key: str, values: Sequence[str], name: str, report: Report) -> None:
    for index, value in enumerate(values):
        if value and value in values[:index]:
            first = values.index(value)
            report(f"{key}[{index}].{name}", f"is the same as {key}[{first}].{name}")
