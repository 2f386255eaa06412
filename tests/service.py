"""A stand-in for the service, on a real port: it answers what a test tells it to, and remembers what it was asked."""

from __future__ import annotations

import socket
import socketserver
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

Script = Callable[[socket.socket, threading.Event], None]


@dataclass
class Service:
    """`answers` are used up one a request, the last one stays; `asked` holds each request's raw head and body."""

    answers: list[bytes | Script]
    port: int = 0
    asked: list[str] = field(default_factory=list)
    over: threading.Event = field(default_factory=threading.Event)

    @property
    def url(self) -> str:
        """Return the address of the service."""
        return f"http://127.0.0.1:{self.port}/reload"

    def headers(self, index: int = 0) -> dict[str, str]:
        """Return the headers of one request by their names in small letters."""
        lines = self.asked[index].partition("\r\n\r\n")[0].split("\r\n")[1:]
        return {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}


def answer(status: int = 200, body: str = "", content_type: str = "application/json", extra: str = "") -> bytes:
    """Return a whole HTTP answer."""
    raw = body.encode()
    head = f"HTTP/1.1 {status} X\r\nContent-Type: {content_type}\r\nContent-Length: {len(raw)}\r\n{extra}"
    return f"{head}Connection: close\r\n\r\n".encode() + raw


def hang(connection: socket.socket, over: threading.Event) -> None:
    """Answer nothing until the test is over."""
    over.wait(30)


def drip(prefix: bytes) -> Script:
    """Answer `prefix`, then a byte every hundredth of a second for as long as somebody listens."""

    def script(connection: socket.socket, over: threading.Event) -> None:
        connection.sendall(prefix)
        while not over.wait(0.01):
            connection.sendall(b"x")

    return script


def close(connection: socket.socket, over: threading.Event) -> None:
    """Hang up without an answer."""


@contextmanager
def serving(*answers: bytes | Script, tls: ssl.SSLContext | None = None) -> Iterator[Service]:
    """Run a service with these answers, behind `tls` if given."""
    service = Service(list(answers))

    class Handler(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            said = self.request.makefile("rb")
            head = b"".join(iter(said.readline, b"\r\n")) + b"\r\n"
            length = next((int(x.split(b":")[1]) for x in head.split(b"\r\n") if x.lower().startswith(b"content-length")), 0)  # fmt: skip
            service.asked.append((head + said.read(length)).decode())
            script = service.answers.pop(0) if len(service.answers) > 1 else service.answers[0]
            try:
                if callable(script):
                    script(self.request, service.over)
                else:
                    self.request.sendall(script)
            except OSError:
                pass  # the client went away, as it should

    class Server(socketserver.ThreadingTCPServer):
        daemon_threads = True
        # With the usual five a sixth connection at once waits a second for its SYN to be sent again.
        request_queue_size = 64

        def get_request(self) -> tuple[socket.socket, tuple[str, int]]:
            connection, peer = super().get_request()
            return (tls.wrap_socket(connection, server_side=True) if tls else connection), peer

    with Server(("127.0.0.1", 0), Handler) as server:
        service.port = server.server_address[1]
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        thread.start()
        try:
            yield service
        finally:
            service.over.set()
            server.shutdown()
            thread.join()
