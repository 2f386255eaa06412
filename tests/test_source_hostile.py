"""A source that is hostile: URLs that run programs, trees that no directory could be, servers that stall or never stop."""

from __future__ import annotations

import contextlib
import shutil
import socket
import ssl
import subprocess
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from harness import git_servers
from harness.daemon import Watched
from sites import Place, look
from test_deploying import run_git
from test_source import Forge, _file

NEEDS_OPENSSL = pytest.mark.skipif(shutil.which("openssl") is None, reason="openssl makes the certificate")


@pytest.fixture
def local(tmp_path: Path) -> Iterator[Forge]:
    """A forge on this machine's disk."""
    with _file(tmp_path) as made:
        yield made


@pytest.mark.parametrize(
    "section",
    [
        "{url: 'ext::sh -c touch% /tmp/x'}",
        "{url: 'http://git.example/x'}",
        "{url: 'git://git.example/x'}",
        "{url: '-oProxyCommand=touch:x'}",
        "{url: '--upload-pack=touch x'}",
        "{url: /srv/x.git}",
        "{url: 'file:///x', ref: '--upload-pack=touch'}",
        "{url: 'file:///x', ref: 'a:b'}",
        "{url: 'file:///x', ref: '+main'}",
        "{url: 'file:///x', ref: 'a..b'}",
        "{url: 'file:///x', ref: 'main^{tree}'}",
        "{url: 'file:///x', path: '../x'}",
        "{url: 'file:///x', path: /etc}",
        "{url: 'file:///x', every: 10ms}",
        "{url: 'file:///x', on_drift: ignore}",
    ],
)
def test_no_such_source_can_be_configured(section: str, tmp_path: Path) -> None:
    """What would run a program, be an option, lead out or hammer a server is a fault of the configuration."""
    place = Place(tmp_path / "place", f"source: {section}\n")
    ran = place.run("config", "validate")
    assert (ran.code, "source." in ran.err) == (78, True), ran


