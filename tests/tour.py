"""A day with the program, run for real, so that the documents can be held to what it prints."""

from __future__ import annotations

import contextlib
import http.client
import os
import pwd
import re
import shlex
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from harness.daemon import Daemon
from service import Service, answer, serving

from configvault.cli.commands import demo

PROJECT = Path(__file__).parent.parent
META = "pluginproduct/plugin_meta.yaml"
BROKEN = {"  openapi_doc_file:": " openapi_doc_file:"}
UPDATED = {"version: v1.0.0": "version: v1.1.0"}
# Somebody else than root edits, where this is run by root.
EDITOR_UID = 33


@dataclass
class Tour:
    """A root with one plugin, its daemon and its service; `printed` holds what each command printed, in order."""

    folder: Path
    service: Service
    printed: dict[str, list[str]] = field(default_factory=dict)

    @property
    def config(self) -> Path:
        """Return where the configuration is."""
        return self.folder / "config.yaml"

    @property
    def meta(self) -> Path:
        """Return the file that is edited."""
        return self.folder / "plugin" / META

    def write(self, port: int) -> None:
        """Make the root and the configuration."""
        (self.meta.parent.parent / "common").mkdir(parents=True)
        self.meta.parent.mkdir()
        (self.meta.parent.parent / "common" / "oauth_schema.json").write_text("{}\n")
        (self.meta.parent / "weather.yaml").write_text(demo._DOCUMENT)
        self.meta.write_text(demo._META)
        self.config.write_text(
            f"root: {self.folder}/plugin\nvault: {self.folder}/vault\ntimezone: UTC\nhost: web-1\n"
            f"watch: {{quiet: 200ms, max_wait: 5s}}\nreload: {{url: '{self.service.url}'}}\n"
            f"http: {{listen: '127.0.0.1:{port}'}}\nlog: {{format: json}}\n"
        )
        self.config.chmod(0o600)
        if not os.getuid():
            for path in (self.meta.parent, *self.meta.parent.iterdir()):
                os.chown(path, EDITOR_UID, EDITOR_UID)

    def edit(self, changes: dict[str, str]) -> None:
        """Change the file as a person does, by another user where that is possible."""
        [(old, new)] = changes.items()
        user = (
            []
            if os.getuid()
            else ["setpriv", f"--reuid={EDITOR_UID}", f"--regid={EDITOR_UID}", "--clear-groups"]
        )
        command = [*user, "sed", "-i", f"s/{old}/{new}/", "plugin_meta.yaml"]
        subprocess.run(command, cwd=self.meta.parent, check=True)

    def command(self, said: str, until: str = "") -> None:
        """Run what a document `said` is to be run, until it prints the word `until`, and keep what it prints."""
        argv = [sys.executable, "-m", "configvault", "-c", str(self.config), *shlex.split(said)[1:]]
        for _ in range(100):
            done = subprocess.run(argv, capture_output=True, text=True, check=False)
            assert done.returncode == 0, done
            if until in done.stdout:
                break
        # For readers, whose configuration is where it is by default.
        text = (done.stdout + done.stderr).replace(f"configvault -c {self.config}", "configvault")
        self.printed.setdefault(said, []).append(text)

    def ask(self, port: int, said: str, word: str) -> None:
        """Keep the lines with `word` of the metrics, as `said` would print them."""
        with contextlib.closing(http.client.HTTPConnection("127.0.0.1", port, timeout=30)) as connection:
            connection.request("GET", "/metrics", headers={"Host": "localhost"})
            lines = connection.getresponse().read().decode().splitlines()
        found = [line for line in lines if word in line and not line.startswith("#")]
        self.printed.setdefault(said, []).append("\n".join(found))


def take(folder: Path) -> dict[str, list[str]]:
    """Live through the day in `folder`; return what was printed by what the documents say to run."""
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        port = listening.getsockname()[1]
    with serving(answer(200)) as service:
        tour = Tour(folder, service)
        tour.write(port)
        daemon = Daemon(tour.config)
        try:
            daemon.wait("daemon.ready")
            _day(tour, daemon, port)
            assert daemon.stop() == 0
        finally:
            daemon.process.kill()
            daemon.process.wait()
    return tour.printed


def _day(tour: Tour, daemon: Daemon, port: int) -> None:
    tour.edit(UPDATED)
    daemon.wait("snapshot.recorded", trigger="change")
    tour.command("configvault snapshot -m 'as agreed with the search team' --pin stable")
    tour.edit(BROKEN)
    daemon.wait("change.rejected")
    tour.ask(port, "curl -s http://127.0.0.1:9460/metrics | grep live_", "live_")
    # The first proof that changes are seen takes its time.
    tour.command("configvault status", until="watch")
    tour.command("configvault rejected show")
    tour.command("configvault rollback latest")
    for said in (
        "configvault status", "configvault list --all", "configvault show pin:stable --stat", "configvault report",
        "configvault doctor", "configvault verify --restore-test",
    ):  # fmt: skip
        tour.command(said)
    if shutil.which("promtool") is not None:
        rules = PROJECT / "deploy" / "prometheus" / "alerts.yaml"
        done = subprocess.run(["promtool", "check", "rules", rules], capture_output=True, text=True, check=True)
        tour.printed["promtool check rules deploy/prometheus/alerts.yaml"] = [
            done.stdout.replace(f"{PROJECT}/", "")
        ]


# What is another each time, and what stands for it.
_ANOTHER = (
    (r"(backup|rejected)_[0-9]{8}_[0-9]{6}", r"\1_ID"),
    (r"[0-9]{4}-[0-9]{2}-[0-9]{2}[ T][0-9:.]{8,}(?: ?\+[0-9:]{4,5})?", "TIME"),
    (r"[0-9]{4}-[0-9]{2}-[0-9]{2}", "DAY"),
    (r"\S+ \(uid [0-9]+[^()]*\)", "WHO"),
    (r"\b[0-9a-f]{40}\b", "COMMIT"),
    (r"\b1\.[0-9]+e\+09", "STAMP"),
    (r"\b[0-9]+\.[0-9]+s\b", "SECONDS"),
    (r"process [0-9]+", "process PID"),
    (r"\b[0-9]{4,}\b", "NUMBER"),
    (r"git version [0-9.]+", "git VERSION"),
    (r"\S*/(plugin|vault|config\.yaml)\b", r"\1"),
    (r"127\.0\.0\.1:\S+", "HOST"),
    (r"\s+", " "),
)


def normal(line: str) -> str:
    """Return a printed line without what is another each time it is printed."""
    for user in {0, EDITOR_UID, os.getuid()}:
        line = re.sub(rf"(?<=\s){re.escape(pwd.getpwuid(user).pw_name)}(?=\s\s)", "WHO", line)
    for pattern, word in _ANOTHER:
        line = re.sub(pattern, word, line)
    return line.strip()


def main() -> Iterator[str]:
    """Yield the day as text, to be taken over into the documents."""
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        for said, outputs in take(Path(folder)).items():
            for output in outputs:
                yield f"$ {said}\n{output}"


if __name__ == "__main__":
    sys.stdout.writelines(f"{text}\n" for text in main())
