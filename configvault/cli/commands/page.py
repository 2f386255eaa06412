"""Print the address of the pages, with the token that they ask for."""

from __future__ import annotations

import argparse
import shlex

from configvault.cli.context import Context


def declare(parser: argparse.ArgumentParser) -> None:
    """Add no arguments."""


def run(context: Context, args: argparse.Namespace) -> int:  # noqa: ARG001 - every command takes them
    """Print it; also say where nothing answers there."""
    from configvault.usecases.daemonstate import running
    from configvault.usecases.page import page

    site = context.site()
    found = page(site)
    if context.json:
        context.emit({"url": found.url, "token": found.token, "socket": found.socket})
    elif found.socket is not None:
        context.output.line(f"curl --unix-socket {shlex.quote(found.socket)} {found.url}")
    else:
        context.output.line(found.url)
    if running(site.vault) is None:
        context.say_warning("the daemon is not running, so no page is served")
    return 0
