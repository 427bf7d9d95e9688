# Sourced by the lab scripts: a pair of real servers of one family, FAMILY=mariadb (default) or mysql.
# shellcheck shell=bash disable=SC2034
# The writer is `a` (server_id 1), the reader `b` (server_id 2). All that was started is ended by pid.

set -euo pipefail
REPO=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
HERE=$REPO/tests/lab
CACHE=${DUALMASTERD_CACHE:-$REPO/.cache}
FAMILY=${FAMILY:-mariadb}
NAME=$(basename "$0" .sh)
LAB=$(mktemp -d "${TMPDIR:-/tmp}/dualmasterd-lab.XXXXXX")
declare -A PID=() PORT=()
NEXT_PORT=${LAB_PORT:-21000}

case $FAMILY in
mariadb)
    MYSQLD=mariadbd MYSQL=mariadb
    SOURCE_SIDE=rpl_semi_sync_master_enabled REPLICA=SLAVE
    ;;
mysql)
    MYSQLD=$CACHE/mysql/bin/mysqld MYSQL=$CACHE/mysql/bin/mysql
    SOURCE_SIDE=rpl_semi_sync_source_enabled REPLICA=REPLICA
    ;;
*)
    echo "FAMILY=$FAMILY: mariadb or mysql" >&2
    exit 2
    ;;
esac

cleanup() {
    local status=$? server
    trap - EXIT
    if [ $status != 0 ]; then
        for server in "${!PID[@]}"; do
            echo "--- last lines of server $server:" >&2
            tail -n 5 "$LAB/$server.err" >&2 || true
        done
    fi
    for server in "${!PID[@]}"; do
        kill -KILL "${PID[$server]}" 2>/dev/null || true
        wait "${PID[$server]}" 2>/dev/null || true
    done
    rm -rf "$LAB"
    exit $status
}
trap cleanup EXIT
trap 'exit 130' INT TERM

fail() {
    echo "FAILED $FAMILY $NAME: $*" >&2
    exit 1
}

# held TEXT: the script's one line of result.
held() {
    printf 'ok %-8s%-14s%s\n' "$FAMILY" "$NAME" "$*"
}

# wait_until SECONDS WHAT COMMAND...: polls COMMAND until it succeeds; fails naming WHAT after SECONDS.
wait_until() {
    local limit=$(($(now_ms) + $1 * 1000)) what=$2
    shift 2
    until "$@" 2>/dev/null; do
        [ "$(now_ms)" -lt "$limit" ] || fail "waited in vain for: $what"
        sleep 0.02
    done
}

now_ms() { echo $((${EPOCHREALTIME/[.,]/} / 1000)); }

# median of numbers, one per line.
median() { sort -n | awk '{ v[NR] = $1 } END { print v[int((NR + 1) / 2)] }'; }

# ---- servers

# sql SERVER STATEMENTS: the rows, tab separated, without names.
sql() { timeout 90 "$MYSQL" --no-defaults -uroot -S "$LAB/$1.sock" -N -B -e "$2"; }

# is SERVER QUERY VALUE: whether the query's answer is the value.
is() { [ "$(sql "$1" "$2")" = "$3" ]; }

# timed SERVER STATEMENT: milliseconds it took inside one session, with one round trip.
timed() {
    sql "$1" "SET @t = SYSDATE(6); $2; SELECT TIMESTAMPDIFF(MICROSECOND, @t, SYSDATE(6)) / 1000" |
        tail -n 1 | xargs printf '%.1f'
}

# free_port: sets FREE_PORT to the next port nobody listens on.
free_port() {
    local try
    for try in {1..200}; do
        FREE_PORT=$((NEXT_PORT++))
        [ -n "$(ss -Hltn "sport = :$FREE_PORT")" ] || return 0
    done
    fail "no free port below $NEXT_PORT"
}

# template: the path of an initialised datadir, made once per family and version.
template() {
    local version path
    version=$("$MYSQLD" --no-defaults --version | grep -oE '[0-9]+\.[0-9]+\.[0-9]+' | head -n 1)
    path=$CACHE/template/$FAMILY-$version
    mkdir -p "$CACHE/template"
    (
        flock 9
        [ -d "$path" ] || initialise "$path"
    ) 9>"$CACHE/template/lock"
    echo "$path"
}

# initialise PATH: a new datadir, root without password, complete or not there at all.
initialise() {
    rm -rf "$1.new"
    mkdir "$1.new"
    if [ "$FAMILY" = mysql ]; then
        "$MYSQLD" --no-defaults --user=root --datadir="$1.new" --initialize-insecure \
            --skip-log-bin --innodb-redo-log-capacity=8M >"$LAB/init.log" 2>&1
    else
        mariadb-install-db --no-defaults --user=root --datadir="$1.new" --skip-test-db \
            --auth-root-authentication-method=normal --skip-name-resolve \
            --innodb-log-file-size=8M >"$LAB/init.log" 2>&1
    fi || fail "initialise: $(tail -n 3 "$LAB/init.log")"
    # Each copy gets a server_uuid of its own.
    rm -f "$1.new/auto.cnf"
    mv "$1.new" "$1"
}

