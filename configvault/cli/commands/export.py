"""Write a snapshot to somewhere else."""

from __future__ import annotations

import argparse
import os
import sys
from typing import TYPE_CHECKING, Any

from configvault.cli.context import Context
from configvault.core.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable

    from configvault.core.configmap import Item
    from configvault.usecases.site import Site

# What is one object of Kubernetes.
OBJECTS = ("configmap", "secret")


def declare(parser: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    parser.add_argument(
        "reference",
        metavar="REF",
        help="a snapshot, or a directory such as ./plugin (needs no vault and no configuration)",
    )
    parser.add_argument(
        "--format", choices=("dir", "tar", "configmap", "secret"), default="dir",
        help="a directory (default), a tar file, or a Kubernetes ConfigMap or Secret in YAML (JSON with --json)",
    )  # fmt: skip
    parser.add_argument("--output", metavar="PLACE", help="a new directory, or a file; - for standard output")
    parser.add_argument(
        "--name", metavar="NAME", help="the object's name (default: derived from the name of the root)"
    )
    parser.add_argument("--namespace", metavar="NAME", help="the object's namespace (default: none)")
    parser.add_argument(
        "--items",
        action="store_true",
        help="print the volume that mounts the object as the original tree, not the object",
    )


def run(context: Context, args: argparse.Namespace) -> int:
    """Export and say where."""
    from configvault.usecases import export, references

    _check(args)
    if _is_directory(args.reference):
        return _directory(context, args)
    site = context.site()
    found = references.resolve_any(site, args.reference)
    if args.format in OBJECTS:
        from configvault.core.secrets.redactor import Redactor

        items = export.as_configmap(site, found)
        hide = Redactor(site.vault.redaction_key()).text
        return _object(context, args, site, found.id, os.path.basename(site.root.path), items, hide)
    if args.format == "dir":
        export.to_folder(site, found, args.output)
    elif args.output == "-":
        sys.stdout.flush()
        export.to_tar(site, found, sys.stdout.buffer)
        return 0
    else:
        export.to_tar_file(site, found, args.output)
    _say(context, args, found.id)
    return 0


def _check(args: argparse.Namespace) -> None:
    from configvault.core import configmap

    if args.format not in OBJECTS and _is_directory(args.reference):
        raise UsageError(
            f"the directory {args.reference} can only be exported as a ConfigMap or a Secret",
            f"configvault export {args.reference} --format configmap",
        )
    if args.format in OBJECTS:
        for flag, text in (("--name", args.name), ("--namespace", args.namespace)):
            if text is not None and not configmap.is_name(text):
                raise UsageError(
                    f"{flag} {text!r} is not a valid name in Kubernetes",
                    "use lower-case letters, digits and dashes",
                )
        return
    if args.name or args.namespace or args.items:
        raise UsageError(
            "--name, --namespace and --items belong to a ConfigMap or Secret", "add --format configmap"
        )
    if args.output is None or (args.output == "-" and args.format == "dir"):
        raise UsageError(
            f"--output does not say where to write the {args.format}",
            f"configvault export {args.reference} --format {args.format} --output PLACE",
        )


def _is_directory(text: str) -> bool:
    """Return whether what is to be exported is a directory: a path with a slash, or one that can be no reference."""
    from configvault.usecases import references

    if "/" in text or text in (".", ".."):
        return True
    return os.path.isdir(text) and not references.may_be(text)


def _directory(context: Context, args: argparse.Namespace) -> int:
    """Export a directory as it is now, such as a checkout in CI."""
    from configvault import app
    from configvault.core.secrets.redactor import Redactor
    from configvault.core.settings import ValidateSettings, WatchSettings
    from configvault.usecases import export

    path = os.path.abspath(args.reference)
    root, _ = app.directory(path, WatchSettings().ignore, ValidateSettings(), context.environ)
    made = export.of_directory(root)
    return _object(context, args, None, made.id, os.path.basename(path), made.items, Redactor(b"").text)


def _object(
    context: Context,
    args: argparse.Namespace,
    site: Site | None,
    id_: str,
    default_name: str,
    items: list[Item],
    hide: Callable[[str], str],
) -> int:
    from configvault.core import configmap
    from configvault.usecases import export

    secret = args.format == "secret"
    name = args.name or configmap.name_of(default_name)
    if not items:
        context.say_warning(f"{args.reference} contains no files: the export is empty")
    if args.items:
        document = configmap.volume(items, name, secret=secret)
    else:
        document = configmap.document(items, name, args.namespace, id_, secret=secret)
        if not secret:
            for place in configmap.places_of_secrets(items, hide):
                context.say_warning(f"{place} looks like a secret; use --format secret instead of a ConfigMap")
    text = _written(context, document)
    if not args.items and len(text) > configmap.MOST_APPLIED_BYTES and not context.quiet:
        print("hint: it is large: kubectl apply --server-side -f -", file=sys.stderr)
    if args.output in (None, "-"):
        print(text, end="")
    else:
        export.to_file(site, args.output, text.encode())
        _say(context, args, id_)
    return 0


def _say(context: Context, args: argparse.Namespace, id_: str) -> None:
    if context.json:
        context.emit({"id": id_, "format": args.format, "output": args.output})
    else:
        context.output.line(f"exported {id_} to {args.output}")


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
