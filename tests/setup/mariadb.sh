#!/usr/bin/env bash
# MariaDB from the distribution: server, mariadb-install-db and clients, without its service.
set -euo pipefail
. "$(dirname "$0")/common.sh"

apt_install mariadb-server-core mariadb-client-core
