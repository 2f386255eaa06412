"""The pages in a real browser: nothing is blocked or asked for elsewhere, they fit a phone, a screen reader finds its way.

With PICTURES=FOLDER in the environment each test leaves pictures there, to be looked at.
"""

from __future__ import annotations

import dataclasses
import os
import subprocess
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from harness.browser import Browser, browsing, chromium
from harness.daemon import Daemon
from pages import Pages, showing
from plugins import GOOD, META, META_PATH, swap
from sites import Place

from benchmarks import age
from configvault import app
from configvault.core.model import Trigger
from configvault.core.timeline import Wanted
from configvault.usecases import record

PHONE, DESK = (360, 800), (1280, 900)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Return a running browser."""
    program = chromium()
    if program is None:
        pytest.skip("chromium is not installed (Debian: chromium)")
    with browsing(program) as browser:
        yield browser


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pages]:
    """Return the pages of a place where something of each sort has happened."""
    place = Place(tmp_path_factory.mktemp("browser"), profile="coze")
    place.init(GOOD)
    place.snapshot(
        {META_PATH: swap(META, "v1.2.0", "v1.3.0")},
        "-m", "the harbour asked for it", "--pin", "stable",
    )  # fmt: skip
    place.snapshot({META_PATH: META.replace("harbour-master", "harbour-master-2")})
    place.ok("rollback", "pin:stable", "-m", "ferries lost their token")
    place.write({META_PATH: swap(META, "version: v0.3.1", "version: [v0.3.1")})
    assert place.run("snapshot").code == 3
    with showing(place) as pages:
        yield pages


def paths(pages: Pages) -> dict[str, str]:
    """Return one path of each sort of page."""
    rejected = pages.source.timeline(Wanted(only="rejected")).entries[0].id
    return {
        "history": "/",
        "filtered": "/?plugin=tides&only=snapshots",
        "snapshot": "/snapshots/latest",
        "refused": f"/rejected/{rejected}",
        "difference": "/diff/before..latest",
        "unified": "/diff/before..latest?view=unified&context=30",
        "folder": "/files/latest/",
        "file": f"/files/latest/{META_PATH}?blame=1",
        "search": "/search?q=tides",
        "service": "/service",
        "failure": "/snapshots/nothing",
    }


SORTS = [
    "history", "filtered", "snapshot", "refused", "difference", "unified", "folder", "file", "search", "service", "failure",
]  # fmt: skip


@pytest.mark.parametrize("sort", SORTS)
@pytest.mark.parametrize("size", [DESK, PHONE], ids=["desk", "phone"])
def test_page_fits_and_asks_for_nothing_else(
    browser: Browser, pages: Pages, sort: str, size: tuple[int, int]
) -> None:
    """No page is wider than its window, none breaks its own policy, none goes anywhere else."""
    browser.complaints.clear()
    browser.asked.clear()
    origin = f"http://{pages.address}"
    browser.open(origin + paths(pages)[sort], *size)
    assert browser.ask("document.documentElement.scrollWidth") <= size[0]
    assert browser.ask("document.styleSheets.length") == 1
    assert browser.ask("getComputedStyle(document.body).margin") == "0px"
    assert {url.startswith(origin + "/") for url in browser.asked} == {True}
    unexpected = [text for text in browser.complaints if not (sort == "failure" and "404" in text)]
    assert unexpected == []
    keep(browser, f"{sort}-{'phone' if size == PHONE else 'desk'}")


@pytest.mark.parametrize("sort", SORTS)
def test_both_colour_schemes_can_be_read(browser: Browser, pages: Pages, sort: str) -> None:
    """In light and dark every text has the contrast that WCAG AA asks for (4.5 to 1)."""
    grounds = set()
    for scheme in ("light", "dark"):
        browser.open(f"http://{pages.address}{paths(pages)[sort]}", *DESK, scheme=scheme)
        grounds.add(browser.ask("getComputedStyle(document.body).backgroundColor"))
        assert browser.ask(CONTRAST) == []
        keep(browser, f"{sort}-{scheme}")
    assert len(grounds) == 2


# WCAG 2.2 AA, and axe's own rules of good practice.
AXE = """axe.run(document, {runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice']}).then(found =>
  found.violations.map(one => [one.id, one.nodes.map(node => node.html.slice(0, 200)).join(' | ')]))"""


@pytest.fixture(scope="module")
def axe() -> str:
    """Return the source of axe-core."""
    path = Path(__file__).parent.parent / "node_modules" / "axe-core" / "axe.min.js"
    if not path.exists():
        pytest.skip("axe-core is not installed (npm install --no-save axe-core)")
    return path.read_text()


@pytest.mark.parametrize("sort", SORTS)
@pytest.mark.parametrize("language", ["en", "zh-CN"])
def test_axe_finds_nothing(browser: Browser, pages: Pages, axe: str, sort: str, language: str) -> None:
    """No page violates a rule of WCAG 2.2 AA that a program can check, in either language and colour scheme."""
    browser.call("Network.setExtraHTTPHeaders", headers={"Accept-Language": language})
    try:
        for scheme, size in (("light", DESK), ("dark", PHONE)):
            browser.open(f"http://{pages.address}{paths(pages)[sort]}", *size, scheme=scheme)
            browser.ask(axe + ";0")
            assert browser.ask(AXE) == []
    finally:
        browser.call("Network.setExtraHTTPHeaders", headers={})


# Every element that has text of its own whose colour is too near to what lies behind it.
CONTRAST = """(() => {
  const parts = c => c.match(/[\\d.]+/g).map(Number);
  const light = c => { const [r, g, b] = parts(c).map(v => { v /= 255; return v <= .03928 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4; });
    return .2126 * r + .7152 * g + .0722 * b; };
  const ground = e => { for (; e; e = e.parentElement) { const c = getComputedStyle(e).backgroundColor;
    if (parts(c).length < 4 || parts(c)[3] > 0) return c; } return 'rgb(255,255,255)'; };
  return [...document.querySelectorAll('body *')].filter(e => e.offsetParent &&
    [...e.childNodes].some(n => n.nodeType === 3 && n.data.trim())).map(e => {
      const a = light(getComputedStyle(e).color), b = light(ground(e));
      return [(Math.max(a, b) + .05) / (Math.min(a, b) + .05), e.textContent.slice(0, 40)]; })
    .filter(([contrast]) => contrast < 4.5);
})()"""


def test_a_screen_reader_finds_its_way(browser: Browser, pages: Pages) -> None:
    """Landmarks, one main heading, labelled fields, table heads, and links that say where they lead."""
    browser.open(f"http://{pages.address}/?plugin=tides")
    spoken = browser.accessible()
    for expected in (
        ("heading", "History"), ("navigation", "Pages"), ("search", "Filter the history"), ("link", "Skip to the content"),
        ("button", "Filter"), ("combobox", "Plugin"), ("combobox", "Actor"),
    ):  # fmt: skip
        assert expected in spoken
    assert {role for role, _ in spoken} >= {"main", "banner", "list", "listitem", "time"}
    assert not [role for role, name in spoken if role in ("link", "button", "combobox") and not name]
    browser.open(f"http://{pages.address}{paths(pages)['difference']}")
    spoken = browser.accessible()
    assert ("columnheader", "Before") in spoken
    assert {role for role, _ in spoken} >= {"table", "deletion", "insertion"}


def test_it_works_without_javascript(browser: Browser, pages: Pages) -> None:
    """With scripts off everything is there: a filter by plugin is sent by the form itself."""
    browser.call("Emulation.setScriptExecutionDisabled", value=True)
    try:
        browser.open(f"http://{pages.address}/?plugin=tides")
        spoken = browser.accessible()
        assert ("heading", "Update tides (Tide tables): version v1.2.0 → v1.3.0") in spoken
    finally:
        browser.call("Emulation.setScriptExecutionDisabled", value=False)


@pytest.mark.parametrize("sort", SORTS)
@pytest.mark.parametrize("size", [DESK, PHONE], ids=["desk", "phone"])
def test_chinese_pages_fit(browser: Browser, pages: Pages, sort: str, size: tuple[int, int]) -> None:
    """Nor is a page in Chinese wider than its window."""
    browser.call("Network.setExtraHTTPHeaders", headers={"Accept-Language": "zh-CN"})
    try:
        browser.open(f"http://{pages.address}{paths(pages)[sort]}", *size)
        assert browser.ask("document.documentElement.lang") == "zh-CN"
        assert browser.ask("document.documentElement.scrollWidth") <= size[0]
        keep(browser, f"zh-{sort}-{'phone' if size == PHONE else 'desk'}")
    finally:
        browser.call("Network.setExtraHTTPHeaders", headers={})


EMPTY, OLD = 0, 5000


@pytest.mark.parametrize("snapshots", [EMPTY, 50, OLD])
def test_any_number_of_snapshots_fits(browser: Browser, tmp_path: Path, snapshots: int) -> None:
    """An empty vault says what to do; of many snapshots the first page has some, and a way to the rest."""
    place = Place(tmp_path / "place")
    if snapshots:
        age.fill(place.config, dict(os.environ), snapshots)
    else:
        app.open_or_create(app.load_settings(str(place.config), os.environ), dict(os.environ)).vault.close()
    with showing(place) as pages:
        for size in (DESK, PHONE):
            browser.open(f"http://{pages.address}/", *size)
            assert browser.ask("document.documentElement.scrollWidth") <= size[0]
            keep(browser, f"{snapshots}-{'phone' if size == PHONE else 'desk'}")
        items = browser.ask("document.querySelectorAll('main li').length")
        assert items < 200
        assert "0 places" not in browser.ask("document.body.innerText")
        assert (snapshots == EMPTY) == ("backup_" not in browser.ask("document.body.innerText"))


@pytest.fixture(scope="module")
def shown(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pages]:
    """Return the pages of a place after a month, with its daemon: what the picture in the documents shows."""
    place = Place(tmp_path_factory.mktemp("picture"), more="http: {listen: off}\n", profile="coze", reload="kind: command, command: ['true']")  # fmt: skip
    place.write(GOOD)
    now = datetime.now(UTC).replace(microsecond=0)
    settings = app.load_settings(str(place.config), os.environ)
    site = app.open_or_create(settings, dict(os.environ))
    try:
        for number, days in enumerate(DAYS):
            at = now - timedelta(days=days, hours=number)
            place.write({META_PATH: swap(META, "v1.2.0", f"v1.{number + 3}.0")})
            record.record(dataclasses.replace(site, now=lambda at=at: at), Trigger.CHANGE)
            if number in (4, 9):
                later = at + timedelta(minutes=40)
                place.write({META_PATH: swap(META, "version: v0.3.1", f"version: [v0.3.{number}")})
                record.record(dataclasses.replace(site, now=lambda at=later: at), Trigger.CHANGE)
    finally:
        site.vault.close()
    place.write({META_PATH: swap(META, "v1.2.0", f"v1.{len(DAYS) + 2}.0")})
    daemon = Daemon(place.config)
    try:
        daemon.wait("daemon.ready")
        place.ok("pin", "previous", "stable")
        place.ok("rollback", "previous", "-m", "the ferries lost their token")
        subprocess.run(
            ["sed", "-i", "s/v0.3.1/[v0.3.1/", "plugin_meta.yaml"],
            cwd=(place.root / META_PATH).parent,
            check=True,
        )
        daemon.wait("change.rejected")
        with showing(place) as pages:
            pages.source._place = ("web-1", "/srv/coze-studio/backend/conf/plugin")
            yield pages
        assert daemon.stop() == 0
    finally:
        daemon.process.kill()
        daemon.process.wait()


DAYS = (27, 26, 26, 22, 20, 19, 15, 15, 15, 13, 12, 8, 6, 5, 5, 2, 1)


def test_the_picture_in_the_documents(browser: Browser, shown: Pages) -> None:
    """The page that the documents show fits its window and says what is wrong; PICTURES keeps it as page.png."""
    browser.open(f"http://{shown.address}/", 1200, 860)
    said = browser.ask("document.body.innerText")
    assert "was rejected" in said
    assert "/srv/coze-studio/backend/conf/plugin" in said
    keep(browser, "page")


def keep(browser: Browser, name: str) -> None:
    """Leave a picture where somebody asked for it."""
    folder = os.environ.get("PICTURES")
    if folder:
        browser.picture(Path(folder) / f"{name}.png")
