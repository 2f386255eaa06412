"""The requests of one health check, one after the other; later ones are made of what earlier answers said.

What was saved out of an answer may be a secret (a token, say), as a header or a body may: no message holds any of it.
"""

from __future__ import annotations

import json
import re
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, replace
from typing import Any
from urllib.parse import quote, urlsplit

from configvault.calls import answers, proxies
from configvault.calls.http import Answer, CallError, Request, ask
from configvault.calls.proxies import Proxies
from configvault.core.plugins import Plugin
from configvault.core.settings import Body, HealthStep

Plugins = Callable[[], Sequence[Plugin]]

_NAME = r"\{([A-Za-z_][A-Za-z0-9_]*)\}"
PLUGINS = "{plugins}"


def run(
    steps: Sequence[HealthStep],
    plugins: Plugins,
    timeout_s: float,
    deadline_s: float,
    stop: threading.Event,
    proxy: Proxies = proxies.NONE,
) -> str | None:
    """Send `steps` in their order and return what was wrong first, None where nothing was.

    After a failure only steps that are marked `always` are sent, if all that they need was saved. Several steps that have
    begun are finished even where the deadline is over: to cut off the answer that creates something would leave it there.

    Args:
        steps: what to send.
        plugins: gives what `{plugins}` stands for.
        timeout_s: seconds for each request.
        deadline_s: the monotonic time at which a single one has to be over.
        stop: ends it early when set.
        proxy: the proxies to ask through.
    """
    saved: dict[str, Any] = {}
    failure: str | None = None
    for number, step in enumerate(steps, start=1):
        left_s = timeout_s
        if failure is not None:
            if not step.always or names(step.url) - set(saved):
                continue
        elif len(steps) == 1:
            left_s = min(timeout_s, max(deadline_s - time.monotonic(), 0.001))
        error = _one(step, saved, plugins, left_s, stop, proxy)
        if error is not None and len(steps) > 1:
            error = f"step {number} of {len(steps)}: {error}"
        failure = failure or error
    return failure


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
    wrong = answers.shortcoming(answer, step.expect, filler(saved, plugins)) or _save(step, answer, saved)
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
            return (
                f"{answer.peer} answered {answer.status}, and holds nothing to save as {name}: {expression!r}"
            )
        saved[name] = found
    return None


def _request(step: HealthStep, saved: Mapping[str, Any]) -> Request:
    """Return what to send.

    Raises:
        ValueError: what was saved cannot stand in a header.
    """
    headers = {name: fill(value, saved) for name, value in step.headers.items()}
    for name, value in headers.items():
        if not value.isprintable() or any(ord(char) > 255 for char in value):
            raise ValueError(f"what was saved cannot stand in the header {name}")
    body, content_type = encode(filled(step.body, saved))
    given = {name.lower() for name in headers}
    if content_type is not None and "content-type" not in given:
        headers["Content-Type"] = content_type
    if step.expect.json is not None and "accept" not in given:
        headers["Accept"] = "application/json"
    url = re.sub(_NAME, lambda found: quote(_text(saved.get(found[1], found[0])), safe=""), step.url)
    return Request(url, step.method, headers, body)


def encode(body: Body) -> tuple[bytes | None, str | None]:
    """Return the bytes of a body and what they are."""
    if body is None:
        return None, None
    if isinstance(body, str):
        return body.encode(), "text/plain; charset=utf-8" if not _is_json(body) else "application/json"
    return json.dumps(body, ensure_ascii=False).encode(), "application/json"


def _is_json(text: str) -> bool:
    try:
        return isinstance(json.loads(text), dict | list)
    except (ValueError, RecursionError):
        return False


def names(text: str) -> set[str]:
    """Return the names for which a `{name}` stands in `text`."""
    return set(re.findall(_NAME, text))


def fill(text: str, saved: Mapping[str, Any]) -> str:
    """Return `text` with what was saved; a name that was not stays as it is, it may be somebody's own brace."""
    return re.sub(_NAME, lambda found: _text(saved[found[1]]) if found[1] in saved else found[0], text)


def filled(body: Body, saved: Mapping[str, Any]) -> Any:
    """Return a body with what was saved; a value that is nothing but `{name}` becomes the thing itself, not its text."""
    if isinstance(body, str):
        whole = re.fullmatch(_NAME, body)
        return saved[whole[1]] if whole and whole[1] in saved else fill(body, saved)
    if isinstance(body, dict):
        return {fill(name, saved): filled(value, saved) for name, value in body.items()}
    return [filled(value, saved) for value in body] if isinstance(body, list) else body


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def filler(saved: Mapping[str, Any], plugins: Plugins) -> answers.Fill:
    """Return what puts values into `expect`."""

    def put(text: str, *, jmespath: bool = False) -> str:
        if not jmespath:
            return fill(text, saved)
        text = fill(text, {name: _quoted(_text(value)) for name, value in saved.items()})
        return text.replace(PLUGINS, f"`{_literal(plugins())}`") if PLUGINS in text else text

    return put


def _quoted(text: str) -> str:
    """Return a value so that it cannot end the quotes of the JMESPath around it."""
    return text.replace("\\", "\\\\").replace("'", "\\'").replace("`", "\\`")


def _literal(plugins: Sequence[Plugin]) -> str:
    # A backtick would end the literal; JSON has another way to say it.
    return json.dumps([asdict(one) for one in plugins]).replace("`", "\\u0060")
