"""The JSON Schemas say what the checks say of a shape: they accept what is accepted, and refuse what has another shape."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jsonschema
import plugins
import pytest
import yaml
from hypothesis import example, given, settings
from hypothesis import strategies as st
from ruamel.yaml import YAML

from configvault import app, config
from configvault.core.errors import ConfigError
from configvault.coze import meta
from configvault.service.reload import KINDS

TOP = Path(__file__).parent.parent
SHARED = TOP.parent / "shared"
CONFIG = app.schema("config")
PLUGIN_META = app.schema("plugin-meta")
# The faults of a shape; the others are of values, which no schema knows (an id that is taken, a version that is none).
SHAPE = {"meta-empty", "meta-type", "null-entry", "manifest-missing", "auth-missing", "unknown-key"}


def refusals(schema: dict[str, Any], value: Any) -> list[str]:
    """Return what a schema has against a value."""
    return [error.message for error in jsonschema.Draft7Validator(schema).iter_errors(value)]


@pytest.mark.parametrize("schema", [CONFIG, PLUGIN_META], ids=["config", "plugin-meta"])
def test_they_are_schemas(schema: dict[str, Any]) -> None:
    """Both hold by the schema of schemas."""
    jsonschema.Draft7Validator.check_schema(schema)


def test_the_example_names_its_schema_and_holds_by_it() -> None:
    """The first line of the example names the file beside it, which is what the command prints; the example holds by it."""
    example = (TOP / "config.example.yaml").read_text()
    first = example.splitlines()[0]
    assert first == "# yaml-language-server: $schema=config.schema.json"
    assert json.loads((TOP / "config.schema.json").read_text()) == CONFIG
    assert refusals(CONFIG, yaml.safe_load(example)) == []


def test_what_is_commented_out_holds_as_well() -> None:
    """So does every section that the example only shows."""
    text = (TOP / "config.example.yaml").read_text()
    lines = text.splitlines()
    shown = 0
    for number, line in enumerate(lines):
        start = line.lstrip().removeprefix("#")
        if (
            line.lstrip().startswith("#")
            and start[:1].isalpha()
            and start.rstrip().endswith(":")
            and " " not in start.strip()
        ):
            block = [line.replace("#", "", 1)]
            for further in lines[number + 1 :]:
                if not further.lstrip().startswith("#  "):
                    break
                block.append(further.replace("#", "", 1))
            name = start.strip().rstrip(":")
            if name in CONFIG["properties"]:
                # As editors read it: for YAML 1.1 the key `on` is no word.
                document = {"root": "/a", "vault": "/b", **YAML(typ="safe").load("\n".join(block))}
                assert refusals(CONFIG, document) == [], name
                shown += 1
    assert shown >= 6


def said(document: Any) -> list[str]:
    """Return what the reader of the configuration finds wrong."""
    try:
        config.parse(json.dumps(document), "config.yaml", {"X": "1"}, reload_kinds=KINDS)
    except ConfigError as error:
        return list(error.faults)
    return []


def places(schema: dict[str, Any], above: tuple[str, ...] = ()) -> list[tuple[str, ...]]:
    """Return every key of a schema, as the keys that lead to it."""
    found = []
    ways = [schema, *schema.get("anyOf", ())]
    for way in ways:
        for name, inner in way.get("properties", {}).items():
            found.append((*above, name))
            found += places(inner, (*above, name))
    return found


PLACES = sorted(set(places(CONFIG)))
ODD = st.sampled_from(
    [
        None,
        [],
        {},
        "x",
        "",
        1,
        -1,
        0,
        1.5,
        True,
        False,
        "${X}",
        {"zzz": 1},
        ["x"],
        [[]],
        [{}],
        "off",
        "5m",
        "10MiB",
        "REPORT",
    ]
)


def put_at(place: tuple[str, ...], value: Any) -> dict[str, Any]:
    """Return a configuration with a value at a place; what a section requires besides is there."""
    document: dict[str, Any] = {"root": "/a", "vault": "/b"}
    at = document
    for name in place[:-1]:
        at = at.setdefault(name, {"url": "https://git.example/x"} if name == "source" else {})
    at[place[-1]] = value
    return document


@settings(max_examples=600, deadline=None)
@given(place=st.sampled_from(PLACES), value=ODD)
@example(place=("watch", "quiet"), value=0)
@example(place=("health",), value=[{"name": "x", "zzz": 1}])
def test_the_schema_of_the_configuration_is_what_its_reader_takes(place: tuple[str, ...], value: Any) -> None:
    """Whatever stands at any key: what the schema refuses the reader refuses, and a wrong shape is refused by both."""
    document = put_at(place, value)
    refused, faults = refusals(CONFIG, document), said(document)
    if refused:
        assert faults, (document, refused)
    elif faults and value != "${X}":
        assert all(
            "expected " not in one and "unknown key" not in one and "use one of" not in one for one in faults
        ), (document, faults)


def test_plugin_meta_of_the_real_directory() -> None:
    """Coze Studio's own list is accepted, and every list of the corpus is refused exactly where the check finds a fault of shape."""
    real = SHARED / "coze-plugin" / "pluginproduct" / "plugin_meta.yaml"
    if not real.exists():
        pytest.skip("Coze Studio's real directory is not beside this project")
    assert refusals(PLUGIN_META, yaml.safe_load(real.read_text())) == []
    for path in sorted((SHARED / "corpus").glob("*/pluginproduct/plugin_meta.yaml")):
        if path.is_file():
            _agrees(path.read_bytes())


def _agrees(data: bytes) -> bool:
    """Fail unless the schema refuses a list where the check finds a fault of its shape; return whether it did."""
    try:
        value = yaml.load(data, yaml.CSafeLoader)
    except (yaml.YAMLError, UnicodeDecodeError):
        return False
    faults = {one.rule for one in meta.validate(data).violations}
    refused = refusals(PLUGIN_META, value)
    assert bool(refused) == bool(faults & SHAPE), (faults, refused, data[:300])
    return bool(refused)


GOOD: list[dict[str, Any]] = yaml.safe_load(plugins.GOOD["pluginproduct/plugin_meta.yaml"])
KEYS = [
    ("plugin_id",), ("version",), ("tools",), ("tools", 0), ("tools", 0, "tool_id"), ("manifest",), ("manifest", "auth"), ("manifest", "api"),
    ("manifest", "api", "type"), ("manifest", "common_params"), ("deprecated",), ("unheard_of",), ("manifest", "unheard_of"), ("manifest", "auth", "payload"),
]  # fmt: skip


@settings(max_examples=400, deadline=None)
@given(
    key=st.sampled_from(KEYS),
    value=st.sampled_from([None, [], {}, "x", 1, 1.5, True, [None], {"a": 1}, "yes"]),
    deprecated=st.booleans(),
)
def test_plugin_meta_changed_anywhere(key: tuple[Any, ...], value: Any, deprecated: bool) -> None:
    """Whatever stands at any key of a good list, schema and check agree on its shape."""
    changed = json.loads(json.dumps(GOOD))
    entry = changed[0]
    if deprecated:
        entry["deprecated"] = True
    at = entry
    for one in key[:-1]:
        at = at[one]
    at[key[-1]] = value
    _agrees(json.dumps(changed).encode())
