#!/usr/bin/env bash
# What the tests need of the host beside the servers: nft, ip, ss, ps, a DNS server, certificates, the user mysql.
set -euo pipefail
. "$(dirname "$0")/common.sh"

need_root 'the tests make network namespaces and nft tables, and run servers as the user mysql'

# Rust's linker, which rustup does not bring.
command -v cc >/dev/null || apt_install gcc libc6-dev

had_named=$(missing_packages bind9)
apt_install nftables iproute2 procps python3-minimal openssl bind9 bind9-dnsutils mandoc systemd \
    e2fsprogs mount faketime

# The package enables named for the next boot; a machine that had it before keeps its own setting.
if [ -n "$had_named" ] && command -v systemctl >/dev/null; then
    systemctl disable --quiet named.service 2>/dev/null || true
fi

if ! getent passwd mysql >/dev/null; then
    echo "making the system user mysql"
    useradd --system --user-group --no-create-home --home-dir /nonexistent \
        --shell /usr/sbin/nologin mysql
fi
