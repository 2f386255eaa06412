"""What a shell may offer: words, pins and ids where a reference stands, and what lies in the root where a path does.

Quick, without git, and silent on any error.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable, Collection, Mapping
from itertools import islice

from configvault.core.times import REJECTED_PREFIX, SNAPSHOT_PREFIX

WORDS = ("latest", "previous", "good")
# Without a beginning only so many ids are offered: a screen of them helps nobody.
MOST_UNASKED = 20

# A folder of the root may hold any number of files.
MOST_FILES = 10_000
# Their path is one in the root.
_PATHS = ("PATH", "P")
_ANY_PATH = ("configvault check",)

Known = tuple[list[str], list[str], list[str]]
"""Ids of snapshots and of rejected states, newest first, and pins."""


def attach(parser: argparse.ArgumentParser, environ: Mapping[str, str]) -> None:
    """Tell each argument of `parser` and of its commands, by its metavar, what completes it."""
    offers = {
        "REF": _references,
        "REF[:path]": _references,
        "ID": lambda known: known[0],
        "REJECTED": lambda known: known[1],
        "PIN": lambda known: known[2],
    }
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for inner in action.choices.values():
                attach(inner, environ)
        elif isinstance(action.metavar, str) and action.metavar in offers:
            vars(action)["completer"] = _completer(offers[action.metavar], environ)
        elif action.metavar in _PATHS and parser.prog not in _ANY_PATH:
            vars(action)["completer"] = _path_completer(environ)


def _references(known: Known) -> list[str]:
    ids, rejected, pins = known
    return [*WORDS, *(f"pin:{name}" for name in pins), *ids, *rejected]


def _completer(
    offer: Callable[[Known], list[str]], environ: Mapping[str, str]
) -> Callable[..., Collection[str]]:
    def complete(prefix: str, parsed_args: argparse.Namespace, **_: object) -> Collection[str]:
        from configvault import app

        try:
            config = getattr(parsed_args, "config", None)
            beginning = SNAPSHOT_PREFIX + prefix if prefix[:1].isdigit() else prefix
            known = app.known_references(config, environ, beginning, MOST_UNASKED)
        except Exception:
            # The person is in the middle of a line: any message would only tear it apart.
            return ()
        return _chosen(offer(known), prefix)

    return complete


def _path_completer(environ: Mapping[str, str]) -> Callable[..., Collection[str]]:
    def complete(prefix: str, parsed_args: argparse.Namespace, **_: object) -> Collection[str]:
        from configvault import app

        try:
            settings = app.load_settings(
                app.config_path(getattr(parsed_args, "config", None), environ), environ
            )
            return _below(settings.root, prefix)
        except Exception:
            return ()

    return complete


def _below(root: str, prefix: str) -> list[str]:
    """Return what in the root begins like `prefix`; no link leads out of it."""
    folder, slash, start = prefix.rpartition("/")
    top = os.path.realpath(root)
    place = os.path.realpath(os.path.join(top, folder))
    if os.path.commonpath([top, place]) != top:
        return []
    with os.scandir(place) as entries:
        return sorted(
            f"{folder}{slash}{one.name}{'/' if one.is_dir(follow_symlinks=False) else ''}"
            for one in islice(entries, MOST_FILES)
            if one.name.startswith(start)
        )


def _chosen(offered: list[str], prefix: str) -> list[str]:
    if prefix[:1].isdigit():
        offered = [one.removeprefix(SNAPSHOT_PREFIX) for one in offered]
    if prefix:
        return [one for one in offered if one.startswith(prefix)]
    ids = [one for one in offered if one.startswith((SNAPSHOT_PREFIX, REJECTED_PREFIX))]
    words = [one for one in offered if not one.startswith((SNAPSHOT_PREFIX, REJECTED_PREFIX))]
    return words + ids[:MOST_UNASKED]
