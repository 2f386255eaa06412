"""What the page shows of the service: its plugins, what it loaded, and how its requests ended since then."""

from __future__ import annotations

import os
from collections.abc import Iterable

from configvault.core import plugins
from configvault.core.settings import ServiceLogSettings
from configvault.core.timeline import LoadedShown, PluginShown, ServiceShown
from configvault.service.log.analysis import Analysis, Counts, Loaded
from configvault.service.log.recent import back
from configvault.service.log.requests import Parser
from configvault.usecases.loading import Loaded as Loading
from configvault.usecases.loading import loadings
from configvault.usecases.site import Site

MOST_LOADED = 20
# A page waits for this much of the log to be read: some hundred thousand requests.
MOST_BYTES = 16 * 1024 * 1024


def shown(site: Site) -> ServiceShown:
    """Return what is known of the service of `site`. Costs the end of its log, if that is configured."""
    latest = site.vault.latest()
    coze = site.settings.validate.profile == "coze"
    found = plugins.plugins(site.vault.tree(latest.tree), site.vault.objects.read) if latest and coze else ()
    told = list(loadings(site, MOST_LOADED))
    analysis, reason = _analysis(site.settings.service_log, [one for one in told if one.reloaded])
    cells = {id_: cell for id_, _, cell in analysis.snapshots()} if analysis is not None else {}
    now = next(iter(cells.values()), {}) if cells else analysis.plugins() if analysis is not None else {}
    log = site.settings.service_log
    return ServiceShown(
        tuple(_plugin(one, now) for one in found),
        tuple(
            LoadedShown(
                one.of, one.loaded_at, one.ok, one.actor, one.elapsed_seconds, *_rate(cells.get(one.of))
            )
            for one in told
        ),
        log.path if log is not None else None,
        reason,
    )


def _analysis(log: ServiceLogSettings | None, loaded: Iterable[Loading]) -> tuple[Analysis | None, str | None]:
    if log is None or log.path is None:
        return None, None
    told = [Loaded(one.of, one.loaded_at.timestamp()) for one in loaded if one.of != "live"]
    analysis, parser = Analysis(loaded=told), Parser(log.fields)
    try:
        lines, _, _ = back(log.path, os.path.getsize(log.path), 0, parser, MOST_BYTES)
    except OSError as error:
        return None, f"{log.path}: {error.strerror}"
    analysis.add(parser.requests(lines))
    return analysis, None


def _plugin(one: plugins.Plugin, counts: dict[str, Counts]) -> PluginShown:
    found = next((counts[name] for name in (one.name, one.document, str(one.id)) if name in counts), None)
    name = one.document or one.name
    if found is None:
        return PluginShown(name, one.title, one.active)
    return PluginShown(name, one.title, one.active, found.requests, found.rate, found.durations.quantile(0.95))


def _rate(plugins_: dict[str, Counts] | None) -> tuple[int | None, float | None]:
    if not plugins_:
        return None, None
    requests = sum(counts.requests for counts in plugins_.values())
    return requests, sum(counts.errors for counts in plugins_.values()) / requests