# settings SERVER SERVER_ID: its my.cnf.
settings() {
    cat <<END
[mysqld]
user=root
datadir=$LAB/$1
socket=$LAB/$1.sock
pid-file=$LAB/$1.pid
log-error=$LAB/$1.err
bind-address=127.0.0.1
port=${PORT[$1]}
server_id=$2
log_bin=binlog
relay_log=relay
binlog_format=ROW
sync_binlog=1
innodb_flush_log_at_trx_commit=1
innodb_buffer_pool_size=64M
auto_increment_increment=2
auto_increment_offset=$2
END
    if [ "$FAMILY" = mysql ]; then
        cat <<END
mysqlx=OFF
secure-file-priv=
gtid_mode=ON
enforce_gtid_consistency=ON
log_replica_updates=ON
skip_replica_start=ON
relay_log_recovery=OFF
persisted_globals_load=OFF
replica_net_timeout=4
replica_parallel_workers=16
plugin_load_add=semisync_source.so
plugin_load_add=semisync_replica.so
rpl_semi_sync_replica_enabled=ON
rpl_semi_sync_source_enabled=OFF
rpl_semi_sync_source_timeout=4294967295
rpl_semi_sync_source_wait_point=AFTER_SYNC
rpl_semi_sync_source_wait_no_replica=ON
END
    else
        cat <<END
gtid_domain_id=0
gtid_strict_mode=ON
log_slave_updates=ON
skip_slave_start=ON
slave_net_timeout=4
slave_parallel_threads=16
slave_parallel_mode=optimistic
slave_ddl_exec_mode=STRICT
rpl_semi_sync_slave_enabled=ON
rpl_semi_sync_slave_kill_conn_timeout=1
rpl_semi_sync_master_enabled=OFF
rpl_semi_sync_master_timeout=18446744073709551615
rpl_semi_sync_master_wait_point=AFTER_SYNC
END
    fi
}

# create SERVER SERVER_ID: a datadir of its own, a port, a my.cnf.
create() {
    free_port
    PORT[$1]=$FREE_PORT
    cp -a --reflink=auto "$(template)" "$LAB/$1"
    settings "$1" "$2" >"$LAB/$1.cnf"
}

# start SERVER [OPTION...]: runs it and waits for the first login.
start() {
    local server=$1
    shift
    "$MYSQLD" --defaults-file="$LAB/$server.cnf" "$@" >"$LAB/$server.out" 2>&1 &
    PID[$server]=$!
    wait_until 30 "$server accepts a login" sql "$server" 'DO 0'
}

# crash SERVER: SIGKILL, and its end awaited.
crash() {
    kill -KILL "${PID[$1]}"
    wait "${PID[$1]}" 2>/dev/null || true
    unset "PID[$1]"
}

# ---- the pair

# link SERVER PEER: points SERVER at PEER by GTID, threads not started.
link() {
    if [ "$FAMILY" = mysql ]; then
        sql "$1" "CHANGE REPLICATION SOURCE TO SOURCE_HOST='127.0.0.1', SOURCE_PORT=${PORT[$2]},
            SOURCE_USER='repl', SOURCE_PASSWORD='lab', SOURCE_AUTO_POSITION=1, SOURCE_CONNECT_RETRY=1,
            SOURCE_HEARTBEAT_PERIOD=1, GET_SOURCE_PUBLIC_KEY=1"
    else
        sql "$1" "CHANGE MASTER TO MASTER_HOST='127.0.0.1', MASTER_PORT=${PORT[$2]},
            MASTER_USER='repl', MASTER_PASSWORD='lab', MASTER_CONNECT_RETRY=1,
            MASTER_HEARTBEAT_PERIOD=1, MASTER_DEMOTE_TO_SLAVE=1"
    fi
}

# status SERVER FIELD: one field of SHOW REPLICA STATUS, named by a pattern.
status() {
    timeout 90 "$MYSQL" --no-defaults -uroot -S "$LAB/$1.sock" -E -e "SHOW $REPLICA STATUS" |
        sed -nE "s/^ *($2): ?//p"
}

receiver_on() { [ "$(status "$1" '(Slave|Replica)_IO_Running')" = Yes ]; }
applier_on() { [ "$(status "$1" '(Slave|Replica)_SQL_Running')" = Yes ]; }

start_receiver() {
    sql "$1" "START $REPLICA IO_THREAD"
    wait_until 10 "receiver of $1 connected" receiver_on "$1"
}

# pair: a writes and waits for b's acknowledgement; b applies; a's link to b is gated (receiver only).
pair() {
    local server
    create a 1
    create b 2
    for server in a b; do
        start "$server"
        sql "$server" "SET sql_log_bin=0; CREATE USER repl@'127.0.0.1' IDENTIFIED BY 'lab';
            GRANT REPLICATION SLAVE ON *.* TO repl@'127.0.0.1'"
    done
    sql a 'CREATE DATABASE lab; CREATE TABLE lab.t (id INT PRIMARY KEY, v INT); INSERT lab.t VALUES (0, 0)'
    link b a
    sql b "SET GLOBAL read_only=1; START $REPLICA"
    wait_until 10 'first row on b' is b 'SELECT COUNT(*) FROM lab.t' 1
    link a b
    start_receiver a
    sql a "SET GLOBAL $SOURCE_SIDE=1"
    sql a 'INSERT lab.t VALUES (1, 1)'
    wait_until 10 'acknowledged row on b' is b 'SELECT COUNT(*) FROM lab.t' 2
}

# a_received_from_b: whether a has received events of b's own that it has not applied.
a_received_from_b() {
    if [ "$FAMILY" = mysql ]; then
        [ -n "$(sql a 'SELECT GTID_SUBTRACT(received_transaction_set, @@global.gtid_executed)
            FROM performance_schema.replication_connection_status')" ]
    else
        [[ $(status a Gtid_IO_Pos) == 0-2-* ]]
    fi
}

# a_waits: whether a commit on a waits for an acknowledgement.
a_waits() {
    [ "$(sql a "SELECT COUNT(*) FROM information_schema.processlist
        WHERE state LIKE 'Waiting for semi-sync ACK%'")" = 1 ]
}
