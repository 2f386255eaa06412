"""The systemd unit of a configuration: install it, show it, remove it."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Mapping
from shutil import which
from typing import TYPE_CHECKING

from configvault.cli.context import Context
from configvault.core.errors import ConfigvaultError
from configvault.core.exits import Exit

if TYPE_CHECKING:
    from configvault.core.settings import Settings
    from configvault.host.unit import Unit


def declare(parser: argparse.ArgumentParser) -> None:
    """Add what can be done with it."""
    from configvault.cli.parser import global_flags

    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    for name, text in (
        ("install", "write the unit and a drop-in with the permissions that the configuration needs"),
        ("show", "print what would be installed"),
        ("remove", "stop the service and remove what was installed; configuration and vault are kept"),
    ):
        action = actions.add_parser(name, help=text, parents=[global_flags()])
        action.add_argument(
            "name",
            nargs="?",
            metavar="@NAME",
            help="the service configvault@NAME, configured by /etc/configvault/NAME.yaml",
        )
        if name == "install":
            action.add_argument(
                "--now", action="store_true", help="also enable and start the service, and check that it works"
            )
        if name != "remove":
            action.add_argument(
                "--witness",
                action="store_true",
                help="let the daemon see which process changes a file (needs CAP_SYS_ADMIN)",
            )


def run(context: Context, args: argparse.Namespace) -> int:
    """Do it."""
    from configvault.host import systemctl
    from configvault.host import unit as unit_

    if args.name is not None and context.config is None:
        context.config = unit_.config_of(args.name)
    if args.action == "remove":
        return _remove(context, unit_.name_of(args.name, context.config_path))
    if args.action == "install":
        systemctl.require_systemd()
    settings, unit = _unit(context, args)
    if args.action == "show":
        return _show(context, unit)
    return _install(context, args, settings, unit)


def _unit(context: Context, args: argparse.Namespace) -> tuple[Settings, Unit]:
    from configvault import app
    from configvault.host import unit as unit_

    settings, text = app.read_for_unit(context.config_path, context.environ)
    name = unit_.name_of(args.name, context.config_path)
    program = program_path(context.environ)
    return settings, unit_.unit(settings, context.config_path, text, name, program, witness=args.witness)


def program_path(environ: Mapping[str, str]) -> str:
    """Return what a service runs: this program, by a path that does not change with who calls it.

    Raises:
        ConfigvaultError: it is not installed.
    """
    beside = os.path.join(os.path.dirname(sys.executable), "configvault")
    found = which("configvault", path=environ.get("PATH"))
    for path in (sys.argv[0], beside, found):
        if (
            path
            and os.path.basename(path) == "configvault"
            and os.access(path, os.X_OK)
            and os.path.isfile(path)
        ):
            return os.path.realpath(path)
    raise ConfigvaultError(
        "cannot find a program `configvault` for the service to run", "pipx install configvault"
    )


def _show(context: Context, unit: Unit) -> int:
    if context.json:
        context.emit(_document(unit))
        return 0
    if unit.packaged:
        print(f"# {unit.packaged} is installed by the package; this drop-in is added")
    for number, file in enumerate(unit.files):
        print(f"{chr(10) if number else ''}# {file.path}\n{file.text}", end="")
    return 0


def _document(unit: Unit) -> dict[str, object]:
    files = [{"path": file.path, "text": file.text} for file in unit.files]
    return {"unit": unit.name, "packaged": unit.packaged, "files": files}


def _install(context: Context, args: argparse.Namespace, settings: Settings, unit: Unit) -> int:
    from configvault import app
    from configvault.host import systemctl

    app.make_vault_place(settings)
    missing = [path for path in unit.places if not os.path.exists(path)]
    if missing:
        raise ConfigvaultError(
            f"{missing[0]} does not exist, so systemd could not grant it to the daemon",
            "mount or create it, then: configvault unit install --now",
        )
    written = systemctl.write(unit)
    name = unit.name.removesuffix(".service")
    if not context.json:
        context.output.lines(f"wrote {path}" for path in written)
        if not written:
            context.output.line(f"nothing to write: {unit.name} is already installed like this")
    if written:
        systemctl.systemctl(context.environ, "daemon-reload")
    if not args.now:
        context.emit(_document(unit) | {"written": written}) if context.json else context.output.line(
            f"next: systemctl enable --now {name}"
        )
        return 0
    systemctl.systemctl(context.environ, "--quiet", "enable", name)
    active = systemctl.is_active(context.environ, name)
    if written or not active:
        try:
            systemctl.systemctl(context.environ, "restart" if active else "start", name)
        except ConfigvaultError:
            if not context.json:
                context.output.lines(systemctl.last_words(context.environ, name), asked=True)
            raise
    return _report(context, unit, settings, written)


def _report(context: Context, unit: Unit, settings: Settings, written: list[str]) -> int:
    """Say how the daemon is, now that it runs."""
    from configvault.cli.commands import doctor
    from configvault.usecases import doctor as doctor_

    found = doctor_.examine(context.site(settings), context.config_path, only=("daemon", "http"))
    problems = [one for one in found if one.health is doctor_.Health.PROBLEM]
    if context.json:
        context.emit(_document(unit) | {"written": written, "checks": doctor.document(context, found)})
    else:
        doctor.show(context, found)
        if not problems:
            context.output.line("next: configvault status" if context.config is None else
                                context.hint("next: configvault status"))  # fmt: skip
    return Exit.DEGRADED if problems else 0


def _remove(context: Context, name: str) -> int:
    from configvault.host import systemctl
    from configvault.host import unit as unit_

    systemctl.require_systemd()
    systemctl.systemctl(context.environ, "--quiet", "disable", "--now", name, check=False)
    others = [
        one
        for one in systemctl.systemctl(
            context.environ, "list-units", "--all", "--plain", "--no-legend", "configvault@*", check=False
        ).splitlines()
        if one.split() and one.split()[0] != name
    ]
    removed = systemctl.remove(unit_.paths(name), last=not others)
    systemctl.systemctl(context.environ, "daemon-reload")
    systemctl.systemctl(context.environ, "reset-failed", name, check=False)
    if context.json:
        context.emit({"unit": name, "removed": removed})
        return 0
    context.output.lines(f"removed {path}" for path in removed)
    if not removed:
        context.output.line(f"{name} was not installed by this command")
    return 0
