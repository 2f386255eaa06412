"""What many hosts cost one server: a push, all of them at once, what is stored, what refuses first, a look at all.

    python benchmarks/fleet.py [--hosts N] [--snapshots N] [--at-once N] [--over path,daemon,http,ssh] [--only-look]

Real: git, sshd, the receiving repositories, this program's own push with its settings and retries. Simulated: all hosts
push from one vault on this machine, so that client and server share its processors; `git http-backend` stands behind a
small web server of the tests. The repositories of the hosts begin as copies of the first one's.
"""

from __future__ import annotations

import argparse
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(PROJECT), str(PROJECT / "tests")]

from harness import git_servers  # noqa: E402 - found by the line above
from hosts import Host, bare  # noqa: E402

from configvault.core import backoff  # noqa: E402
from configvault.core.replicas import Why  # noqa: E402
from configvault.core.settings import ReplicaSettings  # noqa: E402
from configvault.replica import Remote, resolve  # noqa: E402
from configvault.usecases import fleet, record, replicate  # noqa: E402
from configvault.vault.repository import Vault  # noqa: E402

FILES = 40
FILE_BYTES = 3000


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--hosts", type=int, default=40)
    parser.add_argument("--snapshots", type=int, default=20)
    parser.add_argument("--at-once", type=int, default=10)
    parser.add_argument("--over", default="path,daemon,http,ssh")
    parser.add_argument("--only-look", action="store_true", help="push once alone, and look at all hosts")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="configvault-bench-") as place:
        Bench(Path(place), args.hosts, args.snapshots, args.at_once, args.only_look).run(args.over.split(","))


