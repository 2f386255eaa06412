"""Secrets never leave the vault in text, and everything else stays as it is."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st
from sites import Place

from configvault.core.secrets import names, randomness, values
from configvault.core.secrets.redactor import Redactor

REDACTOR = Redactor(b"a key")
CANARY = "c4nary-Sup3r.secret_x"  # too short and too worded to be found by its looks
REAL = Path(__file__).parents[2] / "shared" / "coze-plugin"

SHAPES = {
    "yaml": "service_token: {}",
    "yaml quoted": 'password: "{}"',
    "yaml single": "password: '{}'  # why",
    "yaml comment": "# api_key: {}",
    "yaml list": "- client_secret: {}",
    "yaml tag": "password: !!str {}",
    "yaml anchor": "password: &pw {}",
    "yaml block": "password: |\n  {}\n  second {}\nuser: bob",
    "yaml block tagged": "password: !!str |-\n  {}\nuser: bob",
    "yaml folded": "- private_key: >-\n    {}\n\n    {}\n  user: bob",
    "yaml next line": "password:\n  {}\nuser: bob",
    "yaml next line folded": "password:\n  part\n  {}\nuser: bob",
    "yaml next line quoted": 'password:\n  "{}"\nuser: bob',
    "yaml quoted over lines": 'password: "abc\n  {}\n  def" \nuser: bob',
    "yaml items": "tokens:\n- {}\n- {}\nuser: bob",
    "yaml items deeper": "tokens:\n  - {}\n  - '{}'\nuser: bob",
    "yaml flow": "auth: {{user: bob, password: {}, port: 80}}",
    "yaml flow list": "tokens: [{}, b]\nuser: bob",
    "yaml flow over lines": "tokens: [a,\n  {}]\nuser: bob",
    "yaml container": "credentials:\n  main: {}\n  second:\n    third: {}\nuser: bob",
    "yaml flow container": "credentials: {{user: {}}}",
    "yaml schema": "access_token:\n  type: string\n  example: {}",
    "yaml named": "header:\n  - name: Authorization\n    value: Bearer {}",
    "yaml named later": "header:\n  - value: {}\n    name: X-Api-Key",
    "yaml named block": "- name: Cookie\n  value: |\n    {}\n- name: x",
    "yaml named flow": "header: [{{name: Authorization, value: {}}}]",
    "yaml payload": """payload: '{{"key":"Authorization","service_token":"{}","location":"Header"}}'""",
    "yaml payload spaced": """payload: '{{ "key": "token", "service_token" : "{}", "location": "Query"}}' # x""",
    "yaml payload escaped": r"""payload: "{{\"key\":\"Authorization\",\"service_token\":\"{}\"}}" """,
    "yaml payload twice escaped": r"""payload: "{{\"a\":\"{{\\\"service_token\\\":\\\"{}\\\"}}\"}}" """,
    "yaml payload block": """payload: |\n  {{"key": "Authorization",\n   "service_token": "{}"}}""",
    "yaml payload folded": """payload: >-\n  {{"client_id": "x", "client_secret":\n  "{}", "scope": "a"}}""",
    "yaml payload over lines": 'payload: "{{\\"key\\":\\"Authorization\\",\n  \\"service_token\\":\\"{}\\"}}"',
    "json": '{{"api_key": "{}", "port": 80}}',
    "json lines": '{{\n  "apiKey": "{}",\n  "port": 80\n}}',
    "json list": '{{\n  "tokens": [\n    "{}",\n    "{}"\n  ],\n  "port": 80\n}}',
    "json object": '{{\n  "credentials": {{\n    "main": "{}"\n  }},\n  "port": 80\n}}',
    "json named": '[{{"name": "Authorization", "value": "{}"}}]',
    "json named later": '[{{"value": "{}", "name": "Authorization"}}]',
    "json named lines": '[\n  {{\n    "value": "{}",\n    "name": "X-Token"\n  }}\n]',
    "json items": '{{\n  "token": [\n    "a",\n    "{}"\n  ],\n  "port": 80\n}}',
    "json below": '{{\n  "token":\n  "{}"\n}}',
    "toml": 'db_password = "{}"',
    "toml long": 'private_key = """\nabc\n{}\n"""\nuser = "bob"',
    "toml inline": "db = {{ user = 'bob', password = '{}' }}",
    "toml named": '[[header]]\nname = "Authorization"\nvalue = "{}"',
    "env": "export DB_PASSWORD={}",
    "env spaces": "DB_PASS=correct horse {} staple # x",
    "env quoted": "SECRET_KEY='{}'",
    "env quoted over lines": 'SECRET_KEY="abc\n{}\ndef"\nUSER=bob',
    "env glued": 'SECRET_KEY="abc"{}',
    "env list": "- DB_PASSWORD={}",
    "env list quoted": '- "DB_PASSWORD=a b {}"',
    "ini": "[db]\npassword = {}",
    "header": "Authorization: Bearer {}",
    "header basic": "proxy-authorization: Basic {}",
    "header cookie": "Cookie: session={}; lang=zh",
    "header tight": "X-Api-Key:{}",
    "header in a command": """curl -H "Authorization: Bearer {}" http://x""",
    "bearer alone": "run with bearer {} please",
    "url": "url: https://bob:{}@example.com/x",
    "url signs": "url: https://bob:{}/@?x@example.com/x",
    "url query": "url: https://example.com/x?a=b&token={}&c=d",
    "url query key": "url: 'https://example.com/x?key={}'",
    "flag": "command: mysql --password {} --user bob",
    "flag equals": "command: mysql --password={} --user bob",
    "flag list": 'command: ["mysql", "--password", "{}"]',
    "words in quotes": 'message: "password: {}"',
    "escaped lines": r'env: "A=1\nTOKEN={}\nB=2"',
    "connection": "dsn: host=db user=bob password={} dbname=x",
    "connection words": "dsn: Server=db;User Id=bob;Password={};Encrypt=yes",
    "chinese": "密码\uff1a{}",
    "camel": "accessKey: {}",
    "spaced name": '"API Key": "{}"',
    "pem": "cert: |\n  -----BEGIN RSA PRIVATE KEY-----\n  {}\n  {}\n  -----END RSA PRIVATE KEY-----\nuser: bob",
    "pem in a string": r'{{"k": "-----BEGIN PRIVATE KEY-----\n{}\n-----END PRIVATE KEY-----\n"}}',
    "diff": "+  token: {}",
    "unfinished": 'token: "{}',
    "crlf": "password: {}\r\nuser: bob\r",
}


