"""Reloading: every kind against a real service and real programs that fail in every way."""

from __future__ import annotations

import os
import re
import shutil
import socket
import ssl
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import pytest

import configvault
from configvault import config
from configvault.core.model import Probe, ReloadReport
from configvault.core.settings import Expectation, ReloadSettings
from configvault.core.units import duration_text
from configvault.service import reload as reload_room
from configvault.service.reload import KINDS, kind
from configvault.service.reload.context import ReloadContext
from configvault.service.reload.kind import Kind
from configvault.service.reload.reloader import reloader
from tests.service import Script, answer, close, drip, hang, serving

CONTEXT = ReloadContext("backup_20240102_030405", "c" * 40, "7" * 40, "rollback")
ENVIRON = {"PATH": os.environ["PATH"], "LANG": "C"}

Failing = Callable[[int], ReloadSettings]


def reload(settings: ReloadSettings, stop: threading.Event | None = None, pause_s: float = 0.0) -> ReloadReport:
    """Reload without pauses."""
    return reloader(settings, ENVIRON, stop, pause_s=pause_s).reload(CONTEXT)


def http(url: str, **more: Any) -> ReloadSettings:
    """Return a single attempt at `url`."""
    return replace(ReloadSettings(url=url, attempts=1), **more)


def python(script: str, *argv: str, **more: Any) -> ReloadSettings:
    """Return a single attempt at a Python program."""
    command = (sys.executable, "-c", script, *argv)
    return replace(ReloadSettings(kind="command", command=command, attempts=1), **more)


# How to make a value for each key that a kind requires, in a temporary folder, so that `doctor` finds nothing wrong.
REQUIRED: dict[str, Callable[[Path], Any]] = {"command": lambda _folder: (sys.executable,)}


@contextmanager
def failing_http(_folder: Path) -> Iterator[Failing]:
    """Yield a service that refuses the first n times."""
    with serving(answer(200)) as service:

        def settings(n: int) -> ReloadSettings:
            service.answers[:] = [answer(500)] * n + [answer(200)]
            return http(service.url, attempts=3)

        yield settings


@contextmanager
def failing_command(folder: Path) -> Iterator[Failing]:
    """Yield a program that fails the first n times."""
    script = "import sys; f = open(sys.argv[1], 'a+'); f.write('.'); sys.exit(f.tell() <= int(sys.argv[2]))"
    yield lambda n: python(script, str(folder / "count"), str(n), attempts=3)


# For each kind that attempts something, how to make the first n of three attempts fail.
FAILING: dict[str, Callable[[Path], AbstractContextManager[Failing]]] = {
    "http": failing_http,
    "command": failing_command,
}


@pytest.fixture(params=FAILING)
def failing(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Failing]:
    """Make a reload of each kind that fails the first n times, of three attempts."""
    with FAILING[request.param](tmp_path) as settings:
        yield settings


def test_every_file_of_a_kind_has_its_row() -> None:
    """The rows of `KINDS` are exactly the files that define a `KIND`."""
    folder = Path(reload_room.__file__).parent
    assert {file.stem for file in folder.glob("*.py") if "\nKIND = " in file.read_text()} == set(KINDS)


@pytest.mark.parametrize("name", KINDS)
def test_a_kind_has_every_part(name: str, tmp_path: Path) -> None:
    """It has bounds where it has an attempt, `doctor` can ask it, and this suite can make it fail."""
    found = kind.find(name)
    assert isinstance(found, Kind)
    assert (found.timeout_s > 0, found.attempts > 0) == ((True, True) if found.attempt else (False, False))
    assert (found.attempt is not None) == (name in FAILING), "FAILING needs a way to make it fail"
    assert set(KINDS[name]) <= {field.name for field in fields(ReloadSettings)}, (
        "a key is a field of the settings"
    )
    assert set(KINDS[name]) <= set(REQUIRED), "REQUIRED needs a value for each key"
    with socket.create_server(("127.0.0.1", 0)) as server:
        # A value for each key that any kind may require; a program and a URL that are there.
        settings = replace(
            ReloadSettings(kind=name, url=f"http://127.0.0.1:{server.getsockname()[1]}"),
            **{key: REQUIRED[key](tmp_path) for key in KINDS[name]},
        )
        probe = found.probe(settings)
    assert isinstance(probe, Probe)
    assert (probe.ok, bool(probe.message), probe.remedy) == (True, True, None)


