"""A planted secret is looked for wherever the program speaks: diffs, pages, findings, messages, commits, notifications, logs."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from pages import Pages, showing
from plugins import GOOD, META, META_PATH, TIDES, TIDES_PATH, swap
from sites import Place
from test_planted import NAMES, SENTENCES, SYNTAXES, fits, written

SECRET = "q7Canary01zzKp"


def value(number: int) -> str:
    """Return a secret that no other file has."""
    return f"Cn{number:03}swordfish{number:03}"


def planted() -> Iterator[tuple[str, str]]:
    """Yield the text of a file and the secret in it, for each syntax under two names, and for each sentence."""
    number = 0
    for syntax, text in SYNTAXES.items():
        for name in (NAMES[number % 40], NAMES[number % len(NAMES)]):
            if fits(syntax, name):
                yield written(text, name, value(number)), value(number)
                number += 1
    for sentence in SENTENCES:
        yield sentence.format(n="password", v=value(number)), value(number)
        number += 1


def outputs(place: Place, pages: Pages, latest: str) -> Iterator[tuple[str, str]]:
    """Yield the name and the text of everything that is said of a changed root."""
    for argv in (
        ("diff",), ("diff", "--json"), ("check",), ("check", "--json"), ("status",), ("status", "--json"), ("rejected", "list"),
        ("rejected", "list", "--json"), ("rejected", "show"), ("rejected", "show", "--json"), ("rejected", "diff"), ("show", latest),
        ("show", latest, "--json"), ("list", "--json"), ("report", "--json"), ("rollback", latest, "-n"),
    ):  # fmt: skip
        done = place.run(*argv)
        yield " ".join(argv), done.out + done.err
    yield "git log", place.git("log", "--all", "--format=%B%an%ae%D", "--glob=refs/configvault/*")
    for path in (f"/diff/{latest}..live", "/", "/api/status", "/api/snapshots", "/api/rejected", "/api/report"):
        yield path, pages.get(path).body
    rejected = place.ok("rejected", "list")["rejected"]
    for one in rejected[:1]:
        yield "/rejected", pages.get(f"/rejected/{one['id']}").body


@pytest.mark.parametrize("ending", ["txt", "yaml", "json", "toml"])
def test_no_output_holds_what_was_planted(tmp_path: Path, ending: str) -> None:
    """Files of every syntax, valid or broken, are recorded or refused, and no output holds their secrets."""
    heard = tmp_path / "heard"
    place = Place(
        tmp_path / "place",
        more=f"notify: [{{command: [sh, -c, 'cat >> {heard}'], on: [recorded, rejected]}}]\n",
    )
    latest = place.init({"a.txt": "a"})
    files = {f"p{number:03}.{ending}": text for number, (text, _) in enumerate(planted())}
    secrets = [secret for _, secret in planted()]
    place.write(files)
    with showing(place) as pages:
        before = place.run("diff").out
        assert "p001" in before
        done = place.run("snapshot", "--json")
        latest = place.ok("list")["snapshots"][0]["id"] if done.code == 0 else latest
        said = [("diff before", before), ("snapshot", done.out + done.err), *outputs(place, pages, latest)]
    said.append(("notified", heard.read_text() if heard.exists() else ""))
    shown = [(name, secret) for name, text in said for secret in secrets if secret in text]
    assert shown == []


SLIPS = {
    "a plugin's id": {META_PATH: swap(META, "plugin_id: 501\n", f"plugin_id: {SECRET}\n")},
    "a product's id": {META_PATH: swap(META, "product_id: 900501", f"product_id: {SECRET}")},
    "a tool's id": {META_PATH: swap(META, "tool_id: 501001", f"tool_id: {SECRET}")},
    "a version": {META_PATH: swap(META, "version: v1.2.0", f"version: {SECRET}")},
    "a version in brackets": {META_PATH: swap(META, "version: v1.2.0", f"version: [{SECRET}]")},
    "a flag": {META_PATH: swap(META, "deprecated: false", f"deprecated: {SECRET}")},
    "a plugin's type": {META_PATH: swap(META, "plugin_type: 1", f"plugin_type: {SECRET}")},
    "a schema's version": {META_PATH: swap(META, "schema_version: v1", f"schema_version: {SECRET}")},
    "the kind of auth": {META_PATH: swap(META, "type: service_http", f"type: {SECRET}")},
    "the second kind of auth": {META_PATH: swap(META, "sub_type: token/api_key", f"sub_type: {SECRET}")},
    "the kind of api": {META_PATH: swap(META, "type: openapi", f"type: {SECRET}")},
    "a key": {META_PATH: swap(META, "logo_url: icons/tides.png", f"{SECRET}: x")},
    "a key twice": {META_PATH: swap(META, "logo_url: icons/tides.png", f"{SECRET}: x\n    {SECRET}: y")},
    "a place of parameters": {META_PATH: swap(META, "common_params: {}", f"common_params: {{{SECRET}: []}}")},
    "a method": {META_PATH: swap(META, "method: get", f"method: {SECRET}")},
    "a payload's key": {META_PATH: swap(META, '"service_token": "harbour-master"', f'"service_token" "{SECRET}"')},
    "a payload that is none": {META_PATH: swap(META, "'{\"key\": \"Authorization\", \"service_token\": \"harbour-master\", \"location\": \"Header\"}'", SECRET)},
    "an alias": {META_PATH: swap(META, "key: Authorization\n", f"password: *{SECRET}\n")},
    "a tag": {META_PATH: swap(META, "key: Authorization\n", f"password: !{SECRET}\n")},
    "a resolvable tag": {META_PATH: swap(META, "key: Authorization\n", f"password: !!int {SECRET}\n")},
    "a line of its own": {META_PATH: swap(META, "key: Authorization\n", f"password:\n{SECRET}\n")},
    "a line indented too little": {META_PATH: swap(META, "key: Authorization\n", f"password:\n   {SECRET}\n")},
    "a value that breaks off": {META_PATH: swap(META, "key: Authorization\n", f"password: '{SECRET}\n")},
    "a list that breaks off": {META_PATH: swap(META, "key: Authorization\n", f"password: [{SECRET}\n")},
    "a version of OpenAPI": {TIDES_PATH: swap(TIDES, "openapi: 3.0.1", f"openapi: {SECRET}")},
    "a schema's type": {TIDES_PATH: swap(TIDES, "type: integer", f"type: {SECRET}")},
    "a limit": {TIDES_PATH: swap(TIDES, "maximum: 14", f"maximum: {SECRET}")},
    "a place of a parameter": {TIDES_PATH: swap(TIDES, "in: query", f"in: {SECRET}")},
    "a flag of a parameter": {TIDES_PATH: swap(TIDES, "required: true", f"required: {SECRET}")},
    "a key of a document": {TIDES_PATH: swap(TIDES, "summary: Wake me at high water", f"summary: x\n      {SECRET}: y")},
    "a key of a document twice": {TIDES_PATH: TIDES + f"x-a:\n  {SECRET}: 1\n  {SECRET}: 2\n"},
    "a response": {TIDES_PATH: swap(TIDES, "default:\n          description: \"\"", f"{SECRET}:\n          description: \"\"")},
    "a media type": {TIDES_PATH: swap(TIDES, "application/json:\n            schema:\n              type: object\n              required", f"{SECRET}:\n            schema:\n              type: object\n              required")},
    "a schema's name": {TIDES_PATH: TIDES + f"    {SECRET}:\n      type: nonsense\n"},
    "a default of a secret": {TIDES_PATH: TIDES + f"    Token:\n      type: object\n      properties:\n        access_token: {{type: integer, default: {SECRET}}}\n"},
    "an example of a secret": {TIDES_PATH: TIDES + f"    Token:\n      type: object\n      properties:\n        access_token:\n          type: integer\n          example: {SECRET}\n"},
    "an enum of a secret": {TIDES_PATH: TIDES + f"    Token:\n      type: object\n      properties:\n        password:\n          type: string\n          enum: [{SECRET}]\n          default: b\n"},
    "JSON without colon": {"common/oauth_schema.json": f'{{"password" "{SECRET}"}}'},
    "JSON with a key twice": {"common/oauth_schema.json": f'{{"{SECRET}": 1, "{SECRET}": 2}}'},
    "JSON with a comma": {"common/oauth_schema.json": f'{{"password": "{SECRET}",}}'},
    "TOML with a key twice": {"x.toml": f'[secrets]\n{SECRET} = 1\n{SECRET} = 2\n'},
    "TOML without quotes": {"x.toml": f"password = {SECRET}\n"},
}  # fmt: skip


@pytest.mark.parametrize("slip", SLIPS)
def test_a_secret_in_the_wrong_place(tmp_path: Path, slip: str) -> None:
    """A secret that slipped to where an id, a version, a type or a key belongs is in no finding, message or notification."""
    heard = tmp_path / "heard"
    place = Place(
        tmp_path / "place",
        more=f"notify: [{{command: [sh, -c, 'cat >> {heard}'], on: [recorded, rejected]}}]\n",
        profile="coze",
    )
    latest = place.init(GOOD)
    place.write(SLIPS[slip])
    check = place.run("check")
    done = place.run("snapshot", "--json")
    said = [
        check.out + check.err,
        done.out + done.err,
        place.git("log", "--all", "--format=%B", "--glob=refs/configvault/*"),
    ]
    said += [
        place.run(*argv).out for argv in (("rejected", "show"), ("rejected", "list"), ("list",), ("report",))
    ]
    with showing(place) as pages:
        said += [
            pages.get("/").body,
            *(pages.get(f"/rejected/{one['id']}").body for one in place.ok("rejected", "list")["rejected"]),
        ]
    said.append(heard.read_text() if heard.exists() else "")
    assert [text for text in said if SECRET in text] == []
    assert latest in place.run("list", "--json").out
    if done.code == 3:
        assert json.loads(done.out)["findings"]


def test_what_a_program_prints(tmp_path: Path) -> None:
    """A validator of the site's own that quotes the files it read gives no secret of theirs away."""
    script = tmp_path / "lint"
    script.write_text(
        '#!/bin/sh\ncd "$1" && echo "a.yaml:2: too short: $(sed -n s/.*:.//p a.yaml | tail -1)" && exit 1\n'
    )
    script.chmod(0o755)
    place = Place(tmp_path / "place", more="")
    place.init({"b.yaml": "x: 1\n"})
    place.config.write_text(
        place.config.read_text().replace(
            "{profile: generic}",
            f"{{profile: generic, commands: [{{name: lint, argv: [{script}, '{{dir}}']}}]}}",
        )
    )
    place.write({"a.yaml": "user: bob\npassword: swordfish\n"})
    done = place.run("check")
    assert done.code == 3, done
    assert "too short: <secret>" in done.out
    assert "swordfish" not in done.out + done.err
