"""Write the first configuration, create the vault, record what is there."""

from __future__ import annotations

import argparse
import os

from configvault.cli.context import Context
from configvault.core.errors import UsageError


def declare(parser: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    parser.add_argument("--root", metavar="DIR", help="the directory to protect")
    parser.add_argument("--vault", metavar="DIR", help="where its history is kept")


def run(context: Context, args: argparse.Namespace) -> int:
    """Do it; where a configuration stands already it is used, and must agree with the flags."""
    from configvault.cli.commands import snapshot
    from configvault.usecases.record import record

    _configure(context, args)
    return snapshot.finish(context, record(context.site(create=True), "manual"))


def _missing(path: str) -> bool:
    """Return whether nothing is at `path`; what may not be looked at is there, and reading it will say so."""
    try:
        os.stat(path)
    except FileNotFoundError:
        return True
    except OSError:
        return False
    return False


def _configure(context: Context, args: argparse.Namespace) -> None:
    from configvault import app, config

    path = context.config_path
    if _missing(path):
        if not args.root or not args.vault:
            raise UsageError(
                f"there is no configuration at {path} to take the directories from",
                "configvault init --root DIR --vault DIR",
            )
        root, vault = os.path.abspath(args.root), os.path.abspath(args.vault)
        # Looked at first: a configuration that names the wrong place would stand in the way of the next try.
        app.require_places(config.initial_settings(path, root, vault))
        config.write_initial(path, root, vault)
        context.output.line(f"wrote {path}") if not context.json else None
        return
    settings = context.settings()
    for name, asked, given in (("root", args.root, settings.root), ("vault", args.vault, settings.vault)):
        if asked and os.path.abspath(asked) != given:
            raise UsageError(
                f"{path} says {name}: {given}, not {os.path.abspath(asked)}",
                "edit it, or name another file with --config",
            )
