"""The validator as a whole: profiles, limits, mass removal, severities, the cache, and what it may never do."""

from __future__ import annotations

import pytest
from plugins import FERRIES_PATH, GOOD, META_PATH, TIDES_PATH, with_meta, with_tides
from states import Link, only, rules, state, validate

from configvault.app import validator
from configvault.core.globs import matches
from configvault.core.model import Severity
from configvault.core.settings import PathRules, ValidateSettings


def test_good_directory() -> None:
    """A directory in order is accepted without a word."""
    assert validate(GOOD).findings == ()


def test_finding_says_where_and_what() -> None:
    """A finding names path, line and column, quotes the line and says what to do."""
    found = only(validate(with_meta("version: v1.2.0", "version: 1.2.0")), "plugin-version")
    assert (found.path, found.line, found.column) == (META_PATH, 4, 12)
    assert found.excerpt == "  version: 1.2.0"
    assert "'1.2.0'" in found.message
    assert found.hint == "write it as v1.2.3"


def test_no_secret_in_any_field() -> None:
    """A token in the broken line is in no field of the finding."""
    verdict = validate(with_meta('"harbour-master", ', '"sk-live-9a8b7c6d5e4f" '))
    assert rules(verdict) == {"auth-payload"}
    assert "sk-live" not in repr(verdict)
    assert verdict.findings[0].line == 50
    assert verdict.findings[0].excerpt is None


@pytest.mark.parametrize(
    ("content", "rule"),
    [
        ("a: b: c", "yaml-syntax"),
        ("[" * 5000, "nested-too-deep"),
        ("a: *nothing", "yaml-alias"),
        ("a: &a [*a]", "yaml-alias"),
        ("a: &a [x,x]\n" + "".join(f"{chr(98 + i)}: &{chr(98 + i)} [{','.join(['*' + chr(97 + i)] * 9)}]\n" for i in range(9)), "yaml-alias"),
        ("a: !!bool perhaps", "yaml-tag"),
        ("<<<<<<< ours\na: 1\n=======\na: 2\n>>>>>>> theirs\n", "conflict-marker"),
        (b"a: \xd6\xd0", "encoding"),
        ("a: 1".encode("utf-16"), "encoding"),
        ("a: 1\na: 2\n", "repeated-key"),
        ("a: \x1b[2J", "yaml-syntax"),
        ("- x\n" * 250_000, "too-many-values"),
    ],
)  # fmt: skip
def test_yaml_anywhere(content: str | bytes, rule: str) -> None:
    """What no YAML reader should have to read is told in either profile."""
    assert rules(validate({"some.yml": content}, profile="generic")) == {rule}
    assert rule in rules(validate({**GOOD, "other/some.yml": content}))


@pytest.mark.parametrize(
    ("name", "content", "rule"),
    [
        ("a.json", '{"a": 1,}', "json-syntax"),
        ("a.json", '\ufeff{"a": 1}', "json-syntax"),
        ("a.json", "", "json-syntax"),
        ("a.json", '{"a": "NaN", "b": NaN}', "json-syntax"),
        ("a.json", '{"a": 1, "a": 2}', "repeated-key"),
        ("a.json", "[" * 100_000, "nested-too-deep"),
        ("a.toml", "a = 1\na = 2\n", "toml-syntax"),
        ("a.toml", "a = " + "[" * 10_000, "nested-too-deep"),
        ("a.toml", "a = " + "9" * 5000, "toml-syntax"),
        ("a.toml", "a=1\n" * 300_000, "too-many-values"),
    ],
)
def test_json_and_toml(name: str, content: str, rule: str) -> None:
    """JSON and TOML that does not parse is told, and nothing in it stops the validation."""
    assert only(validate({name: content}, profile="generic"), rule).path == name


def test_numbers_of_any_length() -> None:
    """A JSON number longer than Python converts is no fault."""
    assert validate({"a.json": "[" + "1" * 6000 + "]"}, profile="generic").findings == ()


PAYLOAD = """'{"key": "Authorization", "service_token": "harbour-master", "location": "Header"}'"""


@pytest.mark.parametrize(
    "slip",
    [
        "[hunter2]", "{service_token: hunter2}", "*hunter2", "&hunter2 [*hunter2]", "!!int hunter2", "a: hunter2",
        "|\n        {\"service_token\":\n        \"hunter2\"", "'{\"service_token\": \"hunter2\"}' x: y",
        "'{\"service_token\": \"hunter2\"}\n      token: hunter2",
    ],
)  # fmt: skip
def test_no_slip_in_a_payload_shows_it(slip: str) -> None:
    """However a payload is mistyped, what stood in it is told nowhere."""
    verdict = validate(with_meta(PAYLOAD, slip))
    assert not verdict.accepted
    assert "hunter2" not in repr(verdict)


