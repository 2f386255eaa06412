"""Which names say that their value is a secret: `service_token`, `DB_PASS`, `X-Api-Key`, `clientSecret`, `密码`.

The one list of them: redaction, the masking of the configuration and of what programs print all ask here. The name alone
decides. Wrong on the careful side: a `page_token` is taken for a secret.
"""

from __future__ import annotations

import unicodedata
from functools import lru_cache

from configvault.core.pattern import pattern

# Names in other scripts; one counts where a name ends with it (`访问令牌`), so that `密码长度` (its length) does not.
FOREIGN_NAMES = (
    "密码", "口令", "密钥", "秘钥", "密匙", "私钥", "令牌", "凭证", "凭据", "授权码", "通行码", "暗号", "密语", "助记词",
    "签名密钥", "盐值", "密碼", "金鑰", "密鑰", "私鑰", "權杖", "憑證", "授權碼", "助記詞", "鉴权码", "校验码", "验证码", "驗證碼", "激活码", "通行证",
    "认证信息", "认证密文", "解锁码", "提取码", "邀请码", "注册码", "卡密", "安全码", "恢复码", "备份码", "种子短语", "加盐", "密码盐", "私密钥匙", "暗码",
    "提取密码", "兑换码", "支付码", "动态码", "身份码", "种子词", "密保答案", "密串", "密文", "应用秘钥", "密码本", "暗語", "授权密匙", "鑰匙", "密令", "公私钥", "私钥串",
    "シークレットキー", "パスコード", "パスフレーズ", "ワンタイムパスワード", "액세스키", "시크릿키", "api키", "암호키", "개인키", "보안코드", "пинкод", "секретный_ключ",
    "パスワード", "暗証番号", "秘密鍵", "合言葉", "トークン", "認証コード", "シークレット", "アクセスキー", "apiキー", "認証キー", "認証情報", "暗号鍵",
    "비밀번호", "암호", "토큰", "비밀키", "패스워드", "시크릿", "인증키",
    "пароль", "пароля", "токен", "секрет", "секретный ключ", "пин-код", "пінкод", "ключ api", "api-ключ", "парола", "ключ доступа", "парольная фраза",
    "κωδικός", "סיסמה", "סיסמא", "كلمة المرور", "كلمة السر", "पासवर्ड", "รหัสผ่าน", "hasło", "şifre", "şifresi", "jelszó", "jelszava",
)  # fmt: skip
# What takes no room on a screen may stand inside a name that was copied.
_UNSEEN = dict.fromkeys(map(ord, "\u200b\u200c\u200d\u2060\xad\ufeff"))
_FOREIGN_TAIL = pattern(r"(?:[\s\d_.()\[\]-]|的?值|明文|原文|字符串|串|内容)+$")

_OF_WORDS = (name.replace(" ", "_") for name in FOREIGN_NAMES if " " in name)
FOREIGN_STEMS = (*FOREIGN_NAMES, *_OF_WORDS, "contrase", "lösenord", "schlüssel", "mật", "clé")

