"""A real browser without a window, spoken to over a pipe: open pages, ask them things, take pictures.

Source: the Chrome DevTools Protocol; `--remote-debugging-pipe` reads commands from descriptor 3 and answers on 4,
each message JSON and ended by a NUL.
"""

from __future__ import annotations

import base64
import contextlib
import json
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

FLAGS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync",
    "--disable-background-networking", "--disable-component-update", "--disable-extensions", "--hide-scrollbars",
    "--remote-debugging-pipe",
)  # fmt: skip


def chromium() -> str | None:
    """Return where Chromium is, None if it is not."""
    return shutil.which("chromium") or shutil.which("chromium-browser")


@dataclass
class Browser:
    """One tab of a running browser; `complaints` is what the console said, `asked` every URL it went for."""

    read: Any
    write: Any
    session: str = ""
    number: int = 0
    complaints: list[str] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)
    loaded: int = 0

    def call(self, method: str, **params: Any) -> dict[str, Any]:
        """Return the answer to one command; what happens meanwhile is noted."""
        self.number += 1
        message: dict[str, Any] = {"id": self.number, "method": method, "params": params}
        if self.session:
            message["sessionId"] = self.session
        self.write.write(json.dumps(message).encode() + b"\0")
        self.write.flush()
        while True:
            said = self._next()
            if said.get("id") == self.number:
                assert "error" not in said, said
                return dict(said["result"])

    def open(self, url: str, width: int = 1200, height: int = 900, scheme: str = "light") -> None:
        """Open a page in a window of that size, in that colour scheme, and wait until it is loaded."""
        self.call("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=width < 600)  # fmt: skip
        self.call("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme}])
        before = self.loaded
        self.call("Page.navigate", url=url)
        while self.loaded == before:
            self._next()

    def ask(self, expression: str) -> Any:
        """Return the value of a JavaScript expression in the page, or what its promise comes to."""
        found = self.call("Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True)
        assert "exceptionDetails" not in found, found
        return found["result"].get("value")

    def accessible(self) -> list[tuple[str, str]]:
        """Return role and name of everything a screen reader is told of."""
        nodes = self.call("Accessibility.getFullAXTree")["nodes"]
        return [
            (node["role"]["value"], node.get("name", {}).get("value", ""))
            for node in nodes
            if not node.get("ignored")
        ]

    def picture(self, path: Path) -> None:
        """Save what is to be seen as PNG."""
        path.write_bytes(base64.b64decode(self.call("Page.captureScreenshot", format="png")["data"]))

    def _next(self) -> dict[str, Any]:
        raw = bytearray()
        while (char := self.read.read(1)) != b"\0":
            assert char, "the browser is gone"
            raw += char
        said = dict(json.loads(raw))
        self._note(said.get("method"), said.get("params", {}))
        return said

    def _note(self, method: str | None, params: dict[str, Any]) -> None:
        if method == "Page.loadEventFired":
            self.loaded += 1
        elif method == "Network.requestWillBeSent":
            self.asked.append(params["request"]["url"])
        elif method == "Log.entryAdded":
            self.complaints.append(params["entry"]["text"])
        elif method in ("Runtime.exceptionThrown", "Runtime.consoleAPICalled"):
            self.complaints.append(str(params))


@contextlib.contextmanager
def browsing(program: str) -> Iterator[Browser]:
    """Run a browser with one tab and an empty profile."""
    to_us, from_them = os.pipe()
    from_us, to_them = os.pipe()
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        # bash, since others know one-digit descriptors only, puts the ends where the browser looks for them.
        process = subprocess.Popen(
            ["bash", "-c", f'exec "$@" 3<&{from_us} 4>&{from_them}', "bash", program, *FLAGS, f"--user-data-dir={profile}"],
            pass_fds=(from_us, from_them), stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        os.close(from_us)
        os.close(from_them)
        with open(to_us, "rb") as read, open(to_them, "wb") as write:
            try:
                browser = Browser(read, write)
                target = browser.call("Target.createTarget", url="about:blank")["targetId"]
                browser.session = browser.call("Target.attachToTarget", targetId=target, flatten=True)[
                    "sessionId"
                ]
                for domain in ("Page", "Network", "Log", "Runtime", "Accessibility"):
                    browser.call(f"{domain}.enable")
                yield browser
            finally:
                process.kill()
                process.wait()
