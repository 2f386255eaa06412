"""Ask one HTTP question and get the answer within a deadline.

urllib3's time-outs are for one read each, so a server that drips a byte at a time could hold a caller for
ever. The exchange therefore runs in a thread of its own, and its socket is shut when the time is over.
"""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING
from urllib.parse import SplitResult, unquote, urljoin, urlsplit

from configvault.calls import proxies as proxies_of
from configvault.calls.proxies import Proxies
from configvault.core.frozen import field, frozen, replace

if TYPE_CHECKING:
    from urllib3.connection import HTTPConnection
    from urllib3.response import BaseHTTPResponse

LARGEST_BODY_BYTES = 1024 * 1024
MOST_REDIRECTS = 3

_STOP_CHECK_S = 0.1
# Two threads that import urllib3 at once, each another part of it first, can find it half made.
_importing = threading.Lock()
_KEEP_METHOD = (307, 308)
_REDIRECTS = (301, 302, 303, *_KEEP_METHOD)


@frozen
class Request:
    """One question; `timeout` is for the exchange as a whole, redirects included, in seconds.

    `proxies` says through which proxy it is asked, if any; only proxies that are spoken to by plain HTTP are known.
    """

    url: str = field(repr=False)
    method: str = "GET"
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    body: bytes | None = field(default=None, repr=False)
    timeout: float = 10.0
    proxies: Proxies = proxies_of.NONE


@frozen
class Answer:
    """What came back; of a body larger than 1 MiB the start (`cut`). `peer` is the `HOST:PORT` that answered."""

    peer: str
    status: int
    content_type: str
    body: bytes = field(repr=False)
    cut: bool = False


class CallError(Exception):
    """No usable answer; the text says why and holds no secret. `status` is set where there was an answer."""

    def __init__(self, message: str, status: int | None = None) -> None:
        """Keep the one-line `message` and the HTTP `status`, if any."""
        super().__init__(message)
        self.status = status


def ask(request: Request, final: tuple[int, ...] = (), stop: threading.Event | None = None) -> Answer:
    """Return the answer to `request`.

    Redirects are followed on the same host and port only (http may become https there), at most three. 307 and
    308 keep the method, 303 asks by GET; 301 and 302 are followed only for GET, for a POST that becomes a GET
    has not done what it was sent for. Proxies are asked only where the request names them.

    Args:
        request: the question.
        final: statuses to return as they are, even if they are redirects.
        stop: ends the exchange early when set.

    Raises:
        CallError: there is no complete answer in time, or a redirect that is not followed.
    """
    deadline = time.monotonic() + request.timeout
    for _ in range(MOST_REDIRECTS + 1):
        answer, location = _exchange(request, deadline, stop)
        if answer.status in final or answer.status not in _REDIRECTS or location is None:
            return answer
        request = _redirected(request, answer, location)
    raise CallError(f"{answer.peer} redirected more than {MOST_REDIRECTS} times", answer.status)


def _redirected(request: Request, answer: Answer, location: str) -> Request:
    """Return the next request.

    Raises:
        CallError: the redirect leads elsewhere, or would turn a change into a question.
    """
    here, there = urlsplit(request.url), urlsplit(urljoin(request.url, location))
    try:
        same = _peer(here) == _peer(there) or _upgraded(here, there)
        elsewhere = _peer(there)
    except ValueError:
        raise CallError(f"{answer.peer} redirected to an invalid URL", answer.status) from None
    if there.scheme not in ("http", "https") or not same or (here.scheme, there.scheme) == ("https", "http"):
        message = f"{answer.peer} answered {answer.status}, a redirect to {there.scheme}://{elsewhere}"
        raise CallError(f"{message}, which is not followed to another server", answer.status)
    if answer.status in (301, 302) and request.method not in ("GET", "HEAD"):
        message = (
            f"{answer.peer} answered {answer.status}, a redirect that would turn {request.method} into GET"
        )
        raise CallError(f"{message}, which is not followed", answer.status)
    netloc = there.netloc if "@" in there.netloc else here.netloc.rpartition("@")[0] + "@" + there.netloc
    url = there._replace(netloc=netloc.removeprefix("@"), fragment="").geturl()
    if answer.status in _KEEP_METHOD:
        return replace(request, url=url)
    return replace(request, url=url, method="GET", body=None)