# Every secret's name has one of these in it, its words joined and in small letters, or one of the short ones.
STEMS = (
    "key", "pass", "pswd", "pword", "pwd", "secret", "token", "credential", "cookie", "auth", "bearer", "signature", "jwt",
    "sessionid", "connectionstring", "connstr", "seedphrase", "seedwords", "recovery", "backupphrase", "backupcodes", "mnemonic",
    "pincode", "pinnumber", "contrasen", "kennwort", "wachtwoord", "losenord", "adgangskode", "salasana", "geheim", "segreto",
    "segredo", "matkhau", "katasandi", "credencial", "parola", "clave", "senha", "heslo", "haslo", "sifre", "jeton", "schlussel",
    "cleapi", "cleprivee", "clesecrete", "sekret", "jelszo", "parool", "zugangsdaten", "schluessel", "backupcode", "activationcode",
    "stringdata", "cvv", "cvc", "cardnumber", "community", "pwhash", "securityanswer", "securitycode", "mfacode", "tfacode", "2facode",
    "unlockcode", "recoverycode", "accesscode", "invitecode", "invitationcode", "redeemcode", "verificationcode", "pairingcode", "smscode",
    "lozinka", "sifra", "geslo", "slapta", "passord", "parolă", "sandi",
    "csrf", "xsrf", "pepper", "walletphrase", "walletwords", "secretwords", "pkey",
)  # fmt: skip
SHORT_STEMS = ("pw", "otp", "sk", "ak", "pat", "sid", "pin", "salt", "seed", "psk", "psw", "cred", "mdp")
SHORT = (
    r"(?:(?<![a-z])|(?<=\\[nrt]))(?:[a-z]{0,8}pw|t?otp|sk|ak|pat|sid|pin|salt|seed|psk|psw|creds?|mdp)(?![a-z])"
    r"|(?:Pw|PW|Otp|OTP|Sk|SK|Ak|AK|Pat|PAT|Sid|SID|Pin|PIN|Salt|SALT|Seed|SEED|Psk|PSK|Creds?|CREDS?)(?![a-z])"
)

# What lies beside a secret name (`name: Authorization`, `value: ...`) or below one in a schema.
VALUE_NAMES = frozenset({"value", "val", "values", "example", "examples", "default", "const"})
NAME_NAMES = frozenset(
    {"name", "key", "header", "field", "param", "id", "variable", "var", "envvar", "env_var", "parameter"}
)

# A key of these is no secret although its value is random: checksums, ids, references to other places.
REFERENCE_NAME = pattern(
    r"(?i)(?:^|[^a-z])(?:ids?|uuid|guid|sha[0-9]*(?:sum)?|md5(?:sum)?|digest|checksum|hash|commit|rev|revision|etag"
    r"|integrity|fingerprint|\$ref)$|[a-z](?:Id|Sha|Hash)$|operationId$"
)

