"""Which proxy an address is asked through, and that a proxy is spoken to as one."""

from __future__ import annotations

import threading

import pytest
from service import answer, serving

from configvault.calls import proxies
from configvault.calls.http import CallError, Request, ask
from configvault.core.settings import HealthStep, ReloadSettings
from configvault.service import steps
from configvault.service.reload.context import ReloadContext
from configvault.service.reload.reloader import reloader

ENVIRON = {
    "http_proxy": "proxy.example:3128",
    "HTTPS_PROXY": "http://other.example",
    "no_proxy": "internal.example, .svc,10.0.0.0/8,port.example:81,[::1]",
}


@pytest.mark.parametrize(
    ("url", "proxy"),
    [
        ("http://hooks.example/x", "http://proxy.example:3128"),
        ("https://hooks.example/x", "http://other.example"),
        ("http://localhost:8080/", None),
        ("http://127.0.0.1:8080/", None),
        ("http://[::1]/", None),
        ("http://internal.example/", None),
        ("http://a.internal.example/", None),
        ("http://notinternal.example/", "http://proxy.example:3128"),
        ("http://coze.svc/", None),
        ("http://10.1.2.3/", None),
        ("http://11.1.2.3/", "http://proxy.example:3128"),
        ("http://port.example:81/", None),
        ("http://port.example/", "http://proxy.example:3128"),
        ("http://h:x/", None),
    ],
)
def test_which_proxy(url: str, proxy: str | None) -> None:
    """http_proxy and https_proxy by the scheme, but not where no_proxy or loopback says so."""
    assert proxies.of(ENVIRON).for_url(url) == proxy


def test_no_proxy_at_all() -> None:
    """Without an environment, or with a star, everything is asked directly."""
    assert proxies.of({}).for_url("http://h/") is None
    assert proxies.of(ENVIRON | {"no_proxy": "*"}).for_url("http://h/") is None


def test_a_proxy_gets_the_whole_address_and_its_login() -> None:
    """Http is asked of the proxy with the whole address; the service's own login stays the service's."""
    with serving(answer(200)) as proxy:
        environ = {"http_proxy": f"http://me:can4ry@127.0.0.1:{proxy.port}"}
        request = Request("http://u:p@coze.invalid:8080/a?b", "POST", proxies=proxies.of(environ))
        assert ask(request).status == 200
        assert proxy.asked[0].startswith("POST http://coze.invalid:8080/a?b HTTP/1.1")
        headers = proxy.headers()
        assert headers["host"] == "coze.invalid:8080"
        assert headers["proxy-authorization"] != headers["authorization"]


def test_https_goes_through_a_tunnel_and_no_secret_is_reported() -> None:
    """Https asks the proxy for a tunnel to the host; a proxy that refuses is named without its login."""
    with serving(answer(403)) as proxy:
        environ = {"https_proxy": f"http://me:can4ry@127.0.0.1:{proxy.port}"}
        with pytest.raises(CallError) as caught:
            ask(Request("https://hooks.invalid/secret", proxies=proxies.of(environ)))
        assert proxy.asked[0].startswith("CONNECT hooks.invalid:443 HTTP/1.")
    assert f"through the proxy 127.0.0.1:{proxy.port}, cannot be reached: the proxy answered 403" in str(
        caught.value
    )
    assert "can4ry" not in str(caught.value) + repr(caught.value)
    for proxy in ("socks5://h", "garbage::", "http://h:port", "http://[h"):
        with pytest.raises(CallError, match="not an http:// proxy"):
            ask(Request("http://h/", proxies=proxies.of({"http_proxy": proxy})))


def test_reload_and_health_beyond_loopback_honour_it() -> None:
    """A service on another host is told and asked through the proxy."""
    with serving(answer(200)) as proxy:
        environ = {"http_proxy": f"http://127.0.0.1:{proxy.port}"}
        context = ReloadContext(None, None, None, "manual")
        assert reloader(ReloadSettings(url="http://coze.invalid/reload"), environ).reload(context).ok
        step = HealthStep("http://coze.invalid/health")
        assert steps.run((step,), tuple, 5, 1e18, threading.Event(), proxies.of(environ)) is None
        assert [asked.split(" HTTP")[0] for asked in proxy.asked] == [
            "POST http://coze.invalid/reload",
            "GET http://coze.invalid/health",
        ]