class Bench:
    """One run with these sizes, below `place`."""

    def __init__(self, place: Path, hosts: int, snapshots: int, at_once: int, only_look: bool) -> None:
        self.place = place
        self.only_look = only_look
        self.hosts = hosts
        self.at_once = at_once
        self.snapshots = snapshots
        self.host = Host(place / "host")
        self.first = bare(place / "first.git")

    def run(self, over: list[str]) -> None:
        """Measure everything, with these ways to push."""
        # What is slow on a busy machine comes out as it is measured.
        sys.stdout.reconfigure(line_buffering=True)  # type: ignore[union-attr]
        print(
            f"{self.hosts} hosts, {self.snapshots} snapshots, {self.at_once} at once, {os.cpu_count()} processors"
        )
        self._fill()
        if not self.only_look:
            self._stored()
            self._shared()
        for name in over:
            getattr(self, f"_{name}")()

    def _path(self) -> None:
        self._push_all("path", str(self.place / "path"))
        self._look("path", f"{self.place}/path/{{host}}.git")

    def _daemon(self) -> None:
        with git_servers.git_daemon(self.place) as url:
            self._push_all("git daemon", f"{url}/daemon")

    def _http(self) -> None:
        with git_servers.http_backend(self.place) as url:
            self._push_all("http-backend", f"{url}/http")
            self._look("http-backend", f"{url}/http/{{host}}.git")

    def _ssh(self) -> None:
        reason = git_servers.why_not("sshd")
        if reason is not None:
            print(f"ssh: {reason}")
            return
        with git_servers.sshd(self.place / "ssh-keys", listening=True) as server:
            login = {"key": str(server.key), "known_hosts": str(server.known_hosts)}
            self._push_all("ssh, MaxStartups as shipped", f"{server.url}{self.place}/ssh", **login)
            self._look("ssh", f"{server.url}{self.place}/ssh/{{host}}.git", **login)

    def _fill(self) -> None:
        """Record all snapshots but the last, push them once, record the last."""
        for number in range(FILES):
            self.host.write(f"plugins/{number:02}.yaml", self._content(number, 0))
        site = self.host.site(create=True)
        began = time.perf_counter()
        for number in range(self.snapshots - 1):
            self.host.write(f"plugins/{number % FILES:02}.yaml", self._content(number, number + 1))
            record.record(site, "manual")
        replicate.sign(site)
        print(f"recorded {self.snapshots - 1} snapshots in {time.perf_counter() - began:.1f} s")
        began = time.perf_counter()
        assert self._remote(str(self.first)).push(site.vault.git) is None
        print(f"first push of them all: {time.perf_counter() - began:.2f} s")
        self.host.write("plugins/00.yaml", "the: last\n")
        record.record(site, "manual")

    @staticmethod
    def _content(number: int, version: int) -> str:
        line = f"key_{number}: value {version} of something that an operator wrote\n"
        return line + "".join(
            f"line_{row}: {number * 7919 + row * 104729}\n" for row in range(FILE_BYTES // 24)
        )

    def _remote(self, url: str, **login: str) -> Remote:
        return Remote(resolve(ReplicaSettings(url, timeout=300.0, **login), "host"))

    def _stored(self) -> None:
        loose = _bytes(self.first)
        packed = self.place / "packed.git"
        shutil.copytree(self.first, packed)
        subprocess.run(["git", "-C", str(packed), "gc", "--quiet"], check=True)
        small = _bytes(packed)
        print(f"stored for one host: {loose / 1e3:.0f} kB as pushed, {small / 1e3:.0f} kB after git gc;"
              f" for all: {loose * self.hosts / 1e6:.0f} and {small * self.hosts / 1e6:.0f} MB")  # fmt: skip

    def _push_all(self, what: str, base: str, **login: str) -> None:
        """Push the last snapshot to as many repositories as there are hosts, so many at once."""
        folder = self.place / base.rpartition("/")[2]
        folder.mkdir()
        for number in range(self.hosts):
            # Objects are never changed in place, so they may be shared between the copies.
            subprocess.run(["cp", "-al", str(self.first), str(folder / f"host-{number}.git")], check=True)
        alone = _timed(lambda: self._push_one(f"{base}/host-0.git", login))[0]
        if self.only_look:
            print(f"{what}: one push alone {alone:.2f} s")
            return
        refused: Counter[str] = Counter()
        took: list[float] = []

        def push(number: int) -> None:
            url, began = f"{base}/host-{number}.git", time.perf_counter()
            for attempt in range(1, 30):
                why = self._push_one(url, login)
                if why is None:
                    break
                refused[why] += 1
                time.sleep(backoff.pause(attempt, replicate.FIRST_PAUSE_S))
            took.append(time.perf_counter() - began)

        def all_of_them() -> None:
            with ThreadPoolExecutor(self.at_once) as pool:
                list(pool.map(push, range(1, self.hosts)))

        total = _timed(all_of_them)[0]
        tip = self.host.git("rev-parse", "main")
        there = sum(_tip(folder / f"host-{number}.git") == tip for number in range(self.hosts))
        said = ", ".join(f"{count} {why}" for why, count in refused.items()) or "none"
        print(f"{what}: one push alone {alone:.2f} s; all: {(self.hosts - 1) / total:.0f}/s, median {statistics.median(took):.2f} s,"
              f" p95 {sorted(took)[int(len(took) * 0.95)]:.2f} s; first refused: {said}; {there} of {self.hosts} have it")  # fmt: skip

    def _push_one(self, url: str, login: dict[str, str]) -> Why | None:
        vault = Vault(str(self.host.vault), self.host.environ)
        trouble = self._remote(url, **login).push(vault.git)
        return trouble.why if trouble else None

    def _look(self, what: str, url: str, **login: str) -> None:
        one = ReplicaSettings(url, timeout=300.0, **login)
        sources = {f"host-{n}": Remote(resolve(one, f"host-{n}")) for n in range(self.hosts)}
        place = self.place / f"cache-{what}"
        place.mkdir()
        for when in ("first", "again") if self.hosts <= 100 else ("first",):
            took, members = _timed(lambda: fleet.look(sources, str(place), self.host.environ))
            seen = sum(one.trouble is None for one in members)
            print(f"fleet status over {what}, {when}: {took:.1f} s, {seen} of {self.hosts} hosts")

    def _shared(self) -> None:
        """Push to one repository that already holds the refs of many hosts."""
        for hosts in sorted({1, 10, 100, self.hosts}):
            repository = bare(self.place / f"shared-{hosts}.git")
            subprocess.run(["cp", "-r", str(self.first / "objects"), str(repository)], check=True)
            tip = _tip(self.first)
            names = [f"refs/heads/hosts/h-{n:04}/main" for n in range(hosts)]
            names += [
                f"refs/tags/hosts/h-{n:04}/backup_{t:06}" for n in range(hosts) for t in range(self.snapshots)
            ]
            # As `git pack-refs` leaves them; one file each would be the server's file system's benchmark.
            packed = "".join(f"{tip} {name}\n" for name in sorted(names))
            (repository / "packed-refs").write_text(f"# pack-refs with: peeled fully-peeled sorted \n{packed}")
            advert = subprocess.run(
                ["git", "receive-pack", "--http-backend-info-refs", str(repository)],
                capture_output=True,
                check=True,
            )
            vault = Vault(str(self.host.vault), self.host.environ)
            remote = Remote(resolve(ReplicaSettings(str(repository), timeout=300.0, shared=True), "new"))
            took = _timed(lambda remote=remote, vault=vault: remote.push(vault.git))[0]
            print(
                f"one repository of {hosts} hosts: {len(advert.stdout) / 1e3:.0f} kB advertised a push, a push {took:.2f} s"
            )


def _timed(work: Callable[[], object]) -> tuple[float, object]:
    began = time.perf_counter()
    result = work()
    return time.perf_counter() - began, result


def _bytes(place: Path) -> int:
    return sum(file.lstat().st_blocks * 512 for file in place.rglob("*") if file.is_file())


def _tip(place: Path) -> str:
    argv = ["git", "-C", str(place), "rev-parse", "--verify", "--quiet", "main"]
    return subprocess.run(argv, capture_output=True, text=True, check=False).stdout.strip()


if __name__ == "__main__":
    main()
