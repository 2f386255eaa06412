"""What `unit install` works out from a configuration: no more than that needs, and nothing that systemd complains of."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from sites import Place
from test_reloaders import REQUIRED
from test_units import complaints, needs_analyze, score

from configvault import config
from configvault.core.errors import UsageError
from configvault.core.hints import in_place, unit_name
from configvault.host import places, unit
from configvault.service.reload import KINDS, kind

PROGRAM = "/opt/configvault/bin/configvault"


@pytest.fixture
def place(tmp_path: Path) -> Place:
    """A root, a vault and a configuration."""
    return Place(tmp_path)


def lines(
    tmp_path: Path,
    more: str = "",
    root: str = "/srv/plugins",
    vault: str = "/var/lib/configvault",
    reload: str = "kind: none",
) -> list[str]:
    """Return what the drop-in for a configuration says, without its comments."""
    text = f"root: {root}\nvault: {vault}\nreload: {{{reload}}}\n{more}"
    file = tmp_path / "config.yaml"
    file.write_text(text)
    settings = config.parse(text.replace("/run/credentials/configvault.service", str(tmp_path)), file, {})
    found = unit.unit(settings, "/etc/configvault/config.yaml", text, "configvault.service", PROGRAM)
    [_, drop_in] = found.files
    return [line for line in drop_in.text.splitlines() if line and not line.startswith(("#", "["))]


@pytest.mark.parametrize(
    ("root", "granted"),
    [
        ("/srv/plugins", "/srv"),
        ("/app/conf/plugin", "/app/conf"),
        ("/etc/nginx", "/etc/nginx"),
        ("/etc/nginx/conf.d", "/etc/nginx"),
        ("/app", "/app"),
    ],
)
def test_the_folder_around_the_root_is_granted_if_it_is_for_it_alone(
    tmp_path: Path, root: str, granted: str
) -> None:
    """The folder around the root may be written, so that the root can be replaced; what all use is not granted."""
    found = [line for line in lines(tmp_path, root=root) if line.startswith("ReadWritePaths=")]
    assert found == ["ReadWritePaths=", f"ReadWritePaths={granted}"]


def test_a_home_stays_hidden_but_for_the_root(tmp_path: Path) -> None:
    """A root in somebody's home is bound there alone; deeper, the folder around it; a vault elsewhere is granted."""
    found = lines(tmp_path, root="/home/ops/plugins", vault="/srv/vault")
    assert {"ProtectHome=tmpfs", "BindPaths=/home/ops/plugins", "ReadWritePaths=/srv/vault"} <= set(found)
    assert "BindPaths=/home/ops/coze/conf" in lines(tmp_path, root="/home/ops/coze/conf/plugin")


def test_the_network_is_as_far_as_the_configuration_reaches(tmp_path: Path) -> None:
    """Loopback needs nothing, an address gets just that one, a name any: it is looked up, and may change."""

    def allowed(more: str, reload: str = "kind: none") -> list[str]:
        return [line for line in lines(tmp_path, more, reload=reload) if line.startswith("IPAddressAllow=")]

    assert allowed("health: [{name: a, url: 'http://127.0.0.1:1/'}, {name: b, url: 'http://localhost/'}]") == []
    assert allowed("notify: [{url: 'https://10.1.2.3/x', on: failed}]") == ["IPAddressAllow=10.1.2.3"]
    assert allowed("replicas: [{url: 'git@backup.example:x.git'}]") == ["IPAddressAllow=any"]
    assert allowed("replicas: [{url: /srv/x.git}]") == []
    assert allowed("source: {url: 'git@forge.example:x.git'}") == ["IPAddressAllow=any"]
    assert allowed("source: {url: 'https://forge.example/x.git'}") == ["IPAddressAllow=any"]
    assert allowed("source: {url: 'file:///srv/x.git'}") == []
    steps = (
        "health: [{name: a, steps: [{url: 'http://10.1.2.3/', save: {b: c}}, {url: 'http://10.1.2.4/{b}'}]}]"
    )
    assert allowed(steps) == ["IPAddressAllow=10.1.2.3", "IPAddressAllow=10.1.2.4"]
    # `reload.url` is granted for the kinds that use it, and for no other.
    for name, keys in KINDS.items():
        needs = "".join(f", {key}: {json.dumps(REQUIRED[key](tmp_path))}" for key in keys)
        granted = ["IPAddressAllow=10.1.2.3"] if kind.find(name).uses_url else []
        assert allowed("", f"kind: {name}, url: 'http://10.1.2.3/'{needs}") == granted
    # Whoever scrapes comes from anywhere.
    assert allowed("http: {metrics: '0.0.0.0:9461'}") == ["IPAddressAllow=any"]


