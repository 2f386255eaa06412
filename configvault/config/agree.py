"""What must hold between keys: each rule notes its faults with the key that should change."""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Sequence

from configvault.config.bind import nearest
from configvault.config.expand import ReferredText
from configvault.core.settings import (
    Expectation,
    HealthCheck,
    NotifySettings,
    ReloadSettings,
    Settings,
    ValidateSettings,
    WatchSettings,
)

Fault = Callable[[str, str], None]


def check(settings: Settings, fault: Fault, rules: Collection[str] | None) -> None:
    """Call `fault(key, text)` for everything in `settings` that contradicts itself."""
    _places(settings, fault)
    _watch(settings.watch, fault)
    _rules(settings.validate, fault, rules)
    for index, command in enumerate(settings.validate.commands):
        if not command.argv:
            fault(f"validate.commands[{index}].argv", "names no program to run")
    _reload(settings.reload, fault)
    for index, health in enumerate(settings.health):
        _health(health, f"health[{index}]", fault)
    _unique("health", [health.name for health in settings.health], "name", fault)
    for index, notify in enumerate(settings.notify):
        _notify(notify, f"notify[{index}]", fault)
    _unique("replicas", [replica.url for replica in settings.replicas], "url", fault)


def _places(settings: Settings, fault: Fault) -> None:
    """Refuse a vault that would record itself, whichever links lead there."""
    if not settings.root or not settings.vault:
        return
    root, vault = os.path.realpath(settings.root), os.path.realpath(settings.vault)
    named_root, named_vault = _named(settings.root), _named(settings.vault)
    if root == vault:
        fault("vault", f"{named_vault} is the root itself, put it outside such as /var/lib/configvault")
    elif os.path.commonpath((root, vault)) == root:
        fault("vault", f"{named_vault} lies inside the root, {named_root}, put it outside")
    elif os.path.commonpath((root, vault)) == vault:
        fault("root", f"{named_root} lies inside the vault, {named_vault}, put the vault outside")


def _named(path: str) -> str:
    return "what ${…} says" if isinstance(path, ReferredText) else repr(path)


def _watch(watch: WatchSettings, fault: Fault) -> None:
    if watch.max_wait < watch.quiet:
        fault("watch.max_wait", f"{watch.max_wait:g}s is less than watch.quiet, {watch.quiet:g}s")


def _rules(validate: ValidateSettings, fault: Fault, known: Collection[str] | None) -> None:
    if known is None:
        return
    own = {command.rule for command in validate.commands}
    places = {f"validate.rules.{name}": name for name in validate.rules}
    for index, item in enumerate(validate.rules_by_path):
        places |= {f"validate.rules[{index}].rules.{name}": name for name in item.rules}
        if not item.paths:
            fault(f"validate.rules[{index}].paths", "names no files")
    for key, name in places.items():
        if name not in known and name not in own:
            fault(key, f"unknown rule{nearest(name, dict.fromkeys(sorted({*known, *own})))}")


def _reload(reload: ReloadSettings, fault: Fault) -> None:
    if reload.kind == "command" and not reload.command:
        fault("reload.command", "is required where reload.kind is command")
    if reload.kind != "command" and reload.command:
        fault("reload.command", f"never runs where reload.kind is {reload.kind}, set reload.kind to command")


def _health(health: HealthCheck, key: str, fault: Fault) -> None:
    _one_way(health.url, health.command, key, fault)
    if health.command and (health.headers or health.expect != Expectation()):
        fault(key, "headers and expect belong to a url, a command passes by exit code 0")


def _notify(notify: NotifySettings, key: str, fault: Fault) -> None:
    _one_way(notify.url, notify.command, key, fault)
    if not notify.on:
        fault(f"{key}.on", "names no outcome, it would never be told of anything")
    if notify.command and notify.headers:
        fault(f"{key}.headers", "belong to a url")


def _one_way(url: str | None, command: Sequence[str], key: str, fault: Fault) -> None:
    if bool(url) == bool(command):
        fault(key, "exactly one of url and command is due")


def _unique(key: str, values: Sequence[str], name: str, fault: Fault) -> None:
    for index, value in enumerate(values):
        if value and value in values[:index]:
            first = values.index(value)
            fault(f"{key}[{index}].{name}", f"is the same as {key}[{first}].{name}")
