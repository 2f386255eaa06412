"""Secrets planted by a grammar (how the name is spelled, how it is written down, what the value is made of) never come out."""

# ruff: noqa: RUF001 -- the letters and signs of other scripts are what this is about

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from configvault.core.secrets.redactor import Redactor

HIDE = Redactor(b"a key")

NAMES = (
    "password", "PASSWORD", "passwd", "pwd", "db_pass", "dbPassword", "db.password", "DB-PASS", "user_pw", "passphrase", "pass",
    "token", "access_token", "accessToken", "X-Auth-Token", "refreshToken", "secret", "client_secret", "AppSecret", "appsecret",
    "secretKey", "SECRET_KEY", "api_key", "apiKey", "apikey", "API-KEY", "ak", "sk", "access_key", "AccessKeySecret", "private_key",
    "encrypt_key", "EncodingAESKey", "apiv3key", "credential", "authorization", "cookie", "salt", "mnemonic", "seed_phrase", "psk",
    "密码", "口令", "密钥", "秘钥", "密匙", "私钥", "访问令牌", "授权码", "登录密码", "數據庫密碼", "金鑰", "パスワード", "データベースのパスワード", "トークン",
    "비밀번호", "토큰", "пароль", "токен", "contraseña", "contrasena", "clave", "senha", "mot_de_passe", "mdp", "Passwort", "wachtwoord",
    "şifre", "ｐａｓｓｗｏｒｄ", "backup_code", "consumer_key", "product_key", "activation_code", "xsrf", "masterauth", "鉴权码", "验证码", "激活码",
    "認証キー", "ключ_доступа", "şifresi", "sekret", "jelszó", "zugangsdaten", "schluessel",
)  # fmt: skip
MORE_NAMES = (
    "sess_key", "des_key", "unseal_key", "OPENAI_KEY", "stripe_key", "tlsKey", "cert_key", "registration_key", "mfa_code", "security_answer", "security_code",
    "cvv", "card_number", "unlock_code", "snmp_community", "community_string", "pwhash", "azure_key", "解锁码", "提取码", "邀请码", "注册码", "卡密", "安全码", "恢复码",
    "备份码", "种子短语", "盐值", "加盐", "シークレットキー", "액세스키", "시크릿키", "API키", "lozinka", "slaptažodis", "passord", "geslo", "pass\u200bword",
)  # fmt: skip
SPACED = (
    "pass word",
    "api key",
    "access token",
    "secret key",
    "seed phrase",
    "private key",
    "API Key",
    "mot de passe",
)

