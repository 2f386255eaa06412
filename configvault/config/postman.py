"""A Postman collection (v2.1, v2.0) as health checks: what it sends is taken over, what it runs is only named."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import quote, unquote_plus, urlencode

from configvault.core.frozen import field, mutable
from configvault.core.secrets import names
from configvault.core.settings import METHODS

DEEPEST = 50
_VARIABLE = r"\{\{\s*([^{}]{1,200}?)\s*\}\}"
_TEXT_PAIR = re.compile(r'"(?P<name>(?:[^"\\]|\\.)*)"(?P<colon>\s*:\s*)"(?P<value>(?:[^"\\]|\\.)*)"', re.DOTALL)

Object = Mapping[str, Any]


class PostmanError(ValueError):
    """The text is no collection; says why."""


@mutable
class Imported:
    """What became of a collection: health checks as YAML would have them, and what was not taken over."""

    checks: list[dict[str, Any]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def convert(text: str) -> Imported:
    """Return the requests of a collection as entries of `health`.

    Raises:
        PostmanError: it is no collection.
    """
    try:
        collection = json.loads(text)
    except (ValueError, RecursionError):
        raise PostmanError("it is not JSON") from None
    if not isinstance(collection, dict) or not isinstance(collection.get("item"), list):
        raise PostmanError("it has no list of requests (item)")
    reading = _Reading(_variables(collection))
    reading.folder(collection, (), collection.get("auth"), 0)
    if reading.unset:
        unset = ", ".join(sorted(reading.unset))
        reading.done.notes.append(f"set these in the environment, or replace them: {unset}")
    return reading.done


def _variables(collection: Object) -> dict[str, str]:
    found = {}
    for one in _dicts(collection.get("variable")):
        name, value = one.get("key", one.get("id")), one.get("value")
        secret = one.get("type") == "secret" or names.announces_secret(str(name))
        if isinstance(name, str) and value not in (None, "") and not one.get("disabled") and not secret:
            found[name] = value if isinstance(value, str) else json.dumps(value)
    return found


class _Reading:
    """One pass over a collection."""

    def __init__(self, variables: Mapping[str, str]) -> None:
        self._variables = variables
        self.unset: set[str] = set()
        self.done = Imported()

    def folder(self, folder: Object, path: tuple[str, ...], auth: Any, depth: int) -> None:
        """Take over what is in a folder, and below it."""
        self._scripts(folder, path)
        if depth > DEEPEST:
            self.done.notes.append(f"{' / '.join(path)} is nested too deep, left out")
            return
        for item in _dicts(folder.get("item")):
            inner = (*path, str(item.get("name") or "request"))
            own = item.get("auth", auth)
            if isinstance(item.get("item"), list):
                self.folder(item, inner, own, depth + 1)
            else:
                self._scripts(item, inner)
                self._request(item, " / ".join(inner), own)

    def _scripts(self, item: Object, path: tuple[str, ...]) -> None:
        for event in _dicts(item.get("event")):
            script = event.get("script")
            lines = script.get("exec") if isinstance(script, dict) else None
            if "".join(lines if isinstance(lines, list) else [str(lines or "")]).strip():
                where = " / ".join(path) or "the collection"
                self.done.notes.append(f"{where}: its {event.get('listen', 'script')} script is not run")

    def _request(self, item: Object, name: str, auth: Any) -> None:
        request = item.get("request")
        request = {"url": request} if isinstance(request, str) else request
        if not isinstance(request, dict):
            return
        method = str(request.get("method") or "GET").upper()
        if not self._url(request.get("url")):
            self.done.notes.append(f"{name}: has no address, left out")
            return
        if method not in METHODS:
            self.done.notes.append(f"{name}: the method {method} cannot be sent, left out")
            return
        check: dict[str, Any] = {"name": self._unique(name), "url": self._filled(self._url(request.get("url")))}
        if method != "GET":
            check["method"] = method
        login = self._auth(request.get("auth", auth), name)
        # The login is sent in place of a header of that name.
        headers = self._headers(request, {name.lower() for name in login}) | login
        body = self._body(request.get("body"), headers, name)
        if headers:
            check["headers"] = headers
        if body is not None:
            check["body"] = body
        codes = sorted({one["code"] for one in _dicts(item.get("response")) if type(one.get("code")) is int})
        good = [code for code in codes if 200 <= code < 400]
        if good:
            check["expect"] = {"status": good}
        self.done.checks.append(check)

    def _unique(self, name: str) -> str:
        name = "".join(char if char.isprintable() else " " for char in name).strip() or "request"
        taken = {check["name"] for check in self.done.checks}
        return next(
            one for one in (name, *(f"{name} ({n})" for n in range(2, len(taken) + 3))) if one not in taken
        )

    def _filled(self, text: str) -> str:
        """Return `text` with the collection's variables; others become references to the environment."""
        text = text.replace("${", "$${")
        for _ in range(5):  # a variable's value may name others
            filled = re.sub(_VARIABLE, lambda found: self._variables.get(found[1], found[0]), text)
            if filled == text:
                break
            text = filled
        return re.sub(_VARIABLE, lambda found: self._reference(found[1]), text)

    def _reference(self, name: str) -> str:
        word = re.sub(r"[^A-Za-z0-9_]", "_", name.lstrip("$")).upper()
        word = word if re.match("[A-Z_]", word) else f"_{word}"
        self.unset.add(word)
        return f"${{{word}}}"

    def _url(self, url: Any) -> str:
        if isinstance(url, str):
            return self._without_secrets(_with_scheme(url))
        if not isinstance(url, dict):
            return ""
        raw = url.get("raw")
        if not isinstance(raw, str):
            host, path = url.get("host"), url.get("path")
            raw = ".".join(map(str, host)) if isinstance(host, list) else str(host or "")
            raw += "/" + "/".join(map(str, path)) if isinstance(path, list) else str(path or "")
            pairs = [(str(one.get("key", "")), str(one.get("value", ""))) for one in _on(url.get("query"))]
            raw += "?" + "&".join(f"{name}={value}" for name, value in pairs) if pairs else ""
        for one in _dicts(url.get("variable")):
            value = quote(str(one.get("value", "")), safe="{}")
            raw = re.sub(rf"/:{re.escape(str(one.get('key')))}(?=[/?#]|$)", lambda _, v=value: f"/{v}", raw)  # type: ignore[misc]
        return self._without_secrets(_with_scheme(raw))

    def _without_secrets(self, url: str) -> str:
        """Return a URL in which the values of parameters that may be secrets are variables."""
        start, question, query = url.partition("?")
        return start + question + "&".join(self._pair(*pair.partition("=")) for pair in query.split("&"))

    def _pair(self, name: str, equals: str, value: str) -> str:
        """Return `name=value`, with a variable of that name for a value that may be a secret."""
        known = unquote_plus(name)
        return f"{name}={{{{{known}}}}}" if _is_hidden(known, value) else f"{name}{equals}{value}"

    def _headers(self, request: Object, without: set[str]) -> dict[str, str]:
        headers = {}
        for one in _on(request.get("header")):
            name, value = str(one.get("key") or ""), str(one.get("value") or "")
            if name and name.lower() not in without:
                headers[name] = self._secret(name, value)
        return headers

    def _secret(self, name: str, value: str) -> str:
        """Return a header's value; one that may be a secret becomes a reference, so that it is in no file."""
        if names.announces_secret(name) and not re.search(_VARIABLE, value):
            return self._reference(name)
        return self._filled(value)

    def _auth(self, auth: Any, name: str) -> dict[str, str]:
        if not isinstance(auth, dict) or auth.get("type") in (None, "noauth"):
            return {}
        kind = str(auth["type"])
        found = auth.get(kind)
        # v2.1 has a list of pairs, v2.0 an object.
        pairs = (
            dict(found)
            if isinstance(found, dict)
            else {one.get("key"): one.get("value") for one in _dicts(found)}
        )
        value = {key: str(value) for key, value in pairs.items()}
        if kind == "bearer":
            return {"Authorization": f"Bearer {self._hidden(value.get('token', ''), 'TOKEN')}"}
        if kind == "apikey" and value.get("in", "header") == "header":
            return {value.get("key", "X-Api-Key"): self._hidden(value.get("value", ""), "API_KEY")}
        if kind == "basic" and not re.search(_VARIABLE, "".join(value.values())) and not value.get("password"):
            login = base64.b64encode(f"{value.get('username', '')}:".encode()).decode()
            return {"Authorization": f"Basic {login}"}
        if kind == "basic":
            self.done.notes.append(f"{name}: set BASIC_LOGIN to the base64 of USER:PASSWORD")
            return {"Authorization": f"Basic {self._reference('BASIC_LOGIN')}"}
        self.done.notes.append(f"{name}: the login {kind!r} is not taken over, add a header")
        return {}

    def _hidden(self, value: str, name: str) -> str:
        return self._filled(value) if re.fullmatch(_VARIABLE, value) else self._reference(name)

    def _body(self, body: Any, headers: dict[str, str], name: str) -> Any:
        if not isinstance(body, dict) or body.get("disabled"):
            return None
        mode = body.get("mode")
        given = {header.lower() for header in headers}
        if mode == "raw":
            return self._raw(str(body.get("raw") or ""), body)
        if mode == "urlencoded":
            pairs = [(str(one.get("key", "")), str(one.get("value", ""))) for one in _on(body.get(mode))]
            if "content-type" not in given:
                headers["Content-Type"] = "application/x-www-form-urlencoded"
            form = urlencode(pairs, safe="{}").split("&")
            return self._filled("&".join(self._pair(*pair.partition("=")) for pair in form))
        if mode == "graphql":
            query: Any = body.get(mode) if isinstance(body.get(mode), dict) else {}
            return self._deep({"query": query.get("query", ""), "variables": _json(query.get("variables"), {})})
        if mode is not None:
            self.done.notes.append(f"{name}: a body of the kind {mode!r} is not taken over")
        return None

    def _raw(self, raw: str, body: Object) -> Any:
        """Return a raw body as a structure where it is JSON, else as its text; nothing where it is empty."""
        if not raw:
            return None
        options = body.get("options")
        language = options.get("raw", {}).get("language") if isinstance(options, dict) else None
        found = _json(raw, None) if language in (None, "json", "text") else None
        if isinstance(found, dict | list):
            return self._deep(found)
        # With a variable outside of quotes it is no JSON before it is filled in; secrets still stand under their names.
        return self._filled(_TEXT_PAIR.sub(_without_secret, raw))

    def _deep(self, value: Any) -> Any:
        if isinstance(value, str):
            return self._filled(value)
        if isinstance(value, dict):
            return {
                self._filled(name): self._reference(name) if _is_hidden(name, one) else self._deep(one)
                for name, one in value.items()
            }
        return [self._deep(one) for one in value] if isinstance(value, list) else value


def _without_secret(found: re.Match[str]) -> str:
    hidden = _is_hidden(found["name"], found["value"])
    return f'"{found["name"]}"{found["colon"]}"{{{{{found["name"]}}}}}"' if hidden else found[0]


def _is_hidden(name: str, value: Any) -> bool:
    """Return whether the text under `name` may be a secret that stands in the collection itself."""
    return isinstance(value, str) and bool(value) and names.is_secret(name) and not re.search(_VARIABLE, value)


def _with_scheme(url: str) -> str:
    return url if "://" in url or url.startswith("{{") or not url else f"http://{url}"


def _json(text: Any, otherwise: Any) -> Any:
    if isinstance(text, dict):
        return text
    try:
        return json.loads(text)
    except (TypeError, ValueError, RecursionError):
        return otherwise


def _dicts(value: Any) -> list[Any]:
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []


def _on(value: Any) -> Iterator[Any]:
    return (one for one in _dicts(value) if not one.get("disabled"))
