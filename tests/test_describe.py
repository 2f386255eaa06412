"""Subjects of commits say what a change means, in one line, and never a value other than a version."""

from __future__ import annotations

from collections.abc import Mapping

import pytest
from plugins import FERRIES, FERRIES_PATH, GOOD, META, META_PATH, OAUTH_PATH, TIDES, TIDES_PATH, swap, with_meta
from states import Blobs, Content, folder

from configvault.core import compare
from configvault.core.rendering.sentence import LONGEST, Detail, Fact, sentence
from configvault.core.rendering.subject import describe, plugins_touched

FERRY_ROW = META[META.index("- plugin_id: 502") :]


def said(new: Mapping[str, Content], old: Mapping[str, Content] | None = GOOD) -> tuple[str, tuple[str, ...]]:
    """Return the subject and the plugins of a change from `old` to `new`."""
    blobs = Blobs()
    before, after = folder(old, blobs) if old is not None else None, folder(new, blobs)
    changes = compare.changes(before, after)
    return describe(changes, blobs.read, before, after), plugins_touched(changes, blobs.read, before, after)


def meta(text: str, **more: Content) -> dict[str, Content]:
    """Return the good directory with another plugin_meta.yaml."""
    return {**GOOD, META_PATH: text, **more}


TOOL = "    - tool_id: 501002\n      deprecated: false\n      method: post\n      sub_url: /alarms\n"
BOTH = swap(swap(META, "v1.2.0", "v1.3.0"), "v0.3.1", "v0.4.0")


@pytest.mark.parametrize(
    ("new", "subject", "plugins"),
    [
        (with_meta("v1.2.0", "v1.3.0"), "Update tides (Tide tables): version v1.2.0 → v1.3.0", ("tides",)),
        ({**GOOD, TIDES_PATH: TIDES + "# more\n"}, "Update tides (Tide tables): document", ("tides",)),
        (
            {**with_meta("v1.2.0", "v1.3.0"), TIDES_PATH: TIDES + "# more\n"},
            "Update tides (Tide tables): version v1.2.0 → v1.3.0, document", ("tides",),
        ),
        (with_meta(TOOL, ""), "Update tides (Tide tables): tool post /alarms removed", ("tides",)),
        (
            with_meta(TOOL, TOOL + TOOL.replace("501002", "501003").replace("/alarms", "/bells")),
            "Update tides (Tide tables): tool post /bells added", ("tides",),
        ),
        (with_meta(TOOL, TOOL.replace("deprecated: false", "deprecated: true")), "Update tides (Tide tables): tool post /alarms disabled", ("tides",)),
        (with_meta("sub_url: /alarms", "sub_url: /bells"), "Update tides (Tide tables): tool post /bells changed", ("tides",)),
        (with_meta("harbour-master", "another"), "Update ferries: manifest", ("ferries",)),
        (with_meta("deprecated: false\n  version: v1.2.0", "deprecated: true\n  version: v1.2.0"), "Disable tides (Tide tables)", ("tides",)),
        (
            with_meta("deprecated: false\n  version: v1.2.0", "deprecated: true\n  version: v1.2.1"),
            "Disable tides (Tide tables): version v1.2.0 → v1.2.1", ("tides",),
        ),
        (meta(BOTH), "Update tides (Tide tables) (version v1.2.0 → v1.3.0), ferries (version v0.3.1 → v0.4.0)", ("ferries", "tides")),
        (
            meta(swap(META, FERRY_ROW, "").replace("v1.2.0", "v1.3.0")) | {FERRIES_PATH: FERRIES},
            "Update tides (Tide tables): version v1.2.0 → v1.3.0; remove ferries", ("ferries", "tides"),
        ),
        ({**GOOD, OAUTH_PATH: "[]\n"}, f"Update {OAUTH_PATH}", ()),
        ({**GOOD, **{f"common/{i}.json": "{}" for i in range(5)}}, "Add 5 files", ()),
        ({**with_meta("v1.2.0", "v1.3.0"), "x": "1", "y": "1"}, "Update tides (Tide tables): version v1.2.0 → v1.3.0; add x, y", ("tides",)),
    ],
)  # fmt: skip
def test_what_a_change_means(new: Mapping[str, Content], subject: str, plugins: tuple[str, ...]) -> None:
    """Plugins by name and what became of them, then other files; several kinds in one line."""
    assert said(new) == (subject, plugins)


def test_the_way_back_is_said_too() -> None:
    """What one direction adds, the other removes."""
    without = meta(swap(META, FERRY_ROW, "")) | {FERRIES_PATH: FERRIES}
    del without[FERRIES_PATH]
    assert said(GOOD, without)[0] == "Add ferries"
    assert said(without, GOOD)[0] == "Remove ferries"
    assert said(GOOD, None)[0] == "Record the first state: 4 files"


def test_a_rejected_state_still_names_its_plugins() -> None:
    """Where plugin_meta.yaml cannot be read the changed documents tell, and the text of the rows that changed."""
    broken = swap(META, "version: v0.3.1", "version: [v0.3.1")
    assert said(meta(broken))[1] == ("ferries",)
    assert said(meta(broken) | {TIDES_PATH: TIDES + "#\n"})[1] == ("ferries", "tides")
    assert said(meta(swap(META, "  openapi_doc_file: tides.yaml", "\topenapi_doc_file: 'tides.yaml'")))[1] == (
        "tides",
    )
    assert said(meta("[" * 99))[1] == ("ferries", "tides")


def test_many_things_are_counted() -> None:
    """More than three of a kind are counted, with how often each kind of thing happened to them."""
    facts = [
        Fact("update", "plugin", f"p{i}", (Detail("version", f"version {i} → {i + 1}"),)) for i in range(4)
    ]
    facts.append(
        Fact("update", "plugin", "p9", (Detail("version", "version 1 → 2"), Detail("document", "document")))
    )
    facts.append(Fact("remove", "file", "x"))
    assert sentence(facts) == "Update 5 plugins (5 versions, 1 document); remove x"


def test_one_line_of_bounded_length() -> None:
    """Long names are counted before anything is cut, and what does not print shows as a question mark."""
    facts = [Fact("add", "plugin", "x" * 70), Fact("add", "plugin", "y" * 70)]
    assert sentence(facts) == "Add 2 plugins"
    assert len(sentence([Fact("add", "file", "z" * 500)])) == LONGEST
    assert said({**GOOD, "a\nb": "1"})[0] == "Add a?b"


def test_no_secret_in_a_subject() -> None:
    """A changed token is a changed manifest, whatever it was."""
    assert "harbour" not in said(with_meta("harbour-master", "harbour-pilot"))[0]


@pytest.mark.parametrize("depth", [60, 900, 60_000])
def test_a_rejected_state_nested_too_deep_is_not_composed(depth: int) -> None:
    """What is nested so deep that a library may die of it is told from its events; other files still name plugins."""
    bomb = f"- {'[' * depth}{']' * depth}\n" + META.replace("v1.2.0", "v1.3.0")
    new = {**GOOD, META_PATH: bomb, TIDES_PATH: TIDES + "# more\n"}
    assert said(new)[1] == ("tides",)