# How a name and its value are written down; the first line of each is what stands around in such a file.
SYNTAXES = {
    "yaml": "a: 1\n{n}: {v}\nz: 2",
    "yaml deeper": "a:\n  b:\n    {n}: {v}\nz: 2",
    "yaml item": "a:\n- {n}: {v}\n  b: 1",
    "yaml double quotes": 'a: 1\n{n}: "{v}"\nz: 2',
    "yaml single quotes": "a: 1\n{n}: '{v}'  # why\nz: 2",
    "yaml quoted name": 'a: 1\n"{n}": {v}\nz: 2',
    "yaml flow": "a: {{b: 1, {n}: '{v}', c: 2}}",
    "yaml next line": "a: 1\n{n}:\n  {v}\nz: 2",
    "yaml next line wrongly indented": "a:\n  {n}:\n {v}\nz: 2",
    "yaml next line not indented": "{n}:\n{v}\nz: 2",
    "yaml literal": "{n}: |\n  {v}\nz: 2",
    "yaml folded": "{n}: >-\n  hello\n  {v}\nz: 2",
    "yaml over lines": "{n}: hello\n  {v}\nz: 2",
    "yaml commented next line": "{n}:\n  # of the test system\n  {v}\nz: 2",
    "yaml items": "{n}:\n- {v}\n- b",
    "yaml complex key": "a: 1\n? {n}\n: {v}\nz: 2",
    "yaml complex quoted key": '? "{n}"\n: \'{v}\'\nz: 2',
    "yaml anchor": "a: &x '{v}'\n{n}: *x\nz: 2",
    "yaml anchor below": "b:\n  {n}: *x\na: &x {v}\nz: 2",
    "yaml anchor next line": "a: &x\n  {v}\n{n}: *x\nz: 2",
    "yaml anchor of items": "a: &x\n- {v}\n{n}: *x",
    "yaml anchor before": "{n}: &x {v}\nb: *x",
    "yaml comment": "a: 1\n# {n}: {v}\nz: 2",
    "yaml comment behind": "a: 1  # {n}: {v}",
    "yaml named": "- name: {n}\n  value: {v}\n- name: x\n  value: y",
    "yaml tag": "{n}: !!str {v}\nz: 2",
    "yaml escaped": '{n}: "a\\nb {v}"\nz: 2',
    "yaml fullwidth colon": "{n}： {v}",
    "json": '{{"a": 1, "{n}": "{v}", "z": 2}}',
    "json lines": '{{\n  "a": 1,\n  "{n}": "{v}",\n  "z": 2\n}}',
    "json below": '{{\n  "{n}":\n    "{v}",\n  "z": 2\n}}',
    "json without colon": '{{"{n}" "{v}"}}',
    "json colon in the quotes": '{{"{n}:" "{v}"}}',
    "json quote forgotten": '{{"a": 1, "{n}: "{v}", "z": 2}}',
    "json without colon, lines": '{{\n  "{n}"\n  "{v}"\n}}',
    "json colon below": '{{\n  "{n}"\n  : "{v}"\n}}',
    "json in json": '{{"payload": "{{\\"a\\": 1, \\"{n}\\": \\"{v}\\"}}"}}',
    "json list": '{{"{n}": ["{v}", "b"]}}',
    "json named": '[{{"name": "{n}", "value": "{v}"}}]',
    "json in yaml": "payload: '{{\"{n}\": \"{v}\"}}'",
    "toml": '[db]\n{n} = "{v}"\nz = 2',
    "toml single": "{n} = '{v}'",
    "toml long": '{n} = """\n{v}\n"""\nz = 2',
    "toml table": '[secrets]\nmain = "{v}"\n[other]\nz = 2',
    "toml table below": '[credentials.main]\nx = "{v}"\n[other]\nz = 2',
    "ini section": "[secrets]\nmain = {v}\n[other]\nz = 2",
    "env": "A=1\n{n}={v}\nZ=2",
    "env export": "export {n}='{v}'",
    "properties": "a=1\n{n} = {v}\nz=2",
    "xml element": "<a>\n  <{n}>{v}</{n}>\n</a>",
    "xml element over lines": "<a>\n  <{n}>\n    {v}\n  </{n}>\n</a>",
    "xml attribute": '<a b="1" {n}="{v}" c="2"/>',
    "xml single attribute": "<a b='1' {n}='{v}'/>",
    "xml key and value": '<add key="{n}" value="{v}"/>',
    "xml value and key": '<add value="{v}" name="{n}" />',
    "xml entry": '<entry key="{n}">{v}</entry>',
    "xml property": "<property>\n  <name>{n}</name>\n  <value>{v}</value>\n</property>",
    "xml cdata": "<{n}><![CDATA[{v}]]></{n}>",
    "xml plist": "<dict><key>{n}</key><string>{v}</string></dict>",
    "header": "X: 1\n{n}: {v}\n",
    "query": "url: https://x.y/z?a=b&{n}={v}&c=d",
    "command": "run: tool --{n} {v} --other 1",
    "command equals": 'args: ["--{n}={v}"]',
    "parenthesis": "a: 1\n{n} (prod): {v}",
}  # fmt: skip
# Where the name stands apart from its value, which then has to look chosen.
APART = {
    "markdown row": "| name | value |\n|---|---|\n| x | y |\n| {n} | {v} |",
    "markdown row, code": "| name | value |\n|:--|--:|\n| `{n}` | `{v}` |",
    "markdown row without bars around": "name | value\n---|---\n{n} | {v}",
    "markdown column": "| user | {n} |\n|---|---|\n| bob | {v} |",
    "markdown column in the middle": "| user | {n} | note |\n|:---|---:|---|\n| bob | x1 | y |\n| eve | {v} | y |",
    "markdown bold": "- **{n}**: {v}",
    "markdown bold with colon": "- **{n}:** {v}",
    "markdown emphasis": "*{n}*: {v}",
    "markdown code": "- `{n}`: `{v}`",
    "markdown heading": "## {n}\n\n{v}\n",
    "markdown heading, code": "## {n}\n\n```\n{v}\n```\n",
    "comment above a comment": "# {n}\n# {v}\na: 1",
    "org table": "| {n} | {v} |",
    "asciidoc table": "|===\n|{n} |{v}\n|===",
    "asciidoc term": "{n}:: {v}",
    "csv": "user,{n},note\nbob,{v},x",
    "csv of two": "user;{n}\nbob;{v}",
    "csv in quotes": '"user","{n}"\n"bob","{v}"',
    "tsv": "user\t{n}\nbob\t{v}",
    "html row": "<tr><td>{n}</td><td>{v}</td></tr>",
    "html row over lines": "<tr>\n  <th>{n}</th>\n  <td>{v}</td>\n</tr>",
    "html term": "<dl><dt>{n}</dt><dd>{v}</dd></dl>",
    "html input": '<input type="text" name="{n}" value="{v}">',
    "html meta": '<meta name="{n}" content="{v}">',
    "terraform variable": 'variable "{n}" {{\n  default = "{v}"\n}}',
    "json by id": '{{"id": "{n}", "value": "{v}"}}',
    "yaml by variable": "- variable: {n}\n  value: {v}",
    "kubernetes secret": "kind: Secret\nstringData:\n  main: {v}",
    "kubernetes data": "apiVersion: v1\nkind: Secret\nmetadata:\n  name: x\ndata:\n  main: {v}",
    "properties over lines": "{n} = \\\n  {v}\nz=2",
    "command over lines": "tool --{n} \\\n  {v}",
    "arguments": "args:\n- --{n}\n- {v}\n- --other",
    "arguments in json": '[\n  "--{n}",\n  "{v}"\n]',
    "lisp pair": '("{n}" . "{v}")',
    "in brackets": "the {n} [{v}]",
    "in chinese brackets": "{n}【{v}】",
    "curl": "curl -u bob:{v} https://x.y  # {n}",
    "sshpass": "sshpass -p {v} ssh x",
    "mysql": "mysql -ubob -p{v} db",
    "sql": "CREATE USER bob IDENTIFIED BY '{v}';",
}  # fmt: skip
# Sentences: a value among words has to look chosen.
SENTENCES = (
    "# the {n} is {v}", "# old {n} was {v}", "a: 1 # {n} is {v}", "// {n} {v}", "description: the {n} for bob is {v}, ask him",
    "# {n} = {v}", "# {n} -> {v}", "# {n}: {v}", "note: {n} changed to {v}", "# {n} '{v}'",
)  # fmt: skip
FOREIGN_SENTENCES = (
    "# {n}是 {v}", "# {n}是{v}", "# {n}为 {v}", "描述: 旧{n}是 {v}，已更换", "# {n} {v}", "# {n}改为 {v}", "# {n}：{v}",
)  # fmt: skip
_XML_NAME = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.-")

