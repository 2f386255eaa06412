"""The Ansible role, run by ansible-core over ssh: idempotent, honest in check mode, and in waves that are taken back as a whole."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from harness import git_servers

ANSIBLE = Path(__file__).parent.parent / "deploy" / "ansible"
PLAYBOOK = Path(sys.executable).parent / "ansible-playbook"
HOSTS = ("web-1", "web-2", "web-3")
PROGRAM = str(Path(sys.executable).parent / "configvault")
_PATIENCE_S = 60.0


class Fleet:
    """Three hosts, which are one machine under three names, each with a root, a vault and a configuration of its own."""

    def __init__(self, base: Path, server: git_servers.Ssh) -> None:
        self.base = base
        user, port = re.fullmatch(r"ssh://(.*)@127\.0\.0\.1:([0-9]+)", server.url).groups()  # type: ignore[union-attr]
        hosts = {}
        for name in HOSTS:
            self.root(name).mkdir(parents=True)
            (self.root(name) / "a.yaml").write_text("version: 1\n")
            hosts[name] = {
                "configvault_config": str(base / name / "etc" / "config.yaml"),
                "configvault_settings": self.settings(name),
                "configvault_files": {str(base / name / "etc" / "key"): "not for the eyes of a log\n"},
            }
        shared = {
            "ansible_host": "127.0.0.1", "ansible_port": int(port), "ansible_user": user,
            "ansible_ssh_private_key_file": str(server.key), "ansible_python_interpreter": sys.executable,
            "ansible_ssh_common_args": f"-o UserKnownHostsFile={server.known_hosts} -o ControlMaster=no",
            "configvault_install": "none", "configvault_program": PROGRAM, "configvault_unit": False,
        }  # fmt: skip
        self.inventory = base / "inventory.yml"
        self.inventory.write_text(yaml.safe_dump({"configvault": {"hosts": hosts, "vars": shared}}))

    def root(self, name: str) -> Path:
        """Return the root of a host."""
        return self.base / name / "root"

    def settings(self, name: str) -> dict[str, Any]:
        """Return the configuration of a host; it is healthy as long as there is no file `sick`."""
        return {
            "root": str(self.root(name)), "vault": str(self.base / name / "vault"), "host": name,
            "validate": {"profile": "generic"}, "reload": {"kind": "none"}, "http": {"listen": "off"}, "timezone": "UTC",
            "health": [{"name": "well", "command": ["test", "!", "-e", str(self.base / name / "sick")], "within": "1s"}],
        }  # fmt: skip

    def play(self, name: str, *flags: str) -> tuple[int, str, dict[str, dict[str, int]]]:
        """Run a playbook; return how it ended, what it printed, and its recap."""
        environ = {
            **os.environ, "ANSIBLE_NOCOLOR": "1", "ANSIBLE_RETRY_FILES_ENABLED": "0", "ANSIBLE_HOST_KEY_CHECKING": "1",
            "ANSIBLE_LOCAL_TEMP": str(self.base / "tmp"), "ANSIBLE_REMOTE_TEMP": str(self.base / "tmp"),
            "ANSIBLE_HOME": str(self.base / "home"), "LC_ALL": "C.UTF-8", "ANSIBLE_PIPELINING": "1",
        }  # fmt: skip
        environ.pop("ANSIBLE_CONFIG", None)
        argv = [str(PLAYBOOK), "-i", str(self.inventory), str(ANSIBLE / f"{name}.yml"), *flags]
        ran = subprocess.run(
            argv, capture_output=True, text=True, check=False, env=environ, cwd=ANSIBLE, timeout=300
        )
        recap = {
            row[1]: {key: int(value) for key, value in re.findall(r"(\w+)=([0-9]+)", row[2])}
            for row in re.finditer(r"^(\S+)\s+: (ok=.*)$", ran.stdout, re.MULTILINE)
        }
        return ran.returncode, ran.stdout + ran.stderr, recap

    def command(self, name: str, *words: str) -> Any:
        """Return the document of a command on a host."""
        argv = [PROGRAM, "--config", str(self.base / name / "etc" / "config.yaml"), *words, "--json"]
        return json.loads(subprocess.run(argv, capture_output=True, text=True, check=False).stdout)


@pytest.fixture
def fleet(tmp_path: Path) -> Iterator[Fleet]:
    """Three hosts behind one sshd."""
    reason = git_servers.why_not("sshd")
    if reason or not PLAYBOOK.exists():
        pytest.skip(reason or "ansible-core is not installed: make setup")
    with git_servers.sshd(tmp_path / "ssh") as server:
        yield Fleet(tmp_path, server)


@pytest.fixture
def installed(fleet: Fleet) -> Iterator[Fleet]:
    """The same, installed, with their daemons running."""
    code, said, _ = fleet.play("install")
    assert code == 0, said
    running = [
        subprocess.Popen(
            [PROGRAM, "--config", str(fleet.base / name / "etc" / "config.yaml"), "run"],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )
        for name in HOSTS
    ]  # fmt: skip
    try:
        until = time.monotonic() + _PATIENCE_S
        while not all(fleet.command(name, "status")["daemon"]["running"] for name in HOSTS):
            assert time.monotonic() < until
        yield fleet
    finally:
        for daemon in running:
            daemon.terminate()
        for daemon in running:
            daemon.wait()


def test_the_second_run_changes_nothing(fleet: Fleet) -> None:
    """Check mode changes nothing and shows what would be written; the first run installs, and the second finds all of it done."""
    code, said, _ = fleet.play("install", "--check", "--diff")
    assert (code, "+root: " in said) == (0, True), said
    assert not (fleet.base / "web-1" / "etc").exists()
    code, said, recap = fleet.play("install")
    assert (code, all(row["changed"] for row in recap.values())) == (0, True), said
    assert "not for the eyes" not in said
    assert all(fleet.command(name, "list")["snapshots"] for name in HOSTS)
    assert (fleet.base / "web-1" / "etc" / "key").stat().st_mode & 0o777 == 0o600
    for flags in ((), ("--check", "--diff")):
        code, said, recap = fleet.play("install", *flags)
        assert (code, {row["changed"] for row in recap.values()}, len(recap)) == (0, {0}, 3), said


def test_a_bad_configuration_is_not_written(fleet: Fleet) -> None:
    """A configuration that cannot be used stops the play at that host; the one that is there stays."""
    assert fleet.play("install")[0] == 0
    before = (fleet.base / "web-1" / "etc" / "config.yaml").read_text()
    wrong = json.dumps({"configvault_settings": {**fleet.settings("web-1"), "watch": {"quite": "1s"}}})
    code, said, _ = fleet.play("install", "-e", wrong, "--limit", "web-1")
    assert (code, "quite" in said) == (2, True), said
    assert (fleet.base / "web-1" / "etc" / "config.yaml").read_text() == before


def test_waves(installed: Fleet) -> None:
    """A wave is confirmed as a whole or taken back as a whole, and none comes after one that failed."""
    fleet = installed
    source = fleet.base / "source"
    source.mkdir()
    (source / "a.yaml").write_text("version: 2\n")
    deploy = ("-e", f"source={source}", "-e", json.dumps({"waves": [1, 2]}))
    code, said, recap = fleet.play("deploy", *deploy, "--check")
    assert (code, {row["changed"] for row in recap.values()}) == (0, {1}), said
    assert {(fleet.root(name) / "a.yaml").read_text() for name in HOSTS} == {"version: 1\n"}

    # In the second wave one host is not healthy: it and the other one of the wave go back, the first wave stays.
    (fleet.base / "web-3" / "sick").touch()
    code, said, _ = fleet.play("deploy", *deploy)
    assert (code, "as these failed: web-3" in said) == (2, True), said
    assert [(fleet.root(name) / "a.yaml").read_text() for name in HOSTS] == [
        "version: 2\n",
        "version: 1\n",
        "version: 1\n",
    ]
    assert [fleet.command(name, "status")["pending"] for name in HOSTS] == [None, None, None]

    (fleet.base / "web-3" / "sick").unlink()
    code, said, _ = fleet.play("deploy", *deploy)
    assert code == 0, said
    assert {(fleet.root(name) / "a.yaml").read_text() for name in HOSTS} == {"version: 2\n"}
    code, said, recap = fleet.play("deploy", *deploy)
    assert (code, {row["changed"] for row in recap.values()}) == (0, {0}), said

    code, said, _ = fleet.play("rollback", "-e", json.dumps({"waves": [3]}))
    assert code == 0, said
    assert {(fleet.root(name) / "a.yaml").read_text() for name in HOSTS} == {"version: 1\n"}
    code, said, _ = fleet.play("status")
    assert (code, said.count("not degraded")) == (0, 3), said
