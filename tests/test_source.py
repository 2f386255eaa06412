"""The daemon pulls from its source: what a forge's day brings, over every transport, and at what cost when nothing is new."""

from __future__ import annotations

import contextlib
import http.client
import os
import resource
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest
import service
from harness import git_servers
from harness.daemon import Watched
from service import answer
from sites import Place, look
from test_deploying import commit, run_git

from configvault.core.errors import BusyError
from configvault.disk import lock
from configvault.usecases import pull
from configvault.usecases.site import Offered, Site
from configvault.vault import statefiles
from configvault.vault.git import Git


@dataclass
class Forge:
    """A bare repository, a developer's clone of it, and how a host reaches it."""

    bare: Path
    work: Path
    keys: Mapping[str, str]
    environ: Mapping[str, str] = field(default_factory=dict)

    @property
    def section(self) -> str:
        """Return the section `source` of a host that asks every second."""
        return self.source()

    def source(self, **more: str) -> str:
        """Return the section `source` with more keys."""
        keys = {**self.keys, "path": "conf", "every": "1s", **more}
        return "source: {" + ", ".join(f"{key}: '{value}'" for key, value in keys.items()) + "}"

    def push(self, text: str, *flags: str, amend: bool = False) -> str:
        """Commit a version of `conf/a.yaml`, push it and return the commit."""
        (self.work / "conf" / "a.yaml").write_text(text)
        run_git(self.work, "add", "-A")
        run_git(self.work, "commit", "-q", "-m", text, *(["--amend"] if amend else []))
        run_git(self.work, "push", "-q", *flags, "origin", "HEAD:main")
        return run_git(self.work, "rev-parse", "HEAD").strip()


def bare_with_clone(base: Path) -> tuple[Path, Path]:
    """Make a bare repository with one commit, and the clone that it came from."""
    bare, work = base / "forge" / "plugins.git", base / "work"
    (work / "conf").mkdir(parents=True)
    (work / "conf" / "a.yaml").write_text("version: 0\n")
    run_git(base, "init", "-q", "--bare", "-b", "main", str(bare))
    run_git(work, "init", "-q", "-b", "main", ".")
    run_git(work, "remote", "add", "origin", str(bare))
    commit(work)
    run_git(work, "push", "-q", "origin", "main")
    return bare, work


@contextlib.contextmanager
def _file(base: Path) -> Iterator[Forge]:
    bare, work = bare_with_clone(base)
    yield Forge(bare, work, {"url": f"file://{bare}"})


@contextlib.contextmanager
def _ssh(base: Path) -> Iterator[Forge]:
    bare, work = bare_with_clone(base)
    with git_servers.sshd(base / "ssh") as server:
        keys = {"url": f"{server.url}{bare}", "key": str(server.key), "known_hosts": str(server.known_hosts)}
        yield Forge(bare, work, keys)


@contextlib.contextmanager
def _https(base: Path) -> Iterator[Forge]:
    bare, work = bare_with_clone(base)
    trusted, context = git_servers.certificate(base)
    user, token = git_servers.LOGIN
    with git_servers.http_backend(base / "forge", login=True, tls=context) as url:
        keys = {"url": f"{url}/plugins.git", "user": user, "token": token}
        yield Forge(bare, work, keys, {"GIT_SSL_CAINFO": str(trusted)})


FORGES = {"file": _file, "sshd": _ssh, "http-backend": _https}


@pytest.fixture(params=FORGES)
def forge(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Forge]:
    """Each way to reach a forge that this machine has."""
    name = str(request.param)
    reason = git_servers.why_not(name) if name != "file" else None
    if name == "http-backend" and shutil.which("openssl") is None:
        reason = "openssl makes the certificate"
    if reason:
        pytest.skip(reason)
    with FORGES[name](tmp_path) as made:
        yield made


@pytest.fixture
def local(tmp_path: Path) -> Iterator[Forge]:
    """A forge on this machine's disk."""
    with _file(tmp_path) as made:
        yield made


@pytest.fixture
def place(tmp_path: Path) -> Watched:
    """A root with one file, for a daemon."""
    return Watched(tmp_path / "host")


def live(place: Place) -> str:
    """Return what the file holds."""
    return (place.root / "a.yaml").read_text()


