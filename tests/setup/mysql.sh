#!/usr/bin/env bash
# MySQL 9 or newer, unpacked from Debian sid into the cache, run without chroot by wrappers:
# CACHE/mysql/bin/{mysqld,mysql,mysqladmin,mysqlbinlog}. Downloaded once: sid moves, the cache does not.
set -euo pipefail
. "$(dirname "$0")/common.sh"

ROOT=$CACHE/mysql/root
BIN=$CACHE/mysql/bin

# download: unpacks the packages and all they depend on; no maintainer script runs.
download() {
    apt_install mmdebstrap ca-certificates
    need_root "MySQL has to be unpacked into $CACHE"
    mkdir -p "$CACHE/mysql"
    # Of several checkouts that share a cache one downloads, the others wait.
    exec 9>"$CACHE/mysql/lock"
    flock 9
    if [ -x "$ROOT/usr/sbin/mysqld" ]; then return; fi
    echo "downloading MySQL from Debian sid into $CACHE/mysql"
    local new=$CACHE/mysql/root.new log=$CACHE/mysql/download.log
    rm -rf "$new"
    if ! mmdebstrap --mode=root --variant=extract --format=directory \
        --hook-dir=/usr/share/mmdebstrap/hooks/merged-usr \
        --aptopt='Acquire::Check-Valid-Until "false"' \
        --include=mysql-server-core,mysql-client-core sid "$new" >"$log" 2>&1; then
        tail -n 20 "$log" >&2
        exit 1
    fi
    rm -rf "$new"/var/lib/apt/lists "$new"/usr/share/doc
    mv "$new" "$ROOT"
}

# wrap NAME PROGRAM [OPTION...]: a wrapper that runs PROGRAM of the root with that root's libraries.
# Options of ours come after the caller's: --defaults-file is only taken as the first one.
wrap() {
    local name=$1 program=$2 loader libraries
    shift 2
    loader=$(echo "$ROOT"/usr/lib/*-linux-gnu*/ld-linux*.so.*)
    libraries=$(dirname "$loader"):$ROOT/usr/lib/mysql/private
    {
        echo '#!/bin/sh'
        printf 'exec %q --library-path %q %q "$@"' "$loader" "$libraries" "$program"
        [ $# = 0 ] || printf ' %q' "$@"
        echo
    } >"$BIN/$name.new"
    chmod 755 "$BIN/$name.new"
    mv "$BIN/$name.new" "$BIN/$name"
}

[ -x "$ROOT/usr/sbin/mysqld" ] || download
if ! [ -x "$BIN/mysqlbinlog" ] || ! grep -q "$ROOT/" "$BIN/mysqld"; then
    mkdir -p "$BIN"
    wrap mysqld "$ROOT/usr/sbin/mysqld" --basedir="$ROOT/usr" \
        --plugin-dir="$ROOT/usr/lib/mysql/plugin" --lc-messages-dir="$ROOT/usr/share/mysql"
    for client in mysql mysqladmin mysqlbinlog; do
        wrap $client "$ROOT/usr/bin/$client"
    done
fi

version=$("$BIN/mysqld" --no-defaults --version)
[[ $version =~ Ver\ ([0-9]+)\. ]] && [ "${BASH_REMATCH[1]}" -ge 9 ] || {
    echo "mysql.sh: MySQL 9 or newer is needed, $BIN/mysqld says: $version" >&2
    exit 1
}
