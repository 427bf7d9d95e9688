#!/usr/bin/env bash
# Flipping semi-sync's source side: what it costs, that the standby's first commit after it is
# acknowledged by the gated receiver, and T1: left on at the standby it stalls the drain.
. "$(dirname "$0")/lib.sh"
pair

on=() first=()
for round in {1..5}; do
    # The flip of a role change: b opens while a's gated receiver is connected.
    on+=("$(timed b "SET GLOBAL $SOURCE_SIDE=1")")
    first+=("$(timed b "INSERT lab.t VALUES (20 + $round, 0)")")
    off=$(timed b "SET GLOBAL $SOURCE_SIDE=0")
    offs="${offs:-} $off"
    if [ "$FAMILY" = mysql ]; then break; fi
done
unacknowledged=$(sql b "SHOW GLOBAL STATUS LIKE 'Rpl_semi_sync_%_no_tx'" | awk '{ print $2 }')
[ "$unacknowledged" = 0 ] || fail "$unacknowledged commits on b were not acknowledged"
on=$(printf '%s\n' "${on[@]}" | median)
first=$(printf '%s\n' "${first[@]}" | median)
off=$(tr ' ' '\n' <<<"${offs# }" | median)
flip="source on $on ms, first commit acknowledged $first ms, off $off ms"
for server in a b; do crash "$server"; rm -rf "${LAB:?}/$server"; done

pair
sql b "STOP $REPLICA SQL_THREAD"
for id in {31..40}; do sql a "INSERT lab.t VALUES ($id, 0)"; done
crash a
rows() { is b 'SELECT COUNT(*) FROM lab.t WHERE id > 30' "$1"; }
sql b "SET GLOBAL $SOURCE_SIDE=1; START $REPLICA SQL_THREAD"
b_stalls() {
    [ "$(sql b "SELECT COUNT(*) FROM information_schema.processlist
        WHERE state LIKE 'Waiting for semi-sync ACK%'")" -ge 1 ]
}
wait_until 5 'the applier waits for an acknowledgement' b_stalls
rows 10 && fail 'T1: the drain went on with the source side on'
# A session that is there before the SET: on MySQL nobody can log in while it runs.
if [ "$FAMILY" = mysql ]; then
    received=$(sql b 'SELECT received_transaction_set FROM performance_schema.replication_connection_status')
    drained="WAIT_FOR_EXECUTED_GTID_SET('$received', 20)"
else
    drained="MASTER_GTID_WAIT('$(status b Gtid_IO_Pos)', 20)"
fi
{
    sql b "SELECT $drained" >"$LAB/drained"
    now_ms >>"$LAB/drained"
} &
waiter=$!
b_waits_for_drain() {
    [ "$(sql b "SELECT COUNT(*) FROM information_schema.processlist
        WHERE id <> CONNECTION_ID() AND info LIKE 'SELECT%WAIT%'")" = 1 ]
}
wait_until 5 'a session waiting for the drain' b_waits_for_drain
begin=$(now_ms)
sql b "SET GLOBAL $SOURCE_SIDE=0"
returned=$(($(now_ms) - begin))
wait "$waiter"
{ read -r answer && read -r end; } <"$LAB/drained"
[ "$answer" = 0 ] && rows 10 || fail 'not drained with the source side off'
held "$flip; T1: stalled while on, drained $((end - begin)) ms after off was sent (returned after $returned)"
