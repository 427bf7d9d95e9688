#!/usr/bin/env bash
# Promise 3: which acts on the reader keep, and which throw away, received transactions it has not
# applied, once the writer is dead. Three acknowledged rows are at stake in each case.
. "$(dirname "$0")/lib.sh"
pair

sql b "STOP $REPLICA SQL_THREAD"
for id in 11 12 13; do sql a "INSERT lab.t VALUES ($id, $id)"; done
crash a
# A copy of the stopped process's files is what SIGKILL would leave.
kill -STOP "${PID[b]}"
cp -a --reflink=auto "$LAB/b" "$LAB/b.snapshot"
kill -CONT "${PID[b]}"

rows() { sql b 'SELECT COUNT(*) FROM lab.t WHERE id > 10'; }
have_all() { [ "$(rows)" = 3 ]; }
# The applier has read all the relay log there is.
applier_idle() { [[ $(status b '(Slave|Replica)_SQL_Running_State') == *'has read all relay log'* ]]; }

kept() {
    wait_until 10 "rows kept by: $1" have_all
    kept_by="${kept_by:+$kept_by, }$1"
}
lost() {
    if applier_on b; then wait_until 10 "applier done after: $1" applier_idle; fi
    [ "$(rows)" = 0 ] || fail "$1 was to lose the rows and kept $(rows)"
    lost_by="${lost_by:+$lost_by, }$1"
}
again() {
    crash b
    rm -rf "$LAB/b"
    cp -a --reflink=auto "$LAB/b.snapshot" "$LAB/b"
    start b "$@"
}

sql b "START $REPLICA SQL_THREAD"
kept 'START applier, receiver never stopped'

if [ "$FAMILY" = mysql ]; then
    again
    sql b 'START REPLICA SQL_THREAD'
    kept 'kill -9 and START applier'
    again
    sql b 'STOP REPLICA; START REPLICA'
    kept 'STOP and START of both'
    again
    sql b 'CHANGE REPLICATION SOURCE TO SOURCE_CONNECT_RETRY=2; START REPLICA SQL_THREAD'
    lost 'CHANGE of the retry interval'
    again
    sql b 'RESET REPLICA'
    sql b 'START REPLICA SQL_THREAD' 2>/dev/null || true
    lost 'RESET REPLICA'
    again --relay-log-recovery=ON
    sql b 'START REPLICA SQL_THREAD'
    lost 'start with relay_log_recovery=ON'
else
    for act in 'START SLAVE SQL_THREAD' 'START SLAVE IO_THREAD; STOP SLAVE; START SLAVE SQL_THREAD' \
        'CHANGE MASTER TO MASTER_CONNECT_RETRY=2; START SLAVE SQL_THREAD'; do
        again
        sql b "$act"
        lost "kill -9 and ${act%%;*}"
    done
    # The rescue: the first event not applied, named by file and offset, with one applier thread.
    again
    position=$(status b Gtid_IO_Pos)
    read -r file offset < <(
        for log in $(cd "$LAB/b" && grep -a -oE 'relay\.[0-9]+' relay.index); do
            sql b "SHOW RELAYLOG EVENTS IN '$log'" | awk -v f="$log" '$3 == "Gtid" { print f, $2, $6, $7, $8 }'
        done | awk -v done="$(sql b "SELECT SUBSTRING_INDEX(@@gtid_slave_pos, '-', -1)")" '
            match($0, /0-1-[0-9]+/) { split(substr($0, RSTART, RLENGTH), g, "-")
                if (g[3] > done + 0) { print $1, $2; exit } }'
    ) || fail "no unapplied event found in the relay logs (Gtid_IO_Pos $position)"
    sql b "SET GLOBAL slave_parallel_threads=0;
        CHANGE MASTER TO RELAY_LOG_FILE='$file', RELAY_LOG_POS=$offset; START SLAVE SQL_THREAD"
    kept 'kill -9 and CHANGE to RELAY_LOG_FILE, RELAY_LOG_POS'
fi
held "kept: $kept_by; LOST: $lost_by"
