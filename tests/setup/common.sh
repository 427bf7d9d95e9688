# Sourced by the scripts of this folder: where downloads are kept, and apt without surprises.
# shellcheck shell=bash
# Each script is idempotent: it prints one line for what it installs, nothing when nothing is to do.

REPO=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
# Downloads and datadir templates; git ignores it.
CACHE=${DUALMASTERD_CACHE:-$REPO/.cache}

# need_root PURPOSE: ends with one sentence unless we are root.
need_root() {
    [ "$(id -u)" = 0 ] && return
    echo "${0##*/}: $1: run it once as root (sudo make test), on Debian 12." >&2
    exit 1
}

# missing_packages PKG...: those that dpkg does not have installed.
missing_packages() {
    local package
    for package in "$@"; do
        dpkg-query -W -f '${db:Status-Status}\n' "$package" 2>/dev/null | grep -qx installed ||
            echo "$package"
    done
}

# apt_install PKG...: installs what is missing, without recommendations, questions or services.
apt_install() {
    local -a missing
    mapfile -t missing < <(missing_packages "$@")
    [ ${#missing[@]} = 0 ] && return
    need_root "packages ${missing[*]} have to be installed"
    echo "installing ${missing[*]}"
    local log
    log=$(mktemp)
    if ! without_services apt_quiet "$log" "${missing[@]}"; then
        tail -n 20 "$log" >&2
        rm -f "$log"
        return 1
    fi
    rm -f "$log"
}

# apt_quiet LOG PKG...: tries with the package lists at hand, then with new ones.
apt_quiet() {
    local log=$1
    shift
    local -a install=(apt-get -y -q -o DPkg::Lock::Timeout=300 install --no-install-recommends "$@")
    export DEBIAN_FRONTEND=noninteractive
    "${install[@]}" >"$log" 2>&1 && return
    apt-get -q -o DPkg::Lock::Timeout=300 update >>"$log" 2>&1
    "${install[@]}" >>"$log" 2>&1
}

# without_services CMD...: runs CMD while policy-rc.d forbids every package to start a service.
# A policy that is there already stays in force if it forbids the same.
without_services() {
    local policy=/usr/sbin/policy-rc.d kept='' status=0
    if [ -x $policy ]; then
        $policy named start >/dev/null 2>&1 || status=$?
        if [ $status = 101 ]; then
            "$@"
            return
        fi
        kept=$(mktemp $policy.XXXXXX)
        mv $policy "$kept"
    fi
    printf '#!/bin/sh\nexit 101\n' >$policy
    chmod 755 $policy
    status=0
    "$@" || status=$?
    rm -f $policy
    [ -z "$kept" ] || mv "$kept" $policy
    return $status
}
