"""What is shipped for Coze Studio's own compose file, and the program that speaks to the engine."""

from __future__ import annotations

import json
import os
import re
import socketserver
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler
from importlib.resources import files
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from configvault import config

FOLDER = Path(__file__).parents[1] / "deploy" / "coze-studio"
OVERRIDE = yaml.safe_load((FOLDER / "docker-compose.configvault.yml").read_text())


def test_the_override_is_valid() -> None:
    """It is what the Compose Specification allows."""
    schema = files("check_jsonschema.builtin_schemas.vendor").joinpath("compose-spec.json").read_text()
    jsonschema.validate(OVERRIDE, json.loads(schema))


def test_the_override_mounts_what_the_server_reads() -> None:
    """The root of the configuration is what upstream's file mounts for the server, and the files beside it are there."""
    volumes = OVERRIDE["services"]["configvault"]["volumes"]
    # As in coze-server of coze-dev/coze-studio, docker/docker-compose.yml.
    assert "../backend/conf:/app/resources/conf" in volumes
    settings = config.load(FOLDER / "configvault.yaml", {})
    assert settings.root == "/app/resources/conf/plugin"
    assert f"configvault:{settings.vault}" in volumes
    for volume in volumes:
        if volume.startswith("./"):
            assert (FOLDER / volume.split(":")[0]).is_file()
    assert volumes[-1].split(":")[1] == "/var/run/docker.sock"


class Engine:
    """As much of the Engine API as the program speaks, on a socket."""

    def __init__(self, folder: Path) -> None:
        self.socket = folder / "docker.sock"
        self.asked: list[str] = []
        self.up = timedelta(minutes=1)
        self.again = 0
        self.log = b""

    def state(self) -> dict[str, Any]:
        """Return what is said of the container."""
        started = (datetime.now(UTC) - self.up).isoformat().replace("+00:00", "789Z")
        return {
            "RestartCount": self.again,
            "State": {"Status": "restarting" if self.again else "running", "StartedAt": started},
        }

    def run(self, *words: str) -> subprocess.CompletedProcess[str]:
        """Run the program."""
        argv = [sys.executable, "-IS", str(FOLDER / "engine.py"), *words]
        env = os.environ | {"DOCKER_SOCKET": str(self.socket)}
        return subprocess.run(argv, env=env, capture_output=True, text=True, check=False)


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    """An engine with one container."""
    made = Engine(tmp_path)
    with _serving(made):
        yield made


@contextmanager
def _serving(engine: Engine) -> Iterator[None]:
    class Handler(BaseHTTPRequestHandler):
        def answer(self) -> None:
            engine.asked.append(f"{self.command} {self.path}")
            status, body = 404, b'{"message": "No such container"}'
            if self.path.startswith("/containers/coze-server/restart"):
                status, body = 204, b""
            elif self.path == "/containers/coze-server/json":
                status, body = 200, json.dumps(engine.state()).encode()
            elif re.match(r"/containers/coze-server/logs\?.*since=\d+$", self.path):
                status, body = 200, engine.log
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        do_GET = do_POST = answer  # noqa: N815 - the library's names

        def address_string(self) -> str:
            return "engine"

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the library's name
            pass

    with socketserver.ThreadingUnixStreamServer(str(engine.socket), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
        thread.start()
        yield
        server.shutdown()
        thread.join()


def test_the_container_is_restarted(engine: Engine) -> None:
    """`restart` asks the engine for it; a container that is not there is an error with the engine's words."""
    assert engine.run("restart", "coze-server").returncode == 0
    assert engine.asked == ["POST /containers/coze-server/restart?t=20"]
    done = engine.run("restart", "other/../x")
    assert (done.returncode, "No such container" in done.stderr) == (1, True)
    assert engine.asked[-1] == "POST /containers/other%2F..%2Fx/restart?t=20"


def test_a_container_that_stays_up(engine: Engine) -> None:
    """It passes after ten seconds without a panic; then, or started again, it does not."""
    assert engine.run("stays-up", "coze-server").returncode == 0
    engine.log = b"\x01\x00\x00\x00\x00\x00\x00\x10HTTP server\n\x02\x00\x00\x00\x00\x00\x00\x40panic: InitializeInfra failed, err=x\n"
    assert engine.run("stays-up", "coze-server").stderr == "panic: InitializeInfra failed, err=x\n"
    engine.log, engine.again = b"", 3
    assert engine.run("stays-up", "coze-server").stderr == "coze-server is restarting, started again 3 times\n"
    engine.again, engine.up = 0, timedelta(seconds=0)
    assert "s only" in engine.run("stays-up", "coze-server").stderr


def test_without_a_socket(tmp_path: Path) -> None:
    """Where the engine cannot be reached it says so."""
    done = Engine(tmp_path).run("restart", "coze-server")
    assert done.returncode == 1
    assert "docker.sock: " in done.stderr
