"""Secrets that show by their form alone: hashes of passwords, webhook addresses, and the files of netrc, pgpass and htpasswd.

Every pattern is anchored at something rare and bounded, so that looking costs no more than the length of the line.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from configvault.core.pattern import pattern

Span = tuple[int, int]

# Source: crypt(5), the formats of Apache, Django, PostgreSQL and LDAP. What is hidden is the whole hash, its salt included.
_HASH = pattern(
    r"(?<![\w$])\$(?:[0-9][a-z]{0,2}|apr1|y|gy|md5|sha1|argon2(?:id|i|d)|scrypt|s0|bcrypt[\w-]{0,16}|pbkdf2[\w-]{0,16}|P|H|S)"
    r"\$[^\s:\"'`,;<>]{4,}+"
    r"|\{(?:SHA|SSHA|SHA(?:256|384|512)|SSHA(?:256|384|512)|MD5|SMD5|CRYPT|PBKDF2[\w-]{0,12}|ARGON2|BCRYPT)\}[^\s:\"'`,;<>]{4,}+"
    r"|(?<![\w.$-])(?:pbkdf2_sha(?:1|256|512)|bcrypt_sha256|argon2|scrypt)\$[^\s:\"'`,;<>]{8,}+"
    r"|(?<![\w$-])SCRAM-SHA-(?:1|256)\$[^\s\"'`,;<>]{8,}+"
    r"|(?<![\w*])\*[0-9A-F]{40}(?![0-9A-Za-z])"
)
# Where the secret is the rest of the path. Source: the issuers' documentation.
_WEBHOOK = pattern(
    r"(?i)://(?:"
    r"hooks\.slack(?:-gov)?\.com/(?:services|workflows|triggers)/"
    r"|[\w.-]{1,80}/open-apis/bot/(?:v[0-9]/)?hook/|[\w.-]{1,80}/flow/api/trigger-webhook/"
    r"|[\w.-]{0,80}discord(?:app)?\.com/api/(?:v[0-9]+/)?webhooks/[0-9]+/"
    r"|[\w.-]{0,80}webhook\.office\.com/webhookb?2?/"
    r"|outlook\.office(?:365)?\.com/webhook/"
    r"|api\.telegram\.org/(?:file/)?bot"
    r"|maker\.ifttt\.com/trigger/[^\s/\"']{1,80}/(?:json/)?with/key/"
    r"|hooks\.zapier\.com/hooks/catch/|hook\.[\w-]{2,12}\.make\.com/"
    r"|events\.pagerduty\.com/integration/|hc-ping\.com/|api\.day\.app/|sctapi?\.ftqq\.com/|[\w-]{1,20}\.push\.ft07\.com/send/"
    # Anybody's: a long part with a digit that follows `hook` or `webhook`.
    r"|[^\s\"'<>?#]{3,200}?/(?:web)?hooks?(?:/[\w.-]{1,15})?/(?=[^\s/\"'<>?#]{0,80}[0-9])(?=[^\s/\"'<>?#]{16})"
    r")([^\s\"'<>?#\\]{6,}+)"
)
_NETRC = pattern(
    r"(?:\b(?:login|user|account)[ \t]++\S++[ \t]++(?:password|passwd|account)[ \t]++"
    r"|^[ \t]*+(?:password|passwd)[ \t]++(?=\S++[ \t]*+$))(?![:=])(\S++)"
)
_NETRC_PLACE = pattern(r"^[ \t]*(?:machine[ \t]+\S|default\b)")
_PGPASS = pattern(
    r"^(?!https?:)(?!(?:[0-9a-fA-F]{0,4}:){4})(?:\\.|[^\s:\\#]){1,255}:(?:[0-9]{2,5}|\*):(?:\\.|[^\s:\\]){1,128}"
    r":(?:\\.|[^\s:\\]){1,128}:(\S.*)$"
)
# Passwords that programs take in an option of one letter, and what SQL makes users with.
_OPTION = pattern(
    r"(?i)\b(?:curl|wget|http|https|git)\b[^\n]{0,400}?[ \t\"'](?:-u|--user|--proxy-user|-a)(?:[ \t=]|[\"'],[ \t]*)[\"']?[^\s:\"'/]{1,128}:([^\s\"']++)"
    r"|\bsshpass[ \t]++-p[ \t]*+[\"']?([^\s\"']++)"
    r"|\b(?:mysql|mysqldump|mysqladmin|mariadb)\b[^\n]{0,400}?[ \t]-p([^\s\"'-][^\s\"']++)"
    r"|\bredis-cli\b[^\n]{0,400}?[ \t]-a[ \t]++[\"']?([^\s\"']++)"
    r"|\bidentified[ \t]++(?:with[ \t]++\S++[ \t]++)?by[ \t]++(?:password[ \t]++)?[\"']([^\"']++)"
)
_LONGEST_COMMAND = 16 * 1024
_OPTION_SIGNS = ("curl", "wget", "http", "git", "sshpass", "mysql", "mariadb", "redis-cli", "identified")
_HTPASSWD = pattern(r"^[\w.@-]{1,128}:([./A-Za-z0-9]{13})\s*$")
_SHADOW = pattern(r"^[\w.@-]{1,128}:([^\s:]{4,255}):[0-9]*:[0-9]*:[0-9]*:[0-9]*:[0-9]*:[0-9]*:")

# What a line has that holds one of these, for the sieve.
SIGNS = (
    "curl", "wget", "sshpass", "mysql", "mariadb", "redis-cli", "dentified", "DENTIFIED", "$", "{S", "{MD5", "{CRYPT", "{P", "{A", "{B", "SCRAM-", "://",
)  # fmt: skip
_STARS = pattern(r"\*[0-9A-F]{40}")


def may_hold(line: str) -> bool:
    """Return False where `line` holds none of these; quick, and no more."""
    return line.count(":") >= 4 or "*" in line or (line.count(":") == 1 and _HTPASSWD.match(line) is not None)


def spans(line: str) -> Iterator[Span]:
    """Yield where the secrets of these forms are in `line`."""
    if "$" in line or "{" in line or "*" in line:
        for match in _HASH.finditer(line):
            yield match.span()
    if len(line) <= _LONGEST_COMMAND and ("-" in line or "dentified" in line or "DENTIFIED" in line):
        lowered = line.lower()
        if any(sign in lowered for sign in _OPTION_SIGNS):
            for match in _OPTION.finditer(line):
                yield match.span(match.lastindex or 0)
    if "://" in line:
        for match in _WEBHOOK.finditer(line):
            yield match.span(1)
    if "assw" in line or "account" in line:
        for match in _NETRC.finditer(line):
            yield match.span(1)
        if (place := _NETRC_PLACE.match(line)) and (
            word := re.search(r"\bpassword[ \t]+(\S+)", line[place.end() :])
        ):
            yield place.end() + word.start(1), place.end() + word.end(1)
    if ":" in line:
        for form in (_PGPASS, _SHADOW):
            if whole := form.match(line):
                yield whole.span(1)
        # Thirteen characters of crypt(3) may as well be a word: only with a digit and both cases.
        if (short := _HTPASSWD.match(line)) and _is_mixed(short[1]):
            yield short.span(1)


def _is_mixed(text: str) -> bool:
    return any(map(str.isdigit, text)) and any(map(str.isupper, text)) and any(map(str.islower, text))
