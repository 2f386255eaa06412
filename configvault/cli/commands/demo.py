"""A tour in a temporary folder: record, change, break, be refused, roll back. Each step is checked, not only shown."""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import threading
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from socketserver import TCPServer

from configvault.cli.context import Context
from configvault.core.errors import ConfigvaultError

_META = """\
- plugin_id: 1001
  product_id: 1001
  deprecated: false
  version: v1.0.0
  openapi_doc_file: weather.yaml
  plugin_type: 1
  manifest:
    schema_version: v1
    name_for_model: weather
    name_for_human: Weather
    description_for_model: Tells the weather of a place.
    description_for_human: Tells the weather of a place.
    auth:
      type: none
    logo_url: official_plugin_icon/weather.png
    api:
      type: openapi
  tools:
    - tool_id: 10010
      deprecated: false
      method: get
      sub_url: /now
"""
_DOCUMENT = """\
openapi: 3.0.1
info:
  title: Weather
  version: v1
  description: Tells the weather of a place.
servers:
  - url: https://weather.example
paths:
  /now:
    get:
      operationId: now
      summary: The weather now
      parameters:
        - name: place
          in: query
          required: true
          schema:
            type: string
      responses:
        '200':
          description: What it is like
          content:
            application/json:
              schema:
                type: object
                properties:
                  celsius:
                    type: number
"""
_CONFIG = """\
root: {root}
vault: {vault}
reload:
  url: http://127.0.0.1:{port}/admin/reload-plugins
  expect: {{status: 200, content_type: application/json, json: loaded}}
http: {{listen: "off"}}
"""


def declare(parser: argparse.ArgumentParser) -> None:
    """Add no arguments."""


def run(context: Context, args: argparse.Namespace) -> int:  # noqa: ARG001 - every command takes them
    """Take the tour; any step that does not do what it says ends it with an error."""
    with tempfile.TemporaryDirectory(prefix="configvault-demo-") as folder, _Service() as service:
        _Tour(context, Path(folder), service).take()
    return 0


class _Service(TCPServer):
    """Stands in for the service: counts the reloads it is asked for."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        super().__init__(("127.0.0.1", 0), _Handler)

    def __enter__(self) -> _Service:
        threading.Thread(target=self.serve_forever, args=(0.05,), daemon=True).start()
        return self

    def __exit__(self, *exc: object) -> None:
        self.shutdown()
        self.server_close()


class _Handler(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        assert isinstance(self.server, _Service)
        self.server.asked.append(f"{self.command} {self.path}")
        body = b'{"loaded": true}'
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the library's name
        pass


class _Tour:
    """The steps, one after the other."""

    def __init__(self, context: Context, folder: Path, service: _Service) -> None:
        self.output = context.output
        self.environ = dict(context.environ)
        self.folder = folder
        self.service = service
        self.root = folder / "plugin"
        self.vault = folder / "vault"
        self.meta = self.root / "pluginproduct" / "plugin_meta.yaml"

    def take(self) -> None:
        self._say("A plugin directory, a vault beside it, and a stand-in for the service that loads it.")
        self._write()
        self._command("init", says="recorded backup_")

        self._say("Somebody updates a plugin. The change is valid, so it becomes a snapshot.")
        self._edit("version: v1.0.0", "version: v1.1.0")
        good = self.meta.read_bytes()
        self._command("snapshot", "-m", "weather 1.1", says="version v1.0.0 → v1.1.0")

        self._say("Somebody slips: one indentation. It is refused, with the line, and nothing is lost.")
        self._edit("  openapi_doc_file:", " openapi_doc_file:")
        self._command("snapshot", code=3, says="plugin_meta.yaml:5:")
        self._command("diff", says="+ openapi_doc_file: weather.yaml")

        self._say("Back to the last state that was good for something, and the service is told.")
        self._command("rollback", "latest", says="rolled back to backup_")
        self._expect(self.meta.read_bytes() == good, "the root does not hold the bytes of the snapshot")
        self._expect(
            len(self.service.asked) == 1, f"the service was asked {len(self.service.asked)} times, not once"
        )
        self.output.line(f"The service was asked: {self.service.asked[0]}", "good")

        self._say("Everything is on record, for anybody with git.")
        self._git()
        self._command("list", says="good")
        self._command("status", "--check", says="is the latest snapshot")
        self._say("That was all. Start with: configvault init --root DIR --vault DIR")

    def _write(self) -> None:
        (self.root / "common").mkdir(parents=True)
        self.meta.parent.mkdir()
        (self.root / "common" / "oauth_schema.json").write_text("{}\n")
        (self.meta.parent / "weather.yaml").write_text(_DOCUMENT)
        self.meta.write_text(_META)
        port = self.service.server_address[1]
        config = _CONFIG.format(root=self.root, vault=self.vault, port=port)
        (self.folder / "config.yaml").write_text(config)

    def _edit(self, old: str, new: str) -> None:
        text = self.meta.read_text()
        self._expect(old in text, f"{old!r} is not in {self.meta}")
        self.meta.write_text(text.replace(old, new, 1))
        self.output.line(f"$ edit plugin_meta.yaml: {old.strip()!r} becomes {new!r}", "head")

    def _say(self, text: str) -> None:
        self.output.line()
        self.output.line(text, "head")

    def _command(self, *words: str, code: int = 0, says: str) -> None:
        """Run one command as a user would, print what it prints, and see that it ends and says as it should."""
        self.output.line(f"$ configvault {' '.join(words)}", "dim")
        argv = [sys.executable, "-P", "-m", "configvault", "-c", str(self.folder / "config.yaml"), *words]
        self._run(argv, self.environ, code, says)

    def _git(self) -> None:
        self.output.line("$ git log --oneline --decorate", "dim")
        argv = ["git", "-C", str(self.vault), "log", "--oneline", "--decorate"]
        self._run(argv, self.environ, 0, "Roll back to")

    def _run(self, argv: list[str], environ: dict[str, str], code: int, says: str) -> None:
        done = subprocess.run(
            argv, env=environ, capture_output=True, check=False, encoding="utf-8", errors="surrogateescape"
        )
        for line in (done.stdout + done.stderr).splitlines():
            self.output.line(f"  {line}")
        self._expect(done.returncode == code, f"it ended with {done.returncode}, not {code}")
        self._expect(says in done.stdout + done.stderr, f"it does not say {says!r}")

    def _expect(self, holds: bool, otherwise: str) -> None:
        if not holds:
            raise ConfigvaultError(f"the tour went wrong: {otherwise}", "report it, with what is printed above")
