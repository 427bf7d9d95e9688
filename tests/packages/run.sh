#!/usr/bin/env bash
# run.sh OLD.deb NEW.deb OLD.rpm NEW.rpm: the packages in a booted host and in a root of their own: installed,
# started with no configuration, configured, upgraded under load, removed, purged.
set -euo pipefail
. "$(dirname "$0")/../host/host.sh"

old=$(realpath "$1") new=$(realpath "$2") old_rpm=$(realpath "$3") rpm=$(realpath "$4")
FOLDER=$(mktemp -d /var/tmp/dualmasterd-packages.XXXXXX)
booted=''

finish() {
    local status=$?
    [ $status = 0 ] || tell >&2 || true
    [ -z "$booted" ] || host_end "$FOLDER" || true
    rm -rf "$FOLDER"
    exit $status
}
trap finish EXIT

# tell: what helps to understand a failure.
tell() {
    echo "--- the journal of the host"
    in_host journalctl --no-pager -q -n 60 -u dualmasterd 2>/dev/null || tail -n 20 "$FOLDER/console"
}

in_host() { host_run "$FOLDER" "$@"; }
say() { echo "packages: $*"; }
die() {
    echo "packages: $*" >&2
    exit 1
}
# has TEXT WORDS...: the text contains the words.
has() { case $1 in *"$2"*) ;; *) die "\"$2\" is not in: $1" ;; esac }
# until SECONDS COMMAND...: it succeeds within that time.
within() {
    local until=$((SECONDS + $1))
    shift
    until "$@" >/dev/null 2>&1; do
        [ $SECONDS -lt $until ] || die "waited in vain for: $*"
        sleep 0.2
    done
}
pid_of() { in_host systemctl show -P MainPID "dualmasterd-mysqld@shop.$1"; }

installed_and_not_started() {
    local said
    host_copy "$FOLDER" "$old" /root/old.deb
    host_copy "$FOLDER" "$new" /root/new.deb
    # By apt, which has no network here: what the package depends on has to be there, or this fails.
    said=$(in_host apt-get install -y --no-install-recommends /root/old.deb 2>&1) || die "$said"
    has "$said" "installed and not started"
    [ "$(in_host systemctl is-enabled dualmasterd || true)" = disabled ] || die "it was enabled"
    [ "$(in_host systemctl is-active dualmasterd || true)" = inactive ] || die "it was started"
    in_host getent passwd dualmasterd >/dev/null || die "no account"
    [ "$(in_host stat -c '%a %U' /etc/dualmasterd/secrets)" = '700 dualmasterd' ] || die "secrets"
    in_host dualmasterd --print-schema | grep -q '"\$schema"' || die "no schema"
}

# With nothing configured it says so, and systemd leaves it at that.
started_unconfigured() {
    if in_host systemctl start dualmasterd 2>/dev/null; then die "it started without a pair"; fi
    [ "$(in_host systemctl show -P ExecMainStatus dualmasterd)" = 78 ] || die "another exit code"
    sleep 1
    [ "$(in_host systemctl show -P NRestarts dualmasterd)" = 0 ] || die "it was started again"
    has "$(in_host journalctl -q --no-pager -u dualmasterd)" "no pair is configured"
    in_host systemctl reset-failed dualmasterd
}

configured() {
    cat >"$FOLDER/shop.toml" <<'END'
[pair.shop]
family = "mariadb"
[pair.shop.member.a]
port = 3307
[pair.shop.member.b]
port = 3308
[pair.shop.endpoint]
redirect = "127.0.0.1:3306"
[pair.shop.app]
user = "shop"
database = "shop"
END
    host_copy "$FOLDER" "$FOLDER/shop.toml" /etc/dualmasterd/conf.d/shop.toml
    # A conffile that was edited is kept by every upgrade.
    in_host sh -c 'echo "# edited by hand" >>/etc/dualmasterd/dualmasterd.toml'
    in_host dualmasterd --check || die "the configuration is bad"
    in_host systemctl enable --quiet --now dualmasterd
    within 90 in_host dualmasterctl list --check
}

# begin_load [TABLE]: a client that writes by the endpoint and notes what failed.
begin_load() {
    # shellcheck disable=SC2016
    in_host env t="${1:-t}" sh -c '
        cp /var/lib/dualmasterd/secrets/shop.app.cnf /root/shop.cnf
        m="mariadb --defaults-extra-file=/root/shop.cnf --user=shop --protocol=tcp --host=127.0.0.1 --port=3306 shop"
        $m -e "CREATE TABLE $t (n INT PRIMARY KEY AUTO_INCREMENT, w INT)"
        : >/root/failed; : >/root/written; touch /root/writing
        (while [ -e /root/writing ]; do
            $m -e "INSERT INTO $t (w) VALUES (1)" 2>>/root/failed && echo >>/root/written || true
            sleep 0.02
        done) </dev/null >/dev/null 2>&1 &'
    within 20 in_host test -s /root/written
}

