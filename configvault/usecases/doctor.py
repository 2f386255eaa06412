"""Try everything that could stop it working, and say what helps. Nothing is changed: no reload is asked for."""

from __future__ import annotations

import enum
import os
import socket
import stat
from collections.abc import Callable, Collection, Iterator
from datetime import timedelta

from configvault.core.errors import ConfigvaultError
from configvault.core.frozen import frozen
from configvault.core.leftout import IGNORED
from configvault.core.model import Folder, Patience, Probe
from configvault.core.settings import Settings
from configvault.disk import lock
from configvault.root.trial import is_volume
from configvault.usecases import daemonview, scan
from configvault.usecases.site import Site
from configvault.usecases.status import daemon as daemon_of
from configvault.vault import ownership, statefiles
from configvault.vault.git import Git

LEAST_FREE_BYTES = 100 * 1024 * 1024
LEAST_FREE_INODES = 1000
_CONNECT_S = 3.0
_LOCK_MOST_S = 600.0


class Health(enum.StrEnum):
    """How one thing is: a problem stops something, a warning may."""

    OK = "ok"
    WARNING = "warning"
    PROBLEM = "problem"


@frozen
class Checked:
    """One thing that was tried, how it is, and what helps where it is not well."""

    name: str
    health: Health
    message: str
    remedy: str | None = None


Checks = Iterator[Checked]


def examine(site: Site, config_path: str, only: Collection[str] = ()) -> tuple[Checked, ...]:
    """Return what was found, in the order in which things depend on each other; of `only` these checks if given."""
    return tuple(_run(site, config_path, only))


def _run(site: Site, config_path: str, only: Collection[str]) -> Checks:
    failed: set[str] = set()
    if not only:
        yield from _config(site.settings, config_path)
    for name, check in _CHECKS.items():
        if only and name not in only:
            continue
        try:
            yield from check(site)
        except ConfigvaultError as error:
            # What is wrong with the vault stops several of them.
            if error.message not in failed:
                yield Checked(name, Health.PROBLEM, error.message, error.hint)
            failed.add(error.message)
        except OSError as error:
            yield Checked(name, Health.PROBLEM, f"{error.filename or name}: {error.strerror}", None)


def _ok(name: str, message: str) -> Checked:
    return Checked(name, Health.OK, message)


# --- the parts


def _config(settings: Settings, path: str) -> Checks:
    sent = [(check.headers, check.body) for check in settings.health]
    sent += [(step.headers, step.body) for check in settings.health for step in check.steps]
    secret = settings.reload.headers or settings.notify or any(any(one) for one in sent)
    try:
        mode = stat.S_IMODE(os.stat(path).st_mode)
    except OSError:
        return
    if mode & 0o022:
        remedy = f"chmod go-w {path}"
        yield Checked("config", Health.PROBLEM, f"{path} is writable by other users (mode {mode:04o})", remedy)
    elif secret and mode & 0o044:
        remedy = f"chmod 600 {path}, or use ${{file:PATH}} for the secrets"
        yield Checked(
            "config",
            Health.WARNING,
            f"{path} may contain secrets and is readable by other users ({mode:04o})",
            remedy,
        )
    else:
        yield _ok("config", f"{path} is valid")


def _git(site: Site) -> Checks:
    site.vault.git.require_version()
    yield _ok("git", site.vault.git.run(["version"]).decode(errors="replace").strip())


