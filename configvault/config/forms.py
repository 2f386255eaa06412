"""What strings may look like, one function a form; each returns the value to keep.

A form raises ValueError with what is allowed, completing `VALUE is not usable: …`. It never repeats the
value, which may be a secret.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable

from configvault.core import units

_LONGEST_SOCKET_PATH = 107  # sun_path of unix(7), without its NUL


def path(text: str) -> str:
    """Return an absolute path in normal form; links are not resolved."""
    if not text.startswith("/") or "\0" in text:
        raise ValueError("use an absolute path such as /app/conf/plugin")
    # POSIX keeps two leading slashes apart, no file system here does.
    return os.path.abspath("/" + text.lstrip("/"))


def timezone(text: str) -> str:
    """Return `local` or a zone that the host's tz database has."""
    if text != "local":
        from zoneinfo import ZoneInfo

        try:
            ZoneInfo(text)
        except (OSError, ValueError, KeyError) as error:
            raise ValueError("use local or an IANA name such as Europe/Berlin") from error
    return text


_MONTHS = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"]
_DAYS = ["sun", "mon", "tue", "wed", "thu", "fri", "sat"]
_CRONTAB: tuple[tuple[str, int, int, list[str]], ...] = (
    ("minute", 0, 59, []),
    ("hour", 0, 23, []),
    ("day", 1, 31, []),
    ("month", 1, 12, _MONTHS),
    ("weekday", 0, 7, _DAYS),
)


def schedule(text: str) -> str | None:
    """Return a crontab line of five fields or `every DURATION`; None for off."""
    words = text.lower().split()
    if words in ([], ["off"], ["null"], ["~"], ["never"]):
        return None
    if words[0] == "every":
        try:
            if units.duration(" ".join(words[1:])) < 1:
                raise ValueError
        except ValueError:
            raise ValueError("use every DURATION of a second or more, such as every 6h") from None
        return "every " + "".join(words[1:])
    if len(words) != len(_CRONTAB):
        raise ValueError('use five crontab fields such as "0 2 * * *", "every 6h" or off')
    for word, (name, lowest, highest, names) in zip(words, _CRONTAB, strict=True):
        if not all(_crontab_part(part, lowest, highest, names) for part in word.split(",")):
            raise ValueError(f"its field for the {name} takes *, {lowest}-{highest}, lists and steps (*/5)")
    return " ".join(words)


def _crontab_part(part: str, lowest: int, highest: int, names: list[str]) -> bool:
    span, slash, step = part.partition("/")
    if slash and not (step.isascii() and step.isdigit() and int(step) > 0):
        return False
    if span == "*":
        return True
    ends = [_crontab_number(end, lowest, names) for end in span.split("-")]
    return len(ends) in (1, 2) and all(lowest <= end <= highest for end in ends) and ends == sorted(ends)


def _crontab_number(text: str, lowest: int, names: list[str]) -> int:
    if text in names:
        return names.index(text) + lowest
    return int(text) if text.isascii() and text.isdigit() and len(text) < 3 else -1


def listen(text: str) -> str:
    """Return `off`, `unix:/PATH` or a loopback `HOST:PORT`; what is sent is not encrypted."""
    if text.lower() in ("off", "false", "no"):
        return "off"
    if text.startswith("unix:"):
        socket = path(text.removeprefix("unix:"))
        if len(os.fsencode(socket)) > _LONGEST_SOCKET_PATH:
            raise ValueError(f"a socket's path has at most {_LONGEST_SOCKET_PATH} bytes")
        return f"unix:{socket}"
    match = re.fullmatch(r"(\[[0-9a-fA-F:.]+\]|[^:\[\]\s/]+):([0-9]{1,5})", text)
    if match is None or int(match[2]) > 65535:
        raise ValueError("use HOST:PORT such as 127.0.0.1:9460, unix:/PATH or off")
    if not _loopback(match[1].strip("[]").lower()):
        raise ValueError(
            "it is not loopback and the connection is not encrypted, use 127.0.0.1:PORT, [::1]:PORT or unix:/PATH "
            "and put a proxy with TLS in front"
        )
    return text