MIDDLE = st.from_regex(r"[A-Za-z][A-Za-z0-9]{2,10}", fullmatch=True)
CHOSEN = st.builds("{}Cn{}zz{}".format, MIDDLE, st.integers(10, 99), MIDDLE)
SIGNED = st.builds("{}{}{}{}".format, MIDDLE, st.sampled_from("!$%^*+=?_~.-"), st.integers(10, 9999), MIDDLE)
BEGINS_WITH_A_SIGN = st.builds("{}{}{}".format, st.sampled_from("*!&@%`|>"), MIDDLE, st.integers(10, 9999))
WORDS = st.sampled_from(
    ["correct horse battery staple", "swordfish-and-chips", "hunter2hunter2", "tr0ub4dor&3 x"]
)
DIGITS = st.integers(100_000, 10**12).map(str)


def written(syntax: str, name: str, value: str) -> str:
    """Return a file in which the value stands under the name."""
    return (
        syntax.replace("{{", "\1")
        .replace("}}", "\2")
        .format(n=name, v=value)
        .replace("\1", "{")
        .replace("\2", "}")
    )


def fits(syntax: str, name: str) -> bool:
    """Return whether a name can be written down like this."""
    if syntax.startswith(
        (
            "xml element",
            "xml attribute",
            "xml single",
            "xml cdata",
            "env",
            "properties",
            "header",
            "query",
            "command",
            "html input",
            "html meta",
            "arguments",
            "in brackets",
        )
    ):
        return set(name) <= _XML_NAME
    return True


