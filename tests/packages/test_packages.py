"""The packages: built twice they are the same bytes; installed they work, upgrade keeps what ran, removal leaves the vault."""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest
from harness import guest
from harness.builds import DEB, DIST, build, for_another_python
from harness.guest import Guest

from configvault.cli.commands import COMMANDS

PROJECT = Path(__file__).parents[2]
ELSEWHERE = {"TZ": "Asia/Shanghai", "MASK": "077", "LC_ALL": "C", "HOME": "/nonexistent"}


def test_dist_is_reproducible(dist: Path, tmp_path: Path) -> None:
    """In another time zone, with another umask and home, sdist and wheel are the same bytes."""
    again = build(DIST, tmp_path / "again", **ELSEWHERE)
    assert again == {
        file.name: hashlib.sha256(file.read_bytes()).hexdigest() for file in sorted(dist.iterdir())
    }
    assert [name.rpartition(".")[2] for name in again] == ["whl", "gz"]


def test_the_release_is_reproducible(dist: Path, tmp_path: Path) -> None:
    """The list of what is inside has each library that is pinned, the hashes of the packages, and the same bytes each time."""
    made = []
    for name in ("one", "two"):
        shutil.copytree(dist, tmp_path / name)
        environ = ELSEWHERE if made else {}
        build([sys.executable, str(PROJECT / "packages" / "sbom.py")], tmp_path / name, **environ)
        [path] = (tmp_path / name).glob("*.cdx.json")
        made.append(path.read_bytes())
    assert made[0] == made[1]
    bom = json.loads(made[0])
    assert (bom["bomFormat"], bom["specVersion"]) == ("CycloneDX", "1.5")
    pins = re.findall(r"^([\w.-]+)==(\S+)", (PROJECT / "requirements" / "run.txt").read_text(), re.MULTILINE)
    assert {(one["name"], one["version"]) for one in bom["components"]} == {
        pin for pin in pins if pin[0] != "setuptools"
    }
    assert all(one.get("licenses") for one in bom["components"])
    named = {
        one["url"]: one["hashes"][0]["content"] for one in bom["metadata"]["component"]["externalReferences"]
    }
    assert named == {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in dist.iterdir()}


def test_the_wheel_has_a_manual_page_for_each_command(dist: Path) -> None:
    """As `git help` finds its own."""
    [wheel] = dist.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        pages = {Path(name).name for name in archive.namelist() if "/share/man/man1/" in name}
    assert pages == {"configvault.1", *(f"configvault-{command.name}.1" for command in COMMANDS)}


def test_the_wheel_runs(dist: Path, tmp_path: Path) -> None:
    """Installed alone into an empty place the wheel gives the command, without the checkout."""
    [wheel] = dist.glob("*.whl")
    pip = [
        sys.executable,
        "-m",
        "pip",
        "--disable-pip-version-check",
        "install",
        "--quiet",
        "--no-deps",
        "--no-index",
    ]
    subprocess.run([*pip, "--root-user-action=ignore", "--target", str(tmp_path), str(wheel)], check=True)
    env = os.environ | {"PYTHONPATH": str(tmp_path)}
    done = subprocess.run(
        [tmp_path / "bin" / "configvault", "--help"],
        env=env,
        cwd="/",
        capture_output=True,
        text=True,
        check=True,
    )
    assert "rollback" in done.stdout
    code = "import configvault; print(configvault.__file__)"
    where = subprocess.run(
        [sys.executable, "-P", "-c", code], env=env, cwd="/", capture_output=True, text=True, check=True
    )
    assert where.stdout.startswith(str(tmp_path))


def test_the_sdist_holds_what_an_operator_needs(dist: Path) -> None:
    """Units, example configuration, manifests and documents are in it; nothing is owned by who built it."""
    [sdist] = dist.glob("*.tar.gz")
    with tarfile.open(sdist) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
        assert {(one.uid, one.gid, one.uname) for one in archive.getmembers()} == {(0, 0, "")}
    assert names >= {
        "systemd/configvault.service", "config.example.yaml", "deploy/compose.yaml", "deploy/kubernetes/sidecar.yaml",
        "Dockerfile", "README.md", "CHANGELOG.md", "configvault/__main__.py", "packages/deb.sh",
    }  # fmt: skip