def test_the_folder_of_the_services_log_is_seen(tmp_path: Path) -> None:
    """Of a log in a hidden folder the folder is bound, since a rotated file would take its mount with it."""
    assert "BindReadOnlyPaths=/home/ops/log" in lines(tmp_path, "service_log: {path: /home/ops/log/plugin.log}")


def test_credentials_are_loaded(tmp_path: Path) -> None:
    """A secret that the configuration takes from systemd is handed over by systemd."""
    (tmp_path / "hook").write_text("x\n")
    more = "notify: [{url: 'https://127.0.0.1/${file:/run/credentials/configvault.service/hook}', on: failed}]"
    assert "LoadCredential=hook:/etc/configvault/hook" in lines(tmp_path, more)


def test_the_service_is_named_by_its_configuration() -> None:
    """A configuration in /etc/configvault has the service of its name, any other the one without."""
    assert unit.name_of(None, "/etc/configvault/config.yaml") == "configvault.service"
    assert unit.name_of(None, "/etc/configvault/web.yaml") == "configvault@web.service"
    assert unit.name_of(None, "/srv/web.yaml") == "configvault.service"
    assert unit.name_of("@web", "/srv/x.yaml") == unit.name_of("web", "") == "configvault@web.service"
    assert unit.config_of("@web") == "/etc/configvault/web.yaml"
    with pytest.raises(UsageError, match="not a valid name of a service"):
        unit.name_of("../web", "")


def test_hints_name_the_configuration_and_its_service() -> None:
    """What stands in the code as for the default becomes what works here, however often it occurs in a hint."""
    hint = "configvault rejected show x, or systemctl restart configvault; see /usr/bin/configvault run"
    assert in_place(hint, None) == hint
    assert in_place(hint, "/etc/configvault/web.yaml") == (
        "configvault -c /etc/configvault/web.yaml rejected show x, or systemctl restart configvault@web; "
        "see /usr/bin/configvault run"
    )
    assert in_place("journalctl -u configvault -n 5", "/etc/configvault/web.yaml") == (
        "journalctl -u configvault@web -n 5"
    )
    assert in_place("configvault list", "/srv/my config.yaml") == "configvault -c '/srv/my config.yaml' list"
    assert unit_name("/etc/configvault/config.yaml") == "configvault"


@needs_analyze
@pytest.mark.parametrize(
    ("root", "vault", "more", "at_most"),
    [
        ("/srv/plugins", "/var/lib/configvault", "", 2.1),
        ("/home/ops/a: b%/plugin's", "/home/ops/vault", "", 2.1),
        ("/app/conf/plugin", "/var/lib/deep/vault", "notify: [{url: 'https://10.1.2.3/', on: failed}]", 2.2),
        ("/app/conf/plugin", "/var/lib/configvault", "replicas: [{url: 'https://forge.example/x.git'}]", 2.3),
    ],
)
def test_systemd_has_nothing_to_say(tmp_path: Path, root: str, vault: str, more: str, at_most: float) -> None:
    """Unit and drop-in together are without a warning, and 2.1 but for the network that is asked for."""
    text = f'root: "{root}"\nvault: "{vault}"\nreload: {{kind: none}}\n{more}\n'
    settings = config.parse(text, tmp_path / "config.yaml", {})
    files = unit.unit(settings, "/etc/configvault/config.yaml", text, "configvault.service", PROGRAM).files
    assert complaints(tmp_path, "configvault.service", "".join(file.text for file in files)) == ""
    parts = [tmp_path / f"part{number}" for number in range(2)]
    for part, file in zip(parts, files, strict=True):
        part.write_text(file.text)
    assert score(tmp_path, *parts) <= at_most


def test_show_prints_what_install_would_write(place: Place) -> None:
    """`unit show` needs neither root nor systemd, and names each file."""
    place.init({"a.yaml": "a: 1\n"})
    done = place.run("unit", "show", "@web")
    assert done.code == 0, done
    assert "# /etc/systemd/system/configvault@web.service.d/50-configvault.conf" in done.out
    shown = place.ok("unit", "show")
    assert [os.path.basename(one["path"]) for one in shown["files"]] == [
        "configvault.service",
        "50-configvault.conf",
    ]


def test_what_is_bound_is_not_bound_twice(tmp_path: Path) -> None:
    """A configuration in the folder that is bound to be written is not bound again to be read."""
    text = f"root: {tmp_path}/plugin\nvault: {tmp_path}/vault\nreload: {{kind: none}}\n"
    found = places.work_out(config.parse(text, tmp_path / "c.yaml", {}), str(tmp_path / "c.yaml"), text)
    assert found.bound == (str(tmp_path),)
    assert str(tmp_path) not in found.readable
