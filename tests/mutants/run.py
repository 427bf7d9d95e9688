#!/usr/bin/env python3
"""Plants the defects of list.toml one by one and shows which tests notice each.

Each is planted in a copy of the tree, built once, and run against the scenarios, and where these do not notice
it, against the simulation (ALL=1: against both); one that names its unit tests, against those. Exits with 1 where
one is noticed by none, or no longer fits the source. ONLY="a name, another name" plants these alone, SEEDS sets
the schedules of each family, LIB=1 runs all unit tests as well.
"""

import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import time
import tomllib

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent
TARGET = pathlib.Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target")).resolve()
TREE = TARGET / "mutants" / "tree"
# Programs of its own: those of the tree itself must not be taken for the mutants', nor the other way round.
BUILT = TARGET / "mutants" / "target"
CORE = ["--test", "scenarios", "--test", "simulation"] + (["--lib"] if os.environ.get("LIB") else [])


def copy_tree():
    """The files as they are now, committed or not."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT, check=True, capture_output=True,
    ).stdout
    shutil.rmtree(TREE, ignore_errors=True)
    for name in filter(None, listed.decode().split("\0")):
        source, copy = ROOT / name, TREE / name
        if source.is_file():
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(source, copy)
    # The binaries and benches are not run here: they need not be built each time.
    manifest = TREE / "Cargo.toml"
    text = re.sub(r"\[\[(bin|bench)\]\]\n(?:[^\[\n].*\n)*", "", manifest.read_text())
    text = re.sub(r'^default-run = .*$', "autobins = false\nautobenches = false", text, flags=re.M)
    manifest.write_text(text)


def build(suites):
    """The test programs by name, or None where the tree does not compile."""
    built = subprocess.run(
        ["cargo", "test", "--no-run", "--message-format=json", *suites],
        cwd=TREE, env={**os.environ, "CARGO_TARGET_DIR": str(BUILT)}, capture_output=True, text=True,
    )
    if built.returncode != 0:
        print(built.stderr)
        return None
    lines = (json.loads(line) for line in built.stdout.splitlines() if line.startswith("{"))
    return {
        line["target"]["name"]: line["executable"]
        for line in lines
        if line.get("executable") and line.get("profile", {}).get("test")
    }


def failing(program, names):
    """The tests that fail, of those with such names."""
    seeds = os.environ.get("SEEDS", "240")
    ran = subprocess.run(
        [program, "--test-threads=2", *names], cwd=TREE, capture_output=True, text=True,
        env={**os.environ, "SIM_SEEDS": seeds, "RUST_BACKTRACE": "0"},
    )
    return re.findall(r"^test (\S+) \.\.\. FAILED", ran.stdout, re.M)


def noticed(programs, names):
    """Which programs notice, with the number of their tests that do: the first alone, unless ALL is set."""
    counts = []
    # The simulation takes longest.
    for name in sorted(programs, key=lambda name: (name == "simulation", name)):
        if tests := failing(programs[name], names):
            counts.append(f"{name} {len(tests)}")
            if not os.environ.get("ALL"):
                break
    return counts


def plant(mutant):
    """Changes the copy. Returns the text that was there, or None where the mutant no longer fits."""
    path = TREE / mutant["file"]
    text = path.read_text()
    if text.count(mutant["old"]) != 1:
        return None
    path.write_text(text.replace(mutant["old"], mutant["new"]))
    return text


def main():
    mutants = tomllib.loads((HERE / "list.toml").read_text())["mutant"]
    only = [name.strip() for name in os.environ.get("ONLY", "").split(",") if name.strip()]
    mutants = [mutant for mutant in mutants if not only or mutant["name"] in only]
    if not mutants:
        sys.exit(f"no planted defect has one of the names {only}")
    copy_tree()
    missed = []
    for mutant in mutants:
        began = time.monotonic()
        was = plant(mutant)
        unit = mutant.get("unit")
        names = [unit] if unit else []
        programs = build(["--lib"] if unit else CORE) if was is not None else None
        path = TREE / mutant["file"]
        if programs is None:
            verdict = "DOES NOT FIT" if was is None else "DOES NOT COMPILE"
            missed.append(mutant["name"])
        else:
            counts = noticed(programs, names)
            verdict = "noticed by " + ", ".join(counts) if counts else "SURVIVES"
            if not counts:
                missed.append(mutant["name"])
        if was is not None:
            path.write_text(was)
        seconds = time.monotonic() - began
        print(f"{mutant['name']:<30} {verdict} ({seconds:.0f} s)\n    {mutant['breaks']}", flush=True)
    print(f"{len(mutants) - len(missed)} of {len(mutants)} planted defects were noticed")
    if missed:
        sys.exit(f"not noticed: {', '.join(missed)}")


if __name__ == "__main__":
    main()
