#!/usr/bin/env bash
# What nobody acknowledged and the dead writer's binlog holds: started plainly it comes back as
# committed; cut off the binlog before the start, InnoDB rolls it back.
. "$(dirname "$0")/lib.sh"
pair

sql b "STOP $REPLICA IO_THREAD"
sql a 'INSERT lab.t VALUES (66, 66)' 2>/dev/null &
client=$!
wait_until 5 'a commit waiting for an acknowledgement' a_waits
crash a
! wait "$client" || fail 'the client heard OK for a commit nobody received'
cp -a --reflink=auto "$LAB/a" "$LAB/a.dead"

start a
is a 'SELECT COUNT(*) FROM lab.t WHERE id=66' 1 || fail 'started plainly, the ghost did not come back'

crash a
rm -rf "$LAB/a"
mv "$LAB/a.dead" "$LAB/a"
known=$(if [ "$FAMILY" = mysql ]; then
    sql b 'SELECT @@global.gtid_executed'
else
    sql b 'SELECT @@global.gtid_binlog_state'
fi)
begin=$(now_ms)
cut=$(python3 "$HERE/cut.py" "$FAMILY" "$LAB/a/binlog.index" "$known")
took=$(($(now_ms) - begin))
start a
is a 'SELECT COUNT(*) FROM lab.t WHERE id=66' 0 || fail 'the ghost is there in spite of the cut'
is a 'SELECT COUNT(*) FROM lab.t WHERE id<66' 2 || fail 'the cut took acknowledged rows'
if [ "$FAMILY" = mysql ]; then
    is a "SELECT GTID_SUBTRACT(@@global.gtid_executed, '${known//$'\n'/}')" '' || fail 'a has a GTID b lacks'
else
    is a 'SELECT @@global.gtid_binlog_state' "$known" || fail 'a and b differ in gtid_binlog_state'
fi
start_rejoined() {
    link a b
    sql a "SET GLOBAL read_only=1; START $REPLICA"
    sql b 'SET GLOBAL read_only=0; INSERT lab.t VALUES (67, 67)'
}
start_rejoined
wait_until 10 'the rejoined server follows' is a 'SELECT COUNT(*) FROM lab.t WHERE id=67' 1
held "plain start: ghost back; after the cut ($cut, $took ms): gone, equal, follows the new writer"
