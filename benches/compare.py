#!/usr/bin/env python3
"""Prints which figures of NEW are worse than those of OLD: two folders of `target/bench`, or two files.

A time, a share or a rate counts as worse beyond THRESHOLD (1.2: by a fifth) and a small step of its own, as
the smallest ones vary by chance; a count of things that must not happen counts as worse by one. Exits with 1
where something did get worse or nothing could be compared.
"""

import json
import os
import pathlib
import sys

THRESHOLD = float(os.environ.get("THRESHOLD") or 1.2)
# What is better when it is lower, with the step that is never worse.
LOWER = {
    "p50_ms": 2, "p99_ms": 10, "client_p50_ms": 5, "commit_ms": 50, "avg_ms": 1, "p95_ms": 2,
    "rss_mb": 0.5, "cpu_percent": 0.1, "rss_mb_per_pair": 0.1, "cpu_percent_per_pair": 0.05,
}
HIGHER = {"rows_per_second": 50, "percent_below_10_s": 1, "transactions_per_second": 5}
# What must not happen at all.
COUNTS = {"lost", "refused_connections", "unwanted_role_changes", "failures"}
# Figures are comparable where these are the same.
SAME = [("machine", "cores"), ("machine", "cpu"), ("machine", "kernel"), ("machine", "profile"),
        ("machine", "server_version"), ("parameters", "clients"), ("parameters", "pool")]


def figures(path):
    """The files of a folder by server and name; of a server's own folder where there is one."""
    path = pathlib.Path(path)
    files = [path] if path.is_file() else sorted(path.rglob("*.json"), key=lambda file: len(file.parts))
    found = {}
    for file in files:
        value = json.loads(file.read_text())
        found[value.get("server", "?"), file.stem] = value
    return found


def leaves(value, before=""):
    """Every number with its path, and the last name of that."""
    for key, inner in value.items() if isinstance(value, dict) else ():
        path = f"{before}{key}"
        if isinstance(inner, dict) and key not in ("machine", "parameters"):
            yield from leaves(inner, f"{path}.")
        elif isinstance(inner, (int, float)) and not isinstance(inner, bool):
            yield path, key, inner


def is_judged(path, key, old, new):
    """A p99 of fewer than a hundred runs is a maximum: chance. While the writer is away, connections are refused."""
    if key == "p99_ms" and (old.get("p99_is_max", True) or new.get("p99_is_max", True)):
        return False
    if key == "refused_connections" and "refused 0" not in new.get("goal", ""):
        return False
    return not path.startswith("judged.")


def worse(key, old, new):
    if key in COUNTS:
        return new > old
    if key in LOWER:
        return new > old * THRESHOLD and new - old > LOWER[key]
    if key in HIGHER:
        return new * THRESHOLD < old and old - new > HIGHER[key]
    return False


def compare(name, old, new):
    """Prints what got worse of one bench; returns how much."""
    for group, key in SAME:
        was, now = (value.get(group, {}).get(key) for value in (old, new))
        if was != now:
            print(f"{name}: not alike: {key} was {was}, is {now}")
    was = {path: number for path, _, number in leaves(old)}
    count = 0
    for path, key, number in leaves(new):
        if path in was and is_judged(path, key, old, new) and worse(key, was[path], number):
            ratio = f"{number / was[path]:.2f} times" if was[path] else "from nothing"
            print(f"{name}: WORSE: {path} was {was[path]:g}, is {number:g} ({ratio})")
            count += 1
    return count


def main():
    if len(sys.argv) != 3:
        sys.exit("compare.py OLD NEW: two folders, or two files")
    old, new = (figures(path) for path in sys.argv[1:])
    if all(len(found) == 1 for found in (old, new)):
        # Two files may have any names.
        (key,), (value,) = new.keys(), new.values()
        pairs = {key: (next(iter(old.values())), value)}
    else:
        pairs = {key: (old[key], new[key]) for key in sorted(old.keys() & new.keys())}
    if not pairs:
        sys.exit("nothing to compare: no bench is in both")
    count = sum(compare(" ".join(key), was, now) for key, (was, now) in pairs.items())
    print(f"{len(pairs)} compared, {count} figures worse than {THRESHOLD:g} times the old ones")
    sys.exit(1 if count else 0)


if __name__ == "__main__":
    main()
