"""Print a JSON Schema, by which editors complete and underline a file while it is written."""

from __future__ import annotations

import argparse
import json

from configvault.cli.context import Context


def declare(parser: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    parser.add_argument(
        "of",
        metavar="WHAT",
        choices=("config", "plugin-meta"),
        help="config: the configuration of configvault; plugin-meta: plugin_meta.yaml of Coze Studio",
    )


def run(_context: Context, args: argparse.Namespace) -> int:
    """Print it; it is JSON with or without `--json`."""
    from configvault import app

    print(json.dumps(app.schema(args.of), indent=1, ensure_ascii=False))
    return 0
