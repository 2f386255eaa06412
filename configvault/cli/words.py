"""Outcomes in words: findings with the line and a caret, changes with a sign, what to do next."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime
from functools import lru_cache
from typing import TYPE_CHECKING

from configvault.cli.output import printable, width
from configvault.core import language
from configvault.core.model import Change, ChangeKind, Finding, HealthReport, ReloadReport, Severity, Snapshot

if TYPE_CHECKING:
    from configvault.core.outcome import DeployOutcome, Lines, RecordOutcome, RollbackOutcome

SIGNS = {ChangeKind.ADDED: "+", ChangeKind.MODIFIED: "~", ChangeKind.REMOVED: "-", ChangeKind.METADATA: "m"}
_WIDEST_EXCERPT = 100
MOST_CHANGES = 20
MOST_IDS = 3


Hint = Callable[[str], str]
"""Makes the commands in a text whole: `Context.hint`."""


def findings(found: Iterable[Finding], hint: Hint) -> Iterator[str]:
    """Yield findings as compilers print them: `path:line:column: severity rule: message`, the line, a caret."""
    for one in found:
        # Of all files together there is no path.
        place = printable(one.path) or language.text("the directory")
        if one.line is not None:
            place += f":{one.line}" + (f":{one.column}" if one.column is not None else "")
        yield f"{place}: {one.severity} {one.rule}: {printable(language.sentence(one.message))}"
        if one.excerpt is not None:
            yield from _excerpt(one.excerpt, one.column)
        if one.hint:
            yield f"    hint: {printable(hint(language.sentence(one.hint)))}"


def stood(number: int, hint: Hint) -> Iterator[str]:
    """Yield in one line how many warnings are not printed, since the change did not bring them."""
    if number:
        yield f"{counted(number, 'warning')} existed before this change: {hint('configvault check')}"


def _excerpt(line: str, column: int | None) -> Iterator[str]:
    """Yield the line and a caret below its `column`, both cut so that the caret is in view."""
    start = max(0, (column or 1) - 1 - _WIDEST_EXCERPT // 2) if len(line) > _WIDEST_EXCERPT else 0
    yield f"    {printable(line[start : start + _WIDEST_EXCERPT].replace(chr(9), ' '))}"
    if column is not None:
        yield f"    {' ' * width(printable(line[start : column - 1].replace(chr(9), ' ')))}^"


def counted(number: int, noun: str) -> str:
    """Return `1 file`, `2 files`."""
    return f"{number} {noun}{'' if number == 1 else 's'}"


def verdict(found: Sequence[Finding]) -> str:
    """Return how many errors and warnings there are."""
    errors = sum(one.severity is Severity.ERROR for one in found)
    parts = [counted(errors, "error"), counted(len(found) - errors, "warning")]
    return ", ".join(part for part in parts if not part.startswith("0 ")) or "no findings"


def changes(changed: Iterable[Change], lines: Iterable[Lines] = ()) -> Iterator[str]:
    """Yield changed paths with a sign each, and how many lines come and go where that was counted."""
    counts = {one.path: "not text" if one.added is None else f"+{one.added} -{one.removed}" for one in lines}
    for one in changed:
        yield f"  {SIGNS[one.kind]} {printable(one.path)}  {counts.get(one.path, '')}".rstrip()


def first_changes(changed: Sequence[Change], rest: str, hint: Hint) -> Iterator[str]:
    """Yield the first changed paths; where there are many more, that `rest` is the command to see them."""
    yield from changes(changed[:MOST_CHANGES])
    if len(changed) > MOST_CHANGES:
        yield f"  and {len(changed) - MOST_CHANGES:,} more: {hint(f'configvault {rest}')}"


def when(moment: datetime) -> str:
    """Return a moment to the second, with its zone."""
    text = moment.isoformat(" ", "seconds")
    # A list has many of them: this is quicker than to format each.
    return (
        f"{text[:19]} {text[19:22]}{text[23:25]}"
        if len(text) == 25
        else moment.strftime("%Y-%m-%d %H:%M:%S %z")
    )


@lru_cache(256)
def people(actor: str) -> str:
    """Return the names in an actor; how each is known stands in `show`."""
    named = dict.fromkeys(re.findall(r"(\S+) \(uid [0-9]+", actor))
    return ", ".join(named) or actor.partition(" (")[0]


def flags(snapshot: Snapshot) -> str:
    """Return what is said of a snapshot in a few words."""
    if not (snapshot.good or snapshot.rolled_back or snapshot.pins):
        return ""
    said = [word for word, true in (("good", snapshot.good), ("rolled back", snapshot.rolled_back)) if true]
    return ", ".join([*said, *(f"pin:{name}" for name in snapshot.pins)])


def recorded(outcome: RecordOutcome, hint: Hint) -> Iterator[str]:
    """Yield what came of recording live, but for the findings."""
    from configvault.core.outcome import Recording

    if outcome.outcome is Recording.REJECTED:
        assert outcome.rejected is not None
        again = " again" if outcome.repeated else ""
        yield f"rejected{again}: {verdict(outcome.findings)}; kept as {outcome.rejected.id}"
        if outcome.snapshot is not None:
            yield f"the latest snapshot is still {outcome.snapshot.id}: {hint('configvault rollback latest')}"
    elif outcome.snapshot is not None:
        word = "recorded" if outcome.outcome is Recording.RECORDED else "unchanged"
        yield f"{word} {outcome.snapshot.id}: {printable(outcome.snapshot.subject)}"
        if outcome.outcome is Recording.RECORDED:
            yield from first_changes(outcome.changes, f"show {outcome.snapshot.id}", hint)
        if outcome.annotated:
            yield "  the reason was added to the snapshot"


_ENDS = {
    "rolled_back": "rolled back to",
    "unchanged": "nothing to restore, live already equals",
    "planned": "would roll back to",
    "undone": "undone: the root is as it was before the rollback to",
    "reload_failed": "restored, but the service reload FAILED:",
}


def rolled_back(outcome: RollbackOutcome, hint: Hint) -> Iterator[str]:
    """Yield what came of a rollback, but for the findings and the changed files."""
    yield f"{_ENDS[outcome.outcome]} {outcome.target.id}: {printable(outcome.target.subject)}"
    if outcome.left:
        yield f"  marks as rolled back: {_few(outcome.left)}"
    yield from changed(outcome, hint)


def changed(outcome: RollbackOutcome, hint: Hint) -> Iterator[str]:
    """Yield how the root was changed and how the service took it."""
    from configvault.core.outcome import RollbackEnd

    if outcome.safety and outcome.outcome is not RollbackEnd.UNCHANGED:
        yield f"  the previous live state is kept as {outcome.safety}"
    if outcome.recorded is not None:
        yield f"  recorded as {outcome.recorded.id}"
    for path in outcome.in_place:
        yield f"  warning: {printable(path)} is a mount point: it was written in place, not replaced atomically"
    for path in outcome.hard_links:
        yield f"  note: {printable(path)} had other hard links; they keep the old content"
    for path in outcome.kept_folders:
        yield f"  note: {printable(path)} was not removed: it contains ignored files"
    for path in outcome.other_owners:
        yield f"  warning: the owner of {printable(path)} could not be set"
    for path in outcome.no_set_id:
        yield f"  warning: {printable(path)} was restored without set-id bits; use --allow-setid to restore them"
    for path in outcome.bare:
        yield f"  warning: the access list or extended attributes of {printable(path)} could not be saved"
    for path, reason in outcome.left_out:
        yield f"  warning: {printable(path)} was not changed: {reason}"
    for path, place in outcome.aside:
        yield f"  warning: {printable(path)} could not be kept in the vault; it was moved to {printable(place)}"
    if outcome.foreign and outcome.outcome is RollbackEnd.UNDONE:
        yield f"  later edits are kept as {outcome.foreign}"
    elif outcome.foreign:
        yield f"  warning: files were changed during the restore; that version is kept as {outcome.foreign}"
    yield from reloaded(outcome.reload, outcome.health)
    undoing = outcome.undoing
    if undoing is not None and (undoing.reload, undoing.health) != (outcome.reload, outcome.health):
        yield "  after that it was undone:"
        yield from reloaded(undoing.reload, undoing.health)
    if outcome.pending_until is not None:
        yield f"  confirm before {when(outcome.pending_until)}: {hint('configvault confirm')}"


def _few(ids: Sequence[str]) -> str:
    """Return ids, newest first; of many, how many there are, with the ends."""
    if len(ids) <= MOST_IDS:
        return ", ".join(ids)
    return f"{len(ids)} snapshots, {ids[0]} to {ids[-1]}"


_DEPLOYMENTS = {
    "deployed": "deployed",
    "unchanged": "nothing to deploy, live already equals",
    "planned": "would deploy",
    "rejected": "rejected, the root is untouched:",
    "undone": "undone: the root is as it was before the deployment of",
    "reload_failed": "deployed, but the service reload FAILED:",
}


_SHOWN_LEFT_OUT = 3


def deployed(outcome: DeployOutcome, hint: Hint) -> Iterator[str]:
    """Yield what came of a deployment, but for the findings and the changed files."""
    yield f"{_DEPLOYMENTS[outcome.outcome]} {printable(str(outcome.source))}"
    if outcome.rejected is not None:
        yield f"  {verdict(outcome.findings)}; the candidate is kept as {outcome.rejected.id}"
    if outcome.left_out:
        shown = ", ".join(
            f"{printable(path)} ({reason})" for path, reason in outcome.left_out[:_SHOWN_LEFT_OUT]
        )
        more = ", …" if len(outcome.left_out) > _SHOWN_LEFT_OUT else ""
        yield f"  warning: {len(outcome.left_out)} in the source cannot be deployed: {shown}{more}"
    if outcome.change is not None:
        yield from changed(outcome.change, hint)


def reloaded(report: ReloadReport | None, health: Iterable[HealthReport]) -> Iterator[str]:
    """Yield how the service took it."""
    if report is None:
        pass
    elif not report.was_asked:
        yield "  no reload is configured"
    elif report.ok:
        status = f" with {report.status}" if report.status is not None else ""
        yield f"  the service was reloaded ({report.kind}{status}, {report.elapsed_seconds:.1f}s)"
    else:
        yield f"  error: reload ({report.kind}) failed after {counted(report.attempts, 'attempt')}: {report.error}"
    yield from checks(health)


def checks(health: Iterable[HealthReport]) -> Iterator[str]:
    """Yield how each health check ended."""
    for check in health:
        word = "undecided:" if check.ok and check.note else "passed" if check.ok else ""
        word = word or ("error:" if check.required else "warning:")
        said = check.error or check.note
        yield f"  {word} health check {check.name!r}" + (f": {said}" if said else "")