def test_a_day_of_a_forge(forge: Forge, place: Watched) -> None:
    """Commit, pull, bad commit refused once, rolled back, held, newer commit deployed, force-push refused: over plain git."""
    place.configure(forge.section)
    with place.daemon(forge.environ) as daemon:
        daemon.rewind()
        done = daemon.wait("deploy.done")
        assert f"commit {run_git(forge.work, 'rev-parse', 'HEAD').strip()}" in done["source"]
        assert (live(place), done["trigger"]) == ("version: 0\n", "pull")

        before = look(place.root)
        bad = forge.push("version: [\n")
        assert daemon.wait("deploy.rejected")["rejected"].startswith("rejected_")
        assert bad[:12] in daemon.wait("daemon.degraded", reason="source-held")["message"]
        assert look(place.root) == before
        newer = forge.push("version: 2\n")
        assert newer in daemon.wait("deploy.done")["source"]
        daemon.wait("daemon.recovered", reason="source-held")
        assert daemon.events().count("deploy.rejected") == 1

        place.command("rollback", "previous")
        assert "rolled back" in daemon.wait("daemon.degraded", reason="source-held")["message"]
        assert live(place) == "version: 0\n"
        forge.push("version: 3\n")
        daemon.wait("deploy.done")
        assert live(place) == "version: 3\n"

        forge.push("version: 4\n", "--force", amend=True)
        assert "rewritten" in daemon.wait("daemon.degraded", reason="source-held")["message"]
        assert live(place) == "version: 3\n"
        assert place.process("pull", "--force", **forge.environ).code == 0
        daemon.wait("daemon.recovered", reason="source-held")
        assert live(place) == "version: 4\n"
    place.assert_whole()
    assert git_servers.LOGIN[1] not in "".join(daemon.raw)


def test_drift_both_ways(local: Forge, place: Watched) -> None:
    """A change by hand is reported and holds what is new; with `overwrite` it is kept in the vault and replaced."""
    place.configure(local.section)
    with place.daemon() as daemon:
        daemon.rewind()
        daemon.wait("deploy.done")
        (place.root / "a.yaml").write_text("version: mine\n")
        daemon.wait("daemon.degraded", reason="source-drifted")
        local.push("version: 2\n")
        assert "drifted" in daemon.wait("daemon.degraded", reason="source-held")["message"]
        assert live(place) == "version: mine\n"
        place.configure(local.source(on_drift="overwrite"))
        daemon.process.send_signal(signal.SIGHUP)
        done = daemon.wait("deploy.done")
        assert live(place) == "version: 2\n"
        assert place.run("show", f"{done['safety']}:a.yaml").out == "version: mine\n"
        (place.root / "a.yaml").write_text("version: mine again\n")
        done = daemon.wait("deploy.done")
        assert live(place) == "version: 2\n"
        assert place.run("show", f"{done['safety']}:a.yaml").out == "version: mine again\n"
    place.assert_whole()


def counted(site: Site) -> list[str]:
    """Have a site's source say what it is asked for, and return that list."""
    asked: list[str] = []
    find = site.offered
    assert find is not None

    def offered(url: str) -> Offered:
        found = find(url)
        return Counting(found, asked)

    site.offered = offered
    return asked


@dataclass
class Counting:
    """A repository that notes what it is asked for."""

    real: Offered
    asked: list[str]

    @property
    def name(self) -> str:
        """Return its URL."""
        return self.real.name

    def tip(self, git: Git, ref: str) -> str:
        """Ask for a commit."""
        self.asked.append("tip")
        return self.real.tip(git, ref)

    def fetch(self, git: Git, ref: str, folder: str, most_bytes: int, *, history: bool = False) -> str:
        """Fetch a commit."""
        self.asked.append("fetch")
        return self.real.fetch(git, ref, folder, most_bytes, history=history)

    def follows(self, git: Git, commit: str, before: str) -> bool:
        """Compare two commits."""
        return self.real.follows(git, commit, before)


def hosted(local: Forge, base: Path, **more: str) -> tuple[Place, Site, list[str]]:
    """Return a place that pulls from `local`, its parts, and what the source is asked for from now on."""
    place = Place(base / "host", local.source(**more) + "\n")
    place.init({"a.yaml": "version: old\n"})
    site = place.site()
    return place, site, counted(site)


def test_what_is_held_is_fetched_once(local: Forge, tmp_path: Path) -> None:
    """Of a commit that is unsigned, rewritten, refused or hostile each further poll only asks for its name."""
    key = tmp_path / "signer"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", key], check=True)
    for name, value in (("gpg.format", "ssh"), ("user.signingkey", str(key)), ("commit.gpgsign", "false")):
        run_git(local.work, "config", name, value)
    _, site, asked = hosted(local, tmp_path, trusted=key.with_suffix(".pub").read_text().strip())

    def held() -> tuple[str | None, int]:
        asked.clear()
        found = [pull.pull(site, again=again).held for again in (True, False, False)]
        assert len(set(found)) == 1
        assert asked.count("tip") == 3
        return found[0], asked.count("fetch")

    assert held() == ("unsigned", 1)
    run_git(local.work, "config", "commit.gpgsign", "true")
    local.push("version: 1\n")
    assert held() == (None, 1)
    local.push("version: 2\n", "--force", amend=True)
    assert held() == ("rewritten", 1)
    pull.pull(site, force=True)
    local.push("version: [\n")
    assert held() == ("refused", 1)
    (local.work / "conf" / "out").symlink_to("../../../etc/passwd")
    local.push("version: 3\n")
    assert held() == ("refused", 1)
    (local.work / "conf" / "out").unlink()
    local.push("version: 4\n")
    assert held() == (None, 1)


