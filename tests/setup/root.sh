#!/usr/bin/env bash
# A Debian root with systemd, D-Bus, polkit, nftables and MariaDB, in CACHE/host/root: what tests/host boots.
# Made once, from the mirrors that this machine's apt is configured with; a booted host changes only a
# layer of its own over it. A root that an older version of this script made is made anew.
set -euo pipefail
. "$(dirname "$0")/common.sh"

# What is in it. Changing this line makes a new root.
PACKAGES=systemd,systemd-sysv,dbus,polkitd,nftables,iproute2,procps,mariadb-server,logrotate
ROOT=$CACHE/host/root
MADE=$CACHE/host/made

apt_install systemd-container mmdebstrap ca-certificates

# mirrors: the files that name this machine's Debian mirrors, one for each line.
mirrors() {
    local file
    for file in /etc/apt/sources.list /etc/apt/sources.list.d/*.list /etc/apt/sources.list.d/*.sources; do
        [ -f "$file" ] && grep -qE '^(deb |Types:.*deb)' "$file" || continue
        grep -q debian-archive "$file" || [ "$file" = /etc/apt/sources.list ] || continue
        echo "$file"
    done
}

# strip: what a host that is booted for seconds does not need, and what would start by itself.
strip() {
    local root=$1
    rm -rf "$root"/var/lib/apt/lists/* "$root"/usr/share/{doc,man,locale} "$root"/var/lib/mysql
    # The distribution's server stands by for the tests that take it over.
    chroot "$root" systemctl --quiet disable mariadb.service
    chroot "$root" systemctl --quiet mask systemd-resolved.service systemd-timesyncd.service \
        apt-daily.timer apt-daily-upgrade.timer dpkg-db-backup.timer e2scrub_all.timer fstrim.timer \
        console-getty.service getty@.service
    echo dm >"$root/etc/hostname"
    : >"$root/etc/machine-id"
    printf '127.0.0.1 localhost dm\n' >"$root/etc/hosts"
}

make_root() {
    need_root "a Debian root has to be made in $CACHE"
    local new=$CACHE/host/root.new log=$CACHE/host/make.log
    echo "making a Debian root in $CACHE/host"
    rm -rf "$new" "$ROOT"
    local -a sources
    mapfile -t sources < <(mirrors)
    if ! mmdebstrap --mode=root --variant=minbase --format=directory --include="$PACKAGES" \
        bookworm "$new" "${sources[@]}" >"$log" 2>&1; then
        tail -n 20 "$log" >&2
        exit 1
    fi
    strip "$new"
    mv "$new" "$ROOT"
    echo "$PACKAGES" "$(sha256sum <"$0")" >"$MADE"
}

mkdir -p "$CACHE/host"
# Of several checkouts that share a cache one makes it, the others wait.
exec 9>"$CACHE/host/lock"
flock 9
[ -f "$MADE" ] && [ "$(cat "$MADE")" = "$PACKAGES $(sha256sum <"$0")" ] || make_root
