"""Look at many hosts through their replicas."""

from __future__ import annotations

import argparse
import contextlib
import os
import sys
import tempfile
from collections.abc import Iterator
from datetime import datetime
from typing import TYPE_CHECKING, Any

from configvault.cli.context import Context
from configvault.core.errors import UsageError
from configvault.core.exits import Exit

if TYPE_CHECKING:
    from configvault.core.settings import Settings
    from configvault.usecases.fleet import FleetReplica, Member

_MOST_HOSTS = 8


def declare(parser: argparse.ArgumentParser) -> None:
    """Add what can be looked at."""
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    actions.add_parser(
        "status", help="list hosts, their latest snapshots, and which of them differ", parents=[_flags()]
    )
    diff = actions.add_parser("diff", help="compare the latest snapshots of two hosts", parents=[_flags()])
    diff.add_argument("first", metavar="HOST1", help="a host")
    diff.add_argument("second", metavar="HOST2", help="another host")
    diff.add_argument("--path", action="append", default=[], metavar="P", help="only this file or folder")
    diff.add_argument("--stat", action="store_true", help="count the lines that changed in each file")
    diff.add_argument("--name-only", action="store_true", help="print only the names of the files")
    diff.add_argument("--exit-code", action="store_true", help="exit 1 if there are differences")
    diff.add_argument("--no-redact", action="store_true", help="show secrets")
    find = actions.add_parser("find", help="show which host has which version of a file", parents=[_flags()])
    find.add_argument("path", metavar="PATH", help="a file or folder, relative to the root")


def _flags() -> argparse.ArgumentParser:
    from configvault.cli.parser import global_flags

    flags = global_flags()
    where = flags.add_argument_group("which hosts")
    where.add_argument(
        "--from", dest="urls", action="append", default=[], metavar="URL",
        help="a replica of one host or of several, or a URL with {host} for many (default: replicas in the configuration)",
    )  # fmt: skip
    where.add_argument(
        "--host", action="append", default=[], metavar="HOST", help="only this host; may be repeated"
    )
    where.add_argument(
        "--hosts", metavar="FILE", default=None, help="only these hosts, one per line; - for standard input"
    )
    where.add_argument(
        "--cache", metavar="DIR", default=None, help="keep fetched data in DIR (mode 0700) for the next run"
    )
    where.add_argument(
        "--at-once", metavar="N", default="8", help="fetch from N replicas at a time (default: 8)"
    )
    where.add_argument(
        "--within",
        metavar="TIME",
        default="10m",
        help="wait at most this long in total for answers (default: 10m)",
    )
    where.add_argument(
        "--identity",
        metavar="FILE",
        default=None,
        help="the file with the age identity (secret key), if a store is encrypted",
    )
    return flags


def run(context: Context, args: argparse.Namespace) -> int:
    """Fetch, then do what `action` says."""
    with _looked(context, args) as members:
        if args.action == "diff":
            return _diff(context, args, members)
        (_find if args.action == "find" else _status)(context, args, members)
        return Exit.DEGRADED if any(member.trouble for member in members) else 0


@contextlib.contextmanager
def _looked(context: Context, args: argparse.Namespace) -> Iterator[list[Member]]:
    from configvault import app
    from configvault.usecases import fleet

    settings = context.settings() if os.path.exists(context.config_path) or not args.urls else None
    wanted = _hosts(args)
    if args.action == "diff":
        wanted = [args.first, args.second]
    sources: dict[str, FleetReplica] = {}
    for url in args.urls or _configured(settings):
        reading = app.Reading(os.path.abspath(args.identity)) if args.identity else None
        sources |= app.replica_hosts(url, wanted, settings, context.environ, reading)
    if not args.at_once.isdigit() or not int(args.at_once):
        raise UsageError(f"--at-once {args.at_once!r} is not a number of 1 or more", "--at-once 8")
    with _place(args.cache) as place:
        found = fleet.look(
            dict(sorted(sources.items())),
            place,
            context.environ,
            int(args.at_once),
            glance=args.action == "status",
            within_s=_within(args.within),
            progress=None if context.json else context.output.progress("asking"),
        )
        yield [
            *found,
            *(
                fleet.Member(host, "", trouble="no replica contains it")
                for host in dict.fromkeys(wanted)
                if host not in sources
            ),
        ]


def _within(text: str) -> float:
    from configvault.core import times

    try:
        return times.parse_duration(text)
    except ValueError as error:
        raise UsageError(f"--within: {error}", "configvault fleet status --within 5m") from None


def _hosts(args: argparse.Namespace) -> list[str]:
    named = list(args.host)
    if args.hosts == "-":
        named += sys.stdin.read().split()
    elif args.hosts:
        with open(args.hosts, encoding="utf-8") as file:
            named += file.read().split()
    return named


