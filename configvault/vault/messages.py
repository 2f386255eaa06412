"""Commit messages of the vault: a subject, words, and trailers that `git interpret-trailers` reads."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime

from configvault.core.escapes import one_line
from configvault.core.frozen import as_dict
from configvault.core.model import Finding, RejectedState, Severity, Snapshot
from configvault.core.pattern import pattern

# One record of `git log`: commit, tree, parents, committer date, body; NUL and RS cannot be in any of them.
LOG_FORMAT = "--format=%H%x00%T%x00%P%x00%cI%x00%B%x1e"
END = b"\x1e"
_PREFIX = "Configvault-"
_ID = pattern(r"(?:backup|rejected)_[0-9]{8}_[0-9]{6}")
# Whoever made a commit chose its time; what is shown of it must be one that a calendar has.
_LAST_YEAR = 9990
_NO_TIME = datetime.fromtimestamp(0, UTC)
_TRAILER = pattern(f"^{_PREFIX}(.*?): (.*)$", re.MULTILINE)


def write(subject: str, body: str, trailers: Mapping[str, str | None]) -> str:
    """Return a commit message; a trailer without a value is left out, line ends in values become spaces."""
    subject = one_line(" ".join(subject.split()))
    lines = [f"{_PREFIX}{key}: {one_line(' '.join(value.split()))}" for key, value in trailers.items() if value]
    return "\n\n".join(part for part in (subject, body.strip(), "\n".join(lines)) if part) + "\n"


def author(actor: str, host: str) -> str | None:
    """Return who made a change as git has authors, `login <login@host>`; None where nobody is known.

    Of several the first one counts. Whoever may choose a name here is not to write a second line of the commit, nor
    an address that git takes for another.
    """
    found = re.match(r"(\S+) \(uid [0-9]+", actor)
    login = re.sub(r"[^\w.@+-]", "-", found[1]).strip("-.@+") if found else ""
    place = re.sub(r"[^A-Za-z0-9.-]", "-", host).strip("-.") or "localhost"
    return f"{login} <{login.replace('@', '-')}@{place}>" if login else None


def parse_log(output: bytes) -> Iterable[tuple[str, str, str | None, datetime, str, dict[str, str]]]:
    """Yield commit, tree, first parent, time, message and trailers of each record of `git log`."""
    for record in output.decode("utf-8", "replace").split("\x1e"):
        fields = record.lstrip("\n").split("\0")
        if len(fields) == 5:
            commit, tree, parents, date, body = fields
            parent = parents.split()[0] if parents else None
            yield commit, tree, parent, _time(date), body, _trailers(body)


def _time(text: str) -> datetime:
    """Return a time as git prints it; 1970 for one that is none, as git takes it for years and zones that no calendar has."""
    try:
        time = datetime.fromisoformat(text)
    except ValueError:
        return _NO_TIME
    return time if time.year <= _LAST_YEAR else _NO_TIME


def _trailers(body: str) -> dict[str, str]:
    last = body.rstrip("\n").rpartition("\n\n")[2]
    # A replica may hold what somebody else wrote.
    return {key: one_line(value) for key, value in _TRAILER.findall(last)}


def snapshots(output: bytes) -> Iterable[Snapshot]:
    """Yield the snapshots in the output of `git log`; marks are added by the caller."""
    for commit, tree, parent, taken_at, body, trailers in parse_log(output):
        if _ID.fullmatch(trailers.get("Id", "")):
            yield Snapshot(
                id=trailers["Id"],
                commit=commit,
                tree=tree,
                parent=parent,
                taken_at=taken_at,
                trigger=trailers.get("Trigger", ""),
                actor=trailers.get("Actor", ""),
                host=trailers.get("Host", ""),
                subject=one_line(body.split("\n", 1)[0]),
                reason=trailers.get("Reason"),
                target=trailers.get("Target"),
                plugins=_names(trailers.get("Plugins", "")),
                source=trailers.get("Source"),
            )


def _names(value: str) -> tuple[str, ...]:
    return tuple(name for name in value.split(", ") if name)


def findings_text(findings: Iterable[Finding]) -> str:
    """Return findings as lines of JSON, for the message of a rejected state."""
    return "\n".join(json.dumps(as_dict(finding), sort_keys=True) for finding in findings)


def rejected(output: bytes) -> Iterable[RejectedState]:
    """Yield the rejected states in the output of `git log`."""
    for commit, tree, parent, taken_at, body, trailers in parse_log(output):
        if _ID.fullmatch(trailers.get("Id", "")):
            yield RejectedState(
                id=trailers["Id"],
                commit=commit,
                tree=tree,
                parent=parent,
                taken_at=taken_at,
                trigger=trailers.get("Trigger", ""),
                actor=trailers.get("Actor", ""),
                subject=one_line(body.split("\n", 1)[0]),
                findings=tuple(_findings(body)),
                plugins=_names(trailers.get("Plugins", "")),
            )


def _findings(body: str) -> Iterable[Finding]:
    """Yield the findings in a message; lines that are none are somebody else's words."""
    for line in body.split("\n"):
        if line.startswith("{"):
            try:
                yield _finding(json.loads(line))
            except (ValueError, KeyError, TypeError, RecursionError):
                continue


def _finding(row: dict[str, object]) -> Finding:
    texts = [row[key] for key in ("rule", "path", "message")]
    places = [row[key] for key in ("line", "column")]
    texts += [row[key] for key in ("excerpt", "hint") if row.get(key) is not None]
    if not all(isinstance(text, str) for text in texts) or not all(_is_place(place) for place in places):
        raise ValueError("not of the form of a finding")
    return Finding(**{**row, "severity": Severity(row["severity"])})  # type: ignore[arg-type]


def _is_place(value: object) -> bool:
    return value is None or (type(value) is int and 0 < value < 1 << 31)
