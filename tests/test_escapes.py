"""Whoever names a file, titles a process or writes a replica's commits does not speak through the program's outputs."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from plugins import GOOD
from sites import Place

from configvault.cli.output import printable
from configvault.core.escapes import one_line, one_part
from configvault.observers import formats
from configvault.vault import messages
from configvault.web.markup import el, escape
from configvault.who.changed import Writer, _wrote


def notification(path: str) -> dict[str, object]:
    """Return what a notification is made of, with a finding in the file `path`."""
    finding = {"severity": "error", "path": path, "line": 1, "message": "broken", "rule": "yaml-syntax"}
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
    record = b"c\0t\0\x002024-01-01T00:00:00+00:00\0sub\x1b[2Jject\n\nConfigvault-Id: backup_20240101_000000\nConfigvault-Trigger: \x1b[31mchange\n\x1e"
    (snapshot,) = messages.snapshots(record)
    assert "\x1b" not in snapshot.trigger + snapshot.subject


HOSTILE = st.text(
    st.sampled_from(
        "ab潮 <>@&\"'()\\,:;=\n\r\t\x00\x07\x1b\x7f\x85\u202e\u2028\u2066\ufeff\udc80{}|*_`[]#%$!/-"
    ),
    max_size=30,
)


def texts(sent: object) -> Iterator[str]:
    """Yield every text in a document."""
    if isinstance(sent, str):
        yield sent
    elif isinstance(sent, dict | list):
        for one in sent.values() if isinstance(sent, dict) else sent:
            yield from texts(one)


@settings(max_examples=300, deadline=None)
@given(path=HOSTILE, actor=HOSTILE, host=HOSTILE, title=HOSTILE)
@pytest.mark.parametrize("format_", ["slack", "feishu", "dingtalk", "wecom"])
def test_nothing_speaks_through_a_chat(format_: str, path: str, actor: str, host: str, title: str) -> None:
    """Whatever names, actors and hosts are made of, a message has the lines that the program gives it, and no markup."""
    told = notification(path) | {"host": host, "title": title}
    outcome = told["outcome"]
    assert isinstance(outcome, dict)
    outcome["actor"] = actor
    sent = json.loads(formats.body(format_, told))
    assert sum(text.count("\n") for text in texts(sent)) <= 2 * (2 + bool(actor))
    for text in texts(sent):
        assert all(char.isprintable() for char in text.replace("\n", ""))
        assert not set(text) & set("<>" if format_ == "slack" else "<>@")
        if format_ in ("dingtalk", "wecom"):
            assert not set(text.removeprefix("**").replace("**\n", "\n", 1)) & set("*`[]#")


@settings(max_examples=300, deadline=None)
@given(subject=HOSTILE, actor=HOSTILE, reason=HOSTILE)
def test_nothing_speaks_through_a_commit(subject: str, actor: str, reason: str) -> None:
    """No subject, actor or reason adds a trailer to a commit, or a line."""
    made = {"Id": "backup_20240101_000000", "Actor": actor, "Reason": reason}
    written = messages.write(subject, "", made)
    record = "c\0t\0\x002024-01-01T00:00:00+00:00\0" + written + "\x1e"
    found = list(messages.parse_log(record.encode("utf-8", "surrogateescape")))
    assert len(found) == 1
    assert set(found[0][5]) <= set(made)
    assert found[0][5]["Id"] == made["Id"]
    assert "\x1b" not in written


@settings(max_examples=300, deadline=None)
@given(title=HOSTILE)
def test_nothing_speaks_through_an_actor(title: str) -> None:
    """No title of a process ends its part of the actor."""
    said = _wrote(Writer(7, 1000, None, title))
    assert said.isprintable()
    assert said.count("(") == said.count(")") <= 1


@settings(max_examples=300, deadline=None)
@given(text=HOSTILE)
def test_nothing_speaks_through_a_page_or_a_terminal(text: str) -> None:
    """In a page a text is text, in an attribute as well; on a terminal it is one line that moves nothing."""
    assert not set(escape(text)) & set("<>\"'\x00\x1b\u202e")
    assert el("a", text, title=text).count("<") == 2
    # Bytes that are no UTF-8 are printed as they are.
    assert printable(text).replace("\udc80", "").isprintable()


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