def check(text: str, value: str) -> None:
    """Fail where the value comes out, lines move, or what was hidden changes when it is hidden again."""
    hidden = HIDE.text(text)
    assert value not in hidden, text
    assert hidden.count("\n") == text.count("\n")
    assert HIDE.text(hidden) == hidden


@pytest.mark.parametrize("syntax", SYNTAXES)
@given(name=st.sampled_from(NAMES), value=CHOSEN | SIGNED)
@settings(max_examples=60, deadline=None)
def test_under_a_name(syntax: str, name: str, value: str) -> None:
    """In every syntax, under every spelling of a name, a value is hidden."""
    if fits(syntax, name):
        check(written(SYNTAXES[syntax], name, value), value)


@pytest.mark.parametrize(
    "syntax", ["yaml", "yaml double quotes", "yaml single quotes", "json", "json lines", "yaml comment", "yaml next line", "env", "toml"]
)  # fmt: skip
@given(name=st.sampled_from(NAMES[:40]), value=WORDS | DIGITS | BEGINS_WITH_A_SIGN)
@settings(max_examples=60, deadline=None)
def test_of_any_shape(syntax: str, name: str, value: str) -> None:
    """A name is enough: words, digits and what YAML would take for an alias or a tag are hidden as well."""
    check(written(SYNTAXES[syntax], name, value), value)


@pytest.mark.parametrize(
    "syntax", ["yaml", "yaml quoted name", "json", "json lines", "yaml comment", "yaml flow", "toml table"]
)
@given(name=st.sampled_from(SPACED), value=CHOSEN | SIGNED)
@settings(max_examples=30, deadline=None)
def test_under_a_name_of_several_words(syntax: str, name: str, value: str) -> None:
    """A name that is written apart is the same name."""
    check(written(SYNTAXES[syntax], name, value), value)


@pytest.mark.parametrize("syntax", APART)
@pytest.mark.parametrize("name", ["password", "api_key", "访问令牌"])
def test_apart_from_its_name(syntax: str, name: str) -> None:
    """In another cell, below a heading or in an option of a command a value is hidden as well."""
    if fits(syntax, name):
        check(written(APART[syntax], name, "abcCn10zzdef"), "abcCn10zzdef")


@pytest.mark.parametrize("name", MORE_NAMES)
def test_more_names(name: str) -> None:
    """These are names of secrets, too."""
    for syntax in ("yaml", "json", "yaml comment"):
        check(written(SYNTAXES[syntax], name, "abcCn10zzdef"), "abcCn10zzdef")


@pytest.mark.parametrize("sentence", SENTENCES)
@given(
    name=st.sampled_from(["password", "token", "api key", "secret", "passwd", "pin", "access token", "salt"]),
    value=CHOSEN | SIGNED,
)
@settings(max_examples=40, deadline=None)
def test_in_a_sentence(sentence: str, name: str, value: str) -> None:
    """What a sentence gives away is hidden."""
    check(sentence.format(n=name, v=value), value)