def fill(shape: str, secret: str) -> str:
    """Return the shape with the secret in each of its places."""
    parts = SHAPES[shape].split("{}")
    return secret.join(part.replace("{{", "{").replace("}}", "}") for part in parts)


@pytest.mark.parametrize("shape", SHAPES)
def test_no_secret_survives(shape: str) -> None:
    """A secret under a telling name is hidden in every format, and its lines stay where they are."""
    text = fill(shape, CANARY)
    hidden = REDACTOR.text(text)
    assert CANARY not in hidden
    assert hidden.count("\n") == text.count("\n")
    assert REDACTOR.text(hidden) == hidden
    assert "bob" in hidden or "bob" not in text


@pytest.mark.parametrize("shape", SHAPES)
def test_no_key_no_marks(shape: str) -> None:
    """Without a key everything is hidden all the same, behind one word."""
    hidden = Redactor(b"").text(fill(shape, CANARY))
    assert CANARY not in hidden
    assert "<secret>" in hidden
    assert "<secret#" not in hidden


@pytest.mark.parametrize("shape", SHAPES)
@given(secret=st.from_regex(r"[A-Za-z0-9][A-Za-z0-9!$%*+./:=?^_|~-]{10,30}[A-Za-z0-9]", fullmatch=True))
@settings(max_examples=15, deadline=None)
def test_no_secret_of_any_letters_survives(shape: str, secret: str) -> None:
    """What a secret is made of does not matter where its name tells."""
    if shape in ("bearer alone", "header cookie") or (
        shape.startswith("url") and (shape == "url signs" or set("/?#@:&") & set(secret))
    ):
        secret = "p" + re.sub(r"\W", "x", secret) + "0"
    hidden = REDACTOR.text(fill(shape, secret))
    assert secret not in hidden
    assert REDACTOR.text(hidden) == hidden


