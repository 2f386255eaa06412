"""Whether what the documents name is there: every server, and on request their operations.

GET operations are asked; others only by methods that are named, since a POST may do something. What is sent with them
is made of the document's examples, defaults and types.

Only for `configvault check --online`, never while recording: it asks the network. Private, loopback and link-local
addresses are left out unless allowed, so that a document cannot make this host knock at its neighbours' doors.

Not guaranteed: that a name still resolves to the addresses looked at when it is asked a moment later.
"""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from threading import Event
from urllib.parse import urlsplit

from configvault.calls import http, proxies
from configvault.core.frozen import field, frozen, replace
from configvault.core.model import Entry, Folder, State
from configvault.coze import directory, meta
from configvault.coze.openapi.values import items, mapping, members, text
from configvault.coze.samples import Maker, SampleError
from configvault.validators.files import Files, Found
from configvault.validators.text import decode
from configvault.validators.yamlnodes import Mapping as Mapping_
from configvault.validators.yamlread import read

Progress = Callable[[int, int], None]
Environ = Mapping[str, str]
_VERBS = ("get", "post", "put", "patch", "delete")
DEAD = 500  # below this somebody answered who knows the address


@frozen
class Target:
    """One address to ask: a plugin's server, or an `operation` of it; `unasked` says why it is not asked at all."""

    plugin: str
    url: str
    operation: str | None = None
    method: str = "GET"
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    body: bytes | None = field(default=None, repr=False)
    unasked: str | None = None


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
    """How much of one plugin is there: its operations, or its servers where no operation was to be asked."""

    plugin: str
    alive: int
    asked: int
    skipped: int
    percent: float | None


def targets(state: State, *, endpoints: bool = False, methods: Collection[str] = ("GET",)) -> list[Target]:
    """Return what `state` names, plugin by plugin, then document by document; what cannot be read names nothing.

    Documents that no entry refers to come last, under the name of their file; those of deprecated plugins do not.
    """
    files = Files(state.tree, state.read)
    found: list[Target] = []
    known: set[str] = set()
    for plugin in _plugins(files):
        known.add(plugin.document or "")
        document = _document(files, plugin.document or "")
        if document is not None and not plugin.deprecated:
            found += _named(plugin.label, document, endpoints, methods)
    # Where plugin_meta.yaml cannot be read, nobody knows which documents those are.
    for name in _documents(files) if _is_readable(files) else ():
        document = _document(files, name) if name not in known else None
        if document is not None:
            found += _named(name, document, endpoints, methods)
    unique: dict[tuple[str, str, str | None], Target] = {}
    for one in found:
        unique.setdefault((one.plugin, one.url, one.operation), one)
    return list(unique.values())


def probe(
    state: State,
    *,
    endpoints: bool = False,
    methods: Collection[str] = ("GET",),
    allow_private: bool = False,
    timeout_s: float = 5.0,
    concurrency: int = 8,
    progress: Progress | None = None,
    stop: Event | None = None,
    environ: Environ | None = None,
) -> list[Result]:
    """Ask every server that `state` names, and with `endpoints` its operations.

    Args:
        state: the captured directory.
        endpoints: ask also for each operation; a status below 500 is alive.
        methods: those of which operations are asked; others are counted as skipped.
        allow_private: ask private, loopback and link-local addresses too.
        timeout_s: seconds for one exchange as a whole.
        concurrency: how many are asked at once.
        progress: told after each answer how many of how many are done.
        stop: ends it early when set.
        environ: where proxies are named; None for none.

    Returns:
        One result for each target, in the order of the plugins.
    """
    wanted = targets(state, endpoints=endpoints, methods=methods)
    results: dict[int, Result] = {}
    proxy = proxies.of(environ or {})
    with ThreadPoolExecutor(max(1, concurrency), thread_name_prefix="online") as pool:
        waiting = {
            pool.submit(_ask, one, allow_private, timeout_s, stop, proxy): number
            for number, one in enumerate(wanted)
        }
        for done in as_completed(waiting):
            results[waiting[done]] = done.result()
            if progress is not None:
                progress(len(results), len(wanted))
    return [results[number] for number in range(len(wanted))]


def rates(results: Iterable[Result]) -> list[Rate]:
    """Return how much of each plugin is alive, in the order of the results."""
    by_plugin: dict[str, list[Result]] = {}
    for one in results:
        by_plugin.setdefault(one.target.plugin, []).append(one)
    return [_rate(plugin, found) for plugin, found in by_plugin.items()]


def _rate(plugin: str, found: list[Result]) -> Rate:
    # A server that answers is not one of its operations.
    found = [one for one in found if one.target.operation is not None] or found
    alive, skipped = sum(one.ok for one in found), sum(one.skipped for one in found)
    asked = len(found) - skipped
    return Rate(plugin, alive, asked, skipped, round(100 * alive / asked, 1) if asked else None)


def enough(results: Sequence[Result], least_percent: float) -> bool:
    """Return whether of each plugin at least so much is alive; where no operation was asked, its servers have to be.

    Where nothing at all was asked, nothing is known to be alive.
    """
    if all(one.skipped for one in results):
        return False
    for rate in rates(results):
        servers = [one for one in results if one.target.plugin == rate.plugin and one.target.operation is None]
        if rate.percent is None and not all(one.ok or one.skipped for one in servers):
            return False
        if rate.percent is not None and rate.percent < least_percent:
            return False
    return True