def _root(site: Site) -> Checks:
    path = site.root.path
    live = scan.live(site, None)
    files = sum(1 for _ in live.state.files())
    if _is_volume(site):
        said = f"{path} is a mounted ConfigMap or Secret: a rollback goes through the API of Kubernetes"
        remedy = "apply with kubectl what this prints: configvault export good --format configmap"
        yield Checked("root", Health.WARNING, said, remedy)
    elif os.statvfs(path).f_flag & os.ST_RDONLY:
        yield Checked(
            "root", Health.PROBLEM, f"{path} is mounted read-only: no rollback is possible", "remount it rw"
        )
    elif not os.access(path, os.W_OK | os.X_OK):
        yield Checked(
            "root", Health.PROBLEM, f"{path} cannot be written: no rollback is possible", "run it as root"
        )
    elif foreign := _foreign(live.state):
        said = f"{foreign} files have other owners, which a rollback could not restore"
        yield Checked("root", Health.PROBLEM, said, "run it as root, or with CAP_CHOWN and CAP_FOWNER")
    else:
        yield _ok("root", f"{path} is readable and writable, {files} files")
    if ignored := scan.ignored(live.seen):
        names = ", ".join(ignored[:3]) + (", …" if len(ignored) > 3 else "")
        yield _ok("root", f"{len(ignored)} left out by watch.ignore: {names}")
    for name, reason in live.seen.all_left_out():
        if reason != IGNORED:
            yield Checked(
                "root", Health.WARNING, f"{name} is not protected: {reason}", "see configvault status"
            )


def _is_volume(site: Site) -> bool:
    fd = site.root.open()
    try:
        return is_volume(fd)
    finally:
        os.close(fd)


def _foreign(state: Folder) -> int:
    if os.geteuid() == 0:
        return 0
    return sum(count for attributes, count in state.summary.census.items() if attributes.uid != os.geteuid())


def _vault(site: Site) -> Checks:
    ownership.require_root(site.vault.state, site.settings.root)
    site.vault.require_refs(every=True)
    path = site.vault.path
    found = os.stat(path)
    if not os.access(site.vault.state, os.W_OK | os.X_OK) or os.statvfs(path).f_flag & os.ST_RDONLY:
        yield Checked(
            "vault", Health.PROBLEM, f"{path} cannot be written", f"run it as {found.st_uid}, or remount it rw"
        )
    elif stat.S_IMODE(found.st_mode) & 0o077:
        yield Checked(
            "vault",
            Health.PROBLEM,
            f"{path} is accessible to other users, and it contains secrets",
            f"chmod 700 {path}",
        )
    elif strangers := [name for name in os.listdir(site.vault.state) if _owner(site, name) != found.st_uid]:
        said = f"{', '.join(sorted(strangers)[:3])} in {site.vault.state} does not belong to the vault's owner"
        yield Checked("vault", Health.PROBLEM, said, f"chown -R --reference={path} {path}")
    else:
        yield _ok("vault", f"{path} is writable, and not accessible to other users")
    if statefiles.JOURNAL.exists(site.vault.state):
        # Whoever holds the lock is at it, or finishes it first.
        is_left = lock.holder(statefiles.path(site.vault.state, statefiles.LOCK)) is None
        yield Checked(
            "vault",
            Health.PROBLEM if is_left else Health.WARNING,
            "a restore was interrupted: the root may be partly the old state, partly the new one",
            "finish it, or see what prevents that: configvault snapshot",
        )


def _owner(site: Site, name: str) -> int:
    return os.lstat(os.path.join(site.vault.state, name)).st_uid


def _lock(site: Site) -> Checks:
    held = lock.holder(statefiles.path(site.vault.state, statefiles.LOCK))
    if held is None:
        yield _ok("lock", "the vault's lock is free")
        return
    said = (
        f"process {held.get('pid')} ({held.get('command')}) has held the vault's lock since {held.get('since')}"
    )
    yield Checked("lock", Health.WARNING, said, "wait until it is done; if it hangs, end that process")


