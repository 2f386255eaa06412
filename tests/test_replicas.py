"""Replicas over real transports: what arrives, what is refused, and what is said of a replica that is in trouble."""

from __future__ import annotations

import os
import shutil
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from harness import apart, git_servers
from hosts import Host, bare, git, refs
from sites import Done, look

from configvault.core.outcome import FailureOutcome, Outcome
from configvault.core.replicas import ReplicaStatus
from configvault.core.settings import ReplicaSettings
from configvault.daemon.replicator import Replicator
from configvault.replica import resolve

Transport = Callable[[Path], Any]


@contextmanager
def _path(base: Path) -> Iterator[dict[str, Any]]:
    yield {"url": f"{base}/{{host}}.git"}


@contextmanager
def _daemon(base: Path) -> Iterator[dict[str, Any]]:
    with git_servers.git_daemon(base) as url:
        yield {"url": f"{url}/{{host}}.git"}


@contextmanager
def _http(base: Path) -> Iterator[dict[str, Any]]:
    user, token = git_servers.LOGIN
    with git_servers.http_backend(base, login=True) as url:
        yield {"url": f"{url}/{{host}}.git", "user": user, "token": token}


@contextmanager
def _ssh(base: Path) -> Iterator[dict[str, Any]]:
    with git_servers.sshd(base / "ssh") as server:
        yield {
            "url": f"{server.url}{base}/{{host}}.git",
            "key": str(server.key),
            "known_hosts": str(server.known_hosts),
        }


TRANSPORTS = {"path": _path, "daemon": _daemon, "http-backend": _http, "sshd": _ssh}


@pytest.fixture(params=TRANSPORTS)
def transport(request: pytest.FixtureRequest) -> Transport:
    """Each way to reach a replica that this machine has."""
    name = str(request.param)
    reason = git_servers.why_not(name) if name != "path" else None
    if reason:
        pytest.skip(reason)
    return TRANSPORTS[name]


def trouble(ran: Done) -> str:
    """Return the fixed word for what is wrong with the only replica."""
    assert ran.code == 6, (ran.code, ran.out, ran.err)
    [one] = ran.json["replicas"]
    return str(one["reason"])


def test_everything_arrives_and_comes_back(transport: Transport, tmp_path: Path) -> None:
    """Snapshots, tags, refused states and marks reach the replica, and a fresh host gets all of it back."""
    base = tmp_path / "server"
    base.mkdir()
    bare(base / "web-1.git")
    with transport(base) as replica:
        host = Host(tmp_path / "host", replicas=[replica])
        host.record(text="x: 1\n")
        host.record("deep/b.yaml", "y: 1\n", "-m", "why", "--pin", "stable")
        (host.root / "a.yaml").write_text("x: [\n")
        assert host.run("snapshot").code == 3
        (host.root / "a.yaml").write_text("x: 1\n")
        (host.root / "empty").mkdir(mode=0o2770)
        host.ok("snapshot")
        [status] = host.ok("replicate")["replicas"]
        assert (status["behind"], status["current"], status["reason"]) == (0, True, None)
        assert refs(base / "web-1.git") == refs(host.vault)

        fresh = Host(tmp_path / "fresh", replicas=[replica])
        fresh.root.rmdir()
        done = fresh.ok("recover")
        assert done["snapshot"]["id"] == host.ids()[0]
    assert look(fresh.root) == look(host.root)
    assert refs(fresh.vault) == refs(host.vault)
    assert fresh.ids() == host.ids()
    assert fresh.ok("show", "pin:stable")["reason"] == "why"
    fresh.git("fsck", "--strict")


@pytest.fixture
def lost(tmp_path: Path) -> tuple[Host, Host]:
    """A host whose replica has everything, and the machine that takes its place."""
    replicas = [{"url": str(bare(tmp_path / "r.git"))}]
    host, fresh = (Host(tmp_path / name, "web-1", replicas=replicas) for name in ("lost", "fresh"))
    host.record(text="x: 1\n")
    host.record(text="x: 2\n")
    host.ok("replicate")
    return host, fresh


