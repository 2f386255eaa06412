"""A stand-in for `docker` on the PATH: as much of it as operators of Coze Studio use, with one container, coze-server.

The container has no process. A restart reads the plugins as the server does at its start: YAML that cannot be read is a
panic, after which it is started again and again. What it did stands in the folder that $DOCKER_STATE names:
`state.json`, `log` (of the newest start) and `calls`, a line for each call. A file `panic` there is a panic whatever the
plugins are.

`docker.py serve` is for guests: the daemon behind $DOCKER_HOST (`unix:///run/docker.sock`), asked by clients as the real one
is, with the page of coze-server on port 8888 and a fork that reloads on POST on port 8080.
"""

from __future__ import annotations

import http.server
import json
import os
import socket
import socketserver
import subprocess
import sys
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path

STATE = Path(os.environ.get("DOCKER_STATE", "/nonexistent"))
SOCKET = os.environ.get("DOCKER_HOST", "").removeprefix("unix://")
ID = "c0ze5e4ve4"


def main(words: list[str]) -> int:
    """Do what the command line says, and note that it was asked for."""
    if words == ["serve"]:
        serve()
    if SOCKET:
        return asked(words)
    with (STATE / "calls").open("a") as calls:
        calls.write(" ".join(words) + "\n")
    match words:
        case ["compose", "-f", file, "restart", "coze-server"]:
            return restart(Path(file))
        case ["compose", "-f", file, "ps", "--all", "--quiet", "coze-server"] if Path(file).is_file():
            print(ID)
            return 0
        case ["inspect", "--format", form, id_] if id_ == ID:
            state = json.loads((STATE / "state.json").read_text())
            for name, value in state.items():
                form = form.replace("{{" + name + "}}", str(value))
            print(form)
            return 0
        case ["logs", *_, id_] if id_ == ID:
            print((STATE / "log").read_text(), end="", file=sys.stderr)
            return 0
    print(f"unknown command: docker {' '.join(words)}", file=sys.stderr)
    return 1


def restart(compose: Path) -> int:
    """Start the container anew."""
    import yaml

    plugins = compose.parent.parent / "backend" / "conf" / "plugin" / "pluginproduct" / "plugin_meta.yaml"
    # It has been up for a while: nothing in a test waits for ten seconds.
    started = (datetime.now(UTC) - timedelta(seconds=60)).isoformat()
    status, again, log = "running", 0, "HERTZ: HTTP server listening on address=[::]:8888\n"
    try:
        yaml.safe_load(plugins.read_text())
        if (STATE / "panic").exists():
            raise ValueError((STATE / "panic").read_text())
    except (ValueError, yaml.YAMLError) as error:
        status, again = "restarting", 3
        log = f"panic: InitializeInfra failed, err={str(error).splitlines()[0]}\n\ngoroutine 1 [running]:\n"
    (STATE / "log").write_text(log)
    state = {".State.Status": status, ".RestartCount": again, ".State.StartedAt": started}
    (STATE / "state.json").write_text(json.dumps(state))
    print("Container coze-server  Restarting\n Container coze-server  Started", file=sys.stderr)
    return 0


# --- the daemon, in a guest


class _Page(http.server.BaseHTTPRequestHandler):
    """The page by way of nginx: 502 while the server is down."""

    def do_GET(self) -> None:
        file = STATE / "state.json"
        up = not file.exists() or json.loads(file.read_text())[".State.Status"] == "running"
        self._answer(200 if up else 502, "text/html", b"<html></html>")

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self._answer(200, "application/json", b'{"code": 0}')

    def _answer(self, status: int, kind: str, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


class _Client(socketserver.StreamRequestHandler):
    """One command line, and what came of it."""

    def handle(self) -> None:
        words = json.loads(self.rfile.readline())
        own = {name: value for name, value in os.environ.items() if name != "DOCKER_HOST"}
        done = subprocess.run(
            [sys.executable, __file__, *words], env=own, capture_output=True, text=True, check=False
        )
        self.wfile.write(json.dumps([done.returncode, done.stdout, done.stderr]).encode())


def serve() -> None:
    """Answer for ever; whoever sees the socket finds the rest there, too."""
    for port in (8888, 8080):
        # Not HTTPServer, which looks up its own name first: a guest has nobody to ask.
        page = socketserver.ThreadingTCPServer(("127.0.0.1", port), _Page)
        threading.Thread(target=page.serve_forever, daemon=True).start()
    socketserver.ThreadingUnixStreamServer(SOCKET, _Client).serve_forever()


def asked(words: list[str]) -> int:
    """Have the daemon do it, and say what it said."""
    with socket.socket(socket.AF_UNIX) as daemon:
        daemon.connect(SOCKET)
        with daemon.makefile("rw") as lines:
            lines.write(json.dumps(words) + "\n")
            lines.flush()
            code, out, err = json.loads(lines.read())
    sys.stdout.write(out)
    sys.stderr.write(err)
    return int(code)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
