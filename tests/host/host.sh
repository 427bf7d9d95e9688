#!/usr/bin/env bash
# A host with a real systemd: the root of tests/setup/root.sh under a layer of its own, booted by
# systemd-nspawn in namespaces of its own. What it changes stays in FOLDER and outlives its reboots.
#
#   host.sh boot FOLDER [SEEN...]   boots it, and stays until it is powered off or this process is ended;
#                                   `systemctl reboot` in it boots it again. Each SEEN, as FROM:TO, is a
#                                   folder out here that is seen in it, read-only.
#   host.sh wait FOLDER SECONDS     until its units are started; prints the pid of its PID 1 out here
#   host.sh run FOLDER COMMAND...   runs a command in it
#   host.sh copy FOLDER FILE PATH   puts a file there, before it is booted or while it runs
#   host.sh end FOLDER              ends it at once, as a power cut would, and leaves the folder
#
# Sourced, it defines the same as functions host_boot, host_wait, host_run, host_copy, host_end.
set -euo pipefail

HOST_REPO=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
HOST_ROOT=${DUALMASTERD_CACHE:-$HOST_REPO/.cache}/host/root

# A name of its own for each folder, so that several hosts do not meet.
host_name() {
    echo "dm-$(printf %s "$(realpath -m "$1")" | cksum | cut -d ' ' -f 1)"
}

# The cgroup of a host: a branch of its own.
host_cgroup() {
    echo "/sys/fs/cgroup/systemd/dualmasterd-host-$(host_name "$1")"
}

# What a running host is known by, out here: the pid of its PID 1.
host_leader() {
    local nspawn
    nspawn=$(cat "$1/nspawn" 2>/dev/null) || return 1
    pgrep -P "$nspawn" -x systemd || return 1
}

host_boot() {
    local folder=$1 status
    shift
    mkdir -p "$folder"/{upper,work,root}
    echo $$ >"$folder/keeper"
    # shellcheck disable=SC2064
    trap "host_end $(printf %q "$folder")" EXIT
    trap 'exit 143' TERM INT HUP
    while true; do
        host_boot_once "$folder" "$@" && status=0 || status=$?
        # 133: it asked to be booted again.
        [ $status = 133 ] || return $status
        echo "reboot" >>"$folder/console"
    done
}

# Boots it and waits for its end. Mounts are private: they end with it.
host_boot_once() {
    local folder=$1 cgroup
    cgroup=$(host_cgroup "$folder")
    shift
    mkdir -p "$cgroup"
    echo "$(date +%T.%N) on" >>"$folder/console"
    # shellcheck disable=SC2016
    unshare --mount --propagation private bash -c '
        echo $$ >"$3/cgroup.procs"
        echo $$ >"$1/nspawn"
        mount -t overlay overlay -o "lowerdir=$2,upperdir=$1/upper,workdir=$1/work" "$1/root"
        exec setpriv --pdeathsig KILL systemd-nspawn --quiet --directory "$1/root" --boot \
            --register=no --keep-unit --private-network --machine "$4" \
            --kill-signal SIGRTMIN+4 --link-journal=no --resolv-conf=off --timezone=off --console=pipe \
            "${@:5}" systemd.journald.forward_to_console=0
    ' boot "$folder" "$HOST_ROOT" "$cgroup" "$(host_name "$folder")" "${@/#/--bind-ro=}" </dev/null >>"$folder/console" 2>&1 &
    local status=0
    { wait $! || status=$?; } 2>/dev/null
    rm -f "$folder/nspawn"
    echo "$(date +%T.%N) off, status $status" >>"$folder/console"
    return $status
}

host_wait() {
    local folder=$1 until=$((SECONDS + $2)) state=''
    while [ $SECONDS -lt $until ]; do
        state=$(host_run "$folder" systemctl is-system-running 2>/dev/null || true)
        case $state in running | degraded)
            host_leader "$folder"
            return
            ;;
        esac
        sleep 0.1
    done
    echo "host.sh: the host did not come up within $2 s, it is: ${state:-not there}" >&2
    tail -n 20 "$folder/console" >&2
    return 1
}

host_run() {
    local leader
    leader=$(host_leader "$1") || {
        echo "host.sh: no host runs in $1" >&2
        return 1
    }
    shift
    nsenter --target "$leader" --mount --uts --ipc --net --pid --cgroup --root --wd -- \
        env -i PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LANG=C.UTF-8 "$@"
}

host_copy() {
    local folder=$1 file=$2 path=$3 leader root
    if leader=$(host_leader "$folder"); then root=/proc/$leader/root; else root=$folder/upper; fi
    mkdir -p "$root$(dirname "$path")"
    cp --remove-destination --preserve=mode --no-dereference "$file" "$root$path"
}

host_end() {
    local folder=$1 pid cgroup
    cgroup=$(host_cgroup "$folder")
    # With its PID 1 the kernel ends every process of it. nspawn alone would leave them behind for a while.
    if pid=$(host_leader "$folder"); then host_kill "$pid" || true; fi
    if pid=$(cat "$folder/nspawn" 2>/dev/null); then host_kill "$pid" || true; fi
    rm -f "$folder/nspawn"
    if pid=$(cat "$folder/keeper" 2>/dev/null) && [ "$pid" != $$ ]; then
        kill -TERM "$pid" 2>/dev/null || true
    fi
    for _ in $(seq 50); do
        [ -d "$cgroup" ] || return 0
        find "$cgroup" -depth -type d -exec rmdir {} + 2>/dev/null || true
        sleep 0.05
    done
}

# Kills a process and waits until it is gone, which it is once all of its namespace are.
host_kill() {
    kill -KILL "$1" 2>/dev/null || true
    for _ in $(seq 200); do
        [ -e "/proc/$1" ] || return 0
        sleep 0.05
    done
    echo "host.sh: process $1 does not end" >&2
    return 1
}

if [ "${BASH_SOURCE[0]}" = "$0" ]; then
    verb=${1:-}
    case $verb in
    boot | wait | run | copy | end)
        shift
        "host_$verb" "$@"
        ;;
    *)
        sed -n '2,/^set /s/^# \{0,1\}//p' "$0" >&2
        exit 2
        ;;
    esac
fi
