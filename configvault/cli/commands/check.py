"""Validate the root, or any directory."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from configvault.cli.context import Context

if TYPE_CHECKING:
    from configvault.usecases.check import Checked


def declare(parser: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    parser.add_argument(
        "path", nargs="?", metavar="PATH", help="another directory; needs neither config nor vault"
    )
    parser.add_argument("--profile", choices=("coze", "generic"), help="the rules to check by")
    parser.add_argument("--rules", action="store_true", help="list the rules and what each protects from")


def run(context: Context, args: argparse.Namespace) -> int:
    """Check and print the findings."""
    from configvault.cli import words
    from configvault.core import documents
    from configvault.core.errors import RejectedError

    if args.rules:
        return _list_rules(context, args.profile)
    checked = _check(context, args)
    if context.json:
        context.emit(documents.check(checked.verdict, checked.files))
    else:
        context.output.lines(words.findings(checked.verdict.findings), asked=True)
        said = "accepted" if checked.verdict.accepted else "rejected"
        context.output.line(
            f"{said}: {words.counted(checked.files, 'file')}, {words.verdict(checked.verdict.findings)}"
        )
    return 0 if checked.verdict.accepted else RejectedError.code


def _check(context: Context, args: argparse.Namespace) -> Checked:
    import dataclasses
    import os

    from configvault import app
    from configvault.core.settings import ValidateSettings, WatchSettings
    from configvault.usecases import check

    if args.path is None:
        settings = context.settings()
        if args.profile:
            validate = dataclasses.replace(settings.validate, profile=args.profile)
            settings = dataclasses.replace(settings, validate=validate)
        return check.check_root(app.open_site(settings, context.environ, command=context.command))
    validate = ValidateSettings()
    ignore = WatchSettings().ignore
    if context.config is not None:
        settings = context.settings()
        validate, ignore = settings.validate, settings.watch.ignore
    if args.profile:
        validate = dataclasses.replace(validate, profile=args.profile)
    root, judge = app.directory(os.path.abspath(args.path), ignore, validate, context.environ)
    return check.check_directory(root, judge)


def _list_rules(context: Context, profile: str | None) -> int:
    from configvault import app

    rules = [rule for rule in app.rules() if profile is None or profile in rule.profiles]
    if context.json:
        context.emit(
            {
                "rules": [
                    {
                        "name": rule.name,
                        "severity": rule.severity.value,
                        "profiles": list(rule.profiles),
                        "protects_from": rule.protects_from,
                    }
                    for rule in rules
                ]
            }
        )
    else:
        rows = [
            (rule.name, rule.severity.value, ", ".join(rule.profiles), rule.protects_from) for rule in rules
        ]
        context.output.table(("rule", "severity", "profiles", "protects from"), rows)
    return 0
