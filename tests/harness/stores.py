"""Servers of S3 that are not ours, and a proxy before them that does to requests what networks and servers do.

moto honours conditional puts; `rclone serve s3` ignores them, and keeps what it is sent as files.
"""

from __future__ import annotations

import contextlib
import http.client
import os
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from configvault.core.settings import ReplicaSettings
from configvault.replica.store import resolve
from configvault.replica.store.objects import Objects
from configvault.replica.store.store import open_objects

KEY, SECRET = "AKIACONFIGVAULTTEST", "secret-for-tests-of-configvault-only"
BUCKET = "vaults"
ENVIRON = {"AWS_ACCESS_KEY_ID": KEY, "AWS_SECRET_ACCESS_KEY": SECRET, "AWS_REGION": "us-east-1"}
_PATIENCE_S = 60.0


def why_not(name: str) -> str | None:
    """Return why the server `name` cannot run here, None if it can."""
    return None if _program(name).exists() else f"{name} is not installed: make setup"


def _program(name: str) -> Path:
    return Path(sys.executable).parent / {"moto": "moto_server", "rclone": "rclone"}[name]


@contextlib.contextmanager
def serving(name: str, base: Path) -> Iterator[str]:
    """Serve an empty bucket; give the server's URL. rclone keeps its objects in `base`."""
    port = _free_port()
    base.joinpath(BUCKET).mkdir(parents=True, exist_ok=True)
    if name == "moto":
        argv = [str(_program(name)), "-p", str(port)]
    else:
        argv = [str(_program(name)), "serve", "s3", "--addr", f"127.0.0.1:{port}", "--auth-key", f"{KEY},{SECRET}",
                "--config", os.devnull, str(base)]  # fmt: skip
    process = subprocess.Popen(argv, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd=base)
    try:
        _wait_for(port, process)
        url = f"http://127.0.0.1:{port}"
        if name == "moto":
            make = urllib.request.Request(f"{url}/{BUCKET}", method="PUT")
            urllib.request.urlopen(make).close()
        yield url
    finally:
        process.kill()
        process.wait()


@contextlib.contextmanager
def needed(name: str, base: Path) -> Iterator[str]:
    """Do so for a test that needs it, and is skipped where the server cannot run."""
    reason = why_not(name)
    if reason:
        pytest.skip(reason)
    with serving(name, base) as url:
        yield url


def log_in(monkeypatch: pytest.MonkeyPatch) -> None:
    """Log in as the servers ask for, and as nobody else."""
    for name, value in ENVIRON.items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("AWS_PROFILE", raising=False)


def opened(replica: Mapping[str, Any]) -> Objects:
    """Return the store of a replica as its keeper reaches it."""
    return open_objects(resolve(ReplicaSettings(**replica), ""), ENVIRON)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _wait_for(port: int, process: subprocess.Popen[bytes]) -> None:
    until = time.monotonic() + _PATIENCE_S
    while time.monotonic() < until and process.poll() is None:
        with contextlib.suppress(OSError):
            socket.create_connection(("127.0.0.1", port)).close()
            return
        time.sleep(0.05)
    raise RuntimeError("the server did not come up")


@dataclass(frozen=True)
class Asked:
    """One request that came to the proxy; `is_list` tells a list from the reading of an object."""

    method: str
    path: str
    is_list: bool
    is_conditional: bool
    has_checksum: bool = False

    @property
    def is_manifest(self) -> bool:
        """Return whether a manifest is put or read."""
        return "/manifests/" in self.path and not self.is_list

    @property
    def is_bundle(self) -> bool:
        """Return whether a bundle is put or read."""
        return "/bundles/" in self.path and not self.is_list


# What becomes of a request: a status to answer with (and a code of S3), or one of cut, lost, torn, hang; None: it goes through.
Fault = Callable[[Asked], "tuple[int, str] | str | None"]


@dataclass
class Proxy:
    """A proxy before one server; `fault` may change while it runs, `asked` is what came.

    With `name_checksums` requests get the name of their checksum: under Object Lock moto asks for that, where S3 asks
    for the checksum. A server that checks signatures takes no such addition.
    """

    url: str = ""
    fault: Fault = lambda asked: None
    asked: list[Asked] = field(default_factory=list)
    name_checksums: bool = False

    def once(self, when: Callable[[Asked], bool], fault: tuple[int, str] | str) -> None:
        """Let one request that `when` picks fail, the first one."""
        left = [fault]

        def decide(asked: Asked) -> tuple[int, str] | str | None:
            return left.pop() if left and when(asked) else None

        self.fault = decide


def behind(proxy: Proxy, prefix: str = "a") -> dict[str, Any]:
    """Return a replica at a prefix behind the proxy."""
    return {"url": f"s3://{BUCKET}/{prefix}", "endpoint": proxy.url}


@contextlib.contextmanager
def before(upstream: str) -> Iterator[Proxy]:
    """Run a proxy before the server at `upstream`."""
    proxy = Proxy()
    gone = threading.Event()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *args: object) -> None:
            """Say nothing."""

        def _serve(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            asked = Asked(
                self.command,
                self.path,
                "list-type" in self.path,
                self.headers.get("If-None-Match") == "*",
                "x-amz-checksum-sha256" in self.headers,
            )
            proxy.asked.append(asked)
            fault = proxy.fault(asked)
            if fault == "hang":
                gone.wait(_PATIENCE_S)
            if fault in ("hang", "cut"):
                self._drop()
            elif isinstance(fault, tuple):
                self._answer(fault[0], [("Content-Type", "application/xml")], _xml(fault[1]))
            else:
                self._forward(asked, body, fault)

        def _forward(self, asked: Asked, body: bytes, fault: str | None) -> None:
            upward = http.client.HTTPConnection(upstream.removeprefix("http://"), timeout=_PATIENCE_S)
            try:
                upward.putrequest(self.command, self.path, skip_host=True, skip_accept_encoding=True)
                for name, value in self.headers.items():
                    if name.lower() != "connection":
                        upward.putheader(name, value)
                if proxy.name_checksums and asked.has_checksum:
                    upward.putheader("x-amz-sdk-checksum-algorithm", "SHA256")
                upward.endheaders()
                if fault == "torn":
                    upward.send(body[: len(body) // 2])
                    self._drop()
                    return
                upward.send(body)
                answer = upward.getresponse()
                data = answer.read()
                if fault == "lost":
                    self._drop()
                elif fault == "half":
                    self.send_response(answer.status)
                    self.send_header("Content-Length", str(len(data)))
                    self.end_headers()
                    self.wfile.write(data[: len(data) // 2])
                    self._drop()
                else:
                    self._answer(answer.status, answer.getheaders(), data)
            finally:
                upward.close()

        def _answer(self, status: int, headers: list[tuple[str, str]], data: bytes) -> None:
            self.send_response_only(status)
            for name, value in headers:
                if name.lower() not in ("content-length", "transfer-encoding", "connection"):
                    self.send_header(name, value)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(data)

        def _drop(self) -> None:
            self.close_connection = True
            with contextlib.suppress(OSError):
                self.connection.shutdown(socket.SHUT_RDWR)

        do_GET = do_PUT = do_POST = do_HEAD = do_DELETE = _serve  # noqa: N815

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    proxy.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    try:
        yield proxy
    finally:
        gone.set()
        server.shutdown()
        server.server_close()
        thread.join()


def _xml(code: str) -> bytes:
    return f'<?xml version="1.0" encoding="UTF-8"?><Error><Code>{code}</Code><Message>no</Message></Error>'.encode()