@pytest.mark.parametrize("sentence", FOREIGN_SENTENCES)
@given(name=st.sampled_from(["密码", "口令", "密钥", "令牌", "授权码", "秘钥"]), value=CHOSEN)
@settings(max_examples=40, deadline=None)
def test_in_a_chinese_sentence(sentence: str, name: str, value: str) -> None:
    """So is what a sentence without spaces gives away."""
    check(sentence.format(n=name, v=value), value)


@pytest.mark.parametrize(
    ("text", "secret"),
    [
        ("machine h login u password {}", "swordfish"), ("machine h\nlogin u\npassword {}", "swordfish"), ("default login a password {}", "c4"),
        ("db:5432:x:postgres:{}", "swordfish"), ("*:*:*:bob:{}", "sword fish"), ("10.0.0.1:5433:app:app:{}", "sw0rd"),
        ("root:{}:19000:0:99999:7:::", "$6$abc$hAsh/.9"), ("bob:{}", "$apr1$xyz$0123456789abcdefghijkl"), ("bob:{}", "$2y$05$abcdefghijklmnopqrstuv"),
        ("bob:{}", "{SHA}W6ph5Mm5Pz8GgiULbPgzG37mj9g="), ("bob:{}", "rqXexS6ZhobKA"), ("x: '{}'", "pbkdf2_sha256$260000$salt$aGFzaA=="),
        ("x: {}", "$argon2id$v=19$m=65536,t=3$c2FsdA$aGFzaA"), ("x: {}", "*2470C0C06DEE42FD1618BB99005ADCA2EC9D1E19"),
        ("hook: https://hooks.slack.com/services/{}", "T0000AAAA/B0000BBBB/abcdEFGHijklMNOP"),
        ("hook: https://open.feishu.cn/open-apis/bot/v2/hook/{}", "ca7a7745-1111-2222-3333-444455556666"),
        ("hook: https://open.larksuite.com/open-apis/bot/hook/{}", "ca7a774511112222"),
        ("hook: https://oapi.dingtalk.com/robot/send?access_token={}", "0123456789abcdef"),
        ("hook: https://qyapi.weixin.qq.com/cgi-bin/webhook/send?key={}", "693a91f6-7aoc-4bc4-97a0-0ec2sifa5aaa"),
        ("hook: https://x.webhook.office.com/webhookb2/{}", "11111111-2222@33333333-4444/IncomingWebhook/abcdef0123/5555"),
        ("hook: https://prod-1.westeurope.logic.azure.com/workflows/1/triggers/manual/paths/invoke?api-version=1&sig={}", "aB-c_d123"),
        ("hook: https://discord.com/api/webhooks/1234567890/{}", "abcd-EFGH_1234"),
        ("hook: https://mattermost.example.com/hooks/{}", "xxx5generatedkey1234567890"),
        ("url: https://api.telegram.org/bot{}/sendMessage", "123456:ABC-DEF1234ghIkl"),
        ("pin: {}", "839127"), ("user_pin: '{}'", "4711"), ("salt: {}", "seasalt"), ("seed: {}", "legal winner thank year wave"),
        ('{{"p\\u0061ssword": "{}"}}', "swordfish"), ("password: {}", "#swordfish9"), ("token: \"it\" was {}", "swordfish9"),
        ("k: 1\n# 密码".encode("gbk").decode("utf-8", "surrogateescape") + ": {}", "swordfish9"),
        ("common: &c\n  main: {}\nsecrets: *c", "swordfish9"), ("x: [&a '{}']\ntokens: [*a]", "swordfish9"),
        ("x: &t\n  k: {}\ncredentials:\n  <<: *t", "sw0rdfish"),
        ('<setting name="Password"><value>{}</value></setting>', "sw0rdfish"),
        ("# the password used to be {}", "sw0rdfish"),
        ("dsn: postgres://admin:{}@db/x", "sw0rdfish"), ("example: \"Authorization: Token {}\"", "sw0rdfish"),
    ],
)  # fmt: skip
def test_of_a_form_of_its_own(text: str, secret: str) -> None:
    """Files that have no names for their secrets, hashes, and addresses that are secrets."""
    check(text.replace("{{", "{").replace("}}", "}").replace("{}", secret), secret)


