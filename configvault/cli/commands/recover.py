"""Rebuild vault and root from a replica."""

from __future__ import annotations

import argparse
import dataclasses
import os
import re
import shlex
from collections.abc import Mapping
from typing import TYPE_CHECKING

from configvault.cli.context import Context
from configvault.core.errors import ConfigvaultError, IntegrityError, UnknownReferenceError, UsageError
from configvault.core.exits import Exit
from configvault.core.replicas import is_store

if TYPE_CHECKING:
    from configvault.app import Reading
    from configvault.core.replicas import Glance
    from configvault.core.settings import Settings
    from configvault.usecases.fleet import FleetReplica
    from configvault.usecases.recover_host import Recovered


def declare(parser: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    parser.add_argument("--from", dest="url", metavar="URL", help="the replica; {host} is replaced by HOST")
    parser.add_argument("--host", metavar="HOST", help="the host to recover, if the replica contains several")
    parser.add_argument("--into", metavar="DIR", help="restore into DIR instead of the configured root")
    parser.add_argument("--vault", metavar="DIR", help="the vault, if there is no configuration yet")
    parser.add_argument(
        "--identity",
        metavar="FILE",
        help="the file with the age identity (secret key), if the store is encrypted",
    )
    parser.add_argument(
        "--until",
        metavar="N",
        help="an object store: use manifest N as the newest, for example if a later one is damaged",
    )
    parser.add_argument("--list", action="store_true", help="only list the hosts in the replica")
    parser.add_argument(
        "--force", action="store_true", help="replace what is there, after it is saved in the vault"
    )
    parser.add_argument(
        "--allow-setid", action="store_true", help="restore the set-user-id and set-group-id bits of files"
    )


def run(context: Context, args: argparse.Namespace) -> int:
    """Recover, or list, and print what came of it."""
    from configvault import app

    has_config = os.path.exists(context.config_path)
    if not has_config and args.url and not args.list and not args.into:
        raise _unplaced(context, args)
    settings = None if not has_config and (args.list or args.into) else context.settings()
    url = args.url or _configured(settings)
    names = [args.host] if args.host else _own(url, settings, args)
    found = app.replica_hosts(url, names, settings, context.environ, _reading(args))
    if args.list:
        return _list(context, url, found)
    if len(found) != 1 and settings and settings.host in found and not args.host:
        found = {settings.host: found[settings.host]}
    # A store has many hosts: the only one that is in this one may be another than this.
    is_another = is_store(url) and settings and settings.host not in (None, *found) and not args.host
    if len(found) != 1 or is_another:
        raise _unclear(url, sorted(found), args.host)
    [(host, source)] = found.items()

    from configvault.usecases.recover_host import recover_host

    configured = settings.root if settings else None
    settings = _placed(context, settings, args)
    site = context.site(settings, create=True, root_of_vault=configured)
    try:
        done = recover_host(site, source, force=args.force, allow_setid=args.allow_setid)
    except IntegrityError as error:
        # The error itself names the first one.
        for said in getattr(error, "damages", ())[1:]:
            context.say_warning(f"also: {said}")
        raise
    _show(context, host, site.root.path, done)
    if not settings.replicas and not context.json:
        context.output.line("  no replica is configured: put the host's own configuration back, or add one")
    return 0


def _configured(settings: Settings | None) -> str:
    if settings is None or not settings.replicas:
        raise UsageError("no replica is given", "configvault recover --from URL")
    return settings.replicas[0].url


def _own(url: str, settings: Settings | None, args: argparse.Namespace) -> list[str]:
    """Return the configured name of this host, where the URL asks for one and nobody gave another."""
    return [settings.host] if "{host}" in url and settings and settings.host and not args.list else []


def _unclear(url: str, found: list[str], wanted: str | None) -> UnknownReferenceError:
    listing = f"configvault recover --from {shlex.quote(url)} --list"
    if wanted:
        return UnknownReferenceError(f"the replica contains no host {wanted!r}", listing)
    if not found:
        return UnknownReferenceError(
            "the replica contains no host", "look at the URL: a store has its hosts below a prefix"
        )
    return UnknownReferenceError(
        f"which host? the replica contains: {', '.join(found[:20])}", "add --host HOST"
    )


def _unplaced(context: Context, args: argparse.Namespace) -> UsageError:
    """Return what is said where nothing says where the root and the vault are to be."""
    url, host = shlex.quote(args.url), f" --host {shlex.quote(args.host)}" if args.host else ""
    return UsageError(
        f"there is no configuration at {context.config_path}",
        f"configvault recover --from {url}{host} --into DIR --vault DIR, or put the host's configuration back first",
    )


def _placed(context: Context, settings: Settings | None, args: argparse.Namespace) -> Settings:
    """Return the settings with the root that was asked for; write the first configuration where there is none."""
    from configvault import config
    from configvault.config import agree

    into = os.path.abspath(args.into) if args.into else None
    if settings is None:
        if not args.vault or into is None:
            raise _unplaced(context, args)
        config.write_initial(context.config_path, into, os.path.abspath(args.vault))
        settings = context.settings()
    if args.vault and os.path.abspath(args.vault) != settings.vault:
        raise UsageError(f"the configuration says vault: {settings.vault}", "omit --vault")
    if into is None or into == settings.root:
        return settings
    settings = dataclasses.replace(settings, root=into)
    faults: list[str] = []
    agree.check(settings, lambda key, text: faults.append(f"{key}: {text}"), None, None)
    if faults:
        raise UsageError(f"--into {into} cannot be the root: {faults[0]}", "name a directory outside the vault")
    return settings


def _reading(args: argparse.Namespace) -> Reading:
    from configvault import app

    if args.until is not None and not re.fullmatch(r"[1-9][0-9]{0,7}", args.until):
        raise UsageError(f"--until {args.until!r} is not the number of a manifest", "omit it")
    identity = os.path.abspath(args.identity) if args.identity else None
    return app.Reading(identity, int(args.until) if args.until else None)


def _list(context: Context, url: str, found: Mapping[str, FleetReplica]) -> int:
    """Print the hosts; of a store also what it says of each, where that can be believed."""
    from configvault.cli import words

    rows: list[tuple[str, FleetReplica, Glance | None, str | None]] = []
    for host, source in found.items():
        try:
            rows.append((host, source, source.glance(), None))
        except ConfigvaultError as error:
            rows.append((host, source, None, error.message))
    if context.json:
        context.emit(
            {
                "hosts": [
                    {
                        "host": host,
                        "url": source.name,
                        "latest": seen.id if seen else None,
                        "taken_at": seen.taken_at.isoformat() if seen else None,
                        "error": error,
                    }
                    for host, source, seen, error in rows
                ]
            }
        )
    elif not rows:
        more = ": look at the prefix in the URL" if is_store(url) else ""
        context.output.line(f"the replica contains no host{more}")
    else:
        context.output.table(
            ("host", "where", "latest"),
            [
                (
                    host,
                    source.name,
                    f"error: {error}"
                    if error
                    else f"{seen.id or 'encrypted'}, {words.when(seen.taken_at)}"
                    if seen
                    else "",
                )
                for host, source, seen, error in rows
            ],
        )
    return Exit.DEGRADED if any(error for *_, error in rows) else 0


def _show(context: Context, host: str, root: str, done: Recovered) -> None:
    from configvault.cli import words
    from configvault.cli.output import printable
    from configvault.core.rendering import documents

    for said in done.noticed:
        context.say_warning(said)
    if context.json:
        context.emit(
            {
                "host": host,
                "root": root,
                "snapshot": documents.snapshot(done.snapshot),
                "snapshots": done.snapshots,
                "rejected": done.rejected,
                "files": done.files,
                "kept": done.kept,
                "recorded": documents.snapshot(done.recorded) if done.recorded else None,
                "without_setid": list(done.no_set_id),
                "noticed": list(done.noticed),
            }
        )
        return
    output = context.output
    output.line(
        f"recovered {host}: {words.counted(done.snapshots, 'snapshot')}, {words.counted(done.rejected, 'rejected state')}"
    )
    output.line(
        f"  {root} equals {done.snapshot.id}: {words.counted(done.files, 'file')}, read again and compared"
    )
    if done.kept:
        output.line(f"  the previous content is kept as {done.kept}")
    for path in done.no_set_id:
        output.line(f"  warning: {printable(path)} was restored without set-id bits; chmod it if it needs them")
    output.line(f"  the service was not reloaded: {context.hint('configvault reload')}")