@pytest.mark.parametrize(
    "source",
    [
        "user@-oProxyCommand=touch:x", "ext::sh -c touch", "ssh://-oProxyCommand=touch/x", "file:///x#--upload-pack=touch",
        "file:///x#main:../../etc", "ssh://user@-oProxyCommand=touch/x", "https://-x/y",
    ],
)  # fmt: skip
def test_no_such_source_is_deployed(source: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nor does a URL on the command line run anything."""
    place = Place(tmp_path / "place")
    place.init({"a.yaml": "a: 1\n"})
    before = look(place.root)
    monkeypatch.chdir(tmp_path)
    ran = place.run("deploy", source)
    assert (ran.code in {1, 2}, bool(ran.said("error"))) == (True, True), ran
    assert look(place.root) == before
    assert sorted(path.name for path in tmp_path.iterdir()) == ["place"]


def _tree(work: Path, *rows: tuple[str, str, str, str]) -> str:
    """Return a commit whose folder `conf` has such entries, whatever git thinks of them."""
    raw = b""
    for mode, _, id_, name in rows:
        raw += f"{mode} {name}\0".encode() + bytes.fromhex(id_)
    made = subprocess.run(
        ["git", "-C", work, "hash-object", "-t", "tree", "-w", "--literally", "--stdin"],
        input=raw, capture_output=True, check=True,
    ).stdout.decode().strip()  # fmt: skip
    top = subprocess.run(
        ["git", "-C", work, "mktree"],
        input=f"040000 tree {made}\tconf\n",
        capture_output=True,
        text=True,
        check=True,
    ).stdout.strip()
    parent = run_git(work, "rev-parse", "HEAD").strip()
    who = ["-c", "user.name=a", "-c", "user.email=a@example.com"]
    return run_git(work, *who, "commit-tree", top, "-p", parent, "-m", "hostile").strip()


HOSTILE: dict[str, Callable[[str], tuple[tuple[str, str, str, str], ...]]] = {
    "dotdot": lambda blob: (("100644", "blob", blob, ".."),),
    "slash": lambda blob: (("100644", "blob", blob, "a/../../b"),),
    "git": lambda blob: (("100644", "blob", blob, ".GIT"),),
    "twice": lambda blob: (("100644", "blob", blob, "a.yaml"), ("100644", "blob", blob, "a.yaml")),
    "submodule": lambda _: (("160000", "commit", "1" * 40, "sub"),),
}


@pytest.mark.parametrize("what", HOSTILE)
def test_hostile_trees_are_refused_once(what: str, local: Forge, tmp_path: Path) -> None:
    """A tree that no directory could be is held as refused, nothing is written, and it is not fetched again."""
    place = Place(tmp_path / "host", local.source() + "\n")
    place.init({"a.yaml": "version: old\n"})
    place.ok("pull")
    before = look(place.root)
    (local.work / "blob").write_text("x: 1\n")
    blob = run_git(local.work, "hash-object", "-w", "blob").strip()
    commit = _tree(local.work, *HOSTILE[what](blob))
    run_git(local.work, "push", "-q", "origin", f"{commit}:refs/heads/main")
    for _ in range(2):
        ran = place.run("pull", "--json")
        assert (ran.code, ran.json["held"]) == (6, "refused"), ran
    assert look(place.root) == before
    left = [path.name for path in (place.vault / "configvault").iterdir() if path.name.startswith("candidate")]
    assert left == []
    place.fsck()


def test_lfs_pointers_are_refused(local: Forge, tmp_path: Path) -> None:
    """A pointer of Git LFS would be live in place of its file, and be valid YAML even: it is refused by name."""
    place = Place(tmp_path / "host", local.source() + "\n")
    place.init({"a.yaml": "version: old\n"})
    local.push(f"version https://git-lfs.github.com/spec/v1\noid sha256:{'0' * 64}\nsize 12345\n")
    ran = place.run("pull", "--json")
    assert (ran.code, "Git LFS pointer" in ran.json["message"]) == (6, True), ran
    assert (place.root / "a.yaml").read_text() == "version: old\n"


@contextlib.contextmanager
def serving(folder: Path, answer: Callable[[ssl.SSLSocket], None]) -> Iterator[tuple[str, dict[str, str]]]:
    """Answer every https connection in a thread of its own; yield the URL, and the environment that trusts it."""
    trusted, context = git_servers.certificate(folder)

    def handle(connection: socket.socket) -> None:
        with contextlib.suppress(OSError), context.wrap_socket(connection, server_side=True) as secure:
            answer(secure)

    with socket.create_server(("127.0.0.1", 0)) as listener:

        def accept() -> None:
            with contextlib.suppress(OSError):
                while True:
                    connection, _ = listener.accept()
                    threading.Thread(target=handle, args=(connection,), daemon=True).start()

        threading.Thread(target=accept, daemon=True).start()
        yield f"https://127.0.0.1:{listener.getsockname()[1]}/x.git", {"GIT_SSL_CAINFO": str(trusted)}
        listener.shutdown(socket.SHUT_RDWR)


def silent(connection: ssl.SSLSocket) -> None:
    """Read for ever, and never answer."""
    while connection.recv(4096):
        pass


def endless(connection: ssl.SSLSocket) -> None:
    """List references without end."""
    connection.recv(65536)
    head = "HTTP/1.1 200 OK\r\nContent-Type: application/x-git-upload-pack-advertisement\r\n\r\n"
    connection.sendall(head.encode() + b"001e# service=git-upload-pack\n0000")
    number = 0
    while True:
        rows = b""
        for number in range(number, number + 500):  # noqa: B020 - goes on where it was
            line = f"{number:040x} refs/heads/main/{number}\n".encode()
            rows += f"{len(line) + 4:04x}".encode() + line
        connection.sendall(rows)


@NEEDS_OPENSSL
@pytest.mark.parametrize("answer", [silent, endless])
def test_servers_that_never_end(answer: Callable[[ssl.SSLSocket], None], tmp_path: Path) -> None:
    """Who asks a server that stalls, or lists references for ever, is told so within `timeout`, and nothing is left."""
    with serving(tmp_path, answer) as (url, environ):
        place = Place(tmp_path / "host", f"source: {{url: '{url}', timeout: 2s}}\n")
        place.init({"a.yaml": "a: 1\n"})
        ran = place.process("pull", **environ)
        assert (ran.code, len(ran.said("error"))) == (1, 1), ran
        said = place.ok("status")["source"]
        assert (said["error"] is None, said["deployed"]) == (False, None)


@NEEDS_OPENSSL
def test_a_slow_server_keeps_nobody_waiting(tmp_path: Path) -> None:
    """While the daemon waits for a server that stalls, changes are recorded, and it stops when it is told to."""
    with serving(tmp_path, silent) as (url, environ):
        place = Watched(tmp_path / "host")
        place.configure(f"source: {{url: '{url}', timeout: 10m}}")
        with place.daemon(environ) as daemon:
            (place.root / "a.yaml").write_text("version: 2\n")
            daemon.wait("snapshot.recorded", trigger="change")
        assert "daemon.degraded" not in daemon.events()