def test_generic_leaves_the_rest_alone() -> None:
    """The generic profile looks at no plugin rule, no link and no other kind of file."""
    files = {"a.yaml": "x: 1", "b": Link("/nowhere"), "c.txt": b"\xff", META_PATH: "[]"}
    assert validate(files, profile="generic").findings == ()


def test_limits() -> None:
    """A file beyond the limit is told of and not read; too many files end the validation."""
    small = ValidateSettings(profile="generic", max_file_size=10)
    one = state({"a.yaml": "a: " + "b" * 20})
    assert only(validator(small, {}).validate(one), "file-too-large").path == "a.yaml"
    picture = state({**GOOD, "pluginproduct/icon.png": "x" * 20_000})
    for profile in ("coze", "generic"):
        limited = ValidateSettings(profile=profile, max_file_size=10_000)
        assert only(validator(limited, {}).validate(picture), "file-too-large").path == "pluginproduct/icon.png"
    many = {f"{n}.yaml": "a: b: c" for n in range(5)}
    assert rules(validate(many, profile="generic", max_files=4)) == {"too-many-files"}


def test_mass_removal() -> None:
    """More than half of the files gone is an error, half of them or a move is not."""
    before = {f"d/{n}.txt": f"{n}" for n in range(10)}
    half = dict(list(before.items())[:5])
    assert validate(half, before, profile="generic").accepted
    fewer = dict(list(before.items())[:4])
    assert "6 of the 10" in only(validate(fewer, before, profile="generic"), "mass-removal").message
    moved = {f"e/{n}.txt": f"{n}" for n in range(10)}
    assert validate(moved, before, profile="generic").accepted
    assert "all 10" in only(validate({}, before, profile="generic"), "mass-removal").message


def test_plugins_gone() -> None:
    """Fewer plugins than before is a warning, none at all an error that is mass removal too."""
    second = GOOD[META_PATH].index("- plugin_id: 502")
    first_only = {**GOOD, META_PATH: GOOD[META_PATH][:second]}
    verdict = validate(first_only, GOOD)
    assert verdict.accepted
    assert "fewer-plugins" in rules(verdict)
    none = {
        **GOOD,
        META_PATH: GOOD[META_PATH].replace("deprecated: false\n  version", "deprecated: true\n  version"),
    }
    assert "mass-removal" in rules(validate(none, GOOD))


def test_severities_are_configurable() -> None:
    """`validate.rules` makes an error a warning, a warning an error, or silences either."""
    wrong = with_meta("version: v1.2.0", "version: 1.2.0")
    assert validate(wrong, rules={"plugin-version": "warning"}).accepted
    assert validate(wrong, rules={"plugin-version": "off"}).findings == ()
    missing = with_meta("  product_id: 900501\n", "")
    assert only(validate(missing), "product-id").severity is Severity.WARNING
    assert not validate(missing, rules={"product-id": "error"}).accepted


def test_severities_by_path() -> None:
    """A template that is no YAML on purpose blocks nothing where its rule is off, and is still refused elsewhere."""
    broken = "{{ each }}: [\n"
    off = PathRules(("templates/**",), {"yaml-syntax": "off"})
    files = {"templates/deep/a.yaml": broken, "b.yaml": "b: 1\n"}
    assert validate(files, profile="generic", rules_by_path=(off,)).findings == ()
    # The same folder under another name has the same tree: that it is clean under one says nothing of the other.
    both = files | {"other/deep/a.yaml": broken, "zz/deep/a.yaml": broken}
    refused = validate(both, profile="generic", rules_by_path=(off,))
    assert [one.path for one in refused.errors] == ["other/deep/a.yaml", "zz/deep/a.yaml"]
    twice = validator(ValidateSettings(profile="generic", rules_by_path=(off,)), {})
    assert twice.validate(state(files)).accepted
    assert twice.validate(state(files)).accepted
    assert not twice.validate(state({"zz/deep/a.yaml": broken})).accepted


def test_a_finding_says_which_severity_by_path_applied() -> None:
    """The last item that names rule and file counts, after the plain severities, and the finding names it."""
    items = (
        PathRules(("*.yaml",), {"yaml-syntax": "off"}),
        PathRules(("drafts/**", "x"), {"yaml-syntax": "warning"}),
    )
    verdict = validate(
        {"drafts/a.yaml": "a: [\n"}, profile="generic", rules={"yaml-syntax": "error"}, rules_by_path=items
    )
    [finding] = verdict.findings
    assert verdict.accepted
    assert finding.message.endswith(" (warning by validate.rules for drafts/**, x)")


