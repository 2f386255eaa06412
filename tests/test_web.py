"""The pages over HTTP: what they show, who may ask, what they never do."""

from __future__ import annotations

import contextlib
import html
import json
import re
import shlex
import socket
import stat
import subprocess
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path

import pytest
from pages import Pages, showing
from plugins import GOOD, META, META_PATH, swap
from sites import Place

from configvault import web
from configvault.core.errors import ConfigvaultError
from configvault.core.timeline import Timeline, Wanted
from configvault.web import guard
from configvault.web.application import ROUTES
from configvault.web.markup import Markup, el, escape, join
from configvault.web.pages.difference import Row, side_by_side

VOID = {"meta", "link", "input", "br", "hr"}
TOKEN = "harbour-master"


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Place:
    """Return a place with two snapshots, a rollback's words, a pin, and a refused state that is live."""
    place = Place(tmp_path_factory.mktemp("web"), profile="coze")
    place.init(GOOD)
    place.snapshot(
        {META_PATH: swap(META, "v1.2.0", "v1.3.0")}, "-m", "asked for by <b>ops</b>", "--pin", "stable"
    )
    place.write({META_PATH: swap(META, "version: v0.3.1", "version: [v0.3.1")})
    assert place.run("snapshot").code == 3
    return place


@pytest.fixture(scope="module")
def pages(place: Place) -> Iterator[Pages]:
    """Return its pages."""
    with showing(place) as pages:
        yield pages


class Checked(HTMLParser):
    """A page read strictly: every element closed in order, ids unique, labels and links that lead somewhere."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str, str]] = []
        self.text = ""
        self.feed(text)
        self.close()
        assert self.open == []
        ids = [value for _, name, value in self.attributes if name == "id"]
        assert len(ids) == len(set(ids))
        assert {value for _, name, value in self.attributes if name == "for"} <= set(ids)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note an element and what stands in it."""
        self.tags.append(tag)
        self.attributes += [(tag, name, value or "") for name, value in attrs]
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        """See that the innermost one ends."""
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        """Note text."""
        self.text += data


def page(pages: Pages, path: str, status: int = 200) -> Checked:
    """Return a page, checked for what must be true of all of them."""
    got = pages.get(path)
    assert got.status == status, got.body
    assert got.headers["content-type"] == "text/html; charset=utf-8"
    found = Checked(got.body)
    assert found.tags.count("h1") == found.tags.count("main") == found.tags.count("head") == 1
    assert {"style", "iframe", "object", "embed"} & set(found.tags) == set()
    # The one script is a file of ours.
    assert [value for tag, name, value in found.attributes if tag == "script" and name == "src"] == ["/page.js"]
    assert found.tags.count("script") == 1
    for tag, name, value in found.attributes:
        assert not name.startswith("on"), (tag, name)
        assert name != "style"
        if name in ("href", "src", "action"):
            assert value.startswith(("/", "#")), value
    return found


def ids(pages: Pages) -> tuple[list[str], str]:
    """Return the ids of the snapshots, newest first, and of the refused state."""
    snapshots = json.loads(pages.get("/api/snapshots").body)["snapshots"]
    [rejected] = json.loads(pages.get("/api/rejected").body)["rejected"]
    return [one["id"] for one in snapshots], rejected["id"]


# --- what is shown


def test_history_shows_snapshots_refusals_and_how_things_stand(pages: Pages) -> None:
    """The first page shows what is live and good, every snapshot and refusal, words of people as text."""
    found = page(pages, "/")
    snapshots, rejected = ids(pages)
    for id_ in (*snapshots, rejected):
        assert id_ in found.text
    assert "live was rejected" in found.text
    assert "Update tides (Tide tables): version v1.2.0 → v1.3.0" in found.text
    assert "asked for by <b>ops</b>" in found.text
    assert "pin:stable" in found.text
    assert "b" not in found.tags


