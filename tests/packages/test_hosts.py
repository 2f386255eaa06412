"""From a stock host to a directory that is watched, and back from a broken one: installed as the README says, in a guest.

A guest for each way to install, with three roots at once: a checkout in /srv under the default configuration, and two
instances, one for a checkout in somebody's home and one for the fork's /app/conf/plugin.
"""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

import pytest
import tour
from harness import docker, guest
from harness.builds import PROJECT, for_another_python
from harness.guest import Guest
from plugins import GOOD
from sites import put

README = (PROJECT / "README.md").read_text()

HOST = r"""
rm -rf /usr/local/bin/configvault /usr/local/bin/docker /opt/configvault/bin /etc/systemd/system/configvault*
umount /opt/configvault/project /opt/configvault/site
# The daemon of a Docker, and its client, who can do nothing without the daemon's socket.
mkdir /srv/state
cp /shared/docker.py /usr/lib/docker.py
printf '#!/bin/sh\nDOCKER_HOST=unix:///run/docker.sock exec /usr/bin/python3 /usr/lib/docker.py "$@"\n' > /usr/bin/docker
chmod 755 /usr/bin/docker
systemd-run --quiet --unit docker -E DOCKER_STATE=/srv/state -E DOCKER_HOST=unix:///run/docker.sock \
    -E PYTHONPATH=/shared/yaml /usr/bin/python3 /usr/lib/docker.py serve
for _ in {1..300}; do [ -S /run/docker.sock ] && break; sleep 0.2; done

useradd --create-home ops
mkdir -p /app/conf
cp -r /shared/coze-studio /srv/
cp -r /shared/coze-studio /home/ops/
cp -r /shared/coze-studio/backend/conf/plugin /app/conf/
chown -R ops: /home/ops

# protects ROOT SERVICE CONFIG RELOAD: a broken change is refused, a rollback takes it back and the service loads that, a
# rollback that nobody confirms is undone by the daemon; the journal says so in a line each.
protects() {
    local meta=$1/pluginproduct/plugin_meta.yaml
    cv() { configvault -c "$CONFIG" "$@"; }
    CONFIG=$3
    cp "$meta" /srv/good
    sed -i '0,/  openapi_doc_file/s//openapi_doc_file/' "$meta"
    seen "$2" 'change.rejected.*plugin_meta.yaml:5:1'
    fails cv status --check > /dev/null
    cv rejected show | grep -q 'plugin_meta.yaml:5:1: error yaml-syntax'
    cv rollback latest > /tmp/said
    grep -q "the service was reloaded ($4" /tmp/said
    cmp "$meta" /srv/good
    sed -i '0,/version: v1.2.0/s//version: v1.3.0/' "$meta"
    cp "$meta" /srv/newer
    seen "$2" 'snapshot.recorded.*v1.2.0 → v1.3.0'
    cv rollback previous --confirm=1s > /tmp/said
    grep -q 'configvault.* confirm$' /tmp/said
    seen "$2" 'undid the rollback'
    cmp "$meta" /srv/newer
    fails grep 'undo_error\|undo_failed' <<< "$(journalctl -u "$2" -o cat)"
    cv doctor > /dev/null
    cv status --check > /dev/null
    expect owner "$(stat -c %U:%a "$meta")" "$(stat -c %U:%a /srv/good.of."$2")"
    # What is read on a bad day: all of it on one screen, none of it a traceback.
    journalctl -u "$2" -o cat > /tmp/journal
    fails grep -i 'traceback\|exception' /tmp/journal
    [ "$(wc -l < /tmp/journal)" -le 30 ] || { cat /tmp/journal >&2; exit 1; }
    [ "$(wc -L < /tmp/journal)" -le 600 ] || { cat /tmp/journal >&2; exit 1; }
}
owned() { cp --attributes-only --preserve=all "$1/pluginproduct/plugin_meta.yaml" "/srv/good.of.$2"; }
"""

DEB = r"""
began=$(date +%s%N)
DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends /shared/configvault.deb > /dev/null
"""
VENV = r"""
tar -xf /shared/configvault-*.tar.gz -C /srv && cd /srv/configvault-*
export PIP_NO_INDEX=1 PIP_FIND_LINKS=/shared/wheels PIP_ROOT_USER_ACTION=ignore PIP_DISABLE_PIP_VERSION_CHECK=1
began=$(date +%s%N)
"""
PIP = rf"""{VENV}
python3 -m venv /opt/configvault
/opt/configvault/bin/pip install --quiet .
ln -s /opt/configvault/bin/configvault /usr/local/bin/
"""
# What pipx does: a virtual environment in the home of who asks, and a link in ~/.local/bin.
PIPX = rf"""{VENV}
place=/root/.local/share/pipx/venvs/configvault
python3 -m venv $place
$place/bin/pip install --quiet .
mkdir -p /root/.local/bin && ln -s $place/bin/configvault /root/.local/bin/
PATH=/root/.local/bin:$PATH
"""

