"""What the daemon costs while nothing happens: CPU over a minute, and memory. Prints, asserts nothing.

Goal: at most 0.05 s of CPU in 60 s and 64 MB resident, with the real directory and everything loaded that a change,
an invalid change, a check of the vault and a scheduled look load.

    python benchmarks/idle.py [DIRECTORY] [--seconds N]
"""

from __future__ import annotations

import argparse
import os
import shutil
import sys
import tempfile
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent / "tests"))

from harness.daemon import Daemon
from plugins import GOOD
from states import Content

from configvault.usecases.daemonstate import Schedule, write_schedule
from configvault.vault.repository import Vault

REAL = Path(__file__).parent.parent.parent / "shared" / "coze-plugin"


def lay_out(given: Path, root: Path) -> str:
    """Put a directory to protect at `root`, and return what it is."""
    if given.is_dir():
        shutil.copytree(given, root)
        return str(given)
    contents: dict[str, Content] = GOOD
    for path, data in contents.items():
        target = root / path
        target.parent.mkdir(parents=True, exist_ok=True)
        if isinstance(data, bytes):
            target.write_bytes(data)
    return "two invented plugins"


def cpu_s(pid: int) -> float:
    """Return the processor time a process and its children have used. Source: proc(5), stat."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return sum(map(int, fields[11:15])) / os.sysconf("SC_CLK_TCK")


def cpu_now_ns(pid: int) -> int:
    """Return the same in nanoseconds, all threads that live. Source: proc(5), schedstat."""
    return sum(int(path.read_text().split()[0]) for path in Path(f"/proc/{pid}/task").glob("*/schedstat"))


def memory_kb(pid: int) -> dict[str, int]:
    """Return resident memory now and at its peak, and what of it is nobody else's."""
    found = {}
    for name, wanted in (("status", ("VmRSS", "VmHWM")), ("smaps_rollup", ("Pss", "Private_Dirty"))):
        for line in Path(f"/proc/{pid}/{name}").read_text().splitlines():
            key, _, rest = line.partition(":")
            if key in wanted:
                found[key] = int(rest.split()[0])
    return found


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser()
    parser.add_argument("directory", nargs="?", type=Path, default=REAL)
    parser.add_argument("--seconds", type=float, default=60)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        root, config = Path(folder, "conf", "plugin"), Path(folder, "config.yaml")
        root.parent.mkdir()
        what = lay_out(asked.directory, root)
        config.write_text(
            f"root: {root}\nvault: {folder}/vault\nhttp: {{listen: 'off'}}\nreload: {{kind: none}}\n"
            "log: {level: debug, format: json}\n"
        )
        environ = {"WATCHDOG_USEC": "30000000", "NOTIFY_SOCKET": f"{folder}/nobody"}
        first = Daemon(config, environ)
        first.wait("daemon.ready")
        first.stop()
        # Long ago, so that the second start has both lines of the schedule to catch up.
        vault = Vault(f"{folder}/vault", {})
        long_ago = datetime.now(UTC) - timedelta(days=30)
        write_schedule(vault, Schedule({"backup": long_ago, "verify": long_ago}))
        daemon = Daemon(config, environ)
        daemon.wait("daemon.ready")
        daemon.wait("vault.verified")
        pid = daemon.process.pid
        print(f"{what}: {sum(1 for path in root.rglob('*') if path.is_file())} files")
        print(f"after the start     {memory_kb(pid)} kB")
        some = next(path for path in sorted(root.rglob("*.yaml")) if path.name != "plugin_meta.yaml")
        some.write_text(some.read_text() + "\n# a comment\n")
        daemon.wait("snapshot.recorded", trigger="change")
        print(f"after a change      {memory_kb(pid)} kB")
        before = some.read_text()
        some.write_text("openapi: [\n")
        daemon.wait("change.rejected")
        some.write_text(before)
        daemon.wait("root.compared", trigger="change")
        print(f"after an invalid    {memory_kb(pid)} kB")
        began_ns = cpu_now_ns(pid)
        began_s = cpu_s(pid)
        threading.Event().wait(asked.seconds)
        used_s = (cpu_now_ns(pid) - began_ns) / 1e9
        print(
            f"idle {asked.seconds:g} s: {used_s:.4f} s of CPU in its threads, {cpu_s(pid) - began_s:.2f} s with all"
        )
        print(
            f"then                {memory_kb(pid)} kB, {len(list(Path(f'/proc/{pid}/task').iterdir()))} threads"
        )
        daemon.stop()


if __name__ == "__main__":
    main()
