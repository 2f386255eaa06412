"""The units under a real systemd, hardening and all: what `cp` and `systemctl enable --now` give an operator."""

from __future__ import annotations

import pytest
from harness import guest
from harness.guest import Guest


@pytest.fixture(autouse=True)
def _bootable() -> None:
    reason = guest.why_not()
    if reason is not None:
        pytest.skip(reason)


# The daemon protects the default root with three kinds of owner and mode that a restore must bring back.
INSTALLED = """
mkdir -p /app/conf/plugin/shared
echo 'version: 1' > /app/conf/plugin/a.yaml
echo 'mine: true' > /app/conf/plugin/shared/foreign.yaml
chown 1234:2345 /app/conf/plugin/shared/foreign.yaml
chmod 2775 /app/conf/plugin/shared
chmod 600 /app/conf/plugin/a.yaml
install_config /app/conf/plugin /var/lib/configvault
ids() { configvault list --json | "$PYTHON" -c 'import json, sys; print(*[s["id"] for s in json.load(sys.stdin)["snapshots"]])'; }
count() { ids | wc -w; }
"""
STARTED = f"""{INSTALLED}
systemctl enable --now configvault
expect state "$(property configvault ActiveState)" active
"""


def works(script: str, **options: int) -> str:
    """Run a script in a guest and return what it printed."""
    done = Guest().run(script, **options)
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
    return done.stdout


def test_start_waits_for_ready() -> None:
    """After `systemctl enable --now` the daemon is active, has said READY, and the root is in the vault."""
    works(
        STARTED
        + """
        expect sub "$(property configvault SubState)" running
        expect type "$(property configvault Type)" notify
        [ -n "$(property configvault StatusText)" ]
        expect snapshots "$(count)" 1
        expect mode "$(stat -c %a:%U /var/lib/configvault)" 700:root
        [ -n "$(git -C /var/lib/configvault log --oneline)" ]
        """
    )


def test_change_is_recorded() -> None:
    """A change in the root becomes a snapshot without anybody asking, and is said in the journal."""
    works(
        STARTED
        + """
        echo 'version: 2' > /app/conf/plugin/a.yaml
        seen configvault 'snapshot.recorded.*"trigger": "change"'
        expect snapshots "$(count)" 2
        """
    )


def test_stopped_daemon_is_restarted_by_the_watchdog() -> None:
    """A daemon that was stopped by SIGSTOP no longer feeds the watchdog, is killed and started again, and works."""
    works(
        INSTALLED
        + """
        drop_in configvault WatchdogSec=3s TimeoutAbortSec=1s RestartSec=100ms
        systemctl start configvault
        before=$(property configvault MainPID)
        kill -STOP "$before"
        seen configvault 'watchdog|Watchdog'
        seen configvault 'Started configvault' 2
        expect state "$(property configvault ActiveState)" active
        expect restarts "$(property configvault NRestarts)" 1
        [ "$(property configvault MainPID)" != "$before" ]
        echo 'version: 2' > /app/conf/plugin/a.yaml
        seen configvault 'snapshot.recorded.*"trigger": "change"'
        """
    )


def test_bad_configuration_is_not_tried_again() -> None:
    """A daemon with a bad configuration fails with 78, says why in the journal, and is not started in a loop."""
    works(
        INSTALLED
        + """
        echo 'wacth: {}' >> /etc/configvault/config.yaml
        fails systemctl start configvault
        expect state "$(property configvault ActiveState)" failed
        expect status "$(property configvault ExecMainStatus)" 78
        expect restarts "$(property configvault NRestarts)" 0
        seen configvault 'wacth'
        """
    )


def test_second_daemon_is_not_tried_again() -> None:
    """A second daemon on the same vault exits 5 and is left alone; the first goes on."""
    works(
        STARTED
        + """
        drop_in configvault@twin StateDirectory=configvault
        cp /etc/configvault/config.yaml /etc/configvault/twin.yaml
        fails systemctl start configvault@twin
        expect status "$(property configvault@twin ExecMainStatus)" 5
        expect restarts "$(property configvault@twin NRestarts)" 0
        expect state "$(property configvault ActiveState)" active
        """
    )


