"""Probing what documents name: a real server on this host, private addresses, names that do not resolve."""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from plugins import FERRIES, FERRIES_PATH, GOOD, TIDES, TIDES_PATH
from states import state

from configvault.cli import main
from configvault.coze import online


class Service(BaseHTTPRequestHandler):
    """Alive at /api, broken at /ferries; notes what it was asked."""

    asked: list[str] = []  # noqa: RUF012 - emptied by the fixture
    posted: list[tuple[str, dict[str, str], bytes]] = []  # noqa: RUF012 - emptied by the fixture

    def do_GET(self) -> None:
        """Answer."""
        self.asked.append(self.path)
        status = 503 if "ferries" in self.path or self.path.startswith("/down") else 404
        self.send_response(status)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def do_POST(self) -> None:
        """Answer, and note what came."""
        length = int(self.headers.get("Content-Length") or 0)
        self.posted.append((self.path, dict(self.headers), self.rfile.read(length)))
        self.do_GET()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - named by the base class
        """Say nothing."""


@pytest.fixture
def service() -> Iterator[str]:
    """Yield the URL of a running service."""
    Service.asked.clear()
    Service.posted.clear()
    server = ThreadingHTTPServer(("127.0.0.1", 0), Service)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


def files(tides: str, ferries: str) -> dict[str, str]:
    """Return the good directory with these servers."""
    return {
        **GOOD,
        TIDES_PATH: TIDES.replace("https://tides.example.org/api", tides),
        FERRIES_PATH: FERRIES.replace("https://ferries.example.org", ferries),
    }


def test_servers(service: str) -> None:
    """A server that answers below 500 is alive, /health is asked first, and each plugin has its rate."""
    seen: list[tuple[int, int]] = []
    made = state(files(f"{service}/api", f"{service}/down"))
    results = online.probe(made, allow_private=True, progress=lambda done, all_: seen.append((done, all_)))
    assert [(one.ok, one.status) for one in results] == [(True, 404), (False, 503)]
    assert "/api/health" in Service.asked
    assert seen == [(1, 2), (2, 2)]
    assert [(rate.plugin, rate.alive, rate.asked) for rate in online.rates(results)] == [
        ("plugin 501 (tides)", 1, 1),
        ("plugin 502 (ferries)", 0, 1),
    ]


def test_endpoints(service: str) -> None:
    """GET operations are asked on request, variables filled in; others are counted as not asked."""
    results = online.probe(state(files(service, service)), endpoints=True, allow_private=True)
    assert [(one.target.operation, one.ok) for one in results] == [
        (None, True),
        ("GET /tides/{port}", True),
        ("POST /alarms", False),
        (None, True),
        ("GET /ferries", False),
    ]
    assert "/tides/text" in Service.asked
    assert "/alarms" not in Service.asked
    assert [one.skipped for one in results] == [False, False, True, False, False]
    assert [(rate.alive, rate.asked, rate.skipped, rate.percent) for rate in online.rates(results)] == [
        (1, 1, 1, 100.0),
        (0, 1, 0, 0.0),
    ]


DOCUMENT = """\
openapi: 3.0.1
info: {title: t, description: d, version: v1}
servers: [{url: URL}]
paths:
  /convert/{kind}:
    parameters:
      - {name: kind, in: path, required: true, schema: {type: string, enum: [a b, c]}}
    post:
      parameters:
        - {name: limit, in: query, required: true, schema: {type: integer, minimum: 3}}
        - {name: tags, in: query, required: true, schema: {type: array, items: {$ref: "#/components/schemas/Tag"}}}
        - {name: optional, in: query, schema: {type: string}}
        - {name: X-Mode, in: header, required: true, example: fast}
      requestBody:
        content:
          application/json:
            schema:
              allOf:
                - {type: object, required: [fileUrl], properties: {fileUrl: {type: string, format: uri}}}
                - {type: object, properties: {format: {type: string, default: markdown}, rest: {type: string}}}
    delete:
      requestBody: {content: {multipart/form-data: {schema: {type: object}}}}
components:
  schemas:
    Tag: {type: string, example: 转换}
    Loop: {type: object, required: [loop], properties: {loop: {$ref: "#/components/schemas/Loop"}}}
"""


def test_other_methods_are_asked_with_what_the_document_says(service: str) -> None:
    """Examples, defaults, enums and types fill path, query, headers and body; a document without entry is asked too."""
    made = state({**files(service, service), "pluginproduct/converter.yaml": DOCUMENT.replace("URL", service)})
    results = online.probe(made, endpoints=True, methods=("GET", "POST", "DELETE"), allow_private=True)
    last = [one for one in results if one.target.plugin == "converter.yaml"]
    assert [(one.target.operation, one.ok, one.skipped) for one in last] == [
        (None, True, False),
        ("POST /convert/{kind}", True, False),
        ("DELETE /convert/{kind}", False, True),
    ]
    assert last[2].error == "a body of 'multipart/form-data' cannot be made"
    path, headers, body = Service.posted[-1]
    assert path == "/convert/a%20b?limit=3&tags=%E8%BD%AC%E6%8D%A2"
    assert (headers["X-Mode"], headers["Content-Type"]) == ("fast", "application/json")
    assert json.loads(body) == {"fileUrl": "https://example.org/", "format": "markdown"}


