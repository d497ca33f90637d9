# make run    sets up what is missing, builds host and guests, runs the guests over the sample capture
# make test   sets up what is missing, then formats, lints and tests everything
# make bench  measures what benches/README.md says and writes tables and plots there; give it a quiet machine.
#             QUICK=1 takes a tenth of it, a few minutes, and only prints
# make nightly runs a hundred times as many cases of each property; make fuzz lets libFuzzer look for an hour a target
# make load   attacks on memory at full size, each with a ceiling that it checks; five minutes
# Others: setup, host, guests, fmt, lint.

.DELETE_ON_ERROR:
.PHONY: run test bench nightly fuzz load setup host guests fmt lint
.DEFAULT_GOAL := run

# A shell that did not read the user's profile does not know where rustup puts cargo.
ifeq ($(shell command -v cargo),)
export PATH := $(HOME)/.cargo/bin:$(PATH)
endif

SLUICE := target/debug/sluice
SAMPLE := samples/web.pcap.gz
GUESTS := $(patsubst guests/%/Cargo.toml,%,$(wildcard guests/*/Cargo.toml))
GUEST_FILES := $(GUESTS:%=target/guests/%.wasm)
RUN_GUESTS := midstat http-log fake-rexmit byte-reader abacus conn-watch

# What every guest is made of besides its own folder.
GUEST_BASE := $(wildcard guests/Cargo.toml guests/Cargo.lock guests/.cargo/config.toml) \
	$(shell find wit guest-sdk host/wire -type f)

define newline


endef

run: host guests
	$(foreach guest,$(RUN_GUESTS),$(SLUICE) run -r $(SAMPLE) target/guests/$(guest).wasm$(newline)	@echo$(newline))

test: host guests
	@scripts/test.sh

BENCH_EXTENT := $(if $(QUICK),--quick,--write)

bench: host guests
	cargo run --release --locked -p sluice-benches --bin compare -- $(BENCH_EXTENT)
ifndef QUICK
	cargo run --release --locked -p sluice-benches --bin levels
	cargo run --release --locked -p sluice-benches --bin events
	cargo bench --locked -p sluice-benches
endif

# Debug assertions and overflow checks are on: the profile is that of `make test`.
nightly: setup
	SLUICE_CASES=$(or $(CASES),1000000) cargo test -p sluice-tests --test main --locked
	SLUICE_CASES=$(or $(CASES),1000000) cargo test -p sluice-lanes --locked

fuzz: setup
	@scripts/fuzz.sh $(or $(SECONDS),3600)

load:
	@cargo run --release --locked --quiet -p sluice-tests --bin load

setup:
	@scripts/setup.sh

# Cargo knows best what is out of date. The whole workspace, so that tests find their dependencies built with the same
# features.
host: setup
	cargo build --workspace --locked

guests: $(GUEST_FILES)

.SECONDEXPANSION:
target/guests/%.wasm: $$(shell find guests/$$* -name target -prune -o -type f -print) $(GUEST_BASE) | host
	@mkdir -p target/guests
	$(SLUICE) build guests/$* -o $@
	@touch $@

fmt:
	cargo fmt --all
	cargo fmt --manifest-path guests/Cargo.toml $(GUESTS:%=-p %)

lint: setup
	@scripts/lint.sh