_SHORTEST_TOKEN = 16


def page_token(text: str) -> str | None:
    """Return a token that fits into an address and a header; None for auto."""
    if text.lower() == "auto":
        return None
    if not re.fullmatch(rf"[A-Za-z0-9._~+/=-]{{{_SHORTEST_TOKEN},200}}", text):
        raise ValueError(f"use auto, or {_SHORTEST_TOKEN} to 200 letters, digits and -._~+/=")
    return text


def _loopback(host: str) -> bool:
    if host == "localhost":
        return True
    from ipaddress import ip_address

    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def url(text: str) -> str:
    """Return an http or https URL with a host."""
    from urllib.parse import urlsplit

    try:
        parts = urlsplit(text)
        usable = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        usable = False
    if not usable or re.search(r"[\s\x00-\x1f\x7f]", text):
        raise ValueError("use a URL such as http://localhost:8080/path")
    return text


def url_template(text: str) -> str:
    """Return an http or https URL in which `{name}` stands for what an earlier step saved."""
    url(re.sub(r"\{[A-Za-z_][A-Za-z0-9_]*\}", "1", text))
    return text


def address(text: str) -> str:
    """Return `HOST:PORT`, loopback or not."""
    match = re.fullmatch(r"(\[[0-9a-fA-F:.]+\]|[^:\[\]\s/]+):([0-9]{1,5})", text)
    if match is None or int(match[2]) > 65535:
        raise ValueError("use HOST:PORT such as 0.0.0.0:9461")
    return text


def saved_name(text: str) -> str:
    """Return a name that `{name}` can stand for."""
    if not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", text) or text == "plugins":
        raise ValueError("use a name of letters, digits and underscores, other than plugins")
    return text


LOG_FIELDS = ("component", "plugin_name", "operation_id", "status_code", "duration_ms", "error", "time")


def log_field(text: str) -> str:
    """Return the name of a field of the service's log as we call it."""
    if text not in LOG_FIELDS:
        raise ValueError(f"use one of {', '.join(LOG_FIELDS)}")
    return text


def git_url(text: str) -> str:
    """Return a URL that git can push to: ssh, https, file, `user@host:path` or an absolute path."""
    scheme, separator, rest = text.partition("://")
    known = scheme in ("ssh", "https", "http", "file", "git") and bool(rest)
    scp_like = not separator and re.match(r"(?!-)[^\s/:]+:(?!:)\S", text)
    if re.search(r"[\x00-\x1f\x7f]", text) or not (known or scp_like or text.startswith("/")):
        # `ext::` and `helper::` would run commands, `-x` would be read as an option.
        raise ValueError("use ssh://, https://, file://, user@host:path or an absolute path")
    return text


def store_url(text: str) -> str:
    """Return the URL of an object store, below which each host has a folder."""
    match = re.fullmatch(
        r"(?:(?:s3|gs|az)://[A-Za-z0-9][A-Za-z0-9._-]*|file\+bundle:///)(?:/?[^\x00-\x20\x7f?#]*)?", text
    )
    if match is None:
        raise ValueError(
            "use s3://BUCKET/PREFIX, gs://BUCKET/PREFIX, az://CONTAINER/PREFIX or file+bundle:///PATH"
        )
    if "{host}" in text:
        raise ValueError("leave {host} out: in a store each host has a folder of its own name")
    if "//" in text.partition("://")[2].rstrip("/").lstrip("/") or "/../" in f"{text}/" or "/./" in f"{text}/":
        raise ValueError("use a prefix without empty parts, . and ..")
    return text


def replica_url(text: str) -> str:
    """Return a URL that the vault is pushed to: of a git repository or an object store."""
    from configvault.core.replicas import is_store

    if is_store(text):
        return store_url(text)
    try:
        return git_url(text)
    except ValueError as error:
        raise ValueError(f"{error}; s3://, gs://, az:// or file+bundle:///PATH") from None