@pytest.mark.parametrize(
    ("pattern", "path", "means"),
    [
        ("templates/**", "templates/a", True),
        ("templates/**", "templates/a/b", True),
        ("templates/**", "templates", False),
        ("templates/**", "x/templates/a", False),
        ("**/a.yaml", "a.yaml", True),
        ("**/a.yaml", "x/y/a.yaml", True),
        ("*.j2", "x/a.j2", True),
        ("x/*.j2", "x/y/a.j2", False),
        ("a?c", "abc", True),
        ("a?c", "a/c", False),
        ("a.c", "abc", False),
        ("templates", "templates/a", True),
        ("templates/", "templates/a/b", True),
        ("templates/", "x/templates/a", False),
        ("templates", "x/templates/a", True),
        ("/templates/**", "templates/a", True),
    ],
)
def test_patterns_of_paths(pattern: str, path: str, means: bool) -> None:
    """`*` and `?` stay within one part, `**` stands for folders, a pattern without a slash is for the last part.

    A folder stands for all that is in it.
    """
    assert matches(path, [pattern]) is means


def test_errors_come_first() -> None:
    """Findings are sorted: errors before warnings, then by path and line."""
    files = {**with_meta("  product_id: 900501\n", ""), "z.yaml": "a: b: c", "a.json": "{"}
    found = validate(files).findings
    assert [(f.severity.value, f.path) for f in found] == [
        ("error", "a.json"),
        ("error", "z.yaml"),
        ("warning", META_PATH),
    ]


def test_one_rule_is_reported_a_few_times() -> None:
    """Fifty of the same fault in one file are eight and a count."""
    found = validate({"a.yaml": "a: 1\n" * 50}, profile="generic").findings
    assert len(found) == 9
    assert any(f.message.startswith("41 or more") for f in found)


def test_cache_by_blob() -> None:
    """Validation again after one file changed reads that file, and plugin_meta.yaml's bytes are not parsed again."""
    mine = validator(ValidateSettings(), {})
    first = state(GOOD)
    mine.validate(first)
    second = state(with_tides("When the water is high", "When it is low"))
    mine.validate(second)
    reads = second.read.__self__.reads  # type: ignore[attr-defined]
    assert len(reads) == 1


def test_failing_pass_becomes_a_finding(caplog: pytest.LogCaptureFixture) -> None:
    """An exception inside a pass rejects the state, with a traceback in the log that quotes no content."""
    broken = state(GOOD)

    def read(blob: str) -> bytes:
        raise ValueError(bytes.fromhex("68756e74657232").decode())

    verdict = validator(ValidateSettings(), {}).validate(type(broken)(broken.tree, read))
    assert rules(verdict) == {"validator-failed"}
    assert not verdict.accepted
    assert "Traceback" in caplog.text or "File " in caplog.text
    assert "hunter2" not in caplog.text + repr(verdict)


@pytest.mark.parametrize(
    ("target", "said"),
    [
        ("nowhere.yaml", "dangling"),
        ("/etc/hostname", "outside"),
        ("../../x", "outside"),
        ("tides.yaml", "loop"),
    ],
)
def test_links(target: str, said: str) -> None:
    """A link that dangles, points outside the directory or turns in a circle is refused, once."""
    found = only(validate({**GOOD, TIDES_PATH: Link(target)}), "link")
    assert found.path == TIDES_PATH
    assert said in found.message


def test_configmap_layout() -> None:
    """A directory that is nothing but links through `..data` is validated as what it stands for."""
    files = {
        "common/oauth_schema.json": GOOD["common/oauth_schema.json"],
        "pluginproduct/..data": Link("..2026_01_01"),
        **{
            f"pluginproduct/..2026_01_01/{p[14:]}": t for p, t in GOOD.items() if p.startswith("pluginproduct/")
        },
        **{p: Link(f"..data/{p[14:]}") for p in GOOD if p.startswith("pluginproduct/")},
    }
    assert validate(files).findings == ()
    files["pluginproduct/..2026_01_01/ferries.yaml"] = "a: b: c"
    assert only(validate(files), "yaml-syntax").path == FERRIES_PATH
    swapped = {
        p.replace("2026_01_01", "2026_01_02"): Link("..2026_01_02") if t == "..2026_01_01" else t
        for p, t in files.items()
    }
    assert "mass-removal" not in rules(validate(swapped, files))
