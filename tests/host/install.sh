#!/usr/bin/env bash
# install.sh FOLDER BINARIES: puts what the packages would into a host of host.sh that is not booted:
# the built programs from the folder BINARIES, the units, the polkit rule, the daemon's account.
set -euo pipefail
. "$(dirname "$0")/host.sh"

folder=$1
binaries=$2
upper=$folder/upper
units=/usr/lib/systemd/system
for unit in dualmasterd.service dualmasterd-mysqld@.service dualmasterd-prepare@.service; do
    host_copy "$folder" "$HOST_REPO/systemd/$unit" $units/$unit
done
host_copy "$folder" "$HOST_REPO/systemd/50-dualmasterd.rules" /usr/share/polkit-1/rules.d/50-dualmasterd.rules
host_copy "$folder" "$HOST_REPO/systemd/dualmasterd.sysusers" /usr/lib/sysusers.d/dualmasterd.conf
host_copy "$folder" "$binaries/dualmasterd" /usr/sbin/dualmasterd
host_copy "$folder" "$binaries/dualmasterctl" /usr/bin/dualmasterctl
mkdir -p "$upper/etc/dualmasterd" "$upper/etc/systemd/system/multi-user.target.wants"
ln -sf $units/dualmasterd.service "$upper/etc/systemd/system/multi-user.target.wants/"
