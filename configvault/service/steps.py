"""The requests of one health check, one after the other; later ones are made of what earlier answers said.

What was saved out of an answer may be a secret (a token, say), as a header or a body may: no message holds any of it.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import urlsplit

from configvault.calls import answers, proxies
from configvault.calls.http import Answer, CallError, Request, ask
from configvault.calls.proxies import Proxies
from configvault.core import placeholders
from configvault.core.frozen import replace
from configvault.core.settings import HealthStep
from configvault.service import filling
from configvault.service.filling import Plugins


def run(
    steps: Sequence[HealthStep],
    plugins: Plugins,
    timeout_s: float,
    deadline_s: float,
    stop: threading.Event,
    proxy: Proxies = proxies.NONE,
) -> str | None:
    """Send `steps` in their order and return what was wrong first, None where nothing was.

    After a failure, or a stop, only steps that are marked `always` are sent, if all that they need was saved. Several steps
    that have begun are finished even where the deadline is over: to cut off the answer that creates something would leave
    it there.

    Args:
        steps: what to send.
        plugins: gives what `{plugins}` stands for.
        timeout_s: seconds for each request.
        deadline_s: the monotonic time at which a single one has to be over.
        stop: ends it early when set.
        proxy: the proxies to ask through.
    """
    saved: dict[str, Any] = {}
    savable = {name for step in steps for name in step.save}
    failure: str | None = None
    for number, step in enumerate(steps, start=1):
        left_s = timeout_s
        if failure is not None:
            if not step.always or _needed(step, savable) - set(saved):
                continue
        elif len(steps) == 1:
            left_s = min(timeout_s, max(deadline_s - time.monotonic(), 0.001))
        # What cleans up is sent even by those who stop.
        error = _one(step, saved, plugins, left_s, threading.Event() if step.always else stop, proxy)
        if error is not None and len(steps) > 1:
            error = f"step {number} of {len(steps)}: {error}"
        failure = failure or error
    return failure


def _needed(step: HealthStep, savable: set[str]) -> set[str]:
    """Return the names that a step needs; in headers and bodies other braces are somebody's own."""
    named = placeholders.names([*step.headers.values(), step.body])
    return placeholders.names(step.url) | (named & savable)


def _one(
    step: HealthStep,
    saved: dict[str, Any],
    plugins: Plugins,
    timeout_s: float,
    stop: threading.Event,
    proxy: Proxies,
) -> str | None:
    try:
        request = _request(step, saved)
    except ValueError as error:
        return str(error)
    try:
        answer = ask(replace(request, timeout=timeout_s, proxies=proxy), step.expect.status, stop)
    except (CallError, ValueError) as error:
        return _named(str(error), step, request)
    wrong = answers.shortcoming(answer, step.expect, filling.filler(saved, plugins)) or _save(
        step, answer, saved
    )
    return wrong and _named(wrong, step, request)


def _named(text: str, step: HealthStep, request: Request) -> str:
    """Return a message with the host as the configuration names it, for what was saved may be a part of it."""
    host, shown = urlsplit(request.url).hostname, urlsplit(step.url).hostname
    return text if not host or not shown or host == shown else text.replace(host, shown)


def _save(step: HealthStep, answer: Answer, saved: dict[str, Any]) -> str | None:
    """Take out of an answer what later steps need; return what it lacks."""
    for name, expression in step.save.items():
        try:
            found = answers.search(answer, expression)
        except answers.NoJsonError as error:
            return f"{answer.peer} answered {answer.status}, {error}"
        except ValueError:
            found = None
        if found is None:
            return f"{answer.peer} answered {answer.status}, and contains nothing to save as {name}: {expression!r}"
        saved[name] = found
    return None


def _request(step: HealthStep, saved: Mapping[str, Any]) -> Request:
    """Return what to send.

    Raises:
        ValueError: what was saved cannot stand in a header, the URL or the body; the text does not hold it.
    """
    headers = {name: filling.fill(value, saved) for name, value in step.headers.items()}
    for name, value in headers.items():
        if not value.isprintable() or any(ord(char) > 255 for char in value):
            raise ValueError(f"a saved value cannot be used in the header {name}")
    given = {name.lower(): value for name, value in headers.items()}
    try:
        url = filling.url(step.url, saved)
        body, content_type = filling.body(step.body, saved, given.get("content-type", ""))
    except (ValueError, RecursionError):
        raise ValueError("a saved value cannot be used in the url or the body") from None
    if content_type is not None and "content-type" not in given:
        headers["Content-Type"] = content_type
    if step.expect.json is not None and "accept" not in given:
        headers["Accept"] = "application/json"
    return Request(url, step.method, headers, body)
