#!/usr/bin/env bash
# Boot this machine's own systemd as PID 1 of throw-away namespaces, run one command in it, throw everything away.
#
#   boot_systemd.sh [--bind SRC[:DST]]... [--root DIRECTORY] [--host-net] [--journal FILE] [--timeout SECONDS] -- COMMAND [ARG...]
#
# The guest sees the host's root file system, or DIRECTORY, under an overlay that lives in memory: nothing it does reaches
# the host, but through what --bind names. /tmp, /run and /dev are its own; its network is a loopback of its own, unless
# --host-net gives it the host's.
# Exit status: the command's; 124 when it took longer than --timeout (300); 97 when systemd did not come up; 98 usage.
set -euo pipefail

die() { echo "boot_systemd.sh: $2" >&2; exit "$1"; }

binds=() journal='' limit=300 lower=/ network=(--net)
while [ $# -gt 0 ]; do
    case $1 in
        --bind) binds+=("$2"); shift 2 ;;
        --root) lower=$(readlink -f "$2"); shift 2 ;;
        --host-net) network=(); shift ;;
        --journal) journal=$2; shift 2 ;;
        --timeout) limit=$2; shift 2 ;;
        --) shift; break ;;
        *) die 98 "unknown option $1" ;;
    esac
done
[ $# -gt 0 ] || die 98 "no command"
[ "$(id -u)" = 0 ] || die 98 "must be root"
systemd=/lib/systemd/systemd
[ -x "$lower$systemd" ] || die 97 "no systemd here"

work=$(mktemp -d)
guest= cgroup=
finish() {
    # The kernel ends everything in a PID namespace with its init; the overlay goes with the mount namespace.
    [ -z "$guest" ] || kill -KILL "$guest" 2> /dev/null || true
    wait 2> /dev/null || true
    if [ -n "$cgroup" ]; then
        # Its last process may still be on its way out.
        for _ in $(seq 50); do
            find "$cgroup" -depth -type d -exec rmdir {} + 2> /dev/null || true
            [ -d "$cgroup" ] || break
            sleep 0.05
        done
    fi
    umount "$work/cgroup" 2> /dev/null || true
    rm -rf --one-file-system "$work"
}
trap finish EXIT
trap 'exit 130' INT TERM

# A cgroup of the guest's own: systemd manages what is below, and sees it as the root of the hierarchy.
mkdir "$work/cgroup"
mount -t cgroup2 cgroup2 "$work/cgroup"
own=$(sed -n 's/^0:://p' /proc/self/cgroup)
cgroup=$work/cgroup$own/boot.${work##*.}
mkdir "$cgroup"

cat > "$work/init" <<'INIT'
set -euo pipefail
mount --make-rprivate /
root=$work/memory/root
mkdir "$work/memory"
mount -t tmpfs -o mode=755 memory "$work/memory"
mkdir "$work/memory/upper" "$work/memory/work" "$root"
mount -t overlay -o "lowerdir=$lower,upperdir=$work/memory/upper,workdir=$work/memory/work" overlay "$root"

mount -t proc proc "$root/proc"
# What the namespaces do not cover is the host's: look, do not touch.
for shared in sys sysrq-trigger; do
    [ -e "$root/proc/$shared" ] || continue
    mount --bind "$root/proc/$shared" "$root/proc/$shared"
    mount -o remount,bind,ro "$root/proc/$shared"
done
mount -t sysfs -o ro sysfs "$root/sys"
mount -t cgroup2 cgroup2 "$root/sys/fs/cgroup"
for own in dev run tmp; do mount -t tmpfs -o mode=755 "$own" "$root/$own"; done
chmod 1777 "$root/tmp"
while read -r name minor; do mknod -m 666 "$root/dev/$name" c 1 "$minor"; done <<< $'null 3\nzero 5\nfull 7\nrandom 8\nurandom 9'
mkdir "$root/dev/pts" "$root/dev/shm"
mount -t devpts -o newinstance,ptmxmode=0666 devpts "$root/dev/pts"
mount -t tmpfs -o mode=1777 shm "$root/dev/shm"
ln -s pts/ptmx "$root/dev/ptmx"
ln -s /proc/self/fd "$root/dev/fd"
for n in 0:stdin 1:stdout 2:stderr; do ln -s "/proc/self/fd/${n%:*}" "$root/dev/${n#*:}"; done

# Only what a service needs to start, whatever the host has enabled or its distribution wants at boot.
units=$root/etc/systemd/system
rm -rf "$root"/lib/systemd/system/*.target.wants "$units"/*.wants "$units"/*.requires
rm -rf "$root"/lib/systemd/system-generators/* "$root/var/log/journal"
: > "$root/etc/fstab"
want() { mkdir -p "$units/$1.wants" && ln -sf "/lib/systemd/system/$2" "$units/$1.wants/$2"; }
want sysinit.target systemd-journald.service
want sysinit.target systemd-tmpfiles-setup.service
want sockets.target systemd-journald-dev-log.socket
want sockets.target dbus.socket
[ -s "$root/etc/machine-id" ] || tr -d - < /proc/sys/kernel/random/uuid > "$root/etc/machine-id"

while IFS=: read -r source target; do
    target=$root${target:-$source}
    if [ -d "$source" ]; then mkdir -p "$target"; else mkdir -p "${target%/*}"; touch "$target"; fi
    mount --rbind "$source" "$target"
done < "$work/binds"

mkdir "$root/run/host"
cd "$root"
pivot_root . run/host
umount -l /run/host
# As under any container manager: LoadCredential= and mount propagation into services rely on it.
mount --make-rshared /
exec setpriv --bounding-set -sys_time,-sys_module,-sys_rawio \
    env -i container=boot PATH=/usr/sbin:/usr/bin:/sbin:/bin LANG=C.UTF-8 \
    "$systemd" --system --unit=multi-user.target --log-target=journal --show-status=no < /dev/null
INIT

for bind in "${binds[@]}"; do
    case $bind in *:*) target=:${bind#*:} ;; *) target= ;; esac
    echo "$(readlink -f "${bind%%:*}")$target"
done > "$work/binds"
(
    echo $BASHPID > "$cgroup/cgroup.procs"
    export work systemd lower
    exec setpriv --pdeathsig KILL \
        unshare --mount --uts --ipc "${network[@]}" --pid --cgroup --fork --kill-child bash "$work/init"
) > "$work/console" 2>&1 < /dev/null &
guest=$!

init=
inside() {
    nsenter -t "$init" -m -u -i -n -p -C -r -w -- \
        env -i PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LANG=C.UTF-8 "$@"
}
is_up() {
    [ -n "$init" ] || read -r init _ < "/proc/$guest/task/$guest/children" || return 1
    [ -n "$init" ] && [ "$(cat "/proc/$init/comm")" = systemd ] && [ -S "/proc/$init/root/run/systemd/private" ] &&
        grep -qE 'running|degraded' <<< "$(inside timeout 20 systemctl is-system-running --wait)"
}
for _ in $(seq 600); do
    [ -d "/proc/$guest" ] || break
    if is_up 2> /dev/null; then up=1 && break; fi
    sleep 0.05
done
[ "${up:-}" ] || { cat "$work/console" >&2; die 97 "systemd did not come up"; }

status=0
inside timeout --kill-after=5 "$limit" "$@" || status=$?
[ -z "$journal" ] || inside journalctl --boot --no-pager -o short-precise > "$journal" 2>&1 || true
exit $status
