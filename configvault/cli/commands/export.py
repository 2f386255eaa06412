"""Write a snapshot to somewhere else."""

from __future__ import annotations

import argparse
import sys

from configvault.cli.context import Context
from configvault.core.errors import UsageError


def declare(parser: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    parser.add_argument("reference", metavar="REF", help="the snapshot")
    parser.add_argument(
        "--format", choices=("dir", "tar"), default="dir", help="a directory (default) or a tar file"
    )
    parser.add_argument("--output", metavar="PLACE", help="a new directory, or a file; - is standard output")


def run(context: Context, args: argparse.Namespace) -> int:
    """Export and say where."""
    from configvault.usecases import export, references

    if args.output is None or (args.output == "-" and args.format == "dir"):
        raise UsageError(
            f"--output does not say where to write the {args.format}",
            f"configvault export {args.reference} --format {args.format} --output PLACE",
        )
    site = context.site()
    found = references.resolve_any(site, args.reference)
    if args.format == "dir":
        export.to_folder(site, found, args.output)
    elif args.output == "-":
        sys.stdout.flush()
        export.to_tar(site, found, sys.stdout.buffer)
        return 0
    else:
        export.to_tar_file(site, found, args.output)
    if context.json:
        context.emit({"id": found.id, "format": args.format, "output": args.output})
    else:
        context.output.line(f"exported {found.id} to {args.output}")
    return 0
