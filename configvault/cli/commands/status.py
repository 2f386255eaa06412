"""Say how things stand."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any

from configvault.cli.context import Context
from configvault.core.exits import Exit

if TYPE_CHECKING:
    from configvault.usecases.status import Status


def declare(parser: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    parser.add_argument(
        "--check", action="store_true", help="exit 1 if live is not the latest snapshot, 6 if degraded"
    )


def run(context: Context, args: argparse.Namespace) -> int:
    """Look and print."""
    from configvault.usecases.status import document, status

    found = status(context.site())
    if context.json:
        context.emit(document(found))
    else:
        context.output.lines(_words(found, context.hint), asked=True)
    if not args.check:
        return 0
    if found.degraded:
        return Exit.DEGRADED
    return 0 if found.matches else Exit.DIFFERS


def _words(found: Status, hint: Callable[[str], str]) -> Iterator[str]:
    from configvault.cli import words
    from configvault.cli.output import printable

    if found.latest is None:
        yield f"latest  none yet: {hint('configvault snapshot')}"
    else:
        yield f"latest  {found.latest.id}  {printable(found.latest.subject)}  ({printable(found.latest.actor)})"
    yield from _live(found, hint)
    yield f"loaded  {found.loaded or 'unknown: no reload has succeeded yet'}"
    yield f"good    {found.good or 'none yet'}"
    yield from _daemon(found, hint)
    for replica in found.replicas:
        late = f"{words.counted(replica.behind, 'snapshot')} behind" if replica.behind else "up to date"
        pushed = f", last pushed {words.when(replica.pushed_at)}" if replica.pushed_at else ", never pushed"
        yield f"replica {printable(replica.url)}: {late}{pushed}"
        if replica.trouble is not None and replica.trouble.hint:
            yield f"        hint: {printable(hint(replica.trouble.hint))}"
    if found.source is not None:
        yield from _source(found.source)
    if found.pending is not None:
        until = words.when(datetime.fromisoformat(found.pending["until"]))
        yield (
            f"pending warning: the rollback to {found.pending['target']} will be undone in "
            f"{found.pending['seconds_left']:.0f}s ({until}) unless you run: {hint('configvault confirm')}"
        )
    if found.ignored:
        named = ", ".join(map(printable, found.ignored[:3])) + (", …" if len(found.ignored) > 3 else "")
        yield f"ignored {len(found.ignored)} by watch.ignore: {named}"
    for path, reason in found.left_out:
        yield f"warning {printable(path)} is left out: {reason}"
    for reason in found.degraded:
        yield f"warning {printable(hint(reason))}"


def _source(source: Mapping[str, Any]) -> Iterator[str]:
    """Yield what is offered, what was deployed, and whether live is that."""
    from configvault.cli import words
    from configvault.cli.output import printable

    asked = f", asked {words.when(datetime.fromisoformat(source['asked_at']))}" if source["asked_at"] else ""
    yield f"source  {printable(source['url'] or '')} {printable(source['ref'])}{asked}"
    offered, deployed = source["offered"], source["deployed"]
    if deployed is None:
        yield f"        nothing is deployed from it yet{f'; it offers {offered[:12]}' if offered else ''}"
    elif offered == deployed:
        yield f"        {deployed[:12]} is deployed as {source['snapshot']}"
    else:
        yield f"        offers {(offered or 'nothing')[:12]}; {deployed[:12]} is deployed as {source['snapshot']}"
    if source["held"]:
        yield f"        held: {printable(source['why'] or source['held'])}"
    elif source["drift"]:
        yield f"        the root was changed since ({source['drift']})"


def _live(found: Status, hint: Callable[[str], str]) -> Iterator[str]:
    from configvault.cli import words
    from configvault.cli.output import printable

    if found.matches:
        yield "live    is the latest snapshot, valid"
    elif found.rejected:
        since = words.when(found.rejected.taken_at)
        yield f"live    error: rejected at {since}: {printable(found.rejected.subject)}"
        ways = f"configvault rejected show {found.rejected.id}, or configvault rollback latest"
        yield f"        hint: {hint(ways)}"
    elif found.changes:
        places = words.counted(len(found.changes), "place")
        yield f"live    differs from the latest snapshot in {places}, not recorded and not validated: {hint('configvault check')}"
    yield from words.first_changes(found.changes, "diff --name-only", hint)


def _daemon(found: Status, hint: Callable[[str], str]) -> Iterator[str]:
    from configvault.cli import words

    daemon = found.daemon
    if not daemon.running:
        yield "daemon  not running: changes are not being recorded"
        yield f"        hint: {hint('configvault unit install --now')}"
        return
    since = f" since {words.when(datetime.fromisoformat(daemon.since))}" if daemon.since else ""
    yield f"daemon  running as process {daemon.pid}{since}"
    if daemon.last_proof is not None:
        yield f"watch   {daemon.watching}, last verified {words.when(daemon.last_proof)}"
    for name, at in sorted(daemon.next.items()):
        last = f", last run {words.when(daemon.last[name])}" if name in daemon.last else ", not run yet"
        if name == "drill" and daemon.drilled is not None:
            last += (
                ", recovered from every replica" if daemon.drilled else ", could not recover from every replica"
            )
        yield f"{name:7} next at {words.when(at)}{last}"
