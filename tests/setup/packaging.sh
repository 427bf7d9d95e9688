#!/usr/bin/env bash
# What builds and reads packages: cargo-deb and cargo-generate-rpm, lintian and rpm.
set -euo pipefail
. "$(dirname "$0")/common.sh"

apt_install lintian rpm

tools=()
for tool in cargo-deb cargo-generate-rpm; do
    command -v "$tool" >/dev/null || tools+=("$tool")
done
[ ${#tools[@]} = 0 ] && exit

# They work for a second: a quick build, of what they have in common once, saves minutes.
echo "installing ${tools[*]}"
build=$(mktemp -d)
trap 'rm -rf "$build"' EXIT
export CARGO_TARGET_DIR=$build CARGO_PROFILE_DEV_DEBUG=0 CARGO_PROFILE_DEV_OPT_LEVEL=1
cargo install --quiet --debug --locked "${tools[@]}"
