"""What many hosts cost one bucket: all of them pushing at once, and a look at a thousand.

    python benchmarks/stores.py [--push N] [--hosts N] [--at-once N]

Real: `rclone serve s3` and this program's own commands, all on this machine. Simulated: the hosts of the look, whose manifests
are written into the server's folder as copies of one host's.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(PROJECT), str(PROJECT / "tests")]

from harness import stores  # noqa: E402 - found by the line above
from hosts import Host  # noqa: E402


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--push", type=int, default=20)
    parser.add_argument("--hosts", type=int, default=1000)
    parser.add_argument("--at-once", default="8,32")
    args = parser.parse_args()
    os.environ |= stores.ENVIRON
    with tempfile.TemporaryDirectory(prefix="configvault-bench-") as place:
        server = Path(place, "server")
        with stores.serving("rclone", server) as url:
            push(Path(place), url, args.push)
        many(server / stores.BUCKET, args.hosts)
        # Started again: rclone remembers what was in a folder.
        with stores.serving("rclone", server) as url:
            look(Path(place), url, args.hosts, args.at_once.split(","))


def push(place: Path, url: str, count: int) -> None:
    """Have `count` hosts push into one bucket at the same time."""
    replica = {"url": f"s3://{stores.BUCKET}/push", "endpoint": url}
    hosts = [Host(place / f"host-{number}", f"web-{number}", replicas=[replica]) for number in range(count)]
    for host in hosts:
        host.record(text=f"x: {host.name}\n" * 100)
    began_s = time.monotonic()
    running = [host.start("replicate") for host in hosts]
    ended = [one.wait() for one in running]
    print(
        f"{count} hosts pushed at once: {time.monotonic() - began_s:.1f} s, {ended.count(0)} of {count} at the first command"
    )
    for one in running:
        one.communicate()
    found = json.loads(subprocess.check_output(
        [sys.executable, "-m", "configvault", "fleet", "status", "--json", "-c", str(hosts[0].config), "--from", replica["url"]],
    ))  # fmt: skip
    print(f"  in the end {sum(one['error'] is None for one in found['hosts'])} of {count} have it")


def many(top: Path, count: int) -> None:
    """Write the newest manifests of `count` hosts."""
    [manifest] = (top / "push" / "web-0" / "manifests").iterdir()
    body = json.loads(manifest.read_text())
    for number in range(count):
        folder = top / "many" / f"web-{number}" / "manifests"
        folder.mkdir(parents=True)
        (folder / manifest.name).write_text(json.dumps(body | {"host": f"web-{number}"}))


def look(place: Path, url: str, count: int, at_once: list[str]) -> None:
    """Look at `count` hosts in one bucket."""
    host = Host(place / "looks", "looks", replicas=[{"url": f"s3://{stores.BUCKET}/many", "endpoint": url}])
    for most in at_once:
        argv = [
            sys.executable,
            "-m",
            "configvault",
            "fleet",
            "status",
            "--json",
            "-c",
            str(host.config),
            "--at-once",
            most,
        ]
        began_s = time.monotonic()
        ran = subprocess.run(argv, capture_output=True, text=True, check=False)
        if ran.returncode:
            print(next(one["error"] for one in json.loads(ran.stdout)["hosts"] if one["error"]))
        seen = sum(one["error"] is None for one in json.loads(ran.stdout)["hosts"])
        print(f"fleet status of {count} hosts, {most} at once: {time.monotonic() - began_s:.1f} s, {seen} seen")


if __name__ == "__main__":
    main()