def test_state_survives_restart() -> None:
    """After `systemctl restart` the history is what it was, and what changed meanwhile is recorded at the start."""
    works(
        STARTED
        + """
        before=$(ids)
        systemctl restart configvault
        expect ids "$(ids)" "$before"
        systemctl stop configvault
        expect result "$(property configvault Result)" success
        echo 'version: 2' > /app/conf/plugin/a.yaml
        systemctl start configvault
        expect snapshots "$(count)" 2
        grep -q '"startup"' <<< "$(configvault list --json)"
        """
    )


# What a restore must bring back, and a way to run one command in the very sandbox of the unit.
LOST = """
state() { (cd /app/conf/plugin && find . -printf '%p %y %m %U:%G\\n' | sort && cat a.yaml shared/*); }
in_the_sandbox() {
    sed -e 's/^Type=.*/Type=oneshot/; /^Restart/d; /^Watchdog/d; /^NotifyAccess/d; /^ExecReload/d' \
        -e "s#^ExecStart=.*#ExecStart=/opt/configvault/bin/configvault $*#" \
        /etc/systemd/system/configvault.service > /etc/systemd/system/once.service
    systemctl daemon-reload && systemctl start once
}
"""


def test_rollback_works_with_hardening_on() -> None:
    """Inside the sandbox a rollback brings back content, foreign owners, modes and a set-gid folder exactly."""
    works(
        STARTED
        + LOST
        + """
        state > /root/before
        first=$(ids)
        echo 'version: 2' > /app/conf/plugin/a.yaml
        rm -r /app/conf/plugin/shared
        seen configvault 'snapshot.recorded.*"trigger": "change"'
        in_the_sandbox rollback "$first"
        diff /root/before <(state)
        expect state "$(property configvault ActiveState)" active
        git -C /var/lib/configvault fsck --strict
        """
    )


def test_daemon_restores_with_hardening_on() -> None:
    """The daemon itself puts a broken root back, from inside its sandbox, owners and set-gid folder and all."""
    works(
        INSTALLED
        + LOST
        + """
        echo 'changes: {on_invalid: restore, grace: 300ms}' >> /etc/configvault/config.yaml
        systemctl start configvault
        state > /root/before
        rm -r /app/conf/plugin/shared
        echo '[' > /app/conf/plugin/a.yaml
        seen configvault 'rollback.done|restore.done'
        diff /root/before <(state)
        """
    )


def test_reload_keeps_the_old_configuration_when_the_new_is_bad() -> None:
    """`systemctl reload` fails on a bad configuration and the daemon goes on with the old one."""
    works(
        STARTED
        + """
        echo 'wacth: {}' >> /etc/configvault/config.yaml
        fails systemctl reload configvault
        expect state "$(property configvault ActiveState)" active
        sed -i '/wacth/d' /etc/configvault/config.yaml
        systemctl reload configvault
        expect state "$(property configvault ActiveState)" active
        echo 'version: 2' > /app/conf/plugin/a.yaml
        seen configvault 'snapshot.recorded.*"trigger": "change"'
        """
    )


def test_several_roots() -> None:
    """Each instance protects its own root in its own vault."""
    works(
        INSTALLED
        + """
        for name in one two; do
            mkdir -p /app/conf/$name
            echo "name: $name" > /app/conf/$name/a.yaml
            install_config /app/conf/$name /var/lib/configvault-$name $name
            systemctl start configvault@$name
            grep -q '"startup"' <<< "$(configvault -c /etc/configvault/$name.yaml list --json)"
        done
        grep -q 'name: two' <<< "$(git -C /var/lib/configvault-two show HEAD:a.yaml)"
        """
    )


def test_user_of_its_own() -> None:
    """With the drop-in the daemon runs as its own user, records, and gives files of other owners back."""
    works(
        INSTALLED
        + """
        groupadd --system configvault && useradd --system --gid configvault configvault
        mkdir -p /etc/systemd/system/configvault.service.d
        cp /opt/configvault/project/systemd/drop-ins/own-user.conf /etc/systemd/system/configvault.service.d/
        systemctl daemon-reload
        systemctl start configvault
        expect owner "$(stat -c %U /var/lib/configvault/HEAD)" configvault
        echo 'version: 2' > /app/conf/plugin/a.yaml
        seen configvault 'snapshot.recorded.*"trigger": "change"'
        """
    )