@pytest.mark.parametrize(
    "text",
    [
        "tokens: 100", "max_tokens: 4096", "tokens_per_minute: 60000", "key: name", "pinned: true", "salt_lake_city: Utah", "pin: 4", "seed: 42",
        "pin: left", "pins: [1, 2]", "secretary: bob", "password_length: 12", "密码长度: 8", "令牌类型: bearer", "token_limit: 4096", "keyboard: us",
        "author: bob", "monkey: business", "tokenizer: cl100k_base", "compass: north", "bypass: true", "# the token is required",
        "# password is not set", "# the secret key must be set before the start", "description: a token that identifies the user",
        "# the token type is bearer", "token limit: 4096", "# uses OAuth2 tokens, see RFC6749", "# password hashing: bcrypt, sha256",
        "description: 分页标记，第一次请求不填，会同时返回新的 page_token",
        "description: 令牌 service_token 的位置", "# 密码不能为空", "# 密钥为 base64 编码", "# token 的有效期是 7200 秒",
        "a: &x 1\nb: *x", "<name>bob</name>\n<value>1</value>", '<add key="color" value="red"/>', "<password></password>", "<token/>",
        '[server]\nport = 80\n[secrets]\n[other]\nname = "x"', "at: 12:30:15:22:11", "mac: 00:11:22:33:44:55", "ip: fe80:1:2:3:4:5:6:7",
        "arn: arn:aws:iam::123456789012:role/x", "image: registry:5000/x:1.2", "ports: [127.0.0.1:8080:80]", "hook: post-commit",
        "url: https://example.com/docs/webhooks/overview", "url: https://github.com/a/b/blob/main/hooks/pre-commit.sh", "price: $5$ off",
        'required: ["password", "username"]', "- token\n- name", '["key", "value"]', "type: apiKey\nname: X-Key\nin: header",
        "security:\n- bearerAuth: []", "scheme: bearer", "bearerFormat: JWT", "tokenUrl: https://example.com/oauth/token",
        "login: bob\nname: password reset", "operationId: resetPassword2", "summary: Reset the password of a user",
        "list: [*x, *y]\nx: &x 1", "count: 3 # secret santa has 12 guests", "$ref: '#/components/schemas/Token2'",
        "a: hello\n  world\nb: 1",
        "| name | type | required |\n|---|---|---|\n| access_token | string | yes |\n| limit | integer | no |",
        "| Token | Meaning |\n|---|---|\n| access_token | it lets you in |", "| password | user |\n|---|---|", "a | b1\nc | d2",
        "name,token,type\nand so on", "a, b\nc1, d2", "## Passwords\n\nThey are long.", "# token\nlimit: 4",
        "<tr><td>token</td><td>required</td></tr>", "<dt>password</dt><dd>what you log in with</dd>", 'variable "region" {\n  default = "eu1"\n}',
        "kind: ConfigMap\ndata:\n  main: abc1", "std::string a", "tool --verbose \\\n  now1", "args:\n- --port\n- 8080", "curl -u bob https://x.y",
        "community: open", "key_code: 13", "country_code: 86", "status_code: 200", "postcode: 12345", "passport: none", "community_name: users",
        "id: password\nlabel: Password", "serial: 7", "list[item1]", "seeds:\n- sunflower\n- poppy", "salted: caramel", "# see https://example.com/tokens for more",
    ],
)  # fmt: skip
def test_innocent_lines_stay(text: str) -> None:
    """What only sounds like a secret stays readable."""
    assert HIDE.text(text) == text
