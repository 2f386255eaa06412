"""Write the first configuration, create the vault, record what is there."""

from __future__ import annotations

import argparse
import os
from typing import TYPE_CHECKING

from configvault.cli.context import Context
from configvault.core.errors import UsageError

if TYPE_CHECKING:
    from configvault.host.known import Proposal

_VAULT = "/var/lib/configvault"
_FIRST_PORT = 9460


def declare(parser: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    parser.add_argument(
        "--root",
        metavar="DIR",
        help="the directory to protect, or a Coze Studio checkout (default: search for one here)",
    )
    parser.add_argument(
        "--adopt",
        action="store_true",
        help="let the vault protect the configured root, which has moved, instead of the one before",
    )
    parser.add_argument("--vault", metavar="DIR", help=f"where to keep the history (default: {_VAULT})")


def run(context: Context, args: argparse.Namespace) -> int:
    """Do it; where a configuration stands already it is used, and must agree with the flags."""
    from configvault.cli import words
    from configvault.core.errors import RejectedError
    from configvault.core.outcome import Recording
    from configvault.core.rendering import documents
    from configvault.usecases.record import record

    proposal = configure(context, args)
    if args.adopt:
        _adopt(context)
    outcome = record(context.site(create=True), "manual")
    rejected = outcome.outcome is Recording.REJECTED
    steps = _next(context, rejected=rejected)
    if context.json:
        guesses = list(proposal.guesses) if proposal else []
        context.emit(documents.recorded(outcome) | {"guesses": guesses, "next": steps})
        return RejectedError.code if rejected else 0
    context.say_findings(outcome.findings, outcome.standing)
    context.output.lines(words.recorded(outcome, context.hint))
    for guess in proposal.guesses if proposal else ():
        context.output.line(f"guessed {guess}: see {context.config_path}")
    context.output.lines(f"next: {step}" for step in steps)
    return RejectedError.code if rejected else 0


def _adopt(context: Context) -> None:
    """Let the vault, where there is one, protect the root of the configuration from now on."""
    from configvault import app

    app.adopt_root(context.settings(), context.environ, context.command, context.wait_s)


def _next(context: Context, *, rejected: bool) -> list[str]:
    """Return the commands that come next."""
    steps = ["configvault check"] if rejected else []
    systemd = os.path.isdir("/run/systemd/system")
    return [
        context.hint(step)
        for step in (*steps, "configvault unit install --now" if systemd else "configvault run")
    ]


def _missing(path: str) -> bool:
    """Return whether nothing is at `path`; what may not be looked at is there, and reading it will say so."""
    try:
        os.stat(path)
    except FileNotFoundError:
        return True
    except OSError:
        return False
    return False


def configure(context: Context, args: argparse.Namespace) -> Proposal | None:
    """Write a configuration unless there is one; return what it was made of."""
    from configvault import app, config
    from configvault.host import known

    path = context.config_path
    if _missing(path):
        found = known.propose(args.root, os.getcwd())
        vault = os.path.abspath(args.vault or _vault(path))
        lines = [*found.lines, *_listen(context)] if found.lines else _listen(context)
        # Looked at first: a configuration that names the wrong place would stand in the way of the next try.
        app.require_places(config.initial_settings(path, found.root, vault, lines))
        config.write_initial(path, found.root, vault, lines)
        if not context.json:
            context.output.line(f"wrote {path} for {found.root}, {found.what}")
        return found
    settings = context.settings()
    asked = args.root and (known.propose(args.root, os.getcwd()).root, os.path.abspath(args.root))
    if asked and settings.root not in asked:
        raise _otherwise(context, "root", settings.root, asked[0])
    if args.vault and os.path.abspath(args.vault) != settings.vault:
        raise _otherwise(context, "vault", settings.vault, os.path.abspath(args.vault))
    return None


def _otherwise(context: Context, name: str, given: str, asked: str) -> UsageError:
    return UsageError(
        f"{context.config_path} says {name}: {given}, not {asked}",
        f"configvault -c /etc/configvault/NAME.yaml init --{name} {asked}",
    )


def _vault(path: str) -> str:
    """Return where the vault of a configuration is by default, each its own."""
    from configvault.core.hints import unit_name

    return f"/var/lib/{unit_name(path).replace('@', '-')}"


def _listen(context: Context) -> list[str]:
    """Return the lines for the pages: another port than that of another configuration here."""
    from configvault import config
    from configvault.core.errors import ConfigvaultError

    taken = set()
    for other in config.neighbours(context.config_path):
        try:
            taken.add(config.load(other, context.environ).http.listen)
        except ConfigvaultError:
            continue
    port = next(port for port in range(_FIRST_PORT, _FIRST_PORT + 1000) if f"127.0.0.1:{port}" not in taken)
    if port == _FIRST_PORT:
        return []
    return ["", "# Another configuration on this host uses 9460.", "http:", f"  listen: 127.0.0.1:{port}"]
