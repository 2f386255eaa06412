#!/usr/bin/env bash
# Build a Debian package of what packages/dist.py made, with the libraries that requirements/run.txt pins inside it.
#
#   packages/deb.sh PYTHON [DIRECTORY]      (default: dist/)
#
# PYTHON is of the version that the target's own python3 has: compiled libraries fit only that one, and the package says
# so. The same commit gives the same bytes. Installed it is: /usr/bin/configvault, the libraries, units, completion and
# manual, alerts, dashboard and documents where Debian has them. Nothing is configured or started: `configvault init` and
# `configvault unit install --now` do.
set -euo pipefail
cd "$(dirname "$0")/.."
python=$(readlink -f "$(dirname "$1")")/$(basename "$1")
out=${2:-dist}
export SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH:-$(git log -1 --format=%ct)} PYTHONDONTWRITEBYTECODE=1
umask 022
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

"$python" packages/dist.py "$work/dist" > /dev/null
wheel=$(ls "$work"/dist/*.whl)
version=$(basename "$wheel" | cut -d- -f2)
minor=$("$python" -c 'import sys; print("%d.%d" % sys.version_info[:2])')
next=$("$python" -c 'import sys; print("%d.%d" % (sys.version_info[0], sys.version_info[1] + 1))')
arch=$(dpkg --print-architecture)

root=$work/root
lib=$root/usr/lib/configvault
grep -v '^setuptools==' requirements/run.txt > "$work/run.txt"
"$python" -m pip --disable-pip-version-check --no-input install --quiet --no-compile --no-deps --root-user-action=ignore \
    --target "$lib" -r "$work/run.txt" "$wheel"
# Where it was built, and scripts that would run another Python.
rm -rf "$lib/bin"
find "$lib" -name direct_url.json -delete
find "$lib" -name RECORD -delete
find "$lib" -name REQUESTED -delete

install -D -m 755 /dev/stdin "$root/usr/bin/configvault" <<'LAUNCHER'
#!/usr/bin/python3 -I
# PYTHON_ARGCOMPLETE_OK
import sys

sys.path.insert(0, "/usr/lib/configvault")
from configvault.__main__ import main

sys.exit(main())
LAUNCHER
run() { PYTHONPATH=$lib "$python" -P -m "$@"; }
for unit in systemd/*.service; do
    # Where it is and how it gets there is the package's business.
    sed -e 's#/opt/configvault/bin/configvault#/usr/bin/configvault#' -e '/ By hand:$/,/^$/d' "$unit" |
        install -D -m 644 /dev/stdin "$root/lib/systemd/system/${unit##*/}"
done
# What the wheel carries besides the program belongs where Debian has it.
mkdir -p "$root/usr/share"
cp -r "$lib/share/configvault" "$lib/share/doc" "$root/usr/share/"
for page in "$lib"/share/man/man1/*.1; do
    install -D -m 644 /dev/stdin "$root/usr/share/man/man1/${page##*/}.gz" < <(gzip -9n < "$page")
done
rm -rf "$lib/share"
run configvault completion bash | install -D -m 644 /dev/stdin "$root/usr/share/bash-completion/completions/configvault"
install -d -m 750 "$root/etc/configvault"
install -D -m 644 LICENSE "$root/usr/share/doc/configvault/copyright"

mkdir "$root/DEBIAN"
cat > "$root/DEBIAN/control" <<CONTROL
Package: configvault
Version: $version
Architecture: $arch
Maintainer: configvault <configvault@localhost>
Depends: python3 (>= $minor), python3 (<< $next), git (>= 1:2.30)
Recommends: openssh-client, ca-certificates
Section: admin
Priority: optional
Installed-Size: $(du -sk --apparent-size "$root" --exclude DEBIAN | cut -f1)
Description: watch a config directory, record every valid state in git, restore any
 A daemon and a command line that validate what lies in a directory, record it as
 snapshots in a bare git repository, roll back to any of them and have the
 service load it. Made for Coze Studio's plugin directory.
CONTROL
install -m 755 /dev/stdin "$root/DEBIAN/postinst" <<'SCRIPT'
#!/bin/sh
set -e
if [ "$1" = configure ]; then
    python3 -I -m compileall -q /usr/lib/configvault > /dev/null || true
    if [ -d /run/systemd/system ]; then
        systemctl daemon-reload
        # $2: the version before. What ran goes on with the new one; a new installation is started by who configured it.
        if [ -n "$2" ]; then systemctl try-restart 'configvault.service' 'configvault@*.service'; fi
    fi
    if [ -z "$2" ]; then
        echo "configvault: configvault init, then: configvault unit install --now"
    fi
fi
SCRIPT
install -m 755 /dev/stdin "$root/DEBIAN/prerm" <<'SCRIPT'
#!/bin/sh
set -e
if [ "$1" = remove ] && [ -d /run/systemd/system ]; then
    systemctl --quiet disable --now configvault.service || true
    # Those that are enabled would leave links to a unit that is gone.
    for link in /etc/systemd/system/*.wants/configvault@*.service; do
        [ ! -L "$link" ] || systemctl --quiet disable --now "${link##*/}" || true
    done
    systemctl stop 'configvault@*.service' || true
fi
find /usr/lib/configvault -name __pycache__ -prune -exec rm -rf {} +
SCRIPT
install -m 755 /dev/stdin "$root/DEBIAN/postrm" <<'SCRIPT'
#!/bin/sh
set -e
if [ -d /run/systemd/system ]; then systemctl daemon-reload; fi
if [ "$1" = purge ]; then
    # What `configvault unit install` worked out.
    rm -f /etc/systemd/system/configvault*.service.d/50-configvault.conf
    rmdir /etc/systemd/system/configvault*.service.d 2> /dev/null || true
    rm -rf /etc/configvault
fi
if [ "$1" = purge ] && [ -d /var/lib/configvault ]; then
    # History is never removed by a package: it may be all that is left of the root.
    echo "configvault: the vault stays in /var/lib/configvault; remove it by hand if nobody needs it"
fi
SCRIPT

find "$root" -exec touch --no-dereference --date="@$SOURCE_DATE_EPOCH" {} +
mkdir -p "$out"
package=$out/configvault_${version}_$arch.deb
# One thread: the order in which several compress is not always the same.
dpkg-deb --root-owner-group -Zxz --threads-max=1 --build "$root" "$package" > /dev/null 2>&1 ||
    dpkg-deb --root-owner-group -Zxz --build "$root" "$package" > /dev/null
echo "$package"