@pytest.mark.parametrize("text", ["here: 1\n", "no: [\n"], ids=["valid", "invalid"])
def test_recovery_over_a_full_root(lost: tuple[Host, Host], tmp_path: Path, text: str) -> None:
    """A root with something in it is refused; forced, that is kept in the vault first, and once is enough."""
    host, fresh = lost
    fresh.write({"here.yaml": text})
    before = look(fresh.root)
    ran = fresh.run("recover")
    assert (ran.code, "is not empty" in ran.err, look(fresh.root)) == (1, True, before)
    kept = fresh.ok("recover", "--force")["kept"]
    assert look(fresh.root) == look(host.root)
    fresh.ok("export", kept, "--output", str(tmp_path / "kept"))
    assert (tmp_path / "kept" / "here.yaml").read_text() == text
    assert fresh.ok("status")["live"]["matches"] == fresh.ids()[0]
    ids = fresh.ids()
    assert set(ids) >= set(host.ids())
    again = fresh.ok("recover", "--force")
    assert (again["kept"], again["snapshot"]["id"], fresh.ids()) == (None, host.ids()[0], ids)


def test_recovery_into_a_vault_that_has_gone_on(lost: tuple[Host, Host]) -> None:
    """What was recorded after a recovery is never left behind by another one."""
    _, fresh = lost
    fresh.ok("recover")
    newest = fresh.record(text="x: 3\n")
    ran = fresh.run("recover", "--force")
    assert (ran.code, "a different history" in ran.err, fresh.ids()[0]) == (1, True, newest)


def test_shared_repository(tmp_path: Path) -> None:
    """Several hosts in one repository keep apart: each goes below its own name and comes back alone."""
    repository = bare(tmp_path / "all.git")
    replica = {"url": str(repository), "shared": True}
    hosts = [Host(tmp_path / name, name, replicas=[replica]) for name in ("web-1", "web-2")]
    for number, host in enumerate(hosts):
        host.record(text=f"x: {number}\n")
        host.ok("replicate")
    assert {ref.split("/")[3] for ref in refs(repository)} == {"web-1", "web-2"}
    listed = hosts[0].ok("recover", "--list")["hosts"]
    assert [one["host"] for one in listed] == ["web-1", "web-2"]

    fresh = Host(tmp_path / "fresh", "other")
    unclear = fresh.run("recover", "--from", str(repository))
    assert (unclear.code, "web-1, web-2" in unclear.err) == (4, True)
    fresh.ok("recover", "--from", str(repository), "--host", "web-2")
    assert look(fresh.root) == look(hosts[1].root)
    assert refs(fresh.vault) == refs(hosts[1].vault)


def test_two_hosts_of_one_name_are_noticed(tmp_path: Path) -> None:
    """A second vault under a name that is taken is refused, is told why, and leaves nothing there."""
    repository = bare(tmp_path / "r.git")
    first, second = (Host(tmp_path / name, "web-1", replicas=[{"url": str(repository)}]) for name in "ab")
    first.record(text="x: 1\n")
    first.ok("replicate")
    before = refs(repository)
    second.record(text="y: 1\n")
    ran = second.run("replicate", "--json")
    assert trouble(ran) == "diverged"
    assert "another vault pushes to it under the name web-1" in ran.out
    assert refs(repository) == before
    assert look(second.root)[b"a.yaml"][-1] == b"y: 1\n"
    first.record(text="x: 2\n")
    first.ok("replicate")


def test_the_old_host_comes_back(tmp_path: Path) -> None:
    """A recovered host goes on in the replica; the old one, when it comes back, is refused and told so."""
    repository = bare(tmp_path / "r.git")
    old, new = (Host(tmp_path / name, "web-1", replicas=[{"url": str(repository)}]) for name in ("old", "new"))
    old.record()
    old.ok("replicate")
    new.ok("recover")
    new.record(text="x: 2\n")
    new.ok("replicate")
    old.record(text="x: 3\n")
    assert trouble(old.run("replicate", "--json")) == "diverged"
    assert git(repository, "rev-parse", "main") == new.git("rev-parse", "main")


def test_an_older_copy_of_the_vault_is_noticed(tmp_path: Path) -> None:
    """A vault that was set back is told that its replica is ahead, and cannot set the replica back."""
    repository = bare(tmp_path / "r.git")
    host = Host(tmp_path / "host", replicas=[{"url": str(repository)}])
    host.record(text="x: 1\n")
    host.ok("replicate")
    shutil.copytree(host.vault, tmp_path / "copy")
    host.record(text="x: 2\n")
    host.ok("replicate")
    tip = git(repository, "rev-parse", "main")
    shutil.rmtree(host.vault)
    shutil.copytree(tmp_path / "copy", host.vault)
    assert trouble(host.run("replicate", "--json")) == "ahead"
    assert git(repository, "rev-parse", "main") == tip