_SECRET = pattern(
    r"passw|passphrase|passcode|passkey|pswd|pword|pwd|secret(?!ar)|token(?!i)|credential|cookie|authorization|bearer"
    r"|signature|jwt|connectionstring|connstr|keypass|storepass|seedphrase|seedwords|recovery(?:phrase|codes?|key)"
    r"|backup(?:phrase|codes?)|(?:activation|security|mfa|2fa|tfa|unlock|access|invite|invitation|redeem|verification|pairing|sms)codes?$"
    r"|securityanswer|cardnumber|snmpcommunity|communitystring|pwhash|masterauth|mnemonic|pincode|pinnumber"
    r"|(?:api|access|private|priv|sign|signing|encrypt|encryption|service|master|session|client|app|account|shared|auth"
    r"|subscription|licen[cs]e|deploy|ssh|aes|hmac|rsa|webhook|user|storage|admin|pay|mch|apiv[0-9]|server|send|integration"
    r"|routing|ingest|license|shared?access|preshared|wallet|consumer|product|activation|pgp|gpg|sess|des|unseal|openai|anthropic|claude|gemini|google|gcp|stripe|sendgrid|mailgun|twilio|serial|registration|reg"
    r"|cert|tls|ssl|tacacs|radius|azure|aws|aliyun|tencent|volc|baidu|dashscope|bailian|zhipu|moonshot|kimi|deepseek|qwen|minimax|ark|coze"
    r"|github|gitlab|slack|bot|datadog|sentry|algolia|db|database|root|admin|super|hash|crypto|cipher|wifi|network|vpn|wg|wireguard|ike"
    r"|jwk|oauth|login|unlock|backup|restore|escrow|vault|hmac|mac|fernet|django|flask|rails|laravel|cookie)key(?!s?(?:id|name)$)"
    # The same in other languages, without their accents.
    r"|contrasen|passwort|kennwort|wachtwoord|losenord|adgangskode|salasana|motdepasse|geheim|segreto|secreto|segredo"
    r"|matkhau|katasandi|credencial|palavrapasse|clavesecreta|claveprivada|claveapi|cleapi|cleprivee|clesecrete|schlu?e?ssel$"
    r"|sekret(?!ar)|lozinka|slaptazod|passord|jelszo|parool|zugangsdaten"
    r"|(?<!by)(?<!com)(?<!sur)(?<!over)(?<!under)(?<!tres)pass$|[a-z]{2}pw$"
)
_SECRET_WORDS = frozenset(
    {
        "pass", "pw", "otp", "totp", "auth", "ak", "sk", "pat", "sessionid", "sid", "psk", "cred", "creds", "psw", "pkey",
        "mdp", "senha", "clave", "parola", "heslo", "haslo", "sifre", "jeton", "authcode", "privkey", "csrf", "xsrf", "cvv", "cvc", "cvv2",
        "sifra", "geslo", "sandi",
    }
)  # fmt: skip
# These say so only as the last word: `salt`, `user_pin`, not `salt_lake_city` or `pin_color`.
_SECRET_LAST = frozenset({"pin", "pincode", "salt", "seed", "pepper", "mnemonic"})
# What these hold may be a number of something else: only what is long enough, or no number, is taken for a secret.
_WEAK_LAST = frozenset({"pin", "seed", "pepper"})
# Names of several words, where they are written apart.
_PHRASE = pattern(
    r"(?:^|[^a-z])(?:pass (?:word|phrase|code|wd)"
    r"|(?:api|access|secret|private|signing|encryption|master|shared|licen[cs]e|app|client|auth|security|service|ssh) (?:key|token)"
    r"|(?:seed|recovery|backup|secret|wallet|mnemonic) (?:phrase|words?|codes?)|mot de passe|cle (?:api|privee|secrete)"
    r"|clave (?:secreta|privada|api|de acceso)|palavra passe|parola d.?ordine|kata sandi|mat khau"
    r"|(?:pin|auth|authorization) (?:code|number)|connection string)$"
)
_FIRST_OF_NONE = frozenset(
    {
        "max",
        "min",
        "num",
        "total",
        "is",
        "has",
        "use",
        "enable",
        "require",
        "required",
        "show",
        "hide",
        "count",
        "no",
    }
)
_LAST_OF_NONE = frozenset(
    {
        "type", "url", "uri", "endpoint", "name", "names", "path", "file", "dir", "header", "headers", "location", "format",
        "policy", "length", "size", "limit", "limits", "count", "min", "max", "ttl", "expiry", "expires", "expiration",
        "expire", "in", "at", "domain", "enabled", "required", "method", "mode", "algorithm", "alg", "issuer", "ref", "scope",
        "scopes", "description", "label", "placeholder", "field", "param", "parameter", "usage", "budget", "window",
        "provider", "version", "schema", "title", "hint", "env", "lifetime", "timeout", "seconds", "days", "id", "minute",
        "minutes", "hour", "hours", "day", "second", "per", "source", "store", "manager", "strategy", "support", "supported",
        "handler", "validator", "generator", "class", "plugin", "consent", "rules", "rule", "regex", "pattern", "color",
        "colour", "icon", "layout", "rotation", "reset", "encoding", "used", "left", "remaining", "allowed", "disabled",
    }
)  # fmt: skip
_CONTAINER = pattern(
    r"(?:secrets|credentials|passwords|passwds|tokens|cookies|(?:api|access|private|secret)keys|stringdata|creds|contrasenas"
    r"|passworter|senhas)$"
)
_SCHEMA_WORDS = frozenset(
    {
        "type",
        "description",
        "title",
        "format",
        "required",
        "nullable",
        "in",
        "name",
        "key",
        "summary",
        "$ref",
        "style",
    }
)
_QUERY_NAMES = frozenset({"key", "sig", "sign", "code", "ticket", "ak", "sk", "state", "auth"})
_FILE = pattern(r"\.(?:ya?ml|json|toml|ini|conf|cfg|txt|md|py|sh|go|js|log)$")
_RUN = pattern(r"[\w.$-]+")
_WORD = pattern(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[0-9]+")


@lru_cache(maxsize=4096)
def is_secret(name: str) -> bool:
    """Return whether the value under `name` is to be hidden."""
    if not name.isascii():
        name = _readable(name)
        spaced = name.lower().replace("_", " ").rstrip()
        if spaced.endswith(FOREIGN_NAMES) or _FOREIGN_TAIL.sub("", spaced).endswith(FOREIGN_NAMES):
            return True
        name = _plain(name)
    words = [word.lower() for word in _WORD.findall(name)]
    joined = "".join(words)
    if (
        not words
        or (words[-1] in _LAST_OF_NONE and not joined.endswith("secretid"))
        or words[0] in _FIRST_OF_NONE
    ):
        return False
    if _SECRET.search(joined) or not _SECRET_WORDS.isdisjoint(words):
        return True
    while len(words) > 1 and words[-1].isdigit():
        words.pop()
    return words[-1] in _SECRET_LAST


@lru_cache(maxsize=4096)
def is_phrase(text: str) -> bool:
    """Return whether `text` ends with a name of several words, such as `seed phrase`."""
    text = _plain(_readable(text)).lower() if not text.isascii() else text.lower()
    return _PHRASE.search(" ".join(text.replace("_", " ").replace("-", " ").split())) is not None


@lru_cache(maxsize=4096)
def is_weak(name: str) -> bool:
    """Return whether `name` may as well stand before something that is no secret, as in `seed: 42`."""
    words = [word.lower() for word in _WORD.findall(name)]
    return bool(words) and words[-1] in _WEAK_LAST and not _SECRET.search("".join(words))


def is_about(word: str) -> bool:
    """Return whether `word` after a secret's name says that it is about the secret: `token limit`, `key type`."""
    return word in _LAST_OF_NONE


def may_be_secret(name: str) -> bool:
    """Return whether `name` has any part of a secret's name in it; for the names of variables, where that is enough."""
    squeezed = name.lower().replace("_", "").replace("-", "")
    return any(stem in squeezed for stem in STEMS) or is_secret(name)


def announces_secret(text: str) -> bool:
    """Return whether a line, or a word of a command, speaks of a secret by any of its words."""
    return any(is_secret(name) and not _FILE.search(name) for name in _RUN.findall(text)) or is_phrase(text)


def _readable(name: str) -> str:
    """Return `name` in the common form of its letters; bytes that are no UTF-8 are read as GBK, as old editors write it."""
    try:
        raw = name.encode("utf-8", "surrogateescape")
        name = raw.decode(
            "utf-8" if raw.isascii() or not any("\udc80" <= c <= "\udcff" for c in name) else "gb18030"
        )
    except UnicodeError:
        pass
    return unicodedata.normalize("NFKC", name.translate(_UNSEEN))


def _plain(name: str) -> str:
    """Return `name` without the accents of its letters."""
    return "".join(char for char in unicodedata.normalize("NFKD", name) if not unicodedata.combining(char))


@lru_cache(maxsize=4096)
def is_container(name: str) -> bool:
    """Return whether everything below `name` is a secret, whatever its own name."""
    return bool(_CONTAINER.search("".join(_WORD.findall(name)).lower())) or (
        not name.isascii() and is_secret(name)
    )


def is_query_secret(name: str) -> bool:
    """Return whether `name` in the query of a URL carries a secret."""
    return name.lower() in _QUERY_NAMES or is_secret(name)


def is_schema_word(name: str) -> bool:
    """Return whether `name` below a secret name describes it and does not hold it."""
    return name.lower() in _SCHEMA_WORDS or name.startswith("x-")