def test_same_value_same_mark() -> None:
    """A value has one mark wherever it stands, another value and another key have other marks."""
    marks = [
        re.findall("<secret#.{6}>", REDACTOR.text(fill(shape, "sk-abcdefgh0123")))
        for shape in (
            "yaml",
            "yaml quoted",
            "yaml payload",
            "yaml payload escaped",
            "json",
            "env",
            "header",
            "url",
        )
    ]
    assert all(found == marks[0] for found in marks)
    assert len(marks[0]) == 1
    assert REDACTOR.text("token: a") != REDACTOR.text("token: b")
    assert REDACTOR.text("token: a") != Redactor(b"another").text("token: a")


def test_what_is_around_a_secret_stays() -> None:
    """Only the value goes: names, quotes, comments and neighbours stay."""
    assert Redactor(b"").text(fill("yaml payload", CANARY)) == fill("yaml payload", "<secret>")
    assert Redactor(b"").text(fill("yaml payload escaped", CANARY)) == fill("yaml payload escaped", "<secret>")
    assert Redactor(b"").text(fill("yaml single", CANARY)) == fill("yaml single", "<secret>")
    assert Redactor(b"").text(fill("header", CANARY)) == fill("header", "<secret>")
    assert Redactor(b"").text(fill("url query", CANARY)) == fill("url query", "<secret>")
    assert Redactor(b"").text(fill("yaml flow", CANARY)) == fill("yaml flow", "<secret>")


@pytest.mark.parametrize(
    "secret",
    [
        "sk-proj-Zk3uT9bQ2xW8vR5n", "ghp_16C7e42F292c6912E7710c838347Ae178B4a", "AKIAIOSFODNN7EXAMPLE",
        "xoxb-123456789012-abcdefABCDEF", "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.dozjgNryP4J3jVmNHl0w5N",
        "pat_OYDacMzM3WyOWV3Dtj2bHRMymzxP", "wJalrXUtnFEMI/K7MDENG/bPxRfiCY3xq9LkEYv2", "q8Zr2LmN7xTfB3vKc9WdY5hJ",
        "8f14e45fceea167a5a36dedd4bea2543", "dGhpcyBpcyBhIHNlY3JldCB2YWx1ZTEyMzQ1Njc4OTA=",
        "2c26b46b68ffc68ff99b453c1d30413413422d706483bfa0f98a5e886266e7ae",
    ],
)  # fmt: skip
@pytest.mark.parametrize("around", ["{}", "x: {}", "see {}.", '{"x":"{}"}', "a {} b", "x={}"])
def test_random_strings(secret: str, around: str) -> None:
    """What looks like a key is hidden whatever it is called."""
    assert secret not in REDACTOR.text(around.replace("{}", secret))


@given(st.from_regex("[A-Za-z0-9]{40}", fullmatch=True).filter(lambda s: len(set(s)) > 20))
@settings(deadline=None)
def test_random_strings_of_any_kind(secret: str) -> None:
    """Letters and digits in no order are hidden where they are mixed as chance mixes them."""
    mixed = len(re.findall("(?<=[0-9])(?=[A-Za-z])|(?<=[A-Za-z])(?=[0-9])", secret)) > 6
    assert not mixed or secret not in REDACTOR.text(f"x: {secret}")