def test_how_things_stand_is_what_status_says(
    place: Place, pages: Pages, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A rollback that waits, names that are left out, a daemon that polls and a service behind are all told of."""
    real = pages.source.status()
    newest, oldest = ids(pages)[0]
    at = "2023-12-01T12:00:00+00:00"
    daemon = {"running": True, "pid": 1, "since": at, "watching": "polling", "last_proof": at}
    pending = {"target": oldest, "until": at}
    left_out = [{"path": f"{name}/<b>", "reason": "git reserves this name"} for name in "abcde"]
    said = {
        **real,
        "daemon": daemon,
        "pending": pending,
        "left_out": left_out,
        "latest": newest,
        "loaded": oldest,
        "replicas": [
            {"url": "s3://bucket/<b>/web-1", "behind": 2, "pushed_at": at, "reason": "login"},
            {"url": "/replica.git", "behind": 0, "pushed_at": None, "reason": None},
        ],
        "schedule": {"next": {"drill": at}, "last": {"drill": at}, "drilled": False},
    }
    monkeypatch.setattr(pages.source, "status", lambda: said)
    text = page(pages, "/").text
    for expected in (
        f"pending the rollback to {oldest} is undone at 2023-12-01 12:00:00 +0000",
        "left out a/<b>: git reserves this name", "left out and 2 more", "watch polling, last verified 2023-12-01 12:00:00",
        "daemon running since 2023-12-01 12:00:00 +0000",
        "replica s3://bucket/<b>/web-1 is 2 snapshots behind, last push 2023-12-01 12:00:00 +0000",
        "replica /replica.git is up to date, never pushed",
        "drill could not recover from every replica, 2023-12-01 12:00:00 +0000", "drill next at 2023-12-01 12:00:00 +0000",
    ):  # fmt: skip
        assert expected in text
    assert re.search(
        rf'<li class="warn"><strong>loaded</strong> <a href="/snapshots/{oldest}">', pages.get("/").body
    )


def test_history_can_be_filtered(pages: Pages) -> None:
    """By plugin, actor, time and sort; what cannot be read as a time is said to be so."""
    snapshots, rejected = ids(pages)
    assert "1 to 3 of 3" in page(pages, "/?plugin=tides").text
    assert "1 to 2 of 2" in page(pages, "/?plugin=tides&only=snapshots").text
    assert "0 of 0" in page(pages, "/?plugin=nothing").text
    assert "3 of 3" in page(pages, "/?since=yesterday").text
    assert "0 of 0" in page(pages, "/?until=yesterday").text
    assert "0 of 0" in page(pages, "/?actor=nobody-at-all").text
    only = page(pages, "/?only=rejected").text
    assert rejected in only
    assert f"{snapshots[1]}" not in only
    assert "Not understood" in page(pages, "/?since=whenever", 400).text
    assert "Not understood" in page(pages, "/?page=x", 400).text


def test_a_snapshot_says_how_to_go_back(place: Place, pages: Pages) -> None:
    """A snapshot's page has its facts, its changes and the command to paste; references are taken, too."""
    newest = ids(pages)[0][0]
    for path in (f"/snapshots/{newest}", "/snapshots/latest", "/snapshots/pin:stable"):
        found = page(pages, path)
        assert f"configvault -c {place.config} rollback {newest} --dry-run" in found.text
        assert found.tags.count("pre") == 2
        assert "asked for by <b>ops</b>" in found.text
        assert META_PATH in found.text
        assert "tides (Tide tables)" in found.text
    assert "Not found" in page(pages, "/snapshots/backup_20000101_000000", 404).text


def test_a_refusal_shows_the_line_and_a_caret(place: Place, pages: Pages) -> None:
    """A refused state's page shows where, why, the line, a caret below the column, and what to do."""
    found = page(pages, f"/rejected/{ids(pages)[1]}")
    assert f"{META_PATH}:37:1" in found.text
    assert re.search(r"37 tools:\n *\^", found.text) or re.search(r"version: \[v0.3.1", found.text)
    assert f"configvault -c {place.config} rollback latest" in found.text


def test_commands_on_pages_can_be_pasted(place: Place, pages: Pages) -> None:
    """Each command on a page or in an error of the API names the configuration, and is understood as it stands."""
    snapshots, refused = ids(pages)
    paths = [f"/rejected/{refused}", f"/snapshots/{snapshots[0]}", f"/diff/{snapshots[1]}..live"]
    bodies = [pages.get(path).body for path in (*paths, "/snapshots/nothing", "/rejected/nothing")]
    commands = [
        html.unescape(one) for body in bodies for one in re.findall(r"<code>(configvault [^<]*)<", body)
    ]
    commands.append(json.loads(pages.get("/api/snapshots/nothing").body)["error"]["hint"])
    assert len(commands) >= 5
    for command in commands:
        words = shlex.split(command)
        assert words[1:3] == ["-c", str(place.config)], command
        done = place.process(*words[1:], *(["--dry-run"] if "rollback" in words else []))
        assert done.code == 0, (command, done)


def test_a_difference_is_side_by_side_without_secrets(place: Place, pages: Pages) -> None:
    """Old and new lines stand beside each other; a changed secret shows as two marks, its value nowhere."""
    [newest, oldest], rejected = ids(pages)
    found = page(pages, f"/diff/{oldest}..{newest}")
    assert "v1.2.0" in found.text
    assert "v1.3.0" in found.text
    place.write({META_PATH: META.replace(TOKEN, TOKEN + "-2")})
    body = pages.get("/diff/latest..live").body
    place.write({META_PATH: swap(META, "version: v0.3.1", "version: [v0.3.1")})
    assert TOKEN not in body
    assert body.count("&lt;secret#") >= 2
    assert page(pages, f"/diff/before..{rejected}").tags.count("table") == 1
    assert page(pages, f"/diff/before..{newest}").tags.count("table") == 1
    for path in ("/diff/x", "/diff/..", f"/diff/before..{oldest}", "/diff/latest..nothing"):
        page(pages, path, 404)


def test_rows_of_a_difference() -> None:
    """Lines that went stand beside lines that came; the longer side goes on alone."""
    lines = [
        "--- a/x",
        "+++ b/x",
        "@@ -1,3 +1,4 @@",
        " same",
        "-old",
        "-older",
        "+new",
        "+newer",
        "+newest",
        " end",
    ]
    assert list(side_by_side(lines)) == [
        Row(None, None, "@@ -1,3 +1,4 @@"),
        Row((1, "same"), (1, "same")),
        Row((2, "old"), (2, "new")),
        Row((3, "older"), (3, "newer")),
        Row(None, (4, "newest")),
        Row((4, "end"), (5, "end")),
    ]


def test_a_missing_end_of_line_parts_no_rows() -> None:
    """That a side ends without a line end is said below both, once."""
    end = "\\ No newline at end of file"
    lines = ["--- a/x", "+++ b/x", "@@ -1 +1 @@", "-old", end, "+new", end]
    said = Row(None, None, "No newline at end of file")
    assert list(side_by_side(lines))[1:] == [Row((1, "old"), (1, "new")), said]


# --- programs


def test_api_is_the_command_line(place: Place, pages: Pages) -> None:
    """The documents under /api are those that the commands print."""
    newest = ids(pages)[0][0]
    assert json.loads(pages.get("/api/status").body) == place.ok("status")
    listed = json.loads(pages.get("/api/snapshots").body)
    assert listed["snapshots"] == place.ok("list")["snapshots"]
    assert (listed["page"], listed["pages"], listed["total"]) == (1, 1, 2)
    assert json.loads(pages.get(f"/api/snapshots/{newest}").body) == place.ok("show", newest)
    rejected = json.loads(pages.get("/api/rejected").body)
    assert rejected["rejected"] == place.ok("rejected", "list")["rejected"]
    assert (rejected["page"], rejected["pages"], rejected["total"]) == (1, 1, 1)
    one = json.loads(pages.get("/api/snapshots?limit=1&page=2").body)
    assert [row["id"] for row in one["snapshots"]] == [ids(pages)[0][1]]
    failed = pages.get("/api/snapshots/nothing")
    assert (failed.status, json.loads(failed.body)["error"]["kind"]) == (404, "reference")
    assert pages.get("/api/snapshots?limit=0").status == 400


def test_health_and_readiness(pages: Pages) -> None:
    """Both answer 200 when all is well, and 503 with the reasons when not."""
    assert (pages.get("/health").status, pages.get("/health").body) == (200, "ok\n")
    assert (pages.get("/ready").status, pages.get("/ready").body) == (200, "ready\n")
    pages.source.wrong, pages.source.reasons = "the worker hangs", ["no root", "no watch"]
    try:
        assert (pages.get("/health").status, pages.get("/health").body) == (503, "the worker hangs\n")
        assert (pages.get("/ready").status, pages.get("/ready").body) == (503, "no root\nno watch\n")
    finally:
        pages.source.wrong, pages.source.reasons = None, []


def test_metrics_in_both_formats(pages: Pages) -> None:
    """A scraper gets text, or OpenMetrics where it accepts that."""
    assert "configvault_files 1.0" in pages.get("/metrics").body
    got = pages.get("/metrics", Accept="application/openmetrics-text; version=1.0.0")
    assert got.headers["content-type"].startswith("application/openmetrics-text")
    assert got.body.endswith("# EOF\n")


# --- who may ask


@pytest.mark.parametrize(
    "host", ["localhost", "localhost:9999", "127.0.0.1", "127.0.0.1:9460", "[::1]:1", "127.8.8.8"]
)
def test_hosts_that_are_ours(pages: Pages, host: str) -> None:
    """Loopback by any of its names, on whatever port a tunnel put it."""
    assert pages.get("/health", host=host).status == 200


@pytest.mark.parametrize(
    "host",
    [
        "evil.example",
        "localhost.evil.example",
        "127.0.0.1.evil.example",
        "10.0.0.1",
        "x@localhost",
        "a b",
        "[::1",
    ],
)
def test_hosts_that_are_not(pages: Pages, host: str) -> None:
    """A name that somebody else made resolve to loopback gets nothing, on any path."""
    for path in ("/", "/health", "/metrics", "/style.css", "/api/status"):
        assert pages.get(path, host=host).status in (400, 421)


def test_a_request_without_host_is_refused(pages: Pages) -> None:
    """HTTP/1.0 without a Host header names nobody."""
    host, _, port = pages.address.rpartition(":")
    with socket.create_connection((host, int(port)), 30) as connection:
        connection.sendall(b"GET / HTTP/1.0\r\n\r\n")
        assert connection.makefile("rb").readline().split()[1] == b"421"


@pytest.mark.parametrize(
    "path", ["/", "/health", "/metrics", "/api/status", "/style.css", "/nothing", "/api/nothing"]
)
def test_every_answer_has_the_security_headers(pages: Pages, path: str) -> None:
    """Pages, data and errors alike: nothing inline, nothing framed, nothing shared, nothing kept."""
    got = pages.get(path)
    for name, value in guard.HEADERS:
        assert got.headers[name.lower()] == value
    assert not [name for name in got.headers if name.startswith("access-control")]
    assert "server" not in got.headers
    assert "unsafe-inline" not in got.headers["content-security-policy"]


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE"])
def test_nothing_but_get(pages: Pages, method: str) -> None:
    """Whatever changes something is the command line's."""
    got = pages.get("/", method)
    assert (got.status, got.headers["allow"]) == (405, "GET, HEAD")


def test_head_has_no_body(pages: Pages) -> None:
    """HEAD gets the headers alone."""
    got = pages.get("/", "HEAD")
    assert (got.status, got.body) == (200, "")
    assert int(got.headers["content-length"]) > 100


def test_limits(pages: Pages) -> None:
    """Endless headers, large bodies and endless queries are refused by the server."""
    assert pages.get("/health", X_Long="x" * 20_000).status == 431
    assert pages.get("/health", Content_Length="5000").status == 413
    assert pages.get("/?" + "&".join(f"a{i}=1" for i in range(50))).status == 400
    assert pages.get("/health").status == 200


@pytest.mark.parametrize(
    "path",
    [
        "/snapshots/../../etc/passwd",
        "/snapshots/%2e%2e%2fx",
        "/..//..",
        "/diff/%00..%00",
        "/rejected/rejected_%0a",
    ],
)
def test_paths_lead_nowhere_else(pages: Pages, path: str) -> None:
    """A path is a reference or nothing."""
    assert pages.get(path).status in (400, 404)


def test_a_page_that_fails_says_no_content(pages: Pages, monkeypatch: pytest.MonkeyPatch) -> None:
    """A fault shows as a 500 without a trace; its kind goes to the log, its text nowhere."""

    def broken(wanted: Wanted) -> Timeline:
        raise RuntimeError("token=abcDEF123456")

    monkeypatch.setattr(pages.source, "timeline", broken)
    assert "abcDEF" not in pages.get("/").body
    assert page(pages, "/", 500).text.count("this page failed") == 1
    assert pages.source.complaints[-1].startswith("the page '' failed: unexpected RuntimeError at test_web.py:")
    assert "abcDEF" not in pages.source.complaints[-1]


# --- where it listens


@pytest.mark.parametrize("beginning", [b"", b"G", b"GET /health HTTP/1.1\r\nHost: localhost\r\nX: "])
def test_those_who_wait_silence_nobody(place: Place, beginning: bytes) -> None:
    """Two hundred connections that never finish their request keep nobody from asking, and do not stay."""
    with showing(place) as pages, contextlib.ExitStack() as held:
        host, _, port = pages.address.rpartition(":")
        slow = [held.enter_context(socket.create_connection((host, int(port)), timeout=30)) for _ in range(200)]
        for one in slow:
            with contextlib.suppress(OSError):
                one.sendall(beginning)
        for _ in range(3):
            assert pages.get("/health").status == 200
            assert pages.get("/").status == 200
        # The first of them was closed to make room.
        with contextlib.suppress(ConnectionResetError):
            assert slow[0].recv(1) == b""


def test_unix_socket(place: Place, tmp_path: Path) -> None:
    """On a unix socket that its group may use; gone when the server is."""
    path = tmp_path / "web.sock"
    with showing(place, f"unix:{path}") as pages:
        assert pages.get("/health", host="whoever").status == 200
        assert stat.S_IMODE(path.stat().st_mode) == 0o660
    assert not path.exists()


def test_a_taken_port_is_an_error_with_a_remedy(place: Place, pages: Pages) -> None:
    """Two servers cannot listen in one place, and the second says so."""
    with pytest.raises(ConfigvaultError) as caught:
        web.serve(pages.address, pages.source)
    assert pages.address in caught.value.message
    assert "http.listen" in (caught.value.hint or "")


def test_metrics_alone_for_whoever_asks(place: Place, pages: Pages) -> None:
    """The second address answers health and metrics under any name, and no page, nor anything of the history."""
    server = web.serve("127.0.0.1:0", pages.source, metrics_only=True)
    try:
        other = Pages(pages.source, server.address)
        for path in ("/metrics", "/health", "/ready"):
            assert other.get(path, host="configvault.coze-studio.svc:9461").status == 200
        for path in ("/", "/api/snapshots", "/style.css", "/snapshots/latest", "/metrics/"):
            assert other.get(path, host="localhost").status == 404
        with pytest.raises(ConfigvaultError) as caught:
            web.serve(server.address, pages.source, metrics_only=True)
        assert "http.metrics" in (caught.value.hint or "")
    finally:
        server.close()


def test_a_closed_server_is_gone(place: Place) -> None:
    """After close nothing listens, and the same place can be listened on again."""
    with showing(place) as pages:
        address = pages.address
    with pytest.raises(ConnectionRefusedError):
        pages.get("/health")
    with showing(place, address) as again:
        assert again.get("/health").status == 200


# --- what tries to get out


def test_markup_escapes_all_that_is_not_markup() -> None:
    """Text, attributes, and strings joined from markup are escaped; what does not print shows as an escape."""
    assert el("a", "<&>", href='"x"') == '<a href="&quot;x&quot;">&lt;&amp;&gt;</a>'
    assert join(str(el("b")) + "<i>") == "&lt;b&gt;&lt;/b&gt;&lt;i&gt;"
    assert isinstance(join("x"), Markup)
    assert escape("a\x1b[31m\u202e\udcff\x00") == "a\\x1b[31m\\u202e\\xff\\x00"
    assert el("p", None, [el("br"), 3], hidden=True, id=None) == "<p hidden><br>3</p>"


HOSTILE = [
    "<script>alert(1)</script>.txt",
    '"><img src=x onerror=alert(1)>.txt',
    "javascript:alert(1)",
    "a\nb\x1b]0;owned\x07.txt",
    "\u202egnp.exe",
    "\udcff\udcfe.txt",
    "{{7*7}} ${x} &lt; &#60;.txt",
]


def test_hostile_names_and_contents(tmp_path: Path) -> None:
    """File names and contents that try to inject markup are shown as text on every page."""
    place = Place(tmp_path / "hostile")
    place.init({"a": "x"})
    contents = "</td></table><script>alert(2)</script>\n<!-- \x1b[2J\n"  # no YAML
    place.snapshot(dict.fromkeys(HOSTILE, contents), "-m", "<script>alert(3)</script>", "--pin", "<b>&\"'")
    place.run("annotate", "latest", "-m", "</dd><script>alert(4)</script>")
    place.write({"<svg onload=alert(5)>.yaml": "a: [\n"})
    assert place.run("snapshot").code == 3
    with showing(place) as pages:
        snapshots, rejected = ids(pages)
        for path in (
            "/", f"/snapshots/{snapshots[0]}", f"/diff/before..{snapshots[0]}", f"/rejected/{rejected}",
            f"/diff/before..{rejected}", "/?plugin=<script>&actor=\"><script>&page=1", "/snapshots/<script>",
            "/diff/<script>..</h1>",
        ):  # fmt: skip
            got = pages.get(path.replace("<", "%3C").replace(">", "%3E").replace('"', "%22"))
            found = Checked(got.body)
            assert {"img", "b", "i"} & set(found.tags) == set(), path
            assert found.tags.count("script") == 1
            assert "alert" not in "".join(
                value for tag, _, value in found.attributes if tag in ("script", "svg")
            )
            assert "\x1b" not in got.body
            assert "a\nb" not in found.text, path


def test_five_thousand_snapshots(tmp_path: Path) -> None:
    """A long history comes in pages of fifty that all can be reached, and each stays small."""
    place = Place(tmp_path / "many")
    place.init({"a": "0"})
    _fast_import(place, 5000)
    with showing(place) as pages:
        got = pages.get("/")
        assert "1 to 50 of 5001" in Checked(got.body).text
        assert len(got.body) < 60_000
        assert "5001 to 5001 of 5001" in page(pages, "/?page=101").text
        assert "5001 to 5001 of 5001" in page(pages, "/?page=999").text
        assert json.loads(pages.get("/api/snapshots?limit=1000&page=5").body)["pages"] == 6


def test_a_page_reads_no_more_of_the_history_than_down_to_it(tmp_path: Path) -> None:
    """Where an old commit is gone the pages above it are there still: nobody reads down to it for them."""
    place = Place(tmp_path / "deep")
    place.init({"a": "0"})
    _fast_import(place, 400)
    place.write({"x.json": "{"})
    assert place.run("snapshot").code == 3
    gone = place.git("rev-parse", "main~300").strip()
    [pack] = (place.vault / "objects" / "pack").glob("*.pack")
    moved = pack.rename(tmp_path / "pack")
    pack.with_suffix(".idx").unlink()
    with moved.open("rb") as file:
        subprocess.run(["git", "-C", place.vault, "unpack-objects", "-q"], stdin=file, check=True)
    (place.vault / "objects" / gone[:2] / gone[2:]).unlink()
    with showing(place) as pages:
        assert "1 to 50 of 402" in page(pages, "/").text
        assert "201 to 250 of 402" in page(pages, "/?page=5").text
        assert "1 to 1 of 1" in page(pages, "/?only=rejected").text
        assert json.loads(pages.get("/api/snapshots").body)["total"] == 401
        assert page(pages, "/diff/before..latest").tags.count("table") == 1
        assert "401 to 402 of 402" in page(pages, "/?page=9").text
        assert pages.get("/?page=7").status == 500
        assert pages.get("/?actor=ann").status == 500


def _fast_import(place: Place, count: int) -> None:
    """Add `count` snapshots to the vault, as old as minutes apart, in one go of git."""
    lines = []
    for number in range(count):
        message = f"Update plugin {number}\n\nConfigvault-Id: backup_2024{number:04}_000000\nConfigvault-Trigger: change\nConfigvault-Actor: ann (uid 7, login)\n"
        lines += [
            "commit refs/heads/main", f"committer c <c@d> {1_900_000_000 + 60 * number} +0000",
            f"data {len(message)}", message, *([] if number else ["from refs/heads/main^0"]), f"M 644 inline a\ndata 4\n{number:04}",
        ]  # fmt: skip
        lines.append(f"reset refs/tags/backup_2024{number:04}_000000\nfrom refs/heads/main")
    subprocess.run(
        ["git", "-C", place.vault, "fast-import", "--quiet"],
        input="\n".join(lines).encode() + b"\n",
        check=True,
    )


def test_every_route_is_tested_by_name() -> None:
    """The routes are those of the contract."""
    assert {route.path for route in ROUTES} == {
        "/", "/snapshots/", "/rejected/", "/diff/", "/health", "/ready", "/metrics",
        "/api/", "/api/status", "/api/snapshots", "/api/snapshots/", "/api/rejected", "/api/report",
        "/files/", "/raw/", "/search", "/service", "/events", "/language/",
    }  # fmt: skip