def test_a_server_killed_during_a_push(transport: Transport, tmp_path: Path) -> None:
    """A receiver that dies with everything received has nothing; the next push brings all of it."""
    base = tmp_path / "server"
    base.mkdir()
    repository = bare(base / "web-1.git")
    hook = repository / "hooks" / "pre-receive"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text("#!/bin/sh\nkill -KILL $PPID\n")
    hook.chmod(0o755)
    with transport(base) as replica:
        host = Host(tmp_path / "host", replicas=[replica])
        host.record()
        site = host.site()
        [remote] = site.remotes()
        assert remote.push(site.vault.git) is not None
        assert refs(repository) == {}
        git(repository, "fsck", "--strict")
        assert host.record(text="x: 2\n")
        hook.unlink()
        host.ok("replicate")
    assert refs(repository) == refs(host.vault)


def test_a_full_disk_at_the_receiver(tmp_path: Path) -> None:
    """A replica without room is degraded with that reason, its history as it was; recording goes on; room heals it."""
    reason = apart.why_not()
    if reason:
        pytest.skip(reason)

    def body() -> None:
        disk = tmp_path / "disk"
        apart.mount_small(disk, "2m")
        repository = bare(disk / "r.git")
        host = Host(tmp_path / "host", replicas=[{"url": str(repository)}])
        host.record()
        host.ok("replicate")
        before = refs(repository)
        ballast = apart.fill(disk)
        host.record("noise.bin", os.urandom(300_000).hex())
        assert trouble(host.run("replicate", "--json")) == "full"
        assert refs(repository) == before
        git(repository, "fsck", "--strict")
        assert host.ok("snapshot")["outcome"] == "unchanged"
        ballast.unlink()
        host.ok("replicate")
        assert refs(repository) == refs(host.vault)

    apart.apart(body)


def once(url: str, tmp_path: Path, **settings: Any) -> str:
    """Push a small vault to `url` once and return the fixed word for why it failed."""
    host = Host(tmp_path / "host", replicas=[{"url": url, **settings}])
    host.record()
    site = host.site()
    [remote] = site.remotes()
    found = remote.push(site.vault.git)
    assert found is not None
    assert host.record(text="x: 2\n")
    return found.why.value


def test_a_replica_that_hangs(tmp_path: Path) -> None:
    """A server that takes the connection and says nothing is given up after its time-out."""
    with git_servers.silent() as url:
        assert once(f"{url}/r.git", tmp_path, timeout="300ms") == "timed-out"


def test_a_replica_that_is_not_there(tmp_path: Path) -> None:
    """A missing repository and a port where nobody listens are told apart."""
    assert once(str(tmp_path / "none.git"), tmp_path / "a") == "missing"
    assert once("git://127.0.0.1:1/r.git", tmp_path / "b") == "unreachable"


@pytest.mark.skipif(os.geteuid() != 0, reason="giving a folder away needs root")
def test_a_folder_that_belongs_to_another_user(tmp_path: Path) -> None:
    """Git refuses it, as its hooks would run as us; who reads the reason knows what to do."""
    repository = bare(tmp_path / "r.git")
    os.chown(repository, 1234, 1234)
    host = Host(tmp_path / "host", replicas=[{"url": str(repository)}])
    host.record()
    ran = host.run("replicate", "--json")
    assert trouble(ran) == "refused"
    [one] = ran.json["replicas"]
    assert ("belongs to another user" in one["error"], "chown" in one["hint"]) == (True, True)


def test_a_replica_that_asks_for_a_password(tmp_path: Path) -> None:
    """Without a login, or with a wrong token, a forge is refused at once: nothing waits for an answer."""
    bare(tmp_path / "r.git")
    with git_servers.http_backend(tmp_path, login=True) as url:
        assert once(f"{url}/r.git", tmp_path / "a") == "login"
        assert once(f"{url}/r.git", tmp_path / "b", user="pusher", token="wrong") == "login"


def test_host_keys_are_checked(tmp_path: Path) -> None:
    """An ssh server that is not known, or has another key than it had, gets nothing."""
    reason = git_servers.why_not("sshd")
    if reason:
        pytest.skip(reason)
    bare(tmp_path / "r.git")
    with git_servers.sshd(tmp_path / "ssh") as server:
        login = {"key": str(server.key), "known_hosts": str(tmp_path / "known")}
        url = f"{server.url}{tmp_path}/r.git"
        assert once(url, tmp_path / "a", **login) == "host-key"
        other = server.known_hosts.read_text().split()[0] + " " + (tmp_path / "ssh/client.pub").read_text()
        (tmp_path / "known").write_text(other)
        assert once(url, tmp_path / "b", **login) == "host-key"
        assert once(url, tmp_path / "c", known_hosts=str(server.known_hosts)) == "login"
    assert refs(tmp_path / "r.git") == {}


