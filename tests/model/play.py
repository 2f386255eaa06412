"""The real thing beside the model: a root, a vault and a replica in memory, and the commands of the program on them."""

from __future__ import annotations

import contextlib
import fcntl
import io
import json
import os
import shutil
import stat
import subprocess
import sys
import threading
import traceback
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path
from types import FrameType
from typing import Any, NoReturn

from opinion import ILL, Config, Node, Tree

from configvault import app
from configvault.cli import context, parser
from configvault.core.errors import ConfigvaultError
from configvault.core.model import HealthReport
from configvault.daemon.reactions import Reactions
from configvault.daemon.standing import Standing
from configvault.disk import lock
from configvault.usecases import daemonstate
from configvault.usecases.observe import Look, observe
from configvault.usecases.site import Site

KILLED = 137
_CHANGING = frozenset(
    [
        "open",
        "write",
        "pwrite",
        "fsync",
        "fdatasync",
        "rename",
        "replace",
        "link",
        "symlink",
        "mkdir",
        "unlink",
        "remove",
        "rmdir",
        "chmod",
        "fchmod",
        "chown",
        "fchown",
        "lchown",
        "truncate",
        "ftruncate",
        "utime",
        "renameat2",
        "sync_file_system",
    ]
)


class Real:
    """One host: `now` is its clock."""

    def __init__(self, base: Path, now: datetime) -> None:
        """Make the folders; the configuration is still to be written."""
        self.base = base
        self.now = now
        self.root = base / "root"
        self.vault = base / "vault"
        self.replica = base / "replica.git"
        self.config = base / "config.yaml"
        self.forge = base / "forge"
        self.out = ""
        self.err = ""
        self._roots = 0
        self._known: Site | None = None
        self.root.mkdir()

    def configure(self, config: Config) -> None:
        """Write the configuration."""
        self.forget()
        service = f"! grep -rqs 'poison: ' {self.root}"
        self.config.write_text(
            json.dumps(
                {
                    "root": str(self.root),
                    "vault": str(self.vault),
                    "timezone": "UTC",
                    "host": "web-1",
                    "http": {"listen": "off"},
                    "watch": {"ignore": list(config.ignore)},
                    "validate": {"profile": config.profile, "rules": dict(config.rules)},
                    "reload": {"kind": "command", "command": ["sh", "-c", service], "attempts": 1},
                    "rollback": {"on_reload_failure": "undo" if config.undo else "keep"},
                    "changes": {
                        "on_invalid": config.on_invalid,
                        "reload": config.reload,
                        "on_reload_failure": config.on_reload_failure,
                    },
                    "replicas": [{"url": self.replica_url}],
                    "source": {"url": f"file://{self.forge}", "on_drift": config.on_drift},
                }
            )
        )

    @property
    def replica_url(self) -> str:
        """Return where replicas go."""
        return f"file://{self.replica}"

    # --- the program

    def run(self, *words: str, known: bool = False) -> int:
        """Run a command in this process and return its exit code; `out` is what it prints.

        `known`: on what the daemon has open, which spares the time to read the configuration.
        """
        out, err = io.StringIO(), io.StringIO()
        surroundings = _Context(self, self.site() if known else None)
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            try:
                args = parser.parse(["--config", str(self.config), "--json", *words])
                surroundings.take(args)
                code = int(args.run(surroundings, args))
            except ConfigvaultError as error:
                surroundings.fail(error)
                code = error.code
            finally:
                if not known:
                    surroundings.close()
        self.out, self.err = out.getvalue(), err.getvalue()
        return code

    def document(self, *words: str) -> Any:
        """Return what a command prints that only looks, and must work."""
        code = self.run(*words, known=True)
        assert code == 0, (words, code, self.out, self.err)
        return json.loads(self.out)

    def process(self, *words: str) -> Any:
        """Return what the same command prints as a process of its own, by the clock of this machine."""
        command = [sys.executable, "-m", "configvault", "--config", str(self.config), "--json", *words]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done
        return json.loads(done.stdout)

    @contextlib.contextmanager
    def daemon(self) -> Iterator[None]:
        """Let it look as if a daemon ran, so that a rollback that waits leaves the waiting to it."""
        with lock.hold(str(self.vault / "configvault" / "daemon.lock"), "configvault run"):
            yield

    def site(self) -> Site:
        """Return what the daemon works on."""
        if self._known is None:
            environ = dict(os.environ)
            self._known = app.open_site(app.load_settings(str(self.config), environ), environ)
            self.adapt(self._known)
        return self._known

    def forget(self) -> None:
        """Let the daemon open everything anew."""
        if self._known is not None:
            self._known.vault.close()
        self._known = None

    def adapt(self, site: Site) -> None:
        """Give a site the clock and the service of this host."""
        site.now = lambda: self.now
        site.check_health = self._health

    def _health(self, **_: object) -> tuple[HealthReport, ...]:
        files = [path for path in self.root.rglob("*") if path.is_file() and not path.is_symlink()]
        well = not any(ILL in path.read_bytes() for path in files)
        return (HealthReport("well", well, True, None if well else "it is ill"),)

    def look(self) -> int:
        """Do what the daemon does when something may have changed, the time of grace over."""
        site = self.site()
        reactions = Reactions(site, Standing(site.vault, os.getpid(), site.now, site.notify))
        seen = observe(site, "change", Look(), threading.Event())
        reactions.seen(seen)
        if reactions.due_s is not None:
            reactions.act(seen.state)
        return 0

    def restores(self) -> list[datetime]:
        """Return when something was restored without being asked for."""
        return [one.at for one in daemonstate.schedule(self.site().vault).restores]

    def killed(self, act: Callable[[], int], call: int) -> str:
        """Do `act` in a child that is killed before its state-changing call of that number; return which it was."""
        self.forget()  # its git children must not be shared with the child
        pid = os.fork()
        if pid == 0:
            self._be_killed(act, call)
        code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
        said = (self.base / "child").read_text() if code else ""
        assert code in (0, KILLED), said
        return said

    def _be_killed(self, act: Callable[[], int], call: int) -> NoReturn:
        left = call

        def count(frame: FrameType, event: str, argument: Any) -> None:
            nonlocal left
            name = argument.__name__ if event == "c_call" else frame.f_code.co_name if event == "call" else None
            if name in _CHANGING:
                left -= 1
                if left < 0:
                    sys.setprofile(None)
                    (self.base / "child").write_text(name)
                    os._exit(KILLED)

        try:
            sys.setprofile(count)
            act()
            sys.setprofile(None)
            os._exit(0)
        except BaseException:
            sys.setprofile(None)
            (self.base / "child").write_text(traceback.format_exc())
        finally:
            os._exit(1)

    # --- the root

    def put(self, path: str, node: Node | None, top: Path | None = None) -> None:
        """Make what is at `path` below `top` (the root) such; None: remove it, with all in it."""
        place = (top or self.root) / path
        sort, mode, content = node or ("", 0, b"")
        if place.is_symlink() or place.is_file():
            if sort != "file" or place.is_symlink():
                place.unlink()
        elif place.is_dir() and sort != "folder":
            shutil.rmtree(place)
        if sort == "folder":
            place.mkdir(exist_ok=True)
        elif sort == "link":
            place.symlink_to(content.decode())
        elif sort == "file":
            place.write_bytes(content)
        if sort in ("folder", "file"):
            place.chmod(mode)

    def tree(self, top: Path | None = None) -> Tree:
        """Return what is below `top` (the root)."""
        top = top or self.root
        found = {}
        for path in [top, *top.rglob("*")]:
            seen = path.lstat()
            name = str(path.relative_to(top))
            if stat.S_ISLNK(seen.st_mode):
                found[name] = ("link", 0o777, os.readlink(path).encode())
            elif stat.S_ISDIR(seen.st_mode):
                found[name] = ("folder", stat.S_IMODE(seen.st_mode), b"")
            else:
                found[name] = ("file", stat.S_IMODE(seen.st_mode), path.read_bytes())
        return found

    def export(self, id_: str) -> Tree:
        """Return what a snapshot restores to."""
        place = self.base / "exported"
        self.document("export", id_, "--format", "dir", "--output", str(place))
        found = self.tree(place)
        shutil.rmtree(place)
        return found

    def offer(self, files: Tree) -> None:
        """Commit other files to the repository that is pulled from."""
        git = ["git", "-C", self.forge, "-c", "user.name=a", "-c", "user.email=a@example.com"]
        if not self.forge.exists():
            subprocess.run(["git", "init", "--quiet", "--initial-branch=main", self.forge], check=True)
        for path in [one for one in self.forge.iterdir() if one.name != ".git"]:
            shutil.rmtree(path) if path.is_dir() else path.unlink()
        for name, (_, _, content) in files.items():
            path = self.forge / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
        subprocess.run([*git, "add", "--all", "--force"], check=True)
        subprocess.run([*git, "commit", "--quiet", "--allow-empty", "-m", "offer"], check=True)

    def directory(self, tree: Tree) -> Path:
        """Make a directory outside the root that holds `tree`, and return it."""
        place = self.base / "offered"
        if place.exists():
            shutil.rmtree(place)
        place.mkdir()
        for name in sorted(tree):
            if name != ".":
                self.put(name, tree[name], place)
        place.chmod(tree["."][1])
        return place

    @contextlib.contextmanager
    def editor(self, content: bytes) -> Iterator[None]:
        """Have `edit` write `content` into the copy."""
        (self.base / "typed").write_bytes(content)
        os.environ["EDITOR"] = f"cp {self.base / 'typed'}"
        try:
            yield
        finally:
            del os.environ["EDITOR"]

    def git_init_replica(self) -> None:
        """Make the place where replicas go."""
        subprocess.run(["git", "init", "--quiet", "--bare", "--initial-branch=main", self.replica], check=True)

    def lose(self, *, root: bool) -> None:
        """Lose the disk with the vault, and with the root if that is on it."""
        self.forget()
        shutil.rmtree(self.vault)
        if root:
            shutil.rmtree(self.root)

    def adopt(self) -> None:
        """Let the vault protect the root that the configuration names now, as `init --adopt` does."""
        settings = app.load_settings(str(self.config), dict(os.environ))
        app.adopt_root(settings, dict(os.environ), "configvault init", 30)

    def new_root(self) -> Path:
        """Return where there is no root yet."""
        self._roots += 1
        return self.base / f"root-{self._roots}"

    # --- the vault

    def git(self, *words: str) -> str:
        """Return what git prints about the vault."""
        done = subprocess.run(["git", "-C", self.vault, *words], capture_output=True, text=True, check=False)
        assert done.returncode == 0, done
        return done.stdout

    def refs(self) -> dict[str, str]:
        """Return every ref and what it leads to."""
        lines = self.git("for-each-ref", "--format=%(refname) %(objectname)").splitlines()
        return dict(line.split(" ") for line in lines)

    def history(self) -> list[str]:
        """Return the commits of main, newest first, each with its parents."""
        return self.git("rev-list", "--parents", "main").splitlines()

    def fsck(self) -> None:
        """Fail unless git finds the vault whole."""
        done = self.git("fsck", "--strict", "--full", "--no-dangling")
        assert done == "", done

    def leftovers(self) -> list[str]:
        """Return what no command leaves behind: temporary names in the root, a journal, locks, half-written files."""
        names = [
            *self.root.rglob(".configvault-*"),
            *self.vault.glob("*.lock"),
            *self.vault.rglob("refs/**/*.lock"),
        ]
        names += [*self.vault.rglob("*.tmp"), *self.vault.glob("configvault/journal*")]
        left = [str(path) for path in names]
        with open(self.vault / "configvault" / "lock") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                left.append("the lock is held")
        return left


class _Context(context.Context):
    """The surroundings of one command on a host of a test."""

    def __init__(self, real: Real, known: Site | None) -> None:
        super().__init__(dict(os.environ))
        self._real = real
        self._known = known

    def site(self, settings: Any = None, **how: Any) -> Site:
        if self._known is not None:
            return self._known
        site = super().site(settings, **how)
        self._real.adapt(site)
        return site
