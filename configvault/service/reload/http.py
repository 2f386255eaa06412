"""Reload by asking a URL, and believe it only if the answer is as expected."""

from __future__ import annotations

import threading
from collections.abc import Mapping

from configvault.calls import answers, probe, proxies
from configvault.calls.http import Answer, CallError, Request, ask
from configvault.core.model import Probe
from configvault.core.settings import Expectation, ReloadSettings
from configvault.service import filling
from configvault.service.reload.context import Attempt, ReloadContext
from configvault.service.reload.kind import Kind


def _attempt(
    settings: ReloadSettings,
    context: ReloadContext,
    key: str,
    environ: Mapping[str, str],
    stop: threading.Event,
    timeout_s: float,
) -> Attempt:
    """Ask once and compare the answer with what is expected."""
    headers = {"Idempotency-Key": key, "Configvault-Trigger": context.trigger}
    if context.snapshot:
        headers["Configvault-Snapshot"] = context.snapshot
    if context.tree:
        headers["Configvault-Tree"] = context.tree
    if settings.expect.json is not None:
        headers["Accept"] = "application/json"
    given = {name.lower() for name in settings.headers}
    headers = {name: value for name, value in headers.items() if name.lower() not in given}
    request = Request(
        settings.url,
        settings.method,
        headers | dict(settings.headers),
        timeout=timeout_s,
        proxies=proxies.of(environ),
    )
    try:
        answer = ask(request, settings.expect.status, stop)
    except CallError as error:
        return Attempt(str(error), error.status)
    return Attempt(
        answers.shortcoming(answer, settings.expect, filling.filler({}, lambda: context.plugins))
        or _page(answer, settings.expect),
        answer.status,
    )


def _page(answer: Answer, expect: Expectation) -> str | None:
    """Return that a web page proves nothing, unless it was asked for: some services answer unknown paths with one."""
    asked_for = (expect.content_type, expect.contains, expect.json) != (None, None, None)
    if asked_for or not answers.is_page(answer):
        return None
    return (
        f"{answer.peer} answered {answer.status} with a web page (text/html), which does not prove a reload: correct "
        "reload.url, or set reload.expect if a page is the right answer"
    )


def _probe(settings: ReloadSettings) -> Probe:
    """Connect and send nothing: a request would be a reload."""
    return probe.reachable(settings.url)


KIND = Kind(attempt=_attempt, probe=_probe, timeout_s=10.0, attempts=3, restarts=False, uses_url=True)