def _space(site: Site) -> Checks:
    for what, path in (("vault", site.vault.path), ("root", site.root.path)):
        if not os.path.isdir(path):
            continue
        free = os.statvfs(path)
        bytes_, inodes = free.f_bavail * free.f_frsize, free.f_favail
        if bytes_ < LEAST_FREE_BYTES:
            remedy = "free space on that file system"
            yield Checked(
                "space", Health.PROBLEM, f"only {bytes_ // 1024**2} MiB are free for the {what}", remedy
            )
        elif free.f_files and inodes < LEAST_FREE_INODES:
            yield Checked(
                "space", Health.PROBLEM, f"only {inodes} inodes are free for the {what}", "remove files there"
            )
        else:
            yield _ok("space", f"{bytes_ // 1024**2} MiB are free for the {what}")


def _clock(site: Site) -> Checks:
    latest = site.vault.latest()
    now = site.now()
    if latest is not None and latest.taken_at > now + timedelta(minutes=1):
        said = f"the latest snapshot was taken at {latest.taken_at:%Y-%m-%d %H:%M:%S}, but the clock shows {now:%Y-%m-%d %H:%M:%S}"
        yield Checked("clock", Health.WARNING, said, "set the clock: timedatectl set-ntp true")
    else:
        yield _ok("clock", f"{now:%Y-%m-%d %H:%M:%S %z}")


def _inotify(site: Site) -> Checks:
    folders = 1 + sum(isinstance(entry, Folder) for _, entry in scan.live(site, None).state.walk())
    with open("/proc/sys/fs/inotify/max_user_watches", encoding="ascii") as file:
        most = int(file.read())
    if folders > most // 2:
        remedy = (
            f"sysctl -w fs.inotify.max_user_watches={max(4 * folders, 65536)}, permanently in /etc/sysctl.d"
        )
        health = Health.PROBLEM if folders > most else Health.WARNING
        yield Checked(
            "inotify", health, f"{folders} folders to watch, {most} watches allowed for this user", remedy
        )
    else:
        yield _ok("inotify", f"{folders} folders to watch, {most} watches allowed")


def _daemon(site: Site) -> Checks:
    found = daemon_of(site.vault)
    if not found.running:
        remedy = "configvault unit install --now, or without systemd: configvault run"
        yield Checked(
            "daemon", Health.WARNING, "the daemon is not running: changes are not being recorded", remedy
        )
        return
    since = f"process {found.pid} since {found.since}"
    late = timedelta(seconds=2 * site.settings.watch.rescan + 60)
    trouble = daemonview.root_trouble(found.pid, site.root.path) if found.pid else None
    if trouble is not None:
        yield Checked("daemon", Health.PROBLEM, trouble.message, trouble.remedy)
    elif found.last_proof is not None and site.now() - found.last_proof > late:
        said = f"{since} has not seen its own test change since {found.last_proof:%Y-%m-%d %H:%M:%S}"
        yield Checked("daemon", Health.PROBLEM, said, "systemctl restart configvault")
    else:
        yield _ok("daemon", f"{since}, can read and restore the root")
    for reason in found.degraded:
        yield Checked("daemon", Health.WARNING, reason, "configvault status")


def _http(site: Site) -> Checks:
    """See that the pages of this daemon are the ones that answer where they should."""
    listen = site.settings.http.listen
    found = daemon_of(site.vault)
    if listen == "off" or not found.running or found.pid is None:
        return
    if listen.startswith("unix:"):
        yield _reachable_socket(listen.removeprefix("unix:"))
        return
    there = daemonview.listener(int(listen.rpartition(":")[2]))
    if there is not None and there.pid != found.pid:
        said = f"{listen} belongs to process {there.pid} ({there.name}), not to the daemon of this root"
        yield Checked(
            "http", Health.PROBLEM, said, "set another port in http.listen, then: systemctl reload configvault"
        )
    elif there is None and os.geteuid() == 0:
        yield Checked("http", Health.PROBLEM, f"nothing listens on {listen}", "systemctl restart configvault")
    elif there is not None:
        yield _ok("http", f"the daemon listens on {listen}")


