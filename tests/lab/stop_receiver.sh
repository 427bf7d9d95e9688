#!/usr/bin/env bash
# How long stopping the reader's receiver takes while the writer is alive, frozen, or killed (T5).
. "$(dirname "$0")/lib.sh"
pair
STOP="STOP $REPLICA IO_THREAD"

alive=()
for _ in {1..5}; do
    alive+=("$(timed b "$STOP")")
    start_receiver b
done
alive=$(printf '%s\n' "${alive[@]}" | median)

kill -STOP "${PID[a]}"
frozen=$(timed b "$STOP")
kill -CONT "${PID[a]}"
start_receiver b

if [ "$FAMILY" = mariadb ]; then
    kill -STOP "${PID[a]}"
    id=$(sql b "SELECT id FROM information_schema.processlist WHERE command='Slave_IO'")
    twice=$(timed b "KILL $id; KILL $id; $STOP")
    receiver_on b && fail 'the receiver runs in spite of KILL, KILL, STOP'
    kill -CONT "${PID[a]}"
    start_receiver b
    [ "${twice%.*}" -lt 1000 ] || fail "KILL, KILL, STOP with a frozen peer took $twice ms"
    frozen="$frozen ms, with KILL, KILL first $twice"
else
    [ "${frozen%.*}" -lt 1000 ] || fail "STOP with a frozen peer took $frozen ms"
fi

kill -KILL "${PID[a]}"
killed=$(timed b "$STOP")
wait "${PID[a]}" 2>/dev/null || true
unset 'PID[a]'
receiver_on b && fail 'the receiver runs in spite of STOP'
held "STOP receiver: peer alive $alive ms, frozen $frozen ms, killed at once $killed ms"