# end_load [TABLE]: nothing that was answered OK is missing there.
end_load() {
    in_host rm -f /root/writing
    sleep 0.5
    local written counted
    written=$(in_host sh -c 'wc -l </root/written')
    # shellcheck disable=SC2016
    counted=$(in_host env t="${1:-t}" sh -c 'mariadb --defaults-extra-file=/root/shop.cnf --user=shop --protocol=tcp \
        --host=127.0.0.1 --port=3306 shop -BNe "SELECT COUNT(*) FROM $t"')
    [ "$counted" -ge "$written" ] || die "$written writes were acknowledged, $counted are there"
    say "$written writes"
}

# Servers, roles and clients notice nothing.
upgraded_under_load() {
    local a b daemon
    a=$(pid_of a) b=$(pid_of b) daemon=$(in_host systemctl show -P MainPID dualmasterd)
    sleep 1
    in_host dpkg -i /root/new.deb >"$FOLDER/upgrade.log" 2>&1 || die "$(cat "$FOLDER/upgrade.log")"
    within 30 in_host dualmasterctl list --check
    sleep 1
    [ "$(pid_of a) $(pid_of b)" = "$a $b" ] || die "a server was started again"
    [ "$(in_host systemctl show -P MainPID dualmasterd)" != "$daemon" ] || die "the old daemon still runs"
    in_host test ! -s /root/failed || die "a client saw: $(in_host head -n 3 /root/failed)"
    has "$(in_host tail -n 1 /etc/dualmasterd/dualmasterd.toml)" "edited by hand"
}

writer() {
    in_host dualmasterctl -f json list | sed -n 's/^ *"writer": "\(.\)",$/\1/p' | head -n 1
}

# A failover, told by the journal with the package's catalog.
failed_over() {
    local writer
    writer=$(writer)
    in_host kill -KILL "$(pid_of "$writer")"
    sleep 1
    within 60 in_host dualmasterctl list --check
    has "$(in_host journalctl -q --no-pager -x DUALMASTER_EVENT=writer_moved)" "What you may do: After a failover"
}

reloaded() {
    in_host systemctl reload dualmasterd
    in_host sh -c 'echo "nonsense = 1" >/etc/dualmasterd/conf.d/z.toml'
    in_host systemctl reload dualmasterd
    has "$(in_host dualmasterctl explain)" ConfigRefused
    in_host rm /etc/dualmasterd/conf.d/z.toml
    in_host systemctl reload dualmasterd
    within 10 in_host dualmasterctl list --check
}

# The older package over a state file that a later version wrote: said, and left alone to the byte. Servers,
# roles and clients notice nothing, then as after the way back.
downgrade_refused() {
    local state=/var/lib/dualmasterd/shop/state a b sum role
    role=$(writer)
    a=$(pid_of a) b=$(pid_of b)
    in_host systemctl stop dualmasterd
    in_host cp -p $state /root/state
    # Its second word is the version of its format, in both slots.
    in_host sh -c "for at in 8 \$((\$(stat -c %s $state) / 2 + 8)); do
        printf '\377' | dd of=$state bs=1 seek=\$at conv=notrunc status=none; done"
    sum=$(in_host sha256sum $state)
    begin_load again
    in_host dpkg -i --force-downgrade /root/old.deb >"$FOLDER/downgrade.log" 2>&1 ||
        die "$(cat "$FOLDER/downgrade.log")"
    in_host systemctl start dualmasterd 2>/dev/null || true
    within 10 in_host sh -c 'journalctl -q --no-pager -u dualmasterd | grep -q "written by a newer dualmasterd"'
    sleep 1
    [ "$(in_host sha256sum $state)" = "$sum" ] || die "the newer state file was changed"
    [ "$(pid_of a) $(pid_of b)" = "$a $b" ] || die "a server was started again"
    in_host test ! -s /root/failed || die "a client saw: $(in_host head -n 3 /root/failed)"
    in_host systemctl stop dualmasterd
    in_host dpkg -i /root/new.deb >"$FOLDER/upgrade.log" 2>&1 || die "$(cat "$FOLDER/upgrade.log")"
    in_host cp -p /root/state $state
    in_host systemctl reset-failed dualmasterd 2>/dev/null || true
    in_host systemctl start dualmasterd
    within 60 in_host dualmasterctl list --check
    [ "$(writer)" = "$role" ] || die "the role moved"
    [ "$(pid_of a) $(pid_of b)" = "$a $b" ] || die "a server was started again"
    end_load again
}

