"""Print what makes a shell complete the commands."""

from __future__ import annotations

import argparse

from configvault.cli.context import Context


def declare(parser: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    parser.add_argument("shell", choices=("bash", "zsh", "fish"), help="the shell")


def run(context: Context, args: argparse.Namespace) -> int:  # noqa: ARG001 - every command takes it
    """Print it; the shell then asks this very program."""
    from argcomplete import shell_integration

    print(shell_integration.shellcode(["configvault"], shell=args.shell))
    return 0
