"""`configvault unit install` under a real systemd: the daemon can do what its configuration asks for, wherever that is."""

from __future__ import annotations

import pytest
from harness import guest
from harness.guest import Guest


@pytest.fixture(autouse=True)
def _bootable() -> None:
    reason = guest.why_not()
    if reason is not None:
        pytest.skip(reason)


PROTECTED = """
rm -rf /etc/systemd/system/configvault*
protect() { # ROOT VAULT [NAME]
    mkdir -p "$1"
    echo 'version: 1' > "$1/a.yaml"
    install_config "$1" "$2" "${3:-config}"
    sed -i 's#^http:.*#http: {listen: "127.0.0.1:9460"}#; s#^watch:.*#watch: {quiet: 100ms}#' "/etc/configvault/${3:-config}.yaml"
    printf 'changes: {on_invalid: restore, grace: 200ms}\\n' >> "/etc/configvault/${3:-config}.yaml"
}
# A change is recorded, a broken one is refused and taken back by the daemon, a rollback is undone in time by it.
works() { # ROOT UNIT CONFIG
    echo 'version: 2' > "$1/a.yaml"
    seen "$2" 'snapshot.recorded.*"trigger": "change"'
    echo 'version: [' > "$1/a.yaml"
    seen "$2" 'restore.done'
    expect content "$(cat "$1/a.yaml")" 'version: 2'
    configvault -c "$3" rollback previous --confirm=1s --no-reload
    seen "$2" 'undid the rollback'
    expect content "$(cat "$1/a.yaml")" 'version: 2'
    configvault -c "$3" doctor
}
"""


@pytest.mark.parametrize(
    ("root", "vault"),
    [
        ("/srv/plugins", "/var/lib/configvault"),
        ("/home/ops/coze-studio/backend/conf/plugin", "/var/lib/configvault"),
        ("/app/conf/plugin", "/var/lib/configvault"),
        ("/home/ops/plugins", "/home/ops/vault"),
        ("/etc/plugins", "/srv/vaults/plugins"),
        ("/root/my plugins", "/var/lib/vaults/my plugins"),
    ],
)
def test_wherever_the_root_is(root: str, vault: str) -> None:
    """Recording, refusing, restoring by itself and undoing in time work in the sandbox; doctor has nothing to say."""
    done = Guest().run(
        f"""{PROTECTED}
        useradd --create-home ops
        protect '{root}' '{vault}'
        chown -R ops: '{root}'
        configvault unit install --now
        expect state "$(property configvault ActiveState)" active
        works '{root}' configvault /etc/configvault/config.yaml
        expect owner "$(stat -c %U '{root}/a.yaml')" ops
        expect left "$(ls -A '{root}')" a.yaml
        """
    )
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"


def test_a_root_that_is_missing() -> None:
    """Where there is nothing to grant nothing is installed, and what is missing is named."""
    done = Guest().run(
        f"""{PROTECTED}
        protect /srv/deep/plugins /var/lib/configvault
        rm -rf /srv/deep
        fails configvault unit install --now 2> /tmp/said
        grep -q 'error: /srv/deep does not exist' /tmp/said
        [ -z "$(ls /etc/systemd/system | grep configvault)" ]
        """
    )
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"


def test_two_instances() -> None:
    """Two roots have a service each, named by their configurations; on one port they are told apart."""
    done = Guest().run(
        f"""{PROTECTED}
        protect /srv/one /var/lib/configvault-one one
        protect /srv/two /var/lib/configvault-two two
        configvault unit install --now @one
        fails configvault -c /etc/configvault/two.yaml unit install --now > /tmp/said
        grep -q '127.0.0.1:9460 belongs to process .*configvault@one.service' /tmp/said
        fails configvault -c /etc/configvault/two.yaml doctor
        configvault -c /etc/configvault/one.yaml doctor
        sed -i 's/9460/9461/' /etc/configvault/two.yaml
        systemctl reload configvault@two
        works /srv/two configvault@two /etc/configvault/two.yaml
        configvault unit remove @two
        expect state "$(property configvault@two ActiveState)" inactive
        works /srv/one configvault@one /etc/configvault/one.yaml
        configvault unit remove @one
        [ -z "$(ls /etc/systemd/system | grep configvault)" ]
        [ -e /etc/configvault/one.yaml ] && [ -e /var/lib/configvault-one/HEAD ]
        """
    )
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"


def test_what_the_unit_hides_is_named() -> None:
    """With the unit as it is shipped, a root elsewhere neither hangs the start nor passes: the directive is named."""
    done = Guest().run(
        f"""{PROTECTED}
        cp /opt/configvault/project/systemd/configvault.service /etc/systemd/system/
        protect /srv/plugins /var/lib/configvault
        systemctl daemon-reload
        systemctl start configvault
        seen configvault 'nothing can be restored: /srv/plugins: Read-only file system, unless ReadWritePaths='
        fails configvault doctor > /tmp/said
        grep -q 'error .*no permission to write in /srv/plugins.*ReadWritePaths=' /tmp/said
        grep -q 'hint: configvault unit install --now' /tmp/said
        "$PYTHON" /opt/configvault/project/deploy/ask.py /ready && exit 1
        systemctl stop configvault
        rm -rf /var/lib/configvault
        protect /home/ops/plugins /var/lib/configvault
        timeout 20 systemctl start configvault
        seen configvault 'waits for the root /home/ops/plugins, .*ProtectHome='
        fails configvault doctor > /tmp/said
        grep -q 'error .*does not see /home/ops/plugins: ProtectHome=' /tmp/said
        configvault unit install --now
        configvault doctor
        """
    )
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"


def test_who_replaces_the_root_is_noticed() -> None:
    """A root that is replaced as a whole goes on being protected where its folder is granted."""
    done = Guest().run(
        f"""{PROTECTED}
        protect /srv/plugins /var/lib/configvault
        configvault unit install --now
        cp -a /srv/plugins /srv/new
        mv /srv/plugins /srv/old && mv /srv/new /srv/plugins
        works /srv/plugins configvault /etc/configvault/config.yaml
        """
    )
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
