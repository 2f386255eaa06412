"""A stand-in for the service of the deployment guide: it loads a directory when told to, runs plugins and agents, logs.

`misbehave` names what it does wrong from then on: `reload`, `status`, `invoke`, `agents`, `chat`, `health`.
"""

from __future__ import annotations

import json
import random
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import yaml

BROKEN = "https://broken.example.org"


@dataclass
class Coze:
    """The service: what it has loaded, what it was asked, how it misbehaves, and where it logs."""

    directory: Path
    log: Path
    port: int = 0
    misbehave: set[str] = field(default_factory=set)
    plugins: dict[str, dict[str, Any]] = field(default_factory=dict)
    agents: dict[str, dict[str, Any]] = field(default_factory=dict)
    reloads: int = 0
    noise: float = 0.0
    _random: random.Random = field(default_factory=lambda: random.Random(1))
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def make_noise(self, share: float, seed: int) -> None:
        """Have this share of all requests fail, by chance that `seed` decides."""
        self.noise, self._random = share, random.Random(seed)

    @property
    def url(self) -> str:
        """Return its address."""
        return f"http://127.0.0.1:{self.port}"

    def load(self) -> None:
        """Read the directory, as at a start and at each reload."""
        rows = yaml.safe_load((self.directory / "pluginproduct/plugin_meta.yaml").read_text()) or []
        plugins = {}
        for row in rows:
            document = (self.directory / "pluginproduct" / row["openapi_doc_file"]).read_text()
            plugins[row["manifest"]["name_for_model"]] = {"broken": BROKEN in document, "id": row["plugin_id"]}
        self.plugins = plugins

    def invoke(self, name: str, operation: str, ms: int = 20) -> tuple[int, dict[str, Any]]:
        """Run a plugin, and log it."""
        plugin = self.plugins.get(name)
        status, answer = 200, {"success": True, "data": "# 转换 markdown"}
        if plugin is None:
            return 404, {"success": False, "error": f"no plugin {name}"}
        with self._lock:
            failed = plugin["broken"] or "invoke" in self.misbehave or self._random.random() < self.noise
        if failed:
            status, answer = 502, {"success": False, "error": "upstream refused"}
        said = {
            "component": "plugin", "plugin_name": name, "operation_id": operation, "method": "POST",
            "url": f"{self.url}/{name}", "duration_ms": ms, "status_code": status,
            "level": "error" if failed else "info", "msg": "plugin call", "time": datetime.now(UTC).isoformat(),
        }  # fmt: skip
        if failed:
            said["error"] = answer["error"]
        with self._lock, self.log.open("a") as file:
            file.write(json.dumps(said) + "\n")
        return status, answer

    def answer(self, method: str, path: str, body: Any) -> tuple[int, Any]:
        """Return status and answer of one request."""
        parts = path.strip("/").split("/")
        if path in ("/health", "/ready"):
            return (
                (503, {"status": "unhealthy"}) if "health" in self.misbehave else (200, {"status": "healthy"})
            )
        if path == "/admin/reload-plugins" and method == "POST":
            self.reloads += 1
            if "reload" in self.misbehave:
                return 500, {"error": "cannot load"}
            self.load()
            return 200, {"plugins": list(self.plugins)}
        if path == "/admin/plugins":
            status = "error" if "status" in self.misbehave else "active"
            return 200, {"plugins": [{"name": name, "status": status} for name in self.plugins]}
        if parts[:3] == ["api", "plugin", "invoke"] and len(parts) > 4:
            return self.invoke(parts[3], parts[4])
        if parts[:2] == ["api", "agents"]:
            return self._agent(method, parts[2:], body)
        if path == "/api/chat" and method == "POST":
            known = body.get("agent_id") in self.agents
            said = "no" if "chat" in self.misbehave or not known else "转换 done: markdown"
            return 200, {"message": said}
        return 404, {"error": "not found"}

    def _agent(self, method: str, rest: list[str], body: Any) -> tuple[int, Any]:
        if method == "POST" and "agents" not in self.misbehave:
            agent = f"agent-{len(self.agents) + 1}"
            self.agents[agent] = body
            return 200, {"agent_id": agent}
        if method == "DELETE" and rest and self.agents.pop(rest[0], None) is not None:
            return 200, {}
        return 500, {"error": "no agent"}


@contextmanager
def coze(directory: Path, log: Path) -> Iterator[Coze]:
    """Run the service on `directory`, logging to `log`."""
    service = Coze(directory, log)
    service.load()
    log.touch()

    class Handler(BaseHTTPRequestHandler):
        def _answer(self) -> None:
            length = int(self.headers.get("Content-Length") or 0)
            text = self.rfile.read(length)
            body = json.loads(text) if text else {}
            status, answer = service.answer(self.command, self.path, body)
            raw = json.dumps(answer, ensure_ascii=False).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(raw)))
            self.end_headers()
            self.wfile.write(raw)

        do_GET = do_POST = do_DELETE = _answer  # noqa: N815 - the library's names

        def log_message(self, *args: Any) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        service.port = server.server_address[1]
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        thread.start()
        try:
            yield service
        finally:
            server.shutdown()
            thread.join()


@contextmanager
def load(service: Coze, per_second: float = 200.0) -> Iterator[None]:
    """Have every plugin invoked again and again, from a thread of its own."""
    over = threading.Event()

    def run() -> None:
        while not over.wait(1 / per_second):
            for name in list(service.plugins):
                service.invoke(name, "get")

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()
