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
        "path",
        nargs="?",
        metavar="PATH",
        help="a directory other than the root; needs no configuration and no vault",
    )
    parser.add_argument("--profile", choices=("coze", "generic"), help="the set of rules to use")
    parser.add_argument(
        "--format",
        choices=("github", "gitlab", "sarif", "junit"),
        help="print the findings as GitHub annotations, GitLab Code Quality, SARIF or JUnit XML",
    )
    parser.add_argument("--rules", action="store_true", help="list the rules and what each protects against")
    online = parser.add_argument_group("check servers over the network")
    online.add_argument(
        "--online", action="store_true", help="also check that every server named in the documents answers"
    )
    online.add_argument("--endpoints", action="store_true", help="with --online: also check the operations")
    online.add_argument(
        "--methods",
        metavar="LIST",
        help="with --endpoints: methods to call (default get), for example get,post; these requests may change data",
    )
    online.add_argument(
        "--min-rate",
        metavar="PERCENT",
        help="with --online: fail only if fewer servers of a plugin answer, for example 50%% (default: all)",
    )
    online.add_argument(
        "--timeout", metavar="TIME", help="with --online: time limit for one request (default 5s)"
    )
    online.add_argument(
        "--allow-private", action="store_true", help="with --online: also private and link-local addresses"
    )


def run(context: Context, args: argparse.Namespace) -> int:
    """Check and print the findings."""
    from dataclasses import replace

    from configvault.cli import words
    from configvault.cli.output import printable
    from configvault.core.errors import ConfigvaultError, RejectedError, UsageError
    from configvault.core.model import Verdict
    from configvault.core.rendering import documents

    if args.rules:
        return _list_rules(context, args.profile)
    if args.format and (context.json or args.online):
        other = "--json" if context.json else "--online"
        raise UsageError(f"--format {args.format} and {other} cannot be combined", f"omit {other}")
    for flag in ("endpoints", "methods", "min_rate", "timeout", "allow_private"):
        if not args.online and getattr(args, flag):
            # A gate that asks nobody would pass.
            raise UsageError(f"--{flag.replace('_', '-')} needs --online", "add --online")
    checked = _check(context, args)
    if args.path is not None:
        # Such a directory has no history that could be restored.
        found = (
            replace(one, hint=None) if "configvault " in (one.hint or "") else one
            for one in checked.verdict.findings
        )
        checked = replace(checked, verdict=Verdict(tuple(found)))
    if args.format:
        print(_formatted(context, args, checked), end="")
    elif context.json:
        online = _online_document(checked) if args.online else {}
        ignored = {"ignored": len(checked.ignored)}
        context.emit(documents.check(checked.verdict, checked.files) | ignored | online)
    else:
        if args.online:
            _show_online(context, checked)
        context.output.lines(words.findings(checked.verdict.findings, context.hint), asked=True)
        said = "accepted" if checked.verdict.accepted else "rejected"
        context.output.line(
            f"{said}: {words.counted(checked.files, 'file')}, {words.verdict(checked.verdict.findings)}"
        )
        if checked.ignored:
            named = ", ".join(map(printable, checked.ignored[:3])) + (", …" if len(checked.ignored) > 3 else "")
            context.output.line(f"not checked: {len(checked.ignored)} left out by watch.ignore: {named}")
    if not checked.verdict.accepted:
        return RejectedError.code
    return 0 if _is_alive(context, args, checked) else ConfigvaultError.code


def _formatted(context: Context, args: argparse.Namespace, checked: Checked) -> str:
    """Return the findings in the format that was asked for, their paths as whoever started this knows them."""
    import os
    from dataclasses import replace

    import configvault
    from configvault import app
    from configvault.core.rendering.findings import FORMATS, About

    top = os.path.abspath(args.path if args.path is not None else context.settings().root)
    here = os.getcwd()
    # A forge knows the paths in its repository, where the command is started.
    directory = os.path.relpath(top, here) if os.path.commonpath((top, here)) == here else top
    about = About(
        directory,
        configvault.__version__,
        {rule.name: rule.protects_from for rule in app.rules()},
        checked.files,
    )
    found = [
        replace(one, hint=context.hint(one.hint) if one.hint else None) for one in checked.verdict.findings
    ]
    return FORMATS[args.format](found, about)


