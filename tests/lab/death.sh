#!/usr/bin/env bash
# Death as an event: pidfds of some threads of a killed server are readable before the process's own,
# and /proc/PID/stat shows the exiting flag.
. "$(dirname "$0")/lib.sh"
create a 1
start a
result=$(python3 "$HERE/death.py" "${PID[a]}") || fail "$result"
wait "${PID[a]}" 2>/dev/null || true
unset 'PID[a]'
held "$result"
