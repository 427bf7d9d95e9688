# make help lists the targets. On Debian 12 as root, demo, test, lab and bench install what they need.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
# What demo and bench run on: mariadb or mysql.
SERVER ?= mariadb
# Each step says its name before, and its seconds after it.
STEP = tests/setup/step.sh

.PHONY: help demo setup lint lab unit test host cut faults chaos sim mutants bench bench-compare trace soak model fuzz generate deb rpm packages

help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-14s%s\n", $$1, $$2 }' $(MAKEFILE_LIST)

demo: ## the main job shown on real servers (SERVER=mariadb or mysql)
	@SERVER="$(SERVER)" tests/demo/run.sh

setup: tools servers ## install the servers and tools the tests run on

.PHONY: tools servers
tools:
	@$(STEP) "host tools" tests/setup/host.sh

servers:
	@$(STEP) "MariaDB" tests/setup/mariadb.sh
	@$(STEP) "MySQL" tests/setup/mysql.sh

lint: ## rustfmt and clippy, no warning allowed
	@$(STEP) "rustfmt" cargo fmt --all --check
	@$(STEP) "clippy" cargo clippy --quiet --all-targets --test host -- -D warnings

lab: setup ## what the core rests on, shown on real servers (FAMILIES="mariadb mysql")
	@$(STEP) --last "lab" tests/lab/run.sh

# Beside a pair whose times are measured nothing runs: .config/nextest.toml tells nextest so. Without nextest
# the tests on real servers run one after the other.
ALONE = pair edges faults mysql_driver
TOGETHER = $(filter-out host $(ALONE),$(patsubst tests/%.rs,%,$(wildcard tests/*.rs)) \
	$(patsubst tests/%/main.rs,%,$(wildcard tests/*/main.rs)))
# The test runner's own summary is the last line.
unit: ## the Rust tests
	@if cargo nextest --version >/dev/null 2>&1; \
	then $(STEP) --last "tests" cargo nextest run; \
	else $(STEP) "tests" cargo test --lib --bins $(addprefix --test ,$(TOGETHER)); \
		$(STEP) --last "tests on pairs" cargo test $(addprefix --test ,$(ALONE)) -- --test-threads 1; fi

# What servers under test leave of the processors, which is most.
IDLY = chrt --idle 0 ionice --class 3

.PHONY: test-programs packaging-tools
test-programs:
	@$(STEP) "build" $(IDLY) cargo test --quiet --no-run --tests --test host

packaging-tools:
	@$(STEP) "packaging tools" $(IDLY) tests/setup/packaging.sh

test: ## everything, as CI does
	@$(MAKE) --no-print-directory tools
	@$(MAKE) --no-print-directory --jobs=2 --output-sync=target servers lint
	@$(MAKE) --no-print-directory --jobs=2 --output-sync=target lab test-programs
	@$(MAKE) --no-print-directory --jobs=2 unit packaging-tools
	@$(MAKE) --no-print-directory host HOST="units daemon distribution"
	@$(MAKE) --no-print-directory packages PROFILE=dev

host: ## the installed daemon under a real systemd: units, fencing, restarts, a reboot (HOST=units fencing daemon distribution boot, SERVER, RUNS)
	@$(STEP) "host tools" tests/setup/host.sh
	@$(STEP) "root with systemd" tests/setup/root.sh
	@if [ $(SERVER) = mysql ]; then $(STEP) "MySQL" tests/setup/mysql.sh; fi
	@SERVER=$(SERVER) RUNS=$(RUNS) $(STEP) --last "host" cargo test --test host -- --test-threads 1 --nocapture $(HOST)

cut: setup ## daemon and servers killed at every begin record of a set-up, a switchover, a failover, a reader's loss
	@CUTS=all $(STEP) --last "cuts" cargo test --test pair -- --test-threads 1 --nocapture pair::cuts

# The families that faults run on: both, or the one that SERVER names on the command line.
FAULT_FAMILY = $(if $(filter command line,$(origin SERVER)),$(SERVER))
faults: setup ## faults on real servers, every row of the table (FAULT="a name" one, SERVER)
	@FAULT="$(or $(FAULT),all)" $(STEP) --last "faults" \
		cargo test --test faults -- --test-threads 1 --nocapture --skip chaos $(FAULT_FAMILY)

MINUTES ?= 10
chaos: setup ## rows of that table drawn under load, the history checked (MINUTES, SEED, SERVER)
	@CHAOS_MINUTES="$(MINUTES)" CHAOS_SEED="$(SEED)" SERVER="$(SERVER)" $(STEP) --last "chaos" \
		cargo test --test faults -- --nocapture chaos

sim: ## the core against fake servers on a virtual clock (SEEDS of each family, FROM that one on)
	@SIM_SEEDS="$(SEEDS)" SIM_FROM="$(FROM)" cargo test --quiet --profile sim --test simulation random:: -- --nocapture

