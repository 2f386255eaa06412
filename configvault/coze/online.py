"""Whether what the documents name is there: every server, and on request every GET operation.

Only for `configvault check --online`, never while recording: it asks the network. Private, loopback and link-local
addresses are left out unless allowed, so that a document cannot make this host knock at its neighbours' doors.

Not guaranteed: that a name still resolves to the addresses looked at when it is asked a moment later.
"""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor, as_completed
from threading import Event
from urllib.parse import urlsplit

from configvault.calls import http
from configvault.core.frozen import frozen
from configvault.core.model import Entry, State
from configvault.coze import directory, meta
from configvault.coze.openapi.values import items, mapping, members, text, true
from configvault.validators.files import Files, Found
from configvault.validators.text import decode
from configvault.validators.yamlnodes import Mapping
from configvault.validators.yamlread import read

Progress = Callable[[int, int], None]
DEAD = 500  # below this somebody answered who knows the address


@frozen
class Target:
    """One address to ask: a plugin's server, or with `operation` a GET of it."""

    plugin: str
    url: str
    operation: str | None = None


@frozen
class Result:
    """What came of asking: `status` where there was an answer, else why there was none (no secret in it).

    `skipped`: it was not asked, and counts for nothing.
    """

    target: Target
    ok: bool
    status: int | None = None
    error: str | None = None
    skipped: bool = False


@frozen
class Rate:
    """How much of one plugin is there."""

    plugin: str
    alive: int
    asked: int
    skipped: int


def targets(state: State, *, endpoints: bool = False) -> list[Target]:
    """Return what the live plugins of `state` name, plugin by plugin; what cannot be read names nothing."""
    files = Files(state.tree, state.read)
    found: list[Target] = []
    for plugin in _plugins(files):
        document = _document(files, plugin.document or "")
        if document is not None and not plugin.deprecated:
            found += _named(plugin.label, document, endpoints)
    return list(dict.fromkeys(found))


def probe(
    state: State,
    *,
    endpoints: bool = False,
    allow_private: bool = False,
    timeout_s: float = 5.0,
    concurrency: int = 8,
    progress: Progress | None = None,
    stop: Event | None = None,
) -> list[Result]:
    """Ask every server that `state` names, and with `endpoints` every GET operation.

    Args:
        state: the captured directory.
        endpoints: ask also for each GET operation; a status below 500 is alive.
        allow_private: ask private, loopback and link-local addresses too.
        timeout_s: seconds for one exchange as a whole.
        concurrency: how many are asked at once.
        progress: told after each answer how many of how many are done.
        stop: ends it early when set.

    Returns:
        One result for each target, in the order of the plugins.
    """
    wanted = targets(state, endpoints=endpoints)
    results: dict[Target, Result] = {}
    with ThreadPoolExecutor(max(1, concurrency), thread_name_prefix="online") as pool:
        waiting = {pool.submit(_ask, one, allow_private, timeout_s, stop): one for one in wanted}
        for done in as_completed(waiting):
            results[waiting[done]] = done.result()
            if progress is not None:
                progress(len(results), len(wanted))
    return [results[one] for one in wanted]


def rates(results: Iterable[Result]) -> list[Rate]:
    """Return how much of each plugin is alive, in the order of the results."""
    by_plugin: dict[str, list[Result]] = {}
    for one in results:
        by_plugin.setdefault(one.target.plugin, []).append(one)
    return [
        Rate(
            plugin,
            sum(one.ok for one in found),
            sum(not one.skipped for one in found),
            sum(one.skipped for one in found),
        )
        for plugin, found in by_plugin.items()
    ]


def _plugins(files: Files) -> tuple[meta.Plugin, ...]:
    found = files.resolve(directory.META)
    if not isinstance(found, Found) or not isinstance(found.entry, Entry):
        return ()
    return meta.validate(files.read(found.entry)).plugins or ()


def _document(files: Files, name: str) -> Mapping | None:
    found = files.resolve(directory.document_path(name)) if name and ".." not in name.split("/") else None
    if not isinstance(found, Found) or not isinstance(found.entry, Entry):
        return None
    body = decode(files.read(found.entry)).text
    return mapping(read(body).root) if body is not None else None


def _named(plugin: str, document: Mapping, endpoints: bool) -> Iterator[Target]:
    for server in items(document.get("servers")):
        url = _filled(server) if type(server) is Mapping else ""
        if not url:
            continue
        yield Target(plugin, url)
        for path, _, item in members(document.get("paths")) if endpoints else ():
            operation = item.get("get") if type(item) is Mapping else None
            if type(operation) is Mapping:
                yield Target(plugin, url.rstrip("/") + _example(path, operation), f"GET {path}")


def _filled(server: Mapping) -> str:
    """Return a server's URL with the defaults of its variables."""
    url = text(server.get("url"))
    for name, _, variable in members(server.get("variables")):
        if type(variable) is Mapping:
            url = url.replace(f"{{{name}}}", text(variable.get("default")))
    return url


def _example(path: str, operation: Mapping) -> str:
    """Return a path with something in the place of its variables; query parameters are not made up."""
    for parameter in items(operation.get("parameters")):
        if (
            type(parameter) is Mapping
            and text(parameter.get("in")) == "path"
            and true(parameter.get("required"))
        ):
            path = path.replace(f"{{{text(parameter.get('name'))}}}", "1")
    return path


def _ask(target: Target, allow_private: bool, timeout_s: float, stop: Event | None) -> Result:
    """Return what one target answers; a server is asked for its /health first, and any answer below 500 will do."""
    refused = _refused(target.url, allow_private)
    if refused:
        return Result(target, ok=False, error=refused[0], skipped=refused[1])
    urls = [target.url] if target.operation else [target.url.rstrip("/") + "/health", target.url]
    result = Result(target, ok=False)
    for url in urls:
        result = _exchange(target, url, timeout_s, stop)
        if result.ok or result.status is None:
            break
    return result


def _exchange(target: Target, url: str, timeout_s: float, stop: Event | None) -> Result:
    try:
        answer = http.ask(http.Request(url, timeout=timeout_s), stop=stop)
    except http.CallError as error:
        # A redirect to another place that is not followed is an answer too.
        alive = error.status is not None and error.status < DEAD
        return Result(target, ok=alive, status=error.status, error=None if alive else str(error))
    alive = answer.status < DEAD
    return Result(target, alive, answer.status, None if alive else f"answered {answer.status}")


def _refused(url: str, allow_private: bool) -> tuple[str, bool] | None:
    """Return why `url` is not asked, and whether that is on purpose."""
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port or (443 if parts.scheme == "https" else 80)
    except ValueError:
        return "is no URL", False
    if parts.scheme not in ("http", "https") or not host or "{" in url:
        return "is no http or https URL", False
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        return f"{host}:{port} is a name that does not resolve", False
    if not allow_private and not all(_public(str(address[4][0])) for address in found):
        return f"{host}:{port} is a private address, not asked without permission", True
    return None


def _public(address: str) -> bool:
    found = ipaddress.ip_address(address.split("%", maxsplit=1)[0])
    mapped = getattr(found, "ipv4_mapped", None)
    return (mapped or found).is_global
