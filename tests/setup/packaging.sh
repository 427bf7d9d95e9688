#!/usr/bin/env bash
# What builds and reads packages: cargo-deb and cargo-generate-rpm, lintian and rpm.
set -euo pipefail
. "$(dirname "$0")/common.sh"

apt_install lintian rpm

for tool in cargo-deb cargo-generate-rpm; do
    if ! command -v "$tool" >/dev/null; then
        echo "installing $tool"
        cargo install --quiet --locked "$tool"
    fi
done