def _is_alive(context: Context, args: argparse.Namespace, checked: Checked) -> bool:
    from configvault import app

    least = _percent(args.min_rate)
    if least is None:
        return all(one.ok or one.skipped for one in _results(checked))
    if all(one.skipped for one in _results(checked)):
        # Other directories have no servers, private ones need permission: a rate of nothing is not 50 %.
        context.say_error(
            f"nothing was asked, so --min-rate {args.min_rate} cannot be met",
            "add --allow-private or --methods get,post, or omit --min-rate",
        )
        return False
    return app.enough_alive(_results(checked), least)


def _percent(text: str | None) -> float | None:
    from configvault.core.errors import UsageError

    if text is None:
        return None
    try:
        percent = float(text.strip().removesuffix("%"))
    except ValueError:
        percent = -1.0
    if not 0 <= percent <= 100:
        raise UsageError(f"--min-rate {text!r} is not a percentage", "--min-rate 50%")
    return percent


def _methods(text: str) -> frozenset[str]:
    from configvault.core.errors import UsageError
    from configvault.core.settings import METHODS

    named = frozenset(word.strip().upper() for word in text.split(",") if word.strip())
    if not named or named - set(METHODS):
        known = ",".join(METHODS).lower()
        raise UsageError(f"--methods {text!r} is not a list of methods", f"--methods {known}")
    return named


def _timeout(text: str) -> float:
    from configvault.core import units
    from configvault.core.errors import UsageError

    try:
        seconds = units.duration(text)
    except ValueError:
        seconds = 0.0
    if not 0 < seconds <= 600:
        raise UsageError(f"--timeout {text!r} is not a duration from 1ms to 10m", "--timeout 10s")
    return seconds


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
    _percent(args.min_rate)
    return app.prober(
        context.environ,
        endpoints=args.endpoints,
        methods=_methods(args.methods or "get"),
        allow_private=args.allow_private,
        timeout_s=_timeout(args.timeout or "5s"),
        progress=progress,
    )


def _online_document(checked: Checked) -> dict[str, object]:
    import dataclasses

    from configvault import app

    # What was sent may hold an example that somebody took for a secret; what was asked is enough.
    online = [
        {"plugin": one.target.plugin, "url": one.target.url, "operation": one.target.operation}
        | {"ok": one.ok, "status": one.status, "error": one.error, "skipped": one.skipped}
        for one in _results(checked)
    ]
    return {"online": online, "rates": [dataclasses.asdict(one) for one in app.rates(_results(checked))]}


def _show_online(context: Context, checked: Checked) -> None:
    from configvault import app

    rows = []
    for one in _results(checked):
        word = "not asked" if one.skipped else "alive" if one.ok else "dead"
        target = one.target
        rows.append(
            (target.plugin, word, target.operation or "server", target.url, one.error or str(one.status))
        )
    context.output.table(("plugin", "", "what", "address", "answer"), rows)
    for rate in app.rates(_results(checked)):
        percent = f" ({rate.percent:g}%)" if rate.percent is not None else ""
        context.output.line(
            f"{rate.plugin}: {rate.alive} of {rate.asked} alive{percent}, {rate.skipped} not asked"
        )


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
                        "install": app.missing(rule.name),
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
                _severity(validate, rule.name, rule.severity.value)
                + (", not installed" if app.missing(rule.name) else ""),
                ", ".join(rule.profiles),
                rule.protects_from,
            )
            for rule in rules
        ]
        context.output.table(("rule", "severity", "profiles", "protects from"), rows)
        for rule in rules:
            if command := app.missing(rule.name):
                context.output.line(f"{rule.name} needs a library that is not installed: {command}")
    return 0
