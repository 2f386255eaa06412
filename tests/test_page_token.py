"""The pages are for those who have the token: every account of the host reaches a loopback address."""

from __future__ import annotations

import http.cookiejar
import json
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
from harness.daemon import Watched
from pages import Pages, showing
from sites import NOBODY, Place, needs_other_user
from test_outside import free_port

from configvault.web.access import OPEN, Access
from configvault.web.application import ROUTES

TOKEN = "harbour-master_2~a/b=c+d"
CANARY = "cAnArY-in-a-0600-file"
GUARDED = [route.path + ("latest..live" if route.path == "/diff/" else "latest" if route.below else "")
           for route in ROUTES if route.path not in OPEN] + ["/style.css", "/icon.svg", "/nothing", "/api/nothing", "/health/"]  # fmt: skip


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Place:
    """Return a place with a snapshot."""
    place = Place(tmp_path_factory.mktemp("token"))
    place.init({"a.yaml": "version: 1\n"})
    return place


@pytest.fixture(scope="module")
def pages(place: Place) -> Iterator[Pages]:
    """Return its pages, behind a token."""
    with showing(place, token=TOKEN) as pages:
        yield pages


@pytest.mark.parametrize("path", GUARDED)
def test_nothing_is_shown_without_the_token(pages: Pages, path: str) -> None:
    """Every page, document and file asks for the token, existing or not, and says how to get it."""
    got = pages.get(path)
    assert got.status == 401
    assert got.headers["www-authenticate"].startswith("Bearer")
    assert "configvault page" in got.body
    assert "version" not in got.body
    assert TOKEN not in got.body + str(got.headers)


@pytest.mark.parametrize("path", OPEN)
def test_health_and_metrics_are_open(pages: Pages, path: str) -> None:
    """What probes and scrapers ask for needs no token."""
    assert pages.get(path).status == 200


@pytest.mark.parametrize("path", ["/", "/snapshots/latest", "/diff/latest..live", "/api/status", "/style.css"])
def test_a_bearer_may_read(pages: Pages, path: str) -> None:
    """A program sends the token in a header."""
    got = pages.get(path, Authorization=f"Bearer {TOKEN}")
    assert got.status == 200
    assert "set-cookie" not in got.headers


WRONG = [
    {"Authorization": "Bearer"}, {"Authorization": "Bearer "}, {"Authorization": f"Bearer {TOKEN}x"},
    {"Authorization": f"Bearer {TOKEN[:-1]}"}, {"Authorization": f"Basic {TOKEN}"}, {"Authorization": TOKEN},
    {"Authorization": "Bearer h\xe4fen"}, {"Cookie": f"configvault={TOKEN}"}, {"Cookie": ";=;;"}, {"Cookie": "a"},
    {"Cookie": "\xff=\xff"}, {"X-Token": TOKEN}, {"Cookie": f"{Access(TOKEN)._name}={TOKEN}"},
    {"Cookie": f"{Access(TOKEN)._name}={Access('another-token-of-16')._cookie}"}, {"Cookie": f"{Access(TOKEN)._name}="},
]  # fmt: skip


@pytest.mark.parametrize("headers", WRONG)
def test_what_is_no_token(pages: Pages, headers: dict[str, str]) -> None:
    """Half a token, another scheme, another cookie, bytes that are no text: all refused."""
    assert pages.get("/", **headers).status == 401


@pytest.mark.parametrize(
    "query", ["token=", "token", "token=x", f"tokens={TOKEN}", "&" * 99 + "token=x", "token=%FF%00"]
)
def test_what_is_no_token_in_an_address(pages: Pages, query: str) -> None:
    """An address without the whole token is refused, however it is written."""
    assert pages.get(f"/?{query}").status == 401


def test_a_browser_opens_the_address_once(place: Place, pages: Pages) -> None:
    """The address with the token leads to the page without it, and from then on a cookie is enough."""
    place.configure(f"http: {{listen: '{pages.address}', token: '{TOKEN}'}}\n")
    url = place.ok("page")["url"]
    place.configure()
    jar = http.cookiejar.CookieJar()
    browser = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(jar))
    browser.addheaders = [("Accept", "text/html,*/*")]
    with browser.open(url) as got:
        assert got.url == f"http://{pages.address}/"
        assert b"<h1" in got.read()
    with browser.open(f"http://{pages.address}/snapshots/latest") as got:
        assert got.status == 200
    [cookie] = jar
    assert TOKEN not in str(cookie.value)
    said = pages.get("/?only=snapshots&token=" + url.partition("token=")[2], Accept="text/html")
    assert said.status == 303
    assert said.headers["location"] == "/?only=snapshots"
    assert "HttpOnly" in said.headers["set-cookie"]
    assert "SameSite=Lax" in said.headers["set-cookie"]
    assert TOKEN not in str(said.headers)


