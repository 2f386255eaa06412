"""Validate the root, or any directory."""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from configvault.cli.context import Context

if TYPE_CHECKING:
    from configvault.core.settings import ValidateSettings
    from configvault.usecases.check import Checked, Probe


def declare(parser: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    parser.add_argument(
        "path", nargs="?", metavar="PATH", help="another directory; needs neither config nor vault"
    )
    parser.add_argument("--profile", choices=("coze", "generic"), help="the rules to check by")
    parser.add_argument("--rules", action="store_true", help="list the rules and what each protects from")
    online = parser.add_argument_group("is the service's outside world there")
    online.add_argument("--online", action="store_true", help="also ask every server that the documents name")
    online.add_argument("--endpoints", action="store_true", help="with --online: every GET operation, too")
    online.add_argument(
        "--allow-private", action="store_true", help="with --online: private and link-local addresses, too"
    )


def run(context: Context, args: argparse.Namespace) -> int:
    """Check and print the findings."""
    from configvault.cli import words
    from configvault.core.errors import ConfigvaultError, RejectedError
    from configvault.core.rendering import documents

    if args.rules:
        return _list_rules(context, args.profile)
    checked = _check(context, args)
    if context.json:
        online = _online_document(checked) if args.online else {}
        context.emit(documents.check(checked.verdict, checked.files) | online)
    else:
        if args.online:
            _show_online(context, checked)
        context.output.lines(words.findings(checked.verdict.findings), asked=True)
        said = "accepted" if checked.verdict.accepted else "rejected"
        context.output.line(
            f"{said}: {words.counted(checked.files, 'file')}, {words.verdict(checked.verdict.findings)}"
        )
    if not checked.verdict.accepted:
        return RejectedError.code
    return 0 if all(one.ok or one.skipped for one in _results(checked)) else ConfigvaultError.code


def _results(checked: Checked) -> Sequence[Any]:
    return checked.probed


def _check(context: Context, args: argparse.Namespace) -> Checked:
    import dataclasses
    import os

    from configvault import app
    from configvault.core.settings import ValidateSettings, WatchSettings
    from configvault.usecases import check

    probe = _probe(context, args) if args.online else None
    if args.path is None:
        settings = context.settings()
        if args.profile:
            validate = dataclasses.replace(settings.validate, profile=args.profile)
            settings = dataclasses.replace(settings, validate=validate)
        return check.check_root(context.site(settings), probe)
    validate = ValidateSettings()
    ignore = WatchSettings().ignore
    if context.config is not None:
        settings = context.settings()
        validate, ignore = settings.validate, settings.watch.ignore
    if args.profile:
        validate = dataclasses.replace(validate, profile=args.profile)
    root, validator = app.directory(os.path.abspath(args.path), ignore, validate, context.environ)
    return check.check_directory(root, validator, probe)


def _probe(context: Context, args: argparse.Namespace) -> Probe:
    from configvault import app

    progress = None if context.json else context.output.progress("asking")
    return app.prober(endpoints=args.endpoints, allow_private=args.allow_private, progress=progress)


def _online_document(checked: Checked) -> dict[str, object]:
    import dataclasses

    from configvault import app

    results = [dataclasses.asdict(one) for one in _results(checked)]
    rates = [dataclasses.asdict(one) for one in app.rates(_results(checked))]
    return {"online": [row.pop("target") | row for row in results], "rates": rates}


def _show_online(context: Context, checked: Checked) -> None:
    from configvault import app

    rows = []
    for one in _results(checked):
        word = "skipped" if one.skipped else "alive" if one.ok else "dead"
        target = one.target
        rows.append(
            (target.plugin, word, target.operation or "server", target.url, one.error or str(one.status))
        )
    context.output.table(("plugin", "", "what", "address", "answer"), rows)
    for rate in app.rates(_results(checked)):
        context.output.line(f"{rate.plugin}: {rate.alive} of {rate.asked} alive, {rate.skipped} skipped")


def _severity(validate: ValidateSettings, rule: str, said: str) -> str:
    """Return the severity of a rule, usually `said`, and what the configuration says otherwise for which files."""
    for word, paths in _configured(validate, rule):
        said = f"{said}, {word} for {', '.join(paths)}" if paths else word
    return said


def _configured(validate: ValidateSettings, rule: str) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Yield what `validate.rules` says of a rule, each time for which files (none: all)."""
    if rule in validate.rules:
        yield validate.rules[rule], ()
    for item in validate.rules_by_path:
        if rule in item.rules:
            yield item.rules[rule], item.paths


def _list_rules(context: Context, profile: str | None) -> int:
    import os

    from configvault import app
    from configvault.core.settings import ValidateSettings

    rules = [rule for rule in app.rules() if profile is None or profile in rule.profiles]
    # Without a configuration there is nothing that changes a severity.
    named = context.config is not None or os.path.exists(context.config_path)
    validate = context.settings().validate if named else ValidateSettings()
    if context.json:
        context.emit(
            {
                "rules": [
                    {
                        "name": rule.name,
                        "severity": rule.severity.value,
                        "profiles": list(rule.profiles),
                        "protects_from": rule.protects_from,
                        "configured": [
                            {"severity": word, "paths": list(paths)}
                            for word, paths in _configured(validate, rule.name)
                        ],
                    }
                    for rule in rules
                ]
            }
        )
    else:
        rows = [
            (
                rule.name,
                _severity(validate, rule.name, rule.severity.value),
                ", ".join(rule.profiles),
                rule.protects_from,
            )
            for rule in rules
        ]
        context.output.table(("rule", "severity", "profiles", "protects from"), rows)
    return 0