def test_the_deb_is_reproducible(deb: Path, tmp_path: Path) -> None:
    """Built again elsewhere the Debian package is the same bytes, and says for which Python it is."""
    environ = ELSEWHERE | {"HOME": os.environ["HOME"]}
    assert build(DEB, tmp_path / "again", **environ) == {deb.name: hashlib.sha256(deb.read_bytes()).hexdigest()}
    fields = subprocess.run(
        ["dpkg-deb", "--field", deb, "Depends"], capture_output=True, text=True, check=True
    ).stdout
    minor = f"{sys.version_info[0]}.{sys.version_info[1]}"
    assert f"python3 (>= {minor})" in fields


def newer(deb: Path, place: Path) -> Path:
    """Return the same package as a later version."""
    subprocess.run(["dpkg-deb", "--raw-extract", deb, place / "tree"], check=True)
    control = place / "tree" / "DEBIAN" / "control"
    control.write_text(control.read_text().replace("Version: ", "Version: 1:"))
    subprocess.run(["dpkg-deb", "-Zgzip", "-z1", "--root-owner-group", "--build", place / "tree", place / "newer.deb"],
                   check=True, stdout=subprocess.DEVNULL)  # fmt: skip
    return place / "newer.deb"


def test_install_start_upgrade_remove(deb: Path, tmp_path: Path) -> None:
    """Under a real systemd: installs stopped, runs once configured, is restarted by an upgrade, leaves the vault."""
    reason = guest.why_not() or for_another_python()
    if reason:
        pytest.skip(reason)
    shared = tmp_path / "debs"
    shared.mkdir()
    shutil.copy(deb, shared / "first.deb")
    shutil.move(newer(deb, tmp_path), shared / "newer.deb")
    done = Guest(binds=[f"{shared}:/debs"]).run(
        """
        rm -rf /usr/local/bin/configvault /opt/configvault/bin /etc/systemd/system/configvault*
        export DEBIAN_FRONTEND=noninteractive
        dpkg --install /debs/first.deb
        configvault --version
        systemd-analyze verify /lib/systemd/system/configvault.service 2> /tmp/said || true
        fails grep configvault /tmp/said
        expect enabled "$(systemctl is-enabled configvault || true)" disabled
        expect mode "$(stat -c %a:%U /etc/configvault)" 750:root
        [ -s /usr/share/configvault/prometheus/alerts.yaml ] && [ -s /usr/share/configvault/grafana/dashboard.json ]
        [ -s /usr/share/doc/configvault/docs/operate.md ] || [ -s /usr/share/doc/configvault/operate.md ]
        zgrep -q 'configvault unit install' /usr/share/man/man1/configvault.1.gz
        configvault config example > /tmp/example.yaml
        grep -q '^root: /app/conf/plugin' /tmp/example.yaml
        configvault unit show -c /tmp/example.yaml > /tmp/unit
        grep -q 'is installed by the package' /tmp/unit
        grep -q . /usr/share/bash-completion/completions/configvault

        mkdir -p /app/conf/plugin
        echo 'version: 1' > /app/conf/plugin/a.yaml
        install_config /app/conf/plugin /var/lib/configvault
        systemctl enable --now configvault
        expect state "$(property configvault ActiveState)" active
        echo 'version: 2' > /app/conf/plugin/a.yaml
        seen configvault 'snapshot.recorded.*"trigger": "change"'
        before=$(property configvault MainPID)
        list=$(configvault list --json)

        dpkg --install --force-confold /debs/newer.deb
        expect state "$(property configvault ActiveState)" active
        [ "$(property configvault MainPID)" != "$before" ]
        grep -q 'profile: generic' /etc/configvault/config.yaml
        expect list "$(configvault list --json)" "$list"

        mkdir -p /srv/two && install_config /srv/two /var/lib/configvault-two two
        configvault unit install --now @two
        dpkg --remove configvault
        [ -z "$(find /etc/systemd/system -name 'configvault*' -type l)" ]
        expect state "$(property configvault@two ActiveState)" inactive
        expect state "$(property configvault ActiveState)" inactive
        [ ! -e /usr/lib/configvault ] && [ ! -e /usr/bin/configvault ]
        [ -e /etc/configvault/config.yaml ]
        dpkg --purge configvault
        [ ! -e /etc/configvault ]
        [ -n "$(git -C /var/lib/configvault -c safe.directory='*' log --oneline)" ]
        """
    )
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
