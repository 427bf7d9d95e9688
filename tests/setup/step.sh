#!/usr/bin/env bash
# step.sh [--last] NAME COMMAND...: names the step, runs it, says how long it took or that it failed.
# With --last the command's own closing line stays the last one.
set -uo pipefail

last=''
if [ "$1" = --last ]; then
    last=1
    shift
fi
name=$1
shift
echo "== $name"
"$@"
status=$?
if [ $status != 0 ]; then
    [ -n "$last" ] || echo "== $name: failed after $SECONDS s (exit $status)" >&2
elif [ -z "$last" ]; then
    echo "== $name: $SECONDS s"
fi
exit $status