def test_no_secret_is_reported(tmp_path: Path) -> None:
    """Tokens are in no message, in no file of the vault and on no command line."""
    secret = "can4ry-t0ken"
    bare(tmp_path / "r.git")
    seen: list[str] = []
    with git_servers.http_backend(tmp_path, login=True) as url:
        given = url.replace("://", f"://{secret}:{secret}@")
        host = Host(tmp_path / "host", replicas=[{"url": f"{given}/r.git"}])
        host.record()
        done = threading.Event()

        def watch() -> None:
            while not done.is_set():
                for pid in filter(str.isdigit, os.listdir("/proc")):
                    try:
                        seen.append(Path("/proc", pid, "cmdline").read_text(errors="replace"))
                    except OSError:
                        continue

        watcher = threading.Thread(target=watch)
        watcher.start()
        ran = host.run("replicate")
        done.set()
        watcher.join()
    assert ran.code == 6
    assert any("push" in words and "r.git" in words for words in seen)
    kept = [
        file.read_text(errors="replace") for file in (host.vault / "configvault").iterdir() if file.is_file()
    ]
    assert not [text for text in (*kept, *seen, ran.out, ran.err) if secret in text]


@pytest.mark.parametrize(
    ("url", "shown", "given"),
    [
        ("https://user:tok@h/x.git", "https://h/x.git", ("user", "tok")),
        ("https://tok@h:8443/x.git", "https://h:8443/x.git", ("configvault", "tok")),
        ("https://h/{host}.git", "https://h/web.git", (None, None)),
        ("ssh://git:pw@h/x.git", "ssh://git@h/x.git", (None, None)),
        ("git@h:x.git", "git@h:x.git", (None, None)),
        ("/mnt/{host}.git", "/mnt/web.git", (None, None)),
    ],
)
def test_addresses(url: str, shown: str, given: tuple[str | None, str | None]) -> None:
    """What git is given and what is printed holds no password; who logs in is known all the same."""
    address = resolve(ReplicaSettings(url), "web")
    assert (address.url, address.shown, (address.user, address.password)) == (shown, shown, given)
    assert "tok" not in repr(address)


def test_the_background_catches_up(tmp_path: Path) -> None:
    """The replicator tells of a failure once, tries again by itself, and tells when it has caught up."""
    host = Host(tmp_path / "host", replicas=[{"url": str(tmp_path / "r.git")}])
    host.record()
    heard: list[ReplicaStatus] = []
    news = threading.Semaphore(0)

    def hear(status: ReplicaStatus) -> None:
        heard.append(status)
        news.release()

    replicator = Replicator(host.site(), hear, first_pause_s=0.01, longest_pause_s=0.05)
    try:
        replicator.wake()
        assert news.acquire(timeout=60)
        bare(tmp_path / "r.git")
        assert news.acquire(timeout=60)
    finally:
        replicator.close()
    assert [one.trouble.why.value if one.trouble else None for one in heard] == ["missing", None]
    assert refs(tmp_path / "r.git") == refs(host.vault)
    assert [(one.behind, one.current) for one in replicator.lag()] == [(0, True)]


def test_a_fault_does_not_end_the_background(tmp_path: Path) -> None:
    """What no one foresaw in one push is told without its text, and the push is tried again."""
    repository = bare(tmp_path / "r.git")
    host = Host(tmp_path / "host", replicas=[{"url": str(repository)}])
    host.record()
    site = host.site()
    heard: list[Outcome] = []
    faults = iter([KeyError("s3cret")])

    def at_first_broken() -> datetime:
        for fault in faults:
            raise fault
        return host.site().now()

    site.observers.append(heard.append)
    site.now = at_first_broken
    replicator = Replicator(site, first_pause_s=0.01, longest_pause_s=0.05)
    deadline_s = time.monotonic() + 60
    try:
        replicator.wake()
        while refs(repository) != refs(host.vault) and time.monotonic() < deadline_s:
            threading.Event().wait(0.05)
    finally:
        replicator.close()
    assert refs(repository) == refs(host.vault)
    [failure] = heard
    assert isinstance(failure, FailureOutcome)
    assert (failure.doing, failure.kind) == ("replicate", "unexpected")
    assert "s3cret" not in f"{failure}"