@pytest.mark.parametrize(
    "line",
    [
        "key: Authorization", "key: token", "sub_type: token/api_key", "token:", 'service_token: ""', "password: ''",
        "password: null", "password: ~", "secrets: {}", "tokens: []", "token: ${TOKEN}", "token: '{{ token }}'",
        "max_tokens: 4096", "token_type: bearer", "authorization_url: https://accounts.feishu.cn/open-apis/authen/v1/authorize",
        "token_url: https://example.com/oauth/token", "authorization_content_type: application/json",
        "name: page_token", "required: [access_token, name]", "scope: 'bitable:app token:read wiki:wiki'",
        "commit: 56fc136c0d5a2f0f3f8d3c8a3e7a1bb8c1d2e3f4", "id: 123e4567-e89b-12d3-a456-426614174000",
        "sha256: 2c26b46b68ffc68ff99b453c1d30413413422d706483bfa0f98a5e886266e7ae",
        "image: x@sha256:2c26b46b68ffc68ff99b453c1d30413413422d706483bfa0f98a5e886266e7ae",
        "plugin_id: 7376228190244618278", "message_id: om_dc13264520392913993dd051dba21dcf", "version: v1.0.0-rc.1+build.20231201",
        "logo_url: official_plugin_icon/plugin_lark_authentication_authorization.png", "url: http://localhost:8080/admin/reload-plugins",
        "path: /usr/lib/python3.11/site-packages/configvault/observers/prometheus.py", "operationId: GetTenantAccessTokenByAppIdV2",
        "$ref: '#/components/schemas/DescribeInstanceAttributeResponse2'", "description: 分页标记 会同时返回新的 page_token\uff0c否则不返回",
        "when: 2023-12-01T14:00:00+08:00", "backup_20231201_140000", "mail: bob@example.com", "url: https://host:8080/a?b=c@d.e",
        "git@github.com:coze-dev/coze-studio.git", "url: ssh://git@example.com/x.git", "Basic authentication is off",
        "  tools:", "auth: oauth", "- name: User-Agent\n  value: Coze/1.0", "max_output_tokens: 100", "tokens: 12",
        "token:\n  type: string\n  description: 令牌\nname: x", "properties:\n  token:\n    $ref: '#/x'\n    enum:\n      - a",
        '"key": "Authorization Code",\n"value": 4', "https://bob:${PASSWORD}@example.com",
        "logo: data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk",
    ],
)  # fmt: skip
def test_what_is_no_secret_stays(line: str) -> None:
    """Names, empty values, references, ids, paths, versions and prose are left alone."""
    assert REDACTOR.text(line) == line


@pytest.mark.skipif(not REAL.is_dir(), reason="the real plugin directory is not beside this checkout")
def test_real_files_stay() -> None:
    """In Coze's own files only what really is a token is hidden."""
    hits = []
    for path in sorted(REAL.rglob("*.*")):
        text = path.read_text(encoding="utf-8")
        hidden = REDACTOR.text(text)
        hits += [a for a, b in zip(text.split("\n"), hidden.split("\n"), strict=True) if a != b]
    assert len(hits) == 1
    assert "drive/folder/" in hits[0]


@given(
    st.dictionaries(st.text(max_size=8), st.text(min_size=9, max_size=20), max_size=3),
    st.text(min_size=9, max_size=30),
)
@settings(deadline=None)
@example({}, '"""""""""')
@example({}, "\\\\\\\\\\\\\\\\\\")
def test_json_of_anything(others: dict[str, str], secret: str) -> None:
    """Whatever stands in JSON beside it, a secret is hidden, also in JSON inside JSON."""
    if len(set(secret)) < 5 or secret.strip() != secret or secret.lower() == "undefined":
        secret += "-c4nary"
    # What also stands where nothing is secret cannot be looked for.
    assume(json.dumps(secret)[1:-1] not in json.dumps(others | {"service_token": "", "payload": "", "a": ""}))
    inner = json.dumps(others | {"service_token": secret})
    for text in (
        inner,
        json.dumps({"payload": inner}),
        json.dumps({"a": json.dumps({"payload": inner})}, indent=1),
    ):
        hidden = REDACTOR.text(text)
        assert json.dumps(secret)[1:-1] not in hidden
        assert hidden.count("\n") == text.count("\n")


FRAGMENTS = st.sampled_from(
    ["token", "password", "key", "name", "value", "tokens", ":", "=", ": ", " ", "  ", "\n", "\n  ", "\n- ", '"', "'", '\\"', "{", "}",
     "[", "]", ",", "|", ">-", "#", "&", "?", "@", "://", "https", "abc", "Authorization", "Bearer ", "a1b2c3d4e5f6g7h8i9j0k1l2", "-----BEGIN PRIVATE KEY-----",
     "-----END", "<secret#123456>", "\r", "\t", "--", '"""', "*a", "!!str ", "${A}", "密码", "true", "1"]
)  # fmt: skip