FIRST = r"""
cd /srv/coze-studio
configvault init 2>&1
configvault unit install --now
echo "three commands: $(( ($(date +%s%N) - began) / 1000000 )) ms"
owned /srv/coze-studio/backend/conf/plugin configvault
protects /srv/coze-studio/backend/conf/plugin configvault /etc/configvault/config.yaml command
grep -q 'docker/docker-compose.yml restart coze-server' /srv/state/calls
"""
TWO_MORE = r"""
cd /home/ops/coze-studio
configvault -c /etc/configvault/ops.yaml init
configvault unit install --now @ops
owned /home/ops/coze-studio/backend/conf/plugin configvault@ops
configvault -c /etc/configvault/app.yaml init --root /app/conf/plugin
configvault unit install --now @app
owned /app/conf/plugin configvault@app
protects /home/ops/coze-studio/backend/conf/plugin configvault@ops /etc/configvault/ops.yaml command
protects /app/conf/plugin configvault@app /etc/configvault/app.yaml http
"""
REMOVED = r"""
for name in '' @ops @app; do configvault unit remove $name; done
[ -z "$(find /etc/systemd/system -name 'configvault*')" ]
[ -e /var/lib/configvault/HEAD ] && [ -e /var/lib/configvault-ops/HEAD ]
"""


@pytest.fixture(autouse=True)
def _bootable() -> None:
    reason = guest.why_not() or for_another_python()
    if reason is not None:
        pytest.skip(reason)


@pytest.fixture
def shared(tmp_path: Path) -> Path:
    """A checkout and a stand-in for Docker, which the guest copies."""
    import yaml

    (tmp_path / "coze-studio" / "docker").mkdir(parents=True)
    (tmp_path / "coze-studio" / "docker" / "docker-compose.yml").write_text(
        "services:\n  coze-server:\n    image: x\n"
    )
    for name, content in GOOD.items():
        put(tmp_path / "coze-studio" / "backend" / "conf" / "plugin", name, content)
    shutil.copy(docker.__file__, tmp_path)
    shutil.copytree(Path(yaml.__file__).parent, tmp_path / "yaml" / "yaml")
    return tmp_path


def hosted(shared: Path, *scripts: str) -> list[str]:
    """Run the scripts in a guest and return what they print."""
    done = Guest(binds=[f"{shared}:/shared"]).run("\n".join((HOST, *scripts)), timeout_s=900)
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
    # How long it took, for whoever runs this with --capture=no.
    lines = done.stdout.splitlines()
    sys.stdout.write("\n".join(line for line in lines if line.startswith("three commands")) + "\n")
    return lines


def first_screen() -> list[str]:
    """Return the lines that the README shows for the first three commands, prompts and blank lines aside."""
    block = README.split("```\n# apt-get install")[1].split("```")[0]
    return [line for line in block.splitlines()[1:] if line.strip() and not line.startswith("# ")]


def test_from_the_debian_package(deb: Path, shared: Path) -> None:
    """Three commands as the README shows them, and what it shows is what they print; the instances work like the first."""
    shutil.copy(deb, shared / "configvault.deb")
    rest = iter([tour.normal(line) for line in hosted(shared, DEB, FIRST, TWO_MORE, REMOVED)])
    for line in first_screen():
        assert tour.normal(line) in rest, line


def test_from_a_virtual_environment(dist: Path, wheels: Path, shared: Path) -> None:
    """The same with pip, as the README says."""
    for source in dist.glob("*.tar.gz"):
        shutil.copy(source, shared)
    shutil.copytree(wheels, shared / "wheels")
    hosted(shared, PIP, FIRST, TWO_MORE, REMOVED)


def test_from_pipx(dist: Path, wheels: Path, shared: Path) -> None:
    """A program in root's home, where the unit's sandbox hides everything, is granted to the unit by itself."""
    for source in dist.glob("*.tar.gz"):
        shutil.copy(source, shared)
    shutil.copytree(wheels, shared / "wheels")
    hosted(shared, PIPX, FIRST)
