"""Print the manual page, made from the parser and the list of commands: `python -m configvault.cli.manual`."""

from __future__ import annotations

import argparse
import re
from collections.abc import Iterator

import configvault
from configvault.cli import parser as parser_
from configvault.cli.commands import COMMANDS, Command

DESCRIPTION = """\
configvault watches one directory, validates every state of it, records the valid ones in a git repository of its own
and restores any of them. The directory is the root, the repository the vault; what is in the root right now is live.

A state that validation refuses is kept as a rejected state and never becomes a snapshot. A rollback first keeps what
is live, then makes the root equal to the snapshot, records that as a new snapshot, and has the service reload.
Every command works with the daemon dead."""

REFERENCES = (
    (
        "backup_20231201_143022",
        "a snapshot's id; a beginning that no other has is enough, with or without backup_",
    ),
    ("1f2e3d4", "seven digits or more of its commit"),
    ("latest", "the newest snapshot"),
    ("previous", "the newest one before what is live that was not rolled back"),
    ("good", "the newest one that the service loaded with every required health check passed"),
    ("pin:NAME", "the one that has this pin"),
    ("rejected_20231201_143022", "a rejected state, to look at or to restore by force"),
    ("REF:path", "one file in it"),
)
EXIT_CODES = (
    (0, "done, also where there was nothing to do"),
    (1, "failed"),
    (2, "the command line cannot be understood"),
    (3, "rejected by validation"),
    (4, "the reference is unknown or ambiguous"),
    (5, "busy: somebody else holds the lock, or a rollback waits for its confirmation"),
    (6, "degraded: done, but something needs attention"),
    (7, "restored, but the reload or a health check failed"),
    (8, "undone automatically"),
    (9, "the vault is damaged"),
    (10, "there is no vault here"),
    (78, "the configuration cannot be used"),
    (130, "interrupted"),
)
FILES = (
    (
        "/etc/configvault/config.yaml",
        "the configuration, where neither --config nor $CONFIGVAULT_CONFIG names another",
    ),
    ("VAULT", "a bare git repository of mode 0700: git -C VAULT log --stat reads it"),
    ("VAULT/configvault", "what else must last: journal, lock, cache, the key that hides secrets"),
)
ENVIRONMENT = (
    ("CONFIGVAULT_CONFIG", "the configuration file"),
    ("NO_COLOR", "where it is set to anything, no colour is used"),
)


# These stand once, under FLAGS, and not again in the line of each command.
_GLOBAL = r"\[-h\]|\[-c FILE\]|\[--json\]|\[-q\]|\[-v\]|\[--no-color\]|\[--wait TIME\]"


def page() -> str:
    """Return the manual page as roff for man(7)."""
    return "\n".join(_lines()) + "\n"


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
    yield _text("They work before and after the command.")
    yield from _arguments(everything)
    yield ".SH COMMANDS"
    parsers = _commands(everything)
    for command in COMMANDS:
        yield from _command(command, parsers[command.name])
    for title, rows in (
        ("REFERENCES", REFERENCES),
        ("EXIT STATUS", EXIT_CODES),
        ("FILES", FILES),
        ("ENVIRONMENT", ENVIRONMENT),
    ):
        yield f".SH {title}"
        for name, meaning in rows:
            yield from _tagged(str(name), meaning)
    yield ".SH SEE ALSO"
    yield r".BR git (1)"


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
    print(page(), end="")