def _peer(url: SplitResult) -> str:
    """Return `HOST:PORT`."""
    host = url.hostname or ""
    return f"{f'[{host}]' if ':' in host else host}:{url.port or (443 if url.scheme == 'https' else 80)}"


def _upgraded(here: SplitResult, there: SplitResult) -> bool:
    default = here.port in (None, 80) and there.port in (None, 443)
    return default and (here.scheme, there.scheme) == ("http", "https") and here.hostname == there.hostname


class _Exchange(threading.Thread):
    """One request and its answer on one connection, in a thread that may be left behind."""

    def __init__(self, request: Request, timeout: float) -> None:
        super().__init__(name="http-exchange", daemon=True)
        self.done = threading.Event()
        self.answer: tuple[Answer, str | None] | None = None
        self.error: str | None = None
        self._request = request
        self._timeout = timeout
        self._url = urlsplit(request.url)
        proxy = request.proxies.for_url(request.url)
        self._proxy = urlsplit(proxy) if proxy is not None else None
        self._connection: HTTPConnection | None = None
        self._abandoned = False

    def run(self) -> None:
        """Make the exchange and keep what came of it."""
        from urllib3.exceptions import HTTPError

        try:
            self.answer = self._talk()
        except (HTTPError, OSError) as error:
            self.error = _reason(error)
        except ValueError:
            self.error = "sent an invalid HTTP answer"
        except Exception as error:  # the boundary of this thread: http.client raises types of its own
            self.error = f"aborted the exchange ({type(error).__name__})"
        finally:
            self.done.set()
            self.close()

    def _talk(self) -> tuple[Answer, str | None]:
        from urllib3.connection import HTTPConnection, HTTPSConnection

        url = self._url
        kind = HTTPSConnection if url.scheme == "https" else HTTPConnection
        target = (url.path or "/") + (f"?{url.query}" if url.query else "")
        headers = _headers(self._request.headers, url)
        if self._proxy is None:
            connection = kind(url.hostname or "", url.port, timeout=self._timeout)
        else:
            connection = kind(self._proxy.hostname or "", self._proxy.port or 80, timeout=self._timeout)
            login = _login(self._proxy, "Proxy-Authorization")
            if url.scheme == "https":
                connection.set_tunnel(url.hostname or "", url.port or 443, login)
            else:
                target = f"http://{url.netloc.rpartition('@')[2]}{target}"
                headers |= login
                # urllib3 would name the proxy.
                headers.setdefault("Host", url.netloc.rpartition("@")[2])
        self._connection = connection
        connection.connect()
        if self._abandoned:
            # Nobody waits any more: what was given up must not happen after all.
            raise TimeoutError
        connection.request(
            self._request.method, target, body=self._request.body, headers=headers, preload_content=False
        )
        response = connection.getresponse()
        body = _body(response)
        answer = Answer(
            _peer(url),
            response.status,
            response.headers.get("Content-Type", ""),
            body[:LARGEST_BODY_BYTES],
            len(body) > LARGEST_BODY_BYTES,
        )
        return answer, response.headers.get("Location")

    def close(self) -> None:
        """Shut the socket, so that a read of this thread that hangs returns."""
        self._abandoned = True
        sock = self._connection.sock if self._connection else None
        if sock is not None:
            import contextlib
            import socket

            with contextlib.suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)
            if self.done.is_set():
                sock.close()