# Whatever is removed, no database is.
removed_and_purged() {
    local data=/var/lib/dualmasterd-mysqld said
    in_host dpkg --remove dualmasterd >/dev/null 2>&1
    [ "$(in_host pgrep -c mariadbd)" = 2 ] || die "the removal ended a server"
    in_host test -e /etc/dualmasterd/dualmasterd.toml || die "a removal took the configuration"
    [ "$(in_host systemctl is-active dualmasterd || true)" = inactive ] || die "it still runs"
    said=$(in_host dpkg --purge dualmasterd 2>&1)
    has "$said" "is kept"
    in_host test ! -e /etc/dualmasterd/dualmasterd.toml || die "the purge left its own file"
    in_host test -e /etc/dualmasterd/conf.d/shop.toml || die "the purge took an administrator's file"
    [ "$(in_host find $data -name ibdata1 | wc -l)" = 2 ] || die "a datadir is gone: $(in_host find $data)"
    in_host test -e /var/lib/dualmasterd/shop/state || die "the register is gone"
    in_host test ! -e /usr/lib/systemd/system/dualmasterd.service || die "a unit is left"
}

# The databases that a purge left are taken over by the next installation.
installed_again() {
    in_host dpkg -i /root/new.deb >/dev/null 2>&1
    in_host systemctl enable --quiet --now dualmasterd
    within 60 in_host dualmasterctl list --check
    # shellcheck disable=SC2016
    in_host sh -c 'mariadb --defaults-extra-file=/root/shop.cnf --user=shop --protocol=tcp \
        --host=127.0.0.1 --port=3306 shop -BNe "SELECT COUNT(*) FROM t"' >/dev/null
}

# The .rpm where rpm is, without a running systemd: what its scripts make, and what an upgrade and a removal leave.
rpm_in_a_root() {
    mkdir -p "$FOLDER"/rpm/{upper,work,root}
    # shellcheck disable=SC2016
    unshare --mount --propagation private bash -euc '
        root=$1/root
        mount -t overlay overlay -o "lowerdir=$2,upperdir=$1/upper,workdir=$1/work" "$root"
        mount -t proc proc "$root/proc"
        r() { rpm --root "$root" "$@"; }
        r --initdb
        r -i --nodeps "$4" >"$1/said" 2>&1 || { cat "$1/said" >&2; exit 1; }
        grep -q "installed and not started" "$1/said"
        grep -q ^dualmasterd: "$root/etc/passwd"
        [ "$(stat -c %a "$root/etc/dualmasterd/secrets")" = 700 ]
        r -V --nodeps dualmasterd
        chroot "$root" /usr/sbin/dualmasterd --version
        echo "# edited" >>"$root/etc/dualmasterd/dualmasterd.toml"
        mkdir -p "$root/var/lib/dualmasterd/shop"; echo x >"$root/var/lib/dualmasterd/shop/state"
        r -U --nodeps "$3" >>"$1/said" 2>&1
        [ "$(r -q --qf "%{VERSION}" dualmasterd)" != 0.0.9 ]
        tail -n 1 "$root/etc/dualmasterd/dualmasterd.toml" | grep -q edited
        r -e dualmasterd >>"$1/said" 2>&1
        [ -e "$root/etc/dualmasterd/dualmasterd.toml.rpmsave" ]
        [ ! -e "$root/usr/sbin/dualmasterd" ]
        [ -e "$root/var/lib/dualmasterd/shop/state" ]
    ' rpm "$FOLDER/rpm" "$HOST_ROOT" "$rpm" "$old_rpm" || die "the .rpm: $(cat "$FOLDER/rpm/said" 2>/dev/null)"
}

# files_agree: both packages bring the same, each where its like has it.
files_agree() {
    local here
    # Debian: /lib is /usr/lib, documents are compressed, the licence is `copyright`, a changelog of its own.
    here='s,^\./,/,; s,^/lib/,/usr/lib/,; s,\.gz$,,; /\/$/d; s,zsh/vendor-completions,zsh/site-functions,
        s,doc/dualmasterd/NEWS$,doc/dualmasterd/CHANGELOG.md,; /doc\/dualmasterd\/copyright$/d
        /doc\/dualmasterd\/changelog\.Debian$/d; /lintian/d; /licenses\/dualmasterd/d'
    dpkg-deb --fsys-tarfile "$new" | tar -t | sed "$here" | sort >"$FOLDER/deb.files"
    rpm -qlp "$rpm" 2>/dev/null | sed "$here" | sort >"$FOLDER/rpm.files"
    diff "$FOLDER/deb.files" "$FOLDER/rpm.files" >&2 || die "the packages bring different files"
}

say "both file lists"
files_agree
say "the .rpm in a root"
rpm_in_a_root
"$HOST_REPO/tests/host/host.sh" boot "$FOLDER" &
booted=1
host_wait "$FOLDER" 60 >/dev/null
for step in installed_and_not_started started_unconfigured configured begin_load upgraded_under_load \
    end_load failed_over reloaded downgrade_refused removed_and_purged installed_again; do
    began=$SECONDS
    $step
    say "$step: $((SECONDS - began)) s"
done