def test_one_bad_replica_keeps_no_other_waiting(tmp_path: Path) -> None:
    """While one replica hangs the other is brought up to date, and closing does not wait for the time-out."""
    bare(tmp_path / "r.git")
    with git_servers.silent() as url:
        host = Host(
            tmp_path / "host",
            replicas=[{"url": f"{url}/x.git", "timeout": "1h"}, {"url": str(tmp_path / "r.git")}],
        )
        host.record()
        arrived = threading.Event()
        hook = tmp_path / "r.git" / "hooks" / "post-receive"
        hook.parent.mkdir(exist_ok=True)
        fifo = tmp_path / "fifo"
        os.mkfifo(fifo)
        hook.write_text(f"#!/bin/sh\necho >{fifo}\n")
        hook.chmod(0o755)
        threading.Thread(target=lambda: (fifo.read_text(), arrived.set()), daemon=True).start()
        replicator = Replicator(host.site())
        replicator.wake()
        assert arrived.wait(60)
        replicator.close()
    assert [thread for thread in threading.enumerate() if thread.name.startswith("replicate-")] == []
    assert refs(tmp_path / "r.git") == refs(host.vault)


def test_lag_is_reported_in_snapshots_and_seconds(tmp_path: Path) -> None:
    """What a replica lacks is counted from what it had last."""
    repository = bare(tmp_path / "r.git")
    host = Host(tmp_path / "host", replicas=[{"url": str(repository)}])
    host.record()
    host.ok("replicate")
    repository.rename(tmp_path / "away.git")
    host.record(text="x: 2\n")
    host.record(text="x: 3\n")
    [status] = host.run("replicate", "--json").json["replicas"]
    assert status["behind"] == 2
    assert status["lag_seconds"] > 0
    assert status["failing_since"] is not None
    assert status["commit"] == git(tmp_path / "away.git", "rev-parse", "main")


def comes_back(host: Host, place: Path, replica: dict[str, Any]) -> None:
    """Recover a host from a replica to another place: root and refs are what they are at their source."""
    fresh = Host(place, host.name, replicas=[replica])
    fresh.ok("recover")
    assert look(fresh.root) == look(host.root)
    assert refs(fresh.vault) == refs(host.vault)


@pytest.mark.parametrize(("transport", "shared"), [("sshd", False), ("path", True)], indirect=["transport"])
def test_twenty_push_at_once(transport: Transport, tmp_path: Path, shared: bool) -> None:
    """Twenty vaults push at the same instant: nothing is lost, and each comes back equal to its source."""
    base = tmp_path / "server"
    base.mkdir()
    names = [f"host-{number:02}" for number in range(20)]
    for name in names:
        bare(base / ("all.git" if shared else f"{name}.git"))
    with transport(base) as replica:
        if shared:
            replica |= {"url": replica["url"].replace("{host}", "all"), "shared": True}
        hosts = [Host(tmp_path / name, name, replicas=[replica]) for name in names]
        for number, host in enumerate(hosts):
            host.write({"own/secret.yaml": f"name: {host.name}\n"})
            (host.root / "own" / "secret.yaml").chmod(0o600 + number)
            (host.root / "empty").mkdir()
            host.record(text=f"name: {host.name}\n")
        running = [host.start("replicate") for host in hosts]
        ended = [process.communicate() for process in running]
        assert [process.returncode for process in running] == [0] * 20, ended
        comes_back(hosts[0], tmp_path / "over the same way", replica)
    # What the server has is the same whichever way it is asked, and as a folder it answers at once.
    here = {"url": str(base / ("all.git" if shared else "{host}.git")), "shared": shared}
    for host in hosts:
        comes_back(host, tmp_path / "fresh" / host.name, here)
    for place in base.glob("*.git"):
        git(place, "fsck", "--strict")


def test_an_empty_replica_takes_nothing_away(tmp_path: Path) -> None:
    """Recovering from a repository that holds nothing, or another host, fails and touches neither root nor vault."""
    empty = bare(tmp_path / "empty.git")
    host = Host(tmp_path / "host")
    host.record(text="x: 1\n")
    before, history = look(host.root), refs(host.vault)
    fresh = Host(tmp_path / "fresh")
    fresh.write({"precious.yaml": "x: 2\n"})
    for one in (host, fresh):
        ran = one.run("recover", "--from", str(empty), "--host", "web-1")
        assert ran.code == 4
        assert "contains no host 'web-1'" in ran.err
    assert (look(host.root), refs(host.vault)) == (before, history)
    assert (fresh.root / "precious.yaml").read_text() == "x: 2\n"
    assert not fresh.vault.exists()
