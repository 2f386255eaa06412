"""Pages and findings in the reader's language: complete, in step with the program, and never mixed with what others wrote."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import catalogue
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pages import Pages, showing
from plugins import GOOD, META, META_PATH, swap
from sites import Place

from configvault.core import language
from configvault.core.language import ENGLISH, LANGUAGES
from configvault.core.timeline import Wanted

OTHERS = [one for one in LANGUAGES if one != ENGLISH]


@pytest.mark.parametrize("code", OTHERS)
def test_a_catalogue_is_complete_and_has_nothing_stale(code: str) -> None:
    """Every message of the program is in the catalogue, and no other one; `make messages` brings it up to date."""
    known = {str(one.id) for one in catalogue.read(code) if one.id}
    assert known == catalogue.wanted()


@pytest.mark.parametrize("code", OTHERS)
def test_every_message_is_translated_with_all_its_values(code: str) -> None:
    """Nothing is left in English, and no translation loses a value or invents one."""
    for one in catalogue.read(code):
        if one.id:
            assert one.string, one.id
            places = [set(language._PLACE.findall(str(text))) for text in (one.id, one.string)]
            assert places[0] == places[1], one.id


@pytest.mark.parametrize("code", OTHERS)
def test_what_is_installed_is_what_was_translated(code: str) -> None:
    """The compiled catalogue is that of the text beside it."""
    made = catalogue.path_of(code).with_suffix(".mo").read_bytes()
    assert made == catalogue.compiled(catalogue.read(code))


@pytest.mark.parametrize(
    ("accept", "found"),
    [
        ("zh-CN,zh;q=0.9,en;q=0.8", "zh_CN"), ("en-GB,zh;q=0.5", "en"), ("fr, zh-Hans;q=0.3", "zh_CN"), ("", None),
        ("fr", None), ("en;q=0.1, zh;q=x, zh;q=0.2", "zh_CN"), (";q=;;,,", None), ("z" * 5000, None),
    ],
)  # fmt: skip
def test_the_language_that_a_browser_asks_for(accept: str, found: str | None) -> None:
    """The first of the languages that there are counts, by the browser's own order."""
    assert language.wanted(accept) == found


@pytest.mark.parametrize(
    ("environ", "found"),
    [
        ({"LANG": "zh_CN.UTF-8"}, "zh_CN"), ({"LANG": "zh_CN.UTF-8", "LC_ALL": "C"}, "en"), ({}, "en"),
        ({"LANG": "de_DE.UTF-8", "LANGUAGE": "zh:en"}, "zh_CN"), ({"LC_MESSAGES": "zh_TW", "LANG": "en_US.UTF-8"}, "zh_CN"),
    ],
)  # fmt: skip
def test_the_language_that_the_environment_asks_for(environ: dict[str, str], found: str) -> None:
    """The variables count in gettext's order."""
    assert language.of_environment(environ) == found


@given(st.text("ab'\"{}()\\\0\n01 ;:", max_size=60))
def test_a_value_comes_out_of_its_sentence_as_it_went_in(value: str) -> None:
    """Whatever a file puts into a finding stands in the translation unchanged; English is never touched."""
    with language.spoken("zh_CN"):
        said = language.sentence(f"unknown syntax {value}")
    assert said.endswith(value)
    assert said != f"unknown syntax {value}"
    assert language.sentence(value) == value


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pages]:
    """Return the pages of a place whose subjects and reasons are words that the pages use, too."""
    place = Place(tmp_path_factory.mktemp("language"), profile="coze")
    place.init(GOOD)
    place.snapshot({META_PATH: swap(META, "v1.2.0", "v1.3.0")}, "-m", "History", "--pin", "Files")
    place.write({META_PATH: swap(META, "version: v0.3.1", "version: [v0.3.1")})
    assert place.run("snapshot").code == 3
    with showing(place) as pages:
        yield pages


def test_pages_speak_the_language_that_is_asked_for(pages: Pages) -> None:
    """The page's own words are Chinese where the browser asks for it, or the reader chose it; what people wrote stays."""
    rejected = pages.source.timeline(Wanted(only="rejected")).entries[0].id
    english = {message for message in catalogue.of_pages() if len(message) > 9 and "{" not in message}
    for path in (
        "/", "/snapshots/latest", f"/rejected/{rejected}", "/diff/before..latest", f"/files/latest/{META_PATH}?blame=1",
        "/files/latest/", "/search?q=tides", "/service", "/snapshots/nothing",
    ):  # fmt: skip
        body = pages.get(path, Accept_Language="zh-CN").body
        assert '<html lang="zh-CN">' in body
        assert "<h1>" in body
        assert "历史" in body
        left = {message for message in english if f">{message}<" in body}
        assert left == set(), path
        assert pages.get(path, Accept_Language="zh-CN", Cookie="x=1; language=en").body.startswith('<!doctype html>\n<html lang="en">')  # fmt: skip
    body = pages.get("/snapshots/latest", Accept_Language="zh-CN").body
    assert "<dd>History</dd>" in body
    assert "pin:Files" in body
    assert pages.get("/api/status", Accept_Language="zh-CN").body == pages.get("/api/status").body


def test_a_language_is_chosen_by_a_link(pages: Pages) -> None:
    """The link sets a cookie and leads back; a language that there is not is an error."""
    got = pages.get("/language/zh_CN")
    assert (got.status, got.headers["location"]) == (303, "/")
    assert got.headers["set-cookie"].startswith("language=zh_CN; Path=/; ")
    assert pages.get("/language/tlh").status == 404


def test_catalogues_are_installed() -> None:
    """A wheel takes the compiled catalogues along."""
    text = (Path(__file__).parent.parent / "pyproject.toml").read_text()
    assert "locale/*/LC_MESSAGES/*.mo" in text
