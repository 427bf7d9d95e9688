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
    # STOP opens a connection of its own to the source unless the receiver has noticed a KILL before.
    noticed=()
    for _ in {1..3}; do
        kill -STOP "${PID[a]}"
        id=$(sql b "SELECT id FROM information_schema.processlist WHERE command='Slave_IO'")
        sql b "KILL $id"
        noticed+=("$(timed b "$STOP")")
        receiver_on b && fail 'the receiver runs in spite of KILL and STOP'
        kill -CONT "${PID[a]}"
        start_receiver b
    done
    noticed=$(printf '%s\n' "${noticed[@]}" | median)
    [ "${noticed%.*}" -lt 500 ] || fail "STOP with a frozen peer, after KILL, took $noticed ms"
    frozen="$frozen ms, after KILL $noticed"
else
    [ "${frozen%.*}" -lt 1000 ] || fail "STOP with a frozen peer took $frozen ms"
fi

# bash would report the death of its child on stderr.
{
    kill -KILL "${PID[a]}"
    killed=$(timed b "$STOP")
    wait "${PID[a]}" || true
} 2>/dev/null
unset 'PID[a]'
receiver_on b && fail 'the receiver runs in spite of STOP'
held "STOP receiver: peer alive $alive ms, frozen $frozen ms, killed at once $killed ms"
