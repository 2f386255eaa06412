"""What the service's log holds, as tables and as JSON."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from configvault.cli.context import Context
from configvault.core.errors import ConfigvaultError, NoVaultError, UsageError

if TYPE_CHECKING:
    import argparse

    from configvault.app import LogReport

CONFIGURED = ""


def show(context: Context, args: argparse.Namespace) -> int:
    """Read the logs that are named, and print what they come to."""
    from configvault import app
    from configvault.core import units

    try:
        slow_s = units.duration(args.slow or "5s")
    except ValueError:
        raise UsageError(
            f"--slow {args.slow!r} is not a duration; allowed: {units.DURATIONS}", "--slow 5s"
        ) from None
    settings, site = None, None
    try:
        settings = context.settings()
        site = context.site(settings)
    except NoVaultError:
        pass
    except ConfigvaultError:
        # Any host can read a log; a configuration that was asked for has to be there.
        if context.config is not None or CONFIGURED in args.service_log:
            raise
    named = settings.service_log if settings is not None else None
    if CONFIGURED in args.service_log and (named is None or named.path is None):
        raise UsageError("--service-log names no file, and service_log.path is not set", "--service-log FILE")
    paths: list[str] = []
    for path in args.service_log:
        paths += app.rotated_logs(named.path) if path == CONFIGURED and named and named.path else [path]
    progress = None if context.json or "-" in paths else context.output.progress("reading")
    found = app.service_log_report(
        site, paths, dict(named.fields) if named else {}, slow_s * 1000, args.since, progress
    )
    for path in found.read.damaged:
        context.say_warning(f"{path} is truncated or damaged: only the requests before that point are counted")
    if context.json:
        context.emit(document(found))
    else:
        _tables(context, found)
    return 0


def _tables(context: Context, found: LogReport) -> None:
    from configvault.cli import words

    analysis, out = found.analysis, context.output
    plugins = analysis.plugins()
    requests = sum(counts.requests for counts in plugins.values())
    when = found.when
    times = [when(at) for at in (analysis.first, analysis.last) if at is not None]
    out.line(f"{words.counted(requests, 'request')}" + (f" from {times[0]} to {times[1]}" if times else ""))
    if found.read.skipped:
        out.line(f"{words.counted(found.read.skipped, 'line')} skipped: not a JSON object on one line")
    slow = f"over {analysis.slow_ms / 1000:g}s"
    rows = [
        (
            found.named(name),
            *_cells(counts),
            _ms(counts.durations.quantile(0.5)),
            _ms(counts.durations.quantile(0.95)),
        )
        for name, counts in plugins.items()
    ]
    heads = ("plugin", "requests", "errors", "rate", slow, "p50", "p95")
    out.table(heads, rows)
    if analysis.last_errors:
        out.line()
        out.table(
            ("last errors", "plugin", "operation", "status", "error"),
            [
                (
                    when(one.at),
                    found.named(one.plugin),
                    one.operation,
                    str(one.status or "-"),
                    found.hide(one.error or ""),
                )
                for one in analysis.last_errors
            ],
        )
    if slowest := analysis.slowest():
        out.line()
        rows = [(_ms(one.ms), found.named(one.plugin), one.operation, when(one.at)) for one in slowest]
        out.table(("slowest", "plugin", "operation", "at"), rows)
    _snapshots(context, found)


def _snapshots(context: Context, found: LogReport) -> None:
    """Print what each plugin did while each snapshot was loaded, and which do worse since the newest."""
    when, out = found.when, context.output
    cells = found.analysis.snapshots()
    if not cells:
        return
    rows = []
    for id_, at, plugins in cells:
        for name, counts in sorted(plugins.items(), key=lambda row: -row[1].requests):
            since = when(at) if at is not None else ""
            rows.append(
                (id_, since, found.named(name), *_cells(counts)[:3], _ms(counts.durations.quantile(0.95)))
            )
    out.line()
    out.table(("snapshot", "loaded", "plugin", "requests", "errors", "rate", "p95"), rows)
    for plugin, id_, rate, before in found.analysis.worse():
        out.line()
        out.line(
            f"warning: since {id_} {found.named(plugin)} fails {_percent(rate)} instead of {_percent(before)}"
        )


def _cells(counts: Any) -> tuple[str, ...]:
    return (
        str(counts.requests),
        str(counts.errors) if counts.errors else "-",
        _percent(counts.rate),
        str(counts.slow) if counts.slow else "-",
    )


def _percent(share: float) -> str:
    return f"{share * 100:.1f}%" if 0 < share < 0.1 else f"{share * 100:.0f}%"


def _ms(ms: float | None) -> str:
    return "-" if ms is None else f"{ms:,.0f} ms"


def document(found: LogReport) -> dict[str, Any]:
    """Return the report as JSON."""
    analysis = found.analysis
    plugins = analysis.plugins()
    requests, errors, slow = (
        sum(getattr(c, name) for c in plugins.values()) for name in ("requests", "errors", "slow")
    )
    return {
        "files": list(found.paths),
        "first": _iso(found, analysis.first),
        "last": _iso(found, analysis.last),
        "skipped": found.read.skipped,
        "others": found.read.others,
        "damaged": list(found.read.damaged),
        "slow_seconds": analysis.slow_ms / 1000,
        "totals": {
            "requests": requests,
            "errors": errors,
            "error_rate": errors / requests if requests else 0.0,
            "slow": slow,
        },
        "plugins": [
            {
                **_counts(name, counts),
                "title": found.titles.get(name),
                "last_errors": [_error(found, one) for one in analysis.last_errors_of(name)],
                "slowest": [_slow(found, one) for one in analysis.slowest(name)],
            }
            for name, counts in plugins.items()
        ],
        "last_errors": [{"plugin": one.plugin, **_error(found, one)} for one in analysis.last_errors],
        "slowest": [{"plugin": one.plugin, **_slow(found, one)} for one in analysis.slowest()],
        "snapshots": [
            {
                "id": id_ if at is not None else None,
                "loaded_at": _iso(found, at),
                "plugins": [_counts(name, counts) for name, counts in plugins_.items()],
            }
            for id_, at, plugins_ in analysis.snapshots()
        ],
        "worse": [
            {"plugin": plugin, "snapshot": id_, "error_rate": rate, "error_rate_before": before}
            for plugin, id_, rate, before in analysis.worse()
        ],
    }


def _counts(name: str, counts: Any) -> dict[str, Any]:
    return {
        "name": name,
        "requests": counts.requests,
        "errors": counts.errors,
        "error_rate": counts.rate,
        "slow": counts.slow,
        "p50_ms": counts.durations.quantile(0.5),
        "p95_ms": counts.durations.quantile(0.95),
    }


def _error(found: LogReport, one: Any) -> Mapping[str, Any]:
    error = found.hide(one.error or "")
    return {"at": _iso(found, one.at), "operation": one.operation, "status": one.status, "error": error}


def _slow(found: LogReport, one: Any) -> Mapping[str, Any]:
    return {"at": _iso(found, one.at), "operation": one.operation, "ms": one.ms}


def _iso(found: LogReport, at: float | None) -> str | None:
    return None if at is None else found.moment(at).isoformat(timespec="milliseconds")
