"""Write a snapshot to somewhere else."""

from __future__ import annotations

import argparse
import os
import sys
from typing import TYPE_CHECKING, Any

from configvault.cli.context import Context
from configvault.core.errors import UsageError

if TYPE_CHECKING:
    from configvault.usecases.history import Listed
    from configvault.usecases.site import Site


def declare(parser: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    parser.add_argument("reference", metavar="REF", help="the snapshot")
    parser.add_argument(
        "--format", choices=("dir", "tar", "configmap"), default="dir",
        help="a directory (default), a tar file, or a Kubernetes ConfigMap in YAML (JSON with --json)",
    )  # fmt: skip
    parser.add_argument("--output", metavar="PLACE", help="a new directory, or a file; - is standard output")
    parser.add_argument("--name", metavar="NAME", help="the ConfigMap's name (default: made of the root's)")
    parser.add_argument("--namespace", metavar="NAME", help="the ConfigMap's namespace (default: none)")
    parser.add_argument(
        "--items",
        action="store_true",
        help="not the ConfigMap, but the volume that mounts it as the tree it was",
    )


def run(context: Context, args: argparse.Namespace) -> int:
    """Export and say where."""
    from configvault.usecases import export, references

    _check(args)
    site = context.site()
    found = references.resolve_any(site, args.reference)
    if args.format == "configmap":
        return _configmap(context, args, site, found)
    if args.format == "dir":
        export.to_folder(site, found, args.output)
    elif args.output == "-":
        sys.stdout.flush()
        export.to_tar(site, found, sys.stdout.buffer)
        return 0
    else:
        export.to_tar_file(site, found, args.output)
    _say(context, args, found)
    return 0


def _check(args: argparse.Namespace) -> None:
    from configvault.core import configmap

    if args.format == "configmap":
        for flag, text in (("--name", args.name), ("--namespace", args.namespace)):
            if text is not None and not configmap.is_name(text):
                raise UsageError(
                    f"{flag} {text!r} is no name in Kubernetes", "use small letters, digits and dashes"
                )
        return
    if args.name or args.namespace or args.items:
        raise UsageError("--name, --namespace and --items belong to a ConfigMap", "add --format configmap")
    if args.output is None or (args.output == "-" and args.format == "dir"):
        raise UsageError(
            f"--output does not say where to write the {args.format}",
            f"configvault export {args.reference} --format {args.format} --output PLACE",
        )


def _configmap(context: Context, args: argparse.Namespace, site: Site, found: Listed) -> int:
    from configvault.core import configmap
    from configvault.usecases import export

    items = export.as_configmap(site, found)
    name = args.name or configmap.name_of(os.path.basename(site.root.path))
    if args.items:
        document = configmap.volume(items, name)
    else:
        document = configmap.document(items, name, args.namespace, found.id)
    text = _written(context, document)
    if not args.items and len(text) > configmap.MOST_APPLIED_BYTES and not context.quiet:
        print("hint: it is large: kubectl apply --server-side -f -", file=sys.stderr)
    if args.output in (None, "-"):
        print(text, end="")
    else:
        export.to_file(site, args.output, text.encode())
        _say(context, args, found)
    return 0


def _say(context: Context, args: argparse.Namespace, found: Listed) -> None:
    if context.json:
        context.emit({"id": found.id, "format": args.format, "output": args.output})
    else:
        context.output.line(f"exported {found.id} to {args.output}")


def _written(context: Context, document: dict[str, Any]) -> str:
    if context.json:
        import json

        return json.dumps(document, indent=2) + "\n"
    import yaml

    class Dumper(yaml.SafeDumper):
        """Writes texts of several lines line by line, so that two versions can be compared."""

    Dumper.add_representer(
        str,
        lambda dumper, text: dumper.represent_scalar(
            "tag:yaml.org,2002:str", text, style="|" if "\n" in text else None
        ),
    )
    return yaml.dump(document, Dumper=Dumper, sort_keys=False, allow_unicode=True, width=1 << 20)
