"""The manual pages, made from the parser and the list of commands: `python -m configvault.cli.manual [FOLDER]`."""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Iterator
from pathlib import Path

import configvault
from configvault.cli import parser as parser_
from configvault.cli.commands import COMMANDS, Command
from configvault.core.exits import Exit

DESCRIPTION = """\
configvault watches one directory, validates every state of it, records the valid ones in its own git repository
and restores any of them. The directory is called the root, the repository the vault. The current content of the root is
called live.

A state that fails validation is kept as a rejected state and never becomes a snapshot. A rollback first saves the live
state, then makes the root equal to the snapshot, records that as a new snapshot, and reloads the service.
Every command also works when the daemon is not running."""

REFERENCES = (
    (
        "backup_20231201_143022",
        "the id of a snapshot, or a unique prefix of it, with or without backup_",
    ),
    ("1f2e3d4", "the hash of its commit, at least seven digits"),
    ("latest", "the newest snapshot"),
    ("previous", "the newest snapshot before the live one that has not been rolled back"),
    ("good", "the newest snapshot that the service loaded and that passed every required health check"),
    ("pin:NAME", "the snapshot with this pin"),
    ("rejected_20231201_143022", "a rejected state, to show, or to restore with --force"),
    ("REF:path", "one file in it"),
)
FILES = (
    (
        "/etc/configvault/config.yaml",
        "the default configuration file; --config and $CONFIGVAULT_CONFIG override it",
    ),
    ("VAULT", "a bare git repository with mode 0700; try git -C VAULT log --stat"),
    ("VAULT/configvault", "other state: journal, lock, cache, the key for hiding secrets"),
)
ENVIRONMENT = (
    ("CONFIGVAULT_CONFIG", "the configuration file"),
    ("NO_COLOR", "if set to any value, do not use colour"),
    (
        "CONFIGVAULT_PAGER, PAGER",
        "what shows long lists and differences on a terminal; the default is less with LESS=FRX, and cat or nothing is no pager",
    ),
)


# These stand once, under FLAGS, and not again in the line of each command.
_GLOBAL = r"\[-h\]|\[-c FILE\]|\[--json\]|\[-q\]|\[-v\]|\[--no-color\]|\[--wait TIME\]"


def page() -> str:
    """Return the manual page as roff for man(7)."""
    return "\n".join(_lines()) + "\n"


def pages() -> dict[str, str]:
    """Return every manual page by its file name: one of the whole, and one of each command as git has them."""
    parsers = _commands(parser_.build())
    made = {f"configvault-{one.name}.1": _own(one, parsers[one.name]) for one in COMMANDS}
    return {"configvault.1": page(), **made}


def _own(command: Command, parser: argparse.ArgumentParser) -> str:
    first, *rest = _command(command, parser)
    del first
    name = f"configvault-{command.name}"
    lines = [
        f'.TH {name.upper()} 1 "" "configvault {configvault.__version__}" "User Commands"',
        ".SH NAME",
        rf"{_text(name)} \- {_text(command.help)}",
        ".SH SYNOPSIS AND OPTIONS",
        *rest,
        ".SH SEE ALSO",
        r".BR configvault (1)",
    ]
    return "\n".join(lines) + "\n"


def _lines() -> Iterator[str]:
    everything = parser_.build()
    yield f'.TH CONFIGVAULT 1 "" "configvault {configvault.__version__}" "User Commands"'
    yield ".SH NAME"
    yield rf"configvault \- {_text('watch a config directory, record every valid state of it in git, restore any of them')}"
    yield ".SH SYNOPSIS"
    yield r".B configvault"
    yield r"[\fIflags\fR] \fIcommand\fR [\fIarguments\fR]"
    yield ".SH DESCRIPTION"
    yield from _paragraphs(DESCRIPTION)
    yield ".SH FLAGS"
    yield _text("These flags work before and after the command.")
    yield from _arguments(everything)
    yield ".SH COMMANDS"
    parsers = _commands(everything)
    for command in COMMANDS:
        yield from _command(command, parsers[command.name])
    for title, rows in (
        ("REFERENCES", REFERENCES),
        ("EXIT STATUS", [(code.value, code.meaning) for code in Exit]),
        ("FILES", FILES),
        ("ENVIRONMENT", ENVIRONMENT),
    ):
        yield f".SH {title}"
        for name, meaning in rows:
            yield from _tagged(str(name), meaning)
    yield ".SH SEE ALSO"
    yield (
        ",\n".join(rf".BR {_text(f'configvault-{command.name}')} (1)" for command in COMMANDS)
        + ",\n.BR git (1)"
    )


def _commands(parser: argparse.ArgumentParser) -> dict[str, argparse.ArgumentParser]:
    """Return the parsers of the commands of `parser`, by name; none where it has no commands."""
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            return dict(action.choices)
    return {}


def _command(command: Command, parser: argparse.ArgumentParser) -> Iterator[str]:
    usage = re.sub(r"\s+", " ", parser.format_usage()).removeprefix("usage: ").strip()
    usage = re.sub(rf" (?:{_GLOBAL})", "", usage)
    yield f".SS {_text(command.name)}"
    yield _text(f"{command.help[:1].upper()}{command.help[1:]}.")
    if command.aliases:
        yield _text(f"Also called {', '.join(command.aliases)}.")
    yield ".PP"
    yield rf"\fB{_text(usage)}\fR"
    yield from _arguments(parser, globals_too=False)
    for name, inner in _commands(parser).items():
        yield from _tagged(f"{command.name} {name}", inner.description or _help_of(parser, name))
        yield from _arguments(inner, globals_too=False)
    yield ".PP"
    yield ".EX"
    yield from (_text(line) for line in command.examples.split("\n"))
    yield ".EE"


def _help_of(parser: argparse.ArgumentParser, name: str) -> str:
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for choice in action._choices_actions:
                if choice.dest == name:
                    return choice.help or ""
    return ""


def _arguments(parser: argparse.ArgumentParser, *, globals_too: bool = True) -> Iterator[str]:
    for group in parser._action_groups:
        if group.title == "global flags" and not globals_too:
            continue
        for action in group._group_actions:
            said = action.help not in (None, argparse.SUPPRESS)
            if isinstance(action, (argparse._SubParsersAction, argparse._HelpAction)) or not said:
                continue
            value = _value(action)
            names = [f"{flag} {value}".strip() for flag in action.option_strings] or [value]
            yield from _tagged(", ".join(names), str(action.help))


def _value(action: argparse.Action) -> str:
    if action.nargs == 0:
        return ""
    if isinstance(action.metavar, str):
        return action.metavar
    return "|".join(map(str, action.choices)) if action.choices else action.dest.upper()


def _tagged(tag: str, meaning: str) -> Iterator[str]:
    yield ".TP"
    yield rf"\fB{_text(tag)}\fR"
    yield _text(meaning)


def _paragraphs(text: str) -> Iterator[str]:
    for number, paragraph in enumerate(text.split("\n\n")):
        if number:
            yield ".PP"
        yield _text(paragraph.replace("\n", " "))


def _text(text: str) -> str:
    """Return one line of plain text: nothing in it is a request or an escape. Source: groff(7)."""
    escaped = text.replace("%%", "%").replace("\\", "\\e").replace("-", "\\-").replace("'", "\\(aq")
    return f"\\&{escaped}" if escaped.startswith((".", "\\(aq")) else escaped


if __name__ == "__main__":
    if sys.argv[1:]:
        for name, text in pages().items():
            Path(sys.argv[1], name).write_text(text, encoding="utf-8")
    else:
        print(page(), end="")
