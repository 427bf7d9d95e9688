#!/usr/bin/env bash
# The main job on real servers: SERVER=mariadb (default) or mysql. Leaves nothing behind but installed
# packages and the download cache.
set -euo pipefail
cd "$(dirname "$0")/../.."

SERVER=${SERVER:-mariadb}
case $SERVER in
mariadb | mysql) ;;
*)
    echo "SERVER=$SERVER: expected mariadb or mysql" >&2
    exit 1
    ;;
esac
if [ "$(id -u)" != 0 ]; then
    echo "make demo needs root: it installs packages, makes a network namespace with nft rules in it," >&2
    echo "and runs servers as the user mysql. Run: sudo make demo" >&2
    exit 1
fi
if ! command -v cargo >/dev/null; then
    echo "make demo needs cargo: see https://rustup.rs" >&2
    exit 1
fi

tests/setup/step.sh "host tools" tests/setup/host.sh
tests/setup/step.sh "$SERVER" "tests/setup/$SERVER.sh"
tests/setup/step.sh "build" cargo build --quiet --bench demo --bins
export SERVER
exec cargo bench --quiet --profile dev --bench demo