def _configured(settings: Settings | None) -> list[str]:
    if settings is None or not settings.replicas:
        raise UsageError("no replica is given", "configvault fleet status --from '/srv/configvault/{host}.git'")
    return [replica.url for replica in settings.replicas]


@contextlib.contextmanager
def _place(cache: str | None) -> Iterator[str]:
    """Give a folder for what is fetched, which holds the hosts' secrets: nobody else may look."""
    if cache is None:
        with tempfile.TemporaryDirectory(prefix="configvault-fleet-") as place:
            yield place
        return
    from configvault import app

    yield app.private_folder(os.path.abspath(cache))


def _status(context: Context, args: argparse.Namespace, members: list[Member]) -> None:  # noqa: ARG001 - as _find
    from configvault.usecases import fleet

    groups = fleet.groups(members)
    group_of = {host: group for group in groups for host in group.hosts}
    now = datetime.now().astimezone()
    if context.json:
        context.emit(
            {
                "hosts": [_document(member, group_of, now) for member in members],
                "groups": [
                    {
                        "name": one.name,
                        "hosts": list(one.hosts),
                        "differs": None if one.changes is None else len(one.changes),
                    }
                    for one in groups
                ],
            }
        )
        return
    rows = []
    for member in members:
        if member.snapshot is None and member.seen_at is not None:
            rows.append((member.host, "encrypted", _age(member.seen_at, now), "", ""))
            continue
        if member.snapshot is None:
            rows.append((member.host, "", "", "", f"error: {member.trouble}"))
            continue
        group = group_of[member.host]
        differs = f"{group.name}: differs in {len(group.changes)}" if group.changes else group.name
        if group.changes is None:
            differs = f"{group.name}: differs"
        rows.append(
            (
                member.host,
                member.snapshot.id,
                _age(member.snapshot.taken_at, now),
                differs,
                member.snapshot.subject,
            )
        )
    context.output.table(("host", "latest", "age", "state", "what changed"), rows)


def _document(member: Member, group_of: dict[str, Any], now: datetime) -> dict[str, Any]:
    from configvault.core.rendering import documents

    latest = member.snapshot
    taken_at = latest.taken_at if latest else member.seen_at
    return {
        "host": member.host,
        "url": member.url,
        "latest": documents.snapshot(latest) if latest else None,
        "age_seconds": (now - taken_at).total_seconds() if taken_at else None,
        "group": group_of[member.host].name if latest else None,
        "error": member.trouble,
    }


def _age(taken_at: datetime, now: datetime) -> str:
    from configvault.core.times import format_duration

    return format_duration(max((now - taken_at).total_seconds(), 0))


def _find(context: Context, args: argparse.Namespace, members: list[Member]) -> None:
    from configvault.core.model import Entry
    from configvault.usecases import fleet

    found = fleet.versions(members, args.path)
    if context.json:
        rows = [
            {
                "blob": one.entry.blob if isinstance(one.entry, Entry) else None,
                "size_bytes": one.entry.size if isinstance(one.entry, Entry) else None,
                "present": one.entry is not None,
                "hosts": list(one.hosts),
            }
            for one in found
        ]
        errors = {member.host: member.trouble for member in members if member.trouble}
        context.emit({"path": args.path, "versions": rows, "errors": errors})
        return
    table = []
    for one in found:
        what = "not there" if one.entry is None else "a folder"
        if isinstance(one.entry, Entry):
            what = f"{one.entry.blob[:12]}, {one.entry.size} bytes"
        table.append((str(len(one.hosts)), what, _few(one.hosts)))
    context.output.table(("hosts", "version", "which"), table)
    for member in members:
        if member.trouble:
            context.say_error(f"{member.host}: {member.trouble}")


def _few(hosts: tuple[str, ...]) -> str:
    more = f" and {len(hosts) - _MOST_HOSTS} more" if len(hosts) > _MOST_HOSTS else ""
    return ", ".join(hosts[:_MOST_HOSTS]) + more


def _diff(context: Context, args: argparse.Namespace, members: list[Member]) -> int:
    from configvault.cli.commands import diff
    from configvault.usecases import fleet

    first, second = (fleet.chosen(members, host) for host in (args.first, args.second))
    changed = fleet.difference(first, second, args.path)
    # Marks of this one run: the same secret on both hosts looks the same, and says nothing tomorrow.
    hide = diff.hider(lambda: os.urandom(32), redact=not args.no_redact)
    diffs = diff.file_diffs(changed, first.read, second.read, hide)
    diff.show(context, args, diffs, (f"{first.host}:{_id(first)}", f"{second.host}:{_id(second)}"))
    return Exit.DIFFERS if changed and args.exit_code else 0


def _id(member: Member) -> str:
    return member.snapshot.id if member.snapshot else "none"
