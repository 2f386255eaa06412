"""Write the reference from the program itself, so that it cannot drift.

Commands, configuration, outcomes (log, metric, notification), exit codes, HTTP, and the files in the vault. The examples of
outcomes are those of the tests.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

PROJECT = Path(__file__).parent.parent
sys.path.append(str(PROJECT / "tests"))

import outcomes as examples  # noqa: E402

from configvault.cli import parser as parser_  # noqa: E402
from configvault.core.escapes import one_line  # noqa: E402
from configvault.core.exits import Exit  # noqa: E402
from configvault.core.figures import Figures  # noqa: E402
from configvault.core.outcome import Outcome  # noqa: E402
from configvault.core.rendering import events  # noqa: E402
from configvault.core.rendering.called import called  # noqa: E402
from configvault.core.settings import EVENTS  # noqa: E402
from configvault.observers.metrics import Metrics  # noqa: E402
from configvault.observers.notify import COMMANDS  # noqa: E402
from configvault.vault import statefiles  # noqa: E402
from configvault.web.api import DOCUMENTS  # noqa: E402
from configvault.web.application import ROUTES  # noqa: E402

FIGURES = Figures()
NOT_TOLD = "\u2013"


def write(folder: Path) -> None:
    """Write each page into `folder`; one that would be the same is left alone."""
    folder.mkdir(exist_ok=True)
    for path in folder.glob("*.md"):
        if path.stem not in PAGES:
            path.unlink()
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
    yield 'Every command ends with one of these. With `--json` a failure prints `{"error": {"code", "message", "hint"}}` on standard error.\n'
    yield "| code | meaning |\n|---|---|"
    for one in Exit:
        yield f"| {int(one)} | {one.meaning} |"


def outcomes_() -> Iterator[str]:
    """Yield what is told of each outcome: the log's event, the metric that counts it, the notification."""
    yield "# Outcomes: log, metrics, notifications\n"
    yield "Everything that happens is told to the log, to the metrics and to whoever is notified, from one row of the program. A dash says: not told there.\n"
    yield "| example | log event | level | metrics that count it | notification (`notify.on`) |\n|---|---|---|---|---|"
    seen: dict[str, events.Event] = {}
    rows = set()
    for outcome, _ in examples.NAMED:
        event = events.event(outcome)
        counted = ", ".join(f"`{name}`" for name in _counted(outcome)) or NOT_TOLD
        asked = event.name in EVENTS
        row = f"`{called(outcome).log}` | {event.level} | {counted} | {f'`{event.name}`' if asked else NOT_TOLD} |"
        if row not in rows:
            rows.add(row)
            yield f"| {one_line(event.title).replace('|', chr(92) + '|')} | {row}"
        if asked:
            seen.setdefault(event.name, event)
    yield ""
    yield "The log has one JSON object (or one line, `log.format`) for each: `timestamp`, `level`, `event`, and values that depend on the event.\n"
    yield "## Notifications\n"
    yield "`notify: [{on: [...]}]` takes these names. A webhook with `format: json`, and a command on its standard input, get one JSON object; `slack`, `feishu`, `dingtalk` and"
    yield "`wecom` get a text or a card with the same facts.\n"
    yield "| event | the command that it names |\n|---|---|"
    for name in EVENTS:
        yield f"| `{name}` | {f'`{COMMANDS[name]}`' if name in COMMANDS else NOT_TOLD} |"
    yield ""
    for name in EVENTS:
        if name in seen:
            event = seen[name]
            told = {
                "event": name, "level": event.level, "title": event.title, "at": "2023-12-01T12:00:00+00:00", "host": "web-1",
                "root": "/app/conf/plugin", "command": COMMANDS.get(name), "outcome": event.document,
            }  # fmt: skip
            yield f"### {name}\n"
            yield "```json"
            yield json.dumps(told, indent=2, ensure_ascii=False, default=str)
            yield "```\n"
    yield "## Metrics\n"
    yield "`GET /metrics` answers these, as Prometheus text or as OpenMetrics. Counters count what the daemon did and what commands did beside it.\n"
    yield "| metric | type | labels | what |\n|---|---|---|---|"
    for family in _families():
        name = f"{family.name}_total" if family.type == "counter" else family.name
        yield f"| `{name}` | {family.type} | {', '.join(f'`{one}`' for one in family.labels) or NOT_TOLD} | {family.documentation} |"


class _Family(NamedTuple):
    name: str
    type: str
    labels: tuple[str, ...]
    documentation: str


def _families() -> list[_Family]:
    metrics = Metrics("1.0", lambda: FIGURES)
    made = [
        _Family(one._name, one._type, tuple(one._labelnames), one._documentation)
        for one in vars(metrics).values()
        if hasattr(one, "_labelnames")
    ]
    known = {one.name for one in made}
    for one in metrics.registry.collect():
        if one.name not in known and one.name != "configvault_build":
            labels = tuple(dict.fromkeys(label for sample in one.samples for label in sample.labels))
            made.append(
                _Family(one.name, one.type, labels or tuple(getattr(one, "_labelnames", ())), one.documentation)
            )
    return sorted(made)


def _counted(outcome: Outcome) -> list[str]:
    """Return the counters that an outcome raises."""
    metrics = Metrics("1.0", lambda: FIGURES)
    before = _samples(metrics)
    metrics(outcome)
    after = _samples(metrics)
    return sorted({name for (name, labels), value in after.items() if value != before.get((name, labels), 0.0)})


def _samples(metrics: Metrics) -> dict[tuple[str, str], float]:
    return {
        (sample.name, str(sample.labels)): sample.value
        for family in metrics.registry.collect()
        for sample in family.samples
        if family.type != "histogram" or sample.name.endswith("_count")
    }


def files() -> Iterator[str]:
    """Yield the files of a vault."""
    yield "# Files in the vault\n"
    yield "The vault is a bare git repository of mode 0700. Everything in it can be read with plain git; write through configvault only.\n"
    yield "| ref | what it is |\n|---|---|"
    yield "| `refs/heads/main` | the history: one commit for each snapshot |"
    yield "| `refs/tags/backup_…` | the id of each snapshot |"
    yield "| `refs/configvault/rejected/…` | the rejected states, each with its findings |"
    yield "| `refs/configvault/marks` | what is good, pinned and rolled back, and annotations |"
    yield ""
    yield "Beside the repository, in `configvault/` inside the vault:\n"
    yield "| file | what it is |\n|---|---|"
    for name, about in beside():
        yield f"| `{name}` | {about} |"


def beside() -> list[tuple[str, str]]:
    """Return the files beside the repository, as the module that writes them has them; without its references to modules."""
    found = re.findall(r"^    (\S+) +(.+)$", statefiles.__doc__ or "", re.MULTILINE)
    return [(name, re.sub(r" \((?:\w+/)+[\w./]*\)", "", about)) for name, about in found]


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
    "outcomes": outcomes_,
    "http": http,
    "files": files,
}