def test_emptied_branch_meets_mass_removal(local: Forge, tmp_path: Path) -> None:
    """A branch whose folder is gone is refused by the rule, or at least refused where that is off; a folder that never was is said."""
    place, site, _ = hosted(local, tmp_path)
    pull.pull(site)
    before = look(place.root)
    run_git(local.work, "rm", "-q", "-r", "conf")
    (local.work / "README").write_text("x\n")
    commit(local.work)
    run_git(local.work, "push", "-q", "origin", "HEAD:main")
    ran = place.run("pull", "--json")
    assert (ran.code, [one["rule"] for one in ran.json["findings"]]) == (3, ["mass-removal"])
    place.config.write_text(
        place.config.read_text().replace("{profile: generic}", "{profile: generic, rules: {mass-removal: off}}")
    )
    local.work.joinpath("README").write_text("y\n")
    commit(local.work)
    run_git(local.work, "push", "-q", "origin", "HEAD:main")
    assert (place.run("pull", "--json").json["held"], look(place.root)) == ("refused", before)
    place.ok("pull", "--force")
    assert not list(place.root.iterdir())
    other = Place(tmp_path / "other", local.source(path="nowhere") + "\n")
    other.init({"a.yaml": "version: old\n"})
    ran = other.run("pull")
    assert (ran.code, "no such folder" in ran.err) == (1, True)


def test_drift_between_the_look_and_the_lock(local: Forge, tmp_path: Path) -> None:
    """Who changes a file while the commit is being fetched is not overwritten either."""
    place, site, _ = hosted(local, tmp_path)
    pull.pull(site)
    local.push("version: 2\n")
    find = site.offered
    assert find is not None

    @dataclass
    class Meanwhile(Counting):
        def fetch(self, git: Git, ref: str, folder: str, most_bytes: int, *, history: bool = False) -> str:
            (place.root / "a.yaml").write_text("version: mine\n")
            return self.real.fetch(git, ref, folder, most_bytes, history=history)

    site.offered = lambda url: Meanwhile(find(url), [])
    assert pull.pull(site).held == "drifted"
    assert live(place) == "version: mine\n"


def test_killed_between_deploying_and_writing_it_down(local: Forge, tmp_path: Path) -> None:
    """A pull that was killed once its snapshot was published is known from the vault: what was rolled back stays so."""
    place, site, _ = hosted(local, tmp_path)
    pull.pull(site)
    first = statefiles.SOURCE.read(site.vault.state)
    assert first is not None
    commit_ = local.push("version: 2\n")
    pull.pull(site)
    # As the file is when the process dies after the deployment: the attempt is on disk, its end is not.
    statefiles.SOURCE.write(site.vault.state, replace(first, attempt=commit_, offered=commit_))
    place.ok("rollback", "previous")
    assert place.run("pull", "--json").json["held"] == "rolled_back"
    assert live(place) == "version: 0\n"


def test_a_snapshot_that_is_pruned_is_still_what_was_deployed(local: Forge, tmp_path: Path) -> None:
    """Drift is seen, and a rollback remembered, after the snapshot of the deployment was thinned out."""
    place, site, _ = hosted(local, tmp_path)
    pull.pull(site)
    place.snapshot({"a.yaml": "version: mine\n"})
    place.ok("prune", "--keep-last", "1")
    local.push("version: 2\n")
    assert pull.pull(site).held == "drifted"
    place.ok("pull", "--force")
    place.ok("rollback", "previous")
    assert pull.pull(site).held == "rolled_back"
    place.ok("prune", "--keep-last", "1")
    assert pull.pull(site).held == "rolled_back"


def test_one_pull_at_a_time(local: Forge, tmp_path: Path) -> None:
    """A pull beside another one waits, and is told who runs."""
    place, site, _ = hosted(local, tmp_path)
    site.wait_s = 0.1
    with (
        lock.hold(statefiles.path(site.vault.state, statefiles.SOURCE_LOCK), "configvault run"),
        pytest.raises(BusyError, match=r"another pull is running.*configvault run"),
    ):
        pull.pull(site)
    assert place.ok("pull")["outcome"] == "deployed"