def recipient(text: str) -> str:
    """Return a public key that age encrypts to, without its comment."""
    if re.fullmatch(r"age1[02-9ac-hj-np-z]{58}", text.strip()):
        return text.strip()
    if re.fullmatch(r"ssh-(ed25519|rsa) [A-Za-z0-9+/]+=*(?: [^\n]*)?", text.strip()):
        return " ".join(text.split()[:2])
    raise ValueError(
        "use a recipient of age such as age1… (age-keygen -y FILE prints it), or ssh-ed25519 AAAA…"
    )


def source_url(text: str) -> str:
    """Return a URL that is deployed from: https, ssh, file, or `user@host:path`."""
    if text.partition("://")[0] in ("http", "git") or text.startswith("/"):
        raise ValueError("use https://, ssh://, file:// or user@host:path")
    return git_url(text)


def git_ref(text: str) -> str:
    """Return the name of a branch or a tag, or a commit. Source: git-check-ref-format(1)."""
    if not re.fullmatch(r"[A-Za-z0-9_][^\x00-\x20~^:?*\[\\\x7f]*", text) or re.search(
        r"\.\.|@\{|//|/\.|\.lock(/|$)|[./]$", text
    ):
        raise ValueError("use the name of a branch or a tag: main, releases/2.1, v1.0")
    return text


def folder(text: str) -> str:
    """Return the path of a folder within a repository."""
    if text.startswith("/") or ".." in text.split("/") or not text.isprintable() or not text.strip("/."):
        raise ValueError("use the path of a folder in the repository: backend/conf/plugin")
    return text.strip("/")


def jmespath(text: str) -> str:
    """Return an expression that compiles."""
    from jmespath import compile as compile_
    from jmespath.exceptions import JMESPathError

    try:
        compile_(text.replace("{plugins}", "`[]`"))
    except JMESPathError as error:
        raise ValueError("it is not a JMESPath expression, use one such as status == 'ok'") from error
    return text


def name(text: str) -> str:
    """Return a name that fits a line of output."""
    if not text.strip() or not text.isprintable():
        raise ValueError("use a name of printable characters")
    return text.strip()


def host(text: str) -> str:
    """Return a name that can stand in a URL, in a path and in a git ref."""
    from configvault.core.replicas import is_host

    if not is_host(text):
        raise ValueError("use letters, digits, dots, dashes and underscores, such as web-1.example")
    return text


def header_name(text: str) -> str:
    """Return an HTTP field name (RFC 9110, 5.6.2)."""
    if not re.fullmatch(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+", text):
        raise ValueError("it is not an HTTP header name")
    return text


def header_value(text: str) -> str:
    """Return an HTTP field value: no line ends, nothing that Latin-1 cannot say."""
    if re.search(r"[\x00-\x08\x0a-\x1f\x7f]|[^\x00-\xff]", text):
        raise ValueError("a header holds one line of Latin-1 text")
    return text.strip(" \t")


def word(text: str) -> str:
    """Return a word of a command line."""
    if "\0" in text:
        raise ValueError("a word of a command holds no NUL byte")
    return text


def public_key(text: str) -> str:
    """Return an ssh public key in one line, without its comment."""
    if not re.fullmatch(r"(?:ssh|ecdsa|sk)-[\w@.-]+ [A-Za-z0-9+/]+=*(?: [^\n]*)?", text.strip()):
        raise ValueError("use a line such as a .pub file holds: ssh-ed25519 AAAA…")
    return " ".join(text.split()[:2])


FORMS: dict[str, Callable[[str], str | None]] = {
    "path": path,
    "timezone": timezone,
    "schedule": schedule,
    "listen": listen,
    "page-token": page_token,
    "url": url,
    "url-template": url_template,
    "address": address,
    "git-url": git_url,
    "replica-url": replica_url,
    "recipient": recipient,
    "source-url": source_url,
    "git-ref": git_ref,
    "folder": folder,
    "jmespath": jmespath,
    "name": name,
    "host": host,
    "header": header_value,
    "argv": word,
    "public-key": public_key,
}