def test_a_schema_that_holds_itself_ends() -> None:
    """A document that refers to itself makes a sample that ends, or says that it would not."""
    text = DOCUMENT.replace("type: string, format: uri", '$ref: "#/components/schemas/Loop"')
    targets = online.targets(state({**GOOD, "pluginproduct/x.yaml": text}), endpoints=True, methods=("POST",))
    assert any(one.operation == "POST /convert/{kind}" and one.body for one in targets)


@pytest.mark.parametrize(("least", "code"), [("100%", 1), ("50%", 1), ("0", 0), ("x", 2), ("101%", 2)])
def test_the_rate_decides(
    service: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], least: str, code: int
) -> None:
    """With --min-rate, a plugin of which less is alive fails the command, and its servers do not count."""
    for path, body in files(f"{service}/down", service).items():
        (tmp_path / path).parent.mkdir(exist_ok=True)
        (tmp_path / path).write_text(body)
    flags = ["--online", "--endpoints", "--allow-private", "--min-rate", least]
    assert main.run(["check", str(tmp_path), "-q", *flags], dict(os.environ)) == code


def test_a_rate_of_nothing_is_no_success(
    service: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Where nothing was asked, --min-rate fails and says why; without it there is nothing that is dead."""
    for path, body in files(service, service).items():
        (tmp_path / path).parent.mkdir(exist_ok=True)
        (tmp_path / path).write_text(body)
    assert main.run(["check", str(tmp_path), "--online", "--min-rate", "1%"], dict(os.environ)) == 1
    assert "error: nothing was asked" in capsys.readouterr().err
    assert main.run(["check", str(tmp_path), "--online"], dict(os.environ)) == 0


@pytest.mark.parametrize(
    "flags",
    [["--endpoints"], ["--methods", "get"], ["--min-rate", "50%"], ["--timeout", "2s"], ["--allow-private"]],
)
def test_what_belongs_to_online_is_nothing_without_it(
    flags: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A gate that asks nobody must not pass because a word was forgotten."""
    assert main.run(["check", str(tmp_path), *flags], dict(os.environ)) == 2
    said = capsys.readouterr().err
    assert f"error: {flags[0]} needs --online" in said
    assert "hint: add --online" in said


def test_through_a_proxy(service: str) -> None:
    """A proxy of the environment gets the whole address, also of a name that is known to nobody here."""
    environ = {"http_proxy": service.replace("http://", "http://me:pw@"), "NO_PROXY": "direct.invalid"}
    results = online.probe(state(files("http://tides.invalid/api", "http://direct.invalid")), environ=environ)
    assert [one.ok for one in results] == [True, False]
    assert Service.asked == ["http://tides.invalid/api/health"]
    results = online.probe(state(files("http://10.0.0.1", "http://10.0.0.1")), environ=environ)
    assert all(one.skipped for one in results)


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "169.254.169.254", "10.0.0.1", "[::1]", "[::ffff:127.0.0.1]", "0.0.0.0"]
)
def test_private_addresses(host: str, service: str) -> None:
    """An address of this host or its neighbours is not asked without permission, and counts for nothing."""
    port = service.rpartition(":")[2]
    results = online.probe(state(files(f"http://{host}:{port}", f"http://{host}:{port}")))
    assert all(one.skipped and not one.ok for one in results)
    assert Service.asked == []
    assert [rate.asked for rate in online.rates(results)] == [0, 0]


@pytest.mark.parametrize(
    "url", ["ftp://example.org", "http://name.invalid", "http://h:x", "https://{v}.example.org"]
)
def test_what_cannot_be_asked(url: str) -> None:
    """What is no URL, or no name, is not alive, and says why."""
    results = online.probe(state(files(url, url)), allow_private=True)
    assert [one.ok for one in results] == [False, False]
    assert all(one.error and not one.skipped for one in results)


def test_nothing_to_ask() -> None:
    """A directory without plugins, or with broken ones, names nothing."""
    assert online.probe(state({})) == []
    assert online.targets(state({**GOOD, "pluginproduct/plugin_meta.yaml": "a: b: c"})) == []
    assert online.targets(state({**GOOD, TIDES_PATH: b"\xff", FERRIES_PATH: "["})) == []


def check(folder: Path, capsys: pytest.CaptureFixture[str], *flags: str) -> tuple[int, dict[str, Any]]:
    """Run `configvault check` on a directory; return its exit code and its document."""
    code = main.run(["check", str(folder), "--json", *flags], dict(os.environ))
    return code, json.loads(capsys.readouterr().out)


def test_command_line(service: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """`check --online` adds what it found; a dead server is a failure, and nothing is asked without the flag."""
    for path, body in files(f"{service}/api", f"{service}/down").items():
        (tmp_path / path).parent.mkdir(exist_ok=True)
        (tmp_path / path).write_text(body)
    code, document = check(tmp_path, capsys)
    assert (code, document["accepted"], "online" in document, Service.asked) == (0, True, False, [])
    code, document = check(tmp_path, capsys, "--online")
    assert (code, [one["skipped"] for one in document["online"]], Service.asked) == (0, [True, True], [])
    code, document = check(tmp_path, capsys, "--online", "--allow-private", "--endpoints")
    assert code == 1
    alive = {(one["operation"], one["status"]) for one in document["online"] if one["ok"]}
    assert (None, 404) in alive
    assert any(operation for operation, _ in alive)
    assert [(rate["alive"] > 0, rate["asked"] > 0) for rate in document["rates"]] == [
        (True, True),
        (False, True),
    ]