def _plugins(files: Files) -> tuple[meta.Plugin, ...]:
    found = files.resolve(directory.META)
    if not isinstance(found, Found) or not isinstance(found.entry, Entry):
        return ()
    return meta.validate(files.read(found.entry)).plugins or ()


def _document(files: Files, name: str) -> Mapping_ | None:
    found = files.resolve(directory.document_path(name)) if name and ".." not in name.split("/") else None
    if not isinstance(found, Found) or not isinstance(found.entry, Entry):
        return None
    body = decode(files.read(found.entry)).text
    return mapping(read(body).root) if body is not None else None


def _is_readable(files: Files) -> bool:
    found = files.resolve(directory.META)
    return not isinstance(found, Found) or not isinstance(found.entry, Entry) or bool(_plugins(files))


def _documents(files: Files) -> Iterator[str]:
    """Yield the names of the documents that lie beside plugin_meta.yaml."""
    folder = files.resolve(directory.META.rpartition("/")[0])
    if isinstance(folder, Found) and isinstance(folder.entry, Folder):
        for name in sorted(folder.entry.entries):
            if name.endswith((".yaml", ".yml")) and name != directory.META.rpartition("/")[2]:
                yield name


def _named(plugin: str, document: Mapping_, endpoints: bool, methods: Collection[str]) -> Iterator[Target]:
    maker = Maker(document)
    for server in items(document.get("servers")):
        url = _filled(server) if type(server) is Mapping_ else ""
        if not url:
            continue
        yield Target(plugin, url)
        for path, _, item in members(document.get("paths")) if endpoints else ():
            for verb, _, operation in members(item):
                if verb in _VERBS and type(operation) is Mapping_ and type(item) is Mapping_:
                    yield _operation(plugin, url, (verb, path), item, operation, maker, methods)


def _operation(
    plugin: str,
    url: str,
    named: tuple[str, str],
    item: Mapping_,
    operation: Mapping_,
    maker: Maker,
    methods: Collection[str],
) -> Target:
    verb, path = named
    method = verb.upper()
    target = Target(plugin, url.rstrip("/") + path, f"{method} {path}", method)
    if method not in methods:
        return replace(target, unasked=f"{method} is not called without --methods {verb}")
    try:
        sample = maker.sample(path, item, operation)
    except SampleError as error:
        return replace(target, unasked=str(error))
    return replace(target, url=url.rstrip("/") + sample.path, headers=sample.headers, body=sample.body)


def _filled(server: Mapping_) -> str:
    """Return a server's URL with the defaults of its variables."""
    url = text(server.get("url"))
    for name, _, variable in members(server.get("variables")):
        if type(variable) is Mapping_:
            url = url.replace(f"{{{name}}}", text(variable.get("default")))
    return url


def _ask(
    target: Target, allow_private: bool, timeout_s: float, stop: Event | None, proxy: proxies.Proxies
) -> Result:
    """Return what one target answers; a server is asked for its /health first, and any answer below 500 will do."""
    if target.unasked is not None:
        return Result(target, ok=False, error=target.unasked, skipped=True)
    # What goes through a proxy is resolved there.
    refused = _refused(target.url, allow_private, resolve=proxy.for_url(target.url) is None)
    if refused:
        return Result(target, ok=False, error=refused[0], skipped=refused[1])
    urls = [target.url] if target.operation else [target.url.rstrip("/") + "/health", target.url]
    result = Result(target, ok=False)
    for url in urls:
        result = _exchange(target, url, timeout_s, stop, proxy)
        if result.ok or result.status is None:
            break
    return result


def _exchange(target: Target, url: str, timeout_s: float, stop: Event | None, proxy: proxies.Proxies) -> Result:
    request = http.Request(url, target.method, target.headers, target.body, timeout_s, proxy)
    try:
        answer = http.ask(request, stop=stop)
    except http.CallError as error:
        # A redirect to another place that is not followed is an answer too.
        alive = error.status is not None and error.status < DEAD
        return Result(target, ok=alive, status=error.status, error=None if alive else str(error))
    alive = answer.status < DEAD
    return Result(target, alive, answer.status, None if alive else f"answered {answer.status}")


def _refused(url: str, allow_private: bool, *, resolve: bool) -> tuple[str, bool] | None:
    """Return why `url` is not asked, and whether that is on purpose."""
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port or (443 if parts.scheme == "https" else 80)
    except ValueError:
        return "is not a URL", False
    if parts.scheme not in ("http", "https") or not host or "{" in url:
        return "is not an http or https URL", False
    if not resolve and not _is_address(host):
        return None
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        return f"{host}:{port} is a name that does not resolve", False
    if not allow_private and not all(_public(str(address[4][0])) for address in found):
        return f"{host}:{port} is a private address, not called without permission", True
    return None


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def _public(address: str) -> bool:
    found = ipaddress.ip_address(address.split("%", maxsplit=1)[0])
    mapped = getattr(found, "ipv4_mapped", None)
    return (mapped or found).is_global
