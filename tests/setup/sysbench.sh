#!/usr/bin/env bash
# sysbench, which one of the benches runs.
set -euo pipefail
. "$(dirname "$0")/common.sh"

apt_install sysbench