def _reachable_socket(path: str) -> Checked:
    try:
        with socket.socket(socket.AF_UNIX) as to:
            to.settimeout(_CONNECT_S)
            to.connect(path)
    except OSError as error:
        return Checked(
            "http", Health.PROBLEM, f"{path}: {error.strerror or error}", "systemctl restart configvault"
        )
    return _ok("http", f"{path} answers")


# --- what it talks to


def _reload(site: Site) -> Checks:
    """See whether the service could be asked; to ask it would be to reload."""
    yield _probed("reload", site.probe_reload())


def _health(site: Site) -> Checks:
    # Nothing was reloaded just now that would have to come up first.
    for report in site.check_health(patience=Patience(once=True)):
        if report.ok:
            yield _ok("health", f"{report.name} passes")
        else:
            level = Health.PROBLEM if report.required else Health.WARNING
            yield Checked("health", level, f"{report.name}: {report.error}", "see health in the configuration")


def _service_log(site: Site) -> Checks:
    log = site.settings.service_log
    if log is None or log.path is None:
        return
    # A pipe would wait for a writer if it were opened.
    if os.access(log.path, os.R_OK):
        yield _ok("service_log", f"{log.path} is readable")
        return
    why = "is not readable" if os.path.lexists(log.path) else "does not exist"
    remedy = "let configvault read it, or set service_log.path: null"
    yield Checked("service_log", Health.PROBLEM, f"{log.path} {why}", remedy)


def _rollout(site: Site) -> Checks:
    if site.rollout is not None:
        yield _probed("rollout", site.rollout.probe())


def _notify(site: Site) -> Checks:
    for index, probe in enumerate(site.probe_notify()):
        yield _probed(f"notify[{index}]", probe)


def _replicas(site: Site) -> Checks:
    for remote in site.remotes():
        try:
            found = remote.examine(site.vault.git)
        except ConfigvaultError as error:
            yield Checked("replica", Health.PROBLEM, error.message, error.hint)
        else:
            yield _ok("replica", f"{remote.name} answers: {found.words}")
            for warning in found.warnings:
                yield Checked("replica", Health.WARNING, f"{remote.name}: {warning}", "see docs/fleet.md")


def _source(site: Site) -> Checks:
    source = site.settings.source
    if source is None or site.offered is None:
        return
    offered = site.offered(source.url)
    try:
        commit = offered.tip(Git(None, site.environ), source.ref)
    except ConfigvaultError as error:
        yield Checked("source", Health.PROBLEM, error.message, error.hint)
    else:
        yield _ok("source", f"{offered.name} answers: {source.ref} is {commit[:12]}")


def _rules(site: Site) -> Checks:
    for rule, command in site.validator.lacking().items():
        said = f"{rule} is configured but has no effect: its library is not installed"
        yield Checked("rules", Health.WARNING, said, command)


def _signing(site: Site) -> Checks:
    key = site.settings.signing.key
    if key is None or site.vault.sign is None:
        return
    if site.vault.sign(b"configvault doctor\n") is None:
        remedy = f"ssh-keygen -Y sign -n git -f {key} < /dev/null shows why"
        yield Checked("signing", Health.PROBLEM, f"{key} cannot sign: snapshots are recorded unsigned", remedy)
    else:
        yield _ok("signing", f"{key} signs")


def _probed(name: str, probe: Probe) -> Checked:
    return Checked(name, Health.OK if probe.ok else Health.PROBLEM, probe.message, probe.remedy)


_CHECKS: dict[str, Callable[[Site], Checks]] = {
    "git": _git,
    "vault": _vault,
    "lock": _lock,
    "root": _root,
    "space": _space,
    "clock": _clock,
    "inotify": _inotify,
    "daemon": _daemon,
    "http": _http,
    "rules": _rules,
    "signing": _signing,
    "reload": _reload,
    "service_log": _service_log,
    "health": _health,
    "rollout": _rollout,
    "notify": _notify,
    "replica": _replicas,
    "source": _source,
}