def _exchange(request: Request, deadline: float, stop: threading.Event | None) -> tuple[Answer, str | None]:
    peer = _peer(urlsplit(request.url))
    proxy = request.proxies.for_url(request.url)
    if proxy is not None:
        try:
            place = urlsplit(proxy)
            through = _peer(place) if place.scheme == "http" and place.hostname else None
        except ValueError:
            through = None
        if through is None:
            raise CallError(
                f"{peer} is behind a proxy that is not an http:// proxy: set http_proxy or no_proxy"
            )
        peer = f"{peer}, asked through the proxy {through},"
    with _importing:
        import urllib3.connection  # noqa: F401 - for the thread below
    exchange = _Exchange(request, max(deadline - time.monotonic(), 0.001))
    exchange.start()
    while not exchange.done.wait(min(_STOP_CHECK_S, max(deadline - time.monotonic(), 0))):
        stopped = stop is not None and stop.is_set()
        if stopped or time.monotonic() >= deadline:
            exchange.close()
            reason = (
                "was abandoned, because configvault is stopping"
                if stopped
                else f"sent no complete answer within {request.timeout:g}s"
            )
            raise CallError(f"{peer} {reason}")
    if exchange.answer is None:
        raise CallError(f"{peer} {exchange.error}")
    return exchange.answer


def _body(response: BaseHTTPResponse) -> bytes:
    """Return the body, a byte more than the limit at most, also of what it unpacks to."""
    chunks, size = [], 0
    while size <= LARGEST_BODY_BYTES:
        chunk = response.read(min(64 * 1024, LARGEST_BODY_BYTES + 1 - size), decode_content=True)
        if not chunk:
            break
        chunks.append(chunk)
        size += len(chunk)
    return b"".join(chunks)


def _headers(own: Mapping[str, str], url: SplitResult) -> dict[str, str]:
    """Return the headers to send; the operator's win, a URL's user and password become Basic credentials."""
    from configvault import __version__

    headers = {"User-Agent": f"configvault/{__version__}", "Accept": "*/*", "Accept-Encoding": "identity"}
    headers |= _login(url, "Authorization")
    given = {name.lower() for name in own}
    return {name: value for name, value in headers.items() if name.lower() not in given} | dict(own)


def _login(url: SplitResult, header: str) -> dict[str, str]:
    """Return the header that carries the user and password of a URL, if it has some."""
    if url.username is None:
        return {}
    from base64 import b64encode

    login = f"{unquote(url.username)}:{unquote(url.password or '')}"
    return {header: f"Basic {b64encode(login.encode()).decode()}"}


def _reason(error: Exception) -> str:
    """Return why there is no answer; urllib3's own texts would repeat the URL."""
    import ssl

    from urllib3 import exceptions

    chain = [error, *_causes(error)]
    for kind, text in _reasons(ssl.SSLError, exceptions):
        for cause in chain:
            if isinstance(cause, kind):
                return text(cause)
    return "closed the connection without a complete answer"


def _causes(error: BaseException) -> Iterator[BaseException]:
    while (cause := error.__cause__ or error.__context__) is not None:
        yield cause
        error = cause


def _strerror(error: BaseException) -> str:
    # http.client has no type of its own for a proxy that opens no tunnel.
    refused = re.match(r"Tunnel connection failed: (\d{3})\b", str(error))
    if refused:
        return f"the proxy answered {refused[1]}"
    return getattr(error, "strerror", None) or type(error).__name__


def _reasons(tls: type, urllib3: object) -> list[tuple[type, Callable[[BaseException], str]]]:
    """Return what each kind of exception means, the most telling first."""
    import socket

    named: Callable[[str], type] = lambda name: getattr(urllib3, name)  # noqa: E731 - three words used twice
    return [
        (named("NameResolutionError"), lambda _: "is a name that does not resolve"),
        (socket.gaierror, lambda _: "is a name that does not resolve"),
        (
            tls,
            lambda e: (
                f"has a certificate that cannot be trusted: {getattr(e, 'verify_message', '') or getattr(e, 'reason', 'TLS')}"
            ),
        ),
        (ConnectionRefusedError, lambda _: "refused the connection"),
        (named("ConnectTimeoutError"), lambda _: "did not accept the connection in time"),
        (TimeoutError, lambda _: "sent no complete answer in time"),
        (named("DecodeError"), lambda _: "sent a body that cannot be decompressed"),
        (ConnectionError, lambda _: "closed the connection without a complete answer"),
        (OSError, lambda e: f"cannot be reached: {_strerror(e)}"),
    ]