@pytest.mark.parametrize("name", KINDS)
def test_the_example_explains_every_kind(name: str) -> None:
    """`config.example.yaml` says of each kind what it does, and its bounds where the keys are null."""
    found, text = kind.find(name), config.example()
    assert re.search(rf"(?m)^  #.*\b{name}: ", text)
    if found.attempt is not None:
        assert re.search(rf"null: .*\b{name} {duration_text(found.timeout_s)}\b.*\n  timeout: null", text)
        assert re.search(rf"null: .*\b{name} {found.attempts}\b.*\n  attempts: null", text)


@pytest.mark.parametrize("name", KINDS)
def test_only_its_own_files_know_a_kind(name: str) -> None:
    """No other module compares the kind of a reload with a name."""
    package = Path(configvault.__file__).parent
    knows = re.compile(rf"""reload\.kind\b[^\n]*["']{name}["']|["']{name}["'][^\n]*reload\.kind\b""")
    assert [file.name for file in package.rglob("*.py") if knows.search(file.read_text())] == []


def test_how_often_and_how_long_follow_the_kind() -> None:
    """A command, which may restart the service, gets two minutes and one attempt; a URL ten seconds and three."""
    http, command = kind.find("http"), kind.find("command")
    assert (http.timeout_s, http.attempts, http.restarts) == (10.0, 3, False)
    assert (command.timeout_s, command.attempts, command.restarts) == (120.0, 1, True)
    with serving(answer(500), answer(500), answer(500), answer(200)) as service:
        assert reload(ReloadSettings(url=service.url)).attempts == 3
    assert reload(replace(python("raise SystemExit(1)"), attempts=None)).attempts == 1


@pytest.mark.parametrize("failures", [0, 1, 2])
def test_a_service_that_fails_first_is_asked_again(failing: Failing, failures: int) -> None:
    """As many attempts are made as it takes, and they are counted."""
    report = reload(failing(failures))
    assert (report.ok, report.attempts, report.error) == (True, failures + 1, None)


def test_the_attempts_end(failing: Failing) -> None:
    """After the last attempt the failure is reported, not raised."""
    report = reload(failing(9))
    assert (report.ok, report.attempts) == (False, 3)
    assert report.error


def test_stopping_ends_the_wait_between_attempts(failing: Failing) -> None:
    """A stop request is not held up by a pause of an hour."""
    stop = threading.Event()
    threading.Timer(0.05, stop.set).start()
    report = reload(failing(9), stop, pause_s=3600)
    assert not report.ok
    assert report.attempts < 3


def test_none_has_nothing_to_do() -> None:
    """The kind none succeeds without an attempt."""
    assert reload(ReloadSettings(kind="none")) == ReloadReport("none", True, 0, None, None, 0.0)


def test_a_promise_to_load_is_no_loading() -> None:
    """202 says that something may happen later; it counts only where the configuration says so."""
    with serving(answer(202)) as service:
        report = reload(http(service.url, attempts=1))
        assert (report.ok, report.status) == (False, 202)
        assert reload(http(service.url, attempts=1, expect=Expectation(status=(202,)))).ok


def test_the_service_learns_what_it_loads() -> None:
    """Method, own headers, the snapshot and one key for all attempts of a reload are sent; no body."""
    with serving(answer(500), answer(204)) as service:
        settings = http(
            service.url + "?a=b#c", headers={"Authorization": "Bearer x", "accept": "a/b"}, attempts=2
        )
        assert reload(settings).ok
        assert reload(settings).ok
        first, second, third = (service.headers(index) for index in range(3))
    assert service.asked[0].startswith("POST /reload?a=b HTTP/1.1\r\n")
    assert first["authorization"] == "Bearer x"
    assert first["accept"] == "a/b"
    assert first["content-length"] == "0"
    assert (first["configvault-snapshot"], first["configvault-tree"]) == (CONTEXT.snapshot, CONTEXT.tree)
    assert first["idempotency-key"] == second["idempotency-key"] != third["idempotency-key"]


def test_a_password_in_the_url_is_sent_as_a_header() -> None:
    """User and password of the URL become Basic credentials, unescaped."""
    with serving(answer(200)) as service:
        assert reload(http(service.url.replace("//", "//me:p%40ss@"))).ok
        assert service.headers()["authorization"] == "Basic bWU6cEBzcw=="


