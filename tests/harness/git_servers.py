"""Real git servers on loopback: `git daemon`, sshd, and `git http-backend` behind a small web server.

Each listens on a port the system chose and starts its program for one connection at a time, as inetd does: nothing is
waited for, and nothing is left when the block ends.
"""

from __future__ import annotations

import base64
import contextlib
import getpass
import os
import shutil
import socket
import socketserver
import ssl
import subprocess
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

_SBIN = f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin"
SSHD = shutil.which("sshd", path=_SBIN)
LOGIN = ("pusher", "t0ken-f0r-pushing")


def why_not(program: str) -> str | None:
    """Return why a server cannot run here: `daemon`, `http-backend` or `sshd`."""
    if program == "sshd":
        if SSHD is None or shutil.which("ssh") is None:
            return "openssh-server or openssh-client is not installed"
        if os.geteuid() == 0:
            # Where it drops its rights; the package leaves it to the boot to make the folder.
            os.makedirs("/run/sshd", 0o755, exist_ok=True)
        return None
    place = subprocess.run(["git", "--exec-path"], capture_output=True, text=True, check=True).stdout.strip()
    return None if os.path.exists(f"{place}/git-{program}") else f"git {program} is not installed"


@contextlib.contextmanager
def _inetd(argv: list[str], env: dict[str, str] | None = None) -> Iterator[int]:
    """Serve a port by one process a connection, and yield the port."""
    children: list[subprocess.Popen[bytes]] = []

    class Handler(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            child = subprocess.Popen(
                argv, stdin=self.request, stdout=self.request, stderr=subprocess.DEVNULL, env=env
            )
            children.append(child)
            child.wait()

    class Server(socketserver.ThreadingTCPServer):
        daemon_threads = True
        request_queue_size = 128

    with Server(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        try:
            yield server.server_address[1]
        finally:
            server.shutdown()
            for child in children:
                if child.poll() is None:
                    child.kill()
                child.wait()


@contextlib.contextmanager
def git_daemon(base: Path) -> Iterator[str]:
    """Serve the repositories in `base` for everybody, and yield the URL of the folder."""
    argv = ["git", "daemon", "--inetd", "--export-all", "--enable=receive-pack", f"--base-path={base}"]
    with _inetd([*argv, "--informative-errors", str(base)]) as port:
        yield f"git://127.0.0.1:{port}"


@dataclass
class Ssh:
    """An ssh server: the URL of its root folder, the key it takes, and the file with its own key."""

    url: str
    key: Path
    known_hosts: Path


@contextlib.contextmanager
def sshd(folder: Path, *, listening: bool = False, settings: str = "") -> Iterator[Ssh]:
    """Serve this user's login by key; keys and `settings` go into `folder`.

    `listening`: one sshd that takes all connections, with its own limits on them.
    """
    assert SSHD is not None
    folder.mkdir(parents=True)
    for name in ("host", "client"):
        argv = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(folder / name)]
        subprocess.run(argv, check=True, stdin=subprocess.DEVNULL)
    authorized = folder / "authorized_keys"
    authorized.write_text((folder / "client.pub").read_text())
    config = folder / "sshd_config"
    config.write_text(
        f"HostKey {folder}/host\nAuthorizedKeysFile {authorized}\nStrictModes no\nUsePAM no\nPidFile none\n"
        "PasswordAuthentication no\nKbdInteractiveAuthentication no\nPermitRootLogin prohibit-password\n"
        f"ListenAddress 127.0.0.1\n{settings}\n"
    )
    with (
        _listening(config)
        if listening
        else _inetd([SSHD, "-i", "-o", "LogLevel=QUIET", "-f", str(config)]) as port
    ):
        known = folder / "known_hosts"
        known.write_text(f"[127.0.0.1]:{port} {(folder / 'host.pub').read_text()}")
        yield Ssh(f"ssh://{getpass.getuser()}@127.0.0.1:{port}", folder / "client", known)


@contextlib.contextmanager
def _listening(config: Path) -> Iterator[int]:
    assert SSHD is not None
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = int(taken.getsockname()[1])
    with subprocess.Popen(
        [SSHD, "-D", "-e", "-p", str(port), "-f", str(config)], stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stderr is not None
        for line in process.stderr:
            if "listening" in line:
                break
        rest = threading.Thread(target=process.stderr.read, daemon=True)
        rest.start()
        try:
            yield port
        finally:
            process.terminate()
            rest.join()


def certificate(folder: Path) -> tuple[Path, ssl.SSLContext]:
    """Make a certificate for 127.0.0.1, which vouches for itself; return its file, and a server's context with it."""
    cert, key = folder / "server.pem", folder / "server.key"
    words = "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=127.0.0.1"
    more = ["-addext", "subjectAltName=IP:127.0.0.1", "-keyout", str(key), "-out", str(cert)]
    subprocess.run(["openssl", *words.split(), *more], check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(cert, key)
    return cert, context


@contextlib.contextmanager
def http_backend(base: Path, *, login: bool = False, tls: ssl.SSLContext | None = None) -> Iterator[str]:
    """Serve the repositories in `base` by smart HTTP, with `LOGIN` if asked for, and yield the URL of the folder."""
    expected = "Basic " + base64.b64encode(":".join(LOGIN).encode()).decode()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.0"

        def do_GET(self) -> None:
            self._answer(b"")

        def do_POST(self) -> None:
            self._answer(self._body())

        def _body(self) -> bytes:
            if self.headers.get("Transfer-Encoding") != "chunked":
                return self.rfile.read(int(self.headers.get("Content-Length", 0)))
            body = b""
            while size := int(self.rfile.readline(), 16):
                body += self.rfile.read(size)
                self.rfile.readline()
            return body

        def _answer(self, body: bytes) -> None:
            if login and self.headers.get("Authorization") != expected:
                self.send_response(401)
                self.send_header("WWW-Authenticate", 'Basic realm="git"')
                self.end_headers()
                return
            done = subprocess.run(
                ["git", "-c", "http.receivepack=true", "http-backend"],
                input=body,
                capture_output=True,
                check=False,
                env=self._environment(),
            )
            head, _, answer = done.stdout.partition(b"\r\n\r\n")
            fields = dict(line.split(": ", 1) for line in head.decode().split("\r\n") if ": " in line)
            status = int(fields.pop("Status", "200").split()[0])
            self.send_response(status if head else 500)
            for name, value in fields.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(answer)

        def _environment(self) -> dict[str, str]:
            path, _, query = self.path.partition("?")
            said = {
                "GIT_PROJECT_ROOT": str(base), "GIT_HTTP_EXPORT_ALL": "1", "PATH_INFO": path, "QUERY_STRING": query,
                "REQUEST_METHOD": self.command, "CONTENT_TYPE": self.headers.get("Content-Type", ""),
                "REMOTE_ADDR": "127.0.0.1", "REMOTE_USER": LOGIN[0],
                "HTTP_CONTENT_ENCODING": self.headers.get("Content-Encoding", ""),
                "GIT_PROTOCOL": self.headers.get("Git-Protocol", ""),
            }  # fmt: skip
            return {**os.environ, **said}

        def log_message(self, *args: object) -> None:
            """Say nothing."""

    class Server(ThreadingHTTPServer):
        daemon_threads = True
        request_queue_size = 128

        def server_bind(self) -> None:
            # HTTPServer's own asks the name server for a name, and waits where there is none.
            socketserver.TCPServer.server_bind(self)
            self.server_name, self.server_port = "127.0.0.1", self.server_address[1]

        def shutdown_request(self, request: Any) -> None:
            # An answer whose end TLS does not confirm counts as cut off.
            if isinstance(request, ssl.SSLSocket):
                with contextlib.suppress(OSError, ValueError):
                    request = request.unwrap()
            super().shutdown_request(request)

    with Server(("127.0.0.1", 0), Handler) as server:
        if tls is not None:
            server.socket = tls.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        try:
            yield f"http{'s' if tls else ''}://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()


@contextlib.contextmanager
def silent() -> Iterator[str]:
    """Take connections and never say a word; yield the URL."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield f"git://127.0.0.1:{listener.getsockname()[1]}"
