"""Whoever names a file, titles a process or writes a replica's commits does not speak through the program's outputs."""

from __future__ import annotations

import json

import pytest
from plugins import GOOD
from sites import Place

from configvault.core.escapes import one_line, one_part
from configvault.observers import formats
from configvault.vault import messages
from configvault.who.changed import Writer, _wrote


def notification(path: str) -> dict[str, object]:
    """Return what a notification is made of, with a finding in the file `path`."""
    finding = {"severity": "error", "path": path, "line": 1, "message": "broken"}
    return {
        "event": "rejected", "level": "error", "title": f"refused {path}", "at": "", "host": "h", "root": "/r", "outcome": {"findings": [finding]},
    }  # fmt: skip


@pytest.mark.parametrize("path", ['<at user_id="all">x</at>', "<@all>", "@all", "<!channel>", "<http://x|y>"])
@pytest.mark.parametrize("format_", ["slack", "feishu", "dingtalk", "wecom"])
def test_no_name_mentions_anybody_in_a_chat(path: str, format_: str) -> None:
    """The name of a file is text in each chat service, never a mention or a link."""
    sent = json.dumps(json.loads(formats.body(format_, notification(path))), ensure_ascii=False)
    assert "<" not in sent
    assert format_ == "slack" or "@all" not in sent


@pytest.mark.parametrize("path", ["a\nb", "a\x1b[2Jb", "a\u202eb", "a\rb", "a\u2028b"])
@pytest.mark.parametrize("format_", ["slack", "feishu", "dingtalk", "wecom"])
def test_no_name_begins_a_line_in_a_chat(path: str, format_: str) -> None:
    """Nor does it begin a line of its own or turn the text around."""
    sent = json.loads(formats.body(format_, notification(path)))
    shown = json.dumps(sent, ensure_ascii=False)
    assert "\x1b" not in shown
    assert "\u202e" not in shown
    assert json.dumps(formats.text(notification(path))).count("\\n") == 2


def test_a_process_title_forges_no_actor() -> None:
    """The command line of a process ends neither its part of the actor nor the actor."""
    said = _wrote(Writer(7, 1000, None, "x), root (uid 0, login, \x1b[31m"))
    assert "root (uid 0" not in said
    assert "\x1b" not in said
    assert said.count("(") == said.count(")") == 1


def test_trailers_of_others_are_one_harmless_line() -> None:
    """What a commit of a replica says of its trigger, actor or subject cannot move a cursor, and what is written cannot either."""
    text = messages.write(
        "a\x1b]0;x\x07\nb", "", {"Id": "backup_20240101_000000", "Actor": "a\x1b[2J\nConfigvault-Id: x"}
    )
    assert "\x1b" not in text
    assert text.count("\nConfigvault-Id:") == 1
    record = b"c\0t\0\x002024-01-01T00:00:00+00:00\0sub\x1b[2Jject\n\nConfigvault-Id: i\nConfigvault-Trigger: \x1b[31mchange\n\x1e"
    (snapshot,) = messages.snapshots(record)
    assert "\x1b" not in snapshot.trigger + snapshot.subject


def test_what_is_printable_stays() -> None:
    """Text of any script is as it was; a part of an actor loses the signs that end it."""
    assert one_line("潮汐 → é") == "潮汐 → é"
    assert one_part("a (b), c") == "a ?b?? c"


def test_a_name_with_signs_in_a_terminal(tmp_path: object, place_of_its_own: Place) -> None:
    """Commands print no control character of a name."""
    place_of_its_own.write({"a\x1b[2Jb.yaml": "x: ["})
    done = place_of_its_own.run("check")
    assert "\x1b" not in done.out + done.err


@pytest.fixture
def place_of_its_own(tmp_path_factory: pytest.TempPathFactory) -> Place:
    """Return a place with a snapshot."""
    place = Place(tmp_path_factory.mktemp("escapes"))
    place.init(GOOD)
    return place