@pytest.mark.parametrize(
    "path", ["//evil.example/", "///evil.example", "/%2f/evil.example", "/\\evil.example", "/%0d%0aX:y"]
)
def test_the_way_from_the_token_stays_here(pages: Pages, path: str) -> None:
    """Whatever stands in the path, the address without the token is one of this server."""
    got = pages.get(f"{path}?token=harbour-master_2%7Ea%2Fb%3Dc%2Bd", Accept="text/html")
    assert got.status == 303
    assert got.headers["location"].startswith("/")
    assert got.headers["location"][1:2] not in ("/", "\\")
    assert "x" not in got.headers


def test_a_program_may_use_the_address(pages: Pages) -> None:
    """Whoever is no browser gets the document itself, without a way round."""
    got = pages.get("/api/snapshots?token=harbour-master_2%7Ea%2Fb%3Dc%2Bd")
    assert got.status == 200
    assert len(json.loads(got.body)["snapshots"]) == 1


def test_another_vault_has_another_token(tmp_path: Path, place: Place) -> None:
    """A token is random and stays the same; the next vault has another one, and another name for its cookie."""
    place.configure("http: {listen: '127.0.0.1:9460'}\n")
    other = Place(tmp_path)
    other.init({"a.yaml": "version: 1\n"})
    tokens = [one.ok("page")["token"] for one in (place, place, other)]
    place.configure()
    assert tokens[0] == tokens[1] != tokens[2]
    assert min(len(token) for token in tokens) >= 32
    assert Access(tokens[0])._name != Access(tokens[2])._name
    assert tokens[0] not in place.run("config", "show").out + place.run("status", "--json").out


def test_a_vault_without_its_key_serves_nothing(tmp_path: Path) -> None:
    """Where the key is lost the token cannot be guessed from nothing: it is an error with its remedy."""
    place = Place(tmp_path)
    place.init({"a.yaml": "version: 1\n"})
    (place.vault / "configvault" / "redaction-key").unlink()
    done = place.run("page")
    assert done.code == 1
    assert "redaction-key" in done.err
    assert "http.token" in done.err


def test_a_socket_asks_for_nothing(tmp_path: Path) -> None:
    """On a Unix socket its owner and mode decide; `page` prints how to ask it."""
    path = tmp_path / "s"
    place = Place(tmp_path, f"http: {{listen: 'unix:{path}'}}\n")
    place.init({"a.yaml": "version: 1\n"})
    assert place.run("page").out == f"curl --unix-socket {path} http://localhost/\n"
    with showing(place, f"unix:{path}") as pages:
        assert pages.get("/").status == 200


def test_page_without_a_page(tmp_path: Path) -> None:
    """Where nothing is served, `page` says which key to set."""
    place = Place(tmp_path, "http: {listen: off}\n")
    place.init({"a.yaml": "version: 1\n"})
    done = place.run("page")
    assert (done.code, done.said("error")) == (1, ["error: http.listen is off, so no page is served"])


ASK = """
import sys, urllib.request, urllib.error
for path in sys.argv[2:]:
    try:
        with urllib.request.urlopen(sys.argv[1] + path) as got:
            print(got.status, got.read())
    except urllib.error.HTTPError as error:
        print(error.code, error.read())
"""


@needs_other_user
def test_another_user_reads_nothing(tmp_path: Path) -> None:
    """Somebody with an account and no rights gets no diff of a file that he may not read, nor the token."""
    place, port = Watched(tmp_path), free_port()
    secret = place.root / "b.yaml"
    secret.write_text(f"note: {CANARY}\n")
    secret.chmod(0o600)
    place.config.write_text(place.config.read_text().replace('listen: "off"', f'listen: "127.0.0.1:{port}"'))
    with place.daemon() as daemon:
        secret.write_text(f"note: {CANARY} 2\n")
        daemon.wait("snapshot.recorded")
        url = f"http://127.0.0.1:{port}"
        paths = ["/", "/diff/previous..latest", "/snapshots/latest", "/api/status", "/health", "/metrics"]
        ask = [sys.executable, "-c", ASK, url, *paths]
        theirs = subprocess.run([*NOBODY, *ask], capture_output=True, text=True, check=True).stdout
        assert [line.split()[0] for line in theirs.splitlines()] == ["401"] * 4 + ["200"] * 2
        assert "b.yaml" not in theirs
        assert CANARY not in theirs
        printed = place.run("page")
        assert (printed.code, printed.err) == (0, "")
        # Seen to be able to fail: whoever has the token sees it.
        request = urllib.request.Request(f"{url}/diff/previous..latest")
        request.add_header("Authorization", f"Bearer {place.ok('page')['token']}")
        with urllib.request.urlopen(request) as got:
            assert CANARY in got.read().decode()
        denied = subprocess.run(
            [*NOBODY, sys.executable, "-m", "configvault", "-c", place.config, "page"],
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert denied.returncode != 0
        assert "token=" not in denied.stdout
    assert place.ok("page")["token"] not in "".join(daemon.raw)
