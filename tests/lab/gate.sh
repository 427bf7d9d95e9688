#!/usr/bin/env bash
# Promise 8: with the writer's receiver on and its applier stopped, a stray write on the reader is
# received by the writer and changes no row there. What opening and closing that gate costs.
. "$(dirname "$0")/lib.sh"
pair

stops=() starts=()
for _ in {1..9}; do
    stops+=("$(timed b "STOP $REPLICA SQL_THREAD")")
    starts+=("$(timed b "START $REPLICA SQL_THREAD")")
done
stop=$(printf '%s\n' "${stops[@]}" | median)
start=$(printf '%s\n' "${starts[@]}" | median)

a_received_from_b && fail 'a received something before the stray'
begin=$(now_ms)
sql b 'SET GLOBAL read_only=0; UPDATE lab.t SET v=999 WHERE id=1; SET GLOBAL read_only=1'
wait_until 5 'the stray in the received set of a' a_received_from_b
seen=$(($(now_ms) - begin))
is a 'SELECT v FROM lab.t WHERE id=1' 1 || fail 'the stray changed a row on the writer'
is b 'SELECT v FROM lab.t WHERE id=1' 999 || fail 'the stray is not on the reader'

sql a 'INSERT lab.t VALUES (2, 2)'
if [ "$FAMILY" = mysql ]; then
    wait_until 5 'the reader goes on applying' is b 'SELECT COUNT(*) FROM lab.t' 3
    after='reader goes on'
else
    reader_refuses() { [ "$(status b Last_SQL_Errno)" = 1950 ]; }
    wait_until 5 'applier of b stopped with 1950' reader_refuses
    after='reader stops with 1950'
fi
is a 'SELECT v FROM lab.t WHERE id=1' 1 || fail 'the stray changed a row on the writer later'
held "stray seen after $seen ms, writer's row kept, $after; applier stop $stop ms, start $start ms"
