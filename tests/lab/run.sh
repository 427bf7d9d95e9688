#!/usr/bin/env bash
# Every lab script on every family (FAMILIES="mariadb mysql"); the last line is 'N passed, N failed'.
set -uo pipefail
cd "$(dirname "$0")" || exit 1
passed=0 failed=0
for family in ${FAMILIES:-mariadb mysql}; do
    for script in gate relay_logs ghosts source_side stop_receiver death; do
        if FAMILY=$family ./$script.sh; then
            passed=$((passed + 1))
        else
            failed=$((failed + 1))
        fi
    done
done
echo "$passed passed, $failed failed"
[ $failed = 0 ]
