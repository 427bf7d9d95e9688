#!/usr/bin/env bash
# Death as an event: pidfds of some threads of a killed server are readable before the process's own,
# and /proc/PID/stat shows the exiting flag.
. "$(dirname "$0")/lib.sh"
create a 1
start a
# bash would report the death of its child on stderr.
{
    result=$(python3 "$HERE/death.py" "${PID[a]}" 2>&1) && told=yes || told=no
    wait "${PID[a]}" || true
} 2>/dev/null
unset 'PID[a]'
[ $told = yes ] || fail "$result"
held "$result"
