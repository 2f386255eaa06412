"""Run git on the vault."""

from __future__ import annotations

import argparse
import os
import sys

from configvault.cli.context import Context


def declare(parser: argparse.ArgumentParser) -> None:
    """Say that everything that follows is git's; the parser hands it over as it is."""
    parser.usage = "configvault [flags] git ..."


def run(context: Context, args: argparse.Namespace) -> int:
    """Become git, with the vault as repository and nobody's settings but ours."""
    git = context.site(damaged=True).vault.git
    argv = [word for word in git.argv(*args.behind) if word != "--no-pager" or not sys.stdout.isatty()]
    sys.stdout.flush()
    try:
        os.execvpe("git", argv, git.env)  # noqa: S606 - no shell is the point
    except FileNotFoundError:
        git.require_version()
        raise
