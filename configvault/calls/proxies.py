"""Which proxy an address is asked through, as the environment says: http_proxy, https_proxy, all_proxy and no_proxy.

Loopback is never asked through a proxy. Source of what no_proxy may hold: curl and Go's x/net/http/httpproxy.
"""

from __future__ import annotations

from collections.abc import Mapping
from ipaddress import ip_address, ip_network
from urllib.parse import urlsplit

from configvault.core.frozen import field, frozen


@frozen
class Proxies:
    """The proxies of an environment, by the scheme of what is asked, and what is asked without one."""

    by_scheme: Mapping[str, str] = field(default_factory=dict, repr=False)
    without: tuple[str, ...] = ()

    def for_url(self, url: str) -> str | None:
        """Return the URL of the proxy that `url` is asked through, None where it is asked directly."""
        try:
            parts = urlsplit(url)
            host, port = (parts.hostname or "").rstrip("."), parts.port
        except ValueError:
            return None
        proxy = self.by_scheme.get(parts.scheme)
        if proxy is None or not host or _is_loopback(host):
            return None
        port = port or (443 if parts.scheme == "https" else 80)
        return None if any(_covers(rule, host, port) for rule in self.without) else proxy


NONE = Proxies()


def of(environ: Mapping[str, str]) -> Proxies:
    """Return the proxies that an environment names; small letters win, as everywhere."""

    def said(name: str) -> str:
        return (environ.get(name) or environ.get(name.upper()) or "").strip()

    found = {}
    for scheme in ("http", "https"):
        proxy = said(f"{scheme}_proxy") or said("all_proxy")
        if proxy:
            found[scheme] = proxy if "://" in proxy else f"http://{proxy}"
    rules = (rule.strip().lower() for rule in said("no_proxy").split(","))
    return Proxies(found, tuple(rule for rule in rules if rule))


def _covers(rule: str, host: str, port: int) -> bool:
    """Return whether a part of no_proxy names a host: `*`, a name with all below it, an address, a network."""
    if rule == "*":
        return True
    name, colon, number = rule.rpartition(":")
    if colon and number.isdigit() and ":" not in name:
        if int(number) != port:
            return False
        rule = name
    try:
        address = ip_address(host)
    except ValueError:
        rule = rule.removeprefix("*").lstrip(".")
        return host == rule or host.endswith(f".{rule}")
    try:
        return address in ip_network(rule.strip("[]"), strict=False)
    except (ValueError, TypeError):
        return False


def _is_loopback(host: str) -> bool:
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False
