"""The words of the command line. Only the module of the command that was called is loaded."""

from __future__ import annotations

import argparse
import importlib
import os
import sys
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any, NoReturn

import configvault
from configvault.cli.commands import COMMANDS, Command
from configvault.core.errors import UsageError

NAMES_ONLY = ""
# What other programs have a command for.
_MEANT = {"version": "--version", "help": "--help", "restore": "rollback", "log": "list"}
_DESCRIPTION = "Watch a config directory, record every valid state of it in git, and restore any of them."
_EPILOG = """\
REF is an id (backup_20231201_143022) or a unique prefix of it, a commit, latest, previous, good, pin:NAME or rejected_...
Exit codes: 0 done, 1 failed, 2 usage error, 3 rejected, 4 no such reference, 5 busy, 6 degraded, 7 reload or health
check failed, 8 undone, 9 vault damaged, 10 no vault, 78 invalid configuration, 130 interrupted.

First steps:  configvault init --root /app/conf/plugin --vault /var/lib/configvault
              configvault list
              configvault rollback latest"""


# One language throughout. To look for catalogs that nobody has made takes a tenth of the time of a short command.
argparse._ = lambda message: message  # type: ignore[attr-defined]


@lru_cache(1)
def _width() -> int:
    """Return the width of help, as argparse works it out anew for each argument that is declared."""
    try:
        columns = int(os.environ.get("COLUMNS", "0")) or os.get_terminal_size(sys.stdout.fileno()).columns
    except (ValueError, OSError, AttributeError):
        columns = 0
    return (columns or 80) - 2


class _Formatter(argparse.HelpFormatter):
    def __init__(self, prog: str) -> None:
        super().__init__(prog, width=_width())


class _RawFormatter(argparse.RawDescriptionHelpFormatter, _Formatter):
    """Descriptions and examples stay as they are."""


class _Parser(argparse.ArgumentParser):
    """Faults become errors like any other, and sub-commands get the same class."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**{"formatter_class": _Formatter} | options)

    def error(self, message: str) -> NoReturn:
        raise UsageError(message, f"{self.prog} --help")


def _duration(text: str) -> float:
    from configvault.core import times

    try:
        return times.parse_duration(text)
    except ValueError as error:
        raise UsageError(f"--wait {error}", "configvault --help") from None


def global_flags(*, top: bool = False) -> _Parser:
    """Return the flags that work before and after the command; the later one wins."""
    nothing = argparse.SUPPRESS
    flags = _Parser(add_help=False, argument_default=nothing)
    group = flags.add_argument_group("global flags")
    group.add_argument("-c", "--config", metavar="FILE", help="configuration file")
    group.add_argument("--json", action="store_true", help="print one JSON document on standard output")
    group.add_argument("-q", "--quiet", action="store_true", help="print only the result, warnings and errors")
    group.add_argument("-v", "--verbose", action="store_true", help="print more details")
    group.add_argument("--no-color", action="store_true", help="do not use colour (same as NO_COLOR)")
    group.add_argument(
        "--wait",
        metavar="TIME",
        type=_duration,
        help="how long to wait for the lock (default 30s)",
    )
    if top:
        version = f"configvault {configvault.__version__}"
        group.add_argument("--version", action="version", version=version, help="print the version")
    return flags


def build(*names: str) -> argparse.ArgumentParser:
    """Return the parser, with the arguments of the commands `names` (none: of all; NAMES_ONLY: all, but no arguments)."""
    parser = _Parser(
        prog="configvault",
        description=_DESCRIPTION,
        epilog=_EPILOG,
        formatter_class=_RawFormatter,
        parents=[global_flags(top=True)],
        allow_abbrev=False,
    )
    commands = parser.add_subparsers(
        dest="command", metavar="COMMAND", title="commands", parser_class=_Parser, prog=parser.prog
    )
    after = global_flags()
    for command in COMMANDS:
        if NAMES_ONLY in names:
            commands.add_parser(command.name, aliases=list(command.aliases), help=command.help)
        elif not names or command.name in names or set(command.aliases) & set(names):
            _add(commands, command, after)
    return parser


def _add(commands: argparse._SubParsersAction[_Parser], command: Command, after: _Parser) -> None:
    module = importlib.import_module(f"configvault.cli.commands.{command.module}")
    parser = commands.add_parser(
        command.name,
        aliases=list(command.aliases),
        help=command.help,
        description=command.help[:1].upper() + command.help[1:] + ".",
        epilog=command.examples and f"examples:\n{command.examples}",
        formatter_class=_RawFormatter,
        parents=[after],
        allow_abbrev=False,
    )
    parser.set_defaults(run=module.run, command=command.name)
    module.declare(parser)


def _called(words: Sequence[str]) -> tuple[str | None, int]:
    """Return the command in `words` and where it stands: the first that is no flag.

    Raises:
        UsageError: there is no such command.
    """
    before = ""
    for at, word in enumerate(words):
        if not word.startswith("-") and before not in ("-c", "--config", "--wait"):
            _check_known(word)
            return word, at
        if word in ("-h", "--help"):
            break
        before = word
    return None, len(words)


def _check_known(word: str) -> None:
    known = [name for command in COMMANDS for name in (command.name, *command.aliases)]
    if word not in known:
        from difflib import get_close_matches

        near = [_MEANT[word]] if word in _MEANT else get_close_matches(word, known, n=1)
        raise UsageError(f"there is no command {word!r}", f"configvault {near[0] if near else '--help'}")


def complete(environ: Mapping[str, str]) -> None:
    """Answer a shell that asks for completions, and end; otherwise do nothing."""
    if "_ARGCOMPLETE" in environ:
        import argcomplete

        from configvault.cli import completers

        parser = build()
        completers.attach(parser, environ)
        # Flags only where one was begun: what a command is mostly given comes first.
        argcomplete.autocomplete(parser, always_complete_options=False)


def parse(words: Sequence[str]) -> argparse.Namespace:
    """Return the parsed command line.

    Raises:
        UsageError: it cannot be understood.
        SystemExit: help or the version was asked for and printed.
    """
    called, at = _called(words)
    behind: list[str] = []
    if called == "git" and not {"-h", "--help"} & set(words[at + 1 : at + 2]):
        # All that follows is git's, flags before its own command included, which argparse would take for ours.
        words, behind = words[: at + 1], list(words[at + 1 :])
    if called == "diff" and "--" in words:
        # argparse forgets where `--` stood, and here it divides references from paths.
        at = list(words).index("--")
        words, behind = words[:at], list(words[at + 1 :])
    # For the list of commands their names are enough.
    args, unknown = build(called or NAMES_ONLY).parse_known_args(words)
    if unknown:
        where = f"configvault {called}" if called else "configvault"
        raise UsageError(f"{where} takes no {' '.join(unknown)}", f"{where} --help")
    args.behind = behind
    if args.command is None:
        if words:
            raise UsageError("no command is given", "configvault --help")
        build(NAMES_ONLY).print_help(sys.stderr)
        raise SystemExit(UsageError.code)
    return args