def test_a_pending_rollback_is_not_deployed_over(local: Forge, tmp_path: Path) -> None:
    """While a rollback waits for its confirmation, nothing is pulled, and the source is not to blame."""
    place, site, _ = hosted(local, tmp_path)
    pull.pull(site)
    local.push("version: 2\n")
    with place.as_if_watched():
        place.ok("rollback", "previous", "--confirm=5m")
        ran = place.run("pull")
        assert ran.code == 5
        assert place.ok("status")["source"]["error"] is None
        place.ok("confirm")
    assert place.ok("pull")["outcome"] == "deployed"


def test_what_the_service_does_not_take_is_refused(local: Forge, tmp_path: Path) -> None:
    """A commit that the service does not load is undone and held, and what was deployed before counts as deployed."""
    with service.serving(answer(500)) as server:
        place = Place(tmp_path / "host", local.source() + "\n", reload="kind: none")
        place.init({"a.yaml": "version: old\n"})
        first = place.ok("pull")["source"]["commit"]
        place.configure(local.source() + "\n", reload=f"kind: http, url: '{server.url}', attempts: 1")
        second = local.push("version: 2\n")
        ran = place.run("pull", "--json")
        assert (ran.code, ran.json["outcome"], live(place)) == (8, "undone", "version: 0\n")
        said = place.ok("status")["source"]
        assert (said["deployed"], said["offered"], said["held"]) == (first, second, "refused")
        asked = len(server.asked)
        assert place.run("pull", "--json").json["held"] == "refused"
        assert len(server.asked) == asked


def test_unreachable_is_said_once_and_ends(local: Forge, place: Watched) -> None:
    """A source that is away is said once; status, metrics and page show it; when it is back that is over."""
    away = local.bare.with_suffix(".away")
    local.bare.rename(away)
    # The name of a socket has to be short.
    with tempfile.TemporaryDirectory() as folder:
        listen = f"{folder}/http"
        place.configure(local.section, f"http: {{listen: 'unix:{listen}'}}")
        _away(local, place, listen, away)


def _away(local: Forge, place: Watched, listen: str, away: Path) -> None:
    with place.daemon() as daemon:
        daemon.rewind()
        assert "nothing can be pulled" in daemon.wait("daemon.degraded", reason="source")["message"]
        said = place.ok("status")["source"]
        assert (said["deployed"], "does not exist" in said["error"]) == (None, True)
        assert "configvault_source_up 0.0" in asked_of(listen, "/metrics")
        away.rename(local.bare)
        daemon.wait("deploy.done")
        daemon.wait("daemon.recovered", reason="source")
        assert daemon.events().count("daemon.degraded") == 1
        commit_ = run_git(local.work, "rev-parse", "HEAD").strip()
        shown = asked_of(listen, "/")
        assert commit_[:12] in shown
        assert "configvault_source_up 1.0" in asked_of(listen, "/metrics")
    said = place.ok("status")["source"]
    assert (said["error"], said["failing_since"], said["offered"]) == (None, None, commit_)
    printed = place.run("status").out
    assert f"{commit_[:12]} is deployed as {said['snapshot']}" in printed
    assert f"answers: main is {commit_[:12]}" in place.run("doctor").out


def asked_of(listen: str, path: str) -> str:
    """Return what the daemon serves on the socket `listen`."""
    asking = http.client.HTTPConnection("localhost", timeout=60)
    asking.sock = socket.socket(socket.AF_UNIX)
    asking.sock.connect(listen)
    with contextlib.closing(asking):
        asking.request("GET", path)
        return asking.getresponse().read().decode()


def test_polls_without_a_change_leave_nothing_behind(local: Forge, tmp_path: Path) -> None:
    """However often nothing is new: no file, ref, descriptor, child or thread more, and no byte of `source.json` is written anew."""
    place, site, asked = hosted(local, tmp_path)
    pull.pull(site)
    pull.pull(site)
    site.vault.close()

    def left() -> tuple[object, ...]:
        state = place.vault / "configvault"
        files = sorted((str(path), path.stat().st_size) for path in place.vault.rglob("*") if path.is_file())
        known = (state / "source.json").stat()
        return (
            files,
            len(os.listdir("/proc/self/fd")),
            threading.active_count(),
            known.st_ino,
            known.st_mtime_ns,
        )

    before, asked[:] = left(), []
    polls = int(os.environ.get("POLLS", "30"))
    started = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    for _ in range(polls):
        assert pull.pull(site, again=False) == pull.PullOutcome(
            run_git(local.work, "rev-parse", "HEAD").strip()
        )
        site.vault.close()
    ended = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    assert left() == before
    assert asked == ["tip"] * polls
    spent = [
        now.ru_utime + now.ru_stime - then.ru_utime - then.ru_stime
        for then, now in zip(started, ended, strict=True)
    ]
    sys.stdout.write(
        f"{polls} polls: {spent[0] / polls * 1000:.1f} ms of processor time each, {sum(spent) / polls * 1000:.1f} with git's\n"
    )