@given(st.lists(FRAGMENTS, max_size=25).map("".join))
@settings(max_examples=600, deadline=None)
def test_any_text(text: str) -> None:
    """No text changes its lines, and what was redacted once does not change again."""
    hidden = REDACTOR.text(text)
    assert hidden.count("\n") == text.count("\n")
    assert REDACTOR.text(hidden) == hidden


@pytest.mark.parametrize("unit", ["a", "token", "token:", "token: '", 'token="', "\\", '"', "{", "a://", "a-", "--token ", " ", "\t:", "@", "=", "a1",
                                  "key: x,", "Bearer ", "\\\"", "-----BEGIN ", "[\"token\",", "name: token\nvalue: x\n", "- ", "'\\", "?token=a&"])  # fmt: skip
def test_cost_grows_with_the_text_only(unit: str) -> None:
    """A megabyte of hostile text comes to an end, in one line or in many; with the square of it this would hang."""
    text = unit * (1_000_000 // len(unit))
    assert REDACTOR.text(text).count("\n") == text.count("\n")


def test_a_line_of_ten_megabytes() -> None:
    """An enormous line is hidden as a whole."""
    assert re.fullmatch("a: 1\n<secret#.{6}>\nb: 2", REDACTOR.text("a: 1\n" + "token:" * 1_700_000 + "\nb: 2"))


@pytest.mark.parametrize(
    ("name", "secret"),
    [
        ("DB_PASS", True), ("X-Auth-Token", True), ("AWS_SECRET_ACCESS_KEY", True), ("clientSecret", True), ("appkey", True),
        ("secret_id", True), ("Set-Cookie", True), ("verification_token", True), ("encrypt_key", True), ("passphrase", True),
        ("key", False), ("keyboard", False), ("tokenizer", False), ("max_tokens", False), ("compass", False), ("author", False),
        ("token_type", False), ("access_key_id", False), ("monkey", False), ("bypass", False), ("authorization_url", False),
    ],
)  # fmt: skip
def test_names(name: str, secret: bool) -> None:
    """A name tells a secret by its words, in every spelling."""
    assert names.is_secret(name) is secret


def test_a_new_secret_is_reported_once(tmp_path: Path) -> None:
    """A secret is told of when it enters the history, by line and mark; not where it moves to, nor when it stays."""
    place = Place(tmp_path / "place")
    place.init({"a.yaml": f"name: x\npassword: {CANARY}\n"})

    def entered(files: dict[str, str]) -> list[tuple[str, str, int]]:
        for path, text in files.items():
            (place.root / path).write_text(text)
        done = place.run("snapshot", "--json")
        assert CANARY not in done.out + done.err
        assert "other-c4nary-0" not in done.out + done.err
        return [(one["rule"], one["path"], one["line"]) for one in done.json["findings"]]

    assert entered({"a.yaml": f"name: y\npassword: {CANARY}\n"}) == []
    assert entered({"a.yaml": f"name: y\n\npassword: {CANARY}\n", "b.yaml": f"x: 1\ntoken: {CANARY}\n"}) == []
    assert entered({"a.yaml": "name: y\npassword: other-c4nary-0\n"}) == [("new-secret", "a.yaml", 2)]
    assert entered({"a.yaml": "name: z\npassword: other-c4nary-0\n"}) == []


_PIECES = st.sampled_from(
    [
        *(
            "password",
            "pass_word",
            "Pat",
            "userSK",
            "x-api-key",
            "api key",
            "to.ken",
            "auth",
            "name",
            "value",
            "sid",
        ),
        *(
            ": ",
            "=",
            " = ",
            ":",
            '"',
            "'",
            "\\n",
            "\\",
            "{",
            "}",
            "[",
            ", ",
            "- ",
            "  ",
            "\n",
            "\n  ",
            "?",
            "&",
            "|",
            ">-",
        ),
        *(
            "https://",
            "bob:",
            "@",
            "Bearer ",
            "basic ",
            "--",
            "令牌",
            "sk-",
            "ghp_",
            "-----BEGIN RSA PRIVATE KEY-----",
        ),
        *("abcd1234", "Zx9Kq2Lm8Wv4", "path", "description", "task", "inside", "k", "a", "Q"),
    ]
)


@given(st.lists(_PIECES, max_size=14).map("".join))
@settings(max_examples=1500)
def test_the_sieve_changes_nothing(text: str) -> None:
    """What is passed over unread is what would be found to hold no secret."""
    sieved = REDACTOR.text(text)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(values, "may_hold", lambda *_: True)
        assert REDACTOR.text(text) == sieved


@pytest.mark.parametrize(
    "line",
    [
        "basic abcd1234",
        "Bearer abcd1234",
        "x://bob:a1b@h",
        r"a: 'x\npat: a1b'",
        "a?code=a1b",
        "sk-abcdefgh",
        "to.ken: a1b",
        "userSK: a1b",
        "api key: a1b",
        "otp=a1b",
        "--pass-word a1b",
        "令牌：a1b",  # noqa: RUF001 -- the colon of Chinese text
        "[{name: sid, value: a1b}]",
        "k: Zx9Kq2Lm8Wv4Zx9Kq2Lm8Wv4",
    ],
)
def test_the_sieve_lets_through(line: str) -> None:
    """Each sign of a secret is enough by itself."""
    assert REDACTOR.text(line) != line


@given(
    st.from_regex(re.compile(re.sub(r"([*}])\+", r"\1", randomness._KNOWN.pattern), re.ASCII), fullmatch=True)
)
@settings(max_examples=1000)
def test_every_known_form_begins_as_the_sieve_knows(token: str) -> None:
    """A known token whose start the sieve does not know would never be looked for."""
    assert any(start in token for start in randomness.KNOWN_STARTS)


def test_the_sieve_holds_back_most_lines() -> None:
    """A line as most lines of a document are is not read a second time."""
    assert not values.may_hold("      summary: what the weather is\n      operationId: forecast\n")


def test_a_secret_is_hidden_wherever_it_stands_again() -> None:
    """What one line names as a secret is one in a comment and under any other name, too, behind the same mark."""
    text = f"# was {CANARY} before\npassword: {CANARY}\ndescription: 'use {CANARY}'\nport: 8080\n"
    mark = REDACTOR.mark(CANARY)
    assert REDACTOR.text(text) == text.replace(CANARY, mark)


def test_a_secret_of_one_version_is_hidden_in_the_other() -> None:
    """A secret that moved under a harmless name, or stood there before, is hidden on both sides of a difference."""
    named, harmless = f"password: {CANARY}\n", f"remark: {CANARY}\n"
    mark = REDACTOR.mark(CANARY)
    assert REDACTOR.both(named, harmless) == (f"password: {mark}\n", f"remark: {mark}\n")
    assert REDACTOR.both(harmless, named) == (f"remark: {mark}\n", f"password: {mark}\n")


@pytest.mark.parametrize("word", ["required", "bearer", "changeme", "oauth-token", "s3cret"])
def test_a_plain_word_is_no_secret_elsewhere(word: str) -> None:
    """A password of one short word does not make the file unreadable."""
    text = f"password: {word}\ntitle: a {word} thing\n"
    assert REDACTOR.text(text).endswith(f"title: a {word} thing\n")


@given(st.lists(st.sampled_from([*SHAPES.values(), CANARY, "remark: {}", "a: 1"]), max_size=5))
def test_repetitions_leave_lines_and_themselves_alone(shapes: list[str]) -> None:
    """However often it stands there, no line comes or goes, and what was redacted once does not change again."""
    text = "\n".join(shape.replace("{}", CANARY) for shape in shapes)
    hidden = REDACTOR.text(text)
    assert hidden.count("\n") == text.count("\n")
    assert REDACTOR.text(hidden) == hidden
    assert CANARY not in hidden or hidden == text