HTML = answer(200, "<html>can4ry</html>", "text/html; charset=utf-8")
JSON = answer(200, '{"status": "ok", "note": "can4ry", "count": 0}', "application/json; charset=utf-8")


@pytest.mark.parametrize(
    ("said", "expect", "error"),
    [
        (answer(204), Expectation(), None),
        (JSON, Expectation(content_type="application/json", contains='"ok"', json="status == 'ok'"), None),
        (JSON, Expectation(content_type="application/"), None),
        (answer(302, extra="Location: /x\r\n"), Expectation(status=(302,)), None),
        (answer(500, "can4ry"), Expectation(), "answered 500, wanted 200 or 204"),
        (answer(404), Expectation(status=(200,)), "answered 404, wanted 200"),
        (HTML, Expectation(content_type="application/json"), "answered 200 with text/html, wanted application/json"),
        (HTML, Expectation(json="status"), "answered 200 with text/html, which is not JSON, wanted application/json"),
        (HTML, Expectation(), "answered 200 with a web page .text/html., which does not prove a reload"),
        (HTML, Expectation(contains="can4ry"), None),
        (HTML, Expectation(content_type="text/html"), None),
        (HTML, Expectation(contains="ok"), "which does not contain the text wanted by expect.contains"),
        (JSON, Expectation(json="status == 'bad'"), "for which expect.json is false: .status == 'bad'.$"),
        (JSON, Expectation(json="gone"), "for which expect.json is null: 'gone'"),
        (JSON, Expectation(json="count"), "for which expect.json is zero or empty: 'count'"),
        (JSON, Expectation(json="length(gone)"), "for which expect.json cannot be evaluated: 'length"),
        (answer(200, "[" * 100_000), Expectation(json="a"), "which is not JSON"),
        (answer(200, "", "can4ry\x1b[31m"), Expectation(content_type="a/b"), "answered 200 with no content type"),
        (close, Expectation(), "closed the connection without a complete answer"),
        (b"can4ry\r\n\r\n", Expectation(), "sent an invalid HTTP answer|complete answer|aborted"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\ncan4ry", Expectation(), "without a complete answer"),
        (answer(200, "can4ry", extra="Content-Encoding: gzip\r\n"), Expectation(), "a body that cannot be decompressed"),
        (answer(303), Expectation(), "answered 303, wanted 200 or 204"),
    ],
)  # fmt: skip
def test_answers_are_compared_and_never_shown(
    said: bytes | Script, expect: Expectation, error: str | None
) -> None:
    """Status, content type, text and JMESPath must all fit; the failure says what was wanted, not the body."""
    with serving(said) as service:
        report = reload(http(service.url, expect=expect, headers={"X": "can4ry"}))
    assert report.ok is (error is None), report
    if error is not None:
        assert re.search(error, report.error or "")
        assert (report.error or "").startswith(f"127.0.0.1:{service.port} ")
        assert "can4ry" not in repr(report)


@pytest.mark.parametrize(
    "script",
    [hang, drip(b"HTTP/1.1 200 OK\r\nX: "), drip(b""), drip(b"HTTP/1.1 200 OK\r\nContent-Length: 99999\r\n\r\n")],
)  # fmt: skip
def test_a_service_that_hangs_or_drips_is_given_up(script: Script) -> None:
    """A server that sends nothing, or endless headers or body a byte at a time, fails at the time-out as a whole."""
    with serving(script) as service:
        report = reload(http(service.url, timeout=0.2))
    assert report.error == f"127.0.0.1:{service.port} sent no complete answer within 0.2s"
    # Ten seconds would be the harness giving up, not the reloader.
    assert report.elapsed_seconds < 10


def test_stopping_ends_an_attempt() -> None:
    """A stop request does not wait for a service that hangs."""
    stop = threading.Event()
    with serving(hang) as service:
        threading.Timer(0.05, stop.set).start()
        report = reload(http(service.url, timeout=3600), stop)
    assert report.error == f"127.0.0.1:{service.port} was abandoned, because configvault is stopping"


def test_an_endless_body_is_cut() -> None:
    """Of a body larger than 1 MiB only the start is read, and JSON in it is not trusted."""
    with serving(answer(200, '{"a": "' + "x" * (2 << 20) + '"}')) as service:
        assert reload(http(service.url)).ok
        report = reload(http(service.url, expect=Expectation(json="a")))
    assert "too large to be read as JSON" in (report.error or "")


def test_a_body_without_end_is_not_waited_for() -> None:
    """A service that never stops sending has answered once the first MiB is here."""

    def pour(connection: socket.socket, over: threading.Event) -> None:
        connection.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
        while not over.is_set():
            connection.sendall(b"x" * 65536)

    with serving(pour) as service:
        assert reload(http(service.url)).ok


def test_what_cannot_be_reached_is_said() -> None:
    """A refused connection and a name that does not resolve are told apart; the URL's password stays out."""
    with serving(answer()) as service:
        port = service.port
    assert reload(http(f"http://me:can4ry@127.0.0.1:{port}/can4ry")).error == (
        f"127.0.0.1:{port} refused the connection"
    )
    assert reload(http("http://can-not.invalid/")).error == "can-not.invalid:80 is a name that does not resolve"


def test_a_certificate_that_nobody_vouches_for_is_refused(tmp_path: Path) -> None:
    """An https service with a certificate of its own making is not sent anything, and the reason is said."""
    if shutil.which("openssl") is None:
        pytest.skip("openssl makes the certificate")
    pem = str(tmp_path / "pem")
    made = [
        "-x509",
        "-newkey",
        "rsa:2048",
        "-nodes",
        "-subj",
        "/CN=127.0.0.1",
        "-keyout",
        pem,
        "-out",
        pem + "2",
    ]
    subprocess.run(["openssl", "req", *made], check=True, capture_output=True)
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(pem + "2", pem)
    with serving(answer(200), tls=tls) as service:
        report = reload(http(service.url.replace("http:", "https:")))
        assert service.asked == []
    assert (
        report.error
        == f"127.0.0.1:{service.port} has a certificate that cannot be trusted: self-signed certificate"
    )


def to(location: str, status: int = 302) -> bytes:
    """Return a redirect."""
    return answer(status, extra=f"Location: {location}\r\n")


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_redirects_to_another_host_fail(status: int) -> None:
    """No redirect leaves the host and port of the URL: the failure names where it led, the other is never asked."""
    with serving(answer(200)) as other, serving(to(f"http://127.0.0.1:{other.port}/can4ry", status)) as service:
        report = reload(http(service.url, headers={"Authorization": "can4ry"}))
        assert (report.ok, report.status, other.asked) == (False, status, [])
    assert f"a redirect to http://127.0.0.1:{other.port}, which is not followed" in (report.error or "")
    assert "can4r" not in (report.error or "")


@pytest.mark.parametrize(
    ("method", "status", "then"),
    [
        ("POST", 307, "POST"),
        ("POST", 308, "POST"),
        ("POST", 303, "GET"),
        ("GET", 301, "GET"),
        ("GET", 302, "GET"),
        ("PUT", 302, None),
        ("POST", 301, None),
    ],
)
def test_redirects_on_the_same_host(method: str, status: int, then: str | None) -> None:
    """They are followed with the method kept by 307 and 308; one that would lose the method is a failure."""
    with serving(to("/there", status), answer(200)) as service:
        report = reload(http(service.url, method=method, headers={"A": "b"}))
        if then is None:
            assert f"answered {status}, a redirect that would turn {method} into GET" in (report.error or "")
        else:
            assert report.ok
            assert service.asked[1].startswith(f"{then} /there HTTP/1.1")
            assert service.headers(1)["a"] == "b"


def test_redirects_in_a_circle_end() -> None:
    """The fourth redirect is a failure."""
    with serving(to("/reload", 307)) as service:
        report = reload(http(service.url))
        assert len(service.asked) == 4
    assert report.error == f"127.0.0.1:{service.port} redirected more than 3 times"


def test_no_proxy_is_taken_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """The service is asked itself, whatever http_proxy says."""
    with serving(answer(200)) as service, serving(answer(500)) as proxy:
        monkeypatch.setenv("http_proxy", proxy.url)
        assert reload(http(service.url)).ok
        assert proxy.asked == []


def test_a_command_runs_apart(tmp_path: Path) -> None:
    """It runs in `/` without a shell, with nothing to read, the snapshot in its environment, not systemd's socket."""
    script = (
        "import os, sys; print([os.getcwd(), sys.stdin.read(), os.getsid(0) == os.getpid(), sys.argv[1],"
        " *(os.environ.get(n) for n in ('CONFIGVAULT_SNAPSHOT', 'CONFIGVAULT_COMMIT', 'LANG', 'NOTIFY_SOCKET'))],"
        " file=open(sys.argv[2], 'w'))"
    )
    settings = python(script, "$HOME; x", str(tmp_path / "out"))
    report = reloader(settings, ENVIRON | {"NOTIFY_SOCKET": "/x"}).reload(CONTEXT)
    assert (report.kind, report.ok, report.attempts, report.status, report.error) == (
        "command",
        True,
        1,
        None,
        None,
    )
    assert (tmp_path / "out").read_text() == f"['/', '', True, '$HOME; x', '{CONTEXT.snapshot}', '{CONTEXT.commit}', 'C', None]\n"  # fmt: skip


@pytest.mark.parametrize(
    ("script", "error"),
    [
        ("raise SystemExit(3)", "exited with code 3$"),
        ("raise SystemExit('no unit')", "exited with code 1: no unit$"),
        ("print('a\\x1b[31m'); print('b'); raise SystemExit(2)", "exited with code 2 and said:\na \\[31m\nb$"),
        ("print('a\\ntoken=can4ry\\nb'); exit(1)", "said:\na\n\\(a line that may hold a secret\\)\nb$"),
        ("print('can4ry' * 9); exit(1)", "exited with code 1: \\(a line that may hold a secret\\)$"),
        (
            "print('wJalrXUtnFEMI/K7MDENG/bPxRfican4ryEXAMPLE'); exit(1)",
            "exited with code 1: \\(a line that may hold a secret\\)$",
        ),
        (
            "print('/srv/app/backend/conf/plugin/pluginproduct/plugin_meta.yaml: no'); exit(1)",
            "1: /srv/app/backend/conf/plugin/pluginproduct/plugin_meta.yaml: no$",
        ),
        (
            "print('see lark_authentication_authorization.yaml'); exit(1)",
            "_authorization.yaml$",
        ),
        ("print('x \\n' * 99999 + 'end'); exit(1)", "x\nend$"),
        ("import os; os.kill(os.getpid(), 11)", "was killed by signal 11$"),
    ],
)
def test_a_command_that_fails_says_why(script: str, error: str) -> None:
    """The exit code and the end of the output are kept, without lines that look like secrets."""
    report = reload(python(script))
    assert not report.ok
    assert re.search(error, report.error or "")
    assert len(report.error or "") < 5000
    assert "can4r" not in (report.error or "")


def test_a_command_that_is_not_there_is_said() -> None:
    """A program that cannot be started is a failure with the system's reason."""
    report = reload(ReloadSettings(kind="command", command=("/nonexistent/program",), attempts=1))
    assert report.error == "cannot run '/nonexistent/program': No such file or directory"


def test_a_command_that_hangs_is_killed_with_its_children(tmp_path: Path) -> None:
    """At the time-out the whole process group goes, and nobody keeps its pipe."""
    fifo = tmp_path / "alive"
    os.mkfifo(fifo)
    # The child holds the fifo open for writing as long as it lives.
    script = "import subprocess, sys; subprocess.run(['sh', '-c', 'exec 3>\"$0\"; sleep 600', sys.argv[1]])"
    reader = os.open(fifo, os.O_RDONLY | os.O_NONBLOCK)
    try:
        report = reload(python(script, str(fifo), timeout=1.0))
        assert (report.error or "").endswith("did not finish within 1s and was killed")
        os.set_blocking(reader, True)
        assert os.read(reader, 1) == b""
    finally:
        os.close(reader)


def test_a_child_left_behind_is_not_waited_for(tmp_path: Path) -> None:
    """A command that starts a server in the background is done when it ends itself, though its pipe stays open."""
    os.mkfifo(tmp_path / "end")
    # The child keeps the pipe until this test opens the other end of the fifo, after the reload is over.
    script = "import subprocess, sys; subprocess.Popen(['cat', sys.argv[1]], start_new_session=True)"
    assert reload(python(script, str(tmp_path / "end"), timeout=20.0)).ok
    os.close(os.open(tmp_path / "end", os.O_WRONLY))


def test_stopping_ends_a_command() -> None:
    """A stop request kills a command that is running."""
    stop = threading.Event()
    threading.Timer(0.05, stop.set).start()
    report = reload(python("import time; time.sleep(600)", timeout=3600), stop)
    assert (report.error or "").endswith("was killed, because configvault is stopping")
