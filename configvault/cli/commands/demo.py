"""A tour in a temporary folder with a real daemon: change, break, roll back. Each step is checked, not only shown.

Nobody calls the daemon: files are written as an editor writes them, and what is shown is what it says by itself.
"""

from __future__ import annotations

import argparse
import json
import queue
import re
import signal
import subprocess
import sys
import tempfile
import threading
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from socketserver import TCPServer
from typing import Any

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
watch: {{quiet: 200ms}}
reload:
  url: http://127.0.0.1:{port}/admin/reload-plugins
  expect: {{status: 200, content_type: application/json, json: loaded}}
http: {{listen: "off"}}
log: {{format: json}}
"""
# For one thing that the daemon does by itself.
_PATIENCE_S = 60.0


def declare(parser: argparse.ArgumentParser) -> None:
    """Add no arguments."""


def run(context: Context, args: argparse.Namespace) -> int:  # noqa: ARG001 - every command takes them
    """Take the tour; any step that does not do what it says ends it with an error."""
    if threading.current_thread() is threading.main_thread():
        # Ended like that, it leaves as little behind as after Ctrl-C.
        signal.signal(signal.SIGTERM, signal.default_int_handler)
    with tempfile.TemporaryDirectory(prefix="configvault-demo-") as folder, _Service(Path(folder)) as service:
        tour = _Tour(context, Path(folder), service)
        tour.write()
        with _Daemon(tour.config, context) as daemon:
            tour.take(daemon)
    return 0


class _Service(TCPServer):
    """Stands in for the service: asked to reload, it reads which version of the plugin is there."""

    def __init__(self, folder: Path) -> None:
        self.meta = folder / "plugin" / "pluginproduct" / "plugin_meta.yaml"
        self.loaded: list[str] = []
        super().__init__(("127.0.0.1", 0), _Handler)

    def __enter__(self) -> _Service:
        threading.Thread(target=self.serve_forever, args=(0.05,), daemon=True).start()
        return self

    def __exit__(self, *exc: object) -> None:
        self.shutdown()
        self.server_close()

    def load(self) -> None:
        """Read the plugin as it is now."""
        found = re.search(r"version: (\S+)", self.meta.read_text())
        self.loaded.append(found[1] if found else "nothing")


class _Handler(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        assert isinstance(self.server, _Service)
        self.server.load()
        body = b'{"loaded": true}'
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the library's name
        pass


class _Daemon:
    """A real `configvault run`, and what its log says."""

    def __init__(self, config: Path, context: Context) -> None:
        self._said: queue.Queue[dict[str, Any] | None] = queue.Queue()
        self._words: dict[str, str] = {}
        argv = [sys.executable, "-P", "-m", "configvault", "-c", str(config), "run"]
        self._process = subprocess.Popen(
            argv, env=dict(context.environ), stderr=subprocess.PIPE, stdin=subprocess.DEVNULL, encoding="utf-8"
        )
        threading.Thread(target=self._listen, daemon=True).start()

    def _listen(self) -> None:
        assert self._process.stderr is not None
        for line in self._process.stderr:
            if line.startswith("{"):
                self._said.put(json.loads(line))
            elif found := re.match(r"(error|hint): (.*)", line):
                self._words[found[1]] = found[2]
        self._said.put(None)

    def __enter__(self) -> _Daemon:
        return self

    def __exit__(self, *exc: object) -> None:
        self._process.terminate()
        try:
            self._process.wait(_PATIENCE_S)
        finally:
            self._process.kill()

    def wait(self, event: str, trigger: str | None = None) -> dict[str, Any]:
        """Return the next line of that event in the log."""
        while True:
            try:
                said = self._said.get(timeout=_PATIENCE_S)
            except queue.Empty:
                said = None
            if said is None and "error" in self._words:
                # It did not even start, for a reason that has nothing to do with the tour.
                raise ConfigvaultError(self._words["error"], self._words.get("hint"))
            if said is None:
                raise _wrong(f"the daemon did not say {event}")
            if said["event"] == event and trigger in (None, said.get("trigger")):
                return said


class _Tour:
    """The steps, one after the other."""

    def __init__(self, context: Context, folder: Path, service: _Service) -> None:
        self.output = context.output
        self.environ = dict(context.environ)
        self.service = service
        self.root = folder / "plugin"
        self.vault = folder / "vault"
        self.config = folder / "config.yaml"
        self.meta = service.meta

    def write(self) -> None:
        """Make the directory and the configuration."""
        (self.root / "common").mkdir(parents=True)
        self.meta.parent.mkdir()
        (self.root / "common" / "oauth_schema.json").write_text("{}\n")
        (self.meta.parent / "weather.yaml").write_text(_DOCUMENT)
        self.meta.write_text(_META)
        port = self.service.server_address[1]
        self.config.write_text(_CONFIG.format(root=self.root, vault=self.vault, port=port))

    def take(self, daemon: _Daemon) -> None:
        """Take all steps."""
        self._say("configvault run &", "From now on the daemon watches a plugin directory.")
        first = daemon.wait("snapshot.recorded", "startup")
        daemon.wait("daemon.ready")
        self._heard(f"recorded {first['id']}: {first['subject']}")

        self._edit("version: v1.0.0", "version: v1.1.0", "Somebody updates a plugin.")
        said = daemon.wait("snapshot.recorded", "change")
        self._heard(f"recorded {said['id']}: {said['subject']}")
        good = self.meta.read_bytes()

        self._edit(
            "  openapi_doc_file:", " openapi_doc_file:", "Somebody makes a mistake: one space is missing."
        )
        said = daemon.wait("change.rejected")
        self._heard(f"rejected, kept as {said['id']}: {said['findings'][0]}")

        self._command("rollback", "latest", says="rolled back to backup_", hint="Back to the last valid state.")
        self._expect(self.meta.read_bytes() == good, "the root does not hold the bytes of the snapshot")
        self._expect(self.service.loaded == ["v1.1.0"], f"the service loaded {self.service.loaded}")
        self._heard(f"the service was asked to reload, and loaded {self.service.loaded[-1]}", "service")

        argv = ["git", "-C", str(self.vault), "log", "--oneline", "--decorate"]
        self._say("git log --oneline --decorate", "Everything is recorded; plain git can read it.")
        self._run(argv, "Roll back to")
        self._command("status", "--check", says="is the latest snapshot", hint="")
        self.output.line()
        self.output.line(
            "On your own directory: configvault init --root DIR, then configvault unit install --now", "head"
        )

    def _edit(self, old: str, new: str, hint: str) -> None:
        text = self.meta.read_text()
        self._expect(old in text, f"{old!r} is not in {self.meta}")
        self._say(f"edit plugin_meta.yaml: {old.strip()!r} becomes {new!r}", hint)
        self.meta.write_text(text.replace(old, new, 1))

    def _say(self, command: str, hint: str) -> None:
        self.output.line(f"$ {command}" + (f"    # {hint}" if hint else ""), "head")
        # Through a pipe, too, each step is seen when it is taken.
        sys.stdout.flush()

    def _heard(self, text: str, who: str = "daemon") -> None:
        self.output.line(f"  {who}: {text}", "good")

    def _command(self, *words: str, says: str, hint: str) -> None:
        """Run one command as a user would, print what it prints, and see that it ends and says as it should."""
        self._say(f"configvault {' '.join(words)}", hint)
        self._run([sys.executable, "-P", "-m", "configvault", "-c", str(self.config), *words], says)

    def _run(self, argv: list[str], says: str) -> None:
        done = subprocess.run(
            argv, env=self.environ, capture_output=True, check=False, encoding="utf-8", errors="surrogateescape"
        )
        # The configuration is in a folder that is gone soon: what is to be read is the command.
        text = (done.stdout + done.stderr).replace(f"configvault -c {self.config}", "configvault")
        for line in text.splitlines():
            self.output.line(f"  {line}")
        self._expect(done.returncode == 0, f"it ended with {done.returncode}")
        self._expect(says in text, f"it does not say {says!r}")

    def _expect(self, holds: bool, otherwise: str) -> None:
        if not holds:
            raise _wrong(otherwise)


def _wrong(otherwise: str) -> ConfigvaultError:
    return ConfigvaultError(f"the tour failed: {otherwise}", "report it, with what is printed above")
