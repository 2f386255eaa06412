"""The Ansible role on a machine with a real systemd: the package or pip, the unit, twice, in check mode, and a change."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from harness import guest
from harness.builds import for_another_python
from harness.guest import Guest

_PLAY = r"""
rm -rf /usr/local/bin/configvault /opt/configvault/bin /etc/systemd/system/configvault* /etc/configvault
mkdir -p /app/conf/plugin /tmp/ansible
echo 'version: 1' > /app/conf/plugin/a.yaml
cat > /tmp/ansible/inventory.yml <<'END'
configvault:
  hosts: {web-1: {}}
  vars:
    ansible_connection: local
    ansible_python_interpreter: /usr/bin/python3
    configvault_settings:
      root: /app/conf/plugin
      vault: /var/lib/configvault
      host: web-1
      validate: {profile: generic}
      reload: {kind: none}
      http: {listen: "off"}
      watch: {quiet: 200ms}
    configvault_files: {/etc/configvault/key: "not for the eyes of a log"}
END
export HOME=/tmp/ansible ANSIBLE_HOME=/tmp/ansible ANSIBLE_NOCOLOR=1 LC_ALL=C.UTF-8 PYTHONDONTWRITEBYTECODE=1
play() { # FLAG...
    # Not by PYTHONPATH: what the role runs would inherit it.
    "$PYTHON" -P -c 'import sys; sys.path.append("/opt/configvault/site"); from ansible.cli.playbook import main; main()' \
        -i /tmp/ansible/inventory.yml "${how[@]}" /opt/configvault/project/deploy/ansible/install.yml "$@" > /tmp/ansible/said 2>&1 || { cat /tmp/ansible/said >&2; exit 1; }
    fails grep -q 'for the eyes' /tmp/ansible/said
}
changed() { grep -o 'changed=[0-9]*' /tmp/ansible/said; }
nothing() { # FLAG...
    play "$@"
    [ "$(changed)" = changed=0 ] || { cat /tmp/ansible/said >&2; exit 1; }
}
all() {
    play --check --diff
    [ ! -e /etc/configvault/config.yaml ] && [ ! -e /var/lib/configvault/HEAD ]
    play
    expect state "$(property configvault ActiveState)" active
    expect enabled "$(systemctl is-enabled configvault)" enabled
    expect mode "$(stat -c %a /etc/configvault/key)" 600
    seen configvault daemon.ready
    nothing
    nothing --check --diff
    before=$(property configvault MainPID)
    sed -i 's/200ms/300ms/' /tmp/ansible/inventory.yml
    play
    [ "$(changed)" != changed=0 ]
    grep -q 300ms /etc/configvault/config.yaml
    expect process "$(property configvault MainPID)" "$before"
    nothing
}
"""


@pytest.fixture
def shared(tmp_path: Path) -> Path:
    """A folder that the guest sees."""
    if reason := guest.why_not() or for_another_python():
        pytest.skip(reason)
    pytest.importorskip("ansible", reason="ansible-core is not installed: make setup")
    folder = tmp_path / "shared"
    folder.mkdir()
    return folder


def test_from_the_debian_package(deb: Path, shared: Path) -> None:
    """The role installs the package and the unit; a second run finds all of it done, and a changed setting is only reloaded."""
    shutil.copy(deb, shared / "configvault.deb")
    script = "how=(-e configvault_install=deb -e configvault_deb=/shared/configvault.deb)\nall"
    done = Guest(binds=[f"{shared}:/shared"]).run(_PLAY + script, timeout_s=600)
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-6000:]


def test_with_pip(wheels: Path, dist: Path, shared: Path) -> None:
    """The same into an environment of its own."""
    for place in (wheels, dist):
        for wheel in place.glob("*.whl"):
            shutil.copy(wheel, shared)
    script = "export PIP_NO_INDEX=1 PIP_FIND_LINKS=/shared\nhow=(-e configvault_venv=/opt/venv)\nall"
    done = Guest(binds=[f"{shared}:/shared"]).run(_PLAY + script, timeout_s=600)
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-6000:]
