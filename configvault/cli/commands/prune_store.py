"""Remove from an object store what no recovery of a newer state needs."""

from __future__ import annotations

import argparse
import os
import re
from typing import Any

from configvault.cli.context import Context
from configvault.core.errors import ConfigvaultError, UsageError
from configvault.core.exits import Exit


def declare(parser: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    parser.add_argument("--from", dest="url", metavar="URL", required=True, help="the object store")
    parser.add_argument(
        "--host",
        action="append",
        default=[],
        metavar="HOST",
        help="only this host; may be repeated (default: all)",
    )
    parser.add_argument(
        "--keep-full",
        metavar="N",
        default="2",
        help="keep the newest N full bundles and everything after (default: 2)",
    )
    parser.add_argument(
        "--credentials", metavar="FILE", help="the login that may delete, as `aws configure` writes it"
    )
    parser.add_argument("-n", "--dry-run", action="store_true", help="only print what would be removed")


def run(context: Context, args: argparse.Namespace) -> int:
    """Check each host's chain, then remove what lies before its kept full bundles."""
    from configvault import app
    from configvault.cli import words
    from configvault.core import units

    if not re.fullmatch(r"[1-9][0-9]{0,7}", args.keep_full):
        raise UsageError(f"--keep-full {args.keep_full!r} is not a number of 1 or more", "--keep-full 2")
    settings = context.settings() if os.path.exists(context.config_path) else None
    credentials = os.path.abspath(args.credentials) if args.credentials else None
    rows: list[dict[str, Any]] = []
    for host, store in app.stores(args.url, args.host, settings, context.environ, credentials).items():
        try:
            done = store.prune(int(args.keep_full), dry_run=args.dry_run)
        except ConfigvaultError as error:
            rows.append({"host": host, "removed": [], "bytes": 0, "from": None, "error": error.message})
            continue
        rows.append(
            {
                "host": host,
                "removed": list(done.removed),
                "bytes": done.bytes,
                "from": done.first,
                "error": None,
            }
        )
    if context.json:
        context.emit({"dry_run": args.dry_run, "hosts": rows})
    for row in () if context.json else rows:
        if row["error"]:
            context.say_error(f"{row['host']}: {row['error']}")
            continue
        count = words.counted(len(row["removed"]), "object")
        verb = "would remove" if args.dry_run else "removed"
        context.output.line(
            f"{row['host']}: {verb} {count}, {units.size_text(row['bytes'])}; kept from manifest {row['from']} on"
        )
    return Exit.DEGRADED if any(row["error"] for row in rows) else 0