mutants: ## planted defects that the scenarios or the simulation must notice (ONLY="a name", SEEDS)
	@tests/mutants/run.py

# PROFILE=dev builds faster; its figures are worth nothing.
BENCH_PAIR = SERVER="$(SERVER)" RUNS="$(RUNS)" CLIENTS="$(CLIENTS)" POOL="$(POOL)" LAG="$(LAG)" BIG="$(BIG)" \
	PAIRS="$(PAIRS)" MINUTES="$(MINUTES)" SECONDS_EACH="$(if $(filter command line,$(origin SECONDS)),$(SECONDS))" \
	cargo bench --quiet $(if $(PROFILE),--profile $(PROFILE)) --bench pair
bench: setup ## how fast a pair is (BENCH, SERVER, RUNS, CLIENTS, POOL=2G, LAG=10, BIG, PAIRS; see CONTRIBUTING.md)
	@if [ "$(BENCH)" = sysbench ]; then $(STEP) "sysbench" tests/setup/sysbench.sh; fi
	@BENCH="$(BENCH)" $(BENCH_PAIR)

bench-compare: ## what got worse between two folders or files of figures (OLD, NEW, THRESHOLD=1.2)
	@THRESHOLD="$(THRESHOLD)" benches/compare.py "$(OLD)" "$(NEW)"

trace: setup ## the time line of one run (BENCH=failover or switchover, SERVER)
	@TRACE=1 BENCH="$(BENCH)" $(BENCH_PAIR)

soak: setup ## the daemon's memory, descriptors, threads and CPU over time, roles changing (MINUTES, SERVER)
	@BENCH=soak $(BENCH_PAIR)

# What is packaged: release, or what was built already for the tests.
PROFILE ?= release
# What is only tried need not be small.
UNOPTIMISED = $(filter dev,$(PROFILE))
CARGO_RPM = cargo generate-rpm --profile $(PROFILE) $(if $(UNOPTIMISED),--payload-compress none)
# The commit, as metrics show it.
deb rpm packages: export DUALMASTERD_REVISION := $(shell git rev-parse --short=12 HEAD 2>/dev/null)
CARGO_DEB = CARGO_TERM_QUIET=true $(STEP) $(1) cargo deb --quiet --locked --profile $(PROFILE) --strip $(if $(UNOPTIMISED),--fast)

deb: ## the package for Debian and its like, read by lintian: target/debian/*.deb
	@$(STEP) "packaging tools" tests/setup/packaging.sh
	@$(call CARGO_DEB,"deb") --output target/debian/
	@$(STEP) --last "lintian" lintian --allow-root --fail-on error,warning $$(ls -t target/debian/*.deb | head -n 1)

rpm: ## the package for Fedora, Red Hat and their like: target/generate-rpm/*.rpm
	@$(STEP) "packaging tools" tests/setup/packaging.sh
	@$(STEP) "build" cargo build --quiet --locked --bins --profile $(PROFILE)
	@mkdir -p target/generate-rpm
	@$(STEP) --last "rpm" $(CARGO_RPM) --output target/generate-rpm/

# The newest file of a kind.
NEWEST = $$(ls -t $(1) | head -n 1)
# cargo deb empties target/debian each time, so the package that is upgraded from comes first.
packages: ## both packages tried: in a booted host from the installation to the purge, in a root with rpm
	@$(STEP) "packaging tools" tests/setup/packaging.sh
	@$(STEP) "root with systemd" tests/setup/root.sh
	@$(call CARGO_DEB,"the same tree as a lower version") --deb-version 0.0.9-1 --output target/packages/previous.deb
	@$(MAKE) --no-print-directory deb rpm
	@$(STEP) "the .rpm as a lower version" $(CARGO_RPM) \
		--set-metadata 'version = "0.0.9"' --output target/packages/previous.rpm
	@$(STEP) --last "packages" tests/packages/run.sh target/packages/previous.deb \
		$(call NEWEST,target/debian/*.deb) target/packages/previous.rpm $(call NEWEST,target/generate-rpm/*.rpm)

generate: ## write what is shipped and made from the code: catalog, man pages, completions, schema
	@UPDATE=1 $(STEP) --last "generate" cargo test --quiet --test shipped

# What the states of the model are drawn from: faults, writes, deviations, requests.
MODEL ?= 2,1,0,0
model: ## every order of events within a budget, 10 minutes a family at most (MODEL=faults,writes,deviations,requests)
	@MODEL_BUDGET="$(MODEL)" MODEL_SECONDS=600 $(STEP) --last "model" \
		cargo test --quiet --profile model --test model -- --nocapture --test-threads=1

SECONDS_EACH = $(if $(filter command line,$(origin SECONDS)),$(SECONDS),60)
fuzz: ## what is read from outside, fed with damage (SECONDS=60 for each target)
	@FUZZ_SECONDS="$(SECONDS_EACH)" $(STEP) --last "fuzz" \
		cargo test --quiet --test fuzz -- --nocapture --test-threads=2
