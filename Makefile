# What people do here, by name. `make` alone tells.

export PATH := $(or $(CARGO_HOME),$(HOME)/.cargo)/bin:$(PATH)

CARGO ?= cargo
# The resources that `make up` brings up: a file or a folder. The example, where none is named.
FILE ?=
# Further arguments: of `umec up`, such as --plain; of `bench`, packages; of `fuzz`, decoders and --keep.
ARGS ?=

# How long `make fuzz` takes, unless it has had 100,000,000 executions before (--executions N).
SECONDS ?= 3600

DAEMONS := umec-modbus umec-edge-api umec-uplink umec-gateway umec-modbus-line

.DEFAULT_GOAL := help
.PHONY: help up test check bench fuzz tools build

help: ## tell what there is
	@sed -n 's/^\([a-z]*\):[^#]*## \(.*\)/  make \1|\2/p' $(firstword $(MAKEFILE_LIST)) | column -t -s '|'

up: ## build, and bring up a node on this machine: make up FILE=my-devices.yaml
	@crates/xtask/tools.sh up
	@$(CARGO) build --release --package umec-cli $(DAEMONS:%=--package %)
	@target/release/umec up $(ARGS) $(FILE)

build: ## build everything, optimised
	$(CARGO) build --release --package umec-cli $(DAEMONS:%=--package %)

test: ## run all tests, with real servers
	@crates/xtask/tools.sh test
	$(CARGO) test --workspace

check: ## everything that a machine can judge but the tests: format, lints, docs, shape, dependencies
	$(CARGO) fmt --all --check
	$(CARGO) clippy --workspace --all-targets -- -D warnings
	$(CARGO) clippy --package umec-sdk --package umec-gateway --package umec-modbus-line -- -D warnings
	$(CARGO) clippy --package umec-e2e --features fuzz --example fuzz -- -D warnings
	$(CARGO) clippy --package umec-gateway --features mimalloc -- -D warnings
	RUSTDOCFLAGS='-D warnings' $(CARGO) doc --workspace --no-deps
	$(CARGO) test --package xtask
	@if command -v cargo-deny >/dev/null; then cargo deny --offline check bans licenses sources; \
	  else echo 'cargo-deny is not installed: the shape test has judged doors and licences alone'; fi

bench: ## measure, and print a table with ratios
	@crates/xtask/tools.sh test
	$(CARGO) build --release --package umec-cli $(DAEMONS:%=--package %)
	$(CARGO) run --quiet --package xtask -- bench $(ARGS)

fuzz: ## throw bytes at all decoders, guided by coverage: make fuzz SECONDS=60 ARGS=message-up
	@crates/xtask/tools.sh up
	$(CARGO) run --quiet --package xtask -- fuzz --seconds $(SECONDS) $(ARGS)

tools: ## install what tests need, once, into a cache
	@crates/xtask/tools.sh test
