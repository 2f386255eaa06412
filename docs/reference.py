"""Write the reference from the program itself, so that it cannot drift: commands, configuration, exit codes, events, HTTP."""

from __future__ import annotations

import argparse
import re
from collections.abc import Callable, Iterator
from pathlib import Path

from configvault.cli import parser as parser_
from configvault.core.exits import Exit
from configvault.core.settings import EVENTS
from configvault.observers.notify import COMMANDS
from configvault.web.api import DOCUMENTS
from configvault.web.application import ROUTES

PROJECT = Path(__file__).parent.parent


def write(folder: Path) -> None:
    """Write each page into `folder`; one that would be the same is left alone."""
    folder.mkdir(exist_ok=True)
    for name, lines in PAGES.items():
        text = "\n".join(lines()) + "\n"
        path = folder / f"{name}.md"
        if not path.exists() or path.read_text() != text:
            path.write_text(text)


def commands() -> Iterator[str]:
    """Yield every command with its flags, as `--help` has them."""
    yield "# Commands\n"
    yield "Made from the program's own help. Every command accepts `-c FILE`, `--json`, `-q`, `-v`, `--no-color` and `--wait TIME`.\n"
    every = next(one for one in parser_.build()._actions if isinstance(one, argparse._SubParsersAction))
    helps = {one.dest: one.help for one in every._choices_actions}
    for name, one in sorted(every.choices.items()):
        if name not in helps:
            continue
        yield f"## {name}\n"
        yield f"{str(helps[name]).capitalize()}.\n"
        yield "```text"
        yield one.format_help().strip().replace("\x1b", "")
        yield "```\n"


def configuration() -> Iterator[str]:
    """Yield the example, which has every key with its default."""
    yield "# Configuration\n"
    yield "Every key with its default. `configvault config example` prints the same, `configvault config validate` reports every fault of yours"
    yield "with its line, and `configvault schema config` prints a JSON Schema for your editor.\n"
    yield "```yaml"
    yield (PROJECT / "config.example.yaml").read_text().rstrip()
    yield "```"


def exit_codes() -> Iterator[str]:
    """Yield each exit code with its words."""
    yield "# Exit codes\n"
    readme = (PROJECT / "README.md").read_text()
    known = dict(re.findall(r"^\| (\d+) \| (.+?) \|$", readme, re.MULTILINE))
    yield "| code | meaning |\n|---|---|"
    for one in sorted(Exit):
        yield f"| {int(one)} | {known[str(int(one))]} |"
    yield "| 130 | interrupted |" if "130" not in {str(int(one)) for one in Exit} else ""


def events() -> Iterator[str]:
    """Yield what can be asked for under `notify`, and the command that a notification names."""
    yield "# Notifications\n"
    yield "What `notify: [{on: […]}]` can ask for. A webhook with `format: json`, and a command on its standard input, get an object with `event`, `level`"
    yield "(`info`, `warning`, `error`), `title`, `at`, `host`, `root`, `command` and `outcome`, which is what the command prints with `--json`.\n"
    yield "| event | the command that it names |\n|---|---|"
    for name in EVENTS:
        yield f"| `{name}` | {f'`{COMMANDS[name]}`' if name in COMMANDS else ''} |"


def http() -> Iterator[str]:
    """Yield the routes of the daemon's server."""
    yield "# HTTP\n"
    yield "Read-only, on `http.listen`. All but `/health`, `/ready` and `/metrics` asks for the token that `configvault page` prints.\n"
    yield "| path | what |\n|---|---|"
    for one in ROUTES:
        about = (one.page.__doc__ or "").strip().splitlines()[0].rstrip(".")
        path = f"{one.path}…" if one.below else one.path
        said = next((text for name, text in DOCUMENTS.items() if name.rstrip("ID") == one.path), about)
        yield f"| `{path}` | {said} |"


PAGES: dict[str, Callable[[], Iterator[str]]] = {
    "commands": commands,
    "configuration": configuration,
    "exit-codes": exit_codes,
    "notifications": events,
    "http": http,
}
