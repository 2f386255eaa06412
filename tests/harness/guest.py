"""A machine of its own with a real systemd and configvault installed the way the README says.

The program is not copied: the guest gets this checkout and the libraries of this Python's environment by bind
mounts under /opt/configvault, where the unit's hardening lets them be read.
"""

from __future__ import annotations

import functools
import os
import shutil
import subprocess
import sys
import sysconfig
from dataclasses import dataclass, field
from pathlib import Path

PROJECT = Path(__file__).parents[2]
BOOT = Path(__file__).with_name("boot_systemd.sh")
OPT = "/opt/configvault"

# Run in the guest before each script. `seen` waits for a line in the daemon's journal; nothing here sleeps to be sure.
_PROLOGUE = r"""
set -euo pipefail
cd /
install_program() {
    mkdir -p /opt/configvault/bin
    printf '#!/bin/sh\nexec %s -c "import sys; from configvault.__main__ import main; sys.exit(main())" "$@"\n' \
        "env PYTHONPATH=/opt/configvault/project:/opt/configvault/site PYTHONDONTWRITEBYTECODE=1 $PYTHON -P" \
        > /opt/configvault/bin/configvault
    chmod 755 /opt/configvault/bin/configvault
    ln -s /opt/configvault/bin/configvault /usr/local/bin/configvault
    cp /opt/configvault/project/systemd/configvault*.service /etc/systemd/system/
}
install_config() { # ROOT VAULT [NAME]
    mkdir -p /etc/configvault
    printf 'root: %s\nvault: %s\nvalidate: {profile: generic}\nreload: {kind: none}\nhttp: {listen: "off"}\n%s\n' \
        "$1" "$2" "watch: {quiet: 200ms}" > "/etc/configvault/${3:-config}.yaml"
}
drop_in() { # UNIT LINE...
    mkdir -p "/etc/systemd/system/$1.service.d"
    printf '[Service]\n' > "/etc/systemd/system/$1.service.d/test.conf"
    printf '%s\n' "${@:2}" >> "/etc/systemd/system/$1.service.d/test.conf"
    systemctl daemon-reload
}
seen() { # UNIT PATTERN [TIMES]
    # Asked anew each time: now and then `journalctl --follow` never prints the last line.
    for _ in {1..300}; do
        [ "$(journalctl --unit "$1" --output cat | grep -Ec -- "$2")" -lt "${3:-1}" ] || return 0
        sleep 0.2
    done
    echo "never seen in the journal of $1: $2" >&2
    exit 1
}
fails() { if "$@"; then echo "should have failed: $*" >&2; exit 1; fi; }
property() { systemctl show --property "$2" --value "$1"; }
expect() { # WHAT FOUND WANTED
    [ "$2" = "$3" ] || { echo "$1 is '$2', not '$3'" >&2; exit 1; }
}
trap 'code=$?; [ $code = 0 ] || { echo "failed in line $LINENO"; systemctl status --no-pager --lines 40 "configvault*" ||
    true; } >&2' EXIT
install_program
"""


@dataclass
class Guest:
    """How to boot one; `binds` are folders of the host that it shares, read and write."""

    binds: list[str] = field(default_factory=list)

    def run(self, script: str, timeout_s: int = 240) -> subprocess.CompletedProcess[str]:
        """Boot, run a bash script as root with the program installed, and throw the machine away."""
        python, binds = _python()
        binds += [f"{PROJECT}:{OPT}/project", f"{sysconfig.get_path('purelib')}:{OPT}/site", *self.binds]
        options = [part for bind in binds for part in ("--bind", bind)]
        body = f"PYTHON={python}\n{_PROLOGUE}\n{script}"
        command = [str(BOOT), *options, "--timeout", str(timeout_s), "--", "bash", "-c", body]
        return subprocess.run(command, capture_output=True, text=True, check=False)


@functools.cache
def why_not() -> str | None:
    """Return why no systemd can be booted here, None if one can."""
    if os.geteuid() != 0:
        return "booting systemd needs root"
    for program in ("systemctl", "unshare", "nsenter", "setpriv"):
        if shutil.which(program) is None:
            return f"{program} is not installed"
    done = subprocess.run([str(BOOT), "--", "true"], capture_output=True, text=True, check=False)
    return None if done.returncode == 0 else f"systemd does not boot here: {done.stderr.strip()[-300:]}"


def _python() -> tuple[str, list[str]]:
    """Return this interpreter's path in the guest, and what must be bound for it to be there.

    A Python outside /usr may be in a home folder, which the unit's ProtectHome= hides, and its libraries, too. So the
    distribution's own is taken where it is of the same version: that is what an operator has.
    """
    binary = Path(sys.base_prefix, "bin", f"python{sys.version_info.major}.{sys.version_info.minor}")
    if (own := Path("/usr/bin", binary.name)).exists():
        return str(own), []
    if sys.base_prefix.startswith("/usr"):
        return str(binary), []
    return f"{OPT}/python/bin/{binary.name}", [f"{sys.base_prefix}:{OPT}/python"]
